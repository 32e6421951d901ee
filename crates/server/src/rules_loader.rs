//! Rule files and event schemas, from the file system.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use olocus_cep::rule::{RuleFile, parse_rule_file};
use olocus_document::{Diagnostic, Diagnostics, SourceFile, Span};
use olocus_expr::Schemas;

use crate::config::unusable;

/// What the file of an event type's schema is called: the type, then this.
const SCHEMA_SUFFIX: &str = ".schema.json";

/// The largest file that is read as rules or a schema. One more byte than the parser takes, so that it is the one
/// to say so.
const MAX_BYTES: u64 = olocus_document::MAX_BYTES as u64 + 1;

/// Loads rule files, with the files of the lists that they name. A path is a file, or a folder that is searched for `*.yaml` and `*.yml` with all folders in it,
/// sorted by path. Files that are named twice are loaded once.
///
/// All mistakes of all files are reported; with an error among them, the rules are not to be run. No rule at all is
/// an error.
pub fn load_rules(paths: &[PathBuf]) -> (Vec<RuleFile>, Diagnostics) {
    let (files, mut diagnostics) = find_rule_files(paths);
    let mut loaded = Vec::new();
    for path in &files {
        match read(path) {
            Ok(text) => {
                let file = crate::redact::rules(path.display().to_string(), text);
                let mut rules = parse_rule_file(&file, &mut diagnostics);
                crate::lists_loader::load(path, &mut rules, &mut diagnostics);
                loaded.push(rules);
            }
            Err(problem) => diagnostics.push(*problem),
        }
    }
    if !diagnostics.has_errors() && loaded.iter().all(|file| file.rules.is_empty()) {
        let named = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
        let message = if paths.is_empty() {
            "no rule files are named".to_owned()
        } else {
            format!("there are no rules in {named}")
        };
        let problem = Diagnostic::error("no-rules", &SourceFile::new(named, ""), Span::empty(0), message);
        diagnostics
            .push(problem.with_help("rules are in files `*.yaml` or `*.yml`; name files or folders of them"));
    }
    (loaded, diagnostics)
}

/// The files that [`load_rules`] would load, in its order, and what is wrong with the paths.
pub fn find_rule_files(paths: &[PathBuf]) -> (Vec<PathBuf>, Diagnostics) {
    let mut search = Search::default();
    for path in paths {
        search.visit_named(path);
    }
    (search.files, search.diagnostics)
}

/// Loads the schemas of event types: files `TYPE.schema.json` in `directory`.
pub fn load_schemas(directory: &Path) -> (Schemas, Diagnostics) {
    let mut schemas = Schemas::empty();
    let mut diagnostics = Diagnostics::new();
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("the folder of event schemas can't be read: {error}");
            return (schemas, unusable(directory.display().to_string(), "unreadable", &message));
        }
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(OsStr::to_str);
        let Some(event_type) = name.and_then(|name| name.strip_suffix(SCHEMA_SUFFIX)) else { continue };
        if let Err(problem) = add_schema(&mut schemas, event_type, &path) {
            diagnostics.push(*problem);
        }
    }
    (schemas, diagnostics)
}

fn add_schema(schemas: &mut Schemas, event_type: &str, path: &Path) -> Result<(), Box<Diagnostic>> {
    let text = read(path)?;
    let file = SourceFile::new(path.display().to_string(), text);
    let schema = serde_json::from_str(file.text()).map_err(|error| {
        let at = byte_of(file.text(), error.line(), error.column());
        Box::new(Diagnostic::error(
            "bad-json",
            &file,
            Span::empty(at),
            format!("the schema is not JSON: {error}"),
        ))
    })?;
    schemas
        .insert_json(event_type, &schema)
        .map_err(|error| Box::new(Diagnostic::error("bad-schema", &file, Span::empty(0), error.to_string())))
}

/// The byte at a line and column as serde_json tells them, both from 1.
fn byte_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (start + column.saturating_sub(1)).min(text.len())
}

/// The text of a file, or what is wrong with it.
fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    use std::io::Read;
    let problem = |code, message: String| {
        Box::new(Diagnostic::error(
            code,
            &SourceFile::new(path.display().to_string(), ""),
            Span::empty(0),
            message,
        ))
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
        .map_err(|error| problem("unreadable", format!("the file can't be read: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        problem("invalid-utf8", format!("the file is not UTF-8, from byte {valid} on"))
    })
}

/// Finds the files below the paths that were named.
#[derive(Default)]
struct Search {
    files: Vec<PathBuf>,
    /// Files and folders that were seen, without symbolic links, so that a loop of links ends.
    seen: BTreeSet<PathBuf>,
    diagnostics: Diagnostics,
}

impl Search {
    /// A path that somebody named: it must be there, and a file may be called anything.
    fn visit_named(&mut self, path: &Path) {
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.visit_folder(path),
            Ok(_) => self.add_file(path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.report(path, "there is no such file or folder");
            }
            Err(error) => self.report(path, &format!("the rules can't be read: {error}")),
        }
    }

    fn visit_folder(&mut self, folder: &Path) {
        if !self.is_new(folder) {
            return;
        }
        let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut paths: Vec<PathBuf> = match entries {
            Ok(entries) => entries.into_iter().map(|entry| entry.path()).collect(),
            Err(error) => return self.report(folder, &format!("the folder can't be read: {error}")),
        };
        paths.sort();
        for path in paths {
            match std::fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => self.visit_folder(&path),
                Ok(_) if is_yaml(&path) => self.add_file(&path),
                Ok(_) => {}
                // A dangling link under another name is none of our business.
                Err(error) if is_yaml(&path) => {
                    self.report(&path, &format!("the rules can't be read: {error}"));
                }
                Err(_) => {}
            }
        }
    }

    fn add_file(&mut self, path: &Path) {
        if self.is_new(path) {
            self.files.push(path.to_owned());
        }
    }

    fn is_new(&mut self, path: &Path) -> bool {
        self.seen.insert(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
    }

    fn report(&mut self, path: &Path, message: &str) {
        self.diagnostics.extend(unusable(path.display().to_string(), "unreadable", message));
    }
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

#[cfg(test)]
mod tests;

//! The files of lists, from the file system.

mod csv;
mod ndjson;

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use olocus_cep::rule::{List, ListContent, ListFormat, ListRow, ListSource, RuleFile};
use olocus_document::{Diagnostic, Diagnostics, SourceFile, Span, Spanned};

/// The largest file of a list, in bytes once it is unpacked.
const BYTES_MAX: u64 = 64 << 20;

/// The most rows of a list.
const ROWS_MAX: usize = 1_000_000;

/// Reads the files of the lists that the rule file at `path` names. What is wrong with them goes to `diagnostics`, and
/// those lists stay without content.
pub(crate) fn load(path: &Path, rules: &mut RuleFile, diagnostics: &mut Diagnostics) {
    let folder = path.parent().unwrap_or(Path::new(""));
    let file = Arc::clone(&rules.file);
    for list in &mut rules.lists {
        match content(folder, &file, list) {
            Ok(content) => list.content = content.map(Arc::new),
            Err(problem) => diagnostics.push(*problem),
        }
    }
}

type Outcome<T> = Result<T, Box<Diagnostic>>;

/// `None` where the list is in no file.
fn content(folder: &Path, rules: &Arc<SourceFile>, list: &List) -> Outcome<Option<ListContent>> {
    let ListSource::File { path, format, gzip, key } = &list.source else { return Ok(None) };
    let full = folder.join(&path.value);
    let unusable = |code, message: String| Box::new(Diagnostic::error(code, rules, path.span, message));
    let bytes = read(&full, *gzip).map_err(|error| {
        let problem = unusable("unreadable", format!("the file of the list can't be read: {error}"));
        match error.kind() {
            ErrorKind::NotFound => {
                Box::new(problem.with_help(format!("it is looked for as {}", full.display())))
            }
            _ => problem,
        }
    })?;
    if bytes.len() as u64 > BYTES_MAX {
        let message = format!("the file of the list has more than {} MiB", BYTES_MAX >> 20);
        let help = "a list is kept in memory as a whole; leave out rows and columns that no rule asks for";
        return Err(Box::new(unusable("too-large", message).with_help(help)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        unusable("invalid-utf8", format!("the file of the list is not UTF-8, from byte {valid} on"))
    })?;
    let source = SourceFile::new(full.display().to_string(), text);
    let wanted = key.as_ref().map(|key| key.value.as_str());
    let table = match format {
        ListFormat::Csv => csv::rows(&source, wanted),
        ListFormat::Ndjson => ndjson::rows(&source, wanted),
    };
    let table = table.map_err(|error| Box::new(error.locate(&source, rules, key.as_ref())))?;
    Ok(Some(ListContent { file: source, key: table.key, rows: table.rows, stands_for: None }))
}

/// The bytes of a file, unpacked; one more than there may be at most.
fn read(path: &Path, gzip: bool) -> std::io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    match gzip {
        true => MultiGzDecoder::new(file).take(BYTES_MAX + 1).read_to_end(&mut bytes)?,
        false => file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// What a file holds.
#[derive(Debug)]
struct Table {
    /// The member of the rows that is their key.
    key: String,
    rows: Vec<ListRow>,
}

/// What is wrong with a file.
#[derive(Debug)]
struct Mistake {
    code: &'static str,
    place: Place,
    message: String,
    help: String,
}

#[derive(Debug)]
enum Place {
    /// In the file of the list.
    File(Span),
    /// The `key` of the rule file.
    Key,
}

impl Mistake {
    fn at(span: Span, message: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake { code: "bad-row", place: Place::File(span), message: message.into(), help: help.into() }
    }

    fn too_many_rows(span: Span) -> Mistake {
        let message = format!("the list has more than {ROWS_MAX} rows");
        let mistake = Mistake::at(span, message, "a list is kept in memory as a whole; leave out rows");
        Mistake { code: "too-large", ..mistake }
    }

    fn locate(
        self,
        source: &Arc<SourceFile>,
        rules: &Arc<SourceFile>,
        key: Option<&Spanned<String>>,
    ) -> Diagnostic {
        let (file, span) = match (self.place, key) {
            (Place::Key, Some(key)) => (rules, key.span),
            (Place::Key, None) => (source, Span::empty(0)),
            (Place::File(span), _) => (source, span),
        };
        Diagnostic::error(self.code, file, span, self.message).with_help(self.help)
    }
}

/// The text of a file without the mark that some editors put before it, and where it starts.
fn without_mark(text: &str) -> (usize, &str) {
    match text.strip_prefix('\u{feff}') {
        Some(rest) => (text.len() - rest.len(), rest),
        None => (0, text),
    }
}

#[cfg(test)]
mod tests;

//! The lists of rule files → what expressions look values up in.

use std::sync::Arc;

use olocus_cep::rule::{List, ListContent, ListKind, ListSource, RuleFile, TestList};
use olocus_document::{Diagnostic, Diagnostics, SourceFile};
use olocus_expr::{ListDefinition, Lists};
use sha2::{Digest, Sha256};

/// Makes the lists of all files, and reports what is wrong with them and with those that tests bring along.
pub(super) fn lists_of(files: &[RuleFile], diagnostics: &mut Diagnostics) -> Arc<Lists> {
    let mut lists = Lists::default();
    for (file, list) in all_lists(files) {
        lists.insert(match &list.content {
            Some(content) => match made(list, content, diagnostics) {
                Some(list) => list,
                None => unread(list),
            },
            None => {
                report_unread(file, list, diagnostics);
                unread(list)
            }
        });
    }
    for file in files {
        let tests = file.rules.iter().flat_map(|rule| &rule.tests);
        tests.flat_map(|test| &test.lists).for_each(|held| check_held(files, &file.file, held, diagnostics));
    }
    Arc::new(lists)
}

fn all_lists(files: &[RuleFile]) -> impl Iterator<Item = (&Arc<SourceFile>, &List)> {
    files.iter().flat_map(|file| file.lists.iter().map(move |list| (&file.file, list)))
}

fn made(list: &List, content: &ListContent, diagnostics: &mut Diagnostics) -> Option<olocus_expr::List> {
    let version = version(list, content);
    let definition = definition(list, &content.key, &version);
    match olocus_expr::List::of_rows(definition, content.rows.iter().map(|row| row.json.as_str())) {
        Ok(list) => Some(list),
        Err(error) => {
            let span = |row: usize| content.rows[row].span;
            let mut problem = Diagnostic::error("bad-row", &content.file, span(error.row), error.message);
            problem.help = error.help;
            if let Some(other) = error.other {
                problem = problem.with_related(span(other), "first here");
            }
            diagnostics.push(problem);
            None
        }
    }
}

fn unread(list: &List) -> olocus_expr::List {
    olocus_expr::List::unread(definition(list, "", ""))
}

fn definition<'a>(list: &'a List, key: &'a str, version: &'a str) -> ListDefinition<'a> {
    ListDefinition {
        name: &list.name.value,
        version,
        key,
        networks: list.kind == ListKind::Cidr,
        open: matches!(list.source, ListSource::Topic { .. }),
    }
}

/// The first 16 hexadecimal digits of a SHA-256 over kind, key and rows: with what a rule looks up, its version changes.
fn version(list: &List, content: &ListContent) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        // The length keeps neighbouring parts from running into each other.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    };
    add(list.kind.as_str());
    add(&content.key);
    content.rows.iter().for_each(|row| add(&row.json));
    crate::hex(&hash.finalize()[..8])
}

/// A file that could not be read is reported by whoever tried.
fn report_unread(file: &Arc<SourceFile>, list: &List, diagnostics: &mut Diagnostics) {
    let (message, help) = match &list.source {
        ListSource::File { .. } if diagnostics.has_errors() => return,
        ListSource::File { .. } => {
            ("the file of the list was not read", "load the rules from a folder or file")
        }
        ListSource::Topic { .. } => (
            "lists from topics cannot be used yet",
            "keep the list in a file: this version of the engine reads no topic for it",
        ),
    };
    diagnostics.push(Diagnostic::error("not-yet-active", file, list.span, message).with_help(help));
}

/// Reports what is wrong with the rows that a test has a list hold.
fn check_held(files: &[RuleFile], file: &Arc<SourceFile>, held: &TestList, diagnostics: &mut Diagnostics) {
    match all_lists(files).find(|(_, list)| list.name.value == held.name.value) {
        Some((_, list)) => {
            if let Some(key) = key_of(list) {
                made(list, &held.content(file, key), diagnostics);
            }
        }
        None => {
            let message = format!("there is no list `{}`", held.name.value);
            let known = all_lists(files).map(|(_, list)| list.name.value.as_str());
            let problem = Diagnostic::error("unknown-list", file, held.name.span, message);
            diagnostics.push(match olocus_document::suggest(&held.name.value, known) {
                Some(known) => problem.with_help(format!("did you mean `{known}`?")),
                None => problem.with_help("name a list of `lists`, at the top of a rule file"),
            });
        }
    }
}

/// The member of the rows that is their key; `None` where that is not known.
fn key_of(list: &List) -> Option<&str> {
    match (&list.source, &list.content) {
        (ListSource::Topic { key, .. }, _) => Some(&key.value),
        (ListSource::File { .. }, Some(content)) => Some(&content.key),
        (ListSource::File { .. }, None) => None,
    }
}

//! The lists of rule files → what expressions look values up in.

use std::sync::Arc;

use olocus_cep::rule::{List, ListContent, ListKind, ListSource, RuleFile, TestList, TypePattern};
use olocus_document::{Diagnostic, Diagnostics, SourceFile};
use olocus_expr::{ListDefinition, Lists, TableSpec};
use sha2::{Digest, Sha256};

use super::ListPlan;
use crate::source::SourceSpec;

/// The sources that feed the tables of lists in topics, in the order of the tables. Of lists that no rule asks for
/// anything, they read nothing.
pub(super) fn table_sources(
    files: &[RuleFile],
    tables: &[TableSpec],
    diagnostics: &mut Diagnostics,
) -> Vec<SourceSpec> {
    let mut sources = Vec::with_capacity(tables.len());
    for table in tables {
        let mut topics = Vec::new();
        let list = all_lists(files).find(|(_, list)| list.name.value == table.name);
        if let Some((file, List { source: ListSource::Topic { topic, .. }, .. })) = list
            && !table.key_kinds.is_empty()
        {
            match TypePattern::parse(&topic.value) {
                Ok(topic) => topics.push(topic),
                Err(_) => {
                    let message = format!("the topic `{}` cannot be read for a list", topic.value);
                    let problem = Diagnostic::error("bad-topic", file, topic.span, message);
                    diagnostics.push(problem.with_help("dots stand between other characters, one at a time"));
                }
            }
        }
        sources.push(SourceSpec::of(topics));
    }
    sources
}

/// Makes the lists of all files, and reports what is wrong with them and with those that tests bring along.
pub(super) fn lists_of(files: &[RuleFile], diagnostics: &mut Diagnostics) -> Arc<Lists> {
    let mut lists = Lists::default();
    let mut tables = 0..;
    for (_, list) in all_lists(files) {
        lists.insert(match (&list.content, &list.source) {
            (Some(content), _) => match made(list, content, diagnostics) {
                Some(list) => list,
                None => unread(list),
            },
            (None, ListSource::Topic { key, .. }) => {
                let table = tables.next().unwrap_or_default();
                olocus_expr::List::live(definition(list, &key.value, "topic"), table)
            }
            // Whoever tried to read the file has reported why it could not.
            (None, ListSource::File { .. }) => unread(list),
        });
    }
    for file in files {
        let tests = file.rules.iter().flat_map(|rule| &rule.tests);
        tests.flat_map(|test| &test.lists).for_each(|held| check_held(files, &file.file, held, diagnostics));
    }
    Arc::new(lists)
}

/// What is known of all lists beside their rows.
pub(super) fn list_plans(files: &[RuleFile]) -> Vec<ListPlan> {
    let plan = |list: &List| ListPlan {
        name: list.name.value.clone(),
        source: match &list.source {
            ListSource::File { path, .. } => format!("file {}", path.value),
            ListSource::Topic { topic, .. } => format!("topic {}", topic.value),
        },
        key: list.key().map(str::to_owned),
        networks: list.kind == ListKind::Cidr,
        is_live: matches!(list.source, ListSource::Topic { .. }),
    };
    all_lists(files).map(|(_, list)| plan(list)).collect()
}

fn all_lists(files: &[RuleFile]) -> impl Iterator<Item = (&Arc<SourceFile>, &List)> {
    files.iter().flat_map(|file| file.lists.iter().map(move |list| (&file.file, list)))
}

fn made(list: &List, content: &ListContent, diagnostics: &mut Diagnostics) -> Option<olocus_expr::List> {
    let version = version(list, content);
    let definition = definition(list, &content.key, &version);
    let others = content.stands_for.iter().flat_map(|other| texts(other));
    match olocus_expr::List::of_rows(definition, texts(content), others) {
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

fn texts(content: &ListContent) -> impl Iterator<Item = &str> {
    content.rows.iter().map(|row| row.json.as_str())
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

/// Reports what is wrong with the rows that a test has a list hold.
fn check_held(files: &[RuleFile], file: &Arc<SourceFile>, held: &TestList, diagnostics: &mut Diagnostics) {
    match all_lists(files).find(|(_, list)| list.name.value == held.name.value) {
        Some((_, list)) => {
            if let Some(content) = held.content(file, list) {
                made(list, &content, diagnostics);
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

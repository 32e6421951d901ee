//! Lists that expressions look values up in.

use std::sync::Arc;

use olocus_document::{SourceFile, Span, Spanned};
use serde_json::Value;

/// A watchlist or a table, as `ip IN list('bad_ips')` and `lookup('assets', host).owner` use it.
#[derive(Clone, Debug)]
pub struct List {
    /// Its name, unique over all files that are loaded together; an identifier.
    pub name: Spanned<String>,
    /// Where its entries come from.
    pub source: ListSource,
    /// How its keys are found.
    pub kind: ListKind,
    /// What is in its file, once that has been read. The parser leaves it out.
    pub content: Option<Arc<ListContent>>,
    /// Where the list stands.
    pub span: Span,
}

/// Where the entries of a [`List`] come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListSource {
    /// A file that is read with the rules and belongs to their version.
    File {
        /// Its path; a relative one starts at the folder of the rule file.
        path: Spanned<String>,
        /// How it is written.
        format: ListFormat,
        /// Whether it is compressed with gzip.
        gzip: bool,
        /// The column or field that is looked up. Without it, the first column; of NDJSON, the line itself, which is then
        /// a text, a number or a truth value.
        key: Option<Spanned<String>>,
    },
    /// A compacted topic: the latest record of each key.
    Topic {
        /// The topic; a name that Kafka takes.
        topic: Spanned<String>,
        /// The field that is looked up.
        key: Spanned<String>,
    },
}

/// How a file of a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListFormat {
    /// Comma-separated values; the first line names the columns.
    Csv,
    /// A JSON value a line.
    Ndjson,
}

/// How the keys of a [`List`] are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// A key is the value that is looked up; the default.
    #[default]
    Exact,
    /// Keys are networks, of which the longest that holds an address is its key.
    Cidr,
}

impl List {
    /// The member of the rows that is their key; `None` where only the file tells it, and has not been read.
    pub fn key(&self) -> Option<&str> {
        match (&self.source, &self.content) {
            (ListSource::Topic { key, .. }, _) => Some(&key.value),
            (ListSource::File { .. }, Some(content)) => Some(&content.key),
            (ListSource::File { .. }, None) => None,
        }
    }
}

impl ListKind {
    /// Both, in the order in which messages name them.
    pub const ALL: [ListKind; 2] = [ListKind::Exact, ListKind::Cidr];

    /// The word in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            ListKind::Exact => "exact",
            ListKind::Cidr => "cidr",
        }
    }

    /// The kind of that word.
    pub fn parse(text: &str) -> Option<ListKind> {
        ListKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What the file of a [`List`] holds.
#[derive(Clone, Debug)]
pub struct ListContent {
    /// The file, or another in which the rows stand.
    pub file: Arc<SourceFile>,
    /// The member of the rows that is their key.
    pub key: String,
    /// The rows in the order of the file.
    pub rows: Vec<ListRow>,
    /// What the rows stand for in a test: the columns are those of both.
    pub stands_for: Option<Arc<ListContent>>,
}

/// A row of a list.
#[derive(Clone, Debug)]
pub struct ListRow {
    /// The JSON text of an object.
    pub json: String,
    /// Where the row, or its key, stands.
    pub span: Span,
}

/// What a list holds in a test, in place of what it holds else.
#[derive(Clone, Debug)]
pub struct TestList {
    /// The name of the list.
    pub name: Spanned<String>,
    /// The rows: objects, or keys alone.
    pub rows: Vec<Spanned<Value>>,
}

impl TestList {
    /// What the list holds in the test; `None` where its key is not known. The test stands in `file`.
    pub fn content(&self, file: &Arc<SourceFile>, list: &List) -> Option<ListContent> {
        let key = list.key()?;
        let row = |row: &Spanned<Value>| {
            let json = match &row.value {
                Value::Object(_) => row.value.to_string(),
                alone => Value::Object([(key.to_owned(), alone.clone())].into_iter().collect()).to_string(),
            };
            ListRow { json, span: row.span }
        };
        Some(ListContent {
            file: Arc::clone(file),
            key: key.to_owned(),
            rows: self.rows.iter().map(row).collect(),
            stands_for: list.content.clone(),
        })
    }
}

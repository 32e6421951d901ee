//! Lists that expressions look values up in.

use olocus_document::{Span, Spanned};

/// A watchlist or a table, as `ip IN list('bad_ips')` and `lookup('assets', host).owner` use it.
#[derive(Clone, Debug)]
pub struct List {
    /// Its name, unique over all files that are loaded together; an identifier.
    pub name: Spanned<String>,
    /// Where its entries come from.
    pub source: ListSource,
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

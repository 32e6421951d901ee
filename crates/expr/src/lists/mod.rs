//! Named sets and tables that expressions look values up in: `ip IN list('bad_ips')`, `lookup('assets', host).owner`.
//!
//! A [`List`] has rows, each a JSON object, and a key among their fields. What an expression asks of it becomes a column
//! like those of events: one probe of an [`Index`](index::Index) a row finds the list's row, whatever is asked of it
//! after that. Keys and columns convert as fields of events do.

mod call;
mod index;
mod list;
mod lookup;
mod shape;
mod table;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use self::list::{List, ListDefinition, ListError};
pub use self::table::{RowTime, Table, TableSpec, Tables};

pub(crate) use self::call::{LIST, LOOKUP, calls_list, is_call};
pub(crate) use self::index::Found;
pub(crate) use self::lookup::{Asked, Key, Lookup, LookupCall, Lookups};

/// The lists that expressions can name.
#[derive(Clone, Debug, Default)]
pub struct Lists(BTreeMap<String, Arc<List>>);

/// What a list that expressions use takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListSize {
    /// The name of the list.
    pub name: String,
    /// How many keys it has.
    pub entries: usize,
    /// Estimate of the memory that its keys and the columns in use take, in bytes.
    pub bytes: usize,
}

impl Lists {
    /// Adds a list; one of the same name is replaced.
    pub fn insert(&mut self, list: List) {
        self.0.insert(list.name().to_owned(), Arc::new(list));
    }

    /// The names of all lists, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What the lists that expressions have asked for something take, in the order of their names.
    #[must_use]
    pub fn sizes(&self) -> Vec<ListSize> {
        let used = self.0.values().filter(|list| list.is_used());
        let size = |list: &Arc<List>| ListSize {
            name: list.name().to_owned(),
            entries: list.len(),
            bytes: list.weight(),
        };
        used.map(size).collect()
    }

    /// What expressions ask of the lists that change while rules run, by the number of their tables.
    #[must_use]
    pub fn tables(&self) -> Vec<TableSpec> {
        let mut tables: Vec<(usize, TableSpec)> = self.0.values().filter_map(|list| list.table()).collect();
        tables.sort_by_key(|(table, _)| *table);
        tables.into_iter().map(|(_, spec)| spec).collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<List>> {
        self.0.get(name)
    }
}

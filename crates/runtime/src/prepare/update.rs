//! Records of lists in topics → changes of their tables.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use olocus_event::{Batch, Record, Value};

use crate::weight;

/// A row of a table, or the end of one.
#[derive(Debug)]
pub(crate) struct Update {
    pub(crate) table: usize,
    /// What names the row: the record's key, or without one the row's own.
    pub(crate) record: Bytes,
    /// The row as its table takes it; `None` takes it out.
    pub(crate) values: Option<Arc<[Value]>>,
}

impl Update {
    /// What it takes in memory, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let values = self.values.iter().flat_map(|values| values.iter()).map(weight::value);
        size_of::<Update>() + self.record.len() + values.sum::<usize>()
    }
}

/// Records without a body take rows out. Decoders know no such events, so they get an empty one; returned are their
/// offsets.
pub(super) fn give_bodies(records: &mut [Record]) -> BTreeSet<i64> {
    let mut removed = BTreeSet::new();
    for record in records.iter_mut().filter(|record| record.value.is_none()) {
        record.value = Some(Bytes::from_static(b"{}"));
        removed.insert(record.offset);
    }
    removed
}

/// The changes of a table, whose rows begin with their key in so many kinds. A row without a key is taken out, and a record
/// that names none changes nothing.
pub(super) fn updates(
    batch: &Batch,
    table: usize,
    keys: usize,
    removed: &BTreeSet<i64>,
) -> Vec<(usize, Update)> {
    let update = |row: usize| {
        let values: Arc<[Value]> = batch.columns().iter().map(|column| column.value(row)).collect();
        let key = values[..keys].iter().find(|value| !value.is_null());
        let own = key.map(|value| Bytes::from(value.to_json().as_str().to_owned()));
        let record = batch.record(row).key.as_ref().map(|key| Bytes::copy_from_slice(key)).or(own)?;
        let is_there = key.is_some() && !removed.contains(&batch.offset(row));
        Some((row, Update { table, record, values: is_there.then_some(values) }))
    };
    (0..batch.len()).filter_map(update).collect()
}

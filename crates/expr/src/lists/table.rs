//! Lists that change while rules run: tables that are kept up to date by records.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use olocus_event::{FieldPath, Kind, Projection, Value};

use super::ListSize;
use super::index::{Found, Index};

/// The most rows of a table.
const ROWS_MAX: usize = 1_000_000;

/// The most bytes of a table, as estimated.
const BYTES_MAX: usize = 256 << 20;

/// What expressions ask of a list that changes while rules run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// The name of the list.
    pub name: String,
    /// Whether its keys are networks.
    pub networks: bool,
    /// The member of the rows that is their key.
    pub key: FieldPath,
    /// As what expressions read the keys.
    pub key_kinds: Vec<Kind>,
    /// The columns that expressions read.
    pub columns: Vec<(FieldPath, Kind)>,
}

/// The rows of a list as they are at one moment, each under the key of its record.
#[derive(Debug)]
pub struct Table {
    spec: Arc<TableSpec>,
    /// In the order of [`TableSpec::key_kinds`]: the rows of each key, the one that counts last.
    indexes: Vec<Index<Vec<u32>>>,
    rows: Vec<Option<Row>>,
    free: Vec<u32>,
    by_record: HashMap<Bytes, u32>,
    bytes: usize,
    refused: u64,
}

/// All tables of a plan, by number.
#[derive(Debug, Default)]
pub struct Tables(Vec<Table>);

/// When a row came about: the later one counts where several records have rows of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowTime {
    /// Nanoseconds since the Unix epoch.
    pub time: i64,
    /// The partition of the record.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
}

#[derive(Debug)]
struct Row {
    at: RowTime,
    record: Bytes,
    /// The key in each kind, then the columns.
    values: Arc<[Value]>,
}

impl TableSpec {
    /// What is read of a row: its key in each kind, then the columns.
    #[must_use]
    pub fn projection(&self) -> Projection {
        let keys = self.key_kinds.iter().map(|kind| (self.key.clone(), *kind));
        Projection { columns: keys.chain(self.columns.iter().cloned()).collect() }
    }
}

impl Tables {
    /// Empty tables.
    #[must_use]
    pub fn new(specs: &[Arc<TableSpec>]) -> Self {
        Self(specs.iter().map(|spec| Table::new(Arc::clone(spec))).collect())
    }

    /// The table of that number.
    pub fn get_mut(&mut self, table: usize) -> Option<&mut Table> {
        self.0.get_mut(table)
    }

    /// The tables in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Table> {
        self.0.iter()
    }

    /// The columns of the row with that key; `key` is the number of its kind.
    pub(crate) fn find(&self, table: usize, key: usize, value: Value) -> Found<&[Value]> {
        self.0.get(table).map_or(Found::Absent, |table| table.find(key, value))
    }
}

impl Table {
    fn new(spec: Arc<TableSpec>) -> Self {
        Self {
            indexes: spec.key_kinds.iter().map(|kind| Index::new(*kind, spec.networks)).collect(),
            spec,
            rows: Vec::new(),
            free: Vec::new(),
            by_record: HashMap::new(),
            bytes: 0,
            refused: 0,
        }
    }

    /// Replaces the row of a record key by one of these values, read by [`TableSpec::projection`], or takes it out.
    ///
    /// A row with a new record key is refused where the table is full.
    pub fn apply(&mut self, record: &Bytes, at: RowTime, values: Option<Arc<[Value]>>) {
        self.remove(record);
        let Some(values) = values else { return };
        let row = Row { at, record: record.clone(), values };
        if self.by_record.len() >= ROWS_MAX || self.bytes + row.weight() > BYTES_MAX {
            self.refused += 1;
            return;
        }
        self.bytes += row.weight();
        let slot = self.free.pop().unwrap_or_else(|| {
            self.rows.push(None);
            u32::try_from(self.rows.len() - 1).expect("a table has far fewer rows than 2^32")
        });
        let rows = &self.rows;
        for (index, key) in self.indexes.iter_mut().zip(&*row.values) {
            if let Some(slots) = index.entry(key) {
                let time = |slot: &u32| rows[*slot as usize].as_ref().map(|row| row.at);
                let place = slots.partition_point(|slot| time(slot) <= Some(at));
                slots.insert(place, slot);
            }
        }
        self.rows[slot as usize] = Some(row);
        self.by_record.insert(record.clone(), slot);
    }

    /// The number of rows, and the estimated memory that they take.
    #[must_use]
    pub fn size(&self) -> ListSize {
        ListSize { name: self.spec.name.clone(), entries: self.by_record.len(), bytes: self.bytes }
    }

    /// How many rows did not fit.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn remove(&mut self, record: &Bytes) {
        let Some(slot) = self.by_record.remove(record) else { return };
        let Some(row) = self.rows[slot as usize].take() else { return };
        self.bytes -= row.weight();
        self.free.push(slot);
        for (index, key) in self.indexes.iter_mut().zip(&*row.values) {
            let Some(slots) = index.entry(key) else { continue };
            slots.retain(|known| *known != slot);
            if slots.is_empty() {
                index.remove(key);
            }
        }
    }

    fn find(&self, key: usize, value: Value) -> Found<&[Value]> {
        let Some(index) = self.indexes.get(key) else { return Found::Absent };
        match index.find(value) {
            Found::Entry(slots) => {
                let row = slots.last().and_then(|slot| self.rows[*slot as usize].as_ref());
                row.map_or(Found::Absent, |row| Found::Entry(&row.values[self.indexes.len()..]))
            }
            Found::Absent => Found::Absent,
            Found::Unknown => Found::Unknown,
        }
    }
}

impl Row {
    /// What it takes in memory with its entries in the indexes, in bytes.
    fn weight(&self) -> usize {
        /// Entries of hash tables, their keys' share of it included.
        const ENTRIES: usize = 160;
        let text = |value: &Value| match value {
            Value::Text(text) | Value::Json(text) => text.len() + 2 * size_of::<usize>(),
            _ => 0,
        };
        let values = size_of_val(&*self.values) + self.values.iter().map(text).sum::<usize>();
        size_of::<Row>() + ENTRIES + self.record.len() + values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table::new(Arc::new(TableSpec {
            name: "t".to_owned(),
            networks: false,
            key: FieldPath::new(["id"]),
            key_kinds: vec![Kind::Text, Kind::Number],
            columns: vec![(FieldPath::new(["a"]), Kind::Text)],
        }))
    }

    fn at(time: i64) -> RowTime {
        RowTime { time, partition: 0, offset: time }
    }

    fn set(table: &mut Table, record: &'static str, time: i64, id: &str, a: &str) {
        let number = id.parse().map_or(Value::Null, Value::Int);
        let values = [Value::Text(id.into()), number, Value::Text(a.into())];
        table.apply(&Bytes::from_static(record.as_bytes()), at(time), Some(Arc::new(values)));
    }

    fn a(table: &Table, key: usize, value: Value) -> Option<String> {
        match table.find(key, value) {
            Found::Entry([Value::Text(a)]) => Some(a.to_string()),
            _ => None,
        }
    }

    #[test]
    fn the_latest_row_of_a_key_counts_until_it_is_gone() {
        let mut table = table();
        let text = |text: &str| Value::Text(text.into());
        set(&mut table, "r1", 1, "7", "one");
        assert_eq!(a(&table, 0, text("7")).as_deref(), Some("one"));
        assert_eq!(a(&table, 1, Value::Int(7)).as_deref(), Some("one"));
        set(&mut table, "r1", 2, "8", "two");
        assert_eq!((a(&table, 0, text("7")), a(&table, 0, text("8")).as_deref()), (None, Some("two")));
        set(&mut table, "r2", 5, "8", "three");
        set(&mut table, "r3", 4, "8", "four");
        assert_eq!(a(&table, 0, text("8")).as_deref(), Some("three"), "whatever the order of arrival");
        table.apply(&Bytes::from_static(b"r2"), at(6), None);
        assert_eq!(a(&table, 1, Value::Float(8.0)).as_deref(), Some("four"));
        assert_eq!(table.size().entries, 2);
        table.apply(&Bytes::from_static(b"r1"), at(7), None);
        table.apply(&Bytes::from_static(b"r3"), at(8), None);
        table.apply(&Bytes::from_static(b"r3"), at(9), None);
        assert_eq!(a(&table, 0, text("8")), None);
        assert_eq!((table.size().entries, table.size().bytes), (0, 0));
        assert_eq!(table.indexes.iter().map(Index::weight).sum::<usize>(), 0);
    }

    #[test]
    fn a_key_that_does_not_convert_is_found_in_the_kinds_that_it_has() {
        let mut table = table();
        set(&mut table, "r1", 1, "x", "one");
        assert_eq!(a(&table, 0, Value::Text("x".into())).as_deref(), Some("one"));
        assert!(matches!(table.find(1, Value::Int(1)), Found::Absent));
        assert!(matches!(table.find(1, Value::Null), Found::Unknown));
    }
}

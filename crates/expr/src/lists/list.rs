//! A list: rows with a key.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use olocus_event::{Decoder, FieldPath, Format, Keyring, Kind, Limits, Projection, Record, Value};

use super::index::{BadKey, Index};
use super::lookup::{KeyIndex, Target};
use super::shape::Shape;
use super::table::TableSpec;

/// A named set or table, whose rows have a key each.
pub struct List {
    name: String,
    version: String,
    key: FieldPath,
    networks: bool,
    /// By row, the JSON text of an object.
    rows: Vec<Bytes>,
    /// `None` where there may be other rows.
    shape: Option<Shape>,
    /// The keys as they are read where nothing asks for anything.
    natural: Option<(Kind, Arc<Index<u32>>)>,
    /// The keys, in each way in which expressions read them.
    indexes: Mutex<HashMap<Kind, Arc<Index<u32>>>>,
    /// The columns that expressions read.
    columns: Mutex<Columns>,
    /// Of a list that changes while rules run: the number of its table, and what expressions ask of it.
    live: Option<(usize, Mutex<TableSpec>)>,
}

/// The values of columns by row, each column in the kinds in which it is read.
type Columns = HashMap<(FieldPath, Kind), Arc<[Value]>>;

/// What a list is, beside its rows.
#[derive(Clone, Copy, Debug)]
pub struct ListDefinition<'a> {
    /// Its name.
    pub name: &'a str,
    /// What tells one content from another: part of the normalised form of whatever is looked up in it.
    pub version: &'a str,
    /// The member of the rows that is their key.
    pub key: &'a str,
    /// Whether the keys are networks, in which addresses are found.
    pub networks: bool,
    /// Whether rows may have columns beside those that are there now, so that each use of one decides as what it is read.
    pub open: bool,
}

/// Why rows do not make a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListError {
    /// The row that is wrong, counted from 0.
    pub row: usize,
    /// Another row that it contradicts.
    pub other: Option<usize>,
    /// What is wrong with it.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl List {
    /// A list of these rows, each the JSON text of an object. It has the columns of the `others` as well, but not their
    /// rows.
    ///
    /// # Errors
    ///
    /// The first row that is no object, or whose key is missing, of the wrong type, or that of an earlier row.
    pub fn of_rows<'a>(
        definition: ListDefinition<'_>,
        rows: impl IntoIterator<Item = &'a str>,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ListError> {
        let mut list = Self::unread(definition);
        let mut shape = Shape::default();
        others.into_iter().filter_map(|row| serde_json::from_str(row).ok()).for_each(|row| shape.add(&row));
        for (row, text) in rows.into_iter().enumerate() {
            let json: serde_json::Value = serde_json::from_str(text)
                .map_err(|error| ListError::new(row, format!("the row is not JSON: {error}")))?;
            match json.get(definition.key) {
                _ if !json.is_object() => {
                    let help = format!("each row is an object, such as {{\"{}\": \"a\"}}", definition.key);
                    return Err(ListError::new(row, "the row is no JSON object").with_help(help));
                }
                None | Some(serde_json::Value::Null) => {
                    return Err(ListError::new(row, format!("the row has no `{}`", definition.key))
                        .with_help("it is the key, which every row has"));
                }
                Some(serde_json::Value::Array(_) | serde_json::Value::Object(_)) => {
                    let message = format!("the key `{}` is an object or array", definition.key);
                    return Err(
                        ListError::new(row, message).with_help("a key is a text, a number or a boolean")
                    );
                }
                Some(_) => shape.add(&json),
            }
            list.rows.push(Bytes::copy_from_slice(text.as_bytes()));
        }
        list.shape = (!definition.open).then_some(shape);
        let kind = list.key_kind();
        let keys = list.decode(&list.key, kind)?;
        let index = Index::of_keys(kind, definition.networks, &keys).map_err(|bad| list.error(bad, kind))?;
        list.natural = Some((kind, Arc::new(index)));
        Ok(list)
    }

    /// A list whose rows are not known. Expressions that name it are checked as far as they can be; it is always empty.
    #[must_use]
    pub fn unread(definition: ListDefinition<'_>) -> Self {
        Self {
            name: definition.name.to_owned(),
            version: definition.version.to_owned(),
            key: FieldPath::new([definition.key]),
            networks: definition.networks,
            rows: Vec::new(),
            shape: None,
            natural: None,
            live: None,
            indexes: Mutex::default(),
            columns: Mutex::default(),
        }
    }

    /// A list that records keep up to date while rules run, as the table of that number.
    #[must_use]
    pub fn live(definition: ListDefinition<'_>, table: usize) -> Self {
        let spec = TableSpec {
            name: definition.name.to_owned(),
            networks: definition.networks,
            key: FieldPath::new([definition.key]),
            key_kinds: Vec::new(),
            columns: Vec::new(),
        };
        Self { live: Some((table, Mutex::new(spec))), ..Self::unread(definition) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name with what tells its content from others.
    pub(crate) fn canonical(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    pub(crate) fn is_of_networks(&self) -> bool {
        self.networks
    }

    /// How many rows it has.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What the rows have; `None` where there may be others.
    pub(crate) fn shape(&self) -> Option<&Shape> {
        self.shape.as_ref()
    }

    /// As what the keys are read where nothing asks for anything.
    pub(crate) fn key_kind(&self) -> Kind {
        let path: Vec<String> = self.key.segments().map(str::to_owned).collect();
        let shape = self.shape.as_ref().and_then(|shape| shape.find(&path).ok());
        match self.networks {
            true => Kind::Text,
            false => shape.and_then(Shape::kind).unwrap_or(Kind::Text),
        }
    }

    /// The index of the keys as values of `kind`.
    ///
    /// # Errors
    ///
    /// A row whose key is no such value, or the same as that of another.
    pub(crate) fn index(&self, kind: Kind) -> Result<KeyIndex, ListError> {
        if let Some((table, spec)) = &self.live {
            let mut spec = spec.lock().unwrap_or_else(PoisonError::into_inner);
            return Ok(KeyIndex::Live { table: *table, key: place(&mut spec.key_kinds, kind) });
        }
        let mut indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = indexes.get(&kind) {
            return Ok(KeyIndex::Fixed(Arc::clone(index)));
        }
        let index = match &self.natural {
            Some((natural, index)) if *natural == kind => Arc::clone(index),
            _ => {
                let keys = self.decode(&self.key, kind)?;
                Arc::new(Index::of_keys(kind, false, &keys).map_err(|bad| self.error(bad, kind))?)
            }
        };
        indexes.insert(kind, Arc::clone(&index));
        Ok(KeyIndex::Fixed(index))
    }

    /// What makes a column of what stands at a path, as `kind`.
    pub(crate) fn target(&self, path: &FieldPath, kind: Kind) -> Target {
        match &self.live {
            Some((_, spec)) => {
                let mut spec = spec.lock().unwrap_or_else(PoisonError::into_inner);
                Target::Live { column: place(&mut spec.columns, (path.clone(), kind)), kind }
            }
            None => Target::Column { values: self.column(path, kind), kind },
        }
    }

    /// The number of its table, where it changes while rules run, and what expressions have asked of it so far.
    pub(crate) fn table(&self) -> Option<(usize, TableSpec)> {
        let (table, spec) = self.live.as_ref()?;
        Some((*table, spec.lock().unwrap_or_else(PoisonError::into_inner).clone()))
    }

    /// By row, what stands at a path, as `kind`.
    fn column(&self, path: &FieldPath, kind: Kind) -> Arc<[Value]> {
        let mut columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        let column = columns.entry((path.clone(), kind)).or_insert_with(|| {
            // All rows could be decoded when the list was made.
            self.decode(path, kind).unwrap_or_default().into()
        });
        Arc::clone(column)
    }

    /// Whether an expression has asked it for anything.
    pub(crate) fn is_used(&self) -> bool {
        !self.indexes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Estimate of the memory that the keys and columns in use take, in bytes.
    pub(crate) fn weight(&self) -> usize {
        let value = |value: &Value| match value {
            Value::Text(text) | Value::Json(text) => text.len() + 2 * size_of::<usize>(),
            _ => 0,
        };
        let indexes = self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        let columns = self.columns.lock().unwrap_or_else(PoisonError::into_inner);
        let columns =
            columns.values().map(|column| size_of_val(&**column) + column.iter().map(value).sum::<usize>());
        indexes.values().map(|index| index.weight()).sum::<usize>() + columns.sum::<usize>()
    }

    fn decode(&self, path: &FieldPath, kind: Kind) -> Result<Vec<Value>, ListError> {
        let projection = Arc::new(Projection { columns: vec![(path.clone(), kind)] });
        let decoder = Decoder::new(Format::Json, projection, Arc::new(Keyring::empty()), Limits::default());
        let mut records: Vec<Record> = (0..)
            .zip(&self.rows)
            .map(|(offset, row)| Record { offset, value: Some(row.clone()), ..Record::default() })
            .collect();
        let topic: Arc<str> = self.name.as_str().into();
        let mut values = Vec::with_capacity(records.len());
        while !records.is_empty() {
            let decoded = decoder.decode(&topic, 0, records);
            if let Some(rejected) = decoded.rejected.first() {
                let row = usize::try_from(rejected.record.offset).unwrap_or_default();
                return Err(ListError::new(row, format!("the row cannot be used: {}", rejected.cause)));
            }
            let column = &decoded.batch.columns()[0];
            values.extend((0..column.len()).map(|row| column.value(row)));
            records = decoded.rest;
        }
        Ok(values)
    }

    fn error(&self, bad: BadKey, kind: Kind) -> ListError {
        let key = |row: usize| {
            let value = |value: &serde_json::Value| match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let json: Option<serde_json::Value> = serde_json::from_slice(&self.rows[row]).ok();
            let name = self.key.segments().next().unwrap_or_default();
            json.and_then(|json| json.get(name).map(value)).unwrap_or_default()
        };
        match bad {
            BadKey::Unreadable(row) if self.networks => {
                ListError::new(row, format!("the key `{}` is no network", key(row)))
                    .with_help("write networks like 10.0.0.0/8 or 2001:db8::/32, and addresses as they are")
            }
            BadKey::Unreadable(row) => {
                let noun = crate::types::Class::from(kind).noun();
                ListError::new(row, format!("the key `{}` is not {noun}", key(row)))
            }
            BadKey::Twice { first, again } => ListError {
                other: Some(first),
                ..ListError::new(again, format!("the key `{}` stands twice", key(again)))
                    .with_help("leave one of the two out: a key has one row")
            },
        }
    }
}

/// The position of an item, which is added where it is missing.
fn place<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|known| *known == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}

impl ListError {
    fn new(row: usize, message: impl Into<String>) -> Self {
        Self { row, other: None, message: message.into(), help: None }
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field("name", &self.name)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {}", self.row + 1, self.message)
    }
}

impl std::error::Error for ListError {}

//! Results of expressions as single values.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type};
use olocus_event::{Column, Value};

use crate::atom::Evaluated;
use crate::types::{Class, UTC};

/// The values of one expression for all rows of a batch.
#[derive(Debug)]
pub struct Values {
    store: Store,
    /// Whether texts and times are told as JSON, as keys are.
    json: bool,
}

#[derive(Debug)]
enum Store {
    Column(Box<Column>),
    Parts {
        class: Class,
        arrays: Vec<ArrayRef>,
        /// The array of each row and the place in it; `None`: there is one array, in the order of rows.
        places: Option<Vec<(u8, u32)>>,
    },
}

impl Values {
    pub(crate) fn of_column(column: Column, json: bool) -> Self {
        Self { store: Store::Column(Box::new(column)), json }
    }

    pub(crate) fn of_booleans(booleans: BooleanArray) -> Self {
        Self { store: Store::Column(Box::new(Column::Bool(booleans))), json: false }
    }

    pub(crate) fn of_evaluated(evaluated: &Evaluated, rows: usize) -> Self {
        let parts = evaluated.column();
        let places = match &parts[..] {
            [(_, None)] => None,
            parts => {
                let mut places = vec![(0, 0); rows];
                for (index, (_, rows)) in (0u8..).zip(parts) {
                    for (place, row) in (0u32..).zip(rows.unwrap_or_default()) {
                        places[*row as usize] = (index, place);
                    }
                }
                Some(places)
            }
        };
        let arrays = parts.into_iter().map(|(array, _)| plain(array)).collect();
        Self { store: Store::Parts { class: evaluated.class(), arrays, places }, json: false }
    }

    /// The values, where they are texts in one array.
    pub(crate) fn texts(&self) -> Option<&StringArray> {
        match &self.store {
            Store::Column(column) => match &**column {
                Column::Text(texts) if !self.json => Some(texts),
                _ => None,
            },
            Store::Parts { class: Class::Json, .. } => None,
            Store::Parts { arrays, places: None, .. } => arrays.first()?.as_string_opt::<i32>(),
            Store::Parts { .. } => None,
        }
    }

    /// The value of a row of the batch.
    ///
    /// # Panics
    ///
    /// If the batch has no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Value {
        let value = match &self.store {
            Store::Column(column) => column.value(row),
            Store::Parts { class, arrays, places } => {
                let (array, place) =
                    places.as_ref().map_or((0, row), |places| (places[row].0.into(), places[row].1 as usize));
                arrays.get(array).map_or(Value::Null, |array| element(array, place, *class))
            }
        };
        if self.json { to_json(value) } else { value }
    }
}

impl Values {
    /// The value of a row that is JSON text, borrowed; `None` where it is another, or has to be made first.
    ///
    /// # Panics
    ///
    /// If the batch has no such row.
    #[must_use]
    #[inline]
    pub fn json(&self, row: usize) -> Option<&str> {
        match &self.store {
            Store::Column(column) => match &**column {
                Column::Json(array) if array.is_valid(row) => Some(array.value(row)),
                _ => None,
            },
            Store::Parts { .. } => None,
        }
    }
}

/// The value as JSON text; NULL stays NULL.
fn to_json(value: Value) -> Value {
    match value {
        Value::Null | Value::Json(_) => value,
        value => Value::Json(value.to_json().as_str().into()),
    }
}

/// Brings an array to one of the few types that [`element`] reads.
fn plain(array: ArrayRef) -> ArrayRef {
    let wanted = match array.data_type() {
        DataType::Int64
        | DataType::UInt64
        | DataType::Float64
        | DataType::Boolean
        | DataType::Utf8
        | DataType::Null => {
            return array;
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        DataType::Decimal128(_, 0) => return array,
        data if data.is_decimal() => DataType::Float64,
        // Dates and the like have a spelling at least.
        _ => DataType::Utf8,
    };
    cast(&array, &wanted).unwrap_or(array)
}

fn element(array: &ArrayRef, row: usize, class: Class) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Int64 => Value::Int(array.as_primitive::<Int64Type>().value(row)),
        DataType::UInt64 => integer(array.as_primitive::<UInt64Type>().value(row).into()),
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            if class == Class::Duration { Value::Seconds(value) } else { Value::Float(value) }
        }
        DataType::Decimal128(..) => {
            integer(array.as_primitive::<arrow::datatypes::Decimal128Type>().value(row))
        }
        DataType::Boolean => Value::Bool(array.as_boolean().value(row)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Value::Time(array.as_primitive::<TimestampNanosecondType>().value(row))
        }
        DataType::Utf8 => {
            let text: Arc<str> = array.as_string::<i32>().value(row).into();
            if class == Class::Json { Value::Json(text) } else { Value::Text(text) }
        }
        _ => Value::Null,
    }
}

fn integer(value: i128) -> Value {
    if let Ok(value) = i64::try_from(value) {
        Value::Int(value)
    } else if let Ok(value) = u64::try_from(value) {
        Value::Wide(value)
    } else {
        Value::Float(value as f64)
    }
}

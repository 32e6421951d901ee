//! Results of expressions as single values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit, TimestampNanosecondType, UInt64Type};
use olocus_event::time::{format_rfc3339, parse_rfc3339};
use olocus_event::{Column, Kind, NumberColumn, Value};

use crate::atom::{Evaluated, Input};
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

/// The value as JSON text; NULL stays NULL.
pub(crate) fn to_json(value: Value) -> Value {
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

/// A column of one row that holds `value` as `kind`; what does not convert is NULL.
pub(crate) fn one_row(value: &Value, kind: Kind) -> Input {
    match kind {
        Kind::Text => Input::Array(Arc::new(StringArray::from(vec![as_text(value)]))),
        Kind::Number => Input::Number(Box::new(as_number(value))),
        Kind::Bool => Input::Array(Arc::new(BooleanArray::from(vec![as_bool(value)]))),
        Kind::Duration => Input::Array(Arc::new(Float64Array::from(vec![as_seconds(value)]))),
        Kind::Time => {
            Input::Array(Arc::new(TimestampNanosecondArray::from(vec![as_time(value)]).with_timezone(UTC)))
        }
        Kind::Json => {
            let text = match to_json(value.clone()) {
                Value::Json(text) => Some(text.to_string()),
                _ => None,
            };
            Input::Array(Arc::new(StringArray::from(vec![text])))
        }
    }
}

/// A value as it is handed on by a bare reference: aggregates tell times as plain numbers.
pub(crate) fn handed_on(value: &Value, kind: Kind) -> Value {
    match (value, kind) {
        (Value::Int(nanoseconds), Kind::Time) => Value::Time(*nanoseconds),
        (value, _) => value.clone(),
    }
}

/// The JSON value behind the text of one, if it is a scalar.
fn scalar(value: &Value) -> Value {
    let Value::Json(text) = value else {
        return value.clone();
    };
    match serde_json::from_str(text) {
        Ok(serde_json::Value::Null) => Value::Null,
        Ok(serde_json::Value::Bool(value)) => Value::Bool(value),
        Ok(serde_json::Value::String(text)) => Value::Text(text.into()),
        Ok(serde_json::Value::Number(number)) => number_of(&number.to_string()),
        _ => Value::Json(Arc::clone(text)),
    }
}

fn number_of(text: &str) -> Value {
    let text = text.trim();
    if let Ok(value) = text.parse() {
        return Value::Int(value);
    }
    if let Ok(value) = text.parse() {
        return Value::Wide(value);
    }
    // Rust reads `inf` and `nan` as floats; no event means a number by them.
    match text.parse::<f64>() {
        Ok(value)
            if value.is_finite()
                && !text.contains(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E')) =>
        {
            Value::Float(value)
        }
        _ => Value::Null,
    }
}

fn as_text(value: &Value) -> Option<String> {
    match scalar(value) {
        Value::Null => None,
        Value::Text(text) | Value::Json(text) => Some(text.to_string()),
        Value::Time(time) => Some(format_rfc3339(time)),
        other => Some(other.to_json().to_string()),
    }
}

fn as_number(value: &Value) -> NumberColumn {
    let number = match scalar(value) {
        Value::Text(text) => number_of(&text),
        Value::Seconds(seconds) => Value::Float(seconds),
        other => other,
    };
    let mut column = NumberColumn { ints: Int64Array::from(vec![None]), wides: None, floats: None };
    match number {
        Value::Int(value) => column.ints = Int64Array::from(vec![value]),
        Value::Wide(value) => column.wides = Some(UInt64Array::from(vec![value])),
        Value::Float(value) => column.floats = Some(Float64Array::from(vec![value])),
        _ => {}
    }
    column
}

fn as_bool(value: &Value) -> Option<bool> {
    match scalar(value) {
        Value::Bool(value) => Some(value),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

fn as_seconds(value: &Value) -> Option<f64> {
    match scalar(value) {
        Value::Seconds(seconds) | Value::Float(seconds) => Some(seconds),
        Value::Int(seconds) => Some(seconds as f64),
        Value::Wide(seconds) => Some(seconds as f64),
        Value::Text(text) => {
            olocus_document::parse_duration(&text).map(|nanoseconds| nanoseconds as f64 / 1e9)
        }
        _ => None,
    }
}

fn as_time(value: &Value) -> Option<i64> {
    match scalar(value) {
        Value::Time(time) | Value::Int(time) => Some(time),
        Value::Text(text) => parse_rfc3339(&text),
        _ => None,
    }
}

//! Arrow columns of the fields that were asked for.

use arrow::array::{
    Array, AsArray, BooleanArray, Float64Array, Int64Array, StringArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow::compute::filter;
use arrow::error::ArrowError;

use crate::builder::ColumnBuilder;
use crate::projection::Kind;
use crate::value::Value;

/// One column of a batch, one entry per row. Fields that are missing, JSON null, or not convertible
/// to the kind asked for are NULL.
///
/// MessagePack values count as their JSON counterparts; binary is text in base64, the timestamp
/// extension is a [`Column::Time`] (elsewhere its RFC 3339 text), other extension types convert to
/// nothing.
#[derive(Clone, Debug)]
pub enum Column {
    /// Strings as they are; numbers and booleans as written in the JSON (MessagePack: integers in
    /// decimal, floats in the fewest digits that read back the same); objects and arrays as their
    /// JSON text without blanks.
    Text(StringArray),
    /// Numbers, and strings that are a number in JSON's grammar, without blanks around it.
    Number(NumberColumn),
    /// Booleans, and the strings `true` and `false`.
    Bool(BooleanArray),
    /// Lengths of time in seconds: numbers are seconds, also those in strings; other strings are like `90s`, `1h30m`,
    /// or ISO 8601.
    Duration(Float64Array),
    /// Points in time in nanoseconds since the Unix epoch: strings in RFC 3339, a blank allowed for
    /// the `T`, UTC where no zone is given.
    Time(TimestampNanosecondArray),
    /// Canonical JSON text: strings quoted with as few escapes as JSON allows, numbers that are whole
    /// and fit 64 bits as integers (`1.0` and `1e0` are `1`), other numbers in the fewest digits that
    /// read back the same, objects and arrays as written but without blanks.
    Json(StringArray),
}

/// A column of numbers. Each row is valid in at most one of the three arrays, that of its own class:
/// integers that fit `i64`, else integers that fit `u64`, else floats. Numbers written with a
/// fraction or an exponent are floats, also whole ones.
#[derive(Clone, Debug)]
pub struct NumberColumn {
    /// Integers within `i64`.
    pub ints: Int64Array,
    /// Integers above `i64::MAX`; `None` when the batch has none.
    pub wides: Option<UInt64Array>,
    /// All other numbers; `None` when the batch has none.
    pub floats: Option<Float64Array>,
}

impl Column {
    /// A column of one row: the value as `kind`. It converts as it would on its way from an event, for which text
    /// made of an event's number is that number in its canonical spelling.
    pub fn of_value(value: &Value, kind: Kind) -> Self {
        Self::of_values(std::iter::once(value), kind)
    }

    /// A column of these values, each as `kind`; they convert as [`of_value`](Self::of_value) says.
    pub fn of_values<'a>(values: impl ExactSizeIterator<Item = &'a Value>, kind: Kind) -> Self {
        let mut builder = ColumnBuilder::new(kind, values.len());
        let mut scratch = String::new();
        values.for_each(|value| {
            builder.append(value.into(), &mut scratch);
        });
        builder.finish()
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(array) | Self::Json(array) => array.len(),
            Self::Number(numbers) => numbers.ints.len(),
            Self::Bool(array) => array.len(),
            Self::Duration(array) => array.len(),
            Self::Time(array) => array.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of one row.
    ///
    /// # Panics
    /// When `row` is not below the number of rows.
    pub fn value(&self, row: usize) -> Value {
        match self {
            Self::Text(array) => pick(array, row, |row| Value::Text(array.value(row).into())),
            Self::Number(numbers) => numbers.value(row),
            Self::Bool(array) => pick(array, row, |row| Value::Bool(array.value(row))),
            Self::Duration(array) => pick(array, row, |row| Value::Seconds(array.value(row))),
            Self::Time(array) => pick(array, row, |row| Value::Time(array.value(row))),
            Self::Json(array) => pick(array, row, |row| Value::Json(array.value(row).into())),
        }
    }

    /// The rows for which `keep` is set.
    pub(crate) fn filtered(&self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        Ok(match self {
            Self::Text(array) => Self::Text(filter(array, keep)?.as_string().clone()),
            Self::Json(array) => Self::Json(filter(array, keep)?.as_string().clone()),
            Self::Bool(array) => Self::Bool(filter(array, keep)?.as_boolean().clone()),
            Self::Duration(array) => Self::Duration(filter(array, keep)?.as_primitive().clone()),
            Self::Time(array) => Self::Time(filter(array, keep)?.as_primitive().clone()),
            Self::Number(numbers) => Self::Number(NumberColumn {
                ints: filter(&numbers.ints, keep)?.as_primitive().clone(),
                wides: match &numbers.wides {
                    Some(wides) => Some(filter(wides, keep)?.as_primitive().clone()),
                    None => None,
                },
                floats: match &numbers.floats {
                    Some(floats) => Some(filter(floats, keep)?.as_primitive().clone()),
                    None => None,
                },
            }),
        })
    }
}

impl NumberColumn {
    /// The value of one row.
    ///
    /// # Panics
    /// When `row` is not below the number of rows.
    pub fn value(&self, row: usize) -> Value {
        if self.ints.is_valid(row) {
            return Value::Int(self.ints.value(row));
        }
        if let Some(wides) = self.wides.as_ref().filter(|wides| wides.is_valid(row)) {
            return Value::Wide(wides.value(row));
        }
        match self.floats.as_ref().filter(|floats| floats.is_valid(row)) {
            Some(floats) => Value::Float(floats.value(row)),
            None => Value::Null,
        }
    }
}

fn pick(array: &dyn Array, row: usize, value: impl FnOnce(usize) -> Value) -> Value {
    if array.is_null(row) { Value::Null } else { value(row) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_values_convert_as_events_do() {
        let read = |value: Value, kind| Column::of_value(&value, kind).value(0);
        let json = |text: &str| Value::Json(text.into());
        assert_eq!(read(json("\"8\""), Kind::Number), Value::Int(8));
        assert_eq!(read(json(r#""\u0038""#), Kind::Number), Value::Int(8));
        assert_eq!(read(json("\" 8\""), Kind::Number), Value::Null);
        assert_eq!(read(json("8.5"), Kind::Text), Value::Text("8.5".into()));
        assert_eq!(read(json("[8, 9]"), Kind::Text), Value::Text("[8,9]".into()));
        assert_eq!(read(json("null"), Kind::Text), Value::Null);
        assert_eq!(read(json("true"), Kind::Bool), Value::Bool(true));
        assert_eq!(read(json("no json"), Kind::Json), Value::Null);
        assert_eq!(read(Value::Text("a\"".into()), Kind::Json), json(r#""a\"""#));
        assert_eq!(read(Value::Int(1), Kind::Time), Value::Null);
        assert_eq!(read(Value::Time(1), Kind::Time), Value::Time(1));
        assert_eq!(read(Value::Seconds(1.5), Kind::Number), Value::Float(1.5));
        assert_eq!(read(Value::Float(f64::NAN), Kind::Number), Value::Null);
    }
}

//! Values where they stand in a payload, between finding and converting them.

use crate::json;
use crate::value::Value;

/// The place of a value in a payload, and what it is as far as that was seen in passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: Class,
}

impl Slot {
    /// No value.
    pub(crate) const MISSING: Self = Self { start: 0, end: 0, class: Class::Missing };
}

/// The name of a member, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) text: &'a str,
    /// What it is a part of.
    pub(crate) buffer: &'a [u8],
    pub(crate) start: usize,
}

impl<'a> Name<'a> {
    /// A name by itself.
    pub(crate) fn alone(text: &'a str) -> Self {
        Self { text, buffer: text.as_bytes(), start: 0 }
    }
}

/// What stands at a [`Slot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Missing,
    Null,
    True,
    False,
    Number,
    /// A JSON string without escapes.
    Text,
    /// A JSON string with escapes.
    Escaped,
    Object,
    Array,
    /// A MessagePack value, whose first byte tells the rest.
    Packed,
}

/// A value on its way into a column, borrowed from the payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    Missing,
    Null,
    Bool(bool),
    /// A number as written in JSON.
    JsonNumber(&'a str),
    Int(i64),
    Wide(u64),
    /// May be NaN or infinite.
    Float(f64),
    /// A string.
    Text(&'a str),
    /// A JSON string without escapes, in its quotes.
    Quoted(&'a str),
    /// What stands between the quotes of a JSON string with escapes.
    Escaped(&'a str),
    Binary(&'a [u8]),
    Time(i64),
    /// An object or array as JSON text.
    JsonContainer(&'a str),
    /// A map or array in MessagePack.
    PackedContainer(&'a [u8]),
    /// A value that converts to nothing.
    Unsupported,
}

impl<'a> From<&'a Value> for Raw<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(int) => Self::Int(*int),
            Value::Wide(wide) => Self::Wide(*wide),
            Value::Float(float) | Value::Seconds(float) => Self::Float(*float),
            Value::Text(text) => Self::Text(text),
            Value::Time(time) => Self::Time(*time),
            Value::Json(text) => Self::of_json(text),
        }
    }
}

impl<'a> Raw<'a> {
    /// The value that JSON text stands for, which begins and ends with no blank.
    fn of_json(text: &'a str) -> Self {
        match text {
            "null" => Self::Null,
            "true" => Self::Bool(true),
            "false" => Self::Bool(false),
            _ if text.starts_with(['{', '[']) => Self::JsonContainer(text),
            _ => match text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(body) if body.contains('\\') => Self::Escaped(body),
                Some(_) => Self::Quoted(text),
                None if json::is_number(text) => Self::JsonNumber(text),
                None => Self::Unsupported,
            },
        }
    }
}

/// What stands between the quotes of a string.
pub(crate) fn unquoted(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

/// A payload that was validated as a whole.
pub(crate) trait Document {
    /// Reports the members of the object at `slot` in order; none if it is no object.
    fn members(&self, slot: Slot, member: impl FnMut(Name<'_>, Slot));

    /// The value at `slot`.
    fn raw(&self, slot: Slot) -> Raw<'_>;
}

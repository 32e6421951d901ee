//! Types of expressions, as users think of them.

use arrow::datatypes::{DataType, TimeUnit};
use olocus_event::Kind;

/// The time zone of all times.
pub(crate) const UTC: &str = "+00:00";

/// What sort of value an expression has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Null,
    Text,
    Number,
    Bool,
    /// Seconds.
    Duration,
    Time,
    /// Any JSON value, kept as it is.
    Json,
    /// What only functions make: dates, intervals, lists.
    Other,
}

/// A class, and the Arrow type that carries it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Typed {
    pub(crate) class: Class,
    pub(crate) data: DataType,
}

impl Typed {
    pub(crate) fn of_data(data: DataType) -> Self {
        Self { class: Class::of_data(&data), data }
    }

    pub(crate) fn null() -> Self {
        Self { class: Class::Null, data: DataType::Null }
    }

    pub(crate) fn is_float(&self) -> bool {
        self.data.is_floating()
    }
}

impl From<Kind> for Typed {
    fn from(kind: Kind) -> Self {
        Self { class: kind.into(), data: data_type(kind) }
    }
}

impl Class {
    /// How messages call a value of this class.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Text => "text",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Duration => "a duration",
            Self::Time => "a time",
            Self::Json => "a JSON value",
            Self::Other => "another sort of value",
        }
    }

    /// The kind of the columns of this class, if fields can be read so.
    pub(crate) fn kind(self) -> Option<Kind> {
        match self {
            Self::Text => Some(Kind::Text),
            Self::Number => Some(Kind::Number),
            Self::Bool => Some(Kind::Bool),
            Self::Duration => Some(Kind::Duration),
            Self::Time => Some(Kind::Time),
            Self::Json => Some(Kind::Json),
            Self::Null | Self::Other => None,
        }
    }

    fn of_data(data: &DataType) -> Self {
        match data {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Timestamp(..) => Self::Time,
            data if data.is_numeric() => Self::Number,
            _ => Self::Other,
        }
    }
}

impl From<Kind> for Class {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text => Self::Text,
            Kind::Number => Self::Number,
            Kind::Bool => Self::Bool,
            Kind::Duration => Self::Duration,
            Kind::Time => Self::Time,
            Kind::Json => Self::Json,
        }
    }
}

/// The Arrow type of a column of `kind`; numbers as integers, which most are.
pub(crate) fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Json => DataType::Utf8,
        Kind::Number => DataType::Int64,
        Kind::Bool => DataType::Boolean,
        Kind::Duration => DataType::Float64,
        Kind::Time => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
    }
}

/// How a kind is written in normalised text.
pub(crate) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "number",
        Kind::Bool => "bool",
        Kind::Duration => "duration",
        Kind::Time => "time",
        Kind::Json => "json",
    }
}

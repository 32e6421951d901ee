//! Single values, read out of columns.

use std::sync::Arc;

use crate::time::format_rfc3339;

/// A scalar as read from an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Missing, JSON null, or not convertible to the kind asked for.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer within 64 bits, signed.
    Int(i64),
    /// An integer above `i64::MAX` that fits 64 bits unsigned.
    Wide(u64),
    /// Any other number; never NaN or infinite when read from an event.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A length of time in seconds.
    Seconds(f64),
    /// A point in time, nanoseconds since the Unix epoch.
    Time(i64),
    /// Canonical compact JSON text of a value of any JSON type.
    Json(Arc<str>),
}

impl Value {
    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value in JSON: times as RFC 3339 text, lengths of time as a number of seconds, numbers
    /// that JSON does not know (NaN, infinities) as null.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Wide(value) => (*value).into(),
            Self::Float(value) | Self::Seconds(value) => (*value).into(),
            Self::Text(text) => (&**text).into(),
            Self::Time(time) => format_rfc3339(*time).into(),
            // Only a container nested deeper than serde_json goes does not parse; its text is kept.
            Self::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| (&**text).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_json() {
        let json = |value: Value| value.to_json().to_string();
        assert_eq!(json(Value::Null), "null");
        assert_eq!(json(Value::Wide(u64::MAX)), "18446744073709551615");
        assert_eq!(json(Value::Float(0.5)), "0.5");
        assert_eq!(json(Value::Float(f64::NAN)), "null");
        assert_eq!(json(Value::Time(0)), "\"1970-01-01T00:00:00Z\"");
        assert_eq!(json(Value::Json("[1,{\"a\":1.5}]".into())), "[1,{\"a\":1.5}]");
    }
}

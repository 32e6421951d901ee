//! Single values, read out of columns.

use std::sync::Arc;

use crate::json;
use crate::json_text::JsonText;
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
    /// JSON text of a value of any JSON type: scalars in canonical form, objects and arrays as written but without
    /// blanks.
    Json(Arc<str>),
}

impl Value {
    /// Whether this is [`Value::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value in JSON: times as RFC 3339 text, lengths of time as a number of seconds, numbers
    /// that JSON does not know (NaN, infinities) as null; objects and arrays as they are.
    pub fn to_json(&self) -> JsonText {
        let text = match self {
            Self::Null => return JsonText::null(),
            Self::Bool(value) => JsonText::of(value),
            Self::Int(value) => JsonText::of(value),
            Self::Wide(value) => JsonText::of(value),
            Self::Float(value) | Self::Seconds(value) => JsonText::of(value),
            Self::Text(text) => JsonText::of(text),
            Self::Time(time) => JsonText::of(&format_rfc3339(*time)),
            Self::Json(text) => return JsonText::of_payload(text.as_bytes()),
        };
        text.unwrap_or_else(|_| JsonText::null())
    }

    /// The value with objects and arrays in canonical form, in which all spellings of one have one text: for comparing.
    /// Null for a container with a number beyond the range of doubles, as such a number is by itself.
    pub fn canonical(self) -> Self {
        match &self {
            Self::Json(text) if text.starts_with(['{', '[']) => {
                json::canonical(text).map_or(Self::Null, |text| Self::Json(text.into()))
            }
            _ => self,
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
        let large = "{\"n\":18446744073709551616,\"n\":1e999}";
        assert_eq!(json(Value::Json(large.into())), large);
        assert_eq!(json(Value::Json("no json".into())), "\"no json\"");
    }

    #[test]
    fn containers_have_a_canonical_form() {
        let canonical = |text: &str| Value::Json(text.into()).canonical();
        assert_eq!(canonical("{\"b\":1.0,\"a\":2}"), Value::Json("{\"a\":2,\"b\":1}".into()));
        assert_eq!(canonical("[1e999]"), Value::Null);
        assert_eq!(canonical("1.5"), Value::Json("1.5".into()));
        assert_eq!(Value::Text("[1.0]".into()).canonical(), Value::Text("[1.0]".into()));
    }
}

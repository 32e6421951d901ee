//! JSON as text: what goes through it unread comes out unchanged.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::json::{JsonDocument, quote, write_compact};
use crate::limits::DEEPEST;
use crate::message_pack;

/// Text that is one JSON value, without blanks between its tokens, so on one line. Numbers of any size and names that
/// come twice stay as they were written.
#[derive(Clone)]
pub struct JsonText(Arc<RawValue>);

impl JsonText {
    /// A payload: JSON as it is, but for blanks between tokens; anything else as a string, with what is not UTF-8 in it
    /// replaced.
    pub fn of_payload(payload: &[u8]) -> Self {
        let mut text = String::with_capacity(payload.len());
        if JsonDocument::any(payload, DEEPEST, |_, _| ()).is_ok() {
            write_compact(&String::from_utf8_lossy(payload), &mut text);
        } else {
            quote(&String::from_utf8_lossy(payload), &mut text);
        }
        // Both are valid JSON, so that nothing is ever replaced by null here.
        RawValue::from_string(text).map_or_else(|_| Self::null(), |raw| Self(raw.into()))
    }

    /// `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }

    /// A value that serialises to JSON.
    ///
    /// # Errors
    /// When the value has a map with keys that are no strings, or its own serialisation fails.
    pub fn of(value: &impl Serialize) -> serde_json::Result<Self> {
        serde_json::value::to_raw_value(value).map(|raw| Self(raw.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value as a tree, as far as that goes: integers beyond 64 bits are rounded, of names that come twice the last
    /// one stays, and what a tree cannot hold (numbers beyond doubles, more than 128 levels) becomes a string.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or_else(|_| self.as_str().into())
    }

    /// The value in MessagePack: maps with string keys, numbers beyond doubles as text.
    pub fn to_message_pack(&self) -> Vec<u8> {
        message_pack::of_json(self.as_str())
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        Ok(Self::of_payload(raw.get().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_as_it_was_written() {
        let payload = "{ \"n\" : 18446744073709551616,\n \"a\" : 1, \"a\" : 1e999, \"t\" : \" \\n \" }";
        let text = JsonText::of_payload(payload.as_bytes());
        let compact = "{\"n\":18446744073709551616,\"a\":1,\"a\":1e999,\"t\":\" \\n \"}";
        assert_eq!(text.as_str(), compact);
        let around = serde_json::to_string(&[&text]).unwrap();
        assert_eq!(around, format!("[{compact}]"));
        assert_eq!(serde_json::from_str::<Vec<JsonText>>(&around).unwrap(), [text]);
    }

    #[test]
    fn nesting_has_no_limit_of_its_own() {
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        let text = JsonText::of_payload(deep.as_bytes());
        assert_eq!(text.as_str(), deep);
        assert_eq!(text.to_value(), serde_json::Value::String(deep));
    }

    #[test]
    fn what_is_no_json_is_a_string() {
        assert_eq!(JsonText::of_payload(b"").as_str(), "\"\"");
        assert_eq!(JsonText::of_payload(b"a\"b\n\xff").as_str(), "\"a\\\"b\\n\u{fffd}\"");
        assert_eq!(JsonText::of_payload(b"{\"a\":1").as_str(), "\"{\\\"a\\\":1\"");
    }
}

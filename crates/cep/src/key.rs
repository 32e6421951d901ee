//! The key by which a rule groups events.

use std::fmt;

use smol_str::{SmolStr, SmolStrBuilder};

/// The value (or list of values) of a rule's `by` fields, as canonical JSON text: `"u1"`, `5`, `["u1",5]`, or `null` for
/// a rule without `by`.
///
/// The text keeps the JSON type, so `5` and `"5"` are different keys. Keys are compared and ordered by their text, and
/// cloning one does not copy it; a short text needs no memory of its own.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(SmolStr);

impl Key {
    /// The one key of a rule without `by`.
    pub fn none() -> Key {
        Key(SmolStr::new_static("null"))
    }

    /// The key of a rule with one field, from the canonical JSON text of its value.
    pub fn single(json: &str) -> Key {
        Key(SmolStr::new(json))
    }

    /// The key of a rule with a list of fields, from the canonical JSON text of each value.
    pub fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> Key {
        let mut text = SmolStrBuilder::new();
        text.push('[');
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            text.push_str(value);
        }
        text.push(']');
        Key(text.finish())
    }

    /// The canonical JSON text.
    pub fn as_json(&self) -> &str {
        &self.0
    }

    /// What the text takes beside this, in bytes: its length and two counts, unless it is short.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.0.is_heap_allocated() { self.0.len() + 2 * size_of::<usize>() } else { 0 }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn text_is_canonical_json_and_keeps_the_type() {
        assert_eq!(Key::none().as_json(), "null");
        assert_eq!(Key::single("5").as_json(), "5");
        assert_ne!(Key::single("5"), Key::single("\"5\""));
        assert_eq!(Key::list(["\"u1\"", "5"]).as_json(), "[\"u1\",5]");
        assert_eq!(Key::list([]).as_json(), "[]");
        assert_ne!(Key::list(["5"]), Key::single("5"));
    }

    #[test]
    fn order_is_that_of_the_text() {
        assert!(Key::single("10") < Key::single("9"));
        assert!(Key::single("\"a\"") < Key::single("\"b\""));
    }
}

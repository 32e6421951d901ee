//! Which fields of an event are read, and as what.

use std::fmt;
use std::sync::Arc;

/// The place of a field in an event: the names that lead to it, outermost first.
///
/// `a.b.c` looks up `a` in the event, `b` in that object, `c` in that one. A flat key that contains
/// dots is one segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Arc<[Box<str>]>);

impl FieldPath {
    /// A path of these segments. One without segments names no field: it is always NULL.
    pub fn new<S: Into<Box<str>>>(segments: impl IntoIterator<Item = S>) -> Self {
        Self(segments.into_iter().map(Into::into).collect())
    }

    /// The names that lead to the field, outermost first.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.0.iter().map(|segment| &**segment)
    }
}

impl fmt::Display for FieldPath {
    /// Writes the path as SQL conditions spell it: segments joined by dots, those with odd
    /// characters in double quotes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.segments().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            if is_plain(segment) {
                f.write_str(segment)?;
            } else {
                write!(f, "\"{}\"", segment.replace('"', "\"\""))?;
            }
        }
        Ok(())
    }
}

fn is_plain(segment: &str) -> bool {
    let mut characters = segment.chars();
    characters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && characters.all(|next| next.is_alphanumeric() || next == '_')
}

/// What an expression asks of a field. How values convert is told at [`Column`](crate::Column).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Text.
    Text,
    /// A number, integers to 64 bits exact.
    Number,
    /// True or false.
    Bool,
    /// A length of time.
    Duration,
    /// A point in time.
    Time,
    /// Any value, with its JSON type kept.
    Json,
}

/// The fields to read, each with the kind it is asked for as; the columns of a
/// [`Batch`](crate::Batch) stand in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// Distinct pairs.
    pub columns: Vec<(FieldPath, Kind)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_print_as_sql_spells_them() {
        assert_eq!(FieldPath::new(["a", "b_1"]).to_string(), "a.b_1");
        assert_eq!(FieldPath::new(["winlog.event-id", "x\"y"]).to_string(), r#""winlog.event-id"."x""y""#);
        assert_eq!(FieldPath::new(["1a"]).to_string(), "\"1a\"");
        assert_ne!(FieldPath::new(["a.b"]), FieldPath::new(["a", "b"]));
    }
}

//! Records as topics hold them, before anything is decoded.

use std::sync::Arc;

use bytes::Bytes;

/// One record as read from a partition of a topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Position in the partition.
    pub offset: i64,
    /// Timestamp that the log keeps for the record, milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Record key, where there is one.
    pub key: Option<Bytes>,
    /// Payload as stored; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in the order in which they were written.
    pub headers: Headers,
}

impl Record {
    /// The record with bytes of its own. Others are parts of the buffer of everything that was read with them, which one
    /// that is kept would keep in memory.
    pub fn detached(&self) -> Record {
        let copy = |bytes: &Bytes| Bytes::copy_from_slice(bytes);
        Record {
            key: self.key.as_ref().map(copy),
            value: self.value.as_ref().map(copy),
            headers: Headers(
                self.headers.0.iter().map(|(name, value)| (Arc::clone(name), copy(value))).collect(),
            ),
            ..*self
        }
    }
}

/// A record to be written. Its timestamp is the wall clock at send, so it carries none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutRecord {
    /// Topic to write to.
    pub topic: Arc<str>,
    /// Partition to write to; `None` leaves the choice to the partitioner, by key.
    pub partition: Option<i32>,
    /// Record key, where there is one.
    pub key: Option<Bytes>,
    /// Headers in the order in which they are written.
    pub headers: Headers,
    /// Payload; `None` writes a tombstone.
    pub value: Option<Bytes>,
}

/// Record headers: an ordered list of names with values, in which a name may come more than once.
///
/// An empty list allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Arc<str>, Bytes)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of the last header with this name: a header added later overrides the earlier ones.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        self.0.iter().rev().find(|(given, _)| &**given == name).map(|(_, value)| value)
    }

    /// Adds a header after those that are there.
    pub fn push(&mut self, name: impl Into<Arc<str>>, value: impl Into<Bytes>) {
        self.0.push((name.into(), value.into()));
    }

    /// All headers in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Bytes)> + ExactSizeIterator {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// Number of headers, repeated names counted each time.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no headers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The last value with this name where it is UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }
}

impl<N: Into<Arc<str>>, V: Into<Bytes>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<N: Into<Arc<str>>, V: Into<Bytes>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, headers: I) {
        self.0.extend(headers.into_iter().map(|(name, value)| (name.into(), value.into())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_header_of_a_name_wins_and_order_is_kept() {
        let mut headers = Headers::new();
        assert!(headers.is_empty());
        headers.push("a", "1");
        headers.push(String::from("b"), vec![2]);
        headers.push("a", Bytes::from_static(b"3"));
        assert_eq!(headers.get("a").unwrap().as_ref(), b"3");
        assert_eq!(headers.get("A"), None);
        assert_eq!(headers.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "b", "a"]);
        assert_eq!(headers.len(), 3);
    }
}

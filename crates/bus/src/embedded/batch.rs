//! How the records of one commit to one partition are stored.
//!
//! A batch is: version (one byte), timestamp in milliseconds (`i64`, little endian), number of records (`u32`, little
//! endian), records. A record is: key, value, number of headers, headers, each a name and a value. A number is a LEB128.
//! A key or value is its length plus one, then its bytes; zero is none. A name or a header's value is its length, then
//! its bytes. Offsets count up from the one in the batch's key.

use bytes::Bytes;
use olocus_event::{Headers, OutRecord, Record};

use crate::header_names::HeaderNames;

const VERSION: u8 = 1;

/// Version, timestamp and number of records.
const HEAD: usize = 1 + 8 + 4;

/// A batch is closed when it has this many bytes; one record alone may have more.
const LARGEST: usize = 1 << 20;

/// A batch under construction.
pub(super) struct Builder {
    bytes: Vec<u8>,
    count: u32,
}

impl Builder {
    pub(super) fn new(timestamp: i64) -> Self {
        let mut bytes = Vec::with_capacity(4096);
        bytes.push(VERSION);
        bytes.extend_from_slice(&timestamp.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        Self { bytes, count: 0 }
    }

    pub(super) fn push(&mut self, record: &OutRecord) {
        self.push_part(record.key.as_deref());
        self.push_part(record.value.as_deref());
        self.push_number(record.headers.iter().count());
        for (name, value) in record.headers.iter() {
            self.push_bytes(name.as_bytes());
            self.push_bytes(value);
        }
        self.count += 1;
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= LARGEST
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The finished batch.
    pub(super) fn finish(&mut self) -> &[u8] {
        self.bytes[HEAD - 4..HEAD].copy_from_slice(&self.count.to_le_bytes());
        &self.bytes
    }

    /// Starts the next batch with the same timestamp.
    pub(super) fn clear(&mut self) {
        self.bytes.truncate(HEAD);
        self.count = 0;
    }

    fn push_part(&mut self, part: Option<&[u8]>) {
        match part {
            None => self.bytes.push(0),
            Some(part) => {
                self.push_number(part.len() + 1);
                self.bytes.extend_from_slice(part);
            }
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        self.push_number(bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    fn push_number(&mut self, mut number: usize) {
        while number >= 0x80 {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }
}

/// How many bytes a record has that count towards its topic's limit.
pub(super) fn size(record: &OutRecord) -> u64 {
    let part = |part: &Option<Bytes>| part.as_ref().map_or(0, Bytes::len);
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    (part(&record.key) + part(&record.value) + headers) as u64
}

/// Reads the records of a batch from `from` on. They share the batch's bytes. `None` if it is not what was written.
pub(super) fn decode(bytes: &Bytes, base: i64, from: i64, names: &mut HeaderNames) -> Option<Vec<Record>> {
    if *bytes.first()? != VERSION {
        return None;
    }
    let timestamp = i64::from_le_bytes(bytes.get(1..9)?.try_into().ok()?);
    let count = u32::from_le_bytes(bytes.get(9..HEAD)?.try_into().ok()?);
    let mut cursor = Cursor { bytes, at: HEAD };
    let mut records = Vec::with_capacity(count as usize);
    for index in 0..i64::from(count) {
        let key = cursor.part()?;
        let value = cursor.part()?;
        let mut headers = Headers::default();
        for _ in 0..cursor.number()? {
            let name = cursor.take_len()?;
            headers.push(names.share(&name), cursor.take_len()?);
        }
        if base + index >= from {
            records.push(Record { offset: base + index, timestamp, key, value, headers });
        }
    }
    (cursor.at == bytes.len()).then_some(records)
}

struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
}

impl Cursor<'_> {
    fn part(&mut self) -> Option<Option<Bytes>> {
        match self.number()? {
            0 => Some(None),
            len => self.take(len - 1).map(Some),
        }
    }

    fn take_len(&mut self) -> Option<Bytes> {
        let len = self.number()?;
        self.take(len)
    }

    fn take(&mut self, len: usize) -> Option<Bytes> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len())?;
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let mut number = 0_u64;
        for shift in (0..63).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return usize::try_from(number).ok();
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use olocus_event::{Headers, OutRecord};

    use super::{Builder, HeaderNames, decode};

    fn records() -> Vec<OutRecord> {
        let mut headers = Headers::default();
        headers.push("a", Bytes::from_static(b"1"));
        headers.push("a", Bytes::new());
        let parts =
            [None, Some(Bytes::new()), Some(Bytes::from(vec![7; 127])), Some(Bytes::from(vec![8; 40_000]))];
        let mut records = Vec::new();
        for key in &parts {
            for value in &parts {
                records.push(OutRecord {
                    topic: Arc::from("t"),
                    partition: None,
                    key: key.clone(),
                    value: value.clone(),
                    headers: headers.clone(),
                });
            }
        }
        records
    }

    fn encoded() -> Bytes {
        let mut builder = Builder::new(1234);
        records().iter().for_each(|record| builder.push(record));
        Bytes::copy_from_slice(builder.finish())
    }

    #[test]
    fn records_come_back_as_they_were() {
        let written = records();
        let read = decode(&encoded(), 100, 103, &mut HeaderNames::default()).unwrap();
        assert_eq!(read.len(), written.len() - 3);
        for (index, record) in read.iter().enumerate() {
            let written = &written[index + 3];
            assert_eq!(record.offset, 103 + index as i64);
            assert_eq!(record.timestamp, 1234);
            assert_eq!(
                (&record.key, &record.value, &record.headers),
                (&written.key, &written.value, &written.headers)
            );
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_refused() {
        let whole = encoded();
        let mut names = HeaderNames::default();
        for len in (0..whole.len()).step_by(997) {
            assert!(decode(&whole.slice(..len), 0, 0, &mut names).is_none(), "{len}");
        }
        let mut longer = whole.to_vec();
        longer.push(0);
        assert!(decode(&longer.into(), 0, 0, &mut names).is_none());
    }
}

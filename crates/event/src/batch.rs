//! Decoded events of one partition, by column and by row.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::BooleanArray;
use bytes::Bytes;

use crate::cloud_event::CloudEvent;
use crate::column::Column;
use crate::record::Record;

/// Events of one partition in offset order: the projected columns, and everything else of each
/// record by row. Methods that take a row panic when it is not below [`Batch::len`].
#[derive(Clone, Debug)]
pub struct Batch {
    topic: Arc<str>,
    partition: i32,
    records: Vec<Record>,
    rows: Rows,
    columns: Vec<Column>,
}

/// What decoding learned of records. Mostly that is the same of all, and then it is noted once.
#[derive(Clone, Debug)]
pub(crate) struct Rows {
    /// Of all rows, as long as there are no others.
    common: Row,
    /// How many rows are so.
    alike: usize,
    /// By row, once one is different.
    each: Vec<Row>,
}

/// What decoding learned of a record beyond its columns.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) envelope: Envelope,
    /// The event's data where it is not the record's value.
    pub(crate) opened: Option<Bytes>,
    pub(crate) is_json: bool,
}

/// Where the attributes of an event are.
#[derive(Clone, Debug)]
pub(crate) enum Envelope {
    /// It has none.
    Plain,
    /// In the record's headers.
    Binary { time: Option<i64> },
    /// Here; its data is with the row.
    Structured(Box<CloudEvent>),
}

impl Default for Rows {
    fn default() -> Self {
        let common = Row { envelope: Envelope::Plain, opened: None, is_json: true };
        Self { common, alike: 0, each: Vec::new() }
    }
}

impl Rows {
    pub(crate) fn push(&mut self, row: Row) {
        if self.each.is_empty() && self.takes(&row) {
            self.common.is_json = row.is_json;
            self.alike += 1;
        } else {
            let alike = std::mem::take(&mut self.alike);
            self.each.extend(std::iter::repeat_n(&self.common, alike).cloned());
            self.each.push(row);
        }
    }

    /// Whether a row is like all before it.
    fn takes(&self, row: &Row) -> bool {
        let is_plain = matches!(row.envelope, Envelope::Plain) && row.opened.is_none();
        is_plain && (self.alike == 0 || self.common.is_json == row.is_json)
    }

    fn get(&self, row: usize) -> &Row {
        self.each.get(row).unwrap_or(&self.common)
    }

    fn retain(&mut self, keep: &[bool]) {
        if self.each.is_empty() {
            self.alike = keep.iter().filter(|keep| **keep).count();
        }
        let mut kept = keep.iter();
        self.each.retain(|_| kept.next().is_some_and(|keep| *keep));
    }
}

impl Row {
    pub(crate) fn payload<'a>(&'a self, record: &'a Record) -> &'a [u8] {
        self.opened.as_ref().or(record.value.as_ref()).map_or(&[], |payload| payload)
    }
}

impl Batch {
    pub(crate) fn new(
        topic: Arc<str>,
        partition: i32,
        records: Vec<Record>,
        rows: Rows,
        columns: Vec<Column>,
    ) -> Self {
        Self { topic, partition, records, rows, columns }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The topic that the records come from.
    pub fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    /// The partition that the records come from.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The projected fields, in the order of the projection, each as long as the batch.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The record as received.
    pub fn record(&self, row: usize) -> &Record {
        &self.records[row]
    }

    /// The record's position in its partition.
    pub fn offset(&self, row: usize) -> i64 {
        self.records[row].offset
    }

    /// The record's timestamp in the log, milliseconds since the Unix epoch.
    pub fn record_timestamp(&self, row: usize) -> i64 {
        self.records[row].timestamp
    }

    /// The type of a CloudEvent; `None` for plain events.
    pub fn event_type(&self, row: usize) -> Option<&str> {
        self.attribute(row, "ce_type", |event| Some(&event.event_type))
    }

    /// The time of a CloudEvent that carries one, nanoseconds since the Unix epoch.
    pub fn ce_time(&self, row: usize) -> Option<i64> {
        match &self.rows.get(row).envelope {
            Envelope::Plain => None,
            Envelope::Binary { time } => *time,
            Envelope::Structured(event) => event.time,
        }
    }

    /// The id of a CloudEvent; `topic/partition/offset` for plain events.
    pub fn id(&self, row: usize) -> Cow<'_, str> {
        match self.attribute(row, "ce_id", |event| Some(&event.id)) {
            Some(id) => Cow::Borrowed(id),
            None => Cow::Owned(format!("{}/{}/{}", self.topic, self.partition, self.offset(row))),
        }
    }

    /// The source of a CloudEvent; `/topic` for plain events.
    pub fn source(&self, row: usize) -> Cow<'_, str> {
        match self.attribute(row, "ce_source", |event| Some(&event.source)) {
            Some(source) => Cow::Borrowed(source),
            None => Cow::Owned(format!("/{}", self.topic)),
        }
    }

    /// The subject of a CloudEvent that has one.
    pub fn subject(&self, row: usize) -> Option<Cow<'_, str>> {
        self.attribute(row, "ce_subject", |event| event.subject.as_deref()).map(Cow::Borrowed)
    }

    /// The W3C trace context that came with the event, as a `traceparent` header or as an extension
    /// attribute of that name.
    pub fn traceparent(&self, row: usize) -> Option<&str> {
        let header = self.records[row].headers.text("traceparent");
        header.or_else(|| {
            self.attribute(row, "ce_traceparent", |event| {
                event.extensions.get("traceparent").map(String::as_str)
            })
        })
    }

    /// The event's data, out of its envelope and inflated; empty where there is none.
    pub fn payload(&self, row: usize) -> Bytes {
        self.rows.get(row).opened.as_ref().or(self.records[row].value.as_ref()).cloned().unwrap_or_default()
    }

    /// Whether the event's data is JSON (or empty), rather than MessagePack or something unknown.
    pub fn is_json(&self, row: usize) -> bool {
        self.rows.get(row).is_json
    }

    /// Keeps the events whose entry in `keep` is true, and returns the records of the others, in order.
    ///
    /// # Panics
    /// When `keep` is not as long as the batch.
    pub fn retain(&mut self, keep: &[bool]) -> Vec<Record> {
        assert_eq!(keep.len(), self.len(), "one entry per event");
        if keep.iter().all(|keep| *keep) {
            return Vec::new();
        }
        let mask = BooleanArray::from(keep.to_vec());
        for column in &mut self.columns {
            *column = column.filtered(&mask).expect("the mask is as long as the column");
        }
        self.rows.retain(keep);
        let mut removed = Vec::new();
        let records = std::mem::take(&mut self.records);
        for (record, keep) in records.into_iter().zip(keep) {
            if *keep {
                self.records.push(record);
            } else {
                removed.push(record);
            }
        }
        removed
    }

    fn attribute<'a>(
        &'a self,
        row: usize,
        header: &str,
        of_structured: impl FnOnce(&'a CloudEvent) -> Option<&'a str>,
    ) -> Option<&'a str> {
        match &self.rows.get(row).envelope {
            Envelope::Plain => None,
            Envelope::Binary { .. } => self.records[row].headers.text(header),
            Envelope::Structured(event) => of_structured(event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_told_apart_once_one_is_different() {
        let plain = |is_json| Row { envelope: Envelope::Plain, opened: None, is_json };
        let opened = Row { opened: Some(Bytes::from_static(b"x")), ..plain(true) };
        for of_all in [true, false] {
            for other in [plain(!of_all), opened.clone()] {
                let mut rows = Rows::default();
                (0..3).for_each(|_| rows.push(plain(of_all)));
                assert!(rows.each.is_empty());
                rows.push(other.clone());
                rows.push(plain(of_all));
                rows.retain(&[true, false, true, true, true]);
                let told: Vec<(bool, bool)> =
                    (0..4).map(|row| (rows.get(row).is_json, rows.get(row).opened.is_some())).collect();
                let (same, other) = ((of_all, false), (other.is_json, other.opened.is_some()));
                assert_eq!(told, [same, same, other, same]);
            }
        }
    }
}

//! Records to batches.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::{Batch, Envelope, Row, Rows};
use crate::builder::ColumnBuilder;
use crate::cloud_event::{self, Binding};
use crate::content::Content;
use crate::envelope::unseal;
use crate::error::{Error, ErrorKind};
use crate::field_tree::FieldTree;
use crate::json::JsonDocument;
use crate::keyring::Keyring;
use crate::limits::Limits;
use crate::message_pack::PackedDocument;
use crate::projection::Projection;
use crate::raw::{Document, Name, Raw, Slot};
use crate::record::Record;

/// What the payloads of a topic are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// Told by each record's headers: a CloudEvent (`ce_specversion`, or a `content-type` of
    /// `application/cloudevents+json`), MessagePack by its `content-type`, else JSON.
    #[default]
    Auto,
    /// One JSON object, whatever the headers say.
    Json,
    /// One MessagePack map, whatever the headers say.
    MessagePack,
    /// A CloudEvent by its headers; other records are rejected.
    CloudEvents,
}

/// Turns records into batches that hold the columns of one projection. Cheap to call often and from
/// several threads; it keeps nothing between calls.
///
/// The fields of a CloudEvent are those of its data. Data that is no JSON object and no MessagePack
/// map has no fields: all columns are NULL. Any other event must be an object (or map) itself.
/// Where a name occurs twice in one object, the last one counts.
///
/// JSON is validated as a whole, also where no column reads it: an event is accepted or rejected
/// whatever the projection. An escaped half of a surrogate pair is no character and is rejected.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    projection: Arc<Projection>,
    fields: FieldTree,
    keyring: Arc<Keyring>,
    limits: Limits,
}

/// What became of a run of records. Every one of them is in exactly one place.
#[derive(Debug)]
pub struct Decoded {
    /// The events, in the order of their records.
    pub batch: Batch,
    /// Records that are no events, with the cause, in order.
    pub rejected: Vec<Rejected>,
    /// Records that were not looked at because the payloads before them fill a batch (32 MiB once
    /// inflated): to be decoded next. Empty unless payloads are huge.
    pub rest: Vec<Record>,
    /// Values that are there but do not convert to the kind they were asked for as.
    pub unconverted: u64,
}

/// A record that is no event.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The record as received.
    pub record: Record,
    /// What is wrong with it.
    pub cause: Error,
}

impl Decoder {
    /// A decoder for payloads of one format, reading the fields of `projection`.
    pub fn new(format: Format, projection: Arc<Projection>, keyring: Arc<Keyring>, limits: Limits) -> Self {
        let fields = FieldTree::new(&projection);
        Self { format, projection, fields, keyring, limits }
    }

    /// The fields that the columns of a batch hold.
    pub fn projection(&self) -> &Arc<Projection> {
        &self.projection
    }

    /// Decodes records of one partition.
    pub fn decode(&self, topic: &Arc<str>, partition: i32, mut records: Vec<Record>) -> Decoded {
        let mut run = Run::new(self, records.len());
        let mut rows = Rows::default();
        let mut causes: Vec<(usize, Error)> = Vec::new();
        let mut payload_bytes = 0;
        let mut read = 0;
        while payload_bytes < BATCH_BYTES
            && let Some(record) = records.get(read)
        {
            match run.decode(topic, record) {
                Ok(row) => {
                    payload_bytes += row.payload(record).len();
                    rows.push(row);
                }
                Err(cause) => {
                    payload_bytes += record.value.as_ref().map_or(0, Bytes::len);
                    causes.push((read, cause));
                }
            }
            read += 1;
        }
        // Mostly all records are events, and stay where they are.
        let rest = records.split_off(read);
        let rejected = if causes.is_empty() { Vec::new() } else { take_out(&mut records, causes) };
        let unconverted = run.unconverted;
        let columns = run.columns.into_iter().map(ColumnBuilder::finish).collect();
        Decoded {
            batch: Batch::new(Arc::clone(topic), partition, records, rows, columns),
            rejected,
            rest,
            unconverted,
        }
    }
}

/// Payload bytes after which a batch is full. A few batches may wait for their turn, so this bounds what inflated
/// payloads take; and no text column reaches the 2 GiB of an Arrow string array.
const BATCH_BYTES: usize = 32 << 20;

/// The mutable part of one call.
struct Run<'a> {
    decoder: &'a Decoder,
    columns: Vec<ColumnBuilder>,
    /// By node of the field tree, where its value stands in the record at hand.
    slots: Vec<Slot>,
    scratch: String,
    unconverted: u64,
}

impl<'a> Run<'a> {
    fn new(decoder: &'a Decoder, rows: usize) -> Self {
        let columns =
            decoder.projection.columns.iter().map(|(_, kind)| ColumnBuilder::new(*kind, rows)).collect();
        let slots = vec![Slot::MISSING; decoder.fields.len()];
        Self { decoder, columns, slots, scratch: String::new(), unconverted: 0 }
    }

    /// Decodes one record. Either all columns grow by its row, or none does and it is rejected.
    fn decode(&mut self, topic: &str, record: &Record) -> Result<Row, Error> {
        let Decoder { format, keyring, limits, .. } = self.decoder;
        let opened = unseal(topic, record, keyring, limits)?;
        let binding = match format {
            Format::Auto | Format::CloudEvents => cloud_event::binding(&record.headers)?,
            Format::Json | Format::MessagePack => None,
        };
        match binding {
            None if *format == Format::CloudEvents => Err(ErrorKind::NotACloudEvent.into()),
            None => {
                let content = match format {
                    Format::Json => Content::Json,
                    Format::MessagePack => Content::MessagePack,
                    Format::Auto | Format::CloudEvents => Content::of_plain(&record.headers),
                };
                let payload = opened.filter(|payload| !payload.is_empty()).ok_or(ErrorKind::NoPayload)?;
                self.read_object(content, &payload)?;
                Ok(Row {
                    envelope: Envelope::Plain,
                    opened: owned(payload),
                    is_json: content == Content::Json,
                })
            }
            Some(Binding::Binary) => {
                let time = cloud_event::check_binary(&record.headers)?;
                let content = Content::of(record.headers.text("content-type"));
                self.read_data(content, opened.as_ref().map(|payload| &***payload))?;
                let opened = opened.and_then(owned);
                Ok(Row { envelope: Envelope::Binary { time }, opened, is_json: content == Content::Json })
            }
            Some(Binding::Structured) => {
                let payload = opened.ok_or(ErrorKind::NoPayload)?;
                let mut event = cloud_event::parse_structured(&payload, limits.depth())?;
                let content = Content::of(event.data_content_type.as_deref());
                let data = event.data.take();
                self.read_data(content, data.as_deref())?;
                Ok(Row {
                    envelope: Envelope::Structured(Box::new(event)),
                    opened: Some(data.unwrap_or_default()),
                    is_json: content == Content::Json,
                })
            }
        }
    }

    /// Reads the fields of an event that is the payload itself.
    fn read_object(&mut self, content: Content, payload: &[u8]) -> Result<(), Error> {
        let (fields, depth) = (&self.decoder.fields, self.decoder.limits.depth());
        reset(fields, &mut self.slots, 0);
        let member = collector(fields, &mut self.slots, 0);
        if content == Content::MessagePack {
            let document = PackedDocument::object(payload, depth, member)?;
            self.append_row(&document);
        } else {
            let document = JsonDocument::object(payload, depth, member)?;
            self.append_row(&document);
        }
        Ok(())
    }

    /// Reads the fields of a CloudEvent's data, which has none if it is no object.
    fn read_data(&mut self, content: Content, data: Option<&[u8]>) -> Result<(), Error> {
        let (fields, depth) = (&self.decoder.fields, self.decoder.limits.depth());
        reset(fields, &mut self.slots, 0);
        let member = collector(fields, &mut self.slots, 0);
        match (content, data.filter(|data| !data.is_empty())) {
            (Content::Json, Some(data)) => {
                let document = JsonDocument::any(data, depth, member)?;
                self.append_row(&document);
            }
            (Content::MessagePack, Some(data)) => {
                let document = PackedDocument::any(data, depth, member)?;
                self.append_row(&document);
            }
            (Content::Other, _) | (_, None) => {
                for column in &mut self.columns {
                    column.append(Raw::Missing, &mut self.scratch);
                }
            }
        }
        Ok(())
    }

    /// Adds a row of the values at the slots of the outermost fields and of what lies below them.
    fn append_row(&mut self, document: &impl Document) {
        let fields = &self.decoder.fields;
        // Parents come before their children, so a slot is filled before its node is reached.
        for index in 1..fields.len() {
            let (node, slot) = (fields.node(index), self.slots[index]);
            for &column in &node.columns {
                let converted = self.columns[column].append(document.raw(slot), &mut self.scratch);
                self.unconverted += u64::from(!converted);
            }
            if !node.children.is_empty() {
                reset(fields, &mut self.slots, index);
                document.members(slot, collector(fields, &mut self.slots, index));
            }
        }
    }
}

/// Takes the records at these places, which ascend, out of a run.
fn take_out(records: &mut Vec<Record>, causes: Vec<(usize, Error)>) -> Vec<Rejected> {
    let (places, causes): (Vec<usize>, Vec<Error>) = causes.into_iter().unzip();
    let (mut places, mut at) = (places.into_iter().peekable(), 0..);
    let is_one = |_: &mut Record| at.next().is_some_and(|at| places.next_if_eq(&at).is_some());
    let taken = records.extract_if(.., is_one);
    taken.zip(causes).map(|(record, cause)| Rejected { record, cause }).collect()
}

/// Forgets where the members of a node stood in the record before.
fn reset(fields: &FieldTree, slots: &mut [Slot], node: usize) {
    for child in fields.node(node).children.nodes() {
        slots[child] = Slot::MISSING;
    }
}

/// Notes where the members of a node stand; a later one overrides an earlier one of its name.
fn collector<'s>(
    fields: &'s FieldTree,
    slots: &'s mut [Slot],
    node: usize,
) -> impl FnMut(Name<'_>, Slot) + 's {
    let children = &fields.node(node).children;
    move |name, slot| {
        if let Some(child) = children.get(name) {
            slots[child] = slot;
        }
    }
}

/// The payload where it is not the record's own.
fn owned(payload: Cow<'_, Bytes>) -> Option<Bytes> {
    match payload {
        Cow::Borrowed(_) => None,
        Cow::Owned(payload) => Some(payload),
    }
}

#[cfg(test)]
mod tests;

//! CloudEvents 1.0 and its Kafka protocol binding.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::content::essence;
use crate::envelope::is_sealed;
use crate::error::{Error, ErrorKind};
use crate::limits::DEEPEST;
use crate::record::{Headers, OutRecord, Record};

mod binary;
mod structured;

pub(crate) use binary::check_binary;
pub(crate) use structured::parse_structured;

/// An event with its context attributes, as CloudEvents 1.0 defines them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudEvent {
    /// Identifies the event together with its source; not empty.
    pub id: String,
    /// Where the event comes from, a URI reference; not empty.
    pub source: String,
    /// What kind of event it is, such as `auth.login`; not empty.
    pub event_type: String,
    /// What the event is about, within its source.
    pub subject: Option<String>,
    /// When it happened, nanoseconds since the Unix epoch.
    pub time: Option<i64>,
    /// Media type of the data; JSON where there is none.
    pub data_content_type: Option<String>,
    /// The schema of the data, a URI.
    pub data_schema: Option<String>,
    /// All other attributes, also `traceparent`. The names of the attributes above are no extensions.
    pub extensions: BTreeMap<String, String>,
    /// The data as bytes of its media type.
    pub data: Option<Bytes>,
}

impl CloudEvent {
    /// The event as a record in binary mode: attributes in headers (`ce_id`, …, `content-type`,
    /// `traceparent` under its own name), data in the value.
    pub fn to_binary(&self, topic: Arc<str>, key: Option<Bytes>) -> OutRecord {
        let headers = binary::headers(self);
        OutRecord { topic, partition: None, key, headers, value: self.data.clone() }
    }

    /// The event as a record in structured mode: all of it as JSON in the value.
    pub fn to_structured(&self, topic: Arc<str>, key: Option<Bytes>) -> OutRecord {
        let headers = Headers::from_iter([("content-type", "application/cloudevents+json; charset=UTF-8")]);
        let value = Some(Bytes::from(structured::write(self)));
        OutRecord { topic, partition: None, key, headers, value }
    }

    /// Reads a record in either mode; `None` if its headers do not make it a CloudEvent.
    ///
    /// # Errors
    /// When attributes are missing or malformed, or when the record is still in its payload
    /// envelope: [`open`](crate::open) it first.
    pub fn from_record(record: &Record) -> Result<Option<Self>, Error> {
        let Some(binding) = binding(&record.headers)? else {
            return Ok(None);
        };
        if is_sealed(&record.headers) {
            return Err(ErrorKind::AlreadySealed.into());
        }
        Self::read(binding, &record.headers, record.value.clone()).map(Some)
    }

    /// The event in the JSON event format. Data that is JSON stands inline, MessagePack is converted
    /// to JSON, everything else is in `data_base64`.
    pub fn to_json(&self) -> serde_json::Value {
        structured::to_json(self)
    }

    /// Reads an event from headers and a payload out of its envelope.
    pub(crate) fn read(binding: Binding, headers: &Headers, payload: Option<Bytes>) -> Result<Self, Error> {
        match binding {
            Binding::Binary => binary::read(headers, payload),
            Binding::Structured => parse_structured(&payload.ok_or(ErrorKind::NoPayload)?, DEEPEST),
        }
    }
}

/// How a record carries a CloudEvent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Attributes in headers, data in the value.
    Binary,
    /// Everything in the value, as JSON.
    Structured,
}

/// Tells by the headers whether a record is a CloudEvent; `content-type` decides before `ce_specversion`.
pub(crate) fn binding(headers: &Headers) -> Result<Option<Binding>, Error> {
    if headers.is_empty() {
        return Ok(None);
    }
    if let Some(media_type) = headers.text("content-type") {
        let name = essence(media_type);
        if name.eq_ignore_ascii_case("application/cloudevents+json") {
            return Ok(Some(Binding::Structured));
        }
        if name
            .get(.."application/cloudevents".len())
            .is_some_and(|start| start.eq_ignore_ascii_case("application/cloudevents"))
        {
            return Err(invalid("of the event formats only application/cloudevents+json is read"));
        }
    }
    Ok(headers.get("ce_specversion").map(|_| Binding::Binary))
}

/// The attributes that are no extensions, and the members of the JSON format beside them.
pub(crate) fn is_reserved(name: &str) -> bool {
    matches!(
        name,
        "specversion"
            | "id"
            | "source"
            | "type"
            | "subject"
            | "time"
            | "datacontenttype"
            | "dataschema"
            | "data"
            | "data_base64"
    )
}

pub(crate) fn invalid(problem: impl Into<String>) -> Error {
    ErrorKind::BadCloudEvent { problem: problem.into() }.into()
}

#[cfg(test)]
mod tests;

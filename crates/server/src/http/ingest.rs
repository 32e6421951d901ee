//! The body of a request → records, all of them or none.
//!
//! What is accepted is what the engine would accept from the topic: the records go through the same decoder. Plain
//! JSON is stored as it came, byte for byte; CloudEvents are stored in binary mode.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use olocus_event::{CloudEvent, Decoder, Format, Headers, Keyring, Limits, OutRecord, Projection, Record};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::problem::Problem;

/// Events of one request at most, so that small events cannot take much more memory than the body did.
const EVENTS_MAX: usize = 100_000;

/// The attribute of a CloudEvent that is its record's key (the partitioning extension).
const PARTITION_KEY: &str = "partitionkey";

/// Turns bodies into records.
#[derive(Debug)]
pub(super) struct Ingest {
    decoder: Decoder,
}

/// A request to publish.
pub(super) struct Publication<'a> {
    pub(super) topic: Arc<str>,
    /// The field whose value becomes the record's key.
    pub(super) key: Option<&'a str>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

/// What a body is, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// A CloudEvent whose attributes are in the headers of the request.
    Binary,
    /// A CloudEvent.
    Structured,
    /// An array of CloudEvents.
    StructuredArray,
    /// One JSON object, or an array of them.
    Json,
    /// JSON objects one after the other.
    Lines,
    /// Records as they are: one JSON object per line with key, headers and value.
    Records,
    /// No content type that says anything: an array, or objects one after the other.
    Guess,
}

impl Ingest {
    pub(super) fn new(keyring: Arc<Keyring>, limits: Limits) -> Ingest {
        let projection = Arc::new(Projection { columns: Vec::new() });
        Ingest { decoder: Decoder::new(Format::Auto, projection, keyring, limits) }
    }

    /// The records of a request.
    ///
    /// # Errors
    /// The first event that is none, by its index, or a body that holds no events.
    pub(super) fn records(&self, publication: &Publication<'_>) -> Result<Vec<OutRecord>, Problem> {
        let records = match Shape::of(publication.headers)? {
            Shape::Binary => vec![binary(publication)?],
            Shape::Structured => {
                let body = std::str::from_utf8(&publication.body)
                    .map_err(|_| Problem::bad_event(0, "invalid-utf8", "the text is not valid UTF-8"))?;
                vec![structured(publication, 0, body)?]
            }
            Shape::StructuredArray => {
                let events = array(&publication.body)?.into_iter().enumerate();
                events
                    .map(|(index, event)| structured(publication, index, event.get()))
                    .collect::<Result<_, _>>()?
            }
            Shape::Records => {
                // Whatever they hold is what the sender wants to have there.
                let lines = values(&publication.body)?.into_iter().enumerate();
                return lines.map(|(index, line)| verbatim(publication, index, line.get())).collect();
            }
            Shape::Json => {
                let values = if is_array(&publication.body) {
                    array(&publication.body)?
                } else {
                    single(&publication.body)?
                };
                plain(publication, &values)?
            }
            Shape::Lines => plain(publication, &values(&publication.body)?)?,
            Shape::Guess => {
                let values = if is_array(&publication.body) {
                    array(&publication.body)?
                } else {
                    values(&publication.body)?
                };
                plain(publication, &values)?
            }
        };
        self.check(&publication.topic, &records)?;
        Ok(records)
    }

    /// Refuses what the engine could not read.
    fn check(&self, topic: &Arc<str>, records: &[OutRecord]) -> Result<(), Problem> {
        let mut rest: Vec<Record> =
            (0..).zip(records).map(|(offset, record)| as_read(offset, record)).collect();
        while !rest.is_empty() {
            let decoded = self.decoder.decode(topic, 0, rest);
            if let Some(rejected) = decoded.rejected.first() {
                let index = usize::try_from(rejected.record.offset).unwrap_or_default();
                return Err(Problem::bad_event(index, rejected.cause.code(), &rejected.cause));
            }
            rest = decoded.rest;
        }
        Ok(())
    }
}

impl Shape {
    fn of(headers: &HeaderMap) -> Result<Shape, Problem> {
        let content_type = headers.get("content-type").map(|value| value.to_str().unwrap_or("?"));
        let essence =
            content_type.map(|text| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let shape = match essence.as_deref() {
            Some("application/cloudevents+json") => Shape::Structured,
            Some("application/cloudevents-batch+json") => Shape::StructuredArray,
            _ if headers.contains_key("ce-specversion") => Shape::Binary,
            Some("application/json" | "text/json") => Shape::Json,
            Some(
                "application/x-ndjson"
                | "application/ndjson"
                | "application/jsonl"
                | "application/x-jsonlines",
            ) => Shape::Lines,
            Some("application/vnd.olocus.records+json") => Shape::Records,
            // What clients send when nobody told them.
            None | Some("text/plain" | "application/octet-stream" | "application/x-www-form-urlencoded") => {
                Shape::Guess
            }
            Some(other) => {
                let message = format!(
                    "events are sent as application/json, application/x-ndjson, application/cloudevents+json or \
                     application/cloudevents-batch+json, not as {other}"
                );
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
            }
        };
        Ok(shape)
    }
}

/// A CloudEvent by the headers of the request: `ce-id` becomes `ce_id`, and so on.
fn binary(publication: &Publication<'_>) -> Result<OutRecord, Problem> {
    let mut headers = Headers::new();
    let mut key = None;
    for (name, value) in publication.headers {
        let name = name.as_str();
        let attribute = name.strip_prefix("ce-").map(|attribute| format!("ce_{attribute}"));
        let kept = matches!(name, "content-type" | "traceparent" | "tracestate").then(|| name.to_owned());
        let Some(kept) = attribute.or(kept) else { continue };
        let text = value.to_str().ok().and_then(percent_decode).ok_or_else(|| {
            Problem::bad_event(
                0,
                "bad-cloudevent",
                format!("the header `{name}` is not percent-encoded UTF-8"),
            )
        })?;
        if kept == format!("ce_{PARTITION_KEY}") {
            key = Some(Bytes::from(text.clone()));
        }
        headers.push(kept, text);
    }
    if publication.key.is_some() {
        key = key_of(publication, &publication.body);
    }
    // A CloudEvent may have no data.
    let value = (!publication.body.is_empty()).then(|| publication.body.clone());
    Ok(OutRecord { topic: Arc::clone(&publication.topic), partition: None, key, headers, value })
}

fn structured(publication: &Publication<'_>, index: usize, text: &str) -> Result<OutRecord, Problem> {
    let headers = Headers::from_iter([("content-type", "application/cloudevents+json")]);
    let value = Some(Bytes::copy_from_slice(text.as_bytes()));
    let event = CloudEvent::from_record(&Record { headers, value, ..Record::default() })
        .map_err(|error| Problem::bad_event(index, error.code(), &error))?
        .ok_or_else(|| Problem::bad_event(index, "not-a-cloudevent", "it is no CloudEvent"))?;
    let key = match publication.key {
        Some(_) => event.data.as_ref().and_then(|data| key_of(publication, data)),
        None => event.extensions.get(PARTITION_KEY).map(|key| Bytes::from(key.clone())),
    };
    Ok(event.to_binary(Arc::clone(&publication.topic), key))
}

fn plain(publication: &Publication<'_>, values: &[&RawValue]) -> Result<Vec<OutRecord>, Problem> {
    if values.is_empty() && publication.body.trim_ascii().is_empty() {
        return Err(Problem::bad_request("the body is empty: it holds no event"));
    }
    let record = |value: &&RawValue| {
        let value = publication.body.slice_ref(value.get().as_bytes());
        OutRecord {
            topic: Arc::clone(&publication.topic),
            partition: None,
            key: key_of(publication, &value),
            headers: Headers::new(),
            value: Some(value),
        }
    };
    Ok(values.iter().map(record).collect())
}

/// `{"key": …, "headers": {…}, "value": …}`: texts as they are, bytes in base64 under `key_base64`,
/// `headers_base64` and `value_base64`.
fn verbatim(publication: &Publication<'_>, index: usize, line: &str) -> Result<OutRecord, Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        key: Option<String>,
        key_base64: Option<String>,
        #[serde(default)]
        headers: serde_json::Map<String, Value>,
        #[serde(default)]
        headers_base64: serde_json::Map<String, Value>,
        value: Option<String>,
        value_base64: Option<String>,
    }
    let bad = |cause: String| Problem::bad_event(index, "bad-record", cause);
    let bytes = |text: Option<String>, encoded: Option<String>| match (text, encoded) {
        (Some(_), Some(_)) => Err(bad("a text and its base64 form exclude each other".to_owned())),
        (Some(text), None) => Ok(Some(Bytes::from(text))),
        (None, Some(encoded)) => STANDARD
            .decode(encoded)
            .map(|bytes| Some(Bytes::from(bytes)))
            .map_err(|error| bad(error.to_string())),
        (None, None) => Ok(None),
    };
    let line: Line = serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
    let mut headers = Headers::new();
    for (map, encoded) in [(line.headers, false), (line.headers_base64, true)] {
        for (name, value) in map {
            let Value::String(text) = value else {
                return Err(bad(format!("the header `{name}` is not a string")));
            };
            let (text, base64) = if encoded { (None, Some(text)) } else { (Some(text), None) };
            headers.push(name, bytes(text, base64)?.unwrap_or_default());
        }
    }
    Ok(OutRecord {
        topic: Arc::clone(&publication.topic),
        partition: None,
        key: bytes(line.key, line.key_base64)?,
        headers,
        value: bytes(line.value, line.value_base64)?,
    })
}

/// The value of the key's field: texts as they are, everything else as compact JSON. Events without it have no key.
fn key_of(publication: &Publication<'_>, data: &[u8]) -> Option<Bytes> {
    let field = publication.key?;
    // Malformed data is told by the check of all records.
    let data: Value = serde_json::from_slice(data).ok()?;
    let nested = || field.split('.').try_fold(&data, |at, segment| at.get(segment));
    match data.get(field).or_else(nested)? {
        Value::Null => None,
        Value::String(text) => Some(Bytes::from(text.clone())),
        other => Some(Bytes::from(other.to_string())),
    }
}

fn as_read(offset: i64, record: &OutRecord) -> Record {
    Record {
        offset,
        timestamp: 0,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
    }
}

fn is_array(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"[")
}

/// Values one after the other, with blanks or line breaks between them.
fn values(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let mut values = Vec::new();
    for value in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
        values.push(value.map_err(|error| malformed(values.len(), &error))?);
        within_limit(values.len())?;
    }
    Ok(values)
}

/// One value and nothing else.
fn single(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    serde_json::from_slice(body).map(|value| vec![value]).map_err(|error| malformed(0, &error))
}

/// The elements of an array.
fn array(body: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let mut elements = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = Elements(&mut elements).deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(elements),
        Err(_) if elements.len() > EVENTS_MAX => Err(too_many()),
        Err(error) => Err(malformed(elements.len(), &error)),
    }
}

/// Collects the elements of an array where they are still there when a later one turns out to be malformed.
struct Elements<'e, 'de>(&'e mut Vec<&'de RawValue>);

impl<'de> DeserializeSeed<'de> for Elements<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            self.0.push(element);
            if self.0.len() > EVENTS_MAX {
                return Err(serde::de::Error::custom("too many events"));
            }
        }
        Ok(())
    }
}

fn malformed(index: usize, error: &serde_json::Error) -> Problem {
    let code = if error.is_eof() { "truncated-json" } else { "invalid-json" };
    Problem::bad_event(index, code, error)
}

fn within_limit(events: usize) -> Result<(), Problem> {
    if events > EVENTS_MAX { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a request can hold {EVENTS_MAX} events; send several"),
    )
}

/// Undoes the percent-encoding that CloudEvents prescribe for header values.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte == b'%' {
            let digits = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits.0).ok()?, 16).ok()?);
            rest = digits.1;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests;

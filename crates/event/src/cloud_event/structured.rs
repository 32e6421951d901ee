//! Structured mode: the JSON event format.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;

use crate::content::Content;
use crate::error::{Error, ErrorKind, excerpt};
use crate::json::{self, JsonDocument};
use crate::limits::DEEPEST;
use crate::message_pack::PackedDocument;
use crate::raw::{Document, Raw, Slot, unquoted};
use crate::time::{format_rfc3339, parse_rfc3339};

use super::{CloudEvent, invalid, is_reserved};

/// Reads an event in the JSON event format. Inline data stays a slice of `payload`, except for a
/// string under a media type that is not JSON: its characters are the data.
pub(crate) fn parse_structured(payload: &Bytes, depth: usize) -> Result<CloudEvent, Error> {
    let mut members: Vec<(String, Slot)> = Vec::new();
    let document = JsonDocument::object(payload, depth, |name, slot| {
        members.push((name.text.to_owned(), slot));
    })?;
    let mut event = CloudEvent::default();
    let (mut version, mut data, mut base64) = (None, Slot::MISSING, None);
    for (name, slot) in members {
        match name.as_str() {
            "data" => data = slot,
            "data_base64" => base64 = string(&document, slot, "data_base64")?,
            "specversion" => version = string(&document, slot, "specversion")?,
            "id" => event.id = string(&document, slot, "id")?.unwrap_or_default(),
            "source" => event.source = string(&document, slot, "source")?.unwrap_or_default(),
            "type" => event.event_type = string(&document, slot, "type")?.unwrap_or_default(),
            "subject" => event.subject = string(&document, slot, "subject")?,
            "datacontenttype" => {
                event.data_content_type = string(&document, slot, "datacontenttype")?;
            }
            "dataschema" => event.data_schema = string(&document, slot, "dataschema")?,
            "time" => {
                event.time = string(&document, slot, "time")?.map(|time| parse_time(&time)).transpose()?;
            }
            _ => match extension(&document, slot) {
                Some(Some(value)) => drop(event.extensions.insert(name, value)),
                Some(None) => drop(event.extensions.remove(&name)),
                None => {
                    return Err(invalid(format!(
                        "the attribute {:?} is no string, number or boolean",
                        excerpt(&name)
                    )));
                }
            },
        }
    }
    match version.as_deref() {
        Some("1.0") => {}
        Some(other) => {
            return Err(invalid(format!("specversion is {:?}, expected \"1.0\"", excerpt(other))));
        }
        None => return Err(invalid("specversion is missing")),
    }
    for (name, value) in [("id", &event.id), ("source", &event.source), ("type", &event.event_type)] {
        if value.is_empty() {
            return Err(invalid(format!("{name} is missing or empty")));
        }
    }
    event.data = match (data == Slot::MISSING, base64) {
        (true, None) => None,
        (true, Some(text)) => Some(decode_base64(&text)?),
        (false, None) => Some(inline_data(&document, data, payload, event.data_content_type.as_deref())),
        (false, Some(_)) => return Err(invalid("both data and data_base64 are there")),
    };
    Ok(event)
}

/// The event as JSON text. Unlike [`to_json`], everything reads back as it was.
pub(super) fn write(event: &CloudEvent) -> String {
    let mut out = String::from("{\"specversion\":\"1.0\"");
    for (name, value) in attributes(event) {
        member(name, &mut out);
        json::quote(&value, &mut out);
    }
    if let Some(data) = &event.data {
        match inline_json(event, data) {
            Some(text) => {
                member("data", &mut out);
                out.push_str(text);
            }
            None => {
                member("data_base64", &mut out);
                json::quote(&STANDARD.encode(data), &mut out);
            }
        }
    }
    out.push('}');
    out
}

/// The event as a JSON value for people to look at.
pub(super) fn to_json(event: &CloudEvent) -> Value {
    let mut object = serde_json::Map::new();
    object.insert("specversion".to_owned(), "1.0".into());
    for (name, value) in attributes(event) {
        object.insert(name.to_owned(), value.into());
    }
    let Some(data) = &event.data else {
        return Value::Object(object);
    };
    let content = Content::of(event.data_content_type.as_deref());
    let inline = match content {
        Content::Json => serde_json::from_slice(data).ok(),
        Content::MessagePack => packed_to_json(data),
        Content::Other => None,
    };
    match inline {
        Some(inline) => {
            if content == Content::MessagePack {
                object.insert("datacontenttype".to_owned(), "application/json".into());
            }
            object.insert("data".to_owned(), inline);
        }
        None => drop(object.insert("data_base64".to_owned(), STANDARD.encode(data).into())),
    }
    Value::Object(object)
}

fn packed_to_json(data: &[u8]) -> Option<Value> {
    let document = PackedDocument::any(data, DEEPEST, |_, _| ()).ok()?;
    let mut text = String::new();
    document.write_json(&mut text);
    serde_json::from_str(&text).ok()
}

/// All attributes but `specversion`, in the order in which they are written.
fn attributes(event: &CloudEvent) -> impl Iterator<Item = (&str, String)> {
    let core = [
        ("id", Some(event.id.clone())),
        ("source", Some(event.source.clone())),
        ("type", Some(event.event_type.clone())),
        ("subject", event.subject.clone()),
        ("time", event.time.map(format_rfc3339)),
        ("datacontenttype", event.data_content_type.clone()),
        ("dataschema", event.data_schema.clone()),
    ];
    let extensions = event.extensions.iter().filter(|(name, _)| !is_reserved(name));
    core.into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .chain(extensions.map(|(name, value)| (name.as_str(), value.clone())))
}

fn member(name: &str, out: &mut String) {
    out.push(',');
    json::quote(name, out);
    out.push(':');
}

/// The data as JSON text that stands for itself; `None` where only base64 reads back the same.
fn inline_json<'a>(event: &CloudEvent, data: &'a [u8]) -> Option<&'a str> {
    if Content::of(event.data_content_type.as_deref()) != Content::Json {
        return None;
    }
    // One level is the event around the data.
    let document = JsonDocument::any(data, DEEPEST - 1, |_, _| ()).ok()?;
    let text = std::str::from_utf8(data).ok()?;
    (document.text(document.root()) == text && !text.starts_with(BLANKS) && !text.ends_with(BLANKS))
        .then_some(text)
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

fn inline_data(document: &JsonDocument<'_>, slot: Slot, payload: &Bytes, media_type: Option<&str>) -> Bytes {
    if Content::of(media_type) != Content::Json {
        match document.raw(slot) {
            Raw::Quoted(quoted) => return Bytes::copy_from_slice(unquoted(quoted).as_bytes()),
            Raw::Escaped(body) => {
                let mut text = String::with_capacity(body.len());
                json::unescape(body, &mut text);
                return text.into();
            }
            _ => {}
        }
    }
    payload.slice(slot.start..slot.end)
}

/// The text of an attribute; JSON null is the same as no attribute.
fn string(document: &JsonDocument<'_>, slot: Slot, name: &str) -> Result<Option<String>, Error> {
    match document.raw(slot) {
        Raw::Null => Ok(None),
        Raw::Quoted(_) | Raw::Escaped(_) => Ok(extension(document, slot).flatten()),
        _ => Err(invalid(format!("{name} is no string"))),
    }
}

/// The value of an extension as text: `Some(None)` for null, `None` for objects and arrays.
fn extension(document: &JsonDocument<'_>, slot: Slot) -> Option<Option<String>> {
    Some(match document.raw(slot) {
        Raw::Null => None,
        Raw::Quoted(quoted) => Some(unquoted(quoted).to_owned()),
        Raw::JsonNumber(text) => Some(text.to_owned()),
        Raw::Bool(value) => Some(value.to_string()),
        Raw::Escaped(body) => {
            let mut text = String::with_capacity(body.len());
            json::unescape(body, &mut text);
            Some(text)
        }
        _ => return None,
    })
}

fn parse_time(text: &str) -> Result<i64, Error> {
    parse_rfc3339(text).ok_or_else(|| ErrorKind::BadTime { text: format!("{:?}", excerpt(text)) }.into())
}

fn decode_base64(text: &str) -> Result<Bytes, Error> {
    STANDARD.decode(text).map(Bytes::from).map_err(|_| invalid("data_base64 is not valid base64"))
}

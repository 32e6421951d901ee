//! Binary mode: attributes as headers.

use bytes::Bytes;

use crate::error::{Error, ErrorKind, excerpt};
use crate::record::Headers;
use crate::time::{format_rfc3339, parse_rfc3339};

use super::{CloudEvent, invalid, is_reserved};

const PREFIX: &str = "ce_";
const TRACEPARENT: &str = "traceparent";

/// The attributes of an event as headers.
pub(super) fn headers(event: &CloudEvent) -> Headers {
    let mut headers = Headers::new();
    headers.push("ce_specversion", "1.0");
    headers.push("ce_id", event.id.clone());
    headers.push("ce_source", event.source.clone());
    headers.push("ce_type", event.event_type.clone());
    if let Some(subject) = &event.subject {
        headers.push("ce_subject", subject.clone());
    }
    if let Some(time) = event.time {
        headers.push("ce_time", format_rfc3339(time));
    }
    if let Some(schema) = &event.data_schema {
        headers.push("ce_dataschema", schema.clone());
    }
    if let Some(media_type) = &event.data_content_type {
        headers.push("content-type", media_type.clone());
    }
    for (name, value) in event.extensions.iter().filter(|(name, _)| !is_reserved(name)) {
        if name == TRACEPARENT {
            headers.push(TRACEPARENT, value.clone());
        } else {
            headers.push(format!("{PREFIX}{name}"), value.clone());
        }
    }
    headers
}

/// Checks the attributes without copying them; the event's time, if it has one.
pub(crate) fn check_binary(headers: &Headers) -> Result<Option<i64>, Error> {
    let version = required(headers, "ce_specversion")?;
    if version != "1.0" {
        return Err(invalid(format!("specversion is {:?}, expected \"1.0\"", excerpt(version))));
    }
    for name in ["ce_id", "ce_source", "ce_type"] {
        required(headers, name)?;
    }
    for (name, value) in headers.iter() {
        if (name.starts_with(PREFIX) || name == TRACEPARENT) && std::str::from_utf8(value).is_err() {
            return Err(invalid(format!("the header {:?} is not valid UTF-8", excerpt(name))));
        }
    }
    let Some(time) = headers.text("ce_time") else {
        return Ok(None);
    };
    match parse_rfc3339(time) {
        Some(time) => Ok(Some(time)),
        None => Err(ErrorKind::BadTime { text: format!("{:?}", excerpt(time)) }.into()),
    }
}

/// Reads an event; the payload is its data.
pub(super) fn read(headers: &Headers, payload: Option<Bytes>) -> Result<CloudEvent, Error> {
    let time = check_binary(headers)?;
    let attribute = |name: &str| headers.text(name).map(str::to_owned);
    let mut event = CloudEvent {
        id: required(headers, "ce_id")?.to_owned(),
        source: required(headers, "ce_source")?.to_owned(),
        event_type: required(headers, "ce_type")?.to_owned(),
        subject: attribute("ce_subject"),
        time,
        data_content_type: attribute("content-type"),
        data_schema: attribute("ce_dataschema"),
        data: payload,
        ..CloudEvent::default()
    };
    for (name, value) in headers.iter() {
        let extension = name.strip_prefix(PREFIX).filter(|name| !is_reserved(name) && !name.is_empty());
        if let Some(extension) = extension {
            event.extensions.insert(extension.to_owned(), String::from_utf8_lossy(value).into_owned());
        }
    }
    if let Some(parent) = attribute(TRACEPARENT) {
        event.extensions.insert(TRACEPARENT.to_owned(), parent);
    }
    Ok(event)
}

fn required<'a>(headers: &'a Headers, name: &str) -> Result<&'a str, Error> {
    match headers.get(name).map(|value| std::str::from_utf8(value)) {
        None => Err(invalid(format!("the header {name} is missing"))),
        Some(Ok("")) => Err(invalid(format!("the header {name} is empty"))),
        Some(Ok(value)) => Ok(value),
        Some(Err(_)) => Err(invalid(format!("the header {name} is not valid UTF-8"))),
    }
}

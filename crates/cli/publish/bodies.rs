//! Records → bodies of requests to an engine.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use olocus_event::{OutRecord, is_sealed};
use serde_json::Value;

/// The body of a request.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) topic: Arc<str>,
    pub(super) form: Form,
    pub(super) bytes: Vec<u8>,
}

/// How a record travels over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// A CloudEvent with its data as JSON.
    Event,
    /// The record as it is, because its data is sealed.
    Sealed,
}

impl Form {
    fn of(record: &OutRecord) -> Form {
        if is_sealed(&record.headers) { Form::Sealed } else { Form::Event }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Form::Event => "application/cloudevents-batch+json",
            Form::Sealed => "application/vnd.olocus.records+json",
        }
    }

    fn write(self, record: &OutRecord) -> Vec<u8> {
        match self {
            Form::Event => structured(record),
            Form::Sealed => verbatim(record),
        }
    }

    fn separator(self) -> u8 {
        match self {
            Form::Event => b',',
            Form::Sealed => b'\n',
        }
    }
}

/// One body or more for each topic and form, in the order of their first record.
pub(super) fn bodies(records: &[OutRecord]) -> Vec<Body> {
    let mut bodies: Vec<Body> = Vec::new();
    let mut open: HashMap<(Arc<str>, Form), usize> = HashMap::new();
    for record in records {
        let form = Form::of(record);
        let event = form.write(record);
        let place = (Arc::clone(&record.topic), form);
        let current = open.get(&place).copied();
        let index = match current.filter(|&index| bodies[index].bytes.len() + event.len() < BODY_BYTES) {
            Some(index) => index,
            None => {
                bodies.push(Body { topic: Arc::clone(&record.topic), form, bytes: Vec::new() });
                open.insert(place, bodies.len() - 1);
                bodies.len() - 1
            }
        };
        let body = &mut bodies[index].bytes;
        match (body.is_empty(), form) {
            (true, Form::Event) => body.push(b'['),
            (true, Form::Sealed) => {}
            (false, form) => body.push(form.separator()),
        }
        body.extend(event);
    }
    for body in bodies.iter_mut().filter(|body| body.form == Form::Event) {
        body.bytes.push(b']');
    }
    bodies
}

/// A record with everything that belongs to it, bytes in base64.
fn verbatim(record: &OutRecord) -> Vec<u8> {
    let encoded = |bytes: &Bytes| Value::from(STANDARD.encode(bytes));
    let headers: serde_json::Map<String, Value> =
        record.headers.iter().map(|(name, value)| (name.to_owned(), encoded(value))).collect();
    let mut line = serde_json::Map::new();
    line.extend(record.key.as_ref().map(|key| ("key_base64".to_owned(), encoded(key))));
    line.insert("headers_base64".to_owned(), headers.into());
    line.extend(record.value.as_ref().map(|value| ("value_base64".to_owned(), encoded(value))));
    Value::from(line).to_string().into_bytes()
}

/// An event of binary mode, whose data is JSON, in structured mode. The record's key becomes `partitionkey`, the
/// attribute of CloudEvents' partitioning extension.
fn structured(record: &OutRecord) -> Vec<u8> {
    let mut event = Vec::new();
    let mut attribute = |name: &str, value: &[u8]| {
        event.push(if event.is_empty() { b'{' } else { b',' });
        event.extend(Value::from(name).to_string().into_bytes());
        event.push(b':');
        event.extend(Value::from(String::from_utf8_lossy(value)).to_string().into_bytes());
    };
    for (name, value) in record.headers.iter() {
        match name.strip_prefix("ce_") {
            Some(name) => attribute(name, value),
            None if name == "content-type" => attribute("datacontenttype", value),
            None => {}
        }
    }
    if let Some(key) = &record.key {
        attribute("partitionkey", key);
    }
    if let Some(data) = &record.value {
        event.extend_from_slice(br#","data":"#);
        event.extend_from_slice(data);
    }
    event.push(b'}');
    event
}

/// Bodies are kept below this, so that a server's limit is met only by a record that is large itself.
const BODY_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use olocus_event::Headers;

    use super::*;

    fn record(topic: &str, data: &str) -> OutRecord {
        let headers = [("ce_specversion", "1.0"), ("ce_id", "a\"b"), ("content-type", "application/json")];
        OutRecord {
            topic: topic.into(),
            partition: None,
            key: Some(Bytes::from_static(b"k")),
            headers: headers.into_iter().collect::<Headers>(),
            value: Some(Bytes::copy_from_slice(data.as_bytes())),
        }
    }

    #[test]
    fn events_are_structured_with_their_data_as_it_is() {
        let shown = String::from_utf8(structured(&record("t", r#"{"x":1.0}"#))).unwrap();
        let expected = r#"{"specversion":"1.0","id":"a\"b","datacontenttype":"application/json","partitionkey":"k","data":{"x":1.0}}"#;
        assert_eq!(shown, expected);
    }

    #[test]
    fn sealed_records_travel_as_they_are() {
        let mut sealed = record("a", "");
        sealed.headers.push("olocus-encoding", Bytes::from_static(b"aes-256-gcm"));
        sealed.value = Some(Bytes::from_static(&[0xff, 0]));
        let bodies = bodies(&[sealed.clone(), record("a", "{}"), sealed]);
        let [sealed, event] = &*bodies else { panic!("{bodies:?}") };
        assert_eq!((sealed.form, event.form), (Form::Sealed, Form::Event));
        let lines: Vec<Value> = sealed
            .bytes
            .split(|byte| *byte == b'\n')
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["key_base64"], "aw==");
        assert_eq!(lines[0]["value_base64"], "/wA=");
        assert_eq!(lines[0]["headers_base64"]["ce_specversion"], "MS4w");
    }

    #[test]
    fn bodies_are_arrays_by_topic_and_of_bounded_size() {
        let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(400_000));
        let records = [
            record("a", "{}"),
            record("b", &large),
            record("a", "{}"),
            record("b", &large),
            record("b", &large),
        ];
        let bodies = bodies(&records);
        let shape: Vec<(&str, usize)> = bodies
            .iter()
            .map(|body| (&*body.topic, serde_json::from_slice::<Vec<Value>>(&body.bytes).unwrap().len()))
            .collect();
        assert_eq!(shape, [("a", 2), ("b", 2), ("b", 1)]);
    }
}

//! Where records go.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use olocus_bus::{Durability, TopicSpec, Transport, Writer, WriterOptions};
use olocus_event::{OutRecord, is_sealed};
use serde_json::Value;

use crate::failure::Failure;
use crate::http::{Backoff, Client, Refusal};

/// Takes records, and returns when they are durable.
pub(super) trait Sink {
    /// Sends records in their order. What fails for a while is tried again, so that a record may arrive twice, with the
    /// same id; what was sent before a failure stays sent. `tell` shows the user what is waited for.
    fn send(&mut self, records: Vec<OutRecord>, tell: &dyn Fn(&str)) -> Result<(), Failure>;
}

/// Writes to a log itself.
pub(super) struct BusSink {
    writer: Box<dyn Writer>,
    transport: Box<dyn Transport>,
    /// Topics that exist for certain.
    topics: BTreeSet<Arc<str>>,
}

impl BusSink {
    pub(super) fn new(transport: Box<dyn Transport>, tell: &dyn Fn(&str)) -> Result<Self, Failure> {
        let options = WriterOptions { transactional_id: None, durability: Durability::Persistent };
        let writer = retrying("open a writer", tell, || transport.writer(options.clone()))?;
        Ok(Self { writer, transport, topics: BTreeSet::new() })
    }

    fn create_topics(&mut self, records: &[OutRecord], tell: &dyn Fn(&str)) -> Result<(), Failure> {
        let missing: BTreeSet<Arc<str>> = records
            .iter()
            .filter(|record| !self.topics.contains(&record.topic))
            .map(|record| Arc::clone(&record.topic))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let specs: Vec<TopicSpec> = missing.iter().map(|topic| TopicSpec::new(&**topic)).collect();
        retrying("create topics", tell, || self.transport.create_topics(&specs))?;
        self.topics.extend(missing);
        Ok(())
    }
}

impl Sink for BusSink {
    fn send(&mut self, records: Vec<OutRecord>, tell: &dyn Fn(&str)) -> Result<(), Failure> {
        self.create_topics(&records, tell)?;
        retrying("publish", tell, || self.writer.send(&records))
    }
}

/// Calls again what may succeed later.
fn retrying<T>(
    what: &str,
    tell: &dyn Fn(&str),
    mut call: impl FnMut() -> Result<T, olocus_bus::Error>,
) -> Result<T, Failure> {
    let mut backoff = Backoff::about_a_minute();
    let mut told = false;
    loop {
        let error = match call() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let failure = Failure::doing(what, &error);
        if error.retryable() && !told {
            told = true;
            tell(&format!("failed to {failure}; trying again"));
        }
        if !error.retryable() || !backoff.wait(None) {
            return Err(failure);
        }
    }
}

/// Hands records to an engine.
pub(super) struct HttpSink {
    client: Client,
}

impl HttpSink {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    fn post(&self, topic: &str, form: Form, body: &[u8], tell: &dyn Fn(&str)) -> Result<(), Failure> {
        let mut backoff = Backoff::about_a_minute();
        let mut told = false;
        loop {
            let (message, asked) = match self.client.post_events(topic, form.content_type(), body) {
                Ok(()) => return Ok(()),
                Err(Refusal::Later(message, asked)) => (message, asked),
                Err(Refusal::Final(message)) => return Err(Failure::new(message)),
                Err(Refusal::NotFound) => {
                    let url = self.client.url();
                    return Err(Failure::new(format!(
                        "publish to {topic}: {url} takes no events (404 Not Found)"
                    )));
                }
            };
            if !told {
                told = true;
                tell(&format!("failed to {message}; trying again"));
            }
            if !backoff.wait(asked) {
                return Err(Failure::new(message));
            }
        }
    }
}

impl Sink for HttpSink {
    fn send(&mut self, records: Vec<OutRecord>, tell: &dyn Fn(&str)) -> Result<(), Failure> {
        for ((topic, form), body) in bodies(&records) {
            self.post(&topic, form, &body, tell)?;
        }
        Ok(())
    }
}

/// How a record travels over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    /// A CloudEvent with its data as JSON.
    Event,
    /// The record as it is, because its data is sealed.
    Sealed,
}

impl Form {
    fn of(record: &OutRecord) -> Form {
        if is_sealed(&record.headers) { Form::Sealed } else { Form::Event }
    }

    fn content_type(self) -> &'static str {
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
fn bodies(records: &[OutRecord]) -> Vec<((Arc<str>, Form), Vec<u8>)> {
    let mut bodies: Vec<((Arc<str>, Form), Vec<u8>)> = Vec::new();
    let mut open: HashMap<(Arc<str>, Form), usize> = HashMap::new();
    for record in records {
        let form = Form::of(record);
        let event = form.write(record);
        let place = (Arc::clone(&record.topic), form);
        let current = open.get(&place).copied();
        let index = match current.filter(|&index| bodies[index].1.len() + event.len() < BODY_BYTES) {
            Some(index) => index,
            None => {
                bodies.push((place.clone(), Vec::new()));
                open.insert(place, bodies.len() - 1);
                bodies.len() - 1
            }
        };
        let body = &mut bodies[index].1;
        match (body.is_empty(), form) {
            (true, Form::Event) => body.push(b'['),
            (true, Form::Sealed) => {}
            (false, form) => body.push(form.separator()),
        }
        body.extend(event);
    }
    for ((_, form), body) in &mut bodies {
        if *form == Form::Event {
            body.push(b']');
        }
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
    use crate::http::test_server::{Server, ok, unavailable};

    #[test]
    fn a_busy_server_is_asked_again_and_gets_every_event() {
        let server = Server::start(vec![unavailable(), ok(""), ok("")]);
        let client = Client::new(&server.url(), Some("secret".to_owned())).unwrap();
        let told = std::cell::RefCell::new(Vec::new());
        let records = vec![record("a", r#"{"x":1}"#), record("b", "{}")];
        HttpSink::new(client).send(records, &|what| told.borrow_mut().push(what.to_owned())).unwrap();

        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        assert!(
            requests[0].head.starts_with("POST /v1/topics/a/events HTTP/1.1\r\n"),
            "{}",
            requests[0].head
        );
        assert!(requests[0].head.contains("authorization: Bearer secret\r\n"), "{}", requests[0].head);
        assert!(requests[0].head.contains("content-type: application/cloudevents-batch+json\r\n"));
        assert_eq!(requests[0].body, requests[1].body);
        assert!(requests[2].head.starts_with("POST /v1/topics/b/events "));
        let events: Vec<Value> = serde_json::from_slice(&requests[1].body).unwrap();
        assert_eq!(events[0]["data"]["x"], 1);
        let told = told.borrow();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains("503 Service Unavailable: not yet; trying again"), "{}", told[0]);
    }

    #[test]
    fn a_server_that_refuses_is_not_asked_again() {
        let server = Server::start(vec!["HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned()]);
        let client = Client::new(&server.url(), None).unwrap();
        let failure = HttpSink::new(client).send(vec![record("a", "{}")], &|_| ()).unwrap_err().to_string();
        assert!(
            failure.ends_with("401 Unauthorized; give its token with --token or OLOCUS_TOKEN"),
            "{failure}"
        );
        assert_eq!(server.requests().len(), 1);
    }

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
        let [((_, Form::Sealed), lines), ((_, Form::Event), _)] = &*bodies else { panic!("{bodies:?}") };
        let lines: Vec<Value> =
            lines.split(|byte| *byte == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect();
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
            .map(|((topic, _), body)| (&**topic, serde_json::from_slice::<Vec<Value>>(body).unwrap().len()))
            .collect();
        assert_eq!(shape, [("a", 2), ("b", 2), ("b", 1)]);
    }
}

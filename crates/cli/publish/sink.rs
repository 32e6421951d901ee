//! Where records go.

use std::collections::BTreeSet;
use std::sync::Arc;

use olocus_bus::{TopicSpec, Transport, Writer, WriterOptions};
use olocus_event::OutRecord;

use super::bodies::{Body, bodies};
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
        let options = WriterOptions::default();
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

    fn post(&self, body: &Body, tell: &dyn Fn(&str)) -> Result<(), Failure> {
        let mut backoff = Backoff::about_a_minute();
        let mut told = false;
        loop {
            let (message, asked) =
                match self.client.post_events(&body.topic, body.form.content_type(), &body.bytes) {
                    Ok(()) => return Ok(()),
                    Err(Refusal::Later(message, asked)) => (message, asked),
                    Err(Refusal::Final(message)) => return Err(Failure::new(message)),
                    Err(Refusal::NotFound) => {
                        let url = self.client.url();
                        return Err(Failure::new(format!(
                            "publish to {}: {url} takes no events (404 Not Found)",
                            body.topic
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
        for body in bodies(&records) {
            self.post(&body, tell)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use olocus_event::Headers;
    use serde_json::Value;

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
}

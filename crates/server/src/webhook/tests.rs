//! The worker against a small HTTP server and an embedded log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use olocus_bus::{Embedded, EmbeddedOptions, TopicSpec};
use olocus_event::{Headers, JsonText, Sealing, seal};
use serde_json::{Value, json};

use super::*;

/// A request as the receiver saw it.
struct Seen {
    headers: Vec<(String, String)>,
    body: Value,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

/// Answers one request after the other with these statuses, then refuses connections.
fn receiver(statuses: &'static [u16]) -> (String, mpsc::Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for status in statuses {
            let (mut socket, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let mut headers = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let Some((name, value)) = line.trim().split_once(": ") else {
                    if line.trim().is_empty() {
                        break;
                    }
                    continue;
                };
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            let length =
                headers.iter().find(|(name, _)| name == "content-length").unwrap().1.parse().unwrap();
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            write!(socket, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            let body = serde_json::from_slice(&body).unwrap();
            sender.send(Seen { headers, body }).unwrap();
        }
    });
    (url, seen)
}

struct World {
    transport: Arc<dyn Transport>,
    options: Options,
    _folder: tempfile::TempDir,
}

const KEY: [u8; 32] = [7; 32];

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let transport: Arc<dyn Transport> =
        Arc::new(Embedded::open(&folder.path().join("log"), EmbeddedOptions::default()).unwrap());
    let topics = ["app.webhooks", "app.dead-letter"].map(|name| TopicSpec::new(name).partitions(1));
    transport.create_topics(&topics).unwrap();
    let options = Options {
        application_id: "app".to_owned(),
        topic: "app.webhooks".into(),
        dead_letter: "app.dead-letter".into(),
        keyring: Arc::new(Keyring::new(Some("k"), [("k".to_owned(), KEY)]).unwrap()),
        limits: Limits::default(),
        environment: Environment::fixed([("SECRET", "hunter2")]),
        retry: Retry { attempts: 3, first: Duration::from_millis(1), total: Duration::from_secs(60) },
        renew_interval: None,
    };
    World { transport, options, _folder: folder }
}

impl World {
    fn ask(&self, url: &str, id: &str, header: &str) {
        let call = WebhookCall {
            url: url.to_owned(),
            headers: vec![("X-Secret".to_owned(), header.to_owned())],
            timeout: 10_000_000_000,
            id: id.to_owned(),
            data: JsonText::of(&json!({ "rule": "r", "id": id })).unwrap(),
        };
        self.put(Some(serde_json::to_vec(&call).unwrap().into()), true);
    }

    fn put(&self, value: Option<bytes::Bytes>, sealed: bool) {
        let mut record = OutRecord {
            topic: Arc::clone(&self.options.topic),
            partition: None,
            key: None,
            headers: Headers::new(),
            value,
        };
        if sealed {
            let sealing = Sealing { compress: true, encrypt: true };
            record = seal(record, &sealing, &self.options.keyring, [1; 12]).unwrap();
        }
        let mut writer = self.transport.writer(WriterOptions::default()).unwrap();
        writer.send(&[record]).unwrap();
    }

    /// Runs a worker until the group has settled so many calls.
    fn settle(&self, calls: i64) {
        let worker = Worker::start(Arc::clone(&self.transport), self.options.clone());
        let partition = [TopicPartition::new("app.webhooks", 0)];
        let settled = || {
            let committed = self.transport.committed("app.webhooks", &partition, Duration::ZERO).unwrap();
            committed[0].as_ref().is_some_and(|committed| committed.offset >= calls)
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while !settled() {
            assert!(Instant::now() < deadline, "the calls were not settled");
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(worker);
    }

    fn dead_letters(&self) -> Vec<Record> {
        let mut reader = self.transport.reader(ReaderOptions::default()).unwrap();
        reader.assign(&[(TopicPartition::new("app.dead-letter", 0), 0)]).unwrap();
        let mut letters = Vec::new();
        loop {
            for part in reader.poll(100, Duration::from_secs(5)).unwrap() {
                letters.extend(part.records);
                if part.end.is_some() {
                    return letters;
                }
            }
        }
    }
}

fn detail(letter: &Record) -> String {
    assert_eq!(letter.headers.get("olocus-dlq-cause").map(|value| &**value), Some(CAUSE.as_bytes()));
    String::from_utf8(letter.headers.get("olocus-dlq-detail").unwrap().to_vec()).unwrap()
}

#[test]
fn a_call_that_fails_twice_is_made_again_with_the_same_idempotency_key() {
    let world = world();
    let (url, seen) = receiver(&[500, 429, 204]);
    world.ask(&url, "m1", "Bearer ${SECRET}");
    world.settle(1);
    let requests: Vec<Seen> = seen.try_iter().collect();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.header("idempotency-key"), Some("m1"));
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("x-secret"), Some("Bearer hunter2"));
        assert_eq!(request.body, json!({ "rule": "r", "id": "m1" }));
    }
    assert!(world.dead_letters().is_empty());
}

#[test]
fn a_call_that_is_refused_goes_to_the_dead_letters_at_once() {
    let world = world();
    let (url, seen) = receiver(&[400, 200]);
    world.ask(&url, "m1", "x");
    world.ask(&url, "m2", "x");
    world.settle(2);
    let ids: Vec<_> = seen.try_iter().map(|request| request.body["id"].clone()).collect();
    assert_eq!(ids, [json!("m1"), json!("m2")], "no second attempt, and the next call is made");
    let [letter] = &*world.dead_letters() else { panic!("one dead letter") };
    assert!(detail(letter).contains("400"));
    assert_eq!(letter.headers.get("olocus-dlq-offset").map(|value| &**value), Some(&b"0"[..]));
}

#[test]
fn attempts_are_bounded_and_unreadable_calls_do_not_stop_the_others() {
    let world = world();
    let (url, seen) = receiver(&[500, 500, 500, 200]);
    world.put(Some(bytes::Bytes::from_static(b"{\"url\":")), false);
    world.put(None, false);
    world.ask("http://127.0.0.1:1/", "m0", "${MISSING}");
    world.ask(&url, "m1", "x");
    world.ask(&url, "m2", "x");
    world.settle(5);
    assert_eq!(seen.try_iter().count(), 4);
    let letters = world.dead_letters();
    let details: Vec<String> = letters.iter().map(detail).collect();
    assert_eq!(details.len(), 4, "{details:?}");
    assert!(details[0].contains("can't be read") && details[1].contains("can't be read"), "{details:?}");
    assert!(details[2].contains("`MISSING` is not set"), "{details:?}");
    assert!(details[3].contains("500"), "{details:?}");
}

#[test]
fn a_successor_goes_on_after_what_is_settled() {
    let world = world();
    let (url, seen) = receiver(&[200, 200]);
    world.ask(&url, "m1", "x");
    world.settle(1);
    world.ask(&url, "m2", "x");
    world.settle(2);
    let ids: Vec<_> = seen.try_iter().map(|request| request.body["id"].clone()).collect();
    assert_eq!(ids, [json!("m1"), json!("m2")]);
}

#[test]
fn what_is_settled_is_noted_again_although_no_call_comes() {
    let mut world = world();
    world.options.renew_interval = Some(Duration::from_millis(10));
    // Nothing but a renewal commits before the first call.
    world.settle(0);
}

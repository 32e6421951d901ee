//! The servers through real sockets, on an embedded log.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use olocus_bus::{Durability, Embedded, EmbeddedOptions, Transport};
use olocus_event::{Keyring, Limits};
use serde_json::{Value, json};

use super::*;
use crate::config::HttpConfig;

/// A server, its log and the folder of both.
struct World {
    servers: Servers,
    transport: Option<Arc<dyn Transport>>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: u16,
    body: Value,
}

const BODY_BYTES: usize = 10_000;

fn world(token: Option<&str>, kafka: bool, readiness: Result<(), String>) -> World {
    let folder = tempfile::tempdir().unwrap();
    let config = HttpConfig {
        listen: "127.0.0.1:0".to_owned(),
        metrics_listen: "127.0.0.1:0".to_owned(),
        token: None,
    };
    let listeners = Listeners::bind(&config, token.is_some()).unwrap();
    let transport: Option<Arc<dyn Transport>> = (!kafka).then(|| {
        let options = EmbeddedOptions { default_partitions: 2, ..EmbeddedOptions::default() };
        Arc::new(Embedded::open(&folder.path().join("log"), options).unwrap()) as Arc<dyn Transport>
    });
    let topics = transport.as_ref().map(|transport| {
        let publisher =
            Publisher::start(Arc::clone(transport), Durability::Persistent, Creation::default()).unwrap();
        let own = BTreeSet::from(["olocus.matches".to_owned()]);
        Topics::new(
            Arc::clone(transport),
            publisher,
            Arc::new(Keyring::empty()),
            Limits::default(),
            BODY_BYTES,
            own,
        )
    });
    let app = App {
        readiness: Box::new(move || readiness.clone()),
        topics,
        token: token.map(Secret::new),
        metrics: crate::metrics::recorder(),
    };
    World { servers: Servers::start(listeners, app).unwrap(), transport, _folder: folder }
}

fn open() -> World {
    world(None, false, Ok(()))
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .new_agent()
}

impl World {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.servers.address)
    }

    fn get(&self, path: &str) -> Answer {
        answer(agent().get(self.url(path)).call().unwrap())
    }

    fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        answer(agent().post(self.url(path)).content_type(content_type).send(body).unwrap())
    }

    fn publish(&self, topic: &str, events: &Value) -> Answer {
        self.post(&format!("/v1/topics/{topic}/events"), "application/json", &events.to_string())
    }

    fn lines(&self, path: &str) -> Vec<Value> {
        let body = agent().get(self.url(path)).call().unwrap().into_body().read_to_string().unwrap();
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn answer(response: ureq::http::Response<ureq::Body>) -> Answer {
    let status = response.status().as_u16();
    let text = response.into_body().read_to_string().unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

fn data(lines: &[Value], field: &str) -> Vec<Value> {
    let mut values: Vec<Value> = lines.iter().map(|line| line["data"][field].clone()).collect();
    values.sort_by_key(Value::to_string);
    values
}

#[test]
fn health_is_alive_and_readiness_gives_the_reason() {
    let ready = open();
    assert_eq!((ready.get("/health").status, ready.get("/ready").status), (200, 200));
    let waiting = world(None, false, Err("the broker is away".to_owned()));
    let answer = waiting.get("/ready");
    assert_eq!((waiting.get("/health").status, answer.status), (200, 503));
    assert_eq!(answer.body["reason"], "the broker is away");
    assert_eq!(ready.get("/nothing").status, 404);
}

#[test]
fn metrics_are_on_their_own_port() {
    let world = open();
    metrics::counter!("olocus_test_total").increment(3);
    let url = format!("http://{}/metrics", world.servers.metrics_address);
    let text = agent().get(url).call().unwrap().into_body().read_to_string().unwrap();
    assert!(text.contains("olocus_test_total 3"), "{text}");
    assert_eq!(world.get("/metrics").status, 404);
}

#[test]
fn what_is_published_can_be_read_with_its_coordinates() {
    let world = open();
    let answer = world.publish("auth.login?key=user", &json!([]));
    assert_eq!(answer.status, 404, "the query belongs behind the path");
    let answer = world.post(
        "/v1/topics/auth.login/events?key=user",
        "application/x-ndjson",
        "{\"user\":\"u1\",\"n\":1}\n{\"user\":\"u1\",\"n\":2}\n",
    );
    assert_eq!((answer.status, &answer.body), (200, &json!({ "accepted": 2 })));
    let lines = world.lines("/v1/topics/auth.login/events");
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["type"], "auth.login");
    assert_eq!(lines[0]["data"], json!({ "user": "u1", "n": 1 }));
    assert_eq!(
        (&lines[1]["key"], &lines[1]["offset"], &lines[1]["topic"]),
        (&json!("u1"), &json!(1), &json!("auth.login"))
    );
    assert_eq!(lines[0]["partition"], lines[1]["partition"], "one key, one partition");
    assert_eq!(
        world.get("/v1/topics").body,
        json!({ "topics": [{ "name": "auth.login", "partitions": 2 }] })
    );
}

#[test]
fn nothing_of_a_batch_with_a_bad_event_is_stored() {
    let world = open();
    assert_eq!(world.publish("t", &json!([{ "n": 1 }])).status, 200);
    let answer = world.publish("t", &json!([{ "n": 2 }, 3]));
    assert_eq!(answer.status, 400);
    assert_eq!((&answer.body["index"], &answer.body["cause"]), (&json!(1), &json!("not-an-object")));
    assert_eq!(data(&world.lines("/v1/topics/t/events"), "n"), [json!(1)]);
}

#[test]
fn cloud_events_come_back_as_they_were() {
    let world = open();
    let event = json!({
        "specversion": "1.0", "id": "e1", "source": "/s", "type": "auth.login", "time": "2026-01-01T00:00:00Z",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "data": { "n": 1 },
    });
    let answer = world.post("/v1/topics/t/events", "application/cloudevents+json", &event.to_string());
    assert_eq!(answer.status, 200, "{}", answer.body);
    let lines = world.lines("/v1/topics/t/events");
    for (name, value) in event.as_object().unwrap() {
        assert_eq!(&lines[0][name], value, "{name}");
    }
}

#[test]
fn names_bodies_and_queries_are_checked() {
    let world = open();
    let event = json!({});
    assert_eq!(world.publish("a%20b", &event).status, 400);
    assert_eq!(world.publish("__offsets", &event).status, 403);
    assert_eq!(world.publish("olocus.matches", &event).status, 403);
    assert_eq!(world.publish("t", &json!({ "a": "x".repeat(BODY_BYTES) })).status, 413);
    assert_eq!(world.get("/v1/topics/t/events").status, 404);
    assert_eq!(world.publish("t", &event).status, 200);
    for query in ["from=yesterday", "count=-1", "timeout=5", "form=end"] {
        let answer = world.get(&format!("/v1/topics/t/events?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.body);
        assert!(answer.body["error"].is_string());
    }
}

#[test]
fn a_body_without_a_length_is_capped_too() {
    let world = open();
    let mut socket = TcpStream::connect(world.servers.address).unwrap();
    socket
        .write_all(
            b"POST /v1/topics/t/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
        )
        .unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 4_000, " ".repeat(4_000));
    for _ in 0..3 {
        // The server may have answered and hung up before the last one.
        let _ = socket.write_all(chunk.as_bytes());
    }
    let mut status = [0; 12];
    socket.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

#[test]
fn streams_end_by_count_and_timeout_and_begin_where_they_are_told() {
    let world = open();
    world.publish("t", &json!([{ "n": 1 }, { "n": 2 }, { "n": 3 }]));
    assert_eq!(world.lines("/v1/topics/t/events?count=2&follow=true").len(), 2);
    assert_eq!(world.lines("/v1/topics/t/events?count=0").len(), 0);
    assert_eq!(world.lines("/v1/topics/t/events?from=end").len(), 0);
    assert_eq!(world.lines("/v1/topics/t/events?from=2000-01-01T00:00:00Z").len(), 3);
    assert_eq!(world.lines("/v1/topics/t/events?from=2200-01-01T00:00:00Z").len(), 0);
    assert_eq!(world.lines("/v1/topics/t/events?follow=true&timeout=300ms").len(), 3);
    assert_eq!(world.lines("/v1/topics/missing/events?follow=true&timeout=300ms").len(), 0);
}

#[test]
fn a_follower_waits_for_the_topic_and_sees_what_comes() {
    let world = open();
    let response =
        agent().get(world.url("/v1/topics/later/events?follow=true&from=end&count=2")).call().unwrap();
    world.publish("later", &json!([{ "n": 1 }]));
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["data"]["n"], 1);
    world.publish("later", &json!([{ "n": 2 }]));
    let second: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(second["data"]["n"], 2);
    assert!(lines.next().is_none());
}

#[test]
fn many_requests_at_once_are_all_stored() {
    let world = open();
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let world = &world;
            scope.spawn(move || {
                for number in 0..5 {
                    // One of them is bad and must not take its neighbours with it.
                    let event = if number == 3 { json!(1) } else { json!({ "n": sender * 10 + number }) };
                    let expected = if number == 3 { 400 } else { 200 };
                    assert_eq!(world.publish("t", &event).status, expected);
                }
            });
        }
    });
    assert_eq!(world.lines("/v1/topics/t/events").len(), 32);
}

#[test]
fn with_a_token_everything_but_health_asks_for_it() {
    let world = world(Some("s3cret"), false, Ok(()));
    let metrics = format!("http://{}/metrics", world.servers.metrics_address);
    assert_eq!((world.get("/health").status, world.get("/ready").status), (200, 200));
    for url in [world.url("/v1/topics"), world.url("/v1/topics/t/events"), metrics] {
        assert_eq!(agent().get(&url).call().unwrap().status(), 401, "{url}");
        let wrong = agent().get(&url).header("authorization", "Bearer s3creT").call().unwrap();
        assert_eq!(wrong.status(), 401, "{url}");
        let right = agent().get(&url).header("authorization", "Bearer s3cret").call().unwrap();
        assert_ne!(right.status(), 401, "{url}");
    }
}

#[test]
fn without_a_token_web_pages_are_kept_out() {
    let world = open();
    let request = agent().post(world.url("/v1/topics/t/events")).header("origin", "https://evil.example");
    assert_eq!(request.send("{}").unwrap().status(), 403);
    assert!(world.transport.as_ref().unwrap().topics().unwrap().is_empty());
}

#[test]
fn on_kafka_topics_are_for_kafka_clients() {
    let world = world(None, true, Ok(()));
    let answer = world.publish("t", &json!({}));
    assert_eq!(answer.status, 409);
    assert!(answer.body["error"].as_str().unwrap().contains("Kafka"), "{}", answer.body);
    assert_eq!(world.get("/v1/topics/t/events").status, 409);
}

#[test]
fn stopping_ends_streams() {
    let world = open();
    world.publish("t", &json!({}));
    let response = agent().get(world.url("/v1/topics/t/events?follow=true")).call().unwrap();
    let mut lines = BufReader::new(response.into_body().into_reader()).lines();
    assert!(lines.next().unwrap().is_ok());
    drop(world.servers);
    // Ended, or broken off: either way it does not hang.
    assert!(lines.next().is_none_or(|line| line.is_err()));
}

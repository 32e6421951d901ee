//! The HTTP interface of an engine on the embedded log, and what it keeps out.

use serde_json::{Value, json};

use crate::engine::{Engine, command_with_input, get, post, refused};
use crate::support::text;
use crate::world::World;

const RULES: &str = "
version: 1
rules:
  - name: any
    sequence: [ { step: only, event: PREFIX.in } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

const JSON: (&str, &str) = ("content-type", "application/json");
const LINES: (&str, &str) = ("content-type", "application/x-ndjson");

#[test]
fn events_are_taken_one_by_one_as_arrays_and_as_lines() {
    let world = World::embedded();
    let config = world.file("olocus.yaml", "{orchestration: {limits: {body_bytes: 1024}}}");
    let engine = world.start(&["--config", &config, "--rules", &world.file("rules.yaml", RULES)]);
    let events = |topic: &str| format!("{}/v1/topics/{topic}/events", engine.url);
    let url = events(&world.topic("in"));

    let accepted = |answer: (u16, String)| -> Value {
        assert_eq!(answer.0, 200, "{}", answer.1);
        serde_json::from_str::<Value>(&answer.1).unwrap()["accepted"].clone()
    };
    assert_eq!(accepted(post(&url, &[JSON], b"{\"n\": 1}")), 1);
    assert_eq!(accepted(post(&url, &[JSON], b"[{\"n\": 2}, {\"n\": 3}]")), 2);
    assert_eq!(accepted(post(&url, &[LINES], b"{\"n\": 4}\n{\"n\": 5}\n\n{\"n\": 6}")), 3);
    let structured = json!({
        "specversion": "1.0", "id": "7", "source": "/test", "type": world.topic("in"), "data": {"n": 7}
    });
    let kind = ("content-type", "application/cloudevents+json");
    assert_eq!(accepted(post(&url, &[kind], structured.to_string().as_bytes())), 1);

    // All or nothing.
    for (header, body) in [
        (JSON, "[{\"n\": 8}, {\"n\": ]"),
        (JSON, "[{\"n\": 8}, 9]"),
        (LINES, "{\"n\": 8}\n{\"n\": 9"),
        (JSON, ""),
    ] {
        let (status, said) = post(&url, &[header], body.as_bytes());
        assert_eq!(status, 400, "{body}: {said}");
    }
    let (status, said) = post(&url, &[JSON], json!({"n": "x".repeat(1024)}).to_string().as_bytes());
    assert!(status == 413 && said.contains("body_bytes"), "{status} {said}");
    let (status, said) = post(&url, &[("content-type", "image/png")], b"{}");
    assert_eq!(status, 415, "{said}");
    let (status, said) = post(&events(&world.topic("dead-letter")), &[JSON], b"{}");
    assert_eq!(status, 403, "{said}");
    let (status, said) = post(&url, &[JSON, ("origin", "http://evil.example")], b"{\"n\": 8}");
    assert_eq!(status, 403, "{said}");

    let mut numbers: Vec<i64> = engine
        .tail(&world.topic("out"), 7)
        .iter()
        .map(|event| event["data"]["emit"]["n"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let (status, stream) = get(&format!("{}?from=beginning", events(&world.topic("out"))));
    assert_eq!((status, stream.lines().count()), (200, 7), "{stream}");
    engine.stop();
    assert_eq!(world.records(&world.topic("in")).len(), 7);
}

#[test]
fn beyond_this_machine_only_with_a_token() {
    let world = World::embedded();
    let rules = world.file("rules.yaml", RULES);
    for option in ["--listen", "--metrics-listen"] {
        let mut open = crate::engine::command(&["run", "--rules", &rules, "--data-dir"]);
        open.arg(world.data()).args([option, "0.0.0.0:0"]);
        let other = if option == "--listen" { "--metrics-listen" } else { "--listen" };
        let output = refused({
            open.args([other, "127.0.0.1:0"]);
            open
        });
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("without a token") && told.contains("token_env"), "{told}");
        assert!(!world.data().exists(), "a data directory was made");
    }

    let token = "a-secret-of-the-test";
    let config = world.file("olocus.yaml", "{orchestration: {http: {token_env: OLOCUS_TOKEN}}}");
    let run = |token: Option<&str>| {
        let mut run = world.run(&["--config", &config, "--rules", &rules]);
        token.map(|token| run.env("OLOCUS_TOKEN", token));
        run
    };
    let output = refused(run(None));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("OLOCUS_TOKEN"), "{}", text(&output.stderr));

    let engine = Engine::start(run(Some(token)), None).once_ready();
    let url = format!("{}/v1/topics/{}/events", engine.url, world.topic("in"));
    assert_eq!(post(&url, &[JSON], b"{\"n\": 1}").0, 401);
    assert_eq!(post(&url, &[JSON, ("authorization", "Bearer wrong")], b"{\"n\": 1}").0, 401);
    assert_eq!(get(&format!("{}/health", engine.url)).0, 200, "orchestrators hold no token");
    let bearer = format!("Bearer {token}");
    let (status, said) = post(&url, &[JSON, ("authorization", &bearer)], b"{\"n\": 1}");
    assert_eq!(status, 200, "{said}");

    let topic = world.topic("in");
    let publish = ["publish", &topic, "-", "--server", &engine.url];
    let output = command_with_input(&publish, "{\"n\": 2}");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("--token"), "{}", text(&output.stderr));
    engine.publish(&topic, "{\"n\": 2}", &["--token", token]);
    engine.tail_with(&world.topic("out"), 2, &["--token", token]);
    let log = engine.stop();
    assert!(!log.contains(token), "the token in the log");
}

#[test]
fn on_kafka_topics_are_not_offered() {
    let Some(world) = World::kafka() else { return };
    let engine = world.start(&["--rules", &world.file("rules.yaml", RULES)]);
    let (status, said) =
        post(&format!("{}/v1/topics/{}/events", engine.url, world.topic("in")), &[JSON], b"{}");
    assert!(status == 409 && said.contains("--brokers"), "{status} {said}");
    engine.stop();
}

//! `olocus run`: from events to matches, stopping and going on.

use std::collections::BTreeSet;

use olocus_bus::TopicSpec;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::world::{World, clock, on_both_logs};

/// A privileged login and a large export, as topics of the test.
const CHAIN: &str = "
version: 1
rules:
  - name: chain
    severity: high
    by: user
    sequence:
      - { step: login, event: PREFIX.login, where: role = 'admin' }
      - { step: export, event: PREFIX.export, where: volume > 10MB, within: 5m }
    emit: { user: login.user, bytes: export.volume }
    actions: [ { publish: PREFIX.alerts } ]
";

on_both_logs!(
    what_counts_is_there_at_zero_from_the_start,
    matches_come_and_a_restart_does_nothing_twice,
    the_last_match_is_seen_without_a_further_event,
    a_run_begins_where_it_is_told_to,
);

fn what_counts_is_there_at_zero_from_the_start(world: &World) {
    let options = chain(world);
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let engine = world.start(&options);
    for name in [
        "olocus_events_total",
        "olocus_decode_failures_total",
        "olocus_values_unconverted_total",
        "olocus_conditions_failed_total",
        "olocus_late_events_total",
        "olocus_passed_over_records_total",
        "olocus_matches_total",
        "olocus_records_lost_total",
        "olocus_commit_failures_total",
        "olocus_time_forced_total",
    ] {
        assert!(engine.has_metric(name), "{name}");
        assert_eq!(engine.metric(name, ""), 0.0, "{name}");
    }
    engine.stop();
}

/// Events that are a moment apart come in any order from several partitions.
const SOURCES: &str = "
orchestration:
  sources: [ { topics: [PREFIX.login, PREFIX.export], out_of_order: 1s, idle_after: 300ms } ]
";

/// Options of `run` for the rule above.
pub(crate) fn chain(world: &World) -> [String; 4] {
    let (config, rules) = (world.file("olocus.yaml", SOURCES), world.file("chain.yaml", CHAIN));
    ["--config".to_owned(), config, "--rules".to_owned(), rules]
}

/// A login and an export of each user, which make a match each, with noise between them.
pub(crate) fn chains(world: &World, users: std::ops::Range<usize>) -> String {
    let now = clock(0);
    let mut lines = String::new();
    for user in users.clone() {
        let login =
            json!({"kind": world.topic("login"), "user": format!("u{user}"), "role": "admin", "time": now});
        lines += &format!("{login}\n");
    }
    let later = clock(1);
    for user in users {
        let (kind, user) = (world.topic("export"), format!("u{user}"));
        for volume in [5, 20_000_000] {
            lines += &format!("{}\n", json!({"kind": kind, "user": user, "volume": volume, "time": later}));
        }
    }
    lines
}

pub(crate) const SPREAD: [&str; 6] = ["--topic-expr", "kind", "--time-field", "time", "--key", "user"];

pub(crate) fn users(matches: &[Value]) -> Vec<String> {
    let mut users: Vec<String> =
        matches.iter().map(|found| found["key"].as_str().unwrap().to_owned()).collect();
    users.sort();
    users
}

pub(crate) fn expected(range: std::ops::Range<usize>) -> Vec<String> {
    let mut users: Vec<String> = range.map(|user| format!("u{user}")).collect();
    users.sort();
    users
}

/// With no configuration, as a first-time user runs it.
fn matches_come_and_a_restart_does_nothing_twice(world: &World) {
    let rules = world.file("rules.yaml", CHAIN);
    let options = ["--rules", &rules];
    let alerts = world.topic("alerts");
    let engine = world.start(&options);
    engine.publish("unused", &chains(world, 0..6), &SPREAD);
    let shown = engine.tail(&alerts, 6);
    for event in &shown {
        assert_eq!((&event["specversion"], &event["topic"]), (&json!("1.0"), &json!(alerts)), "{event}");
        let data = &event["data"];
        assert_eq!(data["rule"], "chain");
        assert_eq!(data["severity"], "high");
        assert_eq!(data["emit"], json!({"user": data["key"], "bytes": 20_000_000}));
        assert_eq!(data["id"], event["id"]);
        let steps: Vec<&String> = data["events"].as_object().unwrap().keys().collect();
        assert_eq!(steps, ["login", "export"]);
        assert_eq!(data["events"]["login"][0]["topic"], json!(world.topic("login")));
    }
    let data: Vec<Value> = shown.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(users(&data), expected(0..6));
    engine.stop();

    // As a supervisor stops it; then as a power cut does.
    let engine = world.start(&options);
    engine.publish("unused", &chains(world, 6..9), &SPREAD);
    engine.tail(&alerts, 9);
    engine.kill();
    let engine = world.start(&options);
    engine.publish("unused", &chains(world, 9..12), &SPREAD);
    engine.tail(&alerts, 12);
    engine.stop();

    let matches = world.values(&alerts);
    assert_eq!(users(&matches), expected(0..12));
    let ids: BTreeSet<&str> = matches.iter().map(|found| found["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 12);
    for topic in ["dead-letter", "late"] {
        assert_eq!(world.records(&world.topic(topic)).len(), 0, "{topic}");
    }
}

/// One topic of several partitions of which one has events: only silence tells that nothing else will come.
fn the_last_match_is_seen_without_a_further_event(world: &World) {
    let rules = "
version: 1
rules:
  - name: seen
    sequence: [ { step: only, event: PREFIX.in } ]
    actions: [ { publish: PREFIX.out } ]
  - name: closed
    window: { tumbling: 1s, event: PREFIX.in }
    having: count(*) >= 1
    actions: [ { publish: PREFIX.out } ]
";
    let engine = world.start(&["--rules", &world.file("rules.yaml", rules)]);
    let event = json!({"time": clock(0)});
    engine.publish(&world.topic("in"), &event.to_string(), &["--time-field", "time"]);
    let rules: BTreeSet<String> = engine
        .tail(&world.topic("out"), 2)
        .iter()
        .map(|event| event["data"]["rule"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(rules, ["closed", "seen"].map(str::to_owned).into());
    engine.stop();
}

/// The place to begin counts for partitions of which nothing was committed, and only for those.
fn a_run_begins_where_it_is_told_to(world: &World) {
    let topic = world.topic("in");
    let event = |n: u32| crate::world::record(&topic, json!({"n": n}).to_string());
    world.write(&[TopicSpec::new(&*topic).partitions(1)], &[event(1)]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    let between = clock(0);
    std::thread::sleep(std::time::Duration::from_millis(20));
    world.write(&[], &[event(2)]);
    let rules = "
version: 1
rules:
  - name: any
    sequence: [ { step: only, event: PREFIX.in } ]
    emit: { n: only.n }
";
    let rules = world.file("rules.yaml", rules);
    let numbers = |application: &str, from: &str, count: usize| -> Vec<Value> {
        let run = world.run_as(application, &["--rules", &rules, "--from", from]);
        let engine = Engine::start(run, world.brokers.as_deref()).once_ready();
        engine.publish(&topic, &json!({"n": 9}).to_string(), &[]);
        let matches = engine.tail(&format!("{application}.matches"), count);
        engine.stop();
        let mut numbers: Vec<Value> =
            matches.iter().map(|event| event["data"]["emit"]["n"].clone()).collect();
        numbers.sort_by_key(Value::as_i64);
        numbers
    };
    let application = |name: &str| format!("{}-{name}", world.name);
    assert_eq!(numbers(&application("end"), "end", 1), [9]);
    assert_eq!(numbers(&application("time"), &between, 3), [2, 9, 9]);
    assert_eq!(numbers(&application("start"), "earliest", 5), [1, 2, 9, 9, 9]);
    // It goes on where it was, whatever it is told.
    assert_eq!(numbers(&application("end"), "earliest", 4), [9, 9, 9, 9]);
}

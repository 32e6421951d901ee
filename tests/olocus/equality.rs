//! The same rules on the same events give the same matches by `replay`, on the embedded log and on Kafka.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::engine::{Engine, command, json_lines};
use crate::support::{root, text};
use crate::world::{World, on_both_logs};

const WINDOWS: &str = "
version: 1
rules:
  - name: hourly_volume
    by: user_id
    window: { tumbling: 1h, event: data.access }
    having: count(*) >= 7
    emit: { n: count(*), bytes: sum(bytes), largest: max(bytes) }
    actions: [ { publish: PREFIX-out } ]
  - name: overlapping
    window: { sliding: 30m, every: 10m, event: [auth.login, auth.failed] }
    having: count(distinct user_id) > 12
    emit: { users: count(distinct user_id) }
    actions: [ { publish: PREFIX-out } ]
  - name: recent_failures
    by: user_id
    window: { sliding: 20m, event: auth.failed }
    having: count(*) >= 2
    actions: [ { publish: PREFIX-out } ]
  - name: burst
    by: user_id
    window: { session: 5m, event: data.access }
    having: count(*) > 3
    emit: { mean: avg(bytes) }
    actions: [ { publish: PREFIX-out } ]
  - name: last_exports
    by: user_id
    window: { count: 3, event: data.export }
    where: volume > 1kB
    having: sum(volume) > 8MB
    actions: [ { publish: PREFIX-out } ]
  - name: failed_then_in
    by: user_id
    within: 10m
    sequence:
      - { step: failed, event: auth.failed }
      - { step: login, event: auth.login }
      - { step: access, event: 'data.*', where: \"data_classification <> 'public'\" }
    actions: [ { publish: PREFIX-out } ]
";

/// Where nothing comes within half a second after the end was reached, nothing will: all is published before the engine
/// starts.
const CONFIG: &str = "
orchestration:
  sources:
    - topics: ['PREFIX.**']
      out_of_order: OUT_OF_ORDER
      idle_after: 500ms
";

const EVENTS: &str = "12000";

on_both_logs!(a_run_finds_what_a_replay_of_the_file_finds, disorder_within_the_bound_changes_nothing);

fn a_run_finds_what_a_replay_of_the_file_finds(world: &World) {
    let day = day();
    check_ties(&day);
    let file = world.file("day.ndjson", &day);
    let matches = replayed(world, &file, "0s");
    let expected = counted(&matches);
    let found = run_over(world, &file, "0s");
    assert_eq!(counted(&found), expected);
    if world.brokers.is_some() {
        assert_eq!(exact(&replayed_topics(world, "0s")), exact(&found), "coordinates and ids too");
    }
}

/// The events of the day, some of which change places with others of up to ten seconds before.
fn disorder_within_the_bound_changes_nothing(world: &World) {
    let day = day();
    let tidy = world.file("tidy.ndjson", &day);
    let expected = counted(&replayed(world, &tidy, "0s"));

    let mut lines: Vec<(i64, &str)> = day.lines().map(|line| (nanoseconds(line), line)).collect();
    for (at, (time, _)) in lines.iter_mut().enumerate() {
        *time += (at as i64 * 7919 % 10) * 1_000_000_000;
    }
    lines.sort();
    let mixed: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    assert_ne!(mixed, day);
    let mixed = world.file("mixed.ndjson", &mixed);
    assert_eq!(counted(&replayed(world, &mixed, "10s")), expected);
    assert_eq!(counted(&run_over(world, &mixed, "10s")), expected);
}

/// A generated day, and two days later an event after which all windows are over.
fn day() -> String {
    let output = command(&["generate", "enterprise", "--events", EVENTS, "--start", "2024-03-04T00:00:00Z"])
        .output()
        .unwrap();
    assert!(output.status.success());
    text(&output.stdout)
        + "{\"id\":\"end\",\"type\":\"end.of.data\",\"time\":\"2024-03-07T00:00:00Z\",\"user_id\":\"nobody\"}\n"
}

/// Events of equal time and key must be in one partition, or their order is not given. Windows over all keys have one
/// key for all.
fn check_ties(day: &str) {
    let mut seen = BTreeSet::new();
    for line in day.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let kind = event["type"].as_str().unwrap();
        let key = match kind {
            "pipeline.stage.completed" | "auth.login" | "auth.failed" => Value::Null,
            _ => event["user_id"].clone(),
        };
        assert!(seen.insert((event["time"].to_string(), key.to_string())), "a tie: {line}");
    }
}

/// The rules as files whose matches go to a topic of this test.
fn rules(world: &World) -> Vec<String> {
    let shipped = |name: &str, topic: &str| {
        let rules = std::fs::read_to_string(root().join("rules").join(name)).unwrap();
        assert!(rules.contains(topic));
        world.file(name, &rules.replace(topic, "PREFIX-out"))
    };
    let files = [
        shipped("security.yaml", "security.alerts"),
        shipped("operations.yaml", "ops.alerts"),
        world.file("windows.yaml", WINDOWS),
    ];
    files.into_iter().flat_map(|file| ["--rules".to_owned(), file]).collect()
}

fn replayed(world: &World, file: &str, bound: &str) -> Vec<Value> {
    let rules = rules(world);
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let options = ["--input", file, "--time-field", "time", "--type-expr", "type", "--out-of-order", bound];
    replay(&[&rules[..], &options].concat())
}

fn replayed_topics(world: &World, bound: &str) -> Vec<Value> {
    let topics = world.open().topics().unwrap();
    let prefix = world.topic("");
    let own = ["dead-letter", "late", "matches"].map(|name| world.topic(name));
    let topics = topics.keys().filter(|topic| topic.starts_with(&prefix) && !own.contains(topic));
    let mut options: Vec<String> = topics.flat_map(|topic| ["--topic".to_owned(), topic.clone()]).collect();
    options.extend(["--brokers".to_owned(), world.brokers.clone().unwrap()]);
    options.extend(["--out-of-order".to_owned(), bound.to_owned()]);
    options.extend(rules(world));
    replay(&options.iter().map(String::as_str).collect::<Vec<_>>())
}

fn replay(options: &[&str]) -> Vec<Value> {
    let output = command(&[&["replay"], options].concat()).output().unwrap();
    let summary = text(&output.stderr);
    assert!(output.status.success(), "{summary}");
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["late", "0"])), "{summary}");
    assert!(summary.lines().any(|line| line.split_whitespace().eq(["dead-lettered", "0"])), "{summary}");
    json_lines(&text(&output.stdout))
}

/// Publishes the file to a topic of several partitions per event type, and runs the rules over them.
fn run_over(world: &World, file: &str, bound: &str) -> Vec<Value> {
    let expected = replayed(world, file, bound).len();
    let loader = match world.brokers {
        Some(_) => None,
        // Only through an engine can events come to the embedded log.
        None => Some(loader(world)),
    };
    let connection = match (&loader, &world.brokers) {
        (Some(loader), _) => ["--server", &loader.url],
        (None, brokers) => ["--brokers", brokers.as_deref().unwrap()],
    };
    let spread = format!("'{}.' || type", world.name);
    let options =
        ["--topic-expr", &spread, "--type-expr", "type", "--time-field", "time", "--key", "user_id"];
    let output =
        command(&[&["publish", "unused", file], &connection[..], &options].concat()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    loader.map(Engine::stop);

    let config = world.file("olocus.yaml", &CONFIG.replace("OUT_OF_ORDER", bound));
    let rules = rules(world);
    let options: Vec<&str> =
        ["--config", &config].into_iter().chain(rules.iter().map(String::as_str)).collect();
    let engine = world.start(&options);
    let out = format!("{}-out", world.name);
    engine.tail(&out, expected);
    assert_eq!(engine.metric("olocus_late_events_total", ""), 0.0);
    assert_eq!(engine.metric("olocus_decode_failures_total", ""), 0.0);
    assert_eq!(engine.metric("olocus_matches_total", ""), expected as f64);
    engine.stop();

    assert_eq!(world.records(&world.topic("late")).len(), 0);
    let partitions = world.open().topics().unwrap()[&world.topic("data.access")];
    assert!(partitions >= 3, "{partitions}");
    world.values(&out)
}

/// An engine that only takes events in.
fn loader(world: &World) -> Engine {
    let rules = world.file(
        "loader.yaml",
        "{version: 1, rules: [{name: none, sequence: [{step: s, event: PREFIX-none}]}]}",
    );
    let name = format!("{}-loader", world.name);
    Engine::start(world.run_as(&name, &["--rules", &rules]), None).once_ready()
}

/// Matches as a multiset, without what depends on where the events are.
fn counted(matches: &[Value]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for found in matches {
        let mut bare = found.clone();
        bare["id"] = Value::Null;
        for event in bare.get_mut("events").and_then(Value::as_object_mut).into_iter().flatten() {
            *event.1 = event.1.as_array().unwrap().iter().map(|event| event["time"].clone()).collect();
        }
        if let Some(window) = bare.get_mut("window") {
            for edge in ["first", "last"] {
                window[edge] = window[edge]["time"].clone();
            }
        }
        *counts.entry(bare.to_string()).or_default() += 1;
    }
    let rules: BTreeSet<&str> = matches.iter().map(|found| found["rule"].as_str().unwrap()).collect();
    let all = "burst data_processing_pipeline_health failed_then_in hourly_volume last_exports overlapping \
               recent_failures suspicious_access_pattern";
    assert_eq!(rules.into_iter().collect::<Vec<_>>().join(" "), all, "every rule finds something");
    counts
}

/// Matches as they are, in an order of their own.
fn exact(matches: &[Value]) -> Vec<String> {
    let mut lines: Vec<String> = matches.iter().map(|found| json!(found).to_string()).collect();
    lines.sort();
    lines
}

fn nanoseconds(line: &str) -> i64 {
    let event: Value = serde_json::from_str(line).unwrap();
    let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
    time.as_nanosecond() as i64
}

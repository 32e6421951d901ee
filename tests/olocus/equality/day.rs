//! A generated day of an enterprise, in topics by event type.

use std::collections::BTreeSet;

use serde_json::Value;

use super::case::{Case, counted, exact};
use crate::engine::command;
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
    by: [user_id, meta.type]
    include: events
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

const EVENTS: &str = "12000";

on_both_logs!(
    a_run_finds_what_a_replay_of_the_file_finds,
    disorder_within_the_bound_changes_nothing,
    coordinates_and_ids_are_those_of_a_replay,
);

fn a_run_finds_what_a_replay_of_the_file_finds(world: &World) {
    let day = day();
    check_ties(&day);
    let case = case(world, "day.ndjson", &day, "0s");
    let found = case.run();
    let partitions = world.open().topics().unwrap()[&world.topic("data.access")];
    assert!(partitions >= 3, "{partitions}");
    check_rules(&found);
    assert_eq!(counted(&found), counted(&case.replay_file()));
    if world.brokers.is_some() {
        assert_eq!(exact(&case.replay_topics()), exact(&found), "coordinates and ids too");
    }
}

/// The events of the day, some of which change places with others of up to ten seconds before.
fn disorder_within_the_bound_changes_nothing(world: &World) {
    let day = day();
    let expected = counted(&case(world, "tidy.ndjson", &day, "0s").replay_file());
    let mut lines: Vec<(i64, &str)> = day.lines().map(|line| (nanoseconds(line), line)).collect();
    for (at, (time, _)) in lines.iter_mut().enumerate() {
        *time += (at as i64 * 7919 % 10) * 1_000_000_000;
    }
    lines.sort();
    let mixed: String = lines.iter().map(|(_, line)| format!("{line}\n")).collect();
    assert_ne!(mixed, day);
    let case = case(world, "mixed.ndjson", &mixed, "10s");
    assert_eq!(counted(&case.replay_file()), expected);
    assert_eq!(counted(&case.run()), expected);
}

fn coordinates_and_ids_are_those_of_a_replay(world: &World) {
    let case = case(world, "day.ndjson", &day(), "0s");
    check_rules(&case.run_like_files(|event| world.topic(event["type"].as_str().unwrap())));
}

fn case<'a>(world: &'a World, name: &str, events: &str, bound: &'a str) -> Case<'a> {
    Case {
        world,
        events: world.file(name, events),
        rules: rules(world),
        time_field: "time",
        type_expr: "type",
        topic_expr: format!("'{}.' || type", world.name),
        key: "user_id",
        bound,
    }
}

fn day() -> String {
    let output = command(&["generate", "enterprise", "--events", EVENTS, "--start", "2024-03-04T00:00:00Z"])
        .output()
        .unwrap();
    assert!(output.status.success());
    text(&output.stdout)
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
    vec![
        shipped("security.yaml", "security.alerts"),
        shipped("operations.yaml", "ops.alerts"),
        world.file("windows.yaml", WINDOWS),
    ]
}

fn check_rules(matches: &[Value]) {
    let rules: BTreeSet<&str> = matches.iter().map(|found| found["rule"].as_str().unwrap()).collect();
    let all = "burst data_processing_pipeline_health failed_then_in hourly_volume last_exports overlapping \
               recent_failures suspicious_access_pattern";
    assert_eq!(rules.into_iter().collect::<Vec<_>>().join(" "), all, "every rule finds something");
}

fn nanoseconds(line: &str) -> i64 {
    let event: Value = serde_json::from_str(line).unwrap();
    let time: jiff::Timestamp = event["time"].as_str().unwrap().parse().unwrap();
    time.as_nanosecond() as i64
}

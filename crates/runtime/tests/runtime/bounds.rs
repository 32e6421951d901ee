//! What is held in memory is bounded by its size, not only by its number.

use std::sync::Arc;

use bytes::Bytes;
use olocus_cep::Limits;
use olocus_event::{Headers, Keyring, OutRecord, Record, Sealing, seal};
use olocus_runtime::Task;
use serde_json::json;

use crate::support::{input, plan, preparer, record, task};

const RULES: &str =
    "{ version: 1, rules: [ { name: r, sequence: [ { step: a, event: e }, { step: b, event: never } ] } ] }";

/// A small record that inflates to so many bytes.
fn inflating(offset: i64, bytes: usize) -> Record {
    let value = Bytes::from(format!("{{\"filler\":\"{}\"}}", "0".repeat(bytes)));
    let headers = Headers::from_iter([("content-type", "application/json")]);
    let plain = OutRecord { topic: "e".into(), partition: None, key: None, headers, value: Some(value) };
    let sealing = Sealing { compress: true, encrypt: false };
    let OutRecord { headers, value, .. } = seal(plain, &sealing, &Keyring::empty(), [0; 12]).unwrap();
    assert!(value.as_ref().unwrap().len() < bytes / 100);
    Record { offset, timestamp: offset, key: None, value, headers }
}

#[test]
fn records_are_inflated_one_batch_at_a_time() {
    let plan = plan(RULES, 0);
    let mut preparer = preparer(&plan);
    let mut records = (0..5).map(|offset| inflating(offset, 20 << 20)).collect();
    let mut left = Vec::new();
    let mut events = 0;
    while let Some(prepared) = preparer.prepare_batch(0, &"e".into(), 0, &mut records) {
        events += prepared.counts.events;
        left.push(records.len());
    }
    assert_eq!((events, left), (5, vec![3, 1, 0]));
}

/// A record of the topic `e` with this time in milliseconds and so many bytes.
fn sized(offset: i64, time: i64, bytes: usize) -> Record {
    record(offset, time, &json!({ "filler": "0".repeat(bytes) }))
}

fn feed(task: &mut Task, rules: &str, out_of_order: i64, records: Vec<Record>) {
    let plan = plan(rules, out_of_order);
    for prepared in preparer(&plan).prepare(0, &"e".into(), 0, records) {
        task.feed(prepared).unwrap();
    }
}

#[test]
fn outputs_are_weighed_until_they_are_taken() {
    let rules =
        "{ version: 1, rules: [ { name: r, include: events, sequence: [ { step: a, event: e } ] } ] }";
    let mut task = task(&plan(rules, 0));
    task.add_input(input("e", 0), 0, None, false);
    let mut weighed = |records: Vec<Record>| {
        feed(&mut task, rules, 0, records);
        let bytes = task.pending_bytes();
        (bytes / 100_000, task.take_outputs(), task.pending_bytes())
    };
    let broken = Record { value: Some("{".repeat(100_000).into()), ..sized(0, 0, 0) };
    for (records, matches, late, dead) in [
        (vec![broken.clone(), Record { offset: 1, ..broken }], 0, 0, 2),
        (vec![sized(2, 10, 100_000), sized(3, 10, 100_000)], 2, 0, 0),
        (vec![sized(4, 1, 100_000), sized(5, 2, 100_000)], 0, 2, 0),
    ] {
        let (pending, outputs, after) = weighed(records);
        assert_eq!((outputs.matches.len(), outputs.late.len(), outputs.dead.len()), (matches, late, dead));
        assert_eq!((pending, after), (2, 0), "{matches} {late} {dead}");
    }
}

#[test]
fn the_state_tells_and_bounds_what_stored_events_own() {
    let rules = "{ version: 1, rules: [ { name: r, include: events, sequence: [ { step: a, event: e }, { step: b, event: never } ] } ] }";
    let records = || (0..20).map(|offset| sized(offset, offset, 100_000)).collect::<Vec<_>>();
    let mut free = task(&plan(rules, 0));
    free.add_input(input("e", 0), 0, None, false);
    feed(&mut free, rules, 0, records());
    let stats = free.stats();
    assert_eq!((stats.partial_matches, stats.held, stats.dropped), (20, 0, 0));
    assert!((2_000_000..2_100_000).contains(&stats.bytes), "{stats:?}");

    let limits = Limits { state_bytes_per_rule: 1_000_000, ..Limits::default() };
    let mut bounded = Task::new(Arc::clone(&plan(rules, 0)), limits);
    bounded.add_input(input("e", 0), 0, None, false);
    feed(&mut bounded, rules, 0, records());
    let stats = bounded.stats();
    assert_eq!((stats.partial_matches, stats.dropped), (9, 11));
    assert!(stats.bytes <= 1_000_000, "{stats:?}");

    let mut holding = task(&plan(rules, 0));
    holding.add_input(input("e", 0), 1_000_000_000, None, false);
    feed(&mut holding, rules, 1_000_000_000, records());
    let stats = holding.stats();
    assert_eq!((stats.partial_matches, stats.held), (0, 20));
    assert!(
        (2_000_000..2_100_000).contains(&stats.held_bytes) && stats.bytes == stats.held_bytes,
        "{stats:?}"
    );
}

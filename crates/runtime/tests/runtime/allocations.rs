//! From the bytes of events to what rules hold of them, events cost no allocation of their own.

use std::ops::Range;

use olocus_event::Record;
use serde_json::json;

use crate::support::{input, plan, preparer, record, task};

const BATCH: i64 = 8_192;

/// One event in ten is an `a`, one in eight hundred of those by somebody privileged, one in ten is a `b`; `c`s never reach
/// the bound. So partial matches begin, go on, and end when their time is up.
fn events(offsets: Range<i64>) -> Vec<Record> {
    let event = |offset: i64| {
        let drawn = (offset as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let kind = ["a", "b", "c", "d", "d", "d", "d", "d", "d", "d"][(drawn % 10) as usize];
        let role = if (drawn / 10).is_multiple_of(800) { "privileged" } else { "standard" };
        let data = json!({
            "kind": kind, "user": format!("user-{}", drawn / 8_000 % 5_000), "role": role, "v": drawn % 700,
            "note": "what no rule reads costs nothing either",
        });
        record(offset, offset * 20, &data)
    };
    offsets.map(event).collect()
}

#[test]
fn events_cost_no_allocation_of_their_own() {
    let plan = plan(
        "
version: 1
rules:
  - name: seq3
    by: user
    within: 15m
    sequence:
      - step: a
        event: acts
        where: kind = 'a' and role = 'privileged'
      - step: b
        event: acts
        where: kind = 'b'
      - step: c
        event: acts
        where: kind = 'c' and v > 900
    emit: { user: a.user, v: c.v }
",
        0,
    );
    let (mut preparer, mut task) = (preparer(&plan), task(&plan));
    task.add_input(input("acts", 0), 0, None, false);
    let mut run = |batches: Range<i64>| {
        let batches: Vec<Vec<Record>> =
            batches.map(|batch| events(batch * BATCH..(batch + 1) * BATCH)).collect();
        let made = allocation_counter::measure(|| {
            for records in batches {
                for prepared in preparer.prepare(0, &"acts".into(), 0, records) {
                    task.feed(prepared).unwrap();
                }
            }
        });
        (made.count_total, task.stats())
    };
    let (_, warm) = run(0..8);
    let (made, stats) = run(8..12);
    assert!(warm.partial_matches > 2 && stats.partial_matches > 2, "{warm:?}, {stats:?}");
    // What is left is the columns of each batch and what partial matches keep of the few events that they take.
    let events = 4 * BATCH as u64;
    assert!(made * 100 < events, "{made} allocations for {events} events");
}

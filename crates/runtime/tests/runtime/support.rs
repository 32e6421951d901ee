//! Plans from texts, records from JSON, and a world of partitions to draw from.

use std::sync::Arc;

use olocus_cep::rule::parse_rule_file;
use olocus_document::{Diagnostics, SourceFile, parse_duration};
use olocus_event::{Headers, Keyring, Limits, Record};
use olocus_expr::Schemas;
use olocus_runtime::{InputId, Match, Plan, Preparer, SourceSpec, Task, compile};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Compiles rules for topics named like their event types, with this bound in nanoseconds.
pub(crate) fn plan(rules: &str, out_of_order: i64) -> Arc<Plan> {
    let file = SourceFile::new("rules.yaml", rules);
    let mut diagnostics = Diagnostics::new();
    let files = [parse_rule_file(&file, &mut diagnostics)];
    let mut source = SourceSpec::default_for(&files);
    source.out_of_order = out_of_order;
    let plan = compile(&files, &[source], &Arc::new(Schemas::empty()), &mut diagnostics);
    Arc::new(plan.unwrap_or_else(|| panic!("{}", diagnostics.render(false))))
}

pub(crate) fn preparer(plan: &Arc<Plan>) -> Preparer {
    Preparer::new(Arc::clone(plan), &Arc::new(Keyring::empty()), Limits::default())
}

pub(crate) fn task(plan: &Arc<Plan>) -> Task {
    Task::new(Arc::clone(plan), olocus_cep::Limits::default())
}

pub(crate) fn input(topic: &str, partition: i32) -> InputId {
    InputId { topic: topic.into(), partition }
}

/// A plain JSON record whose timestamp, in milliseconds, is its event time.
pub(crate) fn record(offset: i64, timestamp: i64, data: &Value) -> Record {
    Record { offset, timestamp, key: None, value: Some(data.to_string().into()), headers: Headers::default() }
}

/// Runs records of one topic through rules and returns the data of the matches, windows closed at the end.
pub(crate) fn matches(rules: &str, events: &[(&str, &str, Value)]) -> Vec<Value> {
    let plan = plan(rules, 0);
    let (mut preparer, mut task) = (preparer(&plan), task(&plan));
    let mut topics: Vec<&str> = events.iter().map(|(_, topic, _)| *topic).collect();
    topics.sort_unstable();
    topics.dedup();
    for topic in &topics {
        task.add_input(input(topic, 0), 0, None, false);
    }
    for (offset, (at, topic, data)) in (0..).zip(events) {
        let time = parse_duration(at).unwrap() / 1_000_000;
        let source = plan.source_of(topic).unwrap();
        for prepared in preparer.prepare(source, &(*topic).into(), 0, vec![record(offset, time, data)]) {
            task.feed(prepared).unwrap();
        }
    }
    task.finish().unwrap();
    task.take_outputs().matches.into_iter().map(|found| found.data.to_value()).collect()
}

/// Everything that a task puts out, as one text to compare byte by byte.
pub(crate) fn transcript(matches: &[Match]) -> String {
    matches.iter().map(|found| format!("{}\n", found.data)).collect()
}

/// Records of several partitions, with the bound of their disorder.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) bound: i64,
    /// Per partition, in offset order: (time in milliseconds, type, user, value).
    pub(crate) partitions: Vec<Vec<(i64, u8, u8, i64)>>,
}

pub(crate) fn world(partitions: usize) -> impl Strategy<Value = World> {
    let event = (0_i64..40, 0_u8..3, 0_u8..3, 0_i64..10);
    (0_i64..6, prop::collection::vec(prop::collection::vec(event, 0..25), 1..=partitions))
        .prop_map(|(bound, partitions)| World { bound, partitions })
}

impl World {
    /// All partitions are of one topic; the type is a field, so that types interleave within a partition.
    pub(crate) fn record(&self, partition: usize, offset: usize) -> Record {
        let (time, kind, user, value) = self.partitions[partition][offset];
        let data = json!({ "kind": kind, "user": user, "v": value });
        record(i64::try_from(offset).unwrap(), time, &data)
    }

    pub(crate) fn bound_ns(&self) -> i64 {
        self.bound * 1_000_000
    }
}

/// Rules of several kinds over the topic `t` of a [`World`].
pub(crate) const RULES: &str = "
version: 1
rules:
  - name: chain
    by: user
    sequence:
      - { step: a, event: t, where: kind = 0 }
      - { step: b, event: t, where: kind = 1 AND v > 2, within: 10ms }
    emit: { first: a.v, second: b.v }
  - name: single
    sequence: [ { step: only, event: t, where: v = 7 } ]
    emit: { user: only.user }
  - name: tumbling
    by: user
    window: { tumbling: 8ms, event: t }
    where: kind < 2
    emit: { n: count(*), total: sum(v), user: user }
  - name: counted
    window: { count: 3, event: t }
    having: avg(v) > 4
    emit: { mean: avg(v), largest: max(v) }
  - name: session
    by: user
    window: { session: 5ms, event: t }
    emit: { n: count(distinct v) }
";

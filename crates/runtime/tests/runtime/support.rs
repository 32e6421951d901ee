//! Plans from texts, records from JSON, and a world of partitions to draw from.

use std::ops::Range;
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

/// Records of several partitions of several topics.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) id: InputId,
    /// The bound of its disorder, in milliseconds.
    pub(crate) bound: i64,
    /// In the order of their offsets.
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// In milliseconds.
    pub(crate) time: i64,
    kind: u8,
    /// Without, the event has no key for some rules.
    user: Option<u8>,
    value: i64,
    /// No event at all, but a record that cannot be decoded.
    pub(crate) broken: bool,
}

/// A world of up to so many partitions.
pub(crate) fn world(partitions: usize) -> impl Strategy<Value = World> {
    worlds(partitions, 0..6, 0..40, 0..25)
}

/// Worlds of up to so many partitions, which are of one topic and of another in turn, with bounds, times and numbers of
/// events in these ranges.
pub(crate) fn worlds(
    partitions: usize,
    bounds: Range<i64>,
    times: Range<i64>,
    events: Range<usize>,
) -> impl Strategy<Value = World> {
    let user = prop_oneof![9 => (0_u8..3).prop_map(Some), 1 => Just(None)];
    let event = (times, 0_u8..3, user, 0_i64..10, prop::bool::weighted(0.05))
        .prop_map(|(time, kind, user, value, broken)| Event { time, kind, user, value, broken });
    let partition = (bounds, prop::collection::vec(event, events));
    prop::collection::vec(partition, 1..=partitions).prop_map(|partitions| World {
        partitions: (0_i32..)
            .zip(partitions)
            .map(|(at, (bound, events))| {
                let topic = if at % 2 == 0 { "u" } else { "t" };
                Partition { id: input(topic, at / 2), bound, events }
            })
            .collect(),
    })
}

impl World {
    /// The record at this offset of a partition; what kind of event it is, is a field.
    pub(crate) fn record(&self, partition: usize, offset: usize) -> Record {
        let Event { time, kind, user, value, broken } = self.partitions[partition].events[offset];
        let data = json!({ "kind": kind, "user": user, "v": value });
        let record = record(i64::try_from(offset).unwrap(), time, &data);
        if broken { Record { value: Some("{".into()), ..record } } else { record }
    }

    /// A task to which all partitions were added, with their bounds or, if the records are sorted, without.
    pub(crate) fn task(&self, plan: &Arc<Plan>, sorted: bool) -> Task {
        let mut task = task(plan);
        for partition in &self.partitions {
            let bound = if sorted { 0 } else { partition.bound_ns() };
            task.add_input(partition.id.clone(), bound, None, false);
        }
        task
    }

    /// Feeds these records of a partition.
    pub(crate) fn feed(&self, preparer: &mut Preparer, task: &mut Task, at: usize, offsets: Range<usize>) {
        let records = offsets.map(|offset| self.record(at, offset)).collect();
        let InputId { topic, partition } = &self.partitions[at].id;
        for prepared in preparer.prepare(0, topic, *partition, records) {
            task.feed(prepared).unwrap();
        }
    }
}

impl Event {
    /// Whether it is one with more than 2 as its value.
    pub(crate) fn hits(&self) -> bool {
        !self.broken && self.value > 2
    }
}

impl Partition {
    pub(crate) fn bound_ns(&self) -> i64 {
        self.bound * 1_000_000
    }
}

/// Rules of all kinds over the topics of a [`World`].
pub(crate) const RULES: &str = "
version: 1
rules:
  - name: chain
    by: user
    sequence:
      - { step: a, event: t, where: kind = 0 }
      - { step: b, event: [t, u], where: kind = 1 AND v > 2, within: 10ms }
    emit: { first: a.v, second: b.v }
  - name: three
    by: [user]
    sequence:
      - { step: a, event: [t, u], where: kind = 0 }
      - { step: b, event: u, within: 12ms }
      - { step: c, event: [t, u], where: kind = 2 OR v > 7 }
    within: 20ms
    emit: { a: a.v, b: b.v, c: c.v }
  - name: single
    sequence: [ { step: only, event: [t, u], where: v = 7 } ]
    emit: { user: only.user }
  - name: tumbling
    by: user
    window: { tumbling: 8ms, event: [t, u] }
    where: kind < 2
    emit: { n: count(*), total: sum(v), user: user }
  - name: hopping
    by: user
    include: events
    window: { sliding: 9ms, every: 4ms, event: t }
    having: count(*) > 1
    emit: { n: count(*), most: max(v) }
  - name: trailing
    window: { sliding: 6ms, event: [t, u] }
    having: count(*) > 2
    emit: { n: count(*), distinct: count(distinct user) }
  - name: counted
    window: { count: 3, event: [t, u] }
    having: avg(v) > 4
    emit: { mean: avg(v), largest: max(v) }
  - name: session
    by: user
    window: { session: 5ms, event: u }
    emit: { n: count(distinct v) }
";

/// More rules over them: what patterns can say, bounds that are always reached, and matches that are not told.
pub(crate) const PATTERNS: &str = "
  - name: repeated
    by: user
    sequence:
      - { step: a, event: [t, u], where: kind = 0, times: { min: 2, contiguity: skip_till_any, gap: 6ms } }
      - { step: b, event: [t, u], where: kind = 1 AND v > last(a).v }
    within: 15ms
    on_timeout: [ { publish: timeouts } ]
    emit: { n: count(a), last: last(a).v, b: b.v }
  - name: unanswered
    by: user
    sequence:
      - { step: a, event: t, where: kind = 0 }
      - { not: { event: u, where: v > 4 }, for: 7ms }
    emit: { a: a.v }
  - name: in_a_row
    from: [t, u]
    sequence:
      - { step: a, event: [t, u], where: v > 3, times: { min: 2, max: 3, contiguity: strict } }
    within: 20ms
    after_match: past_last
    include: none
    emit: { n: count(a), different: count(distinct a.v) }
  - name: few_newest
    sequence:
      - { step: a, event: [t, u], where: kind = 0 }
      - { step: b, event: [t, u], where: kind = 1 }
    state: { partial_matches: 2, policy: drop_newest }
    emit: { a: a.v, b: b.v }
  - name: few_oldest
    by: user
    sequence:
      - { step: a, event: [t, u], where: kind = 0, times: one_or_more }
      - { step: b, event: [t, u], where: kind = 1 }
    state: { partial_matches: 3, keys: 2, policy: drop_oldest }
    emit: { n: count(a), b: b.v }
  - name: small_windows
    by: user
    window: { tumbling: 12ms, event: [t, u] }
    state: { window_events: 2, keys: 2, policy: drop_newest }
    emit: { n: count(*), total: sum(v) }
  - name: seldom
    by: user
    sequence: [ { step: only, event: [t, u], where: v > 2 } ]
    limit: 2 per 9ms
    emit: { v: only.v }
  - name: seldom_windows
    window: { sliding: 4ms, every: 2ms, event: [t, u] }
    limit: 1 per 5ms
    emit: { n: count(*) }
";

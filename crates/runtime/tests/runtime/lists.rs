//! Lists in topics: what is looked up is what the list held at the time of the event.

use std::collections::BTreeMap;
use std::sync::Arc;

use olocus_cep::rule::parse_rule_file;
use olocus_document::{Diagnostics, Scalar, SourceFile};
use olocus_event::Record;
use olocus_expr::Schemas;
use olocus_runtime::{Decision, InputId, Match, Plan, Position, SourceSpec, Task, compile};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{input, plan, preparer, record, task, transcript};

const LISTS: &str = "
version: 1
lists: [ { name: assets, topic: assets, key: host }, { name: unused, topic: unused, key: x } ]
rules:
";

/// One step, so that no partial match is open when the run is interrupted.
const IMPORTANT: &str = "
  - name: important
    sequence: [ { step: c, event: change, where: \"n > 0 AND lookup('assets', host).tier >= 2\" } ]
    emit: { n: c.n, owner: \"lookup('assets', c.host).owner\" }
";

const KNOWN: &str = "
  - name: known
    window: { tumbling: 100ms, event: change }
    where: host IN list('assets')
    having: \"'h1' IN list('assets')\"
    emit: { changes: count(*) }
";

/// What looks something up for each event that windows and partial matches take.
const TAKEN: &str = "
  - name: owners
    window: { tumbling: 100ms, event: change }
    emit:
      owners: \"count(distinct lookup('assets', host).owner)\"
      tiers: \"sum(lookup('assets', host).tier)\"
      first: \"first(lookup('assets', host).tier)\"
      last: \"last(lookup('assets', host).tier)\"
  - name: raised
    sequence:
      - { step: a, event: change, where: host = 'h1' }
      - { step: b, event: change, where: \"lookup('assets', host).tier > max(lookup('assets', a.host).tier)\" }
    emit: { a: a.n, b: b.n, was: \"max(lookup('assets', a.host).tier)\", is: \"lookup('assets', a.host).tier\" }
  - name: raised_by_two
    include: none
    sequence:
      - { step: a, event: change, where: host = 'h1' }
      - step: b
        event: change
        where: >-
          coalesce(lookup('assets', host).tier, 0) > 1 + coalesce(max(lookup('assets', a.host).tier), 0)
    emit: { a: a.n, b: b.n, was: \"max(lookup('assets', a.host).tier)\", owner: \"last(lookup('assets', b.host).owner)\" }
";

/// A row of the list, written at that millisecond; without a tier, the end of one.
fn asset(offset: i64, time: i64, key: &str, tier: Option<i64>) -> Record {
    let row = |tier: i64| json!({ "host": key, "tier": tier, "owner": format!("o{tier}") }).to_string();
    Record {
        offset,
        timestamp: time,
        key: Some(key.to_owned().into()),
        value: tier.map(|tier| row(tier).into()),
        ..Record::default()
    }
}

fn assets() -> Vec<Record> {
    vec![
        asset(0, 10, "h1", Some(1)),
        asset(1, 20, "h1", Some(2)),
        // Older than the one before it, so it counts from 20 ms on.
        asset(2, 5, "h2", Some(3)),
        asset(3, 40, "h1", None),
        asset(4, 60, "h1", Some(5)),
        asset(5, 160, "h1", None),
    ]
}

fn changes() -> Vec<Record> {
    let hosts = [
        (5, "h1"),
        (15, "h1"),
        (19, "h2"),
        (20, "h1"),
        (21, "h2"),
        (39, "h1"),
        (45, "h1"),
        (70, "h1"),
        (170, "h2"),
        (250, "h9"),
    ];
    let change = |((time, host), offset)| record(offset, time, &json!({ "host": host, "n": time }));
    hosts.into_iter().zip(0..).map(change).collect()
}

fn inputs() -> [InputId; 2] {
    [input("assets", 0), input("change", 0)]
}

/// A run that may stop and begin again from what was committed.
struct Run {
    plan: Arc<Plan>,
    records: [Vec<Record>; 2],
    /// How far each input has been read.
    next: [usize; 2],
    task: Task,
    committed: BTreeMap<InputId, (i64, String)>,
    matches: Vec<Match>,
}

impl Run {
    fn of(rules: &str) -> Run {
        let plan = plan(&format!("{LISTS}{rules}"), 0);
        let mut task = task(&plan);
        inputs().into_iter().for_each(|id| task.add_input(id, 0, None, false));
        let records = [assets(), changes()];
        Run { plan, records, next: [0, 0], task, committed: BTreeMap::new(), matches: Vec::new() }
    }

    /// Feeds so many records of an input, as far as there are any.
    fn feed(&mut self, at: usize, count: usize) {
        let end = self.next[at].saturating_add(count).min(self.records[at].len());
        let records = self.records[at][self.next[at]..end].to_vec();
        let id = &inputs()[at];
        let source = self.plan.source_of(&id.topic).unwrap();
        for prepared in preparer(&self.plan).prepare(source, &id.topic, id.partition, records) {
            self.task.feed(prepared).unwrap();
        }
        self.next[at] = end;
    }

    fn save(&mut self) {
        for (id, position) in self.task.positions() {
            self.committed.insert(id, (position.offset, position.metadata()));
        }
        self.matches.extend(self.task.take_outputs().matches);
    }

    /// Loses everything but what was committed. Tables are read again from their first record on.
    fn restart(&mut self) {
        self.save();
        self.task = task(&self.plan);
        for (at, id) in inputs().into_iter().enumerate() {
            let saved = self.committed.get(&id).map(|(offset, text)| Position::parse(*offset, text).unwrap());
            self.next[at] = match at {
                0 => 0,
                _ => saved.as_ref().map_or(0, |saved| usize::try_from(saved.offset).unwrap()),
            };
            self.task.add_input(id, 0, saved, false);
        }
    }

    fn finish(mut self) -> Vec<Match> {
        for at in [0, 1] {
            self.feed(at, usize::MAX);
        }
        self.task.finish().unwrap();
        self.save();
        self.matches
    }
}

fn emitted(matches: &[Match]) -> Vec<Value> {
    matches.iter().map(|found| found.data.to_value()["emit"].clone()).collect()
}

#[test]
fn an_event_sees_the_rows_of_its_time() {
    let found = Run::of(&format!("{IMPORTANT}{KNOWN}")).finish();
    let important = |n: i64, owner: &str| json!({ "n": n, "owner": owner });
    assert_eq!(
        emitted(&found),
        [
            important(20, "o2"),
            important(21, "o3"),
            important(39, "o2"),
            important(70, "o5"),
            json!({ "changes": 5 }),
            important(170, "o3"),
        ]
    );
}

#[test]
fn what_is_taken_is_looked_up_as_the_list_was_then() {
    let found = Run::of(TAKEN).finish();
    let of = |rule: &str| -> Vec<Value> {
        let own = found.iter().map(|found| found.data.to_value()).filter(|data| data["rule"] == rule);
        own.map(|data| data["emit"].clone()).collect()
    };
    let owners = |owners: i64, [tiers, first, last]: [Option<i64>; 3]| json!({ "owners": owners, "tiers": tiers, "first": first, "last": last });
    assert_eq!(
        of("owners"),
        [
            owners(4, [Some(13), None, Some(5)]),
            owners(1, [Some(3), Some(3), Some(3)]),
            owners(0, [None, None, None])
        ]
    );
    let raised = |a: i64, b: i64, was: i64, is: i64| json!({ "a": a, "b": b, "was": was, "is": is });
    assert_eq!(of("raised"), [raised(15, 20, 1, 2), raised(20, 21, 2, 2), raised(39, 70, 2, 5)]);
    let raised =
        |a: i64, b: i64, was: Option<i64>, owner: &str| json!({ "a": a, "b": b, "was": was, "owner": owner });
    assert_eq!(
        of("raised_by_two"),
        [
            raised(5, 20, None, "o2"),
            raised(15, 21, Some(1), "o3"),
            raised(20, 70, Some(2), "o5"),
            raised(39, 70, Some(2), "o5"),
            raised(45, 70, None, "o5")
        ]
    );
}

#[test]
fn sources_cannot_ask_lists_in_topics() {
    let text = "lookup('assets', host).owner";
    let file = SourceFile::new("rules.yaml", format!("{LISTS}{IMPORTANT}"));
    let mut diagnostics = Diagnostics::new();
    let files = [parse_rule_file(&file, &mut diagnostics)];
    let mut source = SourceSpec::default_for(&files);
    let at = SourceFile::new("source.yaml", text);
    source.key = Some(Scalar::verbatim(&at));
    assert!(compile(&files, &[source], &Arc::new(Schemas::empty()), &mut diagnostics).is_none());
    let told = diagnostics.render(false);
    assert!(told.contains("source.yaml:1:1") && told.contains("misplaced-list"), "{told}");
}

#[test]
fn topics_of_lists_are_read_where_rules_ask_for_them() {
    let plan = plan(&format!("{LISTS}{IMPORTANT}"), 0);
    assert!(plan.source_of("assets").is_some() && plan.source_of("unused").is_none());
    let types: Vec<&str> = plan.event_types().map(|pattern| pattern.as_str()).collect();
    assert_eq!(types, ["change"]);
}

#[test]
fn a_change_of_a_list_that_comes_when_time_has_passed_counts_from_then_on() {
    let mut run = Run::of(IMPORTANT);
    run.feed(0, 1);
    run.task.decide(&Decision { floors: vec![(inputs()[0].clone(), 30_000_000)] }).unwrap();
    // Up to 21 ms.
    run.feed(1, 5);
    run.task.decide(&Decision { floors: vec![(inputs()[0].clone(), 30_000_000)] }).unwrap();
    run.save();
    assert_eq!(emitted(&run.matches), [Value::Null; 0], "the list was silent, and was not waited for");
    let found = run.finish();
    assert_eq!(emitted(&found)[0], json!({ "n": 39, "owner": "o2" }));
}

#[test]
fn tables_have_sizes() {
    let mut run = Run::of(IMPORTANT);
    run.feed(0, 3);
    run.feed(1, 6);
    let tables: Vec<(String, usize, u64)> =
        run.task.tables().map(|(list, refused)| (list.name, list.entries, refused)).collect();
    assert_eq!(tables, [("assets".to_owned(), 2, 0), ("unused".to_owned(), 0, 0)]);
}

proptest! {
    #[test]
    fn neither_batches_nor_restarts_change_what_is_seen(
        turns in prop::collection::vec((0_usize..2, 1_usize..4, prop::bool::weighted(0.3)), 0..20),
    ) {
        let expected = transcript(&Run::of(IMPORTANT).finish());
        let mut run = Run::of(IMPORTANT);
        for (at, count, stops) in turns {
            run.feed(at, count);
            if stops {
                run.restart();
            }
        }
        prop_assert_eq!(transcript(&run.finish()), expected);
    }

    #[test]
    fn batches_do_not_change_what_is_looked_up_for_what_is_taken(
        turns in prop::collection::vec((0_usize..2, 1_usize..4), 0..20),
    ) {
        let expected = transcript(&Run::of(TAKEN).finish());
        let mut run = Run::of(TAKEN);
        turns.into_iter().for_each(|(at, count)| run.feed(at, count));
        prop_assert_eq!(transcript(&run.finish()), expected);
    }
}

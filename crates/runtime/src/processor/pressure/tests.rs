use std::sync::Arc;

use olocus_cep::rule::parse_rule_file;
use olocus_document::{Diagnostics, SourceFile};
use olocus_event::{Headers, Keyring, Limits, Record};
use olocus_expr::Schemas;

use super::*;
use crate::position::{Again, Terms};
use crate::{Plan, Position, Preparer, Progress, SourceSpec, compile};

const RULES: &str = "{ version: 1, rules: [ { name: r, sequence: [ { step: s, event: t } ] } ] }";
const MB: usize = 1 << 20;
const ROOMY: Bounds = Bounds { records: 1_000, bytes: 1_000 * MB };

struct Bench {
    plan: Arc<Plan>,
    task: Task,
}

impl Bench {
    fn new() -> Bench {
        let files = [parse_rule_file(&SourceFile::new("r", RULES), &mut Diagnostics::new())];
        let source = SourceSpec::default_for(&files);
        let plan = compile(&files, &[source], &Arc::new(Schemas::empty()), &mut Diagnostics::new());
        let plan = Arc::new(plan.unwrap());
        let task = Task::new(Arc::clone(&plan), olocus_cep::Limits::default());
        Bench { plan, task }
    }

    fn add(&mut self, partition: i32, saved: Option<Position>) {
        self.task.add_input(id(partition), 0, saved, false);
    }

    /// A record with this time in milliseconds whose id, which stays in memory, has so many bytes, or one.
    fn feed(&mut self, partition: i32, offset: i64, time: i64, bytes: usize) {
        let attributes = [("ce_specversion", "1.0"), ("ce_source", "/s"), ("ce_type", "t")];
        let mut headers = Headers::from_iter(attributes);
        headers.push("ce_id", "x".repeat(bytes.max(1)));
        let record = Record { offset, timestamp: time, key: None, value: Some("{}".into()), headers };
        let keyring = Arc::new(Keyring::empty());
        let mut preparer = Preparer::new(Arc::clone(&self.plan), &keyring, Limits::default());
        for prepared in preparer.prepare(0, &"t".into(), partition, vec![record]) {
            self.task.feed(prepared).unwrap();
        }
    }

    fn paused(&self, bounds: Bounds, pausing: bool) -> Vec<i32> {
        let relief = relief(&self.task, bounds, pausing);
        assert!(!relief.force);
        relief.pause.into_iter().map(|id| id.partition).collect()
    }
}

fn id(partition: i32) -> InputId {
    InputId { topic: "t".into(), partition }
}

#[test]
fn who_is_ahead_is_paused_by_records_and_by_bytes() {
    let mut bench = Bench::new();
    bench.add(0, None);
    bench.add(1, None);
    bench.feed(0, 0, 1, 0);
    for offset in 0..4 {
        bench.feed(1, offset, 5, MB);
    }
    assert_eq!(bench.paused(ROOMY, false), [0; 0]);
    assert_eq!(bench.paused(Bounds { records: 4, ..ROOMY }, false), [1]);
    assert_eq!(bench.paused(Bounds { bytes: 4 * MB, ..ROOMY }, false), [1]);
    // Once paused, it stays so until half is gone.
    assert_eq!(bench.paused(Bounds { bytes: 6 * MB, ..ROOMY }, false), [0; 0]);
    assert_eq!(bench.paused(Bounds { bytes: 6 * MB, ..ROOMY }, true), [1]);
    assert_eq!(bench.paused(Bounds { bytes: 9 * MB, ..ROOMY }, true), [0; 0]);
}

#[test]
fn time_is_moved_on_by_bytes_where_nobody_is_ahead() {
    let mut bench = Bench::new();
    bench.task.add_input(id(0), 1_000_000_000, None, false);
    for offset in 0..4 {
        bench.feed(0, offset, offset, MB);
    }
    let bounds = Bounds { bytes: 2 * MB + MB / 2, ..ROOMY };
    assert_eq!(relief(&bench.task, bounds, false), Relief { pause: BTreeSet::new(), force: true });
    let floors = bench.task.floors_to_hold(bounds.records, bounds.bytes);
    bench.task.decide(&floors).unwrap();
    assert_eq!(bench.task.held().0, 2);
}

#[test]
fn while_records_are_read_again_those_that_have_theirs_wait() {
    let progress = Progress { largest: Some(0), watermark: Some(0), floor: None };
    let terms = vec![Terms { from: 0, bound: 0, floor: None }];
    let again = Some(Again { progress: Progress::default(), frontier: None, terms });
    let saved = Position { offset: 0, next: 2, progress, again };
    let mut bench = Bench::new();
    bench.add(0, Some(saved));
    bench.add(1, None);
    bench.feed(0, 0, 0, 0);
    for offset in 0..3 {
        bench.feed(1, offset, 5, MB);
    }
    assert!(bench.task.is_rereading());
    let bounds = Bounds { bytes: 2 * MB, ..ROOMY };
    assert_eq!(bench.paused(bounds, false), [1]);
    bench.feed(0, 1, 0, 0);
    assert!(!bench.task.is_rereading());
    assert_eq!(bench.paused(bounds, true), [1]);
    bench.feed(0, 2, 6, 0);
    assert_eq!(bench.paused(bounds, true), [0; 0]);
}

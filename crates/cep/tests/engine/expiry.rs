//! What happens when very much is over at once.

use std::rc::Rc;

use olocus_cep::pattern::{EvaluatorKind, PatternOutputs, PatternPlan};
use olocus_cep::{Engine, Found, Key, Limits, Overflow, Plan, Row};

use crate::patterns::{pattern, step};

const BOTH: [EvaluatorKind; 2] = [EvaluatorKind::Runs, EvaluatorKind::Sets];

const WITHIN: i64 = 1_000_000;

/// Events that a row, and the wake-up before it, may free.
const FREED_AT_MOST: usize = 200;

const A: u64 = 1;
const B: u64 = 2;
/// What no step asks for.
const OTHER: u64 = 4;

/// `a`, then `b`; of each event a reference is held.
struct Bench {
    engine: Engine<Rc<()>>,
    event: Rc<()>,
    matches: usize,
}

impl Bench {
    fn new(evaluator: EvaluatorKind, limits: Limits) -> Bench {
        let mut pattern = pattern(vec![step(0), step(1)]);
        pattern.within = Some(WITHIN);
        let outputs = PatternOutputs { matches_per_event: usize::MAX, ..PatternOutputs::default() };
        let plan =
            PatternPlan { pattern: pattern.into(), conditions: None, outputs, evaluator: Some(evaluator) };
        let engine = Engine::new(vec![Plan::Pattern(plan)], limits);
        Bench { engine, event: Rc::new(()), matches: 0 }
    }

    fn feed(&mut self, time: i64, key: &str, steps: u64) {
        let mut found = Vec::new();
        self.engine.advance(time, &mut found);
        let row = Row { time, steps, inputs: &[], event: &self.event, keep: None };
        self.engine.process(0, &Key::single(key), row, &mut found).unwrap();
        assert!(found.iter().all(|finding| matches!(&finding.found, Found::Match { .. })));
        self.matches += found.len();
    }

    /// How many events are held.
    fn held(&self) -> usize {
        Rc::strong_count(&self.event) - 1
    }

    /// Feeds events that concern no partial match until nothing is held; no single one frees very much.
    fn drain(&mut self, from: i64, key: &str) {
        for time in from.. {
            let held = self.held();
            self.feed(time, key, OTHER);
            assert!(self.held() + FREED_AT_MOST >= held, "{} after {held}", self.held());
            assert!(time < from + 2_000, "{} are still held", self.held());
            if self.held() == 0 {
                return;
            }
        }
    }
}

#[test]
fn no_event_pays_for_all_that_is_over() {
    for evaluator in BOTH {
        for keys in [1, 7, 5_000] {
            let mut bench = Bench::new(evaluator, Limits::default());
            for time in 0..5_000 {
                bench.feed(time, &format!("k{}", time % keys), A);
            }
            assert_eq!((bench.held(), bench.engine.stats().keys), (5_000, keys as usize));
            bench.drain(5_000 + WITHIN, "k0");
            let stats = bench.engine.stats();
            assert_eq!((stats.bytes, stats.keys, stats.dropped), (0, 0, 0), "{evaluator:?}, {keys} keys");
        }
    }
}

#[test]
fn what_is_over_matches_nothing_seen_to_or_not() {
    for evaluator in BOTH {
        let mut bench = Bench::new(evaluator, Limits::default());
        for time in 0..5_000 {
            bench.feed(time, "k", A);
        }
        bench.feed(WITHIN, "k", A);
        bench.feed(4_999 + WITHIN, "k", A);
        bench.feed(5_000 + WITHIN, "k", B);
        assert_eq!(bench.matches, 2, "{evaluator:?}");
    }
}

#[test]
fn what_is_over_does_not_count_against_limits() {
    for evaluator in BOTH {
        for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Fail] {
            let limits =
                Limits { partial_matches_per_rule: 1_000, keys_per_rule: 900, policy, ..Limits::default() };
            let mut bench = Bench::new(evaluator, limits);
            for time in 0..900 {
                bench.feed(time, &format!("k{time}"), A);
            }
            // As many others at once, of keys that are not known.
            for key in 900..1_800 {
                bench.feed(900 + WITHIN, &format!("k{key}"), A);
            }
            for key in 900..1_800 {
                bench.feed(901 + WITHIN, &format!("k{key}"), B);
            }
            assert_eq!((bench.matches, bench.engine.stats().dropped), (900, 0), "{evaluator:?}, {policy:?}");
        }
    }
}

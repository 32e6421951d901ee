//! What patterns hold in bytes, and what becomes of what is too large.

use olocus_cep::pattern::{AfterMatch, Contiguity, EvaluatorKind, Pattern, PatternOutputs, PatternPlan};
use olocus_cep::{
    Engine, Error, Finding, Footprint, Found, Key, Limit, Limits, Overflow, Plan, Row, Weighing,
};

use crate::patterns::{one_or_more, pattern, step};

const MB: usize = 1_000_000;

struct Bench {
    engine: Engine<i64>,
    found: Vec<Finding<i64>>,
}

impl Bench {
    fn new(pattern: Pattern, evaluator: EvaluatorKind, outputs: PatternOutputs, limits: Limits) -> Bench {
        let plan =
            PatternPlan { pattern: pattern.into(), conditions: None, outputs, evaluator: Some(evaluator) };
        Bench { engine: Engine::new(vec![Plan::Pattern(plan)], limits), found: Vec::new() }
    }

    /// Feeds an event of this time that satisfies these steps and owns so many bytes.
    fn feed(&mut self, time: i64, steps: u64, weight: usize) -> Result<(), Error> {
        self.engine.advance(time, &mut self.found);
        let row = Row { time, steps, inputs: &[], event: &Weighing(time, weight), keep: None };
        self.engine.process(0, &Key::single("k"), row, &mut self.found)
    }

    fn matches(&self) -> Vec<Vec<i64>> {
        let events = |finding: &Finding<i64>| match &finding.found {
            Found::Match { events } => events.iter().map(|taken| taken.event).collect(),
            other => panic!("no match: {other:?}"),
        };
        self.found.iter().map(events).collect()
    }
}

fn bytes_at_most(bytes: usize, policy: Overflow) -> Limits {
    Limits { state_bytes_per_rule: bytes, policy, ..Limits::default() }
}

fn within(mut pattern: Pattern, within: i64) -> Pattern {
    pattern.within = Some(within);
    pattern
}

const BOTH: [EvaluatorKind; 2] = [EvaluatorKind::Runs, EvaluatorKind::Sets];

/// The figures of `crates/README.md`.
#[test]
fn a_partial_match_takes_little() {
    let footprint = |evaluator, pattern: Pattern| {
        let outputs = PatternOutputs::default();
        let evaluator = Some(evaluator);
        let plan = PatternPlan { pattern: pattern.into(), conditions: None, outputs, evaluator };
        let Footprint { key, entry, event } = Plan::Pattern(plan).footprint::<std::sync::Arc<i64>>();
        (key, entry, event)
    };
    let plain = || pattern(vec![step(0), step(1), step(2)]);
    assert_eq!(footprint(EvaluatorKind::Runs, plain()), (117, 48, 48));
    assert_eq!(footprint(EvaluatorKind::Sets, plain()), (117, 0, 56));
}

#[test]
fn an_event_that_many_partial_matches_took_counts_once() {
    for evaluator in BOTH {
        let pattern = || within(pattern(vec![step(0), step(1), step(2)]), 1000);
        let mut bench = Bench::new(pattern(), evaluator, PatternOutputs::default(), Limits::default());
        for time in 0..100 {
            bench.feed(time, 1, 0).unwrap();
        }
        let before = bench.engine.stats();
        bench.feed(100, 2, MB).unwrap();
        let after = bench.engine.stats();
        assert!(after.bytes >= before.bytes + MB, "{evaluator:?}");
        assert!(after.bytes < before.bytes + MB + MB / 10, "{evaluator:?}: {} bytes", after.bytes);
        bench.feed(101, 4, MB).unwrap();
        assert_eq!(bench.matches().len(), 100);
        // What is over is taken apart bit by bit.
        for time in 10_000..10_100 {
            bench.engine.advance(time, &mut bench.found);
        }
        assert_eq!(bench.engine.stats().bytes, 0, "{evaluator:?}");
    }
}

#[test]
fn what_is_held_takes_no_more_after_it_was_more() {
    for evaluator in BOTH {
        let pattern = || within(pattern(vec![step(0), step(1)]), 1000);
        let mut bench = Bench::new(pattern(), evaluator, PatternOutputs::default(), Limits::default());
        bench.feed(0, 1, 10).unwrap();
        let one = bench.engine.stats().bytes;
        for time in 1..1000 {
            bench.feed(time, 1, 10).unwrap();
        }
        assert!(bench.engine.stats().bytes > 300 * one, "{evaluator:?}");
        bench.engine.advance(1999, &mut bench.found);
        for time in 2000..2200 {
            bench.feed(time, 1, 10).unwrap();
            bench.feed(time, 2, 10).unwrap();
        }
        bench.feed(3000, 1, 10).unwrap();
        let stats = bench.engine.stats();
        assert_eq!((stats.partial_matches, stats.keys), (1, 1), "{evaluator:?}");
        // What a queue still names of what is gone is bounded.
        assert!(stats.bytes < one + 64 * 40, "{evaluator:?}: {} after {one} bytes", stats.bytes);
    }
}

#[test]
fn a_row_that_would_not_fit_into_an_empty_rule_drops_nothing() {
    for evaluator in BOTH {
        for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Fail] {
            let limits = bytes_at_most(MB, policy);
            let pattern = || pattern(vec![step(0), step(1), step(2)]);
            let mut bench = Bench::new(pattern(), evaluator, PatternOutputs::default(), limits);
            for time in 0..10 {
                bench.feed(time, 1, 1000).unwrap();
            }
            let held = bench.engine.stats().partial_matches;
            let fed = bench.feed(10, 1, 2 * MB);
            let stats = bench.engine.stats();
            let error = fed.as_ref().err().and_then(Error::limit_reached);
            let fails = policy == Overflow::Fail;
            assert_eq!(error, fails.then_some((0, Limit::StateBytes)), "{evaluator:?}, {policy:?}");
            assert_eq!(
                (stats.partial_matches, stats.dropped),
                (held, u64::from(!fails)),
                "{evaluator:?}, {policy:?}"
            );
            assert_eq!(stats.dropped_at, Some(Limit::StateBytes));
            // It completes what needs not be held, and is lost to what would have to hold it.
            bench.feed(11, 2, 1000).unwrap();
            bench.feed(12, 4, 2 * MB).unwrap();
            assert_eq!(bench.matches().len(), 10, "{evaluator:?}, {policy:?}");
            bench.feed(13, 1, 1000).unwrap();
            assert_eq!(bench.feed(14, 2, 2 * MB).is_err(), fails);
            assert_eq!(bench.engine.stats().partial_matches, 0, "{evaluator:?}, {policy:?}");
            bench.feed(15, 4, 1000).unwrap();
            assert_eq!(bench.matches().len(), 10);
        }
    }
}

#[test]
fn failing_counts_nothing_as_dropped() {
    for evaluator in BOTH {
        let limits = bytes_at_most(MB, Overflow::Fail);
        let pattern = || pattern(vec![step(0), step(1)]);
        let mut bench = Bench::new(pattern(), evaluator, PatternOutputs::default(), limits);
        bench.feed(0, 1, MB / 2).unwrap();
        let held = bench.engine.stats();
        let error = bench.feed(1, 1, MB / 2).unwrap_err();
        assert_eq!(error.to_string(), "rule 0 already holds its limit of 1000000 bytes");
        let stats = bench.engine.stats();
        assert_eq!((stats.bytes, stats.partial_matches, stats.dropped), (held.bytes, 1, 0), "{evaluator:?}");
        bench.feed(2, 2, 0).unwrap();
        assert_eq!(bench.matches(), [[0, 2]]);
    }
}

#[test]
fn events_of_matches_held_back_and_of_summaries_count() {
    let mut held_back = pattern(vec![one_or_more(0), step(1)]);
    held_back.stages[0].repeat.inner = Contiguity::SkipTillAny;
    held_back.after_match = AfterMatch::PastLast;
    let no_events = PatternOutputs { events: false, ..PatternOutputs::default() };
    for outputs in [PatternOutputs::default(), no_events] {
        let limits = bytes_at_most(10 * MB, Overflow::DropOldest);
        let mut bench = Bench::new(held_back.clone(), EvaluatorKind::Runs, outputs, limits);
        for time in 0..20 {
            bench.feed(time, 1, MB).unwrap();
            let stats = bench.engine.stats();
            assert!(stats.bytes <= 10 * MB, "{}", stats.bytes);
            assert!(stats.bytes >= MB.min(MB * usize::try_from(time + 1).unwrap()), "{}", stats.bytes);
        }
        assert!(bench.engine.stats().dropped > 0);
    }
}

//! What registers hold of the events that partial matches have taken: it is counted, bounded, and told for what it is.

use olocus_cep::pattern::{
    AfterMatch, Comparison, Cross, Pattern, PatternOutputs, Register, RegisterFunction, RegisterId, StepId,
};
use olocus_cep::{AggregateFunction, Engine, Found, Key, Limit, Limits, Overflow, Plan, Row, Scalar};

use crate::patterns::{Run, one_or_more, pattern, plan, step};
use crate::snapshots::Numbers;

const SUMMARY: PatternOutputs = PatternOutputs { timeouts: false, events: false, matches_per_event: 1000 };

fn register(step: u8, function: RegisterFunction) -> Register {
    Register { step: StepId(step), function, input: Some(0) }
}

/// `a`, then each `b` there is, then `c`: one partial match for each `a`, which remembers something of its `b`s.
fn remembering(function: AggregateFunction) -> Pattern {
    let mut wanted = pattern(vec![step(0), one_or_more(1), step(2)]);
    wanted.stages[1].repeat.greedy = true;
    wanted.registers = vec![register(1, RegisterFunction::Aggregate(function))];
    wanted.within = Some(1_000_000);
    wanted
}

fn text(number: i64) -> Scalar {
    Scalar::from(&*format!("{number:0100}"))
}

const DISTINCT: AggregateFunction = AggregateFunction::CountDistinct;
const MEDIAN: AggregateFunction = AggregateFunction::Percentile { billionths: 500_000_000 };

#[test]
fn what_registers_remember_counts_until_it_is_gone() {
    for (function, each) in [(DISTINCT, 140), (MEDIAN, 16)] {
        let value = |time| if function == DISTINCT { text(time) } else { Scalar::Int(time) };
        let mut run = Run::new(plan(remembering(function), SUMMARY), Limits::default());
        run.feed(0, "k", "a").unwrap();
        let before = run.engine.stats().bytes;
        for time in 1..=500 {
            run.feed_with(time, "k", "b", &[value(time)]).unwrap();
        }
        let grown = run.engine.stats().bytes - before;
        assert!(grown >= 500 * each && grown < 500 * each * 3, "{function}: {grown} bytes");
        // A second partial match remembers for itself.
        run.feed(501, "k", "a").unwrap();
        run.feed_with(502, "k", "b", &[value(1)]).unwrap();
        assert!(run.engine.stats().bytes < before + 2 * grown, "{function}");
        run.engine.advance(2_000_000, &mut run.found);
        assert_eq!(run.engine.stats().bytes, 0, "{function}");
    }
}

#[test]
fn texts_that_are_kept_for_conditions_count() {
    let mut wanted = pattern(vec![step(0), step(1)]);
    wanted.within = Some(1_000_000);
    wanted.registers = vec![register(0, RegisterFunction::First), register(0, RegisterFunction::Last)];
    wanted.conditions[1].cross =
        vec![Cross::Compare { input: 0, operator: Comparison::Equal, register: RegisterId(0) }];
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), Limits::default());
    let long = |letter: &str| Scalar::from(&*letter.repeat(10_000));
    run.feed_with(0, "k", "a", &[Scalar::from("x")]).unwrap();
    let one = run.engine.stats().bytes;
    run.feed_with(1, "k", "a", &[long("y")]).unwrap();
    let two = run.engine.stats().bytes;
    assert!((one + 20_000..one + 22_000).contains(&two), "{one}, then {two}");
    run.feed_with(2, "k", "b", &[long("y")]).unwrap();
    assert_eq!(run.told(), "a1 b2");
    assert!(run.engine.stats().bytes < one + 1_000, "{}", run.engine.stats().bytes);
}

#[test]
fn bounds_count_what_registers_hold() {
    let limits = |policy| Limits { state_bytes_per_rule: 100_000, policy, ..Limits::default() };
    for policy in [Overflow::DropOldest, Overflow::DropNewest] {
        let mut run = Run::new(plan(remembering(DISTINCT), SUMMARY), limits(policy));
        run.feed(0, "k", "a").unwrap();
        run.feed(1, "l", "a").unwrap();
        let mut time = 2;
        while run.engine.stats().dropped == 0 {
            for key in ["k", "l"] {
                run.feed_with(time, key, "b", &[text(time)]).unwrap();
                assert!(run.engine.stats().bytes <= 100_000, "{policy:?}: {}", run.engine.stats().bytes);
                time += 1;
            }
            assert!(time < 4_000, "{policy:?}: what the two remember is more than 100,000 bytes by now");
        }
        // What is left goes on, and knows what it has seen.
        let stats = run.engine.stats();
        assert_eq!((stats.partial_matches, stats.dropped_at), (1, Some(Limit::StateBytes)), "{policy:?}");
        run.feed(time, "k", "c").unwrap();
        run.feed(time, "l", "c").unwrap();
        assert_eq!(run.told().lines().count(), 1, "{policy:?}");
    }
    let mut run = Run::new(plan(remembering(DISTINCT), SUMMARY), limits(Overflow::Fail));
    run.feed(0, "k", "a").unwrap();
    let failed = (1..4_000).find_map(|time| run.feed_with(time, "k", "b", &[text(time)]).err());
    assert_eq!(failed.and_then(|error| error.limit_reached()), Some((0, Limit::StateBytes)));
}

#[test]
fn a_value_that_would_not_fit_into_an_empty_rule_drops_nothing() {
    for policy in [Overflow::DropOldest, Overflow::DropNewest, Overflow::Fail] {
        let limits = Limits { state_bytes_per_rule: 100_000, policy, ..Limits::default() };
        let mut run = Run::new(plan(remembering(DISTINCT), SUMMARY), limits);
        for time in 0..10 {
            run.feed(time, "k", "a").unwrap();
        }
        let huge = Scalar::from(&*"x".repeat(200_000));
        assert_eq!(run.feed_with(10, "l", "a", &[huge]).is_err(), policy == Overflow::Fail);
        assert_eq!(run.engine.stats().partial_matches, 10, "{policy:?}");
    }
}

#[test]
fn matches_held_back_count_with_what_they_tell() {
    let mut wanted = pattern(vec![step(0), step(1)]);
    wanted.registers = vec![
        register(0, RegisterFunction::First),
        Register { step: StepId(1), function: RegisterFunction::Last, input: Some(1) },
    ];
    wanted.conditions[1].cross =
        vec![Cross::Compare { input: 0, operator: Comparison::Greater, register: RegisterId(0) }];
    wanted.within = Some(1_000_000);
    wanted.after_match = AfterMatch::PastLast;
    let mut run = Run::new(plan(wanted, SUMMARY), Limits::default());
    // The first waits for more than 100, and holds back what the second finds.
    run.feed_with(0, "k", "a", &[Scalar::Int(100)]).unwrap();
    run.feed_with(1, "k", "a", &[Scalar::Int(1)]).unwrap();
    let before = run.engine.stats().bytes;
    run.feed_with(2, "k", "b", &[Scalar::Int(50), Scalar::from(&*"x".repeat(10_000))]).unwrap();
    assert_eq!(run.told(), "");
    let after = run.engine.stats().bytes;
    assert!((before + 9_800..before + 10_400).contains(&after), "{before}, then {after}");
    run.feed_with(3, "k", "b", &[Scalar::Int(101), Scalar::Null]).unwrap();
    assert_eq!(run.told().lines().count(), 1);
    assert_eq!(run.engine.stats().partial_matches, 0);
    run.engine.advance(2_000_000, &mut run.found);
    assert_eq!(run.engine.stats().bytes, 0);
}

#[test]
fn summaries_tell_which_of_their_values_are_estimates() {
    let plan = || {
        let mut wanted = remembering(DISTINCT);
        wanted.registers.insert(0, register(1, RegisterFunction::Aggregate(AggregateFunction::Max)));
        wanted.registers.push(register(1, RegisterFunction::Aggregate(MEDIAN)));
        plan(wanted, SUMMARY)
    };
    let estimates = |different: i64| {
        let mut run = Run::new(plan(), Limits::default());
        run.feed(0, "k", "a").unwrap();
        for time in 1..=different + 10 {
            run.feed_with(time, "k", "b", &[Scalar::Int(time % different)]).unwrap();
        }
        run.feed(different + 11, "k", "c").unwrap();
        match &run.found[..] {
            [finding] => match &finding.found {
                Found::Summary { approximate, registers, .. } => (approximate.clone(), registers[0].clone()),
                other => panic!("{other:?}"),
            },
            others => panic!("{others:?}"),
        }
    };
    assert_eq!(estimates(1_000), (vec![], Scalar::Int(999)));
    assert_eq!(estimates(1_001), (vec![1], Scalar::Int(1_000)));
    assert_eq!(estimates(2_049), (vec![1, 2], Scalar::Int(2_048)));
}

#[test]
fn a_restored_engine_holds_as_much() {
    let plans =
        || -> Vec<Plan> { vec![plan(remembering(DISTINCT), SUMMARY), plan(remembering(MEDIAN), SUMMARY)] };
    let mut engine: Engine<usize> = Engine::new(plans(), Limits::default());
    let mut found = Vec::new();
    for time in 0..50 {
        let (steps, event) = (if time % 5 == 0 { 1 } else { 2 }, time as usize);
        for rule in 0..2 {
            let inputs = [if rule == 0 { text(time) } else { Scalar::Int(time) }];
            let row = Row { time, steps, inputs: &inputs, event: &event, keep: None };
            engine.process(rule, &Key::single("k"), row, &mut found).unwrap();
        }
    }
    let parts = [engine.snapshot(&Numbers)];
    let mut restored: Engine<usize> =
        Engine::new(plans(), Limits::default()).restore(&parts, &Numbers).unwrap();
    assert_eq!(restored.stats(), engine.stats());
    restored.advance(2_000_000, &mut found);
    assert_eq!(restored.stats().bytes, 0);
}

//! Whoever runs an engine advances it when its next timer is due, and may leave that out else.

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{EvaluatorKind, PatternOutputs, PatternPlan, sets};
use olocus_cep::{AggregateFunction, Engine, Finding, Found, Limits, Overflow, Plan, Row, WindowPlan};
use olocus_reference::random::{Features, RandomCase, cases};
use proptest::prelude::*;

use crate::harness::key;

const KEYS: [&str; 2] = ["a", "b"];

/// The pattern with every evaluator that accepts it, and windows of all kinds.
fn plans(case: &RandomCase, outputs: PatternOutputs) -> Option<Vec<Plan>> {
    let automaton = Automaton::new(&case.pattern).ok()?;
    let plan = |kind| PatternPlan {
        pattern: case.pattern.clone(),
        conditions: Some(case.opaque.clone()),
        outputs,
        evaluator: Some(kind),
    };
    let mut plans = vec![Plan::Pattern(plan(EvaluatorKind::Runs))];
    let by_sets = plan(EvaluatorKind::Sets);
    if sets::accepts(&by_sets, &automaton).is_ok() {
        plans.push(Plan::Pattern(by_sets));
    }
    let windows = [
        WindowPlan::Count(2),
        WindowPlan::Tumbling(5),
        WindowPlan::Sliding { size: 4, every: None },
        WindowPlan::Sliding { size: 7, every: Some(3) },
        WindowPlan::Session(3),
    ];
    let window = |window| Plan::Window { window, aggregates: vec![AggregateFunction::Count] };
    plans.extend(windows.map(window));
    Some(plans)
}

/// What is found if time is told at every moment, or only when a timer is due before a row.
fn run(
    plans: &[Plan],
    limits: Limits,
    case: &RandomCase,
    keys: &[usize],
    every_moment: bool,
) -> Result<Vec<Finding<usize>>, TestCaseError> {
    let mut engine: Engine<usize> = Engine::new(plans.to_vec(), limits);
    let mut found = Vec::new();
    let advance = |engine: &mut Engine<usize>, to: i64, found: &mut Vec<_>| -> Result<(), TestCaseError> {
        let timer = engine.next_timer();
        let before = found.len();
        if every_moment || timer.is_some_and(|timer| timer <= to) {
            engine.advance(to, found);
        }
        // Never later than what it is for.
        let is_told = found.len() > before;
        prop_assert!(
            !is_told || timer.is_some_and(|timer| timer <= to),
            "found at {to}, but due at {timer:?}"
        );
        prop_assert!(engine.next_timer().is_none_or(|timer| timer > to), "still due at {to}");
        Ok(())
    };
    let mut now = case.events.first().map_or(0, |event| event.time) - 1;
    for (index, (event, of)) in case.events.iter().zip(keys).enumerate() {
        while every_moment && now < event.time {
            now += 1;
            advance(&mut engine, now, &mut found)?;
        }
        advance(&mut engine, event.time, &mut found)?;
        for rule in 0..plans.len() {
            let steps = event.bits;
            let row = Row { time: event.time, steps, inputs: &event.inputs, event: &index, keep: None };
            // What a limit refuses is refused in both.
            let _ = engine.process(rule, &key(KEYS[*of]), row, &mut found);
        }
    }
    while every_moment && now < 100 {
        now += 1;
        advance(&mut engine, now, &mut found)?;
    }
    engine.advance(i64::MAX, &mut found);
    prop_assert_eq!(engine.next_timer(), None);
    Ok(found)
}

/// Findings rule by rule: with time told at every moment, those of several rules mix differently.
fn by_rule(found: Vec<Finding<usize>>) -> Vec<Finding<usize>> {
    let mut found = found;
    found.sort_by_key(|finding| finding.rule);
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn the_next_timer_is_never_later_than_what_it_is_for(
        case in cases(Features::ALL, 20),
        keys in prop::collection::vec(0..KEYS.len(), 20),
        timeouts in any::<bool>(),
        events in any::<bool>(),
        most in prop_oneof![2 => Just(1_000_usize), 1 => 1_usize..6],
        policy in prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest), Just(Overflow::Fail)],
    ) {
        let outputs = PatternOutputs { timeouts, events, matches_per_event: 50 };
        let Some(plans) = plans(&case, outputs) else { return Err(TestCaseError::reject("no automaton")) };
        let limits = Limits {
            partial_matches_per_rule: most,
            window_events_per_rule: most,
            keys_per_rule: most.div_ceil(2),
            policy,
            ..Limits::default()
        };
        let always = run(&plans, limits, &case, &keys, true)?;
        let seldom = run(&plans, limits, &case, &keys, false)?;
        prop_assert_eq!(format!("{:?}", by_rule(seldom)), format!("{:?}", by_rule(always)), "{}", plans[0]);
    }
}

#[test]
fn something_comes_of_timers_in_random_cases() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let outputs = PatternOutputs { timeouts: true, ..PatternOutputs::default() };
    let mut timed_out = 0;
    for _ in 0..100 {
        let case = cases(Features::ALL, 20).new_tree(&mut runner).unwrap().current();
        let Some(plans) = plans(&case, outputs) else { continue };
        let found = run(&plans, Limits::default(), &case, &[0; 20], true).unwrap();
        timed_out += found.iter().filter(|finding| matches!(finding.found, Found::Timeout { .. })).count();
    }
    assert!(timed_out > 20, "{timed_out}");
}

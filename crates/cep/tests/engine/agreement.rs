//! Random patterns on random streams: whatever evaluates a pattern finds what the reference matcher finds.

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{EvaluatorKind, PatternOutputs, PatternPlan, sets};
use olocus_cep::{Engine, Finding, Key, Limits, Plan, Row};
use olocus_reference::random::{Features, RandomCase, cases};
use olocus_reference::{Event, Outcome, outcome, run_bounded, run_engine};
use proptest::prelude::*;

use crate::harness::key;

/// Beyond so many partial matches at a time a case is left out: it would take long and prove no more.
const PARTIAL_MATCHES_MAX: usize = 2000;

const PLAIN: Features = Features { cross: false, after_match: false, gaps: true };
const WITHOUT_GAPS: Features = Features { gaps: false, ..Features::ALL };
const WITH_GAPS: Features = Features { after_match: false, ..Features::ALL };

fn plan(case: &RandomCase, evaluator: EvaluatorKind) -> PatternPlan {
    PatternPlan {
        pattern: case.pattern.clone(),
        conditions: Some(case.opaque.clone()),
        outputs: PatternOutputs {
            timeouts: evaluator == EvaluatorKind::Runs,
            events: true,
            matches_per_event: usize::MAX,
        },
        evaluator: Some(evaluator),
    }
}

/// In order. Nested repetitions lead to the same events in several ways; how many of these run out of time is not told apart.
fn sorted(mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
    outcomes.sort();
    outcomes.dedup_by(|later, earlier| later.timeout.is_some() && later == earlier);
    outcomes
}

/// Events for an automaton: where the time since the last event taken matters, no two of one time. Of those, runs let the
/// second one find what the first one has led into a state whose time is over; sets do not.
fn spread(automaton: &Automaton, case: &RandomCase) -> RandomCase {
    let mut case = case.clone();
    if automaton.has_gaps() {
        let mut last = i64::MIN;
        for event in &mut case.events {
            event.time = event.time.max(last + 1);
            last = event.time;
        }
    }
    case
}

/// What the reference finds, unless that is too much to wait for.
fn expected(case: &RandomCase) -> Option<Vec<Outcome>> {
    let found = run_bounded(&case.pattern, Some(&*case.opaque), &case.events, PARTIAL_MATCHES_MAX)?;
    Some(sorted(found))
}

fn agrees(case: &RandomCase, evaluator: EvaluatorKind, timeouts: bool) -> Result<(), TestCaseError> {
    let Ok(automaton) = Automaton::new(&case.pattern) else {
        return Err(TestCaseError::reject("no automaton"));
    };
    let plan = plan(case, evaluator);
    let mut case = case.clone();
    if evaluator == EvaluatorKind::Sets {
        if sets::accepts(&plan, &automaton).is_err() {
            return Err(TestCaseError::reject("not for sets"));
        }
        case = spread(&automaton, &case);
    }
    let Some(mut expected) = expected(&case) else {
        return Err(TestCaseError::reject("too many partial matches"));
    };
    let mut found = sorted(run_engine(plan, &case.events));
    if !timeouts {
        expected.retain(|outcome| outcome.timeout.is_none());
        found.retain(|outcome| outcome.timeout.is_none());
    }
    prop_assert_eq!(found, expected, "{}", automaton);
    Ok(())
}

/// When something ran out of time, if it did, and its events, each with its step.
type Told = (Option<i64>, Vec<(u8, usize)>);

/// A case's events under one key among events of others, each at the times of its own; for each key what was found.
fn interleaved(plan: &PatternPlan, streams: &[(Key, &[Event])], order: &[usize]) -> Vec<Vec<Told>> {
    let mut engine: Engine<usize> = Engine::new(vec![Plan::Pattern(plan.clone())], Limits::default());
    let mut next = vec![0; streams.len()];
    let mut out: Vec<Finding<usize>> = Vec::new();
    // Time is merged; what is equal in time is ordered by `order`.
    let mut draw = order.iter().cycle();
    loop {
        let times = streams.iter().zip(&next).filter_map(|((_, events), next)| events.get(*next));
        let Some(now) = times.map(|event| event.time).min() else { break };
        let first = draw.next().copied().unwrap_or(0) % streams.len();
        let due =
            |stream: &usize| streams[*stream].1.get(next[*stream]).is_some_and(|event| event.time == now);
        let stream = (0..streams.len()).map(|offset| (first + offset) % streams.len()).find(due).unwrap();
        let event = &streams[stream].1[next[stream]];
        next[stream] += 1;
        engine.advance(now, &mut out);
        let row =
            Row { time: now, steps: event.bits, inputs: &event.inputs, event: &event.index, keep: None };
        engine.process(0, &streams[stream].0, row, &mut out).unwrap();
    }
    engine.advance(i64::MAX, &mut out);
    let of = |wanted: &Key| {
        let findings = out.iter().filter(|finding| finding.key == *wanted);
        let mut found: Vec<_> = findings
            .map(|finding| {
                let Outcome { timeout, events, .. } = outcome(0, finding.found.clone());
                (timeout, events.into_iter().map(|(step, event)| (step.0, event)).collect())
            })
            .collect();
        found.sort();
        found.dedup();
        found
    };
    streams.iter().map(|(key, _)| of(key)).collect()
}

/// `PROPTEST_CASES` asks for more than the usual number.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases.max(3000),
        max_global_rejects: 1_000_000,
        max_local_rejects: 10_000_000,
        failure_persistence: None,
        ..usual
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn runs_find_what_the_reference_finds(case in cases(WITHOUT_GAPS, 14)) {
        agrees(&case, EvaluatorKind::Runs, true)?;
    }

    /// When nothing can come of a partial match any longer, because of bounds on several things that it waits for, is
    /// known to the reference to the moment; automata may find that out later. Matches are the same.
    #[test]
    fn runs_find_the_matches_that_the_reference_finds(case in cases(WITH_GAPS, 14)) {
        agrees(&case, EvaluatorKind::Runs, false)?;
    }

    #[test]
    fn sets_find_what_the_reference_finds(case in cases(PLAIN, 14)) {
        agrees(&case, EvaluatorKind::Sets, false)?;
    }

    #[test]
    fn keys_do_not_disturb_each_other(
        case in cases(Features::ALL, 10),
        others in prop::collection::vec(olocus_reference::random::stream(10), 1..3),
        order in prop::collection::vec(0_usize..3, 1..20),
        sets_asked in any::<bool>(),
    ) {
        let evaluator = if sets_asked { EvaluatorKind::Sets } else { EvaluatorKind::Runs };
        let Ok(automaton) = Automaton::new(&case.pattern) else { return Err(TestCaseError::reject("no automaton")) };
        let plan = plan(&case, evaluator);
        prop_assume!(!sets_asked || sets::accepts(&plan, &automaton).is_ok());
        let mut streams = vec![(key("case"), &case.events[..])];
        streams.extend(others.iter().enumerate().map(|(other, events)| (key(&format!("other {other}")), &events[..])));
        for (_, events) in &streams {
            let alone = RandomCase { events: events.to_vec(), ..case.clone() };
            prop_assume!(expected(&alone).is_some());
        }
        let together = interleaved(&plan, &streams, &order);
        for ((key, events), together) in streams.iter().zip(together) {
            let alone = interleaved(&plan, &[(key.clone(), events)], &[0]);
            prop_assert_eq!(&together, &alone[0], "{}", automaton);
        }
    }
}

/// That random cases come to something, so that agreement means something.
#[test]
fn random_cases_find_much() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy = cases(Features::ALL, 14);
    let (mut with_matches, mut with_timeouts) = (0, 0);
    for _ in 0..500 {
        let case = strategy.new_tree(&mut runner).unwrap().current();
        let Some(found) = expected(&case) else { continue };
        with_matches += usize::from(found.iter().any(|outcome| outcome.timeout.is_none()));
        with_timeouts += usize::from(found.iter().any(|outcome| outcome.timeout.is_some()));
    }
    assert!(
        with_matches > 100 && with_timeouts > 100,
        "{with_matches} with matches, {with_timeouts} with timeouts"
    );
}

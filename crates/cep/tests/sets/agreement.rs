//! Whatever evaluates a pattern finds the same matches.

use std::collections::BTreeSet;

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{Body, EvaluatorKind, Pattern, sets};
use olocus_reference::Outcome;
use olocus_reference::random::{Features, RandomCase, cases};
use proptest::prelude::*;

use crate::patterns::plan;
use crate::running::{Event, KEYS, Match, run};

/// What sets can do, with and without bounds on the time between neighbouring events.
pub(crate) const PLAIN: Features = Features { cross: false, after_match: false, gaps: false };

const WITH_GAPS: Features = Features { gaps: true, ..PLAIN };

/// The matches of the reference matcher, key by key.
fn reference(pattern: &Pattern, case: &RandomCase, keys: &[usize]) -> BTreeSet<Match> {
    let mut found = BTreeSet::new();
    for key in 0..KEYS {
        let mut matcher = olocus_reference::Matcher::new(pattern, None);
        let mut out = Vec::new();
        let mut tell = |at: (usize, bool), out: &mut Vec<Outcome>| {
            let matches = out.drain(..).filter(|outcome| outcome.timeout.is_none());
            found.extend(matches.map(|outcome| (at, key, outcome.events)));
        };
        for (index, (event, of)) in case.events.iter().zip(keys).enumerate() {
            matcher.advance(event.time, &mut out);
            tell((index, false), &mut out);
            if *of == key {
                matcher.process(event, &mut out);
                tell((index, true), &mut out);
            }
        }
        matcher.advance(i64::MAX, &mut out);
        tell((case.events.len(), false), &mut out);
    }
    found
}

pub(crate) fn accepted(case: &RandomCase) -> Option<Automaton> {
    let automaton = Automaton::new(&case.pattern).ok()?;
    sets::accepts(&plan(case.pattern.clone()), &automaton).ok()?;
    Some(automaton)
}

pub(crate) fn events(case: &RandomCase, keys: &[usize]) -> Vec<Event> {
    case.events.iter().zip(keys).map(|(event, key)| (event.time, event.bits, *key)).collect()
}

pub(crate) fn keys() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![3 => Just(0), 1 => 1..KEYS], 30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn sets_find_what_the_reference_finds(case in cases(PLAIN, 14), keys in keys()) {
        // What nested repetitions come to is between the automaton and the reference.
        prop_assume!(case.pattern.stages.iter().all(|stage| !matches!(stage.body, Body::Group(_) | Body::AnyOf(_))));
        let Some(automaton) = accepted(&case) else { return Err(TestCaseError::reject("not accepted")) };
        let found = run(&plan(case.pattern.clone()), EvaluatorKind::Sets, &events(&case, &keys)).unwrap();
        prop_assert_eq!(found, reference(&case.pattern, &case, &keys), "{}", automaton);
    }

    #[test]
    fn sets_find_what_runs_find(case in cases(WITH_GAPS, 25), keys in keys()) {
        let Some(automaton) = accepted(&case) else { return Err(TestCaseError::reject("not accepted")) };
        let events = events(&case, &keys);
        let plan = plan(case.pattern);
        // Runs keep what comes about in several ways as often, which may be too often.
        let Some(expected) = run(&plan, EvaluatorKind::Runs, &events) else {
            return Err(TestCaseError::reject("too many runs"));
        };
        prop_assert_eq!(run(&plan, EvaluatorKind::Sets, &events).unwrap(), expected, "{}", automaton);
    }
}

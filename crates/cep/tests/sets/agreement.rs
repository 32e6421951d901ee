//! Whatever evaluates a pattern finds the same matches.

use std::collections::BTreeSet;

use olocus_cep::Scalar;
use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{Body, EvaluatorKind, Pattern, Repeat, sets};
use olocus_reference::Event as ReferenceEvent;
use proptest::prelude::*;

use crate::patterns::{self, Event};
use crate::running::{Match, run};

/// The matches of the reference matcher, key by key.
fn reference(pattern: &Pattern, events: &[Event]) -> BTreeSet<Match> {
    let mut found = BTreeSet::new();
    for key in 0..2 {
        let mut time = 0;
        let mut matcher = olocus_reference::Matcher::new(pattern, None);
        let mut out = Vec::new();
        let mut tell = |at: (usize, bool), out: &mut Vec<olocus_reference::Outcome>| {
            let matches = out.drain(..).filter(|outcome| outcome.timeout.is_none());
            found.extend(matches.map(|outcome| (at, key, outcome.events)));
        };
        for (index, (later, bits, of)) in events.iter().enumerate() {
            time += later;
            matcher.advance(time, &mut out);
            tell((index, false), &mut out);
            if *of == key {
                let inputs: [Scalar; 0] = [];
                matcher.process(&ReferenceEvent { index, time, bits: *bits, inputs: inputs.into() }, &mut out);
                tell((index, true), &mut out);
            }
        }
        matcher.advance(i64::MAX, &mut out);
        tell((events.len(), false), &mut out);
    }
    found
}

/// Events for an automaton: where the time since the last event taken matters, no two of one time. Of those, runs let the
/// second one find what the first one has led into a state whose time is over.
fn spread(automaton: &Automaton, mut events: Vec<Event>) -> Vec<Event> {
    if automaton.has_gaps() {
        events.iter_mut().for_each(|(later, ..)| *later = (*later).max(1));
    }
    events
}

/// Without bounds from one event to the next if something is repeated or left out.
fn plainly_timed(mut pattern: Pattern) -> Pattern {
    if pattern.stages.iter().any(|stage| stage.repeat != Repeat::ONCE) {
        for stage in pattern.stages.iter_mut().filter(|stage| !matches!(stage.body, Body::Not(_))) {
            stage.within = None;
            stage.repeat.gap = None;
        }
    }
    pattern
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    #[test]
    fn sets_find_what_runs_find(pattern in patterns::pattern(2), events in patterns::events(25)) {
        let plan = patterns::plan(pattern);
        let Ok(automaton) = Automaton::new(&plan.pattern) else { return Err(TestCaseError::reject("no automaton")) };
        prop_assume!(sets::accepts(&plan, &automaton).is_ok());
        let events = spread(&automaton, events);
        let expected = run(&plan, EvaluatorKind::Runs, &events);
        prop_assert_eq!(run(&plan, EvaluatorKind::Sets, &events), expected, "{}", automaton);
    }

    #[test]
    fn sets_find_what_the_reference_finds(pattern in patterns::pattern(0), events in patterns::events(16)) {
        let plan = patterns::plan(plainly_timed(pattern));
        let Ok(automaton) = Automaton::new(&plan.pattern) else { return Err(TestCaseError::reject("no automaton")) };
        prop_assume!(sets::accepts(&plan, &automaton).is_ok());
        let events = spread(&automaton, events);
        prop_assert_eq!(run(&plan, EvaluatorKind::Sets, &events), reference(&plan.pattern, &events), "{}", automaton);
    }
}

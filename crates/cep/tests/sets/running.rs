//! Runs an evaluator over events.

use std::collections::BTreeSet;

use olocus_cep::pattern::{EvaluatorKind, PatternPlan, StepId};
use olocus_cep::{Engine, Finding, Found, Key, Limits, Plan, Row, Stats};

use crate::patterns::Event;

/// A match, told by when it was found: which event had come last, and whether that was shown or only its time was.
pub(crate) type Match = ((usize, bool), usize, Vec<(StepId, usize)>);

/// The matches of an evaluator, with what it holds in the end.
pub(crate) fn run(plan: &PatternPlan, evaluator: EvaluatorKind, events: &[Event]) -> BTreeSet<Match> {
    let (found, stats) = run_limited(plan, evaluator, Limits::default(), events);
    assert_eq!((stats.dropped, stats.untold), (0, 0));
    found.into_iter().collect()
}

pub(crate) fn run_limited(
    plan: &PatternPlan,
    evaluator: EvaluatorKind,
    limits: Limits,
    events: &[Event],
) -> (Vec<Match>, Stats) {
    let plan = PatternPlan { evaluator: Some(evaluator), ..plan.clone() };
    let mut engine: Engine<usize> = Engine::new(vec![Plan::Pattern(plan)], limits);
    let keys = [Key::single("0"), Key::single("1")];
    let mut found = Vec::new();
    let mut out = Vec::new();
    let mut time = 0;
    for (index, (later, steps, key)) in events.iter().enumerate() {
        time += later;
        engine.advance(time, &mut out);
        found.extend(out.drain(..).map(|finding| of(&keys, (index, false), finding)));
        let row = Row { time, steps: *steps, inputs: &[], event: &index, keep: None };
        engine.process(0, &keys[*key], row, &mut out).unwrap();
        found.extend(out.drain(..).map(|finding| of(&keys, (index, true), finding)));
    }
    engine.advance(i64::MAX, &mut out);
    found.extend(out.drain(..).map(|finding| of(&keys, (events.len(), false), finding)));
    (found, engine.stats())
}

fn of(keys: &[Key], at: (usize, bool), finding: Finding<usize>) -> Match {
    let Found::Match { events } = finding.found else { panic!("a pattern finds matches") };
    let key = keys.iter().position(|key| *key == finding.key).unwrap();
    (at, key, events.iter().map(|taken| (taken.step, taken.event)).collect())
}

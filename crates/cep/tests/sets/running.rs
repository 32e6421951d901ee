//! Runs an evaluator over events.

use std::collections::BTreeSet;

use olocus_cep::pattern::{EvaluatorKind, PatternPlan, StepId};
use olocus_cep::{Engine, Finding, Found, Key, Limits, Overflow, Plan, Row, Stats};

/// An event: its time, the bits that it satisfies, and the number of its key.
pub(crate) type Event = (i64, u64, usize);

/// A match, told by when it was found: which event was the last to come, and whether that was shown or only its time was;
/// with the number of its key.
pub(crate) type Match = ((usize, bool), usize, Vec<(StepId, usize)>);

/// How many keys there may be.
pub(crate) const KEYS: usize = 3;

/// The matches of an evaluator; nothing if it would have to hold more than it should in a test.
pub(crate) fn run(plan: &PatternPlan, evaluator: EvaluatorKind, events: &[Event]) -> Option<BTreeSet<Match>> {
    let limits = Limits { partial_matches_per_rule: HELD_MAX, policy: Overflow::Fail, ..Limits::default() };
    let (found, stats) = run_limited(plan, evaluator, limits, events)?;
    assert_eq!((stats.dropped, stats.untold), (0, 0));
    if plan.pattern.within.is_some() {
        assert_eq!(stats.keys, 0, "in the end all is over");
    }
    Some(found.into_iter().collect())
}

/// Partial matches that a test may hold.
const HELD_MAX: usize = 5_000;

/// The matches of an evaluator, in order, and what it holds in the end and had to leave out; nothing if it failed.
pub(crate) fn run_limited(
    plan: &PatternPlan,
    evaluator: EvaluatorKind,
    limits: Limits,
    events: &[Event],
) -> Option<(Vec<Match>, Stats)> {
    let plan = PatternPlan { evaluator: Some(evaluator), ..plan.clone() };
    let mut engine: Engine<usize> = Engine::new(vec![Plan::Pattern(plan)], limits);
    let keys: Vec<Key> = (0..KEYS).map(|key| Key::single(&key.to_string())).collect();
    let mut found = Vec::new();
    let mut out = Vec::new();
    for (index, (time, steps, key)) in events.iter().enumerate() {
        engine.advance(*time, &mut out);
        found.extend(out.drain(..).map(|finding| of(&keys, (index, false), finding)));
        let row = Row { time: *time, steps: *steps, inputs: &[], event: &index, keep: None };
        engine.process(0, &keys[*key], row, &mut out).ok()?;
        found.extend(out.drain(..).map(|finding| of(&keys, (index, true), finding)));
    }
    engine.advance(i64::MAX, &mut out);
    found.extend(out.drain(..).map(|finding| of(&keys, (events.len(), false), finding)));
    Some((found, engine.stats()))
}

fn of(keys: &[Key], at: (usize, bool), finding: Finding<usize>) -> Match {
    let Found::Match { events } = finding.found else { panic!("a pattern finds matches") };
    let key = keys.iter().position(|key| *key == finding.key).unwrap();
    (at, key, events.iter().map(|taken| (taken.step, taken.event)).collect())
}

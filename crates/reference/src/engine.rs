//! Evaluators under test, fed like the matcher.

use olocus_cep::pattern::PatternPlan;
use olocus_cep::{Engine, Found, Key, Limits, Plan, Row};

use crate::matcher::{Event, Outcome};

/// All that an engine finds with this plan in these events, fed as [`run`](crate::run) feeds the matcher.
///
/// # Panics
/// If the engine refuses an event, or finds what no pattern with events in its findings finds.
pub fn run_engine(plan: PatternPlan, events: &[Event]) -> Vec<Outcome> {
    let mut engine: Engine<usize> = Engine::new(vec![Plan::Pattern(plan)], Limits::default());
    let key = Key::single("\"key\"");
    let mut found = Vec::new();
    let mut outcomes = Vec::new();
    let mut tell = |at: usize, found: &mut Vec<olocus_cep::Finding<usize>>| {
        outcomes.extend(found.drain(..).map(|finding| outcome(at, finding.found)));
    };
    let mut now = None;
    for event in events {
        if now.replace(event.time) != Some(event.time) {
            engine.advance(event.time, &mut found);
        }
        let row = Row {
            time: event.time,
            steps: event.bits,
            inputs: &event.inputs,
            event: &event.index,
            keep: None,
        };
        engine.process(0, &key, row, &mut found).expect("events come in order and no limit is near");
        tell(event.index, &mut found);
    }
    engine.advance(i64::MAX, &mut found);
    tell(events.len(), &mut found);
    outcomes
}

/// A finding in the terms of the matcher.
///
/// # Panics
/// If it is no match and no timeout.
pub fn outcome(at: usize, found: Found<usize>) -> Outcome {
    let (timeout, events) = match found {
        Found::Match { events } => (None, events),
        Found::Timeout { events, at } => (Some(at), events),
        other => panic!("a pattern found {other:?}"),
    };
    Outcome { at, timeout, events: events.into_iter().map(|taken| (taken.step, taken.event)).collect() }
}

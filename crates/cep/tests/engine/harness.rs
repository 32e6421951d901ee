//! Running rows through an engine, and short spellings of what comes out.

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, EvaluatorKind, Pattern, PatternOutputs,
    PatternPlan, Repeat, Stage, Step, StepId,
};
use olocus_cep::{
    AggregateFunction, Engine, Finding, Found, Key, Limits, Plan, Row, Scalar, Weighing, WindowPlan,
};

/// An event as the tests write it; findings carry its position in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) time: i64,
    pub(crate) key: Key,
    /// Which steps it satisfies, for each rule.
    pub(crate) steps: Vec<u64>,
    pub(crate) input: Scalar,
}

pub(crate) type Findings = Vec<Finding<usize>>;

pub(crate) fn key(name: &str) -> Key {
    Key::single(&format!("{name:?}"))
}

/// An event of the one rule and the key `a`.
pub(crate) fn event(time: i64, steps: u64) -> Event {
    keyed(time, "a", steps)
}

pub(crate) fn keyed(time: i64, name: &str, steps: u64) -> Event {
    Event { time, key: key(name), steps: vec![steps], input: Scalar::Int(time) }
}

/// Steps one after the other, each with the bit of its number and its time since the one before, skipping till the next;
/// and the time of the whole.
pub(crate) fn sequence(withins: &[Option<i64>], within: Option<i64>) -> Plan {
    let stage = |(id, within): (u8, &Option<i64>)| Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(id)),
        repeat: Repeat::ONCE,
        within: *within,
    };
    let count = u8::try_from(withins.len()).unwrap();
    let step = |id: u8| Step { name: format!("s{id}"), condition: ConditionId(id.into()) };
    let pattern = Pattern {
        steps: (0..count).map(step).collect(),
        conditions: (0..count).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages: (0..).zip(withins).map(stage).collect(),
        within,
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    assert_eq!(pattern.validate(), []);
    Plan::Pattern(PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs::default(),
        evaluator: Some(EvaluatorKind::Runs),
    })
}

pub(crate) fn window(window: WindowPlan) -> Plan {
    Plan::Window { window, aggregates: vec![AggregateFunction::Sum] }
}

/// Feeds one event to all rules, timers first. Windows are to hand on all their events.
pub(crate) fn feed(engine: &mut Engine<usize>, position: usize, event: &Event, out: &mut Findings) {
    feed_weighing(engine, position, event, Some(1), out);
}

/// Feeds one event that has this weight if windows are to hand it on.
pub(crate) fn feed_weighing(
    engine: &mut Engine<usize>,
    position: usize,
    event: &Event,
    keep: Option<usize>,
    out: &mut Findings,
) {
    engine.advance(event.time, out);
    let inputs = [event.input.clone(), event.input.clone()];
    for (rule, steps) in event.steps.iter().enumerate() {
        let row = Row {
            time: event.time,
            steps: *steps,
            inputs: &inputs,
            event: &Weighing(position, position % 4 * 100),
            keep,
        };
        engine.process(rule, &event.key, row, out).unwrap();
    }
}

/// All findings of a stream that is closed by a last watermark.
pub(crate) fn run(plans: Vec<Plan>, events: &[Event]) -> Findings {
    let mut engine = Engine::new(plans, Limits::default());
    let mut out = Vec::new();
    for (position, event) in events.iter().enumerate() {
        feed(&mut engine, position, event, &mut out);
    }
    engine.advance(i64::MAX, &mut out);
    out
}

/// The positions of the events of each match.
pub(crate) fn matches(plan: Plan, events: &[Event]) -> Vec<Vec<usize>> {
    run(vec![plan], events)
        .into_iter()
        .map(|finding| match finding.found {
            Found::Match { events } => events.iter().map(|taken| taken.event).collect(),
            other => panic!("a sequence found {other:?}"),
        })
        .collect()
}

/// Start, end and count of each window judged.
pub(crate) fn windows(plan: WindowPlan, events: &[Event]) -> Vec<(i64, i64, u64)> {
    run(vec![window(plan)], events).iter().map(extent).collect()
}

pub(crate) fn extent(finding: &Finding<usize>) -> (i64, i64, u64) {
    match &finding.found {
        Found::Window { start, end, count, .. } => (*start, *end, *count),
        other => panic!("a window found {other:?}"),
    }
}

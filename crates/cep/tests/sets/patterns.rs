//! Random patterns over four steps, and events that satisfy some of them.

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Pattern, PatternOutputs, PatternPlan, Repeat,
    Stage, Step, StepId,
};
use proptest::prelude::*;
use proptest::sample::select;

/// Steps, each with a condition, and the bit of it.
pub(crate) const STEPS: u8 = 4;

/// An event, told by the time since the one before, the bits it satisfies and its key.
pub(crate) type Event = (i64, u64, usize);

pub(crate) fn plan(pattern: Pattern) -> PatternPlan {
    let outputs = PatternOutputs { timeouts: false, events: true, matches_per_event: usize::MAX };
    PatternPlan { pattern: Arc::new(pattern), conditions: None, outputs, evaluator: None }
}

/// A pattern over all steps.
pub(crate) fn pattern_of(stages: Vec<Stage>, within: Option<i64>) -> Pattern {
    let step = |index: u8| Step { name: format!("s{index}"), condition: ConditionId(index.into()) };
    Pattern {
        steps: (0..STEPS).map(step).collect(),
        conditions: (0..STEPS).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages,
        within,
        after_match: AfterMatch::Nothing,
    }
}

pub(crate) fn stage(step: u8) -> Stage {
    Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(step)),
        repeat: Repeat::ONCE,
        within: None,
    }
}

/// Events of two keys, in small steps of time.
pub(crate) fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec((0..4_i64, 0..1_u64 << STEPS, 0..2_usize), 1..most)
}

/// A pattern whose stages are nested at most so often.
pub(crate) fn pattern(depth: u32) -> impl Strategy<Value = Pattern> {
    let stages = prop::collection::vec(any_stage(depth), 1..4);
    let trailing = prop_oneof![3 => Just(None), 1 => (0..STEPS, 1..8_i64).prop_map(Some)];
    (stages, bound(12), trailing).prop_map(|(mut stages, within, trailing)| {
        if let Some((step, time)) = trailing {
            stages.push(Stage { body: Body::Not(StepId(step)), within: Some(time), ..stage(step) });
        }
        pattern_of(stages, within)
    })
}

fn any_stage(depth: u32) -> BoxedStrategy<Stage> {
    (contiguity(), body(depth), repeat(), bound(6))
        .prop_map(|(follows, body, repeat, within)| {
            let repeat = match body {
                Body::Not(_) => Repeat::ONCE,
                _ => repeat,
            };
            let within = if matches!(body, Body::Not(_)) { None } else { within };
            Stage { follows, body, repeat, within }
        })
        .boxed()
}

fn body(depth: u32) -> BoxedStrategy<Body> {
    let step = (0..STEPS).prop_map(|step| Body::Step(StepId(step)));
    let not = (0..STEPS).prop_map(|step| Body::Not(StepId(step)));
    if depth == 0 {
        return prop_oneof![6 => step, 1 => not].boxed();
    }
    let inner = || prop::collection::vec(any_stage(depth - 1), 1..3);
    prop_oneof![
        12 => step,
        2 => not,
        1 => inner().prop_map(Body::Group),
        1 => prop::collection::vec(inner(), 1..3).prop_map(Body::AnyOf),
        1 => prop::sample::subsequence((0..STEPS).collect::<Vec<_>>(), 2..4)
            .prop_map(|steps| Body::AllOf(steps.into_iter().map(StepId).collect())),
    ]
    .boxed()
}

fn repeat() -> impl Strategy<Value = Repeat> {
    let often = select(vec![(1, Some(1)), (1, Some(1)), (1, None), (2, Some(2)), (2, None), (1, Some(3))]);
    let until = prop_oneof![5 => Just(None), 1 => (0..STEPS).prop_map(|step| Some(ConditionId(step.into())))];
    (often, prop::bool::weighted(0.2), contiguity(), prop::bool::weighted(0.2), until, bound(5)).prop_map(
        |((min, max), optional, inner, greedy, until, gap)| {
            let repeats = max != Some(1);
            Repeat {
                min,
                max,
                optional,
                inner,
                greedy: greedy && repeats,
                until: until.filter(|_| max.is_none()),
                gap: gap.filter(|_| repeats),
            }
        },
    )
}

fn contiguity() -> impl Strategy<Value = Contiguity> {
    select(vec![Contiguity::Strict, Contiguity::SkipTillNext, Contiguity::SkipTillNext, Contiguity::SkipTillAny])
}

fn bound(most: i64) -> impl Strategy<Value = Option<i64>> {
    prop_oneof![2 => Just(None), 1 => (1..most).prop_map(Some)]
}

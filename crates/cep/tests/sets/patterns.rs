//! Patterns over steps `0`, `1`, …, each with the bit of its number.

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Pattern, PatternOutputs, PatternPlan, Repeat,
    Stage, Step, StepId,
};

/// How many steps there are.
const STEPS: u8 = 4;

pub(crate) fn plan(pattern: Arc<Pattern>) -> PatternPlan {
    let outputs = PatternOutputs { timeouts: false, events: true, matches_per_event: usize::MAX };
    PatternPlan { pattern, conditions: None, outputs, evaluator: None }
}

pub(crate) fn plan_of(stages: Vec<Stage>, within: Option<i64>) -> PatternPlan {
    let step = |index: u8| Step { name: format!("s{index}"), condition: ConditionId(index.into()) };
    plan(Arc::new(Pattern {
        steps: (0..STEPS).map(step).collect(),
        conditions: (0..STEPS).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages,
        within,
        preceded: None,
        after_match: AfterMatch::Nothing,
    }))
}

/// The next event that satisfies the step.
pub(crate) fn step(step: u8) -> Stage {
    Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(step)),
        repeat: Repeat::ONCE,
        within: None,
    }
}

/// Any event that satisfies the step.
pub(crate) fn any(of: u8) -> Stage {
    Stage { follows: Contiguity::SkipTillAny, ..step(of) }
}

/// Any choice of events that satisfy the step.
pub(crate) fn some(of: u8) -> Stage {
    Stage { repeat: Repeat { max: None, inner: Contiguity::SkipTillAny, ..Repeat::ONCE }, ..any(of) }
}

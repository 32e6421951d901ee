//! Which patterns are evaluated with sets.

use std::sync::Arc;

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::sets::{self, Reason, accepts};
use olocus_cep::pattern::{
    AfterMatch, Body, Comparison, Cross, EvaluatorKind, Pattern, PatternPlan, Register, RegisterFunction,
    RegisterId, Repeat, Stage, StepId,
};

use crate::patterns::{any, plan_of, some, step};

fn not(of: u8, within: Option<i64>) -> Stage {
    Stage { body: Body::Not(StepId(of)), within, ..step(of) }
}

fn with(plan: &PatternPlan, change: impl FnOnce(&mut Pattern)) -> PatternPlan {
    let mut pattern = Pattern::clone(&plan.pattern);
    change(&mut pattern);
    PatternPlan { pattern: Arc::new(pattern), ..plan.clone() }
}

fn reason(plan: &PatternPlan) -> Result<(), Reason> {
    accepts(plan, &Automaton::new(&plan.pattern).unwrap())
}

fn choice(plan: &PatternPlan) -> EvaluatorKind {
    sets::choose(plan, &Automaton::new(&plan.pattern).unwrap()).unwrap()
}

#[test]
fn sets_are_chosen_where_partial_matches_multiply() {
    let looping = Stage { repeat: Repeat { max: None, ..Repeat::ONCE }, ..step(1) };
    let either = Stage { body: Body::AnyOf(vec![vec![step(1)], vec![step(2)]]), ..step(1) };
    for (stages, expected) in [
        (vec![step(0), step(1), step(2)], EvaluatorKind::Runs),
        (vec![step(0), not(1, None), step(2)], EvaluatorKind::Runs),
        (vec![step(0), any(1), step(2)], EvaluatorKind::Sets),
        (vec![step(0), looping, step(2)], EvaluatorKind::Sets),
        (vec![some(0), step(2)], EvaluatorKind::Sets),
        (vec![step(0), either, step(3)], EvaluatorKind::Sets),
    ] {
        let plan = plan_of(stages, Some(10));
        assert_eq!(choice(&plan), expected, "{:?}", plan.pattern.stages);
        let runs = PatternPlan { evaluator: Some(EvaluatorKind::Runs), ..plan };
        assert_eq!(choice(&runs), EvaluatorKind::Runs);
    }
}

#[test]
fn what_is_not_accepted_has_a_reason() {
    let plan = plan_of(vec![step(0), some(1), any(2)], Some(10));
    assert_eq!(reason(&plan), Ok(()));

    let crossed = with(&plan, |pattern| {
        let function = RegisterFunction::Last;
        pattern.registers.push(Register { step: StepId(0), function, input: Some(0) });
        let (operator, register) = (Comparison::Equal, RegisterId(0));
        pattern.conditions[2].cross.push(Cross::Compare { input: 0, operator, register });
    });
    assert_eq!(reason(&crossed), Err(Reason::CrossConditions));
    assert_eq!(choice(&crossed), EvaluatorKind::Runs);

    let ending = with(&plan, |pattern| pattern.after_match = AfterMatch::ToNext);
    assert_eq!(reason(&ending), Err(Reason::AfterMatch));
    let mut outputs = plan.clone();
    outputs.outputs.timeouts = true;
    assert_eq!(reason(&outputs), Err(Reason::Timeouts));
    outputs.outputs = plan.outputs;
    outputs.outputs.events = false;
    assert_eq!(reason(&outputs), Err(Reason::NoEvents));

    // Absence for some time after the last event is decided for all that took it; after the first one, it is not.
    assert_eq!(reason(&plan_of(vec![any(0), not(1, Some(5))], None)), Ok(()));
    assert_eq!(reason(&plan_of(vec![any(0), not(1, Some(5))], Some(10))), Err(Reason::Absence));
    assert_eq!(reason(&plan_of(vec![any(0), not(1, None)], Some(10))), Err(Reason::Absence));

    let many = Stage { repeat: Repeat { min: 9_000, max: Some(9_000), ..Repeat::ONCE }, ..any(1) };
    let plan = plan_of(vec![step(0), many], None);
    assert_eq!(reason(&plan), Err(Reason::TooLarge));
    assert_eq!(Reason::TooLarge.to_string(), "too many sets of states, or of conditions that hold at once");
}

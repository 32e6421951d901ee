//! From a sequence to a pattern.

use std::collections::HashSet;

use super::{AfterMatch, Asked, Element, Not, Sequence, Step, Takes, Times};
use crate::pattern::{self, Body, Condition, ConditionId, Pattern, Preceded, Repeat, Stage, StepId};

/// The pattern of a sequence.
///
/// `condition` says what decides each thing that is asked of events; it is called once for each, in the order of
/// [`Sequence::asked`], in which steps and `not`s also get their [`StepId`]s: the first is 0. Equal conditions become one.
/// The registers that cross conditions name are left to the caller.
///
/// # Panics
/// If the sequence has more steps than [`MAX_STEPS`](super::MAX_STEPS), `after_match` names none of them, or a `not` at the
/// start does not say for how long, which the parser refuses.
pub fn lower(sequence: &Sequence, condition: impl FnMut(Asked<'_>) -> Condition) -> Pattern {
    let name = |asked: Asked<'_>| match asked {
        Asked::Step(step) => Some(step.name.value.clone()),
        Asked::Not(not) => not.name.as_ref().map(|name| name.value.clone()),
        Asked::Until(_) => None,
    };
    let taken = sequence.asked().into_iter().filter_map(name).collect();
    let mut lowering = Lowering { condition, steps: Vec::new(), conditions: Vec::new(), taken };
    let (preceded, elements) = lowering.preceded(&sequence.elements);
    let mut stages = lowering.stages(elements);
    if let Some(within) = sequence.within {
        drop_idle_limits(&mut stages, within);
    }
    let step = |name: &str| {
        let at = lowering.steps.iter().position(|step| step.name == name);
        step_id(at.expect("the parser refuses names of steps that are not there"))
    };
    let after_match = match &sequence.after_match {
        AfterMatch::Nothing => pattern::AfterMatch::Nothing,
        AfterMatch::ToNext => pattern::AfterMatch::ToNext,
        AfterMatch::PastLast => pattern::AfterMatch::PastLast,
        AfterMatch::ToFirst(name) => pattern::AfterMatch::ToFirst(step(&name.value)),
        AfterMatch::ToLast(name) => pattern::AfterMatch::ToLast(step(&name.value)),
    };
    Pattern {
        after_match,
        within: sequence.within,
        preceded,
        stages,
        steps: lowering.steps,
        conditions: lowering.conditions,
        registers: Vec::new(),
    }
}

struct Lowering<C> {
    condition: C,
    steps: Vec<pattern::Step>,
    conditions: Vec<Condition>,
    /// Names that steps and `not`s have.
    taken: HashSet<String>,
}

impl<C: FnMut(Asked<'_>) -> Condition> Lowering<C> {
    /// What must not precede a match, if the sequence begins with a `not`; and what follows that.
    fn preceded<'e>(&mut self, elements: &'e [Element]) -> (Option<Preceded>, &'e [Element]) {
        let Some((Element { takes: Takes::Not(not), .. }, rest)) = elements.split_first() else {
            return (None, elements);
        };
        let step = self.not(not);
        let within = not.lasts.expect("the parser asks for how long there must have been nothing");
        (Some(Preceded { condition: self.steps[step.index()].condition, within }), rest)
    }

    fn stages(&mut self, elements: &[Element]) -> Vec<Stage> {
        elements.iter().map(|element| self.stage(element)).collect()
    }

    fn stage(&mut self, element: &Element) -> Stage {
        let mut within = element.within;
        let body = match &element.takes {
            Takes::Step(step) => Body::Step(self.step(step)),
            Takes::Not(not) => {
                within = not.lasts;
                Body::Not(self.not(not))
            }
            Takes::Group(elements) => Body::Group(self.stages(elements)),
            Takes::AnyOf(alternatives) => {
                Body::AnyOf(alternatives.iter().map(|elements| self.stages(elements)).collect())
            }
            Takes::AllOf(steps) => Body::AllOf(steps.iter().map(|step| self.step(step)).collect()),
        };
        Stage { follows: element.contiguity, body, repeat: self.repeat(&element.times), within }
    }

    fn repeat(&mut self, times: &Times) -> Repeat {
        let until = times.until.as_ref().map(|until| self.asked(Asked::Until(until)));
        Repeat {
            min: times.min,
            max: times.max,
            optional: times.optional,
            inner: times.contiguity,
            greedy: times.greedy,
            until,
            gap: times.gap,
        }
    }

    fn step(&mut self, step: &Step) -> StepId {
        let condition = self.asked(Asked::Step(step));
        self.named(step.name.value.clone(), condition)
    }

    fn not(&mut self, not: &Not) -> StepId {
        let condition = self.asked(Asked::Not(not));
        let name = not.name.as_ref().map_or_else(|| self.unused_name(not), |name| name.value.clone());
        self.named(name, condition)
    }

    /// A name for a `not` that has none: the types of its events.
    fn unused_name(&self, not: &Not) -> String {
        let types: Vec<&str> = not.event.iter().map(|pattern| pattern.value.as_str()).collect();
        let name = types.join("|");
        let is_taken =
            |name: &str| self.taken.contains(name) || self.steps.iter().any(|step| step.name == name);
        let numbered = (2..).map(|number| format!("{name}#{number}"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        names.find(|name| !is_taken(name)).expect("there are more numbers than steps")
    }

    fn named(&mut self, name: String, condition: ConditionId) -> StepId {
        self.steps.push(pattern::Step { name, condition });
        step_id(self.steps.len() - 1)
    }

    fn asked(&mut self, asked: Asked<'_>) -> ConditionId {
        let condition = (self.condition)(asked);
        let known = self.conditions.iter().position(|known| *known == condition);
        let at = known.unwrap_or_else(|| {
            self.conditions.push(condition);
            self.conditions.len() - 1
        });
        ConditionId(u16::try_from(at).expect("a sequence asks at most 64 things"))
    }
}

fn step_id(at: usize) -> StepId {
    StepId(u8::try_from(at).expect("a sequence has at most 64 steps"))
}

/// Leaves time limits out that the limit of the whole always ends before.
fn drop_idle_limits(stages: &mut [Stage], within: i64) {
    let is_idle = |limit: i64| limit >= within;
    for stage in stages {
        if !matches!(stage.body, Body::Not(_)) {
            stage.within = stage.within.filter(|limit| !is_idle(*limit));
        }
        stage.repeat.gap = stage.repeat.gap.filter(|gap| !is_idle(*gap));
        match &mut stage.body {
            Body::Group(stages) => drop_idle_limits(stages, within),
            Body::AnyOf(alternatives) => {
                alternatives.iter_mut().for_each(|stages| drop_idle_limits(stages, within));
            }
            Body::Step(_) | Body::Not(_) | Body::AllOf(_) => {}
        }
    }
}

//! What a pattern must be to have a meaning.

use std::collections::HashSet;

use super::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Cross, Pattern, Register, RegisterFunction, Stage,
    StepId,
};
use crate::aggregate::AggregateFunction;
use crate::plan::MAX_STEPS;

mod problem;

pub use problem::PatternProblem;
use problem::{ProblemKind, quoted};

impl Pattern {
    /// All that is wrong with the pattern; nothing if evaluators can run it.
    pub fn validate(&self) -> Vec<PatternProblem> {
        let mut check = Check { pattern: self, problems: Vec::new() };
        check.names();
        check.conditions();
        check.registers();
        if self.within.is_some_and(|within| within <= 0) {
            check.push(ProblemKind::NoTime { what: "`within` of the pattern".to_string() });
        }
        check.sequence("the pattern", &self.stages, true);
        check.after_match();
        check.preceded();
        check.problems
    }
}

struct Check<'p> {
    pattern: &'p Pattern,
    problems: Vec<PatternProblem>,
}

impl Check<'_> {
    fn push(&mut self, kind: ProblemKind) {
        self.problems.push(PatternProblem::new(kind));
    }

    fn names(&mut self) {
        let steps = &self.pattern.steps;
        if steps.len() > MAX_STEPS {
            self.push(ProblemKind::TooManySteps { steps: steps.len() });
        }
        let mut names = HashSet::new();
        for (index, step) in steps.iter().enumerate() {
            if step.name.is_empty() {
                self.push(ProblemKind::Unnamed { step: index });
            } else if !names.insert(&step.name) {
                self.push(ProblemKind::DuplicateName { name: step.name.clone() });
            }
            self.condition(step.condition, || quoted(&step.name));
        }
    }

    fn conditions(&mut self) {
        for (index, Condition { bit, cross }) in self.pattern.conditions.iter().enumerate() {
            if let Some(bit) = bit.filter(|bit| usize::from(*bit) >= MAX_STEPS) {
                self.push(ProblemKind::BitTooLarge { condition: index, bit });
            }
            for cross in cross {
                if let Cross::Compare { register, .. } = cross
                    && register.index() >= self.pattern.registers.len()
                {
                    self.push(ProblemKind::UnknownRegister { register: register.index() });
                }
            }
        }
    }

    fn registers(&mut self) {
        for (index, Register { step, function, input }) in self.pattern.registers.iter().enumerate() {
            self.step(*step, || format!("register {index}"));
            let counts = *function == RegisterFunction::Aggregate(AggregateFunction::Count);
            if input.is_none() && !counts {
                self.push(ProblemKind::RegisterWithoutInput { register: index });
            }
        }
    }

    fn after_match(&mut self) {
        let (AfterMatch::ToFirst(step) | AfterMatch::ToLast(step)) = self.pattern.after_match else { return };
        let Some(named) = self.pattern.steps.get(step.index()) else {
            return self.push(ProblemKind::SkipToUnknown { step });
        };
        let names = |stage: &Stage| match &stage.body {
            Body::Step(taken) => *taken == step,
            Body::AllOf(steps) => steps.contains(&step),
            Body::Not(_) | Body::Group(_) | Body::AnyOf(_) => false,
        };
        if self.pattern.stages.iter().any(names) {
            return;
        }
        let name = named.name.clone();
        let is_not = self.pattern.stages.iter().any(|stage| stage.body == Body::Not(step));
        self.push(if is_not { ProblemKind::SkipToNot { name } } else { ProblemKind::SkipIntoGroup { name } });
    }

    fn preceded(&mut self) {
        let Some(preceded) = self.pattern.preceded else { return };
        let what = "what must not precede a match";
        self.condition(preceded.condition, || what.to_string());
        if preceded.within <= 0 {
            self.push(ProblemKind::NoTime { what: format!("the time of {what}") });
        }
        let condition = self.pattern.conditions.get(preceded.condition.index());
        if condition.is_some_and(|condition| !condition.cross.is_empty()) {
            let step = self.pattern.steps.iter().find(|step| step.condition == preceded.condition);
            let number = || format!("condition {}", preceded.condition.0);
            self.push(ProblemKind::PrecededCross {
                name: step.map_or_else(number, |step| quoted(&step.name)),
            });
        }
    }

    fn sequence(&mut self, what: &str, stages: &[Stage], outermost: bool) {
        if stages.is_empty() {
            return self.push(ProblemKind::Empty { what: what.to_string() });
        }
        let mut before: Option<&Stage> = None;
        for (index, stage) in stages.iter().enumerate() {
            if let Body::Not(step) = stage.body {
                let after = &stages[index + 1..];
                let last = after.is_empty() || !outermost && after.iter().all(takes_nothing);
                self.not(what, step, stage, before, last, outermost);
            } else {
                self.stage(stage, before);
            }
            if stage.within.is_some_and(|within| within <= 0) {
                self.push(ProblemKind::NoTime { what: format!("`within` of {}", self.label(stage)) });
            }
            if index == 0 && !outermost && stage.within.is_some() {
                let stage = self.label(stage);
                self.push(ProblemKind::FirstWithin { what: what.to_string(), stage });
            }
            if stage.within.is_some()
                && begins_optional(std::slice::from_ref(stage))
                && !stage.repeat.optional
            {
                self.push(ProblemKind::WithinOptional { stage: self.label(stage) });
            }
            if let (Some(within), Some(whole)) = (stage.within, self.pattern.within)
                && within > whole
            {
                let what = format!("`within` of {}", self.label(stage));
                self.push(ProblemKind::TimeTooLarge { what });
            }
            before = Some(stage);
        }
    }

    fn not(
        &mut self,
        what: &str,
        step: StepId,
        stage: &Stage,
        before: Option<&Stage>,
        last: bool,
        outermost: bool,
    ) {
        self.step(step, || what.to_string());
        let name = self.name(step);
        if stage.repeat != super::Repeat::ONCE {
            self.push(ProblemKind::NotRepeated { name: name.clone() });
        }
        match before {
            None => self.push(ProblemKind::BeginsWithNot { what: what.to_string(), name: name.clone() }),
            Some(before) if before.repeat.optional && !matches!(before.body, Body::Not(_)) => {
                let before = self.label(before);
                self.push(ProblemKind::NotAfterOptional { name: name.clone(), before });
            }
            Some(_) => {}
        }
        if last && !outermost {
            self.push(ProblemKind::EndsWithNot { what: what.to_string(), name });
        } else if last
            && stage.follows != Contiguity::Strict
            && stage.within.is_none()
            && self.pattern.within.is_none()
        {
            self.push(ProblemKind::EndlessNot { name });
        }
    }

    fn stage(&mut self, stage: &Stage, before: Option<&Stage>) {
        let label = self.label(stage);
        self.repeat(stage, &label);
        if let Some(before) = before.filter(|before| before.repeat.greedy && stage.repeat.optional) {
            let greedy = self.label(before);
            self.push(ProblemKind::GreedyBeforeOptional { stage: greedy, next: label.clone() });
        }
        match &stage.body {
            Body::Step(step) | Body::Not(step) => self.step(*step, || label.clone()),
            Body::Group(stages) => {
                self.sequence(&label, stages, false);
                if !stages.is_empty() && stages.iter().all(takes_nothing) {
                    self.push(ProblemKind::NothingInGroup { stage: label });
                }
            }
            Body::AnyOf(alternatives) => {
                if alternatives.is_empty() {
                    self.push(ProblemKind::Empty { what: label.clone() });
                }
                for stages in alternatives {
                    self.sequence(&format!("an alternative of {label}"), stages, false);
                    if begins_optional(stages) {
                        self.push(ProblemKind::OptionalAlternative { stage: label.clone() });
                    }
                }
            }
            Body::AllOf(steps) => {
                if steps.is_empty() {
                    self.push(ProblemKind::Empty { what: label.clone() });
                }
                for (index, step) in steps.iter().enumerate() {
                    self.step(*step, || label.clone());
                    if steps[..index].contains(step) {
                        let name = self.name(*step);
                        self.push(ProblemKind::SameStepTwice { stage: label.clone(), name });
                    }
                }
            }
        }
    }

    fn repeat(&mut self, stage: &Stage, label: &str) {
        let repeat = &stage.repeat;
        let stage_name = label.to_string();
        if repeat.min == 0 {
            self.push(ProblemKind::MinZero { stage: stage_name.clone() });
        }
        if let Some(max) = repeat.max.filter(|max| *max < repeat.min) {
            self.push(ProblemKind::MaxBelowMin { stage: stage_name.clone(), min: repeat.min, max });
        }
        if repeat.max == Some(1) {
            let unused = [
                (repeat.inner != Contiguity::default(), "how repetitions follow each other"),
                (repeat.greedy, "`greedy`"),
                (repeat.gap.is_some(), "a gap between repetitions"),
            ];
            for (_, option) in unused.into_iter().filter(|(given, _)| *given) {
                self.push(ProblemKind::OnceOnly { stage: stage_name.clone(), option });
            }
        }
        if repeat.greedy && repeat.inner == Contiguity::SkipTillAny {
            self.push(ProblemKind::GreedyAny { stage: stage_name.clone() });
        }
        if repeat.greedy && !matches!(stage.body, Body::Step(_)) {
            self.push(ProblemKind::GreedyGroup { stage: stage_name.clone() });
        }
        if let Some(until) = repeat.until {
            self.condition(until, || format!("`until` of {label}"));
            if repeat.max.is_some() {
                self.push(ProblemKind::UntilBounded { stage: stage_name });
            }
        }
        let what = || format!("the gap between repetitions of {label}");
        if repeat.gap.is_some_and(|gap| gap <= 0) {
            self.push(ProblemKind::NoTime { what: what() });
        }
        if let (Some(gap), Some(whole)) = (repeat.gap, self.pattern.within)
            && gap > whole
        {
            self.push(ProblemKind::TimeTooLarge { what: what() });
        }
    }

    fn step(&mut self, step: StepId, of: impl FnOnce() -> String) {
        if step.index() >= self.pattern.steps.len() {
            self.push(ProblemKind::UnknownStep { of: of(), step });
        }
    }

    fn condition(&mut self, condition: ConditionId, of: impl FnOnce() -> String) {
        if condition.index() >= self.pattern.conditions.len() {
            self.push(ProblemKind::UnknownCondition { of: of(), condition });
        }
    }

    fn name(&self, step: StepId) -> String {
        self.pattern
            .steps
            .get(step.index())
            .map_or_else(|| format!("step {}", step.0), |step| quoted(&step.name))
    }

    /// What a stage is called in messages: by the steps in it.
    fn label(&self, stage: &Stage) -> String {
        let first = |stages: &[Stage]| stages.first().map_or_else(String::new, |stage| self.label(stage));
        match &stage.body {
            Body::Step(step) => self.name(*step),
            Body::Not(step) => format!("not {}", self.name(*step)),
            Body::Group(stages) => format!("the group of {} …", first(stages)),
            Body::AnyOf(alternatives) => {
                let names: Vec<String> = alternatives.iter().map(|stages| first(stages)).collect();
                format!("any of {}", names.join(", "))
            }
            Body::AllOf(steps) => {
                let names: Vec<String> = steps.iter().map(|step| self.name(*step)).collect();
                format!("all of {}", names.join(", "))
            }
        }
    }
}

/// Whether a stage may be passed without an event.
fn takes_nothing(stage: &Stage) -> bool {
    stage.repeat.optional
        || match &stage.body {
            Body::Step(_) | Body::AllOf(_) => false,
            Body::Not(_) => true,
            Body::Group(stages) => stages.iter().all(takes_nothing),
            Body::AnyOf(alternatives) => alternatives.iter().any(|stages| stages.iter().all(takes_nothing)),
        }
}

/// Whether the first event of these stages need not be one of the first stage.
fn begins_optional(stages: &[Stage]) -> bool {
    stages.first().is_some_and(|stage| {
        stage.repeat.optional || matches!(&stage.body, Body::Group(stages) if begins_optional(stages))
    })
}

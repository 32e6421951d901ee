//! A rule of a plan, and what its parts are called.

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::sets::choose;
use olocus_cep::pattern::{Body, ConditionId, Cross, EvaluatorKind, PatternPlan, Register, Stage, StepId};
use olocus_expr::readable;

use crate::plan::{Place, Plan, RulePlan, Test};

/// A rule of a plan.
pub(super) struct About<'a> {
    pub(super) plan: &'a Plan,
    pub(super) index: usize,
    pub(super) rule: &'a RulePlan,
    /// The tests whose answers are for the rule, with the bits of its rows that they set.
    tests: Vec<(&'a Test, u64)>,
    /// Of a sequence.
    pub(super) sequence: Option<SequenceOf<'a>>,
}

/// What a sequence became.
pub(super) struct SequenceOf<'a> {
    pub(super) plan: &'a PatternPlan,
    pub(super) automaton: Automaton,
}

impl<'a> About<'a> {
    pub(super) fn new(plan: &'a Plan, index: usize) -> About<'a> {
        let rule = &plan.rules[index];
        let sequence = match &rule.machine {
            olocus_cep::Plan::Pattern(pattern) => Some(SequenceOf {
                plan: pattern,
                automaton: Automaton::new(&pattern.pattern).expect("rules are compiled with an automaton"),
            }),
            olocus_cep::Plan::Window { .. } => None,
        };
        let tests = plan.tests.iter().filter_map(|test| Some((test, test.bits(index)?))).collect();
        About { plan, index, rule, tests, sequence }
    }

    /// The tests of single events whose answers set bits in the rule's rows, with these bits.
    pub(super) fn tests(&self) -> impl Iterator<Item = (&'a Test, u64)> + '_ {
        self.tests.iter().copied().filter(|(_, bits)| *bits > 0)
    }

    /// The test whose answer sets this bit.
    pub(super) fn test_of_bit(&self, bit: u8) -> Option<&'a Test> {
        self.tests().find(|(_, bits)| bits >> bit & 1 == 1).map(|(test, _)| test)
    }

    /// The test by which a rule sees rows that nothing in it asks about.
    pub(super) fn sees_also(&self) -> Option<&'a Test> {
        self.tests.iter().find(|(_, bits)| *bits == 0).map(|(test, _)| *test)
    }

    /// The expression behind an input of the rule's rows.
    pub(super) fn input(&self, input: usize) -> String {
        let slot = self.rule.inputs.get(input).copied().flatten();
        slot.map_or_else(
            || "*".to_owned(),
            |slot| readable(self.plan.program.normalized_value(self.plan.inputs[slot])),
        )
    }

    /// `sum(access.volume)`, or `count(access)`.
    pub(super) fn register(&self, register: &Register) -> String {
        let argument = match (register.input, &self.sequence) {
            // The text of a value names its step.
            (Some(input), _) => self.input(input),
            (None, Some(sequence)) => sequence.step(register.step).to_owned(),
            (None, None) => "*".to_owned(),
        };
        format!("{}({argument})", register.function)
    }

    /// What a condition that looks back compares.
    pub(super) fn crossing(&self, cross: &Cross) -> String {
        match cross {
            Cross::Compare { input, operator, register } => {
                let register = self.registers().get(register.index()).map(|register| self.register(register));
                format!("{} {operator} {}", self.input(*input), register.unwrap_or_default())
            }
            Cross::Opaque(number) => {
                let condition = self.rule.opaque.0.get(*number);
                condition.map(|condition| readable(condition.expr.normalized())).unwrap_or_default()
            }
        }
    }

    /// The inputs of the rule's rows that a condition that looks back reads of the event at hand.
    pub(super) fn inputs_of(&self, cross: &Cross) -> Vec<usize> {
        match cross {
            Cross::Compare { input, .. } => vec![*input],
            Cross::Opaque(number) => {
                let places = self.rule.opaque.0.get(*number).map(|condition| condition.places.as_slice());
                let input = |place: &Place| match place {
                    Place::Input(input) => Some(*input),
                    Place::Register(_) => None,
                };
                places.unwrap_or_default().iter().filter_map(input).collect()
            }
        }
    }

    pub(super) fn registers(&self) -> &'a [Register] {
        self.sequence.as_ref().map_or(&[], |sequence| &sequence.plan.pattern.registers)
    }
}

impl SequenceOf<'_> {
    /// What evaluates it.
    pub(super) fn evaluator(&self) -> EvaluatorKind {
        choose(self.plan, &self.automaton).expect("rules leave it open what evaluates them")
    }

    /// The names of the steps that can be taken in some state but the start which does not bound its wait.
    pub(super) fn endless_waits(&self) -> Vec<&str> {
        use olocus_cep::pattern::automaton::Action;
        if self.automaton.within().is_some() {
            return Vec::new();
        }
        let waits =
            self.automaton.states().filter(|(id, state)| *id != Automaton::START && state.within.is_none());
        let mut steps: Vec<_> = waits
            .flat_map(|(_, state)| &state.moves)
            .filter_map(|way| match way.action {
                Action::Take { step, .. } => Some(step),
                Action::Skip { .. } | Action::Complete | Action::Stop { .. } => None,
            })
            .collect();
        steps.sort_unstable();
        steps.dedup();
        steps.iter().map(|step| self.plan.pattern.steps[step.index()].name.as_str()).collect()
    }

    /// A condition that no step has, as it stands in listings, and whose repetitions it ends.
    pub(super) fn until_name(&self, condition: ConditionId) -> String {
        fn stage(stages: &[Stage], condition: ConditionId) -> Option<&Stage> {
            stages.iter().find_map(|one| match &one.body {
                _ if one.repeat.until == Some(condition) => Some(one),
                Body::Group(stages) => stage(stages, condition),
                Body::AnyOf(alternatives) => alternatives.iter().find_map(|stages| stage(stages, condition)),
                Body::Step(_) | Body::Not(_) | Body::AllOf(_) => None,
            })
        }
        let pattern = &self.plan.pattern;
        let name = pattern.condition_name(condition);
        match stage(&pattern.stages, condition) {
            Some(stage) => format!("{name}, until of {}", self.label(stage)),
            None => name,
        }
    }

    /// What a stage is called: by the steps with which it can begin.
    pub(super) fn label(&self, stage: &Stage) -> String {
        let mut steps = Vec::new();
        first_steps(stage, &mut steps);
        let names: Vec<&str> = steps.iter().map(|step| self.step(*step)).collect();
        match &stage.body {
            Body::Group(_) => format!("the group of {} …", quoted(&names)),
            Body::Step(_) | Body::Not(_) | Body::AnyOf(_) | Body::AllOf(_) => quoted(&names),
        }
    }

    pub(super) fn step(&self, step: StepId) -> &str {
        &self.plan.pattern.steps[step.index()].name
    }

    /// Whether what waits for a condition that looks back is found through an index wherever it waits.
    pub(super) fn is_indexed(&self, condition: ConditionId, cross: &Cross) -> bool {
        let Cross::Compare { input, operator, register } = *cross else { return false };
        let found = olocus_cep::pattern::indexed(&self.plan.pattern, &self.automaton);
        let asks = |(id, state): &(_, &olocus_cep::pattern::automaton::State)| {
            *id != Automaton::START
                && state
                    .moves
                    .iter()
                    .flat_map(|way| &way.guards)
                    .any(|guard| guard.cross.iter().any(|(asked, _)| *asked == condition))
        };
        let mut states = self.automaton.states().filter(asks).peekable();
        states.peek().is_some()
            && states.all(|(id, _)| {
                found.iter().any(|indexed| {
                    indexed.state == id
                        && indexed.input == input
                        && indexed.operator == operator
                        && indexed.register == register
                })
            })
    }
}

/// The steps with which a stage can begin.
pub(super) fn first_steps(stage: &Stage, steps: &mut Vec<StepId>) {
    match &stage.body {
        Body::Step(step) | Body::Not(step) => steps.push(*step),
        Body::AllOf(all) => steps.extend(all),
        Body::Group(stages) => stages.iter().take(1).for_each(|stage| first_steps(stage, steps)),
        Body::AnyOf(alternatives) => {
            alternatives
                .iter()
                .filter_map(|stages| stages.first())
                .for_each(|stage| first_steps(stage, steps));
        }
    }
}

/// Names with `or` before the last.
pub(super) fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => String::new(),
    }
}

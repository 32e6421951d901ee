//! A sequence → its pattern, its tests of single events, and what becomes of its matches.

use std::sync::Arc;

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{
    self, Cross, CrossConditions, Pattern, PatternOutputs, PatternPlan, Register, RegisterId, StepId,
};
use olocus_cep::rule::{Asked, Include, Rule, Sequence, TypePattern, lower};
use olocus_document::{Diagnostic, SourceFile, Spanned};
use olocus_expr::{Comparison, CrossCondition, CrossInput, SequenceExprs, StepCondition, StepValue};

use super::asked::{Scopes, name};
use super::compile::{Asks, Compilation, CompiledBody, register_function};
use super::conditions::{Condition, Conditions, Place};
use super::report::BodyTexts;
use super::{OutputPlan, SequenceValue};

/// What the conditions of one sequence share.
#[derive(Default)]
struct Machine {
    /// Slots of the plan's inputs.
    inputs: Vec<Option<usize>>,
    registers: Vec<Register>,
    opaque: Vec<Condition>,
    /// By bit of the rule's rows: types and conditions of the test that sets it.
    tests: Vec<(Vec<TypePattern>, Asks)>,
}

impl Compilation<'_> {
    pub(super) fn sequence(
        &mut self,
        file: &Arc<SourceFile>,
        rule: &Rule,
        sequence: &Sequence,
        index: usize,
    ) -> Option<CompiledBody> {
        let having = rule.having.as_ref().map(|text| text.value.as_str());
        let emit: Vec<&str> = rule.emit.iter().map(|(_, text)| text.value.as_str()).collect();
        let mut scopes = Scopes::of(sequence);
        scopes.learn(&self.compiler, having, &emit);
        let key = self.key(rule, &scopes.events);
        let mut machine = Machine::default();
        let mut meaning = Vec::new();
        let conditions = self.conditions(&scopes, &mut machine, &mut meaning);
        let exprs = match self.compiler.sequence_exprs(having, &emit, &scopes.steps) {
            Ok(exprs) => Some(exprs),
            Err(problems) => {
                let texts = BodyTexts { having: rule.having.as_ref(), emit: &rule.emit };
                texts.report(problems, key.is_some(), self.diagnostics);
                None
            }
        };
        let (conditions, exprs, key) = (conditions?, exprs?, key?);
        let (steps, values) =
            (scopes.steps.iter().map(|step| step.step.clone()).collect(), exprs.values.clone());
        let values = values.iter().map(|value| self.sequence_value(rule, value, &mut machine)).collect();
        let mut conditions = conditions.into_iter();
        let mut pattern = lower(sequence, |_| conditions.next().expect("there is one for all that is asked"));
        pattern.registers = std::mem::take(&mut machine.registers);
        let automaton = self.automaton(file, rule, &pattern)?;
        self.link(sequence, &pattern, &automaton, &machine, index);
        meaning.push(format!(
            "{:?} within {:?}, then {:?}",
            pattern.stages, pattern.within, pattern.after_match
        ));
        meaning.extend(pattern.preceded.map(|preceded| format!("{preceded:?}")));
        meaning.push(format!(
            "from {:?}, at most {}",
            type_names(&sequence.from),
            sequence.max_matches_per_event
        ));
        meaning.extend(exprs.having.iter().map(|having| format!("having {}", having.normalized())));
        for ((name, _), expr) in rule.emit.iter().zip(&exprs.emit) {
            meaning.push(format!("emit {}={}", name.value, expr.normalized()));
        }
        let opaque = Arc::new(Conditions(machine.opaque));
        let conditions: Arc<dyn CrossConditions> = Arc::clone(&opaque) as _;
        let plan = PatternPlan {
            pattern: Arc::new(pattern),
            conditions: Some(conditions),
            outputs: PatternOutputs {
                timeouts: sequence.on_timeout.is_some(),
                events: rule.include != Include::Nothing,
                matches_per_event: sequence.max_matches_per_event as usize,
            },
            evaluator: None,
        };
        let SequenceExprs { having, emit, .. } = exprs;
        let names = rule.emit.iter().map(|(name, _)| name.value.clone());
        let output = OutputPlan::Sequence { steps, values, having, emit: names.zip(emit).collect() };
        let machine_plan = olocus_cep::Plan::Pattern(plan);
        Some(CompiledBody { machine: machine_plan, opaque, inputs: machine.inputs, output, meaning, key })
    }

    /// What decides each thing that is asked, in order; `None` once mistakes have been reported.
    fn conditions(
        &mut self,
        scopes: &Scopes<'_>,
        machine: &mut Machine,
        meaning: &mut Vec<String>,
    ) -> Option<Vec<pattern::Condition>> {
        let mut conditions = Vec::with_capacity(scopes.asked.len());
        let mut complete = true;
        for (at, (&asked, event)) in scopes.asked.iter().zip(&scopes.events).enumerate() {
            let found = match asked.filter() {
                None => Some(StepCondition::default()),
                Some(text) => {
                    let compiled = self.compiler.step_condition(&text.value, event, scopes.steps(at));
                    self.report(text, compiled)
                }
            };
            let Some(mut found) = found else {
                complete = false;
                continue;
            };
            meaning.push(self.asked_meaning(asked, &found));
            let StepCondition { cross, .. } = &mut found;
            let cross = std::mem::take(cross).into_iter().map(|cross| self.cross(cross, machine)).collect();
            let bit = Some(machine.bit(asked.event(), self.asks(found)));
            conditions.push(pattern::Condition { bit, cross });
        }
        complete.then_some(conditions)
    }

    fn cross(&mut self, cross: CrossCondition, machine: &mut Machine) -> Cross {
        match cross {
            CrossCondition::Compare { input, operator, value } => Cross::Compare {
                input: machine.input(self.input(input)),
                operator: comparison(operator),
                register: self.register(&value, machine),
            },
            CrossCondition::Expr(expr) => {
                let place = |input: &CrossInput| match input {
                    CrossInput::Event(value) => Place::Input(machine.input(self.input(*value))),
                    CrossInput::Taken(value) => Place::Register(self.register(value, machine).index()),
                };
                let places = expr.inputs().iter().map(place).collect();
                machine.opaque.push(Condition { expr, places });
                Cross::Opaque(machine.opaque.len() - 1)
            }
        }
    }

    fn register(&mut self, value: &StepValue, machine: &mut Machine) -> RegisterId {
        let register = Register {
            step: step_id(value.step),
            function: register_function(value.function),
            input: value.argument.map(|argument| machine.input(self.input(argument))),
        };
        let known = machine.registers.iter().position(|known| *known == register);
        let at = known.unwrap_or_else(|| {
            machine.registers.push(register);
            machine.registers.len() - 1
        });
        RegisterId(u16::try_from(at).expect("expressions are too short to name so many values"))
    }

    /// A value of matches: from their events, or from registers where findings carry none.
    fn sequence_value(&mut self, rule: &Rule, value: &StepValue, machine: &mut Machine) -> SequenceValue {
        let (retained, register) = match rule.include {
            Include::Nothing => (None, Some(self.register(value, machine))),
            Include::Places | Include::Events => (value.argument.map(|argument| self.retain(argument)), None),
        };
        SequenceValue {
            step: step_id(value.step),
            function: register_function(value.function),
            retained,
            register,
        }
    }

    /// The automaton of a pattern, or a word about why it has none.
    fn automaton(&mut self, file: &Arc<SourceFile>, rule: &Rule, pattern: &Pattern) -> Option<Automaton> {
        let mut problems: Vec<String> = pattern.validate().iter().map(ToString::to_string).collect();
        let automaton = match Automaton::new(pattern) {
            Ok(automaton) if problems.is_empty() => return Some(automaton),
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        };
        problems.extend(automaton.filter(|_| problems.is_empty()));
        for problem in problems {
            self.diagnostics.push(Diagnostic::error("bad-pattern", file, rule.name.span, problem));
        }
        None
    }

    /// Asks for what sets the bits of the rule's rows, and for all other rows that it must see.
    fn link(
        &mut self,
        sequence: &Sequence,
        pattern: &Pattern,
        automaton: &Automaton,
        machine: &Machine,
        index: usize,
    ) {
        for (bit, (types, asks)) in machine.tests.iter().enumerate() {
            let bits = 1 << bit;
            self.ask(types.clone(), *asks, (index, bits), pattern.begins(automaton, bits), true);
        }
        if automaton.states().any(|(_, state)| state.stirs(0)) {
            let begins = automaton.begins(0);
            match &sequence.from {
                Some(from) => self.ask(sorted(from), Asks::default(), (index, 0), begins, true),
                None => self.ask(vec![TypePattern::everything()], Asks::default(), (index, 0), begins, false),
            }
        }
    }

    fn asked_meaning(&self, asked: Asked<'_>, condition: &StepCondition) -> String {
        let role = match asked {
            Asked::Step(_) => "step",
            Asked::Not(_) => "not",
            Asked::Until(_) => "until",
        };
        let name = name(asked).unwrap_or_default();
        let types: Vec<String> = sorted(asked.event()).iter().map(|name| name.as_str().to_owned()).collect();
        format!("{role} {name} {types:?} {}", condition.normalized(&self.compiler))
    }
}

impl Machine {
    /// The bit that says whether a row is of one of these types and satisfies the condition.
    fn bit(&mut self, types: &[Spanned<TypePattern>], asks: Asks) -> u8 {
        let test = (sorted(types), asks);
        let at = self.tests.iter().position(|known| *known == test).unwrap_or_else(|| {
            self.tests.push(test);
            self.tests.len() - 1
        });
        u8::try_from(at).expect("a sequence asks at most 64 things")
    }

    /// The rule's number of a slot of the plan's inputs.
    fn input(&mut self, slot: usize) -> usize {
        self.inputs.iter().position(|known| *known == Some(slot)).unwrap_or_else(|| {
            self.inputs.push(Some(slot));
            self.inputs.len() - 1
        })
    }
}

/// Event types without order and repetition.
pub(super) fn sorted(types: &[Spanned<TypePattern>]) -> Vec<TypePattern> {
    let mut types: Vec<TypePattern> = types.iter().map(|pattern| pattern.value.clone()).collect();
    types.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    types.dedup();
    types
}

fn type_names(types: &Option<Vec<Spanned<TypePattern>>>) -> Option<Vec<String>> {
    let types = types.as_ref()?;
    Some(sorted(types).iter().map(|name| name.as_str().to_owned()).collect())
}

fn step_id(at: usize) -> StepId {
    StepId(u8::try_from(at).expect("a sequence has at most 64 steps"))
}

fn comparison(operator: Comparison) -> pattern::Comparison {
    match operator {
        Comparison::Equal => pattern::Comparison::Equal,
        Comparison::NotEqual => pattern::Comparison::NotEqual,
        Comparison::Less => pattern::Comparison::Less,
        Comparison::LessOrEqual => pattern::Comparison::LessOrEqual,
        Comparison::Greater => pattern::Comparison::Greater,
        Comparison::GreaterOrEqual => pattern::Comparison::GreaterOrEqual,
    }
}

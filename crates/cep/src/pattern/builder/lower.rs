//! From what a program says to a pattern.

use std::sync::Arc;
use std::time::Duration;

use super::{
    After, BuildError, BuiltPattern, Compared, Event, EventPattern, Part, Repetition, Takes, Test, ValueOf,
};
use crate::pattern::automaton::Automaton;
use crate::pattern::{
    AfterMatch, Body, Condition, ConditionId, Cross, Pattern, PatternOutputs, Preceded, Register, RegisterId,
    Repeat, Stage, Step, StepId,
};
use crate::plan::MAX_STEPS;

impl<E> EventPattern<E> {
    /// Checks the pattern and makes it ready to run.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn build(self) -> Result<BuiltPattern<E>, BuildError> {
        let mut lowering = Lowering {
            pattern: Pattern {
                steps: Vec::new(),
                conditions: Vec::new(),
                registers: Vec::new(),
                stages: Vec::new(),
                within: None,
                preceded: None,
                after_match: AfterMatch::Nothing,
            },
            given: given_bits(&self),
            tests: Vec::new(),
            values: Vec::new(),
            compared: Vec::new(),
            problems: self.problems,
        };
        lowering.pattern.stages = lowering.stages(self.parts);
        if let Some((event, within)) = self.whole.preceded {
            let step = lowering.step(event);
            let condition = lowering.pattern.steps[step.index()].condition;
            let within = lowering.nanoseconds(within);
            lowering.pattern.preceded = Some(Preceded { condition, within });
        }
        lowering.pattern.within = self.within.map(|within| lowering.nanoseconds(within));
        lowering.pattern.after_match = match self.whole.after {
            After::Fixed(after) => after,
            After::ToFirst(name) => lowering.named(&name).map_or(AfterMatch::Nothing, AfterMatch::ToFirst),
            After::ToLast(name) => lowering.named(&name).map_or(AfterMatch::Nothing, AfterMatch::ToLast),
        };
        lowering.compare();
        let default = PatternOutputs::default();
        let outputs = PatternOutputs {
            timeouts: self.whole.on_timeout,
            matches_per_event: self.whole.matches_per_event.unwrap_or(default.matches_per_event),
            ..default
        };
        lowering.finish(outputs)
    }
}

struct Lowering<E> {
    pattern: Pattern,
    /// Bits that the caller sets.
    given: u64,
    tests: Vec<(u8, Vec<Test<E>>)>,
    values: Vec<ValueOf<E>>,
    /// What is compared in which condition of which step, once all steps are known.
    compared: Vec<(ConditionId, String, Vec<Compared<E>>)>,
    problems: Vec<String>,
}

impl<E> Lowering<E> {
    fn stages(&mut self, parts: Vec<Part<E>>) -> Vec<Stage> {
        parts.into_iter().map(|part| self.stage(part)).collect()
    }

    fn stage(&mut self, part: Part<E>) -> Stage {
        let Part { follows, takes, times, within } = part;
        let body = match takes {
            Takes::Event(event) => Body::Step(self.step(event)),
            Takes::Not(event) => Body::Not(self.step(event)),
            Takes::Group(parts) => Body::Group(self.stages(parts)),
            Takes::AnyOf(alternatives) => {
                Body::AnyOf(alternatives.into_iter().map(|parts| self.stages(parts)).collect())
            }
            Takes::AllOf(events) => Body::AllOf(events.into_iter().map(|event| self.step(event)).collect()),
        };
        let repeat = self.repeat(times);
        Stage { follows, body, repeat, within: within.map(|within| self.nanoseconds(within)) }
    }

    fn repeat(&mut self, times: Repetition<E>) -> Repeat {
        let Repetition { min, max, optional, inner, greedy, until, gap, is_said: _ } = times;
        let until = until.map(|test| {
            let bit = self.bit(vec![test]);
            self.condition(bit)
        });
        let gap = gap.map(|gap| self.nanoseconds(gap));
        Repeat { min, max, optional, inner, greedy, until, gap }
    }

    fn step(&mut self, event: Event<E>) -> StepId {
        let Event { name, tests, compared } = event;
        let bit = self.bit(tests);
        let condition = self.condition(bit);
        if !compared.is_empty() {
            self.compared.push((condition, name.clone(), compared));
        }
        self.pattern.steps.push(Step { name, condition });
        // That there are too many is told by the pattern's validation.
        StepId(u8::try_from(self.pattern.steps.len() - 1).unwrap_or(u8::MAX))
    }

    fn condition(&mut self, bit: Option<u8>) -> ConditionId {
        self.pattern.conditions.push(Condition { bit, cross: Vec::new() });
        ConditionId(u16::try_from(self.pattern.conditions.len() - 1).unwrap_or(u16::MAX))
    }

    /// The bit that says whether all of these hold; `None` if nothing is asked.
    fn bit(&mut self, tests: Vec<Test<E>>) -> Option<u8> {
        match &*tests {
            [] => return None,
            [Test::Bit(bit)] => return Some(*bit),
            _ => {}
        }
        let taken = self.tests.iter().fold(self.given, |bits, (bit, _)| bits | 1 << bit);
        let free = taken.trailing_ones();
        if free as usize >= MAX_STEPS {
            let problem = format!("the pattern asks more than {MAX_STEPS} things of events");
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
            return None;
        }
        self.tests.push((free as u8, tests));
        Some(free as u8)
    }

    /// Makes registers of what events are compared with.
    fn compare(&mut self) {
        for (condition, step, compared) in std::mem::take(&mut self.compared) {
            for Compared { value, operator, earlier } in compared {
                let Some(with) = self.pattern.steps.iter().position(|step| step.name == earlier.step) else {
                    self.problems.push(format!(
                        "`{step}` is compared with `{}`, which is no event of the pattern",
                        earlier.step
                    ));
                    continue;
                };
                let input = self.value(value);
                let of_earlier = earlier.value.map(|value| self.value(value));
                let with = StepId(u8::try_from(with).unwrap_or(u8::MAX));
                self.pattern.registers.push(Register {
                    step: with,
                    function: earlier.function,
                    input: of_earlier,
                });
                let register = u16::try_from(self.pattern.registers.len() - 1).unwrap_or(u16::MAX);
                if let Some(condition) = self.pattern.conditions.get_mut(condition.index()) {
                    condition.cross.push(Cross::Compare { input, operator, register: RegisterId(register) });
                }
            }
        }
    }

    fn value(&mut self, value: ValueOf<E>) -> usize {
        self.values.push(value);
        self.values.len() - 1
    }

    fn named(&mut self, name: &str) -> Option<StepId> {
        let step = self.pattern.steps.iter().position(|step| step.name == name);
        if step.is_none() {
            self.problems.push(format!("matches are to skip to `{name}`, which is no event of the pattern"));
        }
        Some(StepId(u8::try_from(step?).unwrap_or(u8::MAX)))
    }

    fn nanoseconds(&mut self, time: Duration) -> i64 {
        i64::try_from(time.as_nanos()).unwrap_or_else(|_| {
            self.problems.push(format!("{time:?} is too long; times are at most 292 years"));
            i64::MAX
        })
    }

    fn finish(self, outputs: PatternOutputs) -> Result<BuiltPattern<E>, BuildError> {
        let Lowering { pattern, tests, values, mut problems, .. } = self;
        problems.extend(pattern.validate().iter().map(ToString::to_string));
        if problems.is_empty()
            && let Err(problem) = Automaton::new(&pattern)
        {
            problems.push(problem.to_string());
        }
        if problems.is_empty() {
            Ok(BuiltPattern { pattern: Arc::new(pattern), outputs, tests, values })
        } else {
            Err(BuildError::new(problems))
        }
    }
}

/// The bits that the caller sets.
fn given_bits<E>(pattern: &EventPattern<E>) -> u64 {
    fn of_tests<'t, E: 't>(tests: impl IntoIterator<Item = &'t Test<E>>) -> u64 {
        let bit = |test: &Test<E>| match test {
            Test::Bit(bit) => 1_u64.checked_shl(u32::from(*bit)).unwrap_or(0),
            Test::Closure(_) => 0,
        };
        tests.into_iter().map(bit).fold(0, |bits, bit| bits | bit)
    }
    fn of_parts<E>(parts: &[Part<E>]) -> u64 {
        let of_part = |part: &Part<E>| {
            of_tests(&part.times.until)
                | match &part.takes {
                    Takes::Event(event) | Takes::Not(event) => of_tests(&event.tests),
                    Takes::Group(parts) => of_parts(parts),
                    Takes::AnyOf(alternatives) => {
                        alternatives.iter().fold(0, |bits, parts| bits | of_parts(parts))
                    }
                    Takes::AllOf(events) => {
                        events.iter().fold(0, |bits, event| bits | of_tests(&event.tests))
                    }
                }
        };
        parts.iter().map(of_part).fold(0, |bits, part| bits | part)
    }
    let preceded = pattern.whole.preceded.as_ref().map_or(0, |(event, _)| of_tests(&event.tests));
    of_parts(&pattern.parts) | preceded
}

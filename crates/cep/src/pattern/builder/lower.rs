//! From what a program says to a pattern.

use std::sync::Arc;
use std::time::Duration;

use super::built::{Closure, Closures};
use super::window::nanoseconds;
use super::{
    After, BuildError, BuiltPattern, Compared, Earlier, Event, EventPattern, Part, Repetition, Takes, Test,
    ValueOf, Whole,
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
            closures: Closures::default(),
            problems: self.problems,
        };
        lowering.pattern.stages = lowering.stages(self.parts);
        let Whole {
            preceded,
            after,
            on_timeout,
            matches_per_event,
            having,
            limit,
            without_events,
            remembered,
        } = self.whole;
        if let Some((event, within)) = preceded {
            let step = lowering.step(event);
            let condition = lowering.pattern.steps[step.index()].condition;
            let within = lowering.nanoseconds(within);
            lowering.pattern.preceded = Some(Preceded { condition, within });
        }
        lowering.pattern.within = self.within.map(|within| lowering.nanoseconds(within));
        lowering.pattern.after_match = match after {
            After::Fixed(after) => after,
            After::ToFirst(name) => lowering.named(&name).map_or(AfterMatch::Nothing, AfterMatch::ToFirst),
            After::ToLast(name) => lowering.named(&name).map_or(AfterMatch::Nothing, AfterMatch::ToLast),
        };
        lowering.compare();
        if without_events && !having.is_empty() {
            lowering.problems.push(
                "`having` looks at the events of a match, which findings `without_events` do not carry; leave one of the \
                 two out"
                    .to_owned(),
            );
        }
        if !without_events && !remembered.is_empty() {
            lowering.problems.push(
                "what a pattern is to `remember` is told by findings `without_events` only; others carry all events"
                    .to_owned(),
            );
        }
        let remembered = remembered.into_iter().filter_map(|(name, what)| {
            let register = lowering.register(&format!("what is remembered as `{name}` is of"), what)?;
            Some((name, register))
        });
        let remembered = remembered.collect();
        let limit = limit.map(|(matches, per)| (matches, lowering.nanoseconds(per)));
        let default = PatternOutputs::default();
        let outputs = PatternOutputs {
            timeouts: on_timeout,
            events: !without_events,
            matches_per_event: matches_per_event.unwrap_or(default.matches_per_event),
        };
        let Lowering { pattern, tests, values, closures, mut problems, .. } = lowering;
        problems.extend(pattern.validate().iter().map(ToString::to_string));
        if problems.is_empty()
            && let Err(problem) = Automaton::new(&pattern)
        {
            problems.push(problem.to_string());
        }
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }
        let (pattern, closures) = (Arc::new(pattern), Arc::new(closures));
        Ok(BuiltPattern { pattern, outputs, tests, values, closures, having, limit, remembered })
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
    closures: Closures,
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
            for compared in compared {
                let cross = match compared {
                    Compared::Plain { value, operator, earlier } => {
                        let register = self.register(&format!("`{step}` is compared with"), earlier);
                        let input = self.value(value);
                        register.map(|register| Cross::Compare { input, operator, register })
                    }
                    Compared::Closure { value, earlier, holds } => {
                        let registers = earlier
                            .into_iter()
                            .map(|earlier| self.register(&format!("`{step}` is related to"), earlier));
                        let registers: Option<Vec<RegisterId>> = registers.collect();
                        let input = self.value(value);
                        registers.map(|registers| {
                            self.closures.0.push(Closure { input, registers, holds });
                            Cross::Opaque(self.closures.0.len() - 1)
                        })
                    }
                };
                if let (Some(condition), Some(cross)) =
                    (self.pattern.conditions.get_mut(condition.index()), cross)
                {
                    condition.cross.push(cross);
                }
            }
        }
    }

    /// A register; `None` if it is of no event of the pattern, which is a problem that begins with `who`.
    fn register(&mut self, who: &str, earlier: Earlier<E>) -> Option<RegisterId> {
        let Earlier { step: name, function, value } = earlier;
        let Some(step) = self.pattern.steps.iter().position(|step| step.name == name) else {
            self.problems.push(format!("{who} `{name}`, which is no event of the pattern"));
            return None;
        };
        let input = value.map(|value| self.value(value));
        let step = StepId(u8::try_from(step).unwrap_or(u8::MAX));
        self.pattern.registers.push(Register { step, function, input });
        Some(RegisterId(u16::try_from(self.pattern.registers.len() - 1).unwrap_or(u16::MAX)))
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
        nanoseconds(time, &mut self.problems)
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

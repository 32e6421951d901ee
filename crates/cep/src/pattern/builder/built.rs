//! A pattern that was built, with what decides its conditions.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::{Having, Matched, Related, Test, ValueOf};
use crate::aggregate::Scalar;
use crate::engine::{Found, Row};
use crate::event::MakeEvent;
use crate::limiter::Limiter;
use crate::pattern::{CrossConditions, Pattern, PatternOutputs, PatternPlan, RegisterId, StepId};
use crate::plan::Plan;

/// A valid pattern over events of type `E`, and what an engine needs to run it.
pub struct BuiltPattern<E> {
    pub(super) pattern: Arc<Pattern>,
    pub(super) outputs: PatternOutputs,
    /// Bits that all of these tests set.
    pub(super) tests: Vec<(u8, Vec<Test<E>>)>,
    pub(super) values: Vec<ValueOf<E>>,
    /// What the pattern's opaque conditions are.
    pub(super) closures: Arc<Closures>,
    pub(super) having: Vec<Having<E>>,
    /// Matches of a key that are told, and in how many nanoseconds.
    pub(super) limit: Option<(u32, i64)>,
    pub(super) remembered: Vec<(String, RegisterId)>,
}

/// The opaque conditions of a pattern, by number.
#[derive(Default)]
pub(super) struct Closures(pub(super) Vec<Closure>);

/// A closure, and where its arguments come from.
pub(super) struct Closure {
    /// Position in the row's inputs.
    pub(super) input: usize,
    pub(super) registers: Vec<RegisterId>,
    pub(super) holds: Related,
}

impl<E> BuiltPattern<E> {
    /// What an [`Engine`](crate::Engine) runs.
    pub fn plan(&self) -> Plan {
        Plan::Pattern(PatternPlan {
            pattern: Arc::clone(&self.pattern),
            conditions: Some(Arc::clone(&self.closures) as Arc<dyn CrossConditions>),
            outputs: self.outputs,
            evaluator: None,
        })
    }

    /// The pattern.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// The name of a step, as [`Taken::step`](crate::Taken::step) tells it.
    ///
    /// # Panics
    /// If the step is of another pattern.
    pub fn step(&self, step: StepId) -> &str {
        &self.pattern.steps[step.index()].name
    }

    /// Whether something found is to be told, by what the pattern is [having](super::EventPattern::having). Partial matches
    /// that ran out of time are, whatever that says.
    pub fn admits<H: Borrow<E>>(&self, found: &Found<H>) -> bool {
        match found {
            Found::Match { events } if !self.having.is_empty() => {
                let matched = Matched::new(&self.pattern, events);
                self.having.iter().all(|holds| holds(&matched))
            }
            _ => true,
        }
    }

    /// What sees to the pattern's [limit](super::EventPattern::limit), if it has one, remembering so many keys at most.
    pub fn limiter(&self, keys_max: usize) -> Option<Limiter> {
        self.limit.map(|(matches, per)| Limiter::new(matches, per, keys_max))
    }

    /// What the pattern [remembers](super::EventPattern::remember), of a finding without events.
    pub fn remembered<'a, H>(&'a self, found: &'a Found<H>) -> impl Iterator<Item = (&'a str, &'a Scalar)> {
        let registers = match found {
            Found::Summary { registers, .. } => registers.as_slice(),
            _ => &[],
        };
        self.remembered.iter().filter_map(|(name, at)| Some((name.as_str(), registers.get(at.index())?)))
    }

    /// The bits of an event's row: those that the pattern's closures decide, beside those `given` by the caller for
    /// [`bit`](super::EventPattern::bit).
    pub fn steps(&self, event: &E, given: u64) -> u64 {
        let holds = |tests: &[Test<E>]| tests.iter().all(|test| test.holds(event, given));
        let decided = self.tests.iter().filter(|(_, tests)| holds(tests));
        decided.fold(given, |bits, (bit, _)| bits | 1 << bit)
    }

    /// The values of an event's row with which it is compared, or will be.
    pub fn inputs(&self, event: &E) -> impl Iterator<Item = Scalar> {
        self.values.iter().map(|value| value(event))
    }

    /// The row of an event at this time, in nanoseconds since the Unix epoch. Findings carry what `event` refers to: a
    /// reference, or an `Arc`. `inputs` is where the row's values are put; its room is used again for the next row.
    pub fn row<'a, H: Borrow<E> + MakeEvent<H>>(
        &self,
        time: i64,
        event: &'a H,
        given: u64,
        inputs: &'a mut Vec<Scalar>,
    ) -> Row<'a, H> {
        inputs.clear();
        inputs.extend(self.inputs(event.borrow()));
        Row { time, steps: self.steps(event.borrow(), given), inputs, event, keep: None }
    }
}

impl<E> fmt::Debug for BuiltPattern<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuiltPattern")
            .field("pattern", &self.pattern)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

impl CrossConditions for Closures {
    fn holds(&self, number: usize, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        let Some(Closure { input, registers: read, holds }) = self.0.get(number) else { return false };
        let value = |at: &RegisterId| registers.get(at.index()).cloned().unwrap_or(Scalar::Null);
        let earlier: Vec<Scalar> = read.iter().map(value).collect();
        holds(inputs.get(*input).unwrap_or(&Scalar::Null), &earlier)
    }
}

impl fmt::Debug for Closures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} closures", self.0.len())
    }
}

//! A pattern that was built, with what decides its conditions.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use super::{Test, ValueOf};
use crate::aggregate::Scalar;
use crate::engine::Row;
use crate::event::MakeEvent;
use crate::pattern::{Pattern, PatternOutputs, PatternPlan, StepId};
use crate::plan::Plan;

/// A valid pattern over events of type `E`, and what an engine needs to run it.
pub struct BuiltPattern<E> {
    pub(super) pattern: Arc<Pattern>,
    pub(super) outputs: PatternOutputs,
    /// Bits that all of these tests set.
    pub(super) tests: Vec<(u8, Vec<Test<E>>)>,
    pub(super) values: Vec<ValueOf<E>>,
}

impl<E> BuiltPattern<E> {
    /// What an [`Engine`](crate::Engine) runs.
    pub fn plan(&self) -> Plan {
        Plan::Pattern(PatternPlan {
            pattern: Arc::clone(&self.pattern),
            conditions: None,
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

    /// The bits of an event's row: those that the pattern's closures decide, beside those `given` by the caller for
    /// [`bit`](super::EventPattern::bit).
    pub fn steps(&self, event: &E, given: u64) -> u64 {
        let holds = |test: &Test<E>| match test {
            Test::Bit(bit) => given >> bit & 1 == 1,
            Test::Closure(closure) => closure(event),
        };
        let decided = self.tests.iter().filter(|(_, tests)| tests.iter().all(holds));
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

//! Whether conditions hold that compare events.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::aggregate::{Scalar, compare_alike};
use crate::pattern::{Comparison, Condition, ConditionId, Cross, CrossConditions};

/// Decides the cross conditions of a pattern.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) all: Vec<Condition>,
    pub(super) opaque: Option<Arc<dyn CrossConditions>>,
}

impl Conditions {
    /// Whether a condition holds as a whole, for a row and a partial match with these registers.
    pub(super) fn hold(&self, id: ConditionId, bits: u64, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        let Condition { bit, cross } = &self.all[id.index()];
        bit.is_none_or(|bit| bits >> bit & 1 == 1)
            && cross.iter().all(|cross| self.crosses(cross, inputs, registers))
    }

    fn crosses(&self, cross: &Cross, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        match cross {
            Cross::Compare { input, operator, register } => {
                let input = inputs.get(*input).unwrap_or(&Scalar::Null);
                compare_alike(input, &registers[register.index()])
                    .is_some_and(|order| operator.accepts(order))
            }
            Cross::Opaque(number) => {
                self.opaque.as_ref().is_some_and(|opaque| opaque.holds(*number, inputs, registers))
            }
        }
    }
}

impl Comparison {
    /// Whether two values that compare like this satisfy it.
    pub(crate) fn accepts(self, order: Ordering) -> bool {
        match self {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }
    }
}

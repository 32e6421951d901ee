//! Why a pattern has no automaton.

use std::fmt;

/// Why a pattern has no automaton.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutomatonError {
    kind: ErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ErrorKind {
    TooLarge { states_max: usize },
    TooManyInAnyOrder { steps: usize, steps_max: usize },
    Empty,
    BeginsWithNot,
    BeginsWithOptional,
}

impl AutomatonError {
    pub(super) fn too_large(states_max: usize) -> AutomatonError {
        AutomatonError { kind: ErrorKind::TooLarge { states_max } }
    }

    pub(super) fn too_many_in_any_order(steps: usize, steps_max: usize) -> AutomatonError {
        AutomatonError { kind: ErrorKind::TooManyInAnyOrder { steps, steps_max } }
    }

    pub(super) fn empty() -> AutomatonError {
        AutomatonError { kind: ErrorKind::Empty }
    }

    pub(super) fn begins_with_not() -> AutomatonError {
        AutomatonError { kind: ErrorKind::BeginsWithNot }
    }

    pub(super) fn begins_with_optional() -> AutomatonError {
        AutomatonError { kind: ErrorKind::BeginsWithOptional }
    }
}

impl fmt::Display for AutomatonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::TooLarge { states_max } => {
                write!(f, "the pattern asks for more than {states_max} states; repeat less often")
            }
            ErrorKind::TooManyInAnyOrder { steps, steps_max } => {
                write!(f, "{steps} steps in any order, of at most {steps_max}")
            }
            ErrorKind::Empty => f.write_str("a sequence without stages"),
            ErrorKind::BeginsWithNot => f.write_str("a sequence cannot begin with what must not come"),
            ErrorKind::BeginsWithOptional => {
                f.write_str("an alternative cannot begin with an optional stage")
            }
        }
    }
}

impl std::error::Error for AutomatonError {}

//! How conditions are found, in words.

use std::collections::BTreeMap;
use std::fmt;

use super::Index;
use crate::program::{PredicateId, Program};
use crate::readable::readable;

/// How the rows on which a condition holds are found; see [`Program::access`].
///
/// The [`Display`](fmt::Display) form is a phrase such as ``a hash probe of `type`, then a sorted search of `v` ``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// By one hash probe of a text column, for all conditions that ask it for constants.
    Equality {
        /// The field or metadata that is read.
        column: String,
    },
    /// By one search among the bounds that all conditions give a column.
    Range {
        /// The field or metadata that is read.
        column: String,
    },
    /// By one pass over a text for the parts that all conditions look for in it (Aho-Corasick).
    Strings {
        /// The field or metadata that is read.
        column: String,
    },
    /// By one pass over a text for all regular expressions that conditions match it with.
    RegexSet {
        /// The field or metadata that is read.
        column: String,
    },
    /// By comparing the values of each row that is left with constants.
    Comparison,
    /// By evaluating the whole expression on all rows that are left.
    Evaluation,
    /// By the second on the rows to which the first has led.
    Behind {
        /// What comes first.
        guard: Box<Access>,
        /// What is left then.
        then: Box<Access>,
    },
    /// Each alternative of the condition in a way of its own.
    AnyOf(Vec<Access>),
}

/// A part of the way to a condition; columns are inputs of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Equality(usize),
    Range(usize),
    Parts(usize),
    Regexes(usize),
    Comparison,
    Evaluation,
}

/// By condition, for each of its alternatives, the way to it.
pub(crate) type Steps = BTreeMap<PredicateId, Vec<Vec<Step>>>;

impl Program {
    /// How the rows on which a condition holds are found, where all conditions of the program are looked for together.
    /// Conditions of some event types alone may have shorter ways.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn access(&self, id: PredicateId) -> Access {
        let steps = self.steps.get_or_init(|| Index::steps(self));
        let mut ways: Vec<Access> = Vec::new();
        for way in steps.get(&id).map_or(&[][..], Vec::as_slice) {
            let access = self.way(way);
            if !ways.contains(&access) {
                ways.push(access);
            }
        }
        if ways.len() == 1 { ways.remove(0) } else { Access::AnyOf(ways) }
    }

    fn way(&self, steps: &[Step]) -> Access {
        let column = |input: usize| readable(&self.inputs[input].name);
        let access = |step: &Step| match *step {
            Step::Equality(input) => Access::Equality { column: column(input) },
            Step::Range(input) => Access::Range { column: column(input) },
            Step::Parts(input) => Access::Strings { column: column(input) },
            Step::Regexes(input) => Access::RegexSet { column: column(input) },
            Step::Comparison => Access::Comparison,
            Step::Evaluation => Access::Evaluation,
        };
        let behind = |guard, then| Access::Behind { guard: Box::new(guard), then: Box::new(then) };
        steps.iter().map(access).reduce(behind).unwrap_or(Access::Evaluation)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equality { column } => write!(f, "a hash probe of `{column}`"),
            Self::Range { column } => write!(f, "a sorted search of `{column}`"),
            Self::Strings { column } => write!(f, "a search for all parts of texts in `{column}`"),
            Self::RegexSet { column } => write!(f, "a match of `{column}` with all regular expressions"),
            Self::Comparison => f.write_str("a comparison row by row"),
            Self::Evaluation => f.write_str("evaluation by itself"),
            Self::Behind { guard, then } => write!(f, "{guard}, then {then}"),
            Self::AnyOf(ways) => {
                for (at, way) in ways.iter().enumerate() {
                    write!(f, "{}{way}", if at > 0 { "; or " } else { "" })?;
                }
                Ok(())
            }
        }
    }
}

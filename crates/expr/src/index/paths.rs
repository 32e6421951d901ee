//! Conditions as alternatives of parts that must hold together.

use crate::logic::Logic;
use crate::native::Native;

/// Something that must have a value.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Leaf { atom: usize, value: bool },
    Tree { logic: Logic<usize>, value: bool },
}

/// More alternatives than these are looked at as a whole.
const ALTERNATIVES_MAX: usize = 64;

/// The ways in which a condition can be TRUE: for each, what must hold together.
pub(crate) fn paths(logic: &Logic<usize>) -> Vec<Vec<Part>> {
    alternatives(logic, true)
        .filter(|alternatives| alternatives.len() <= ALTERNATIVES_MAX)
        .unwrap_or_else(|| vec![together(logic, true)])
}

/// Whether all parts of a condition are comparisons that single rows can be asked.
pub(crate) fn is_native(logic: &Logic<usize>, natives: &[Option<Native>]) -> bool {
    let mut all = true;
    logic.for_each(&mut |atom| all &= natives[*atom].is_some());
    all
}

impl Part {
    pub(crate) fn is_native(&self, natives: &[Option<Native>]) -> bool {
        match self {
            Self::Leaf { atom, .. } => natives[*atom].is_some(),
            Self::Tree { logic, .. } => is_native(logic, natives),
        }
    }
}

fn alternatives(logic: &Logic<usize>, value: bool) -> Option<Vec<Vec<Part>>> {
    match (logic, value) {
        (Logic::Not(part), value) => alternatives(part, !value),
        (Logic::Or(parts), true) | (Logic::And(parts), false) => {
            Some(parts.iter().map(|part| together(part, value)).collect())
        }
        _ => None,
    }
}

fn together(logic: &Logic<usize>, value: bool) -> Vec<Part> {
    match (logic, value) {
        (Logic::Leaf(atom), value) => vec![Part::Leaf { atom: *atom, value }],
        (Logic::Not(part), value) => together(part, !value),
        (Logic::And(parts), true) | (Logic::Or(parts), false) => {
            parts.iter().flat_map(|part| together(part, value)).collect()
        }
        (Logic::And(_), false) | (Logic::Or(_), true) => vec![Part::Tree { logic: logic.clone(), value }],
    }
}

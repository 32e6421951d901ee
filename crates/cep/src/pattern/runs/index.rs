//! Runs of one state by what an event is compared with.
//!
//! Where many runs wait for an event that is larger than something they have seen, the event concerns only those for which
//! it is. They are found by the value that is compared; what else is asked is decided for each of them as ever.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::mem::size_of;
use std::ops::Bound;

use super::arena::{Arena, RunId};
use crate::aggregate::{Scalar, compare};
use crate::pattern::automaton::{Action, Automaton, Guard, State, StateId};
use crate::pattern::{Comparison, Condition, ConditionId, Cross, Pattern, RegisterId};

/// A state in which an event concerns only runs for which a comparison holds, if it concerns any but by that.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    state: StateId,
    input: usize,
    operator: Comparison,
    pub(super) register: RegisterId,
}

/// A comparison by which the runs of a state are found, once there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Where they wait.
    pub state: StateId,
    /// Position in the row's inputs.
    pub input: usize,
    /// How they compare.
    pub operator: Comparison,
    /// With what, by which they are ordered.
    pub register: RegisterId,
}

/// The runs of one state by the value of one register, and then by when they came.
#[derive(Debug, Default)]
pub(super) struct Index {
    runs: BTreeMap<(Value, u64), RunId>,
}

/// A scalar in its order.
#[derive(Clone, Debug)]
struct Value(Scalar);

/// Memory of a run in an index.
pub(super) const INDEXED_BYTES: usize = size_of::<((Value, u64), RunId)>();

/// Runs of one state from which on an index is worth it.
pub(super) const INDEXED_MIN: u32 = 32;

/// The states of a pattern's automaton in which an event is compared with few of many runs, where [runs] evaluate it.
///
/// [runs]: super::super::EvaluatorKind::Runs
pub fn indexed(pattern: &Pattern, automaton: &Automaton) -> Vec<Indexed> {
    let states = automaton.states().filter(|(id, _)| *id != Automaton::START);
    let probes = states.filter_map(|(id, state)| Probe::of(id, state, &pattern.conditions));
    probes
        .map(|Probe { state, input, operator, register }| Indexed { state, input, operator, register })
        .collect()
}

impl Probe {
    /// The probe for a state, if there is one.
    pub(super) fn of(id: StateId, state: &State, conditions: &[Condition]) -> Option<Probe> {
        let guards = || state.moves.iter().flat_map(|way| &way.guards);
        let condition = guards().flat_map(|guard| &guard.cross).map(|(id, _)| *id).next()?;
        let is_only = |guard: &Guard| {
            guard.within.is_none()
                && guard.after.is_none()
                && guard.cross.iter().all(|(other, _)| *other == condition)
        };
        if !guards().all(is_only) {
            return None;
        }
        Probe::of_condition(id, condition, conditions)
    }

    fn of_condition(state: StateId, condition: ConditionId, conditions: &[Condition]) -> Option<Probe> {
        conditions[condition.index()].cross.iter().find_map(|cross| match *cross {
            Cross::Compare { operator: Comparison::NotEqual, .. } | Cross::Opaque(_) => None,
            Cross::Compare { input, operator, register } => Some(Probe { state, input, operator, register }),
        })
    }

    /// Whether a row with these bits lets all runs stay for which the comparison does not hold.
    pub(super) fn suffices(&self, automaton: &Automaton, bits: u64) -> bool {
        let mut stays = false;
        for way in &automaton.state(self.state).moves {
            let is_staying = way.action == Action::Skip { to: self.state };
            let holds = way.holds(bits, 0, &mut |_| false);
            if holds && !is_staying {
                return false;
            }
            stays |= holds;
        }
        stays
    }
}

impl Index {
    /// Adds a run.
    pub(super) fn add<E: Clone>(&mut self, run: RunId, probe: &Probe, arena: &mut Arena<E>) {
        let value = arena.registers.of(run.index())[probe.register.index()].clone();
        self.runs.insert((Value(value), arena.came.get(run)), run);
        arena.indexed += 1;
    }

    pub(super) fn remove(&mut self, value: &Scalar, came: u64) {
        self.runs.remove(&(Value(value.clone()), came));
    }

    /// Adds the runs for which the comparison may hold, in the order in which they came; all others can be left out.
    pub(super) fn find(&self, probe: &Probe, inputs: &[Scalar], found: &mut Vec<(u64, RunId)>) {
        let input = inputs.get(probe.input).unwrap_or(&Scalar::Null);
        let Some((least, greatest)) = kind_of(input) else { return };
        let at = |came| (Value(input.clone()), came);
        let (from, to) = match probe.operator {
            Comparison::Greater => (least, Bound::Excluded(at(0))),
            Comparison::GreaterOrEqual => (least, Bound::Included(at(u64::MAX))),
            Comparison::Less => (Bound::Excluded(at(u64::MAX)), greatest),
            Comparison::LessOrEqual => (Bound::Included(at(0)), greatest),
            Comparison::Equal | Comparison::NotEqual => {
                (Bound::Included(at(0)), Bound::Included(at(u64::MAX)))
            }
        };
        found.extend(self.runs.range((from, to)).map(|((_, came), run)| (*came, *run)));
        found.sort_unstable_by_key(|(came, _)| *came);
    }
}

/// Between which values all those stand that are of one kind with this; none for null, and for what is no number.
#[allow(clippy::type_complexity)]
fn kind_of(scalar: &Scalar) -> Option<(Bound<(Value, u64)>, Bound<(Value, u64)>)> {
    let between = |least, greatest| {
        Some((Bound::Included((Value(least), 0)), Bound::Included((Value(greatest), u64::MAX))))
    };
    match scalar {
        Scalar::Null => None,
        Scalar::Float(value) if value.is_nan() => None,
        Scalar::Int(_) | Scalar::Wide(_) | Scalar::Float(_) => {
            between(Scalar::Float(f64::NEG_INFINITY), Scalar::Float(f64::INFINITY))
        }
        Scalar::Bool(_) => between(Scalar::Bool(false), Scalar::Bool(true)),
        // Texts come last.
        Scalar::Text(_) => Some((Bound::Included((Value(Scalar::Text("".into())), 0)), Bound::Unbounded)),
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Value) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Value) -> Ordering {
        compare(&self.0, &other.0)
    }
}

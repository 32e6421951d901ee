//! Automata: what evaluators run.
//!
//! A [`Pattern`] becomes a graph of places joined by edges that take an event, ignore it or proceed without one,
//! each under a conjunction of conditions (`lower`). Then what can be proceeded to is gathered (`close`) into the place
//! that proceeds, so that an [`Automaton`] has no empty moves: a state is where a partial match waits for the next event,
//! and says all that this event can do to it.
//!
//! How a partial match in state `s` meets an event, whatever the evaluator:
//!
//! 1. Of all [moves](State::moves) of `s`, those [hold](Move::holds) of which one guard holds. Each of them is followed;
//!    with several, the partial match forks. With none, it ends.
//! 2. [`Action::Take`] adds the event under a step. If one of `completes` holds as well, the result is a match; it also
//!    waits in `to` if there is one. Cross conditions of `completes`, like all others, see what was taken *before* this
//!    event.
//! 3. [`Action::Skip`] waits in `to`, which may be `s`. [`Action::Complete`] is a match without this event.
//! 4. If an [`Action::Stop`] holds, nothing of this partial match waits any longer; what the same event completed is still
//!    told.
//! 5. At each event a new partial match may begin in [`Automaton::START`], of which only what is taken counts.
//!
//! Time: once the last event taken is [`State::within`] ago, or the first one [`Automaton::within`] ago, the partial match
//! is over. It is then a match if its state is [pending](State::pending), and has timed out otherwise. Both come before
//! the events of that time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Condition, ConditionId, Pattern, StepId};

mod ambiguity;
mod close;
mod dot;
mod error;
mod graph;
mod greedy;
mod listing;
mod lower;

pub(crate) use dot::escaped;
pub use error::AutomatonError;

/// A state machine that finds what a pattern describes.
///
/// Its [`Display`](fmt::Display) form lists it, one state a line: `^` marks the start, `>` a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Automaton {
    states: Vec<State>,
    within: Option<i64>,
    /// Of the pattern; guards refer to them.
    conditions: Vec<Condition>,
    /// Names of steps and conditions, for listings.
    names: listing::Names,
}

/// Where a partial match waits for the next event of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// What an event can do.
    pub moves: Vec<Move>,
    /// Nanoseconds since the last event taken after which a partial match is over here; exactly so much later is too late.
    pub within: Option<i64>,
    /// Whether a partial match whose time runs out here is a match.
    pub pending: bool,
    /// What [`stirs`](State::stirs) looks at; `None` if every event does something.
    wakes: Option<u64>,
}

/// Something that an event can do to a partial match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// It happens if one of these holds. There is at least one.
    pub guards: Vec<Guard>,
    /// What happens.
    pub action: Action,
    /// Whether bounds on time begin to count only now, so that what is too late already still counts for all further events
    /// of the same time. It may, where a repetition that could go on is left by skipping an event.
    pub counts_anew: bool,
}

/// What happens to a partial match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The event joins it.
    Take {
        /// Under this step.
        step: StepId,
        /// Where it then waits; `None` if no further event can join.
        to: Option<StateId>,
        /// It is a match, too, if one of these holds for the same event.
        completes: Vec<Guard>,
    },
    /// It waits on without this event.
    Skip {
        /// Where.
        to: StateId,
    },
    /// It is a match without this event, and ends.
    Complete,
    /// It ends: something came that must not.
    Stop {
        /// What came.
        step: StepId,
    },
}

/// A conjunction of conditions that hold or do not.
///
/// What is asked of the row alone is two masks: every bit of `set` must be set and none of `clear`. What is left needs the
/// partial match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Bits of the row that must be set.
    pub set: u64,
    /// Bits of the row that must not be set.
    pub clear: u64,
    /// Conditions with cross conditions, and whether they shall hold as a whole (bit included).
    pub cross: Vec<(ConditionId, bool)>,
    /// The last event taken must be less than so many nanoseconds ago.
    pub within: Option<i64>,
    /// The last event taken must be at least so many nanoseconds ago.
    pub after: Option<i64>,
    /// All of this as it was written, for listings: conditions and whether they shall hold.
    pub literals: Vec<(ConditionId, bool)>,
}

/// Names a state of an automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StateId(pub u16);

impl Automaton {
    /// The state in which partial matches begin; none ever waits there.
    pub const START: StateId = StateId(0);

    /// Lowers a pattern, which must be valid.
    ///
    /// # Errors
    /// If the pattern is larger than automata may be, or begins with what has no meaning there.
    pub fn new(pattern: &Pattern) -> Result<Automaton, AutomatonError> {
        close::close(lower::lower(pattern)?, pattern)
    }

    /// A state.
    pub fn state(&self, id: StateId) -> &State {
        &self.states[id.index()]
    }

    /// All states, the start first.
    pub fn states(&self) -> impl Iterator<Item = (StateId, &State)> {
        self.states.iter().enumerate().map(|(index, state)| (StateId(index as u16), state))
    }

    /// How many states there are; ids are below that.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there is no state, which is never so.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Nanoseconds from the first event after which a partial match is over.
    pub fn within(&self) -> Option<i64> {
        self.within
    }

    /// A condition that a guard names.
    pub fn condition(&self, id: ConditionId) -> &Condition {
        &self.conditions[id.index()]
    }

    /// Whether a row with these bits can begin a partial match.
    pub fn begins(&self, bits: u64) -> bool {
        self.state(Automaton::START).stirs(bits)
    }

    /// The bits of which a row must have one to begin a partial match; `None` if any row may.
    pub fn beginning_bits(&self) -> Option<u64> {
        self.state(Automaton::START).wakes
    }

    /// Whether all guards are decided by the bits of a row.
    pub fn is_unary(&self) -> bool {
        self.guards().all(|guard| guard.cross.is_empty() && !guard.is_timed())
    }

    /// Whether time runs out in some state other than by [`within`](Self::within).
    pub fn has_gaps(&self) -> bool {
        self.states.iter().any(|state| state.within.is_some()) || self.guards().any(Guard::is_timed)
    }

    /// Whether time can complete a match.
    pub fn has_pending(&self) -> bool {
        self.states.iter().any(|state| state.pending)
    }

    fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.states.iter().flat_map(|state| &state.moves).flat_map(|way| {
            let completes: &[Guard] = match &way.action {
                Action::Take { completes, .. } => completes,
                Action::Skip { .. } | Action::Complete | Action::Stop { .. } => &[],
            };
            way.guards.iter().chain(completes)
        })
    }
}

impl State {
    /// Whether an event with these bits can do anything here but let partial matches stay as they are. If not, none of
    /// them need be looked at, however many there are.
    pub fn stirs(&self, bits: u64) -> bool {
        self.wakes.is_none_or(|wakes| bits & wakes != 0)
    }
}

impl Move {
    /// Whether one of the guards [holds](Guard::holds).
    pub fn holds(&self, bits: u64, since_last: i64, cross: &mut impl FnMut(ConditionId) -> bool) -> bool {
        any_holds(&self.guards, bits, since_last, cross)
    }
}

impl Move {
    /// Whether this never happens together with another move.
    fn excludes(&self, other: &Move) -> bool {
        self.guards.iter().all(|one| other.guards.iter().all(|other| one.excludes(other)))
    }
}

impl Guard {
    /// Whether this never holds together with another.
    fn excludes(&self, other: &Guard) -> bool {
        self.set & other.clear != 0
            || self.clear & other.set != 0
            || self.cross.iter().any(|(id, wanted)| other.cross.contains(&(*id, !wanted)))
            || self.within.zip(other.after).is_some_and(|(within, after)| within <= after)
            || self.after.zip(other.within).is_some_and(|(after, within)| within <= after)
    }

    fn is_timed(&self) -> bool {
        self.within.is_some() || self.after.is_some()
    }

    /// Whether this holds for a row with these bits, so many nanoseconds after the last event taken. `cross` decides
    /// whether all cross conditions of a condition hold; it is asked only where that matters.
    pub fn holds(&self, bits: u64, since_last: i64, cross: &mut impl FnMut(ConditionId) -> bool) -> bool {
        self.admits(bits)
            && self.within.is_none_or(|within| since_last < within)
            && self.after.is_none_or(|after| since_last >= after)
            && self.cross.iter().all(|(condition, wanted)| cross(*condition) == *wanted)
    }

    /// Whether a row with these bits can satisfy this; it does if nothing else is asked.
    pub fn admits(&self, bits: u64) -> bool {
        bits & self.set == self.set && bits & self.clear == 0
    }
}

/// Whether one of the guards [holds](Guard::holds).
pub fn any_holds(
    guards: &[Guard],
    bits: u64,
    since_last: i64,
    cross: &mut impl FnMut(ConditionId) -> bool,
) -> bool {
    guards.iter().any(|guard| guard.holds(bits, since_last, cross))
}

impl StateId {
    /// Its position among the states.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for StateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests;

//! What is the same for all partial matches that wait in one set of an automaton's states.

use super::determined::Moves;
use crate::pattern::automaton::{Action, Automaton, Guard, Move, State, StateId};

/// A state of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Member {
    pub(super) state: StateId,
    /// Whether no bound on time has passed for events of the same time as the last one.
    pub(super) anew: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Set {
    pub(super) members: Box<[Member]>,
    /// Bits that some guard looks at.
    pub(super) relevant: u64,
    /// The places of these bits; empty if they are too many for a table.
    pub(super) places: Box<[u8]>,
    /// By band and by which of the relevant bits are set, what was found so far; made when it is first needed.
    pub(super) table: Vec<Option<Moves>>,
    /// Of these bits one must be set for anything but staying to happen; `None` if every event does something.
    pub(super) wakes: Option<u64>,
    /// Lengths of time since the last event at which something changes, ascending.
    pub(super) bands: Box<[i64]>,
    /// Length of time since the last event at which nothing is left.
    pub(super) gap: Option<i64>,
    /// Whether what has waited so long is a match.
    pub(super) pending: bool,
    /// Whether it matters if an event is of the same time as the last one.
    pub(super) anew: bool,
    /// Whether it matters here, or wherever events that are skipped lead to, when the last event was taken.
    pub(super) timed: bool,
}

/// Bits for all combinations of which a set has a table.
const TABLE_BITS: u32 = 6;

impl Set {
    pub(super) fn new(automaton: &Automaton, members: Box<[Member]>) -> Set {
        let states = || members.iter().map(|member| automaton.state(member.state));
        let guards = || states().flat_map(|state| &state.moves).flat_map(guards_of);
        let gap = states().map(|state| state.within).reduce(|a, b| Some(a?.max(b?))).flatten();
        let withins = states()
            .filter_map(|state| state.within)
            .chain(guards().flat_map(|guard| guard.within.into_iter().chain(guard.after)));
        let mut bands: Vec<i64> = withins.filter(|within| gap.is_none_or(|gap| *within < gap)).collect();
        bands.sort_unstable();
        bands.dedup();
        let wakes = states().map(wakes_of).reduce(|a, b| Some(a? | b?)).flatten();
        let relevant = guards().fold(0, |bits, guard| bits | guard.set | guard.clear);
        let places = (0..64_u8).filter(|place| relevant >> place & 1 == 1);
        let pending = states().any(|state| state.pending);
        Set {
            relevant,
            places: if relevant.count_ones() <= TABLE_BITS { places.collect() } else { Box::default() },
            table: Vec::new(),
            wakes,
            timed: gap.is_some() || !bands.is_empty(),
            bands: bands.into(),
            gap,
            pending,
            anew: members.iter().any(|member| member.anew),
            members,
        }
    }

    /// How many bands there are, with those for events of the time of the last one.
    pub(super) fn bands_in_all(&self) -> usize {
        (self.bands.len() + 1) << usize::from(self.anew)
    }

    /// The place in the table for these of the relevant bits, if there is a table.
    pub(super) fn place(&self, band: usize, bits: u64) -> Option<usize> {
        if self.places.is_empty() && self.relevant != 0 {
            return None;
        }
        let set = self.places.iter().rev().fold(0, |set, place| set << 1 | (bits >> place & 1) as usize);
        Some(band << self.places.len() | set)
    }
}

pub(super) fn guards_of(way: &Move) -> impl Iterator<Item = &Guard> {
    let completes: &[Guard] = match &way.action {
        Action::Take { completes, .. } => completes,
        Action::Skip { .. } | Action::Complete | Action::Stop { .. } => &[],
    };
    way.guards.iter().chain(completes)
}

/// The bits that [stir](State::stirs) a state; `None` if every event does.
fn wakes_of(state: &State) -> Option<u64> {
    let one = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| state.stirs(*bit));
    (!state.stirs(0)).then(|| one.fold(0, |wakes, bit| wakes | bit))
}

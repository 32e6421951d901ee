//! All partial matches of a rule.

use std::mem::size_of;

use super::index::INDEXED_BYTES;
use super::paths::Paths;
use super::registers::Registers;
use super::slab::{Id, Linked, Links, List, Slab};
use super::summary::Summaries;
use crate::pattern::automaton::StateId;
use crate::pattern::nodes::{NodeId, Nodes, Start};

/// A partial match in one state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) state: StateId,
    pub(super) begun: BegunId,
    /// Its events; nothing where findings carry none.
    pub(super) node: Option<NodeId>,
    /// Time of its last event.
    pub(super) last: i64,
    /// Which one it was of all that came into a state.
    pub(super) came: u64,
    /// Since when its time counts: that of its last event, or when it came to wait for what has a bound.
    pub(super) since: i64,
    in_state: Links<Run>,
    in_begun: Links<Run>,
}

pub(super) type RunId = Id<Run>;

/// What began with one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) at: Start,
    pub(super) runs: List<Run>,
    links: Links<Begun>,
}

pub(super) type BegunId = Id<Begun>;

/// The runs in one state, in the order in which they came there.
#[derive(Debug)]
pub(super) enum InState {}

/// The runs that began with one row.
#[derive(Debug)]
pub(super) enum InBegun {}

/// The runs of all keys of a rule, and what they refer to.
#[derive(Debug)]
pub(super) struct Arena<E> {
    pub(super) runs: Slab<Run>,
    pub(super) begun: Slab<Begun>,
    pub(super) nodes: Nodes<E>,
    pub(super) registers: Registers,
    /// What findings tell instead of events, if they do not carry these.
    pub(super) summaries: Option<Summaries<E>>,
    /// What tells runs apart that took different events, where a match may be found more than once.
    pub(super) paths: Option<Paths>,
    /// Runs that have come into a state since the start.
    pub(super) arrived: u64,
    /// Runs that stand in an index.
    pub(super) indexed: usize,
    /// Matches held back.
    pub(super) held: usize,
}

impl<E: Clone> Arena<E> {
    /// A new run, in the list of what it began with but not yet in that of a state.
    pub(super) fn add(&mut self, state: StateId, begun: BegunId, node: Option<NodeId>, last: i64) -> RunId {
        let run = Run {
            state,
            begun,
            node,
            last,
            came: 0,
            since: last,
            in_state: Links::default(),
            in_begun: Links::default(),
        };
        let id = self.runs.insert(run);
        self.begun[begun].runs.push_back::<InBegun>(&mut self.runs, id);
        id
    }

    /// Frees a run that is in no list of a state; whether it was the last that began with its row.
    pub(super) fn remove(&mut self, id: RunId) -> bool {
        let Run { begun, node, .. } = self.runs[id];
        if let Some(node) = node {
            self.nodes.release(node);
        }
        if let Some(summaries) = &mut self.summaries {
            summaries.clear(id.index());
        }
        let Arena { runs, begun: all, .. } = self;
        all[begun].runs.unlink::<InBegun>(runs, id);
        runs.remove(id);
        all[begun].runs.is_empty()
    }

    pub(super) fn next_in_state(&self, id: RunId) -> Option<RunId> {
        self.runs[id].in_state.next
    }

    pub(super) fn next_in_begun(&self, id: RunId) -> Option<RunId> {
        self.runs[id].in_begun.next
    }

    pub(super) fn next_begun(&self, id: BegunId) -> Option<BegunId> {
        self.begun[id].links.next
    }

    pub(super) fn previous_in_state(&self, id: RunId) -> Option<RunId> {
        self.runs[id].in_state.previous
    }

    /// What runs, and matches held back, take with their events, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.runs.len() * size_of::<Run>()
            + self.nodes.weight()
            + self.held * size_of::<super::held::Held<E>>()
    }

    pub(super) fn bytes(&self) -> usize {
        self.runs.bytes()
            + self.begun.bytes()
            + self.nodes.bytes()
            + self.registers.bytes()
            + self.summaries.as_ref().map_or(0, Summaries::bytes)
            + self.paths.as_ref().map_or(0, Paths::bytes)
            + self.indexed * INDEXED_BYTES
            + self.held * size_of::<super::held::Held<E>>()
    }
}

impl Run {
    /// How long ago its last event was. Time ends things between moments only, so at the moment in which it begins to count
    /// nothing is too late.
    pub(super) fn since_last(&self, now: i64) -> i64 {
        if self.since == now { 0 } else { now - self.last }
    }

    /// When it is over in a state in which it can be for so long after its last event.
    pub(super) fn due(&self, within: Option<i64>) -> Option<i64> {
        Some(self.last.checked_add(within?)?.max(self.since.saturating_add(1)))
    }
}

impl Begun {
    pub(super) fn new(at: Start) -> Begun {
        Begun { at, runs: List::default(), links: Links::default() }
    }
}

impl Linked<InState> for Run {
    fn links(&mut self) -> &mut Links<Run> {
        &mut self.in_state
    }
}

impl Linked<InBegun> for Run {
    fn links(&mut self) -> &mut Links<Run> {
        &mut self.in_begun
    }
}

impl Linked<()> for Begun {
    fn links(&mut self) -> &mut Links<Begun> {
        &mut self.links
    }
}

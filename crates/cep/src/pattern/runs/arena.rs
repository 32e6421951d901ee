//! All partial matches of a rule.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::held::Held;
use super::index::INDEXED_BYTES;
use super::paths::Paths;
use super::registers::Registers;
use super::slab::{Id, Linked, Links, Slab};
use super::summary::Summaries;
use super::{Group, Ordered};
use crate::engine::Row;
use crate::pattern::StepId;
use crate::pattern::automaton::StateId;
use crate::pattern::events::{EventId, Start};
use crate::pattern::nodes::{self, NodeId};
use crate::slots::SlotId;

/// An event, and the step under which it was taken.
pub(super) type Taking = (StepId, EventId);

/// A partial match in one state.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) state: StateId,
    /// The step under which it took its first event.
    pub(super) first_step: StepId,
    /// The event with which it began; a reference.
    pub(super) first: EventId,
    /// What it took after that; nothing where findings carry no events.
    pub(super) node: Option<NodeId>,
    in_state: Links<Run>,
    in_key: Links<Run>,
}

pub(super) type RunId = Id<Run>;

/// The paths of runs. How long something lasts is known of the run, by its first event.
pub(super) type Nodes<E> = nodes::Nodes<E, ()>;

/// What is known of a run's time where states have bounds of their own.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Time of its last event.
    pub(super) last: i64,
    /// Since when its time counts: that of its last event, or when it came to wait for what has a bound.
    pub(super) since: i64,
}

/// A row that began something. There are as many as partial matches, so nothing is left between them.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[repr(C, packed(4))]
pub(super) struct Begun {
    time: i64,
    row: u64,
    /// Of which key.
    pub(super) slot: SlotId,
}

/// The runs of one key in one state, in the order in which they came there.
#[derive(Debug)]
pub(super) enum InState {}

/// The runs of one key, in the order in which they began.
#[derive(Debug)]
pub(super) enum InKey {}

/// The runs of all keys of a rule, and what they refer to.
#[derive(Debug)]
pub(super) struct Arena<E> {
    pub(super) runs: Slab<Run>,
    pub(super) nodes: Nodes<E>,
    pub(super) registers: Registers,
    pub(super) clocks: Beside<Clock>,
    /// Which one each run was of all that came into a state, where some state has an index.
    pub(super) came: Beside<u64>,
    /// What findings tell instead of events, if they do not carry these.
    pub(super) summaries: Option<Summaries>,
    /// What tells runs apart that took different events, where a match may be found more than once.
    pub(super) paths: Option<Paths>,
    /// Rows that began something, with their keys, in order. One of which nothing is left stays until it comes to the front
    /// or the queue is rebuilt, which happens when those outnumber the others.
    pub(super) order: VecDeque<Begun>,
    /// Runs that have come into a state since the start.
    pub(super) arrived: u64,
    /// Groups of runs that their keys do not hold by themselves.
    pub(super) spilled: usize,
    /// Keys that have more than runs.
    pub(super) ordered: usize,
    /// Runs that stand in an index.
    pub(super) indexed: usize,
    /// Matches held back.
    pub(super) held: usize,
    /// What these own beside their events and their own size, in bytes.
    pub(super) held_heap: usize,
    /// The event of the row at hand, once it was asked for.
    pub(super) present: Option<EventId>,
    /// What an event may own at most that is held.
    pub(super) weight_max: usize,
    /// Whether an event owned more.
    pub(super) refused: bool,
}

/// A value for each run, if the pattern needs one.
#[derive(Debug)]
pub(super) struct Beside<T> {
    is_kept: bool,
    pub(super) values: Vec<T>,
}

impl<E: Clone> Arena<E> {
    /// The event of the row at hand. The caller owns the reference.
    pub(super) fn take(&mut self, row: &Row<'_, E>, at: Start) -> EventId {
        let Arena { nodes, present, .. } = self;
        let event = *present.get_or_insert_with(|| nodes.events.take(row.event, at));
        nodes.events.retain(event)
    }

    /// Whether the event of the row at hand may be held at all.
    pub(super) fn admits(&mut self, row: &Row<'_, E>, at: Start) -> bool {
        let event = self.take(row, at);
        self.nodes.events.release(event);
        let weight = self.nodes.events.weight(event) + self.registers.weight(row.inputs);
        let is_small = weight <= self.weight_max;
        self.refused |= !is_small;
        is_small
    }

    /// Nothing more takes the event of the row at hand.
    pub(super) fn end_row(&mut self) {
        if let Some(event) = self.present.take() {
            self.nodes.events.release(event);
        }
    }

    /// A new run that began with an event, the reference to which goes over; in no list yet.
    pub(super) fn add(&mut self, state: StateId, (first_step, first): Taking, clock: Clock) -> RunId {
        let (in_state, in_key) = (Links::default(), Links::default());
        let id = self.runs.insert(Run { state, first_step, first, node: None, in_state, in_key });
        self.clocks.set(id, clock);
        id
    }

    /// A copy of a run, in no list yet.
    pub(super) fn copy(&mut self, run: RunId) -> RunId {
        let Run { state, first_step, first, node, .. } = self.runs[run];
        let first = self.nodes.events.retain(first);
        let id = self.add(state, (first_step, first), self.clocks.get(run));
        self.runs[id].node = node.map(|node| self.nodes.retain(node));
        self.registers.copy(run.index(), id.index());
        if let Some(paths) = &mut self.paths {
            paths.copy(run.index(), id.index());
        }
        if let Some(summaries) = &mut self.summaries {
            summaries.copy(run.index(), id.index(), &mut self.nodes.events);
        }
        id
    }

    /// Frees a run that is in no list.
    pub(super) fn free(&mut self, id: RunId) {
        let Run { first, node, .. } = self.runs[id];
        self.nodes.events.release(first);
        if let Some(node) = node {
            self.nodes.release(node);
        }
        if let Some(summaries) = &mut self.summaries {
            summaries.clear(id.index(), &mut self.nodes.events);
        }
        self.registers.clear(id.index());
        self.runs.remove(id);
    }

    /// When a run began, and with which row.
    pub(super) fn at(&self, run: RunId) -> Start {
        self.nodes.events.at(self.runs[run].first)
    }

    pub(super) fn next_in_state(&self, id: RunId) -> Option<RunId> {
        self.runs[id].in_state.next
    }

    pub(super) fn next_in_key(&self, id: RunId) -> Option<RunId> {
        self.runs[id].in_key.next
    }

    pub(super) fn previous_in_state(&self, id: RunId) -> Option<RunId> {
        self.runs[id].in_state.previous
    }

    /// What all of this takes that is held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.runs.len() * self.bytes_per_run()
            + self.order.len() * size_of::<Begun>()
            + self.nodes.bytes()
            + self.spilled * size_of::<Group>()
            + self.ordered * size_of::<Ordered>()
            + self.indexed * INDEXED_BYTES
            + self.registers.heap_bytes()
            + self.held * size_of::<Held>()
            + self.held_heap
    }

    /// What a run takes, without its events.
    pub(super) fn bytes_per_run(&self) -> usize {
        size_of::<Run>()
            + self.clocks.bytes_per_run()
            + self.came.bytes_per_run()
            + self.registers.bytes_per_run()
            + self.summaries.as_ref().map_or(0, Summaries::bytes_per_run)
            + self.paths.as_ref().map_or(0, |_| Paths::bytes_per_run())
    }
}

impl<T: Copy + Default> Beside<T> {
    pub(super) fn new(is_kept: bool) -> Beside<T> {
        Beside { is_kept, values: Vec::new() }
    }

    /// The value of a run; anything if none is kept.
    pub(super) fn get(&self, run: RunId) -> T {
        if self.is_kept { self.values[run.index()] } else { T::default() }
    }

    pub(super) fn set(&mut self, run: RunId, value: T) {
        if !self.is_kept {
            return;
        }
        if self.values.len() <= run.index() {
            self.values.resize(run.index() + 1, T::default());
        }
        self.values[run.index()] = value;
    }

    /// Whether there is something for runs in all of so many places.
    pub(super) fn reaches(&self, places: usize) -> bool {
        !self.is_kept || self.values.len() >= places
    }

    fn bytes_per_run(&self) -> usize {
        if self.is_kept { size_of::<T>() } else { 0 }
    }
}

impl Clock {
    /// That of a run whose last event came now.
    pub(super) fn at(now: i64) -> Clock {
        Clock { last: now, since: now }
    }

    /// How long ago the last event was. Time ends things between moments only, so at the moment in which it begins to count
    /// nothing is too late.
    pub(super) fn since_last(self, now: i64) -> i64 {
        if self.since == now { 0 } else { now.saturating_sub(self.last) }
    }

    /// When a run is over in a state in which it can be for so long after its last event.
    pub(super) fn due(self, within: Option<i64>) -> Option<i64> {
        Some(self.last.checked_add(within?)?.max(self.since.saturating_add(1)))
    }
}

impl Begun {
    pub(super) fn new(Start { time, row }: Start, slot: SlotId) -> Begun {
        Begun { time, row, slot }
    }

    pub(super) fn at(self) -> Start {
        Start { time: self.time, row: self.row }
    }
}

impl Linked<InState> for Run {
    fn links(&mut self) -> &mut Links<Run> {
        &mut self.in_state
    }
}

impl Linked<InKey> for Run {
    fn links(&mut self) -> &mut Links<Run> {
        &mut self.in_key
    }
}

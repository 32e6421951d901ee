//! All partial matches of a rule.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::index::INDEXED_BYTES;
use super::paths::Paths;
use super::registers::Registers;
use super::slab::{Id, Linked, Links, List, Slab};
use super::summary::Summaries;
use crate::engine::Row;
use crate::pattern::automaton::StateId;
use crate::pattern::events::{EventId, Start};
use crate::pattern::nodes::{NodeId, Nodes};
use crate::slots::SlotId;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer};

/// A partial match in one state.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) state: StateId,
    pub(super) begun: BegunId,
    /// Its events; nothing where findings carry none.
    pub(super) node: Option<NodeId>,
    in_state: Links<Run>,
    in_begun: Links<Run>,
}

pub(super) type RunId = Id<Run>;

/// What is known of a run's time where states have bounds of their own.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Time of its last event.
    pub(super) last: i64,
    /// Since when its time counts: that of its last event, or when it came to wait for what has a bound.
    pub(super) since: i64,
}

/// What began with one row.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) event: EventId,
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
    pub(super) clocks: Beside<Clock>,
    /// Which one each run was of all that came into a state, where some state has an index.
    pub(super) came: Beside<u64>,
    /// What findings tell instead of events, if they do not carry these.
    pub(super) summaries: Option<Summaries>,
    /// What tells runs apart that took different events, where a match may be found more than once.
    pub(super) paths: Option<Paths>,
    /// Rows that began something, with their keys, in order. One of which nothing is left stays until it comes to the front
    /// or the queue is rebuilt, which happens when those outnumber the others.
    pub(super) order: VecDeque<(Start, SlotId)>,
    /// Runs that have come into a state since the start.
    pub(super) arrived: u64,
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
    values: Vec<T>,
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

    /// A new run, in the list of what it began with but not yet in that of a state.
    pub(super) fn add(
        &mut self,
        state: StateId,
        begun: BegunId,
        node: Option<NodeId>,
        clock: Clock,
    ) -> RunId {
        let run = Run { state, begun, node, in_state: Links::default(), in_begun: Links::default() };
        let id = self.runs.insert(run);
        self.begun[begun].runs.push_back::<InBegun>(&mut self.runs, id);
        self.clocks.set(id, clock);
        id
    }

    /// Frees a run that is in no list of a state; whether it was the last that began with its row.
    pub(super) fn remove(&mut self, id: RunId) -> bool {
        let Run { begun, node, .. } = self.runs[id];
        if let Some(node) = node {
            self.nodes.release(node);
        }
        if let Some(summaries) = &mut self.summaries {
            summaries.clear(id.index(), &mut self.nodes.events);
        }
        self.registers.clear(id.index());
        let Arena { runs, begun: all, .. } = self;
        all[begun].runs.unlink::<InBegun>(runs, id);
        runs.remove(id);
        all[begun].runs.is_empty()
    }

    /// Frees what began with one row, of which no run is left.
    pub(super) fn remove_begun(&mut self, id: BegunId) {
        self.nodes.events.release(self.begun[id].event);
        self.begun.remove(id);
    }

    /// When something began, and with which row.
    pub(super) fn at(&self, begun: BegunId) -> Start {
        self.nodes.events.at(self.begun[begun].event)
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

    /// What all of this takes that is held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.runs.len() * self.bytes_per_run()
            + self.begun.len() * size_of::<Begun>()
            + self.order.len() * size_of::<(Start, SlotId)>()
            + self.nodes.bytes()
            + self.indexed * INDEXED_BYTES
            + self.registers.heap_bytes()
            + self.held * size_of::<super::held::Held>()
            + self.held_heap
    }

    /// What a run takes, without what it began with and its events.
    pub(super) fn bytes_per_run(&self) -> usize {
        size_of::<Run>()
            + self.clocks.bytes_per_run()
            + self.came.bytes_per_run()
            + self.registers.bytes_per_run()
            + self.summaries.as_ref().map_or(0, Summaries::bytes_per_run)
            + self.paths.as_ref().map_or(0, |_| Paths::bytes_per_run())
    }
}

impl<E: Clone> Arena<E> {
    pub(super) fn save(&self, writer: &mut Writer<'_, E>) {
        self.nodes.save(writer);
        writer.put(&(&self.runs, &self.begun, &self.order, self.arrived));
        writer.put(&(&self.clocks.values, &self.came.values));
        self.registers.save(writer);
        writer.put(&self.summaries.as_ref().map(Summaries::saved));
        writer.put(&self.paths.as_ref().map(Paths::saved));
    }

    pub(super) fn load(&mut self, new: &mut [Reader<'_, '_, E>], reader: &mut Reader<'_, '_, E>) -> Read<()> {
        self.nodes = Nodes::load(new, reader)?;
        (self.runs, self.begun, self.order, self.arrived) = reader.take()?;
        (self.clocks.values, self.came.values) = reader.take()?;
        self.registers.load(reader)?;
        let (summaries, paths) = (reader.take()?, reader.take()?);
        match (&mut self.summaries, summaries) {
            (Some(summaries), Some(saved)) => summaries.restore(saved),
            (None, None) => {}
            _ => return Err(Damaged),
        }
        match (&mut self.paths, paths) {
            (Some(paths), Some(saved)) => paths.restore(saved),
            (None, None) => {}
            _ => return Err(Damaged),
        }
        Ok(())
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
        if self.since == now { 0 } else { now - self.last }
    }

    /// When a run is over in a state in which it can be for so long after its last event.
    pub(super) fn due(self, within: Option<i64>) -> Option<i64> {
        Some(self.last.checked_add(within?)?.max(self.since.saturating_add(1)))
    }
}

impl Begun {
    pub(super) fn new(event: EventId) -> Begun {
        Begun { event, runs: List::default(), links: Links::default() }
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

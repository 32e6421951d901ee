//! Runs: each partial match by itself, in the state in which it waits.
//!
//! The runs of a key are grouped by their state, so that an event touches only the groups in which it does more than to let
//! everything stay. A run refers to its events as shared [nodes](super::nodes), and to what it remembers of them for
//! conditions. Runs that began with the same row are listed together, and these lists in the order of their rows, so that
//! what runs out of time, is skipped after a match or dropped for lack of room is found at once.
//!
//! This evaluator accepts every pattern.

use std::collections::VecDeque;
use std::marker::PhantomData;

use super::automaton::{Automaton, StateId};
use super::events::{Events, Start};
use super::matcher::{Matcher, Told};
use super::nodes::Nodes;
use super::{AfterMatch, PatternOutputs, PatternPlan};
use crate::agenda::Wake;
use crate::engine::Row;
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Read, Reader, Writer, check};
use arena::{Arena, Begun, BegunId, Beside, InState, Run, RunId};
use conditions::Conditions;
use heap::Heap;
use held::Held;
use index::{Index, Probe};
use order::Order;
use paths::Paths;
use registers::Registers;
use slab::List;
use step::Scratch;
use summary::Summaries;

pub use index::{Indexed, indexed};

mod arena;
mod conditions;
mod heap;
mod held;
mod index;
mod order;
mod paths;
mod registers;
mod slab;
mod step;
mod summary;
mod time;

/// The partial matches of one key.
#[derive(Debug)]
pub(crate) struct Runs<E> {
    event: PhantomData<E>,
    /// What they began with, in order.
    begun: List<Begun>,
    /// By state, ascending; none is empty.
    groups: Vec<Group>,
    /// Matches held back.
    held: Heap<Held>,
    /// All runs, where it matters in which order matches are found.
    order: Order,
}

/// The runs in one state.
#[derive(Debug)]
struct Group {
    state: StateId,
    /// How many there are.
    len: u32,
    /// The same by a register's value, where there are many and that helps.
    index: Option<Box<Index>>,
    /// In the order in which they came; in that in which their time is up where the state bounds it.
    runs: List<Run>,
}

/// A group without its index, and whether it has one.
type SavedGroup = (StateId, u32, bool, List<Run>);

/// What all keys of a rule have in common.
#[derive(Debug)]
pub(crate) struct RunsShared<E> {
    plan: RunsPlan,
    arena: Arena<E>,
    scratch: Scratch,
    /// Matchers that were given back.
    spare: Vec<Runs<E>>,
}

#[derive(Debug)]
struct RunsPlan {
    automaton: Automaton,
    conditions: Conditions,
    after_match: AfterMatch,
    /// Whether several runs of one beginning may complete at once, and which comes first decides what it ends.
    is_ordered: bool,
    /// Whether time means something to single states.
    is_timed: bool,
    /// For each state.
    probes: Vec<Option<Probe>>,
    outputs: PatternOutputs,
}

/// Matchers that are kept for further keys.
const SPARE_MAX: usize = 1024;

/// Dead entries of the queue of rows that are not worth a rebuild.
const ORDER_SLACK: usize = 64;

impl<E: Clone> Matcher for Runs<E> {
    type Event = E;
    type Shared = RunsShared<E>;

    fn share(plan: PatternPlan, automaton: Automaton, weight_max: usize) -> RunsShared<E> {
        let PatternPlan { pattern, conditions, outputs, .. } = plan;
        let marked = match pattern.after_match {
            AfterMatch::ToFirst(step) | AfterMatch::ToLast(step) => Some(step),
            AfterMatch::Nothing | AfterMatch::ToNext | AfterMatch::PastLast => None,
        };
        let paths = automaton.is_ambiguous().then(Paths::default);
        let is_timed = automaton.has_gaps() || automaton.has_pending();
        let probe = |(id, state)| Probe::of(id, state, &pattern.conditions);
        let probes: Vec<Option<Probe>> = automaton.states().map(probe).collect();
        RunsShared {
            arena: Arena {
                runs: slab::Slab::default(),
                begun: slab::Slab::default(),
                nodes: Nodes::default(),
                registers: Registers::new(&pattern.registers),
                clocks: Beside::new(is_timed),
                came: Beside::new(probes.iter().any(Option::is_some)),
                summaries: (!outputs.events).then(|| Summaries::new(pattern.steps.len(), marked)),
                paths,
                order: VecDeque::new(),
                arrived: 0,
                indexed: 0,
                held: 0,
                present: None,
                weight_max,
                refused: false,
            },
            plan: RunsPlan {
                is_timed,
                probes,
                is_ordered: pattern.after_match != AfterMatch::Nothing && automaton.forks(),
                automaton,
                conditions: Conditions { all: pattern.conditions.clone(), opaque: conditions },
                after_match: pattern.after_match,
                outputs,
            },
            scratch: Scratch::default(),
            spare: Vec::new(),
        }
    }

    fn sizes(shared: &RunsShared<E>) -> (usize, usize) {
        let begun = size_of::<Begun>() + size_of::<(Start, SlotId)>() + size_of::<Group>();
        let run = shared.arena.bytes_per_run() + begun;
        match shared.arena.summaries {
            None => (run, Nodes::<E>::bytes_per_node() + Events::<E>::bytes_per_event()),
            Some(_) => (run, Events::<E>::bytes_per_event()),
        }
    }

    fn new(shared: &mut RunsShared<E>) -> Runs<E> {
        shared.spare.pop().unwrap_or(Runs {
            event: PhantomData,
            begun: List::default(),
            groups: Vec::new(),
            held: Heap::default(),
            order: Order::default(),
        })
    }

    fn give_back(mut self, shared: &mut RunsShared<E>) {
        self.order.clear();
        if shared.spare.len() < SPARE_MAX {
            shared.spare.push(self);
        }
    }

    fn process(
        &mut self,
        shared: &mut RunsShared<E>,
        row: &Row<'_, E>,
        at: Start,
        slot: SlotId,
        may_begin: bool,
        told: &mut Told<E>,
    ) {
        self.show(shared, row, at, may_begin);
        if self.newest(shared) == Some(at.row) {
            shared.arena.order.push_back((at, slot));
        }
        self.settle(shared, told);
    }

    fn is_concerned(&self, shared: &RunsShared<E>, bits: u64) -> bool {
        self.groups.iter().any(|group| shared.plan.automaton.state(group.state).stirs(bits))
    }

    fn wake(&mut self, shared: &mut RunsShared<E>, now: i64, told: &mut Told<E>) {
        self.expire(shared, now, told);
        self.settle(shared, told);
    }

    fn wake_at(&self, shared: &RunsShared<E>) -> Option<(Wake, i64)> {
        self.next_wake(shared)
    }

    fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.held.first().is_none()
    }

    fn oldest(&self, shared: &RunsShared<E>) -> Option<u64> {
        let begun = self.begun.head.map(|id| shared.arena.at(id).row);
        let held = self.held.first().map(|held| held.begun.row);
        [begun, held].into_iter().flatten().min()
    }

    fn newest(&self, shared: &RunsShared<E>) -> Option<u64> {
        let begun = self.begun.tail.map(|id| shared.arena.at(id).row);
        let held = self.held.iter().map(|held| held.begun.row).max();
        begun.max(held)
    }

    fn oldest_of_all(shared: &mut RunsShared<E>, slots: &Slots<Runs<E>>) -> Option<(u64, SlotId)> {
        while let Some((at, slot)) = shared.arena.order.front().copied() {
            if slots.get(slot).is_some_and(|runs| runs.oldest(shared) == Some(at.row)) {
                return Some((at.row, slot));
            }
            shared.arena.order.pop_front();
        }
        None
    }

    fn first_over(shared: &RunsShared<E>) -> Option<i64> {
        let (at, _) = shared.arena.order.front()?;
        at.time.checked_add(shared.plan.automaton.within()?)
    }

    fn take_over(shared: &mut RunsShared<E>, now: i64) -> Option<(u64, SlotId)> {
        let over = Runs::first_over(shared)?;
        let (at, slot) = shared.arena.order.pop_front_if(|_| over <= now)?;
        Some((at.row, slot))
    }

    fn tidy(shared: &mut RunsShared<E>, slots: &Slots<Runs<E>>) {
        let RunsShared { arena, .. } = &*shared;
        if arena.order.len() <= 2 * (arena.begun.len() + arena.held) + ORDER_SLACK {
            return;
        }
        let mut order: Vec<(Start, SlotId)> = Vec::with_capacity(arena.begun.len());
        for (slot, runs) in slots.iter() {
            order.extend(runs.begun(arena).map(|at| (at, slot)));
        }
        order.sort_unstable_by_key(|(at, _)| at.row);
        order.dedup_by_key(|(at, _)| at.row);
        shared.arena.order = order.into();
    }

    fn take_refused(shared: &mut RunsShared<E>) -> bool {
        std::mem::take(&mut shared.arena.refused)
    }

    fn drop_begun_at(&mut self, shared: &mut RunsShared<E>, row: u64, told: &mut Told<E>) -> u64 {
        let before = Self::held(shared);
        let RunsShared { plan, arena, .. } = shared;
        let mut all = std::iter::successors(self.begun.head, |id| arena.next_begun(*id));
        let newest = self.begun.tail.filter(|id| arena.at(*id).row == row);
        if let Some(id) = newest.or_else(|| all.find(|id| arena.at(*id).row == row)) {
            self.end_begun(id, plan, arena);
        }
        self.order.remove(|begun| begun == row);
        self.drop_held(|begun| begun == row, arena);
        arena.order.pop_back_if(|(at, _)| at.row == row);
        let lost = before - Self::held(shared);
        self.settle(shared, told);
        lost as u64
    }

    fn held(shared: &RunsShared<E>) -> usize {
        shared.arena.runs.len() + shared.arena.held
    }

    fn free_some(shared: &mut RunsShared<E>, unsearched: &mut usize) -> bool {
        shared.arena.nodes.free_some(unsearched)
    }

    fn bytes(shared: &RunsShared<E>) -> usize {
        shared.arena.bytes() + shared.arena.runs.len().min(shared.arena.begun.len()) * size_of::<Group>()
    }

    fn save_new(shared: &mut RunsShared<E>, writer: &mut Writer<'_, E>) {
        shared.arena.nodes.save_new(writer);
    }

    fn save_shared(shared: &RunsShared<E>, writer: &mut Writer<'_, E>) {
        shared.arena.save(writer);
    }

    fn load_shared(
        shared: &mut RunsShared<E>,
        new: &mut [Reader<'_, '_, E>],
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<()> {
        shared.arena.load(new, reader)
    }

    fn forget_snapshot(shared: &mut RunsShared<E>) {
        shared.arena.nodes.forget_snapshot();
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        let groups = self.groups.iter();
        let groups: Vec<SavedGroup> =
            groups.map(|group| (group.state, group.len, group.index.is_some(), group.runs)).collect();
        writer.put(&(self.begun, groups, &self.held, &self.order));
    }

    fn load(shared: &mut RunsShared<E>, reader: &mut Reader<'_, '_, E>) -> Read<Runs<E>> {
        let RunsShared { plan, arena, .. } = shared;
        let (begun, saved, held, order): (_, Vec<SavedGroup>, _, _) = reader.take()?;
        let mut runs =
            Runs { event: PhantomData, begun, groups: Vec::with_capacity(saved.len()), held, order };
        arena.held += runs.held.iter().count();
        for (state, len, is_indexed, of_state) in saved {
            let ends = [of_state.head, of_state.tail];
            check(state.index() < plan.automaton.len())?;
            check(ends.into_iter().flatten().all(|run| arena.runs.contains(run)))?;
            let mut group = Group { state, len, index: None, runs: of_state };
            if let (Some(probe), Some(first), true) = (&plan.probes[state.index()], of_state.head, is_indexed)
            {
                group.fill_index(first, probe, arena);
            }
            runs.groups.push(group);
        }
        Ok(runs)
    }

    fn bytes_at_least() -> usize {
        size_of::<Run>()
            + size_of::<Begun>()
            + size_of::<(Start, SlotId)>()
            + size_of::<Group>()
            + Nodes::<E>::bytes_per_node()
            + Events::<E>::bytes_per_event()
    }
}

impl<E: Clone> Runs<E> {
    /// All rows with which something began that is held.
    fn begun<'s>(&'s self, arena: &'s Arena<E>) -> impl Iterator<Item = Start> + 's {
        std::iter::successors(self.begun.head, |id| arena.next_begun(*id))
            .map(|id| arena.at(id))
            .chain(self.held.iter().map(|held| held.begun))
    }

    /// Tells or holds back what was completed, and releases what nothing holds back any longer.
    fn settle(&mut self, shared: &mut RunsShared<E>, told: &mut Told<E>) {
        let RunsShared { plan, arena, scratch, .. } = shared;
        if let Some(paths) = &mut arena.paths {
            paths.forget_completed();
        }
        if plan.after_match == AfterMatch::Nothing {
            held::tell_all(&mut scratch.completed, arena, told);
        } else {
            for held in scratch.completed.drain(..) {
                scratch.ready.push(held.keep(&mut arena.nodes));
            }
            for held in scratch.ready.drain() {
                self.held.push(held);
                arena.held += 1;
            }
            self.release(plan, arena, told);
        }
        if self.groups.iter().any(|group| group.runs.is_empty()) {
            self.groups.retain(|group| !group.runs.is_empty());
        }
    }

    /// Tells the matches before which nothing began that is still open; each ends what it ends.
    fn release(&mut self, plan: &RunsPlan, arena: &mut Arena<E>, told: &mut Told<E>) {
        while let Some(first) = self.held.first() {
            let is_held_back =
                self.begun.head.is_some_and(|earliest| arena.at(earliest).row < first.begun.row);
            if is_held_back {
                return;
            }
            let Some(first) = self.held.pop() else { return };
            arena.held -= 1;
            let ended = first.ends(plan.after_match, &arena.nodes);
            while let Some(earliest) = self.begun.head.filter(|id| ended.includes(arena.at(*id).row)) {
                self.end_begun(earliest, plan, arena);
            }
            self.order.remove(|row| ended.includes(row));
            self.drop_held(|row| ended.includes(row), arena);
            held::tell(first, arena, told);
        }
    }

    fn drop_held(&mut self, is_dropped: impl Fn(u64) -> bool, arena: &mut Arena<E>) {
        let Arena { nodes, held: count, .. } = arena;
        self.held.remove(
            |held| is_dropped(held.begun.row),
            |held| {
                held.discard(nodes);
                *count -= 1;
            },
        );
    }

    /// Ends all that began with one row.
    fn end_begun(&mut self, id: BegunId, plan: &RunsPlan, arena: &mut Arena<E>) {
        while let Some(run) = arena.begun[id].runs.head {
            self.leave_state(run, plan, arena);
            self.remove(run, arena);
        }
    }

    /// Frees a run that has left its state.
    fn remove(&mut self, id: RunId, arena: &mut Arena<E>) {
        let begun = arena.runs[id].begun;
        if arena.remove(id) {
            self.begun.unlink::<()>(&mut arena.begun, begun);
            arena.remove_begun(begun);
        }
    }

    fn leave_state(&mut self, id: RunId, plan: &RunsPlan, arena: &mut Arena<E>) {
        let Run { state, .. } = arena.runs[id];
        let Ok(index) = self.groups.binary_search_by_key(&state, |group| group.state) else { return };
        let group = &mut self.groups[index];
        group.len -= 1;
        group.runs.unlink::<InState>(&mut arena.runs, id);
        if let (Some(index), Some(probe)) = (&mut group.index, &plan.probes[state.index()]) {
            index.remove(&arena.registers.of(id.index())[probe.register.index()], arena.came.get(id));
            arena.indexed -= 1;
        }
    }

    /// Puts a run where it waits.
    fn enter_state(&mut self, id: RunId, plan: &RunsPlan, arena: &mut Arena<E>) {
        let state = arena.runs[id].state;
        let within = plan.automaton.state(state).within;
        let index = match self.groups.binary_search_by_key(&state, |group| group.state) {
            Ok(index) => index,
            Err(index) => {
                self.groups.insert(index, Group { state, len: 0, index: None, runs: List::default() });
                index
            }
        };
        let runs = &mut self.groups[index].runs;
        let mut after = runs.tail;
        if within.is_some() {
            let due = arena.clocks.get(id).due(within);
            while let Some(id) = after.filter(|id| arena.clocks.get(*id).due(within) > due) {
                after = arena.previous_in_state(id);
            }
        }
        runs.insert_after::<InState>(&mut arena.runs, after, id);
        let group = &mut self.groups[index];
        group.len += 1;
        arena.arrived += 1;
        arena.came.set(id, arena.arrived);
        if let Some(probe) = &plan.probes[state.index()] {
            group.keep_index(id, probe, arena);
        }
    }
}

impl Group {
    /// Adds a run that has just come to the index; makes one where there are enough runs.
    fn keep_index<E: Clone>(&mut self, id: RunId, probe: &Probe, arena: &mut Arena<E>) {
        match &mut self.index {
            Some(index) => index.add(id, probe, arena),
            None if self.len >= index::INDEXED_MIN => {
                if let Some(first) = self.runs.head {
                    self.fill_index(first, probe, arena);
                }
            }
            None => {}
        }
    }

    /// Makes an index of all runs.
    fn fill_index<E: Clone>(&mut self, first: RunId, probe: &Probe, arena: &mut Arena<E>) {
        let index = self.index.insert(Box::default());
        let mut next = Some(first);
        while let Some(run) = next {
            index.add(run, probe, arena);
            next = arena.next_in_state(run);
        }
    }
}

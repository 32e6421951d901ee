//! Runs: each partial match by itself, in the state in which it waits.
//!
//! The runs of a key are grouped by their state, so that an event touches only the groups in which it does more than to let
//! everything stay. A run refers to its events as shared [nodes](super::nodes), and to what it remembers of them for
//! conditions. Runs that began with the same row are listed together, and these lists in the order of their rows, so that
//! what runs out of time, is skipped after a match or dropped for lack of room is found at once.
//!
//! This evaluator accepts every pattern.

use std::mem::size_of;

use super::automaton::{Automaton, StateId};
use super::matcher::{Matcher, Told};
use super::nodes::{Nodes, Start};
use super::{AfterMatch, PatternOutputs, PatternPlan};
use crate::agenda::Wake;
use crate::engine::Row;
use arena::{Arena, Begun, BegunId, InState, Run, RunId};
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
    /// What they began with, in order.
    begun: List<Begun>,
    /// By state, ascending; none is empty.
    groups: Vec<Group>,
    /// Matches held back.
    held: Heap<Held<E>>,
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

/// What all keys of a rule have in common.
#[derive(Debug)]
pub(crate) struct RunsShared<E> {
    plan: RunsPlan,
    arena: Arena<E>,
    scratch: Scratch<E>,
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

impl<E: Clone> Matcher for Runs<E> {
    type Event = E;
    type Shared = RunsShared<E>;

    fn share(plan: PatternPlan, automaton: Automaton) -> RunsShared<E> {
        let PatternPlan { pattern, conditions, outputs, .. } = plan;
        let marked = match pattern.after_match {
            AfterMatch::ToFirst(step) | AfterMatch::ToLast(step) => Some(step),
            AfterMatch::Nothing | AfterMatch::ToNext | AfterMatch::PastLast => None,
        };
        let paths = automaton.is_ambiguous().then(Paths::default);
        RunsShared {
            plan: RunsPlan {
                is_timed: automaton.has_gaps() || automaton.has_pending(),
                probes: automaton
                    .states()
                    .map(|(id, state)| Probe::of(id, state, &pattern.conditions))
                    .collect(),
                is_ordered: pattern.after_match != AfterMatch::Nothing && automaton.forks(),
                automaton,
                conditions: Conditions { all: pattern.conditions.clone(), opaque: conditions },
                after_match: pattern.after_match,
                outputs,
            },
            arena: Arena {
                runs: slab::Slab::default(),
                begun: slab::Slab::default(),
                nodes: Nodes::default(),
                registers: Registers::new(&pattern.registers),
                summaries: (!outputs.events).then(|| Summaries::new(pattern.steps.len(), marked)),
                paths,
                arrived: 0,
                indexed: 0,
                held: 0,
            },
            scratch: Scratch::default(),
            spare: Vec::new(),
        }
    }

    fn sizes(plan: &PatternPlan) -> (usize, usize) {
        let run = size_of::<Run>() + size_of::<Begun>() + Registers::bytes_per_run(&plan.pattern.registers);
        match plan.outputs.events {
            true => (run, Nodes::<E>::bytes_per_node()),
            false => (run + Summaries::<E>::bytes_per_run(plan.pattern.steps.len()), 0),
        }
    }

    fn new(shared: &mut RunsShared<E>) -> Runs<E> {
        shared.spare.pop().unwrap_or(Runs {
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
        may_begin: bool,
        told: &mut Told<E>,
    ) {
        self.show(shared, row, at, may_begin);
        self.settle(shared, at, told);
    }

    fn is_concerned(&self, shared: &RunsShared<E>, bits: u64) -> bool {
        self.groups.iter().any(|group| shared.plan.automaton.state(group.state).stirs(bits))
    }

    fn wake(&mut self, shared: &mut RunsShared<E>, now: i64, told: &mut Told<E>) {
        self.expire(shared, now, told);
        self.settle(shared, Start { time: now, row: 0 }, told);
    }

    fn wake_at(&self, shared: &RunsShared<E>) -> Option<(Wake, i64)> {
        self.next_wake(shared)
    }

    fn is_empty(&self) -> bool {
        self.begun.is_empty() && self.held.first().is_none()
    }

    fn oldest(&self, shared: &RunsShared<E>) -> Option<u64> {
        let begun = self.begun.head.map(|id| shared.arena.begun[id].at.row);
        let held = self.held.first().map(|held| held.begun.row);
        [begun, held].into_iter().flatten().min()
    }

    fn newest(&self, shared: &RunsShared<E>) -> Option<u64> {
        let begun = self.begun.tail.map(|id| shared.arena.begun[id].at.row);
        let held = self.held.iter().map(|held| held.begun.row).max();
        begun.max(held)
    }

    fn begun<'s>(&'s self, shared: &'s RunsShared<E>) -> impl Iterator<Item = Start> + 's {
        std::iter::successors(self.begun.head, |id| shared.arena.next_begun(*id))
            .map(|id| shared.arena.begun[id].at)
            .chain(self.held.iter().map(|held| held.begun))
    }

    fn begun_count(shared: &RunsShared<E>) -> usize {
        shared.arena.begun.len()
    }

    fn drop_begun_at(&mut self, shared: &mut RunsShared<E>, row: u64, told: &mut Told<E>) -> u64 {
        let before = Self::held(shared);
        let RunsShared { plan, arena, .. } = shared;
        let all = std::iter::successors(self.begun.head, |id| arena.next_begun(*id));
        let newest = self.begun.tail.filter(|id| arena.begun[*id].at.row == row);
        if let Some(id) = newest.or_else(|| all.into_iter().find(|id| arena.begun[*id].at.row == row)) {
            self.end_begun(id, plan, arena);
        }
        self.order.remove(|begun| begun == row);
        self.drop_held(|begun| begun == row, arena);
        let lost = before - Self::held(shared);
        self.settle(shared, Start { time: 0, row: 0 }, told);
        lost as u64
    }

    fn held(shared: &RunsShared<E>) -> usize {
        shared.arena.runs.len() + shared.arena.held
    }

    fn weight(shared: &RunsShared<E>) -> usize {
        shared.arena.weight()
    }

    fn bytes(shared: &RunsShared<E>) -> usize {
        shared.arena.bytes() + shared.arena.runs.len().min(shared.arena.begun.len()) * size_of::<Group>()
    }
}

impl<E: Clone> Runs<E> {
    /// Tells or holds back what was completed, and releases what nothing holds back any longer. `at` is the present row.
    fn settle(&mut self, shared: &mut RunsShared<E>, at: Start, told: &mut Told<E>) {
        let RunsShared { plan, arena, scratch, .. } = shared;
        if let Some(paths) = &mut arena.paths {
            paths.forget_completed();
        }
        if plan.after_match == AfterMatch::Nothing {
            held::tell_all(&mut scratch.completed, arena, told);
        } else {
            for held in scratch.completed.drain(..) {
                scratch.ready.push(held.keep(at, &mut arena.nodes));
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
                self.begun.head.is_some_and(|earliest| arena.begun[earliest].at.row < first.begun.row);
            if is_held_back {
                return;
            }
            let Some(first) = self.held.pop() else { return };
            arena.held -= 1;
            let ended = first.ends(plan.after_match, &arena.nodes);
            while let Some(earliest) = self.begun.head.filter(|id| ended.includes(arena.begun[*id].at.row)) {
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
            arena.begun.remove(begun);
        }
    }

    fn leave_state(&mut self, id: RunId, plan: &RunsPlan, arena: &mut Arena<E>) {
        let Run { state, came, .. } = arena.runs[id];
        let Ok(index) = self.groups.binary_search_by_key(&state, |group| group.state) else { return };
        let group = &mut self.groups[index];
        group.len -= 1;
        group.runs.unlink::<InState>(&mut arena.runs, id);
        if let (Some(index), Some(probe)) = (&mut group.index, &plan.probes[state.index()]) {
            index.remove(&arena.registers.of(id.index())[probe.register.index()], came);
            arena.indexed -= 1;
        }
    }

    /// Puts a run where it waits.
    fn enter_state(&mut self, id: RunId, plan: &RunsPlan, arena: &mut Arena<E>) {
        let run = arena.runs[id];
        let state = run.state;
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
            let due = run.due(within);
            while let Some(id) = after.filter(|id| arena.runs[*id].due(within) > due) {
                after = arena.previous_in_state(id);
            }
        }
        runs.insert_after::<InState>(&mut arena.runs, after, id);
        let group = &mut self.groups[index];
        group.len += 1;
        arena.arrived += 1;
        arena.runs[id].came = arena.arrived;
        if let Some(probe) = &plan.probes[state.index()] {
            group.keep_index(id, probe, arena);
        }
    }
}

impl Group {
    /// Adds a run that has just come to the index; makes one where there are enough runs.
    fn keep_index<E: Clone>(&mut self, id: RunId, probe: &Probe, arena: &mut Arena<E>) {
        let (first, index) = match &mut self.index {
            Some(index) => (Some(id), index),
            None if self.len >= index::INDEXED_MIN => (self.runs.head, self.index.insert(Box::default())),
            None => return,
        };
        let mut next = first;
        while let Some(run) = next {
            let value = &arena.registers.of(run.index())[probe.register.index()];
            index.insert(value, arena.runs[run].came, run);
            arena.indexed += 1;
            next = arena.next_in_state(run).filter(|_| first != Some(id));
        }
    }
}

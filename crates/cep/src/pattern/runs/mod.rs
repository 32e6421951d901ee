//! Runs: each partial match by itself, in the state in which it waits.
//!
//! The runs of a key are grouped by their state, so that an event touches only the groups in which it does more than to let
//! everything stay. A run refers to its first event, to those after it as shared [nodes](super::nodes), and to what it
//! remembers of them for conditions. The runs of a key are listed in the order in which they began, so that what runs out of
//! time, is skipped after a match or dropped for lack of room is found at once.
//!
//! This evaluator accepts every pattern.

use std::marker::PhantomData;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::automaton::{Automaton, StateId};
use super::events::Start;
use super::matcher::Told;
use super::{AfterMatch, PatternOutputs};
use arena::{Arena, InKey, InState, Run, RunId};
use conditions::Conditions;
use heap::Heap;
use held::Held;
use index::{Index, Probe};
use order::Order;
use slab::List;
use step::Scratch;

pub use index::{Indexed, indexed};
pub(crate) use saved::Loading;

mod arena;
mod conditions;
mod heap;
mod held;
mod index;
mod matcher;
mod order;
mod paths;
mod registers;
mod saved;
mod slab;
mod step;
mod summary;
mod time;

/// The partial matches of one key.
#[derive(Debug)]
pub(crate) struct Runs<E> {
    event: PhantomData<E>,
    /// All runs, in the order in which they began.
    runs: List<Run>,
    /// By state, ascending; none is empty.
    groups: Groups,
    /// What is needed where matches end other partial matches.
    ordered: Option<Box<Ordered>>,
}

/// Most keys have runs in one state only, and those need no memory beside.
type Groups = SmallVec<[Group; GROUPS_INLINE]>;

const GROUPS_INLINE: usize = 1;

/// What a key has beside its runs, where matches end other partial matches.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ordered {
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
    /// How many steps and registers the pattern has.
    steps: usize,
    registers: usize,
    conditions: Conditions,
    after_match: AfterMatch,
    /// Whether several runs of one beginning may complete at once, and which comes first decides what it ends.
    is_ordered: bool,
    /// Whether time means something to single states.
    is_timed: bool,
    /// Whether runs that are over because they began too long ago end whenever someone comes to them.
    passes_over: bool,
    /// For each state.
    probes: Vec<Option<Probe>>,
    outputs: PatternOutputs,
}

impl<E: Clone> Runs<E> {
    /// All rows with which something began that is held.
    fn begun<'s>(&'s self, arena: &'s Arena<E>) -> impl Iterator<Item = Start> + 's {
        std::iter::successors(self.runs.head, |id| arena.next_in_key(*id))
            .map(|id| arena.at(id))
            .chain(self.all_held().map(|held| held.begun))
    }

    /// Matches held back.
    fn all_held(&self) -> impl Iterator<Item = &Held> {
        self.ordered.iter().flat_map(|ordered| ordered.held.iter())
    }

    fn first_held(&self) -> Option<&Held> {
        self.ordered.as_ref()?.held.first()
    }

    /// What the key has beside its runs.
    fn ordered(&mut self, arena: &mut Arena<E>) -> &mut Ordered {
        self.ordered.get_or_insert_with(|| {
            arena.ordered += 1;
            Box::default()
        })
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
                arena.held_heap += held.heap_bytes();
                self.ordered(arena).held.push(held);
                arena.held += 1;
            }
            self.release(plan, arena, told);
        }
        if self.groups.iter().any(|group| group.runs.is_empty()) {
            arena.spilled -= spilled(&self.groups);
            self.groups.retain(|group| !group.runs.is_empty());
            arena.spilled += spilled(&self.groups);
        }
    }

    /// Tells the matches before which nothing began that is still open; each ends what it ends.
    fn release(&mut self, plan: &RunsPlan, arena: &mut Arena<E>, told: &mut Told<E>) {
        while let Some(first) = self.first_held() {
            let is_held_back =
                self.runs.head.is_some_and(|earliest| arena.at(earliest).row < first.begun.row);
            if is_held_back {
                return;
            }
            let Some(first) = self.ordered(arena).held.pop() else { return };
            arena.held -= 1;
            arena.held_heap -= first.heap_bytes();
            let ended = first.ends(plan.after_match, &arena.nodes);
            while let Some(earliest) = self.runs.head.filter(|id| ended.includes(arena.at(*id).row)) {
                self.end(earliest, plan, arena);
            }
            self.ordered(arena).order.remove(|row| ended.includes(row));
            self.drop_held(|row| ended.includes(row), arena);
            held::tell(first, arena, told);
        }
    }

    fn drop_held(&mut self, is_dropped: impl Fn(u64) -> bool, arena: &mut Arena<E>) {
        let Some(ordered) = &mut self.ordered else { return };
        let Arena { nodes, held: count, held_heap: heap, .. } = arena;
        ordered.held.remove(
            |held| is_dropped(held.begun.row),
            |held| {
                *heap -= held.heap_bytes();
                held.discard(nodes);
                *count -= 1;
            },
        );
    }

    /// Ends a run.
    fn end(&mut self, id: RunId, plan: &RunsPlan, arena: &mut Arena<E>) {
        self.leave_state(id, plan, arena);
        self.remove(id, arena);
    }

    /// Frees a run that has left its state.
    fn remove(&mut self, id: RunId, arena: &mut Arena<E>) {
        self.runs.unlink::<InKey>(&mut arena.runs, id);
        arena.free(id);
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
                arena.spilled -= spilled(&self.groups);
                self.groups.insert(index, Group { state, len: 0, index: None, runs: List::default() });
                arena.spilled += spilled(&self.groups);
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

/// How many groups need memory beside.
fn spilled(groups: &[Group]) -> usize {
    if groups.len() > GROUPS_INLINE { groups.len() } else { 0 }
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

//! Runs as what evaluates one key of a pattern.

use std::collections::VecDeque;
use std::marker::PhantomData;

use super::arena::{Arena, Begun, Beside, Run};
use super::conditions::Conditions;
use super::heap::Heap;
use super::held::Held;
use super::index::Probe;
use super::order::Order;
use super::paths::Paths;
use super::registers::Registers;
use super::slab::{List, Slab};
use super::step::Scratch;
use super::summary::Summaries;
use super::{Group, Runs, RunsPlan, RunsShared};
use crate::agenda::Wake;
use crate::engine::Row;
use crate::pattern::automaton::{Automaton, StateId};
use crate::pattern::events::{Events, Start};
use crate::pattern::matcher::{Matcher, Told};
use crate::pattern::nodes::Nodes;
use crate::pattern::{AfterMatch, PatternPlan};
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Read, Reader, Writer, check};

/// A group without its index, and whether it has one.
type SavedGroup = (StateId, u32, bool, List<Run>);

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
                runs: Slab::default(),
                begun: Slab::default(),
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
                held_heap: 0,
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
            // The first event and the last.
            Some(_) => (run + 2 * Events::<E>::bytes_per_event(), 0),
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
        arena.held_heap += runs.held.iter().map(Held::heap_bytes).sum::<usize>();
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

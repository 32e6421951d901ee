//! Runs as what evaluates one key of a pattern.

use std::collections::VecDeque;
use std::marker::PhantomData;

use super::arena::{Arena, Begun, Beside, Nodes, Run};
use super::conditions::Conditions;
use super::index::Probe;
use super::order::Slot;
use super::paths::Paths;
use super::registers::Registers;
use super::slab::{List, Slab};
use super::step::Scratch;
use super::summary::Summaries;
use super::{Groups, Loading, Runs, RunsPlan, RunsShared};
use crate::agenda::Wake;
use crate::engine::Row;
use crate::pattern::automaton::Automaton;
use crate::pattern::events::{Events, Start};
use crate::pattern::matcher::{Matcher, Told};
use crate::pattern::{AfterMatch, PatternPlan};
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Read, Reader, Writer};

/// Matchers that are kept for further keys.
const SPARE_MAX: usize = 1024;

/// Dead entries of the queue of rows that are not worth a rebuild.
const ORDER_SLACK: usize = 64;

impl<E: Clone> Matcher for Runs<E> {
    type Event = E;
    type Shared = RunsShared<E>;
    type Loading = Loading;

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
                nodes: Nodes::default(),
                registers: Registers::new(&pattern.registers),
                clocks: Beside::new(is_timed),
                came: Beside::new(probes.iter().any(Option::is_some)),
                summaries: (!outputs.events).then(|| Summaries::new(pattern.steps.len(), marked)),
                paths,
                order: VecDeque::new(),
                arrived: 0,
                spilled: 0,
                ordered: 0,
                indexed: 0,
                held: 0,
                held_heap: 0,
                present: None,
                weight_max,
                refused: false,
            },
            plan: RunsPlan {
                steps: pattern.steps.len(),
                registers: pattern.registers.len(),
                is_timed,
                passes_over: pattern.after_match == AfterMatch::Nothing
                    && !outputs.timeouts
                    && !automaton.has_pending(),
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
        let run = shared.arena.bytes_per_run() + size_of::<Begun>();
        match shared.arena.summaries {
            // What every event but the first takes beside its own.
            None => (run, Nodes::<E>::bytes_per_node() + Events::<E>::bytes_per_event()),
            // The first event and the last.
            Some(_) => (run + 2 * Events::<E>::bytes_per_event(), 0),
        }
    }

    fn new(shared: &mut RunsShared<E>) -> Runs<E> {
        shared.spare.pop().unwrap_or(Runs {
            event: PhantomData,
            runs: List::default(),
            groups: Groups::new(),
            ordered: None,
        })
    }

    fn give_back(mut self, shared: &mut RunsShared<E>) {
        shared.arena.ordered -= usize::from(self.ordered.take().is_some());
        if self.groups.spilled() && shared.spare.len() < SPARE_MAX {
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
            shared.arena.order.push_back(Begun::new(at, slot));
        }
        self.settle(shared, told);
    }

    fn is_concerned(&self, shared: &RunsShared<E>, bits: u64) -> bool {
        self.groups.iter().any(|group| shared.plan.automaton.state(group.state).stirs(bits))
    }

    fn wake(&mut self, shared: &mut RunsShared<E>, now: i64, told: &mut Told<E>) {
        self.end_over(shared, now, told);
        self.settle(shared, told);
    }

    fn expire(&mut self, shared: &mut RunsShared<E>, row: u64, now: i64, told: &mut Told<E>) {
        let RunsShared { plan, arena, .. } = &mut *shared;
        if !plan.passes_over {
            return self.wake(shared, now, told);
        }
        while let Some(first) = self.runs.head.filter(|first| arena.at(*first).row <= row) {
            self.end(first, plan, arena);
        }
        self.settle(shared, told);
    }

    fn wake_at(&self, shared: &RunsShared<E>) -> Option<(Wake, i64)> {
        self.next_wake(shared)
    }

    fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.first_held().is_none()
    }

    fn oldest(&self, shared: &RunsShared<E>) -> Option<u64> {
        let begun = self.runs.head.map(|id| shared.arena.at(id).row);
        let held = self.first_held().map(|held| held.begun.row);
        [begun, held].into_iter().flatten().min()
    }

    fn newest(&self, shared: &RunsShared<E>) -> Option<u64> {
        let begun = self.runs.tail.map(|id| shared.arena.at(id).row);
        let held = self.all_held().map(|held| held.begun.row).max();
        begun.max(held)
    }

    fn oldest_of_all(shared: &mut RunsShared<E>, slots: &Slots<Runs<E>>) -> Option<(u64, SlotId)> {
        while let Some(begun) = shared.arena.order.front().copied() {
            let (row, slot) = (begun.at().row, begun.slot);
            if slots.get(slot).is_some_and(|runs| runs.oldest(shared) == Some(row)) {
                return Some((row, slot));
            }
            shared.arena.order.pop_front();
        }
        None
    }

    fn first_over(shared: &RunsShared<E>) -> Option<i64> {
        let begun = shared.arena.order.front()?;
        begun.at().time.checked_add(shared.plan.automaton.within()?)
    }

    fn passes_over(shared: &RunsShared<E>) -> bool {
        shared.plan.passes_over
    }

    fn pass(_: &mut RunsShared<E>, _: i64) {}

    fn take_over(shared: &mut RunsShared<E>, now: i64) -> Option<(u64, SlotId)> {
        let over = Runs::first_over(shared)?;
        let begun = shared.arena.order.pop_front_if(|_| over <= now)?;
        Some((begun.at().row, begun.slot))
    }

    fn tidy(shared: &mut RunsShared<E>, slots: &Slots<Runs<E>>) {
        let RunsShared { arena, .. } = &*shared;
        if arena.order.len() <= 2 * (arena.runs.len() + arena.held) + ORDER_SLACK {
            return;
        }
        let mut order: Vec<Begun> = Vec::with_capacity(arena.runs.len() + arena.held);
        for (slot, runs) in slots.iter() {
            order.extend(runs.begun(arena).map(|at| Begun::new(at, slot)));
        }
        order.sort_unstable_by_key(|begun| begun.at().row);
        order.dedup_by_key(|begun| begun.at().row);
        shared.arena.order = order.into();
    }

    fn take_refused(shared: &mut RunsShared<E>) -> bool {
        std::mem::take(&mut shared.arena.refused)
    }

    fn drop_begun_at(&mut self, shared: &mut RunsShared<E>, row: u64, told: &mut Told<E>) -> u64 {
        let before = Self::held(shared);
        let RunsShared { plan, arena, .. } = shared;
        while let Some(id) = self.runs.tail.filter(|id| arena.at(*id).row == row) {
            self.end(id, plan, arena);
        }
        let mut next = self.runs.head;
        while let Some(id) = next.filter(|id| arena.at(*id).row <= row) {
            next = arena.next_in_key(id);
            if arena.at(id).row == row {
                self.end(id, plan, arena);
            }
        }
        if let Some(ordered) = &mut self.ordered {
            ordered.order.remove(|begun| begun == row);
        }
        self.drop_held(|begun| begun == row, arena);
        arena.order.pop_back_if(|begun| begun.at().row == row);
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
        let RunsShared { plan, arena, .. } = shared;
        let in_order = if plan.is_ordered { arena.runs.len() + arena.ordered } else { 0 };
        arena.bytes() + in_order * size_of::<Slot>()
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
    ) -> Read<Loading> {
        shared.arena.load(&shared.plan, new, reader)
    }

    fn forget_snapshot(shared: &mut RunsShared<E>) {
        shared.arena.nodes.forget_snapshot();
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        self.write(writer);
    }

    fn load(
        shared: &mut RunsShared<E>,
        loading: &mut Loading,
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<Runs<E>> {
        Runs::read(shared, loading, reader)
    }

    fn end_load(_: &mut RunsShared<E>, loading: Loading) -> Read<()> {
        loading.end()
    }

    fn bytes_at_least() -> usize {
        size_of::<Run>() + size_of::<Begun>() + Events::<E>::bytes_per_event()
    }
}

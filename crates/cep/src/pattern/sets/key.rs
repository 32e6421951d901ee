//! The partial matches of one key.

use std::collections::HashSet;
use std::marker::PhantomData;

use smallvec::SmallVec;

use super::evaluator::{Begun, Shared};
use super::reason::determine;
use super::union::Element;
use super::{queue, union};
use crate::agenda::Wake;
use crate::engine::Row;
use crate::pattern::PatternPlan;
use crate::pattern::automaton::Automaton;
use crate::pattern::claims::Claims;
use crate::pattern::events::{Events, ROWS_MAX, Start};
use crate::pattern::matcher::{Matcher, Told};
use crate::pattern::nodes::Nodes;
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Read, Reader, Writer, check};

/// The partial matches of one key, as sets.
#[derive(Debug)]
pub(crate) struct Sets<E> {
    /// What waits, set by set.
    waiting: Waiting,
    /// Time of the last event that did anything.
    last: i64,
    event: PhantomData<E>,
}

/// Most keys have few partial matches, and those need no memory beside.
pub(super) type Waiting = SmallVec<[Element; INLINE]>;

const INLINE: usize = 4;

/// Vectors of keys that had more, kept for further ones.
const SPARE_MAX: usize = 1024;

impl<E: Clone> Matcher for Sets<E> {
    type Event = E;
    type Shared = Shared<E>;
    type Loading = Claims;

    fn share(plan: PatternPlan, automaton: Automaton, weight_max: usize) -> Shared<E> {
        let within = automaton.within();
        let determined = determine(&plan, &automaton).expect("sets are chosen for what they accept");
        Shared::new(determined, plan.pattern.steps.len(), within, weight_max)
    }

    fn sizes(_: &Shared<E>) -> (usize, usize) {
        (0, Nodes::<E>::bytes_per_node() + Events::<E>::bytes_per_event())
    }

    fn new(shared: &mut Shared<E>) -> Sets<E> {
        let waiting = shared.spare.pop().unwrap_or_default();
        Sets { waiting, last: i64::MIN, event: PhantomData }
    }

    fn give_back(self, shared: &mut Shared<E>) {
        if self.waiting.spilled() && shared.spare.len() < SPARE_MAX {
            shared.spare.push(self.waiting);
        }
    }

    fn process(
        &mut self,
        shared: &mut Shared<E>,
        row: &Row<'_, E>,
        at: Start,
        slot: SlotId,
        may_begin: bool,
        told: &mut Told<E>,
    ) {
        let begins = may_begin && shared.begins(row.steps);
        if !begins && !self.waiting.iter().any(|element| shared.stirs(element.set, row.steps)) {
            return;
        }
        if begins {
            shared.begin(row, at, slot);
        }
        for elements in self.waiting.chunk_by(|one, other| one.set == other.set) {
            shared.change(elements, row, at, self.last);
        }
        self.wait(shared);
        self.last = row.time;
        shared.tell(told);
    }

    fn wake(&mut self, shared: &mut Shared<E>, now: i64, told: &mut Told<E>) {
        shared.raise_floor(now);
        self.keep(shared, now);
        shared.tell(told);
    }

    /// The key is looked at when nothing of it is left.
    fn expire(&mut self, shared: &mut Shared<E>, row: u64, now: i64, told: &mut Told<E>) {
        if shared.newest(&self.waiting).is_none_or(|newest| newest <= row) {
            self.keep(shared, now);
            shared.tell(told);
        }
    }

    fn wake_at(&self, shared: &Shared<E>) -> Option<(Wake, i64)> {
        if !shared.determined.any_timed() {
            return None;
        }
        let sets = || self.waiting.chunk_by(|one, other| one.set == other.set);
        let timer = sets().filter_map(|elements| shared.pending_at(elements, self.last)).min();
        // The key is looked at again when nothing of it is left, unless something begins until then.
        let over = || {
            sets()
                .map(|elements| shared.over_at(elements, self.last))
                .reduce(|a, b| Some(a?.max(b?)))
                .flatten()
        };
        timer.map(|at| (Wake::Timer, at)).or_else(|| Some((Wake::Expiry, over()?)))
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn oldest(&self, shared: &Shared<E>) -> Option<u64> {
        shared.begun(&self.waiting).first().copied()
    }

    fn newest(&self, shared: &Shared<E>) -> Option<u64> {
        shared.newest(&self.waiting)
    }

    fn oldest_of_all(shared: &mut Shared<E>, _: &Slots<Sets<E>>) -> Option<(u64, SlotId)> {
        shared.oldest()
    }

    fn first_over(shared: &Shared<E>) -> Option<i64> {
        shared.first_over()
    }

    fn passes_over(_: &Shared<E>) -> bool {
        true
    }

    fn pass(shared: &mut Shared<E>, now: i64) {
        shared.raise_floor(now);
    }

    fn take_over(shared: &mut Shared<E>, now: i64) -> Option<(u64, SlotId)> {
        shared.take_over(now)
    }

    fn tidy(shared: &mut Shared<E>, _: &Slots<Sets<E>>) {
        shared.tidy();
    }

    fn take_refused(shared: &mut Shared<E>) -> bool {
        std::mem::take(&mut shared.refused)
    }

    fn fits(shared: &mut Shared<E>, most: usize) -> bool {
        shared.shrink(most)
    }

    fn clear(&mut self, shared: &mut Shared<E>, _: &mut Told<E>) -> u64 {
        let lost = shared.begun(&self.waiting).len();
        shared.release(&self.waiting);
        shared.spilled -= spilled(&self.waiting);
        self.waiting.clear();
        lost as u64
    }

    fn drop_begun_at(&mut self, shared: &mut Shared<E>, row: u64, _: &mut Told<E>) -> u64 {
        if self.newest(shared) == Some(row) {
            for elements in self.waiting.chunk_by(|one, other| one.set == other.set) {
                shared.keep_without(elements, row);
            }
            self.wait(shared);
            while shared.begun.pop_back_if(|begun| begun.at.row == row).is_some() {}
            while shared.begun.pop_front_if(|begun| begun.at.row == row).is_some() {}
            1
        } else if shared.oldest().is_some_and(|(oldest, _)| oldest == row) {
            shared.drop_oldest(row);
            self.keep(shared, i64::MIN);
            1
        } else {
            0
        }
    }

    fn held(shared: &Shared<E>) -> usize {
        shared.held()
    }

    fn free_some(shared: &mut Shared<E>, unsearched: &mut usize) -> bool {
        shared.nodes.free_some(unsearched)
    }

    fn bytes(shared: &Shared<E>) -> usize {
        shared.bytes()
    }

    fn save_new(shared: &mut Shared<E>, writer: &mut Writer<'_, E>) {
        shared.nodes.save_new(writer);
    }

    fn save_shared(shared: &Shared<E>, writer: &mut Writer<'_, E>) {
        shared.nodes.save(writer);
        writer.put(&shared.begun);
    }

    fn load_shared(
        shared: &mut Shared<E>,
        new: &mut [Reader<'_, '_, E>],
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<Claims> {
        let claims;
        (shared.nodes, claims) = Nodes::load(shared.steps, new, reader)?;
        shared.begun = reader.take()?;
        let is_sound = |begun: &Begun| shared.nodes.has_place(begun.node) && begun.at.row < ROWS_MAX;
        check(shared.begun.iter().all(is_sound))?;
        Ok(claims)
    }

    fn forget_snapshot(shared: &mut Shared<E>) {
        shared.nodes.forget_snapshot();
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.last, &self.waiting[..]));
    }

    fn load(shared: &mut Shared<E>, claims: &mut Claims, reader: &mut Reader<'_, '_, E>) -> Read<Sets<E>> {
        let (last, waiting): (i64, Vec<Element>) = reader.take()?;
        for element in &waiting {
            check(shared.determined.contains(element.set))?;
            claims.node(element.node)?;
        }
        let mut known = HashSet::new();
        for elements in waiting.chunk_by(|one, other| one.set == other.set) {
            let set = elements[0].set;
            let is_sound = match shared.determined.timed(set) {
                true => queue::is_sound(&shared.nodes, elements),
                false => union::is_union_list(&shared.nodes, elements),
            };
            check(is_sound && known.insert(set))?;
        }
        shared.spilled += spilled(&waiting);
        Ok(Sets { waiting: waiting.into(), last, event: PhantomData })
    }

    fn end_load(_: &mut Shared<E>, claims: Claims) -> Read<()> {
        claims.end()
    }

    fn bytes_at_least() -> usize {
        size_of::<Begun>() + Nodes::<E>::bytes_per_node() + Events::<E>::bytes_per_event()
    }
}

impl<E: Clone> Sets<E> {
    /// Takes what waits now.
    fn wait(&mut self, shared: &mut Shared<E>) {
        shared.spilled -= spilled(&self.waiting);
        self.waiting.clear();
        self.waiting.extend_from_slice(shared.finish());
        shared.spilled += spilled(&self.waiting);
    }

    /// Drops what is over.
    fn keep(&mut self, shared: &mut Shared<E>, now: i64) {
        for elements in self.waiting.chunk_by(|one, other| one.set == other.set) {
            shared.keep(elements, now, self.last);
        }
        self.wait(shared);
    }
}

/// How many elements need memory beside.
fn spilled(waiting: &[Element]) -> usize {
    if waiting.len() > INLINE { waiting.len() } else { 0 }
}

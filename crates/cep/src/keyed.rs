//! What one rule holds, by key: bounded, counted, and freed in time.

use std::collections::VecDeque;
use std::fmt::Debug;

use crate::agenda::{Agenda, Entry, Wake};
use crate::engine::{Found, Output, Registry, Row, Saved};
use crate::error::{Error, Limit};
use crate::keys::{KeyId, KeyNumbers, KeyRef};
use crate::limits::{Limits, Overflow};
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Damaged, Read, Reader, Writer};
use crate::stats::Stats;

/// What a kind of window holds for one key: a queue of *entries* (events or panes), each with an
/// age that is unique within the rule and grows from entry to entry.
pub(crate) trait State: Sized {
    /// What findings carry of an event.
    type Event: Clone;
    /// What all keys of the rule share.
    type Plan: Debug;
    /// Whether wake-ups produce output.
    const WAKE: Wake;

    fn new(plan: &Self::Plan) -> Self;

    /// By how much [`enter`](Self::enter) would raise what is held for a key (`None`: a key that holds nothing yet), at
    /// most; `None` if the row has no place in this rule.
    fn growth(state: Option<&Self>, plan: &Self::Plan, row: &Row<'_, Self::Event>) -> Option<Demand>;

    /// Takes a row in. If that makes a new entry, it has this age.
    fn enter(
        &mut self,
        plan: &Self::Plan,
        row: &Row<'_, Self::Event>,
        age: u64,
        found: &mut dyn FnMut(Found<Self::Event>),
    );

    /// When this key wants to be woken: exactly for [timers](Wake::Timer), no later for [expiries](Wake::Expiry).
    fn wake_at(&self, plan: &Self::Plan) -> Option<i64>;

    /// The time asked for has come.
    fn wake(&mut self, plan: &Self::Plan, at: i64, found: &mut dyn FnMut(Found<Self::Event>));

    /// Writes all of it.
    fn save(&self, writer: &mut Writer<'_, Self::Event>);

    /// Reads what was written.
    fn load(plan: &Self::Plan, reader: &mut Reader<'_, '_, Self::Event>) -> Read<Self>;

    fn held(&self) -> Held;

    /// Ages of the entries, in any order.
    fn ages(&self) -> impl Iterator<Item = u64>;

    fn oldest(&self) -> Option<u64>;

    fn newest(&self) -> Option<u64>;

    /// Drops the oldest entry; returns how many events are lost with it.
    fn drop_oldest(&mut self) -> u64;

    /// Frees what can be made again.
    fn release(&mut self) {}

    /// Estimated size of one entry.
    fn entry_bytes(plan: &Self::Plan) -> usize;

    /// Estimated size of what a key owns besides `Self` and its entries.
    fn state_bytes(plan: &Self::Plan) -> usize;
}

/// How much a key, or a rule, holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) entries: usize,
    /// Events and distinct values that the entries remember; they count against the limit like entries.
    pub(crate) values: usize,
    /// What entries own, these values included, in bytes.
    pub(crate) heap: usize,
}

/// By how much a row would change what is held. Less may be held where a sketch takes the place of values, or a light
/// event that of a heavy one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    pub(crate) entries: usize,
    pub(crate) values: isize,
    pub(crate) heap: isize,
}

/// What one rule holds for all its keys. A key that holds nothing takes no memory.
#[derive(Debug)]
pub(crate) struct Keyed<S: State> {
    plan: S::Plan,
    ceiling: Ceiling,
    slots: Slots<S>,
    /// Entries of all keys from the oldest to the newest. One that is gone stays until it comes to the front or the
    /// queue is rebuilt, which happens when those outnumber the live ones.
    ages: VecDeque<(u64, SlotId)>,
    next_age: u64,
    held: Held,
    dropped: u64,
    dropped_at: Option<Limit>,
}

#[derive(Clone, Copy, Debug)]
struct Ceiling {
    held: usize,
    keys: usize,
    bytes: usize,
    policy: Overflow,
}

/// Dead entries of the queue of ages that are not worth a rebuild.
const AGES_SLACK: usize = 64;

impl<S: State> Keyed<S> {
    pub(crate) fn new(rule: usize, plan: S::Plan, limits: &Limits) -> Keyed<S> {
        let held = limits.window_events_per_rule;
        let (keys, bytes) = (limits.keys_per_rule, limits.state_bytes_per_rule);
        Keyed {
            plan,
            ceiling: Ceiling { held, keys, bytes, policy: limits.policy },
            slots: Slots::new(rule),
            ages: VecDeque::new(),
            next_age: 0,
            held: Held::default(),
            dropped: 0,
            dropped_at: None,
        }
    }

    pub(crate) fn process(
        &mut self,
        key: &KeyRef<'_>,
        slot: Option<SlotId>,
        row: &Row<'_, S::Event>,
        out: &mut Output<'_, S::Event>,
    ) -> Result<(), Error> {
        if row.steps & 1 == 0 || !self.make_room(key, slot, row, out.registry)? {
            return Ok(());
        }
        // What was dropped to make room may have been all that the key had.
        let slot = match slot.filter(|slot| self.slots.contains(*slot)) {
            Some(slot) => slot,
            None => self.slots.insert(key, S::new(&self.plan), &mut out.registry.keys),
        };
        let (age, of) = (self.next_age, self.slots.key(slot));
        let newest = self.change(slot, |state, plan| {
            state.enter(plan, row, age, &mut |found| {
                let key = out.key(of);
                out.push(key, found);
            });
            state.newest()
        });
        if newest.flatten() == Some(age) {
            self.next_age += 1;
            self.ages.push_back((age, slot));
        }
        self.settle(slot, out.registry);
        Ok(())
    }

    /// Wakes one key.
    pub(crate) fn wake(&mut self, slot: SlotId, at: i64, out: &mut Output<'_, S::Event>) {
        self.slots.schedule(slot, None, &mut out.registry.agenda);
        if !self.slots.contains(slot) {
            return;
        }
        let of = self.slots.key(slot);
        self.change(slot, |state, plan| {
            state.wake(plan, at, &mut |found| {
                let key = out.key(of);
                out.push(key, found);
            });
        });
        if self.bytes() > self.ceiling.bytes {
            self.change(slot, |state, _| state.release());
        }
        self.settle(slot, out.registry);
    }

    /// Wakes the rule for all its keys, which it never asks for.
    pub(crate) fn wake_all(&mut self, _: i64, _: &mut Output<'_, S::Event>) {}

    /// Confirms an entry of the agenda.
    pub(crate) fn confirm(&mut self, wake: Wake, entry: Entry) -> Option<i64> {
        self.slots.confirm(wake, entry.slot?, entry.at)
    }

    /// Whether there is a wake-up for an entry of the agenda.
    pub(crate) fn stands(&self, wake: Wake, entry: Entry) -> bool {
        entry.slot.is_some_and(|slot| self.slots.stands(wake, slot, entry.at))
    }

    /// The key whose slot this is.
    pub(crate) fn key(&self, slot: SlotId) -> KeyId {
        self.slots.key(slot)
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            partial_matches: 0,
            keys: self.slots.len(),
            window_events: self.held.entries + self.held.values,
            bytes: self.bytes(),
            dropped: self.dropped,
            dropped_at: self.dropped_at,
            untold: 0,
        }
    }

    /// Writes all of it as what is not new.
    pub(crate) fn save(
        &mut self,
        numbers: &KeyNumbers,
        _: &mut Writer<'_, S::Event>,
        rest: &mut Writer<'_, S::Event>,
    ) {
        rest.put(&(self.next_age, self.dropped, self.dropped_at));
        self.slots.save(numbers, rest, S::save);
    }

    /// Reads what was written, in an engine that is new.
    pub(crate) fn load(
        &mut self,
        saved: &Saved<'_>,
        new: Vec<Reader<'_, '_, S::Event>>,
        rest: &mut Reader<'_, '_, S::Event>,
        registry: &mut Registry,
    ) -> Read<()> {
        new.into_iter().try_for_each(Reader::end)?;
        (self.next_age, self.dropped, self.dropped_at) = rest.take()?;
        let plan = &self.plan;
        self.slots.load(saved.group, saved.keys, registry, rest, |reader| S::load(plan, reader))?;
        for (_, state) in self.slots.iter() {
            self.held = self.held.and(state.held()).ok_or(Damaged)?;
        }
        self.rebuild_ages();
        Ok(())
    }

    /// All of it is in every part of a snapshot.
    pub(crate) fn forget_snapshot(&mut self) {}

    /// The memory that all of it takes, by an estimate that depends on what is held and not on how it came about.
    fn bytes(&self) -> usize {
        self.slots.bytes()
            + self.slots.len() * Self::bytes_of_state(&self.plan)
            + self.held.entries * Self::bytes_per_entry(&self.plan)
            + self.held.heap
    }

    /// What a key takes beside its slot: what its state owns, and its place in the agenda.
    fn bytes_of_state(plan: &S::Plan) -> usize {
        S::state_bytes(plan) + Agenda::bytes_per_entry()
    }

    /// What a key takes besides a long text and its entries.
    pub(crate) fn bytes_per_key(plan: &S::Plan) -> usize {
        Slots::<S>::bytes_per_key() + Self::bytes_of_state(plan)
    }

    /// What an entry takes, without what its event owns.
    pub(crate) fn bytes_per_entry(plan: &S::Plan) -> usize {
        S::entry_bytes(plan) + size_of::<(u64, SlotId)>()
    }

    /// Whether the row may enter; drops what is oldest if that is needed and wanted.
    fn make_room(
        &mut self,
        key: &KeyRef<'_>,
        slot: Option<SlotId>,
        row: &Row<'_, S::Event>,
        registry: &mut Registry,
    ) -> Result<bool, Error> {
        loop {
            let state = slot.and_then(|slot| self.slots.get(slot));
            let Some(demand) = S::growth(state, &self.plan, row) else {
                return Ok(false);
            };
            let is_new = state.is_none();
            let Some((limit, most)) = self.exceeded(key, demand, is_new) else {
                return Ok(true);
            };
            if !self.may_drop(limit, most)? {
                return Ok(self.refuse(limit));
            }
            // What would not even fit into an empty rule is not worth emptying it.
            let alone = S::growth(None, &self.plan, row).unwrap_or_default();
            let fits_alone = match limit {
                Limit::WindowEvents => added(alone.entries, alone.values) <= most,
                Limit::StateBytes => added(0, self.bytes_of(key, alone, true)) <= most,
                _ => true,
            };
            let has_room = match limit {
                Limit::Keys => self.drop_oldest_key(registry),
                _ => fits_alone && self.drop_oldest_entry(registry),
            };
            if !has_room {
                return Ok(self.refuse(limit));
            }
            self.dropped_at = Some(limit);
        }
    }

    /// The limit that the row would exceed, and how much it allows.
    fn exceeded(&self, key: &KeyRef<'_>, demand: Demand, is_new: bool) -> Option<(Limit, usize)> {
        let Ceiling { held, keys, bytes, .. } = self.ceiling;
        let entries = added(self.held.entries + self.held.values + demand.entries, demand.values);
        let grows = demand.entries > 0 || demand.values > 0;
        let demanded = self.bytes_of(key, demand, is_new);
        if is_new && self.slots.len() >= keys {
            Some((Limit::Keys, keys))
        } else if grows && entries > held {
            Some((Limit::WindowEvents, held))
        } else if demanded > 0 && added(self.bytes(), demanded) > bytes {
            Some((Limit::StateBytes, bytes))
        } else {
            None
        }
    }

    /// By how much a demand would raise [`bytes`](Self::bytes).
    fn bytes_of(&self, key: &KeyRef<'_>, demand: Demand, is_new: bool) -> isize {
        let of_key = if is_new { Self::bytes_per_key(&self.plan) + key.heap_bytes() } else { 0 };
        (demand.entries * Self::bytes_per_entry(&self.plan) + of_key) as isize + demand.heap
    }

    /// Counts a row as refused.
    fn refuse(&mut self, limit: Limit) -> bool {
        self.dropped += 1;
        self.dropped_at = Some(limit);
        false
    }

    fn may_drop(&self, limit: Limit, most: usize) -> Result<bool, Error> {
        match self.ceiling.policy {
            Overflow::DropOldest => Ok(true),
            Overflow::DropNewest => Ok(false),
            Overflow::Fail => Err(Error::limit(self.slots.rule(), limit, most)),
        }
    }

    fn drop_oldest_entry(&mut self, registry: &mut Registry) -> bool {
        let Some(slot) = self.oldest_slot() else {
            return false;
        };
        let lost = self.change(slot, |state, _| state.drop_oldest());
        self.dropped += lost.unwrap_or(0);
        self.settle(slot, registry);
        true
    }

    fn drop_oldest_key(&mut self, registry: &mut Registry) -> bool {
        let Some(slot) = self.oldest_slot() else {
            return false;
        };
        let lost = self.change(slot, |state, _| {
            let mut lost = 0;
            while state.oldest().is_some() {
                lost += state.drop_oldest();
            }
            lost
        });
        self.dropped += lost.unwrap_or(0);
        self.settle(slot, registry);
        true
    }

    /// The key that holds the oldest entry.
    fn oldest_slot(&mut self) -> Option<SlotId> {
        while let Some((age, slot)) = self.ages.front().copied() {
            let live = self.slots.get(slot).is_some_and(|state| state.oldest() == Some(age));
            if live {
                return Some(slot);
            }
            self.ages.pop_front();
        }
        None
    }

    /// Changes a key's state and keeps the sums right.
    fn change<R>(&mut self, slot: SlotId, change: impl FnOnce(&mut S, &S::Plan) -> R) -> Option<R> {
        let state = self.slots.get_mut(slot)?;
        let before = state.held();
        let result = change(state, &self.plan);
        let after = state.held();
        self.held.entries = self.held.entries - before.entries + after.entries;
        self.held.values = self.held.values - before.values + after.values;
        self.held.heap = self.held.heap - before.heap + after.heap;
        Some(result)
    }

    /// After changes: frees a key that holds nothing, and says when else it is to be woken.
    fn settle(&mut self, slot: SlotId, registry: &mut Registry) {
        let Some(state) = self.slots.get(slot) else {
            return;
        };
        let is_empty = state.oldest().is_none();
        let wanted = if is_empty { None } else { state.wake_at(&self.plan).map(|at| (S::WAKE, at)) };
        self.slots.schedule(slot, wanted, &mut registry.agenda);
        if is_empty {
            self.slots.remove(slot, &mut registry.keys);
        }
        if self.ages.len() > 2 * self.held.entries + AGES_SLACK {
            self.rebuild_ages();
        }
    }

    fn rebuild_ages(&mut self) {
        let mut live: Vec<(u64, SlotId)> = Vec::with_capacity(self.held.entries);
        for (slot, state) in self.slots.iter() {
            live.extend(state.ages().map(|age| (age, slot)));
        }
        live.sort_unstable_by_key(|(age, _)| *age);
        self.ages = live.into();
    }
}

impl Held {
    /// Both together; `None` if that is more than there can be.
    fn and(self, other: Held) -> Option<Held> {
        let heap = self.heap.checked_add(other.heap).filter(|heap| isize::try_from(*heap).is_ok())?;
        let entries = self.entries.checked_add(other.entries)?;
        Some(Held { entries, values: self.values.checked_add(other.values)?, heap })
    }
}

fn added(held: usize, growth: isize) -> usize {
    held.saturating_add_signed(growth)
}

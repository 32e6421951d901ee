//! What one rule holds, by key: bounded, counted, and freed in time.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::active::Registry;
use crate::agenda::Wake;
use crate::aggregate::DISTINCT_VALUE_BYTES;
use crate::engine::{Found, Output, Row};
use crate::error::{Error, Limit};
use crate::key::Key;
use crate::limits::{Limits, Overflow};
use crate::stats::Stats;

/// What a kind of window holds for one key: a queue of *entries* (events or panes), each with an
/// age that is unique within the rule and grows from entry to entry.
pub(crate) trait State {
    /// What findings carry of an event.
    type Event: Clone;
    /// What all keys of the rule share.
    type Plan: Debug;
    /// Whether wake-ups produce output.
    const WAKE: Wake;

    fn new(plan: &Self::Plan) -> Self;

    /// Shows a row to what is held already.
    fn advance(
        &mut self,
        plan: &Self::Plan,
        row: &Row<'_, Self::Event>,
        found: &mut dyn FnMut(Found<Self::Event>),
    );

    /// By how much [`enter`](Self::enter) would raise what is held for a key (`None`: a key that holds nothing yet);
    /// `None` if the row has no place in this rule.
    fn growth(state: Option<&Self>, plan: &Self::Plan, row: &Row<'_, Self::Event>) -> Option<usize>;

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

    fn held(&self) -> Held;

    /// Ages of the entries, in any order.
    fn ages(&self) -> impl Iterator<Item = u64>;

    fn oldest(&self) -> Option<u64>;

    fn newest(&self) -> Option<u64>;

    /// Drops the oldest entry; returns how many events are lost with it.
    fn drop_oldest(&mut self) -> u64;

    /// Estimated size of one entry.
    fn entry_bytes(plan: &Self::Plan) -> usize;

    /// Estimated size of what a key owns besides `Self` and its entries.
    fn state_bytes(plan: &Self::Plan) -> usize;
}

/// How much a key, or a rule, holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) entries: usize,
    /// Distinct values that the entries remember; they count against the limit like entries.
    pub(crate) values: usize,
    /// What events and texts in them own, in bytes.
    pub(crate) heap: usize,
}

/// What one rule holds for all its keys. A key that holds nothing takes no memory.
#[derive(Debug)]
pub(crate) struct Keyed<S: State> {
    plan: S::Plan,
    ceiling: Ceiling,
    slots: HashMap<Key, Slot<S>, RandomState>,
    /// Entries of all keys from the oldest to the newest. One that is gone stays until it comes to the front or the
    /// queue is rebuilt, which happens when those outnumber the live ones.
    ages: VecDeque<(u64, Key)>,
    next_age: u64,
    held: Held,
    key_bytes: usize,
    dropped: u64,
    dropped_at: Option<Limit>,
}

#[derive(Debug)]
struct Slot<S> {
    state: S,
    /// Where this key stands in the agenda.
    scheduled: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
struct Ceiling {
    rule: usize,
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
            ceiling: Ceiling { rule, held, keys, bytes, policy: limits.policy },
            slots: HashMap::default(),
            ages: VecDeque::new(),
            next_age: 0,
            held: Held::default(),
            key_bytes: 0,
            dropped: 0,
            dropped_at: None,
        }
    }

    pub(crate) fn process(
        &mut self,
        key: &Key,
        row: &Row<'_, S::Event>,
        out: &mut Output<'_, S::Event>,
    ) -> Result<(), Error> {
        self.change(key, |state, plan| {
            state.advance(plan, row, &mut |found| out.push(key, found));
        });
        let entered = self.try_enter(key, row, out);
        self.settle(key, out.registry);
        entered
    }

    pub(crate) fn wake(&mut self, key: &Key, at: i64, out: &mut Output<'_, S::Event>) {
        if let Some(slot) = self.slots.get_mut(key) {
            slot.scheduled = None;
        }
        self.change(key, |state, plan| {
            state.wake(plan, at, &mut |found| out.push(key, found));
        });
        self.settle(key, out.registry);
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

    /// The memory that all of it takes, by an estimate that depends on what is held and not on how it came about.
    fn bytes(&self) -> usize {
        self.slots.len() * Self::bytes_per_key(&self.plan)
            + self.key_bytes
            + self.held.entries * Self::bytes_per_entry(&self.plan)
            + self.held.values * DISTINCT_VALUE_BYTES
            + self.held.heap
    }

    /// What a key takes besides its text and its entries.
    pub(crate) fn bytes_per_key(plan: &S::Plan) -> usize {
        // A key is shared by the table, the agenda and the ages; the two words are its reference counts.
        size_of::<(Key, Slot<S>)>()
            + size_of::<(i64, usize, Key)>()
            + 2 * size_of::<usize>()
            + S::state_bytes(plan)
    }

    /// What an entry takes, without what its event owns.
    pub(crate) fn bytes_per_entry(plan: &S::Plan) -> usize {
        S::entry_bytes(plan) + size_of::<(u64, Key)>()
    }

    /// Takes the row in, if it has a place here and the limits allow it.
    fn try_enter(
        &mut self,
        key: &Key,
        row: &Row<'_, S::Event>,
        out: &mut Output<'_, S::Event>,
    ) -> Result<(), Error> {
        if row.steps & 1 == 0 || !self.make_room(key, row, out.registry)? {
            return Ok(());
        }
        if !self.slots.contains_key(key) {
            self.key_bytes += key.as_json().len();
            self.slots.insert(key.clone(), Slot { state: S::new(&self.plan), scheduled: None });
        }
        let age = self.next_age;
        let newest = self.change(key, |state, plan| {
            state.enter(plan, row, age, &mut |found| out.push(key, found));
            state.newest()
        });
        if newest.flatten() == Some(age) {
            self.next_age += 1;
            self.ages.push_back((age, key.clone()));
        }
        Ok(())
    }

    /// Whether the row may enter; drops what is oldest if that is needed and wanted.
    fn make_room(
        &mut self,
        key: &Key,
        row: &Row<'_, S::Event>,
        registry: &mut Registry,
    ) -> Result<bool, Error> {
        let Some(least) = S::growth(None, &self.plan, row) else {
            return Ok(false);
        };
        if !self.slots.contains_key(key) && self.slots.len() >= self.ceiling.keys {
            // With a limit of no keys at all there is none to drop.
            self.dropped_at = Some(Limit::Keys);
            if !self.may_drop(Limit::Keys, self.ceiling.keys)? || !self.drop_oldest_key(registry) {
                self.dropped += 1;
                return Ok(false);
            }
        }
        loop {
            let state = self.slots.get(key).map(|slot| &slot.state);
            let growth = S::growth(state, &self.plan, row).unwrap_or(0);
            let bytes = row.weight
                + if growth > 0 { Self::bytes_per_entry(&self.plan) } else { 0 }
                + if state.is_none() { Self::bytes_per_key(&self.plan) + key.as_json().len() } else { 0 };
            // What would not even fit into an empty rule is not worth emptying it.
            let (limit, most, fits_alone) =
                if growth > 0 && self.held.entries + self.held.values + growth > self.ceiling.held {
                    (Limit::WindowEvents, self.ceiling.held, least <= self.ceiling.held)
                } else if self.bytes() + bytes > self.ceiling.bytes {
                    (Limit::StateBytes, self.ceiling.bytes, bytes <= self.ceiling.bytes)
                } else {
                    return Ok(true);
                };
            self.dropped_at = Some(limit);
            if !self.may_drop(limit, most)? || !fits_alone || !self.drop_oldest_entry(registry) {
                self.dropped += 1;
                return Ok(false);
            }
        }
    }

    fn may_drop(&self, limit: Limit, most: usize) -> Result<bool, Error> {
        match self.ceiling.policy {
            Overflow::DropOldest => Ok(true),
            Overflow::DropNewest => Ok(false),
            Overflow::Fail => Err(Error::limit(self.ceiling.rule, limit, most)),
        }
    }

    fn drop_oldest_entry(&mut self, registry: &mut Registry) -> bool {
        let Some(key) = self.oldest_key() else {
            return false;
        };
        let lost = self.change(&key, |state, _| state.drop_oldest());
        self.dropped += lost.unwrap_or(0);
        self.settle(&key, registry);
        true
    }

    fn drop_oldest_key(&mut self, registry: &mut Registry) -> bool {
        let Some(key) = self.oldest_key() else {
            return false;
        };
        let lost = self.change(&key, |state, _| {
            let mut lost = 0;
            while state.oldest().is_some() {
                lost += state.drop_oldest();
            }
            lost
        });
        self.dropped += lost.unwrap_or(0);
        self.settle(&key, registry);
        true
    }

    /// The key that holds the oldest entry.
    fn oldest_key(&mut self) -> Option<Key> {
        while let Some((age, key)) = self.ages.front() {
            let live = self.slots.get(key).is_some_and(|slot| slot.state.oldest() == Some(*age));
            if live {
                return Some(key.clone());
            }
            self.ages.pop_front();
        }
        None
    }

    /// Changes a key's state and keeps the sums right.
    fn change<R>(&mut self, key: &Key, change: impl FnOnce(&mut S, &S::Plan) -> R) -> Option<R> {
        let slot = self.slots.get_mut(key)?;
        let before = slot.state.held();
        let result = change(&mut slot.state, &self.plan);
        let after = slot.state.held();
        self.held.entries = self.held.entries - before.entries + after.entries;
        self.held.values = self.held.values - before.values + after.values;
        self.held.heap = self.held.heap - before.heap + after.heap;
        Some(result)
    }

    /// After changes: frees a key that holds nothing, and moves its place in the agenda.
    fn settle(&mut self, key: &Key, registry: &mut Registry) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        let rule = self.ceiling.rule;
        let scheduled = slot.scheduled;
        if slot.state.oldest().is_none() {
            self.slots.remove(key);
            self.key_bytes -= key.as_json().len();
            registry.agenda.reschedule(S::WAKE, rule, key, scheduled, None);
        } else {
            let wanted = slot.state.wake_at(&self.plan);
            // An expiry may stand too early, so it moves only when it is reached; a timer is told to the outside.
            let keep = match (scheduled, wanted) {
                (Some(scheduled), Some(wanted)) if S::WAKE == Wake::Expiry => scheduled <= wanted,
                _ => scheduled == wanted,
            };
            if !keep {
                slot.scheduled = wanted;
                registry.agenda.reschedule(S::WAKE, rule, key, scheduled, wanted);
            }
        }
        if self.ages.len() > 2 * self.held.entries + AGES_SLACK {
            self.rebuild_ages();
        }
    }

    fn rebuild_ages(&mut self) {
        let mut live: Vec<(u64, Key)> = Vec::with_capacity(self.held.entries);
        for (key, slot) in &self.slots {
            live.extend(slot.state.ages().map(|age| (age, key.clone())));
        }
        // Ages are unique, so the order of the table does not show.
        live.sort_unstable_by_key(|(age, _)| *age);
        self.ages = live.into();
    }
}

//! What one rule holds, by key: bounded, counted, and freed in time.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::active::Registry;
use crate::agenda::Wake;
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
        if self.bytes() > self.ceiling.bytes {
            self.change(key, |state, _| state.release());
        }
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
        self.slots.len() * self.bytes_per_key()
            + self.key_bytes
            + self.held.entries * self.bytes_per_entry()
            + self.held.heap
    }

    fn bytes_per_key(&self) -> usize {
        // A key is shared by the table, the agenda and the ages; the two words are its reference counts.
        size_of::<(Key, Slot<S>)>()
            + size_of::<(i64, usize, Key)>()
            + 2 * size_of::<usize>()
            + S::state_bytes(&self.plan)
    }

    fn bytes_per_entry(&self) -> usize {
        S::entry_bytes(&self.plan) + size_of::<(u64, Key)>()
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
        loop {
            let state = self.slots.get(key).map(|slot| &slot.state);
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
                Limit::StateBytes => self.bytes_of(key, alone, true) <= most as isize,
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
    fn exceeded(&self, key: &Key, demand: Demand, is_new: bool) -> Option<(Limit, usize)> {
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
    fn bytes_of(&self, key: &Key, demand: Demand, is_new: bool) -> isize {
        let of_key = if is_new { self.bytes_per_key() + key.as_json().len() } else { 0 };
        (demand.entries * self.bytes_per_entry() + of_key) as isize + demand.heap
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
            if self.slots.len() * 8 < self.slots.capacity() {
                self.slots.shrink_to(self.slots.len() * 2);
            }
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

fn added(held: usize, growth: isize) -> usize {
    held.saturating_add_signed(growth)
}

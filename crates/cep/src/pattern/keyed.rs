//! All keys of one pattern: bounded, counted, and woken in time.

use std::collections::VecDeque;
use std::fmt;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::PatternPlan;
use super::automaton::Automaton;
use super::matcher::{Matcher, Told};
use super::nodes::Start;
use crate::active::Registry;
use crate::agenda::Wake;
use crate::engine::{Output, Row};
use crate::error::{Error, Limit};
use crate::key::Key;
use crate::limits::{Limits, Overflow};
use crate::stats::Stats;

/// What one rule holds for all its keys. A key that holds nothing takes no memory.
pub(crate) struct KeyedPattern<M: Matcher> {
    rule: usize,
    limits: Limits,
    shared: M::Shared,
    /// Bits of rows that can begin something; all if any row can.
    begins: u64,
    slots: HashMap<Key, Slot<M>, RandomState>,
    /// Rows that began something, with their keys, in order. One of which nothing is left stays until it comes to the front
    /// or the queue is rebuilt, which happens when those outnumber the others.
    begun: VecDeque<(u64, Key)>,
    /// Rows seen, which numbers them.
    rows: u64,
    told: Told<M::Event>,
    key_bytes: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Slot<M> {
    matcher: M,
    /// Where this key stands in the agenda.
    scheduled: Option<(Wake, i64)>,
}

/// Dead entries of the queue of rows that are not worth a rebuild.
const BEGUN_SLACK: usize = 64;

/// Dead entries that are taken off the front of that queue after a row. More than one, so that they run out.
const BEGUN_FORGOTTEN: usize = 2;

impl<M: Matcher> KeyedPattern<M> {
    pub(crate) fn new(
        rule: usize,
        plan: PatternPlan,
        automaton: Automaton,
        limits: &Limits,
    ) -> KeyedPattern<M> {
        KeyedPattern {
            rule,
            limits: *limits,
            begins: automaton.beginning_bits().unwrap_or(u64::MAX),
            told: Told::new(plan.outputs.matches_per_event),
            shared: M::share(plan, automaton),
            slots: HashMap::default(),
            begun: VecDeque::new(),
            rows: 0,
            key_bytes: 0,
            dropped: 0,
        }
    }

    pub(crate) fn process(
        &mut self,
        key: &Key,
        row: &Row<'_, M::Event>,
        out: &mut Output<'_, M::Event>,
    ) -> Result<(), Error> {
        let at = Start { time: row.time, row: self.rows };
        self.rows += 1;
        let may_begin = self.begins == u64::MAX || row.steps & self.begins != 0;
        if let Some(slot) = self.slots.get_mut(key) {
            if !may_begin && !slot.matcher.is_concerned(&self.shared, row.steps) {
                return Ok(());
            }
            slot.matcher.process(&mut self.shared, row, at, &mut self.told);
            let began = slot.matcher.newest(&self.shared) == Some(at.row);
            self.tell(key, out);
            if began {
                self.begun.push_back((at.row, key.clone()));
            }
        } else if may_begin {
            self.process_first(key, row, at, out)?;
        } else {
            return Ok(());
        }
        let fits = self.fit(key, at.row, out);
        self.settle(key, out.registry);
        fits
    }

    pub(crate) fn wake(&mut self, key: &Key, at: i64, out: &mut Output<'_, M::Event>) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.scheduled = None;
        slot.matcher.wake(&mut self.shared, at, &mut self.told);
        self.tell(key, out);
        self.settle(key, out.registry);
    }

    pub(crate) fn stats(&self) -> Stats {
        // A key is shared by the table, the agenda, the list of what waits and the queue; the two words are its counts.
        let per_key = size_of::<(Key, Slot<M>)>()
            + size_of::<(i64, usize, Key)>()
            + size_of::<(Key, Vec<usize>, usize)>()
            + 2 * size_of::<usize>();
        let bytes = self.slots.len() * per_key
            + self.key_bytes
            + self.begun.len() * size_of::<(u64, Key)>()
            + M::bytes(&self.shared);
        Stats {
            partial_matches: M::held(&self.shared),
            keys: self.slots.len(),
            window_events: 0,
            bytes,
            dropped: self.dropped,
            untold: self.told.untold(),
        }
    }

    /// Shows a row to a key that holds nothing.
    fn process_first(
        &mut self,
        key: &Key,
        row: &Row<'_, M::Event>,
        at: Start,
        out: &mut Output<'_, M::Event>,
    ) -> Result<(), Error> {
        let mut matcher = M::new(&mut self.shared);
        matcher.process(&mut self.shared, row, at, &mut self.told);
        let mut room = Ok(true);
        if !matcher.is_empty() && self.slots.len() >= self.limits.keys_per_rule {
            room = match self.limits.policy {
                Overflow::DropOldest => Ok(self.drop_oldest_key(out)),
                Overflow::DropNewest => Ok(false),
                Overflow::Fail => Err(Error::limit(self.rule, Limit::Keys, self.limits.keys_per_rule)),
            };
            if room != Ok(true) {
                self.dropped += matcher.drop_begun_at(&mut self.shared, at.row, &mut self.told);
            }
        }
        self.tell(key, out);
        if matcher.is_empty() {
            matcher.give_back(&mut self.shared);
        } else {
            self.key_bytes += key.as_json().len();
            self.slots.insert(key.clone(), Slot { matcher, scheduled: None });
            self.begun.push_back((at.row, key.clone()));
            out.registry.active.insert(key, self.rule);
        }
        room.map(|_| ())
    }

    /// Drops what is too much after a row, as the policy says.
    fn fit(&mut self, key: &Key, row: u64, out: &mut Output<'_, M::Event>) -> Result<(), Error> {
        let most = self.limits.partial_matches_per_rule;
        while !M::fits(&mut self.shared, most) {
            match self.limits.policy {
                Overflow::DropOldest => {
                    let Some((row, key)) = self.oldest() else { return Ok(()) };
                    self.drop_begun_at(row, &key, out);
                }
                Overflow::DropNewest => {
                    // What the row began is refused; where matches have only forked, the latest to begin make room.
                    let newest = self.slots.get(key).and_then(|slot| slot.matcher.newest(&self.shared));
                    let Some(newest) = newest else { return Ok(()) };
                    self.drop_begun_at(newest, key, out);
                }
                Overflow::Fail => {
                    self.drop_begun_at(row, key, out);
                    return Err(Error::limit(self.rule, Limit::PartialMatches, most));
                }
            }
        }
        Ok(())
    }

    fn drop_oldest_key(&mut self, out: &mut Output<'_, M::Event>) -> bool {
        let Some((_, key)) = self.oldest() else { return false };
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        self.dropped += slot.matcher.clear(&mut self.shared, &mut self.told);
        self.tell(&key, out);
        self.settle(&key, out.registry);
        true
    }

    /// The earliest row with which something began that is held, and its key.
    fn oldest(&mut self) -> Option<(u64, Key)> {
        while let Some((row, key)) = self.begun.front() {
            let slot = self.slots.get(key);
            if slot.is_some_and(|slot| slot.matcher.may_hold(&mut self.shared, *row)) {
                return Some((*row, key.clone()));
            }
            self.begun.pop_front();
        }
        None
    }

    fn drop_begun_at(&mut self, row: u64, key: &Key, out: &mut Output<'_, M::Event>) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        self.dropped += slot.matcher.drop_begun_at(&mut self.shared, row, &mut self.told);
        self.tell(key, out);
        self.settle(key, out.registry);
    }

    /// Hands on what was found for a key.
    fn tell(&mut self, key: &Key, out: &mut Output<'_, M::Event>) {
        if !self.told.is_empty() {
            self.told.drain().for_each(|found| out.push(key, found));
        }
    }

    /// After changes: frees a key that holds nothing, and moves its place in the agenda.
    fn settle(&mut self, key: &Key, registry: &mut Registry) {
        let Some(slot) = self.slots.get_mut(key) else { return };
        let scheduled = slot.scheduled;
        let is_empty = slot.matcher.is_empty();
        let wanted = if is_empty { None } else { slot.matcher.wake_at(&self.shared) };
        // An expiry may stand too early, so it moves only when it is reached; a timer is told to the outside.
        let keep = match (scheduled, wanted) {
            (Some((Wake::Expiry, scheduled)), Some((Wake::Expiry, wanted))) => scheduled <= wanted,
            _ => scheduled == wanted,
        };
        if !keep {
            slot.scheduled = wanted;
            registry.agenda.cancel(self.rule, key, scheduled);
            registry.agenda.schedule(self.rule, key, wanted);
        }
        if is_empty && let Some(slot) = self.slots.remove(key) {
            self.key_bytes -= key.as_json().len();
            registry.active.remove(key, self.rule);
            slot.matcher.give_back(&mut self.shared);
        }
        let from = M::begun_from(&self.shared);
        for _ in 0..BEGUN_FORGOTTEN {
            if self.begun.front().is_none_or(|(row, _)| *row >= from) {
                break;
            }
            self.begun.pop_front();
        }
        if self.begun.len() > 2 * M::begun_count(&self.shared) + BEGUN_SLACK {
            self.rebuild_begun();
        }
    }

    fn rebuild_begun(&mut self) {
        let mut live: Vec<(u64, Key)> = Vec::with_capacity(M::begun_count(&self.shared));
        for (key, slot) in &self.slots {
            live.extend(slot.matcher.begun(&self.shared).map(|row| (row, key.clone())));
        }
        // A row has one key, so the order of the table does not show.
        live.sort_unstable_by_key(|(row, _)| *row);
        live.dedup_by_key(|(row, _)| *row);
        self.begun = live.into();
    }
}

impl<M: Matcher> fmt::Debug for KeyedPattern<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedPattern")
            .field("rule", &self.rule)
            .field("limits", &self.limits)
            .field("keys", &self.slots.len())
            .field("held", &M::held(&self.shared))
            .finish_non_exhaustive()
    }
}

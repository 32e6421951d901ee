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
use super::preceding::Preceding;
use crate::active::Registry;
use crate::agenda::Wake;
use crate::engine::{Output, Row};
use crate::error::{Error, Limit};
use crate::key::Key;
use crate::limits::Limits;
use crate::stats::Stats;

mod limits;

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
    /// What keeps rows from beginning anything.
    preceding: Option<Preceding>,
    /// When something of that is to be forgotten, or earlier.
    forgets_at: Option<i64>,
    /// Keys that have a slot and are remembered in `preceding` as well.
    in_both: usize,
    /// Rows seen, which numbers them.
    rows: u64,
    told: Told<M::Event>,
    key_bytes: usize,
    dropped: u64,
    dropped_at: Option<Limit>,
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
            preceding: Preceding::new(&plan.pattern),
            forgets_at: None,
            in_both: 0,
            shared: M::share(plan, automaton),
            slots: HashMap::default(),
            begun: VecDeque::new(),
            rows: 0,
            key_bytes: 0,
            dropped: 0,
            dropped_at: None,
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
        let begins = self.begins == u64::MAX || row.steps & self.begins != 0;
        let preceding = self.preceding.as_ref();
        let may_begin = begins && preceding.is_none_or(|preceding| preceding.permits(key, row.time));
        let counts = preceding.is_some_and(|preceding| preceding.counts(row.steps));
        if let Some(slot) = self.slots.get_mut(key) {
            if may_begin || slot.matcher.is_concerned(&self.shared, row.steps) {
                slot.matcher.process(&mut self.shared, row, at, may_begin, &mut self.told);
                let began = slot.matcher.newest(&self.shared) == Some(at.row);
                self.tell(key, out);
                if began {
                    self.begun.push_back((at.row, key.clone()));
                }
            } else if !counts {
                return Ok(());
            }
        } else if may_begin {
            self.process_first(key, row, at, out)?;
        } else if !counts {
            return Ok(());
        }
        let remembered = if counts { self.remember(key, at, out) } else { Ok(false) };
        let fits = self.fit(key, at.row, remembered == Ok(true), out);
        self.settle(key, out.registry);
        remembered.and(fits)
    }

    pub(crate) fn wake(&mut self, key: &Key, at: i64, out: &mut Output<'_, M::Event>) {
        if *key == Key::all() {
            return self.forget_until(at, out.registry);
        }
        let Some(slot) = self.slots.get_mut(key) else { return };
        slot.scheduled = None;
        slot.matcher.wake(&mut self.shared, at, &mut self.told);
        self.tell(key, out);
        self.settle(key, out.registry);
    }

    pub(crate) fn stats(&self) -> Stats {
        let bytes = self.slots.len() * Self::bytes_per_key()
            + self.key_bytes
            + self.begun.len() * size_of::<(u64, Key)>()
            + self.preceding.as_ref().map_or(0, Preceding::bytes)
            + M::bytes(&self.shared);
        Stats {
            partial_matches: M::held(&self.shared),
            keys: self.keys(),
            window_events: 0,
            bytes,
            dropped: self.dropped,
            dropped_at: self.dropped_at,
            untold: self.told.untold(),
        }
    }

    /// What a key takes besides its text and what is held for it. It is shared by the table, the agenda, the list of what
    /// waits and the queue; the two words are its counts.
    pub(crate) fn bytes_per_key() -> usize {
        size_of::<(Key, Slot<M>)>()
            + size_of::<(i64, usize, Key)>()
            + size_of::<(Key, Vec<usize>, usize)>()
            + 2 * size_of::<usize>()
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
        matcher.process(&mut self.shared, row, at, true, &mut self.told);
        let mut room = Ok(true);
        if !matcher.is_empty() {
            room = self.make_room(key, out);
            if room != Ok(true) {
                self.dropped += matcher.drop_begun_at(&mut self.shared, at.row, &mut self.told);
            }
        }
        self.tell(key, out);
        if matcher.is_empty() {
            matcher.give_back(&mut self.shared);
        } else {
            self.key_bytes += key.as_json().len();
            self.in_both += usize::from(self.is_remembered(key));
            self.slots.insert(key.clone(), Slot { matcher, scheduled: None });
            self.begun.push_back((at.row, key.clone()));
            out.registry.active.insert(key, self.rule);
        }
        room.map(|_| ())
    }

    /// Remembers a row after which nothing may begin for a while; whether its key was not remembered before.
    fn remember(&mut self, key: &Key, at: Start, out: &mut Output<'_, M::Event>) -> Result<bool, Error> {
        let is_new = !self.is_remembered(key);
        if is_new && !self.make_room(key, out)? {
            self.dropped += 1;
            return Ok(false);
        }
        let Some(preceding) = &mut self.preceding else { return Ok(false) };
        preceding.remember(key, at);
        self.in_both += usize::from(is_new && self.slots.contains_key(key));
        if self.forgets_at.is_none() {
            self.schedule_forgetting(out.registry);
        }
        Ok(is_new)
    }

    /// Forgets what came too long before `now` to matter.
    fn forget_until(&mut self, now: i64, registry: &mut Registry) {
        self.forgets_at = None;
        while let Some((_, key)) =
            self.preceding.as_mut().and_then(Preceding::due).filter(|(at, _)| *at <= now)
        {
            self.forget(&key);
        }
        self.schedule_forgetting(registry);
    }

    fn schedule_forgetting(&mut self, registry: &mut Registry) {
        self.forgets_at = self.preceding.as_mut().and_then(Preceding::due).map(|(at, _)| at);
        let wanted = self.forgets_at.map(|at| (Wake::Expiry, at));
        registry.agenda.schedule(self.rule, &Key::all(), wanted);
    }

    /// Lets a key begin again; whether something kept it from that.
    fn forget(&mut self, key: &Key) -> bool {
        let forgotten = self.preceding.as_mut().is_some_and(|preceding| preceding.forget(key));
        self.in_both -= usize::from(forgotten && self.slots.contains_key(key));
        forgotten
    }

    /// The same because of a limit.
    fn drop_remembered(&mut self, key: &Key) {
        self.dropped += u64::from(self.forget(key));
    }

    fn is_remembered(&self, key: &Key) -> bool {
        self.preceding.as_ref().is_some_and(|preceding| preceding.holds(key))
    }

    /// Keys for which anything is held.
    fn keys(&self) -> usize {
        self.slots.len() + self.preceding.as_ref().map_or(0, Preceding::keys) - self.in_both
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
            self.in_both -= usize::from(self.is_remembered(key));
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

//! All keys of one pattern: bounded, counted, and woken in time.

use std::fmt;

use super::PatternPlan;
use super::automaton::Automaton;
use super::events::{ROWS_MAX, Start};
use super::matcher::{Matcher, Told};
use super::preceding::{Preceding, SavedPreceding};
use crate::agenda::{Agenda, Entry, Wake};
use crate::engine::{Output, Registry, Row, Saved};
use crate::error::{Error, Limit};
use crate::keys::{KeyId, KeyNumbers, KeyRef};
use crate::limits::Limits;
use crate::slots::{SlotId, Slots};
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};
use crate::stats::Stats;

mod limits;

/// What one rule holds for all its keys. A key that holds nothing takes no memory.
pub(crate) struct KeyedPattern<M: Matcher> {
    limits: Limits,
    shared: M::Shared,
    /// Bits of rows that can begin something; all if any row can.
    begins: u64,
    slots: Slots<M>,
    /// What an event may own that is held, and a key.
    weight_max: usize,
    /// What keeps rows from beginning anything.
    preceding: Option<Preceding>,
    /// When the rule is to be woken for all its keys: when something that began is over or something that precedes is to be
    /// forgotten, or earlier.
    scheduled: Option<i64>,
    /// Rows seen, which numbers them.
    rows: u64,
    told: Told<M::Event>,
    dropped: u64,
    dropped_at: Option<Limit>,
}

/// Rows whose time is over that are seen to at once, if [possible](Matcher::passes_over). Many more than a row can begin.
const EXPIRED_AT_ONCE: usize = 64;

/// What is [freed](Matcher::free_some) after a row or at a time, beside what new nodes have freed.
const FREED_AT_ONCE: usize = 16;

impl<M: Matcher> KeyedPattern<M> {
    pub(crate) fn new(
        rule: usize,
        plan: PatternPlan,
        automaton: Automaton,
        limits: &Limits,
    ) -> KeyedPattern<M> {
        let at_least = Slots::<M>::bytes_per_key() + M::bytes_at_least();
        let weight_max = limits.state_bytes_per_rule.saturating_sub(at_least);
        KeyedPattern {
            limits: *limits,
            begins: automaton.beginning_bits().unwrap_or(u64::MAX),
            told: Told::new(plan.outputs.matches_per_event),
            preceding: Preceding::new(&plan.pattern),
            scheduled: None,
            shared: M::share(plan, automaton, weight_max),
            slots: Slots::new(rule),
            weight_max,
            rows: 0,
            dropped: 0,
            dropped_at: None,
        }
    }

    pub(crate) fn process(
        &mut self,
        key: &KeyRef<'_>,
        mut slot: Option<SlotId>,
        row: &Row<'_, M::Event>,
        out: &mut Output<'_, M::Event>,
    ) -> Result<(), Error> {
        let at = Start { time: row.time, row: self.rows };
        self.rows += 1;
        let begins = self.begins == u64::MAX || row.steps & self.begins != 0;
        let preceding = self.preceding.as_ref();
        let may_begin = begins
            && preceding.is_none_or(|preceding| slot.is_none_or(|slot| preceding.permits(slot, row.time)));
        let counts = preceding.is_some_and(|preceding| preceding.counts(row.steps));
        match slot {
            Some(slot) => {
                if !self.show(slot, row, at, may_begin, out) && !counts {
                    return Ok(());
                }
            }
            None if may_begin => slot = self.begin_key(key, row, at, out)?,
            None if counts => {}
            None => return Ok(()),
        }
        let mut remembered = Ok(false);
        if counts {
            remembered = self.remember(key, &mut slot, at, out);
        }
        let fits = self.fit(slot, at, remembered == Ok(true), out);
        if let Some(slot) = slot {
            self.settle(slot, out);
        }
        self.tidy(row.time, None, &mut out.registry.agenda);
        remembered.and(fits)
    }

    /// Wakes one key.
    pub(crate) fn wake(&mut self, slot: SlotId, at: i64, out: &mut Output<'_, M::Event>) {
        self.slots.schedule(slot, None, &mut out.registry.agenda);
        let Some(matcher) = self.slots.get_mut(slot) else { return };
        matcher.wake(&mut self.shared, at, &mut self.told);
        self.tell(slot, out);
        self.settle(slot, out);
        self.tidy(at, None, &mut out.registry.agenda);
    }

    /// Frees what of any key is over at this time, and forgets what came too long ago to matter: so much of it that no
    /// event pays for very many that are over at once, unless that tells something.
    pub(crate) fn wake_all(&mut self, now: i64, out: &mut Output<'_, M::Event>) {
        if self.scheduled.take().is_some() {
            out.registry.agenda.forget(Wake::Expiry);
        }
        let later = now.checked_add(1).filter(|_| M::passes_over(&self.shared));
        let most = if later.is_some() { EXPIRED_AT_ONCE } else { usize::MAX };
        let is_done = (0..most).any(|_| !self.expire_one(now, out));
        let rest = later.filter(|_| !is_done);
        if rest.is_some() {
            M::pass(&mut self.shared, now);
        }
        self.tidy(now, rest, &mut out.registry.agenda);
    }

    /// Frees what began with the first row that is over, or forgets the first that does not matter any longer; whether
    /// there was one.
    fn expire_one(&mut self, now: i64, out: &mut Output<'_, M::Event>) -> bool {
        let forgotten = self.preceding.as_mut().and_then(Preceding::due).filter(|(at, _)| *at <= now);
        if let Some((_, slot)) = forgotten {
            self.forget(slot);
            self.settle(slot, out);
            return true;
        }
        let Some((row, slot)) = M::take_over(&mut self.shared, now) else { return false };
        if let Some(matcher) = self.slots.get_mut(slot) {
            matcher.expire(&mut self.shared, row, now, &mut self.told);
            self.tell(slot, out);
            self.settle(slot, out);
        }
        true
    }

    /// Confirms an entry of the agenda.
    pub(crate) fn confirm(&mut self, wake: Wake, entry: Entry) -> Option<i64> {
        match entry.slot {
            Some(slot) => self.slots.confirm(wake, slot, entry.at),
            None => self.scheduled.filter(|at| *at == entry.at),
        }
    }

    /// Whether there is a wake-up for an entry of the agenda.
    pub(crate) fn stands(&self, wake: Wake, entry: Entry) -> bool {
        match entry.slot {
            Some(slot) => self.slots.stands(wake, slot, entry.at),
            None => self.scheduled == Some(entry.at),
        }
    }

    /// The key whose slot this is.
    pub(crate) fn key(&self, slot: SlotId) -> KeyId {
        self.slots.key(slot)
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            partial_matches: M::held(&self.shared),
            keys: self.slots.len(),
            window_events: 0,
            bytes: self.bytes(),
            dropped: self.dropped,
            dropped_at: self.dropped_at,
            untold: self.told.untold(),
        }
    }

    /// Writes what is new and cannot change, and the rest.
    pub(crate) fn save(
        &mut self,
        numbers: &KeyNumbers,
        new: &mut Writer<'_, M::Event>,
        rest: &mut Writer<'_, M::Event>,
    ) {
        M::save_new(&mut self.shared, new);
        M::save_shared(&self.shared, rest);
        rest.put(&(self.rows, self.dropped, self.dropped_at, self.told.untold(), self.scheduled));
        rest.put(&self.preceding.as_ref().map(Preceding::saved));
        self.slots.save(numbers, rest, M::save);
    }

    /// Reads what was written in parts, in an engine that is new.
    pub(crate) fn load(
        &mut self,
        saved: &Saved<'_>,
        mut new: Vec<Reader<'_, '_, M::Event>>,
        rest: &mut Reader<'_, '_, M::Event>,
        registry: &mut Registry,
    ) -> Read<()> {
        let mut loading = M::load_shared(&mut self.shared, &mut new, rest)?;
        new.into_iter().try_for_each(Reader::end)?;
        let untold;
        (self.rows, self.dropped, self.dropped_at, untold, self.scheduled) = rest.take()?;
        check(self.rows < ROWS_MAX && self.dropped < u64::MAX / 2)?;
        self.told.set_untold(untold);
        let preceding: Option<SavedPreceding> = rest.take()?;
        let shared = &mut self.shared;
        self.slots
            .load(saved.group, saved.keys, registry, rest, |reader| M::load(shared, &mut loading, reader))?;
        M::end_load(shared, loading)?;
        match (&mut self.preceding, preceding) {
            (Some(preceding), Some(saved)) => {
                check(saved.iter().all(|(_, slot)| self.slots.contains(*slot)))?;
                saved.into_iter().for_each(|(at, slot)| {
                    preceding.remember(slot, at);
                });
            }
            (None, None) => {}
            _ => return Err(Damaged),
        }
        if let Some(at) = self.scheduled {
            registry.agenda.add(Wake::Expiry, Entry { at, rule: self.slots.rule() as u32, slot: None });
        }
        Ok(())
    }

    /// Lets all be new to the next snapshot.
    pub(crate) fn forget_snapshot(&mut self) {
        M::forget_snapshot(&mut self.shared);
    }

    /// What a key takes besides a long text and what is held for it.
    pub(crate) fn bytes_per_key() -> usize {
        Slots::<M>::bytes_per_key()
    }

    /// What all of it takes, in bytes.
    fn bytes(&self) -> usize {
        self.slots.bytes() + self.preceding.as_ref().map_or(0, Preceding::bytes) + M::bytes(&self.shared)
    }

    /// Shows a row to a key that holds something; whether it can mean anything to it.
    fn show(
        &mut self,
        slot: SlotId,
        row: &Row<'_, M::Event>,
        at: Start,
        may_begin: bool,
        out: &mut Output<'_, M::Event>,
    ) -> bool {
        let Some(matcher) = self.slots.get_mut(slot) else { return false };
        if !may_begin && !matcher.is_concerned(&self.shared, row.steps) {
            return false;
        }
        matcher.process(&mut self.shared, row, at, slot, may_begin, &mut self.told);
        self.tell(slot, out);
        true
    }

    /// Shows a row to a key that holds nothing; where it holds something from then on.
    fn begin_key(
        &mut self,
        key: &KeyRef<'_>,
        row: &Row<'_, M::Event>,
        at: Start,
        out: &mut Output<'_, M::Event>,
    ) -> Result<Option<SlotId>, Error> {
        let mut matcher = M::new(&mut self.shared);
        let slot = self.slots.next();
        matcher.process(&mut self.shared, row, at, slot, true, &mut self.told);
        for found in self.told.drain() {
            out.push(key.to_key(), found);
        }
        if matcher.is_empty() {
            matcher.give_back(&mut self.shared);
            return Ok(None);
        }
        self.slots.insert(key, matcher, &mut out.registry.keys);
        let room = self.make_room(key, true, row.time, out);
        if room != Ok(true) {
            let dropped = self.dropped;
            self.drop_begun_at(at.row, slot, out);
            if room.is_err() {
                self.dropped = dropped;
            }
        }
        room.map(|_| self.slots.contains(slot).then_some(slot))
    }

    /// Remembers a row after which nothing may begin for a while; whether its key was not remembered before.
    fn remember(
        &mut self,
        key: &KeyRef<'_>,
        slot: &mut Option<SlotId>,
        at: Start,
        out: &mut Output<'_, M::Event>,
    ) -> Result<bool, Error> {
        let slot = match *slot {
            Some(slot) => slot,
            None if self.make_room(key, false, at.time, out)? => {
                let matcher = M::new(&mut self.shared);
                *slot.insert(self.slots.insert(key, matcher, &mut out.registry.keys))
            }
            None => {
                self.dropped += 1;
                return Ok(false);
            }
        };
        Ok(self.preceding.as_mut().is_some_and(|preceding| preceding.remember(slot, at)))
    }

    /// Lets a key begin again; whether something kept it from that.
    fn forget(&mut self, slot: SlotId) -> bool {
        self.preceding.as_mut().is_some_and(|preceding| preceding.forget(slot))
    }

    /// Hands on what was found for a key.
    fn tell(&mut self, slot: SlotId, out: &mut Output<'_, M::Event>) {
        if !self.told.is_empty() {
            let key = out.key(self.slots.key(slot));
            self.told.drain().for_each(|found| out.push(key.clone(), found));
        }
    }

    /// After changes: frees a key that holds nothing, and says when else it is to be woken.
    fn settle(&mut self, slot: SlotId, out: &mut Output<'_, M::Event>) {
        let Some(matcher) = self.slots.get_mut(slot) else { return };
        let is_empty = matcher.is_empty();
        let wanted = if is_empty { None } else { matcher.wake_at(&self.shared) };
        self.slots.schedule(slot, wanted, &mut out.registry.agenda);
        if is_empty && self.preceding.as_ref().is_none_or(|preceding| !preceding.holds(slot)) {
            self.slots.remove(slot, &mut out.registry.keys).give_back(&mut self.shared);
        }
    }

    /// After changes to any keys: frees some of what is not held any longer, and says when the rule is to be woken, be it for
    /// the rest of that. If there is a time when `rest` is to be seen to, nothing is seen to before.
    fn tidy(&mut self, now: i64, rest: Option<i64>, agenda: &mut Agenda) {
        M::tidy(&mut self.shared, &self.slots);
        let mut unsearched = 0;
        let freed =
            (0..FREED_AT_ONCE).take_while(|_| M::free_some(&mut self.shared, &mut unsearched)).count();
        let unfreed = if freed == FREED_AT_ONCE { now.checked_add(1) } else { None };
        let over = M::first_over(&self.shared);
        let forgotten = self.preceding.as_mut().and_then(Preceding::due).map(|(at, _)| at);
        let wanted = rest.or_else(|| over.into_iter().chain(forgotten).chain(unfreed).min());
        if let Some(at) = wanted
            && self.scheduled.is_none_or(|scheduled| at < scheduled)
        {
            if self.scheduled.replace(at).is_some() {
                agenda.forget(Wake::Expiry);
            }
            agenda.add(Wake::Expiry, Entry { at, rule: self.slots.rule() as u32, slot: None });
        }
    }
}

impl<M: Matcher> fmt::Debug for KeyedPattern<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedPattern")
            .field("rule", &self.slots.rule())
            .field("limits", &self.limits)
            .field("keys", &self.slots.len())
            .field("held", &M::held(&self.shared))
            .finish_non_exhaustive()
    }
}

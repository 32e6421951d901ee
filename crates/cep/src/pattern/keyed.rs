//! All keys of one pattern: bounded, counted, and woken in time.

use std::collections::VecDeque;
use std::fmt;

use super::PatternPlan;
use super::automaton::Automaton;
use super::matcher::{Matcher, Told};
use super::nodes::Start;
use super::preceding::Preceding;
use crate::agenda::{Agenda, Entry, Wake};
use crate::engine::{Output, Row};
use crate::error::{Error, Limit};
use crate::keys::{KeyId, KeyRef};
use crate::limits::Limits;
use crate::slots::{SlotId, Slots};
use crate::stats::Stats;

mod limits;

/// What one rule holds for all its keys. A key that holds nothing takes no memory.
pub(crate) struct KeyedPattern<M: Matcher> {
    limits: Limits,
    shared: M::Shared,
    /// Bits of rows that can begin something; all if any row can.
    begins: u64,
    /// How long what began may last.
    within: Option<i64>,
    slots: Slots<M>,
    /// Rows that began something, in order. One of which nothing is left stays until it comes to the front or the queue is
    /// rebuilt, which happens when those outnumber the others. As all that began may last equally long, this is also the
    /// order in which it is over.
    begun: VecDeque<Begun>,
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

/// A row that began something, and for which key.
#[derive(Clone, Copy, Debug)]
struct Begun {
    at: Start,
    slot: SlotId,
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
            limits: *limits,
            begins: automaton.beginning_bits().unwrap_or(u64::MAX),
            within: automaton.within(),
            told: Told::new(plan.outputs.matches_per_event),
            preceding: Preceding::new(&plan.pattern),
            scheduled: None,
            shared: M::share(plan, automaton),
            slots: Slots::new(rule),
            begun: VecDeque::new(),
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
        let fits = self.fit(slot, at.row, remembered == Ok(true), out);
        if let Some(slot) = slot {
            self.settle(slot, out);
        }
        self.tidy(&mut out.registry.agenda);
        remembered.and(fits)
    }

    /// Wakes one key.
    pub(crate) fn wake(&mut self, slot: SlotId, at: i64, out: &mut Output<'_, M::Event>) {
        self.slots.schedule(slot, None, &mut out.registry.agenda);
        let Some(matcher) = self.slots.get_mut(slot) else { return };
        matcher.wake(&mut self.shared, at, &mut self.told);
        self.tell(slot, out);
        self.settle(slot, out);
        self.tidy(&mut out.registry.agenda);
    }

    /// Frees what of any key is over at this time, and forgets what came too long ago to matter.
    pub(crate) fn wake_all(&mut self, now: i64, out: &mut Output<'_, M::Event>) {
        if self.scheduled.take().is_some() {
            out.registry.agenda.forget(Wake::Expiry);
        }
        while let Some((at, slot)) = self.preceding.as_mut().and_then(Preceding::due)
            && at <= now
        {
            self.forget(slot);
            self.settle(slot, out);
        }
        while let Some(Begun { at, slot }) = self.begun.front().copied()
            && self.over_at(at).is_some_and(|over| over <= now)
        {
            self.begun.pop_front();
            if let Some(matcher) = self.slots.get_mut(slot) {
                matcher.expire(&mut self.shared, at.row, now, &mut self.told);
                self.tell(slot, out);
                self.settle(slot, out);
            }
        }
        self.tidy(&mut out.registry.agenda);
    }

    /// Confirms an entry of the agenda.
    pub(crate) fn confirm(&mut self, wake: Wake, entry: Entry) -> Option<i64> {
        match entry.slot {
            Some(slot) => self.slots.confirm(wake, slot, entry.at),
            None => self.scheduled.filter(|at| *at == entry.at),
        }
    }

    /// The key whose slot this is.
    pub(crate) fn key(&self, slot: SlotId) -> KeyId {
        self.slots.key(slot)
    }

    pub(crate) fn stats(&self) -> Stats {
        let bytes = self.slots.bytes()
            + self.begun.len() * size_of::<Begun>()
            + self.preceding.as_ref().map_or(0, Preceding::bytes)
            + M::bytes(&self.shared);
        Stats {
            partial_matches: M::held(&self.shared),
            keys: self.slots.len(),
            window_events: 0,
            bytes,
            dropped: self.dropped,
            dropped_at: self.dropped_at,
            untold: self.told.untold(),
        }
    }

    /// What a key takes besides its text and what is held for it.
    pub(crate) fn bytes_per_key() -> usize {
        Slots::<M>::bytes_per_key() + Agenda::bytes_per_entry()
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
        matcher.process(&mut self.shared, row, at, may_begin, &mut self.told);
        if matcher.newest(&self.shared) == Some(at.row) {
            self.begun.push_back(Begun { at, slot });
        }
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
        matcher.process(&mut self.shared, row, at, true, &mut self.told);
        let mut room = Ok(true);
        if !matcher.is_empty() {
            room = self.make_room(out);
            if room != Ok(true) {
                self.dropped += matcher.drop_begun_at(&mut self.shared, at.row, &mut self.told);
            }
        }
        for found in self.told.drain() {
            out.push(key.to_key(), found);
        }
        if matcher.is_empty() {
            matcher.give_back(&mut self.shared);
            return room.map(|_| None);
        }
        let slot = self.slots.insert(key, matcher, &mut out.registry.keys);
        self.begun.push_back(Begun { at, slot });
        Ok(Some(slot))
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
            None if self.make_room(out)? => {
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

    /// After changes to any keys: forgets rows that began what is over, and says when the rule is to be woken.
    fn tidy(&mut self, agenda: &mut Agenda) {
        let from = M::begun_from(&self.shared);
        for _ in 0..BEGUN_FORGOTTEN {
            if self.begun.front().is_none_or(|begun| begun.at.row >= from) {
                break;
            }
            self.begun.pop_front();
        }
        if self.begun.len() > 2 * M::begun_count(&self.shared) + BEGUN_SLACK {
            self.rebuild_begun();
        }
        let over = self.begun.front().and_then(|begun| self.over_at(begun.at));
        let forgotten = self.preceding.as_mut().and_then(Preceding::due).map(|(at, _)| at);
        let wanted = over.into_iter().chain(forgotten).min();
        if let Some(at) = wanted
            && self.scheduled.is_none_or(|scheduled| at < scheduled)
        {
            if self.scheduled.replace(at).is_some() {
                agenda.forget(Wake::Expiry);
            }
            agenda.add(Wake::Expiry, Entry { at, rule: self.slots.rule() as u32, slot: None });
        }
    }

    /// When what began with a row is over.
    fn over_at(&self, begun: Start) -> Option<i64> {
        begun.time.checked_add(self.within?)
    }

    fn rebuild_begun(&mut self) {
        let mut live: Vec<Begun> = Vec::with_capacity(M::begun_count(&self.shared));
        for (slot, matcher) in self.slots.iter() {
            live.extend(matcher.begun(&self.shared).map(|at| Begun { at, slot }));
        }
        live.sort_unstable_by_key(|begun| begun.at.row);
        live.dedup_by_key(|begun| begun.at.row);
        self.begun = live.into();
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

//! What a pattern may hold, and what becomes of the rest.

use super::{Begun, KeyedPattern};
use crate::engine::Output;
use crate::error::{Error, Limit};
use crate::limits::Overflow;
use crate::pattern::matcher::Matcher;
use crate::pattern::preceding::Preceding;
use crate::slots::SlotId;

impl<M: Matcher> KeyedPattern<M> {
    /// Makes room for another key, as the policy says; whether there is some.
    pub(super) fn make_room(&mut self, out: &mut Output<'_, M::Event>) -> Result<bool, Error> {
        if self.slots.len() < self.limits.keys_per_rule {
            return Ok(true);
        }
        self.dropped_at = Some(Limit::Keys);
        match self.limits.policy {
            Overflow::DropOldest => Ok(self.drop_oldest_key(out)),
            Overflow::DropNewest => Ok(false),
            Overflow::Fail => Err(Error::limit(self.slots.rule(), Limit::Keys, self.limits.keys_per_rule)),
        }
    }

    /// Drops what is too much after a row, as the policy says. `slot` is that of the row's key, and `remembered` says that
    /// the key is remembered since this row.
    pub(super) fn fit(
        &mut self,
        slot: Option<SlotId>,
        row: u64,
        mut remembered: bool,
        out: &mut Output<'_, M::Event>,
    ) -> Result<(), Error> {
        while let Some(limit) = self.exceeded() {
            self.dropped_at = Some(limit);
            let of_bytes = limit == Limit::StateBytes;
            match self.limits.policy {
                Overflow::DropOldest => {
                    let remembered = if of_bytes { self.oldest_remembered() } else { None };
                    match (self.oldest(), remembered) {
                        (Some((row, slot)), remembered) if remembered.is_none_or(|(at, _)| row <= at) => {
                            self.drop_begun_at(row, slot, out);
                        }
                        (_, Some((_, slot))) => self.drop_remembered(slot, out),
                        (_, None) => return Ok(()),
                    }
                }
                Overflow::DropNewest if of_bytes && remembered => {
                    remembered = false;
                    if let Some(slot) = slot {
                        self.drop_remembered(slot, out);
                    }
                }
                Overflow::DropNewest => {
                    // What the row began is refused; where matches have only forked, the latest to begin make room.
                    let newest =
                        slot.and_then(|slot| Some((slot, self.slots.get(slot)?.newest(&self.shared)?)));
                    let Some((slot, newest)) = newest else { return Ok(()) };
                    self.drop_begun_at(newest, slot, out);
                }
                Overflow::Fail => {
                    if let Some(slot) = slot {
                        self.drop_begun_at(row, slot, out);
                        if of_bytes && remembered {
                            self.drop_remembered(slot, out);
                        }
                    }
                    let most = match limit {
                        Limit::StateBytes => self.limits.state_bytes_per_rule,
                        _ => self.limits.partial_matches_per_rule,
                    };
                    return Err(Error::limit(self.slots.rule(), limit, most));
                }
            }
        }
        Ok(())
    }

    /// The limit that is exceeded once what is over has been freed.
    fn exceeded(&mut self) -> Option<Limit> {
        if !M::fits(&mut self.shared, self.limits.partial_matches_per_rule) {
            return Some(Limit::PartialMatches);
        }
        loop {
            let keys = self.slots.bytes();
            let remembered = self.preceding.as_ref().map_or(0, Preceding::bytes);
            if M::weight(&self.shared) + keys + remembered <= self.limits.state_bytes_per_rule {
                return None;
            }
            let held = M::held(&self.shared);
            if held == 0 || !M::fits(&mut self.shared, held - 1) {
                return Some(Limit::StateBytes);
            }
        }
    }

    fn drop_oldest_key(&mut self, out: &mut Output<'_, M::Event>) -> bool {
        let remembered = self.oldest_remembered();
        let oldest = self.oldest().into_iter().chain(remembered).min_by_key(|(row, _)| *row);
        let Some((_, slot)) = oldest else { return false };
        if let Some(matcher) = self.slots.get_mut(slot) {
            self.dropped += matcher.clear(&mut self.shared, &mut self.told);
            self.tell(slot, out);
        }
        self.drop_remembered(slot, out);
        self.settle(slot, out);
        true
    }

    /// Lets a key begin again because of a limit.
    fn drop_remembered(&mut self, slot: SlotId, out: &mut Output<'_, M::Event>) {
        if self.forget(slot) {
            self.dropped += 1;
            self.settle(slot, out);
        }
    }

    /// The earliest row that is remembered, and its key.
    fn oldest_remembered(&mut self) -> Option<(u64, SlotId)> {
        self.preceding.as_mut().and_then(Preceding::oldest)
    }

    /// The earliest row with which something began that is held, and its key.
    fn oldest(&mut self) -> Option<(u64, SlotId)> {
        while let Some(Begun { at, slot }) = self.begun.front().copied() {
            let matcher = self.slots.get(slot);
            if matcher.is_some_and(|matcher| matcher.may_hold(&mut self.shared, at.row)) {
                return Some((at.row, slot));
            }
            self.begun.pop_front();
        }
        None
    }

    fn drop_begun_at(&mut self, row: u64, slot: SlotId, out: &mut Output<'_, M::Event>) {
        let Some(matcher) = self.slots.get_mut(slot) else { return };
        self.dropped += matcher.drop_begun_at(&mut self.shared, row, &mut self.told);
        self.tell(slot, out);
        self.settle(slot, out);
    }
}

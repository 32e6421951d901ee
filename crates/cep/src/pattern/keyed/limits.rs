//! What a pattern may hold, and what becomes of the rest.

use super::KeyedPattern;
use crate::engine::Output;
use crate::error::{Error, Limit};
use crate::keys::KeyRef;
use crate::limits::Overflow;
use crate::pattern::events::Start;
use crate::pattern::matcher::Matcher;
use crate::pattern::preceding::Preceding;
use crate::slots::SlotId;

/// Places that are searched for what is over before anything is dropped.
const SEARCHED_TO_FIT: usize = 64;

impl<M: Matcher> KeyedPattern<M> {
    /// Makes room for another key, as the policy says; whether there is some. `counted` says that it has a slot already, which
    /// may be what is dropped.
    pub(super) fn make_room(
        &mut self,
        key: &KeyRef<'_>,
        counted: bool,
        now: i64,
        out: &mut Output<'_, M::Event>,
    ) -> Result<bool, Error> {
        // What would not even fit into an empty rule is not worth emptying it.
        let fits_alone = key.heap_bytes() <= self.weight_max;
        let limit = if fits_alone { Limit::Keys } else { Limit::StateBytes };
        let has_room =
            |pattern: &Self| pattern.slots.len() - usize::from(counted) < pattern.limits.keys_per_rule;
        // What is over counts no longer, even if it has not been seen to yet.
        while fits_alone && !has_room(self) && self.expire_one(now, out) {}
        if fits_alone && has_room(self) {
            return Ok(true);
        }
        self.dropped_at = Some(limit);
        match self.limits.policy {
            Overflow::DropOldest => Ok(fits_alone && self.drop_oldest_key(out)),
            Overflow::DropNewest => Ok(false),
            Overflow::Fail => Err(self.reached(limit)),
        }
    }

    fn reached(&self, limit: Limit) -> Error {
        let most = match limit {
            Limit::Keys => self.limits.keys_per_rule,
            Limit::StateBytes => self.limits.state_bytes_per_rule,
            Limit::PartialMatches | Limit::WindowEvents => self.limits.partial_matches_per_rule,
        };
        Error::limit(self.slots.rule(), limit, most)
    }

    /// Drops what is too much after a row, as the policy says. `slot` is that of the row's key, and `remembered` says that
    /// the key is remembered since this row.
    pub(super) fn fit(
        &mut self,
        slot: Option<SlotId>,
        at: Start,
        mut remembered: bool,
        out: &mut Output<'_, M::Event>,
    ) -> Result<(), Error> {
        let mut failed = None;
        if M::take_refused(&mut self.shared) {
            self.dropped_at = Some(Limit::StateBytes);
            if self.limits.policy == Overflow::Fail {
                failed = Some(Limit::StateBytes);
            } else {
                self.dropped += 1;
            }
        }
        while let Some(limit) = self.exceeded() {
            if self.expire_one(at.time, out) {
                continue;
            }
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
                    // What is refused is told by the error, and is no more than the row.
                    let dropped = self.dropped;
                    if let Some(slot) = slot {
                        self.drop_begun_at(at.row, slot, out);
                        if of_bytes && remembered {
                            self.drop_remembered(slot, out);
                        }
                    }
                    self.dropped = dropped;
                    return Err(self.reached(limit));
                }
            }
        }
        failed.map_or(Ok(()), |limit| Err(self.reached(limit)))
    }

    /// The limit that is exceeded once what is over has been freed.
    fn exceeded(&mut self) -> Option<Limit> {
        if !M::fits(&mut self.shared, self.limits.partial_matches_per_rule) {
            return Some(Limit::PartialMatches);
        }
        let mut unsearched = SEARCHED_TO_FIT;
        while self.bytes() > self.limits.state_bytes_per_rule {
            if !M::free_some(&mut self.shared, &mut unsearched) {
                return Some(Limit::StateBytes);
            }
        }
        None
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
        M::oldest_of_all(&mut self.shared, &self.slots)
    }

    pub(super) fn drop_begun_at(&mut self, row: u64, slot: SlotId, out: &mut Output<'_, M::Event>) {
        let Some(matcher) = self.slots.get_mut(slot) else { return };
        self.dropped += matcher.drop_begun_at(&mut self.shared, row, &mut self.told);
        self.tell(slot, out);
        self.settle(slot, out);
    }
}

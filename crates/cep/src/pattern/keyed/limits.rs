//! What a pattern may hold, and what becomes of the rest.

use std::mem::size_of;

use super::{KeyedPattern, Slot};
use crate::engine::Output;
use crate::error::{Error, Limit};
use crate::key::Key;
use crate::limits::Overflow;
use crate::pattern::matcher::Matcher;
use crate::pattern::preceding::Preceding;

impl<M: Matcher> KeyedPattern<M> {
    /// Makes room for a key, as the policy says; whether there is some.
    pub(super) fn make_room(&mut self, key: &Key, out: &mut Output<'_, M::Event>) -> Result<bool, Error> {
        let is_held = self.slots.contains_key(key) || self.is_remembered(key);
        if is_held || self.keys() < self.limits.keys_per_rule {
            return Ok(true);
        }
        self.dropped_at = Some(Limit::Keys);
        match self.limits.policy {
            Overflow::DropOldest => Ok(self.drop_oldest_key(out)),
            Overflow::DropNewest => Ok(false),
            Overflow::Fail => Err(Error::limit(self.rule, Limit::Keys, self.limits.keys_per_rule)),
        }
    }

    /// Drops what is too much after a row, as the policy says. `remembered` says that the row's key is remembered since
    /// this row.
    pub(super) fn fit(
        &mut self,
        key: &Key,
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
                        (Some((row, key)), remembered)
                            if remembered.as_ref().is_none_or(|(at, _)| row <= *at) =>
                        {
                            self.drop_begun_at(row, &key, out);
                        }
                        (_, Some((_, key))) => self.drop_remembered(&key),
                        (_, None) => return Ok(()),
                    }
                }
                Overflow::DropNewest if of_bytes && remembered => {
                    self.drop_remembered(key);
                    remembered = false;
                }
                Overflow::DropNewest => {
                    // What the row began is refused; where matches have only forked, the latest to begin make room.
                    let newest = self.slots.get(key).and_then(|slot| slot.matcher.newest(&self.shared));
                    let Some(newest) = newest else { return Ok(()) };
                    self.drop_begun_at(newest, key, out);
                }
                Overflow::Fail => {
                    self.drop_begun_at(row, key, out);
                    if of_bytes && remembered {
                        self.drop_remembered(key);
                    }
                    let most = match limit {
                        Limit::StateBytes => self.limits.state_bytes_per_rule,
                        _ => self.limits.partial_matches_per_rule,
                    };
                    return Err(Error::limit(self.rule, limit, most));
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
            let keys = self.slots.len() * size_of::<(Key, Slot<M>)>() + self.key_bytes;
            let remembered = self.preceding.as_ref().map_or(0, Preceding::weight);
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
        let Some((_, key)) = oldest else { return false };
        self.drop_remembered(&key);
        if let Some(slot) = self.slots.get_mut(&key) {
            self.dropped += slot.matcher.clear(&mut self.shared, &mut self.told);
            self.tell(&key, out);
            self.settle(&key, out.registry);
        }
        true
    }

    /// The earliest row that is remembered, and its key.
    fn oldest_remembered(&mut self) -> Option<(u64, Key)> {
        self.preceding.as_mut().and_then(Preceding::oldest)
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
}

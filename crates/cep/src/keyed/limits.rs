//! Whether there is room for a row, and what is dropped to make some.

use crate::engine::{Registry, Row};
use crate::error::{Error, Limit};
use crate::keyed::{Demand, Keyed, State};
use crate::keys::KeyRef;
use crate::limits::{Limits, Overflow};
use crate::slots::SlotId;

/// The limits of one rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceiling {
    held: usize,
    keys: usize,
    pub(super) bytes: usize,
    policy: Overflow,
}

impl Ceiling {
    pub(super) fn new(limits: &Limits) -> Ceiling {
        Ceiling {
            held: limits.window_events_per_rule,
            keys: limits.keys_per_rule,
            bytes: limits.state_bytes_per_rule,
            policy: limits.policy,
        }
    }
}

impl<S: State> Keyed<S> {
    /// Whether the row may enter; drops what is oldest if that is needed and wanted.
    pub(super) fn make_room(
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
}

fn added(held: usize, growth: isize) -> usize {
    held.saturating_add_signed(growth)
}

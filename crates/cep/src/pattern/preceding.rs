//! What must not have come before a match begins.

use std::collections::VecDeque;

use super::events::Start;
use super::{Condition, Pattern};
use crate::slots::SlotId;

/// By key, the last row that satisfied what must not precede a match, until that is too long ago to matter.
#[derive(Debug)]
pub(crate) struct Preceding {
    condition: Condition,
    within: i64,
    /// By slot; ends with the last one of which anything was ever remembered.
    last: Vec<Option<Start>>,
    /// How many keys there are.
    keys: usize,
    /// Such rows, in order. One that is not the last of its key stays until it comes to the front or the queue is rebuilt,
    /// which happens when those outnumber the others.
    order: VecDeque<(Start, SlotId)>,
}

/// The last row of each key, in order.
pub(crate) type SavedPreceding = Vec<(Start, SlotId)>;

/// Entries of the queue that are not the last of their keys, and not worth a rebuild.
const ORDER_SLACK: usize = 64;

impl Preceding {
    /// Nothing, if anything may precede the matches of the pattern.
    pub(crate) fn new(pattern: &Pattern) -> Option<Preceding> {
        let preceded = pattern.preceded?;
        Some(Preceding {
            condition: pattern.condition(preceded.condition).clone(),
            within: preceded.within,
            last: Vec::new(),
            keys: 0,
            order: VecDeque::new(),
        })
    }

    /// Whether no match may begin for a while after a row with these bits.
    pub(crate) fn counts(&self, bits: u64) -> bool {
        self.condition.admits(bits)
    }

    /// Whether a match may begin at this time.
    pub(crate) fn permits(&self, slot: SlotId, time: i64) -> bool {
        self.last(slot).is_none_or(|last| time.saturating_sub(last.time) >= self.within)
    }

    pub(crate) fn holds(&self, slot: SlotId) -> bool {
        self.last(slot).is_some()
    }

    /// Remembers a row, and forgets what was remembered of its key before; whether there was nothing.
    pub(crate) fn remember(&mut self, slot: SlotId, at: Start) -> bool {
        if self.last.len() <= slot.index() {
            self.last.resize(slot.index() + 1, None);
        }
        let is_new = self.last[slot.index()].replace(at).is_none();
        self.keys += usize::from(is_new);
        self.order.push_back((at, slot));
        if self.order.len() > 2 * self.keys + ORDER_SLACK {
            let last = &self.last;
            self.order.retain(|(at, slot)| last[slot.index()] == Some(*at));
        }
        is_new
    }

    /// Forgets a key; whether it was held.
    pub(crate) fn forget(&mut self, slot: SlotId) -> bool {
        let forgotten = self.last.get_mut(slot.index()).and_then(Option::take).is_some();
        self.keys -= usize::from(forgotten);
        forgotten
    }

    /// The number of the row that has been held for longest, and its key.
    pub(crate) fn oldest(&mut self) -> Option<(u64, SlotId)> {
        self.front().map(|(at, slot)| (at.row, slot))
    }

    /// When a key is to be forgotten next, and which.
    pub(crate) fn due(&mut self) -> Option<(i64, SlotId)> {
        let (at, slot) = self.front()?;
        Some((at.time.saturating_add(self.within), slot))
    }

    /// What is held takes so many bytes, without room that stands empty.
    pub(crate) fn bytes(&self) -> usize {
        self.keys * (size_of::<Option<Start>>() + size_of::<(Start, SlotId)>())
    }

    /// What is remembered, in order.
    pub(crate) fn saved(&self) -> SavedPreceding {
        self.order.iter().copied().filter(|(at, slot)| self.last(*slot) == Some(*at)).collect()
    }

    fn front(&mut self) -> Option<(Start, SlotId)> {
        while let Some((at, slot)) = self.order.front().copied() {
            if self.last(slot) == Some(at) {
                return Some((at, slot));
            }
            self.order.pop_front();
        }
        None
    }

    fn last(&self, slot: SlotId) -> Option<Start> {
        self.last.get(slot.index()).copied().flatten()
    }
}

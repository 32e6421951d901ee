//! What must not have come before a match begins.

use std::collections::VecDeque;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::nodes::Start;
use super::{Condition, Pattern};
use crate::key::Key;

/// By key, the last row that satisfied what must not precede a match, until that is too long ago to matter.
#[derive(Debug)]
pub(crate) struct Preceding {
    condition: Condition,
    within: i64,
    last: HashMap<Key, Start, RandomState>,
    /// Such rows with their keys, in order. One that is not the last of its key stays until it comes to the front or the
    /// queue is rebuilt, which happens when those outnumber the others.
    order: VecDeque<(Start, Key)>,
    key_bytes: usize,
}

/// Entries of the queue that are not the last of their keys, and not worth a rebuild.
const ORDER_SLACK: usize = 64;

impl Preceding {
    /// Nothing, if anything may precede the matches of the pattern.
    pub(crate) fn new(pattern: &Pattern) -> Option<Preceding> {
        let preceded = pattern.preceded?;
        Some(Preceding {
            condition: pattern.condition(preceded.condition).clone(),
            within: preceded.within,
            last: HashMap::default(),
            order: VecDeque::new(),
            key_bytes: 0,
        })
    }

    /// Whether no match may begin for a while after a row with these bits.
    pub(crate) fn counts(&self, bits: u64) -> bool {
        self.condition.admits(bits)
    }

    /// Whether a match may begin at this time.
    pub(crate) fn permits(&self, key: &Key, time: i64) -> bool {
        self.last.get(key).is_none_or(|last| time.saturating_sub(last.time) >= self.within)
    }

    pub(crate) fn holds(&self, key: &Key) -> bool {
        self.last.contains_key(key)
    }

    /// How many keys are held.
    pub(crate) fn keys(&self) -> usize {
        self.last.len()
    }

    /// Remembers a row, and forgets what was remembered of its key before.
    pub(crate) fn remember(&mut self, key: &Key, at: Start) {
        if self.last.insert(key.clone(), at).is_none() {
            self.key_bytes += key.as_json().len();
        }
        self.order.push_back((at, key.clone()));
        if self.order.len() > 2 * self.last.len() + ORDER_SLACK {
            self.order.retain(|(at, key)| self.last.get(key) == Some(at));
        }
    }

    /// Forgets a key; whether it was held.
    pub(crate) fn forget(&mut self, key: &Key) -> bool {
        let held = self.last.remove(key).is_some();
        if held {
            self.key_bytes -= key.as_json().len();
        }
        held
    }

    /// The number of the row that has been held for longest, and its key.
    pub(crate) fn oldest(&mut self) -> Option<(u64, Key)> {
        self.front().map(|(at, key)| (at.row, key))
    }

    /// The key that is to be forgotten next, and when.
    pub(crate) fn due(&mut self) -> Option<(i64, Key)> {
        let (at, key) = self.front()?;
        Some((at.time.saturating_add(self.within), key))
    }

    /// What is held takes so many bytes, without room that stands empty.
    pub(crate) fn weight(&self) -> usize {
        self.last.len() * (size_of::<(Key, Start)>() + size_of::<(Start, Key)>()) + self.key_bytes
    }

    /// Bytes in use. A key is shared by the table and the queue; the two words are its counts.
    pub(crate) fn bytes(&self) -> usize {
        self.last.len() * (size_of::<(Key, Start)>() + 2 * size_of::<usize>())
            + self.order.len() * size_of::<(Start, Key)>()
            + self.key_bytes
    }

    fn front(&mut self) -> Option<(Start, Key)> {
        while let Some((at, key)) = self.order.front() {
            if self.last.get(key) == Some(at) {
                return Some((*at, key.clone()));
            }
            self.order.pop_front();
        }
        None
    }
}

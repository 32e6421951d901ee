//! When which key of which rule has to be looked at again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use crate::slots::SlotId;

/// The wake-ups of all rules, by time.
///
/// Two kinds are kept apart: *timers* produce output, so they are exact and told to the outside; *expiries* only free
/// memory, so an expiry may stand earlier than what it is for, and no one waits for it.
///
/// An entry is not taken out when it is no longer wanted, nor moved when it is wanted later: whoever comes to it asks the
/// rule, which [confirms](Confirm) it or not. So a wake-up that is put off again and again costs nothing until its time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    timers: Queue,
    expiries: Queue,
}

/// Which kind of wake-up a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wake {
    Timer,
    Expiry,
}

/// A wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) at: i64,
    pub(crate) rule: u32,
    /// Of the rule; without it, the rule is woken for all its keys.
    pub(crate) slot: Option<SlotId>,
}

/// Says when the wake-up is wanted for which there is an entry: as it stands or later. `None` if it is not wanted, or there
/// is another entry for it.
pub(crate) trait Confirm {
    fn confirm(&mut self, wake: Wake, entry: Entry) -> Option<i64>;

    /// Whether there is a wake-up for this entry, be it later.
    fn stands(&self, wake: Wake, entry: Entry) -> bool;
}

#[derive(Clone, Debug, Default)]
struct Queue {
    entries: BinaryHeap<Reverse<Entry>>,
    /// How many of them are wanted.
    wanted: usize,
}

/// Entries that are not wanted any longer, and not worth a rebuild.
const SLACK: usize = 64;

impl Agenda {
    /// Whether there may be a wake-up of a kind that is due.
    #[inline]
    pub(crate) fn may_be_due(&self, wake: Wake, now: i64) -> bool {
        let queue = match wake {
            Wake::Timer => &self.timers,
            Wake::Expiry => &self.expiries,
        };
        queue.entries.peek().is_some_and(|Reverse(entry)| entry.at <= now)
    }

    /// The earliest timer, if the agenda has been [settled](Self::settle).
    #[inline]
    pub(crate) fn next_timer(&self) -> Option<i64> {
        self.timers.entries.peek().map(|Reverse(entry)| entry.at)
    }

    /// Adds a wake-up.
    pub(crate) fn add(&mut self, wake: Wake, entry: Entry) {
        let queue = self.queue(wake);
        queue.entries.push(Reverse(entry));
        queue.wanted += 1;
    }

    /// Notes that a wake-up is not wanted any longer.
    pub(crate) fn forget(&mut self, wake: Wake) {
        self.queue(wake).wanted -= 1;
    }

    /// Takes the first wake-up of a kind if it is due.
    pub(crate) fn pop_due(&mut self, wake: Wake, now: i64, rules: &mut impl Confirm) -> Option<Entry> {
        self.pop(wake, |entry| entry.at <= now, rules)
    }

    /// Takes another timer of the same time and rule, if there is one.
    pub(crate) fn pop_like(&mut self, first: Entry, rules: &mut impl Confirm) -> Option<Entry> {
        self.pop(Wake::Timer, |entry| entry.at == first.at && entry.rule == first.rule, rules)
    }

    /// After changes: makes the earliest timer one that is wanted, and frees what is not if that is too much.
    #[inline]
    pub(crate) fn settle(&mut self, rules: &mut impl Confirm) {
        if !self.timers.entries.is_empty() || self.expiries.is_too_long() {
            self.settle_all(rules);
        }
    }

    fn settle_all(&mut self, rules: &mut impl Confirm) {
        for wake in [Wake::Timer, Wake::Expiry] {
            let queue = self.queue(wake);
            if queue.is_too_long() {
                queue.rebuild(wake, rules);
            }
        }
        while let Some(Reverse(entry)) = self.timers.entries.peek().copied() {
            let wanted = rules.confirm(Wake::Timer, entry);
            if wanted == Some(entry.at) {
                return;
            }
            self.timers.entries.pop();
            self.timers.entries.extend(wanted.map(|at| Reverse(Entry { at, ..entry })));
        }
    }

    /// Memory taken, in bytes, but for room that stands empty.
    pub(crate) fn bytes_per_entry() -> usize {
        size_of::<Entry>()
    }

    fn pop(&mut self, wake: Wake, is_due: impl Fn(Entry) -> bool, rules: &mut impl Confirm) -> Option<Entry> {
        let queue = self.queue(wake);
        while let Some(Reverse(entry)) = queue.entries.peek().copied().filter(|Reverse(entry)| is_due(*entry))
        {
            queue.entries.pop();
            match rules.confirm(wake, entry) {
                Some(at) if at == entry.at => return Some(entry),
                wanted => queue.entries.extend(wanted.map(|at| Reverse(Entry { at, ..entry }))),
            }
        }
        None
    }

    fn queue(&mut self, wake: Wake) -> &mut Queue {
        match wake {
            Wake::Timer => &mut self.timers,
            Wake::Expiry => &mut self.expiries,
        }
    }
}

impl Queue {
    #[inline]
    fn is_too_long(&self) -> bool {
        self.entries.len() > 2 * self.wanted + SLACK
    }

    fn rebuild(&mut self, wake: Wake, rules: &impl Confirm) {
        let mut entries = std::mem::take(&mut self.entries).into_vec();
        entries.retain(|Reverse(entry)| rules.stands(wake, *entry));
        entries.sort_unstable();
        entries.dedup();
        self.entries = entries.into();
    }
}

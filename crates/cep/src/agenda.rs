//! When which key of which rule has to be looked at again.

use std::collections::BTreeSet;

use crate::key::Key;

/// The wake-ups of all rules, ordered by (time, rule, key).
///
/// Two kinds are kept apart: *timers* produce output, so they are exact and told to the outside; *expiries* only free
/// memory, so an expiry may stand earlier than what it is for, and no one waits for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Agenda {
    timers: BTreeSet<(i64, usize, Key)>,
    expiries: BTreeSet<(i64, usize, Key)>,
}

/// Which kind of wake-up a rule asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    Timer,
    Expiry,
}

impl Agenda {
    /// The earliest timer.
    pub(crate) fn next_timer(&self) -> Option<i64> {
        self.timers.first().map(|(at, ..)| *at)
    }

    /// Takes the first wake-up of a kind if it is due.
    pub(crate) fn pop_due(&mut self, wake: Wake, now: i64) -> Option<(i64, usize, Key)> {
        let due = self.set(wake);
        if due.first().is_some_and(|(at, ..)| *at <= now) { due.pop_first() } else { None }
    }

    /// Moves the wake-up of a key of a rule.
    pub(crate) fn reschedule(
        &mut self,
        wake: Wake,
        rule: usize,
        key: &Key,
        from: Option<i64>,
        to: Option<i64>,
    ) {
        if let Some(from) = from {
            self.set(wake).remove(&(from, rule, key.clone()));
        }
        if let Some(to) = to {
            self.set(wake).insert((to, rule, key.clone()));
        }
    }

    /// Adds the wake-up of a key of a rule, if it wants one.
    pub(crate) fn schedule(&mut self, rule: usize, key: &Key, wanted: Option<(Wake, i64)>) {
        if let Some((wake, at)) = wanted {
            self.set(wake).insert((at, rule, key.clone()));
        }
    }

    /// Takes the wake-up of a key of a rule out, if it has one.
    pub(crate) fn cancel(&mut self, rule: usize, key: &Key, scheduled: Option<(Wake, i64)>) {
        if let Some((wake, at)) = scheduled {
            self.set(wake).remove(&(at, rule, key.clone()));
        }
    }

    fn set(&mut self, wake: Wake) -> &mut BTreeSet<(i64, usize, Key)> {
        match wake {
            Wake::Timer => &mut self.timers,
            Wake::Expiry => &mut self.expiries,
        }
    }
}

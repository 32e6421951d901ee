//! A match as conditions on it see it.

use std::borrow::Borrow;
use std::fmt;

use crate::engine::Taken;
use crate::pattern::Pattern;

/// The events of a finished match, under the names that the pattern gives them.
pub struct Matched<'a, E> {
    pattern: &'a Pattern,
    events: Vec<(usize, &'a E)>,
}

impl<'a, E> Matched<'a, E> {
    pub(super) fn new<H: Borrow<E>>(pattern: &'a Pattern, events: &'a [Taken<H>]) -> Matched<'a, E> {
        let events = events.iter().map(|taken| (taken.step.index(), taken.event.borrow())).collect();
        Matched { pattern, events }
    }

    /// All events with their names, in the order in which they came.
    pub fn events(&self) -> impl Iterator<Item = (&'a str, &'a E)> + '_ {
        self.events.iter().map(|(step, event)| (self.pattern.steps[*step].name.as_str(), *event))
    }

    /// The events of this name, in the order in which they came; none if the pattern has no such name.
    pub fn of<'m>(&'m self, name: &'m str) -> impl DoubleEndedIterator<Item = &'a E> + 'm {
        self.events
            .iter()
            .filter(move |(step, _)| self.pattern.steps[*step].name == name)
            .map(|(_, event)| *event)
    }

    /// The first event of this name.
    pub fn first(&self, name: &str) -> Option<&'a E> {
        self.of(name).next()
    }

    /// The last event of this name.
    pub fn last(&self, name: &str) -> Option<&'a E> {
        self.of(name).next_back()
    }
}

impl<E> fmt::Debug for Matched<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.events().map(|(name, _)| name)).finish()
    }
}

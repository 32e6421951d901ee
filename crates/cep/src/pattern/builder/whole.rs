//! What is said of a pattern that is no part of another.

use std::sync::Arc;
use std::time::Duration;

use super::{After, Earlier, EventPattern, Matched, Whole};
use crate::pattern::AfterMatch;

impl<E> EventPattern<E> {
    /// Tells partial matches that run out of time, too.
    #[must_use]
    pub fn on_timeout(mut self) -> Self {
        self.whole.on_timeout = true;
        self
    }

    /// A match ends what began with its first event or before.
    #[must_use]
    pub fn skip_to_next(self) -> Self {
        self.skip(After::Fixed(AfterMatch::ToNext))
    }

    /// A match ends what began with its last event or before.
    #[must_use]
    pub fn skip_past_last(self) -> Self {
        self.skip(After::Fixed(AfterMatch::PastLast))
    }

    /// A match ends what began before the first event of this name in it.
    #[must_use]
    pub fn skip_to_first(self, name: impl Into<String>) -> Self {
        self.skip(After::ToFirst(name.into()))
    }

    /// A match ends what began before the last event of this name in it.
    #[must_use]
    pub fn skip_to_last(self, name: impl Into<String>) -> Self {
        self.skip(After::ToLast(name.into()))
    }

    /// Matches that one event may complete at most, a thousand if this is not said; further ones are counted.
    #[must_use]
    pub fn matches_per_event(mut self, most: usize) -> Self {
        self.whole.matches_per_event = Some(most);
        self
    }

    /// A condition on the finished match. What it refuses is not told, and has ended what it ends all the same; whoever runs
    /// the pattern asks [`BuiltPattern::admits`](super::BuiltPattern::admits).
    #[must_use]
    pub fn having(mut self, holds: impl Fn(&Matched<'_, E>) -> bool + Send + Sync + 'static) -> Self {
        self.whole.having.push(Arc::new(holds));
        self
    }

    /// At most so many matches of a key are told in this time, by event time. Exactly so much later, the next one is; whoever
    /// runs the pattern asks its [`BuiltPattern::limiter`](super::BuiltPattern::limiter).
    #[must_use]
    pub fn limit(mut self, matches: u32, per: Duration) -> Self {
        if matches == 0 || per.is_zero() {
            self.problem(format!(
                "{} is told at most {matches} times in {per:?}: that is never",
                self.label()
            ));
        }
        self.whole.limit = Some((matches, per));
        self
    }

    /// Findings carry the first and the last event and how many there were of each, not all events; so these need not be kept.
    #[must_use]
    pub fn without_events(mut self) -> Self {
        self.whole.without_events = true;
        self
    }

    /// What findings [without events](Self::without_events) tell of these, under this name:
    /// [`BuiltPattern::remembered`](super::BuiltPattern::remembered).
    #[must_use]
    pub fn remember(mut self, name: impl Into<String>, what: Earlier<E>) -> Self {
        self.whole.remembered.push((name.into(), what));
        self
    }
}

impl<E> Whole<E> {
    /// What was said of the whole, in words.
    pub(super) fn said(&self) -> impl Iterator<Item = &'static str> {
        let Whole {
            preceded,
            after,
            on_timeout,
            matches_per_event,
            having,
            limit,
            without_events,
            remembered,
        } = self;
        let said = [
            (preceded.is_some(), "what must not precede a match"),
            (*after != After::Fixed(AfterMatch::Nothing), "what a match ends"),
            (*on_timeout, "`on_timeout`"),
            (matches_per_event.is_some(), "`matches_per_event`"),
            (!having.is_empty(), "`having`"),
            (limit.is_some(), "a `limit`"),
            (*without_events, "`without_events`"),
            (!remembered.is_empty(), "what to `remember`"),
        ];
        said.into_iter().filter(|(is_said, _)| *is_said).map(|(_, what)| what)
    }
}

impl<E> Default for Whole<E> {
    fn default() -> Whole<E> {
        Whole {
            preceded: None,
            after: After::Fixed(AfterMatch::Nothing),
            on_timeout: false,
            matches_per_event: None,
            having: Vec::new(),
            limit: None,
            without_events: false,
            remembered: Vec::new(),
        }
    }
}

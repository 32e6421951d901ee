//! How often a pattern comes.

use std::ops::{RangeFrom, RangeInclusive};
use std::sync::Arc;
use std::time::Duration;

use super::{EventPattern, Part, Repetition, Takes, Test};
use crate::pattern::Contiguity;

/// How often: `3`, `2..=4` or `2..`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    min: u32,
    max: Option<u32>,
}

impl<E> EventPattern<E> {
    /// So often: `3` times, `2..=4` times, or `2..` for twice or more often.
    #[must_use]
    pub fn times(mut self, times: impl Into<Times>) -> Self {
        let label = self.label();
        let Times { min, max } = times.into();
        let repetition = self.repetition();
        if repetition.is_said {
            self.problem(format!("{label} says twice how often it comes; put it into a `group` for both"));
            return self;
        }
        (repetition.min, repetition.max, repetition.is_said) = (min, max, true);
        self
    }

    /// Once or more often.
    #[must_use]
    pub fn one_or_more(self) -> Self {
        self.times(1..)
    }

    /// Or not at all.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.repetition().optional = true;
        self
    }

    /// As many as there are before what follows.
    #[must_use]
    pub fn greedy(mut self) -> Self {
        self.repetition().greedy = true;
        self
    }

    /// Nothing lies between one repetition and the next.
    #[must_use]
    pub fn consecutive(mut self) -> Self {
        self.repetition().inner = Contiguity::Strict;
        self
    }

    /// Any events lie between one repetition and the next: one that could be the next is taken, and in another match skipped.
    #[must_use]
    pub fn allow_combinations(mut self) -> Self {
        self.repetition().inner = Contiguity::SkipTillAny;
        self
    }

    /// No repetition from an event on that satisfies the closure; for repetitions without bound.
    #[must_use]
    pub fn until(mut self, test: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        self.repetition().until = Some(Test::Closure(Arc::new(test)));
        self
    }

    /// The same from an event on in whose row the caller sets this bit.
    #[must_use]
    pub fn until_bit(mut self, bit: u8) -> Self {
        self.repetition().until = Some(Test::Bit(bit));
        self
    }

    /// The longest time from one repetition to the next. Exactly so long is too long.
    #[must_use]
    pub fn gap(mut self, time: Duration) -> Self {
        self.repetition().gap = Some(time);
        self
    }

    /// How often all of this pattern comes; several parts become a group.
    fn repetition(&mut self) -> &mut Repetition<E> {
        if self.parts.len() != 1 {
            let parts = std::mem::take(&mut self.parts);
            self.parts.push(Part::new(Takes::Group(parts)));
        }
        &mut self.parts[0].times
    }
}

impl<E> Repetition<E> {
    pub(super) fn is_once(&self) -> bool {
        (self.min, self.max) == (1, Some(1)) && !self.optional && self.until.is_none()
    }
}

impl<E> Default for Repetition<E> {
    fn default() -> Repetition<E> {
        Repetition {
            min: 1,
            max: Some(1),
            optional: false,
            inner: Contiguity::SkipTillNext,
            greedy: false,
            until: None,
            gap: None,
            is_said: false,
        }
    }
}

impl From<u32> for Times {
    fn from(times: u32) -> Times {
        Times { min: times, max: Some(times) }
    }
}

impl From<RangeInclusive<u32>> for Times {
    fn from(times: RangeInclusive<u32>) -> Times {
        Times { min: *times.start(), max: Some(*times.end()) }
    }
}

impl From<RangeFrom<u32>> for Times {
    fn from(times: RangeFrom<u32>) -> Times {
        Times { min: times.start, max: None }
    }
}

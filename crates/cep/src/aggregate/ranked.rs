//! Percentiles of values that come and go.

use std::collections::BTreeMap;
use std::mem::size_of;

use crate::aggregate::Scalar;
use crate::aggregate::percentile::{FloatKey, Position};

/// The numbers of a queue in order, and the place of a percentile among them.
///
/// With each number that comes or goes the place moves by one number at most, so it is found by going on from where it
/// was: a number costs a logarithm of how many different ones there are, and the result a step.
#[derive(Debug)]
pub(crate) struct Ranked {
    billionths: u32,
    counts: BTreeMap<FloatKey, u64>,
    count: u64,
    /// The number at the percentile's rank, and how many are below it.
    place: Option<(FloatKey, u64)>,
}

impl Ranked {
    pub(crate) fn new(billionths: u32) -> Ranked {
        Ranked { billionths, counts: BTreeMap::new(), count: 0, place: None }
    }

    /// Estimated memory for one number in the queue.
    pub(crate) fn bytes_per_value() -> usize {
        // Nodes of the tree are two thirds full.
        size_of::<(FloatKey, u64)>() * 3 / 2
    }

    /// Adds a number; other scalars are ignored.
    pub(crate) fn push(&mut self, scalar: &Scalar) {
        let Some(key) = FloatKey::of(scalar) else { return };
        *self.counts.entry(key).or_insert(0) += 1;
        self.count += 1;
        match &mut self.place {
            Some((at, below)) => *below += u64::from(key < *at),
            None => self.place = Some((key, 0)),
        }
        self.settle();
    }

    /// Takes a number out that was added before.
    pub(crate) fn pop(&mut self, scalar: &Scalar) {
        let Some(key) = FloatKey::of(scalar) else { return };
        let Some(count) = self.counts.get_mut(&key) else { return };
        *count -= 1;
        self.count -= 1;
        let is_gone = *count == 0;
        if is_gone {
            self.counts.remove(&key);
        }
        if let Some((at, below)) = &mut self.place {
            *below -= u64::from(key < *at);
            if is_gone && key == *at {
                let (next, below) = (self.counts.range(key..).next(), *below);
                let previous = || self.counts.last_key_value().map(|(key, count)| (*key, below - count));
                self.place = next.map(|(key, _)| (*key, below)).or_else(previous);
            }
        }
        self.settle();
    }

    /// The percentile, null if there are no numbers.
    pub(crate) fn percentile(&self) -> Scalar {
        let (Some(position), Some((at, below))) = (Position::of(self.billionths, self.count), self.place)
        else {
            return Scalar::Null;
        };
        let mut from = self.counts.range(at..);
        let is_next_equal = from.next().is_some_and(|(_, count)| position.rank + 1 < below + count);
        let upper = match from.next() {
            Some((key, _)) if position.is_between() && !is_next_equal => *key,
            _ => at,
        };
        Scalar::Float(position.interpolate(at.float(), upper.float()))
    }

    /// Moves the place to where the percentile lies now.
    fn settle(&mut self) {
        let (Some(position), Some((mut at, mut below))) =
            (Position::of(self.billionths, self.count), self.place)
        else {
            return;
        };
        while position.rank < below
            && let Some((key, count)) = self.counts.range(..at).next_back()
        {
            (at, below) = (*key, below - count);
        }
        let mut from = self.counts.range(at..).peekable();
        while let Some((_, count)) = from.next()
            && below + count <= position.rank
            && let Some((key, _)) = from.peek()
        {
            (at, below) = (**key, below + count);
        }
        self.place = Some((at, below));
    }
}

//! Aggregates from which the oldest value can leave again.

use std::collections::VecDeque;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::aggregate::accumulator::count_scalar;
use crate::aggregate::order::{DISTINCT_VALUE_BYTES, Identity};
use crate::aggregate::sum::Sum;
use crate::aggregate::{AggregateFunction, Extreme, Scalar};

/// An aggregate over a queue of values, in amortised constant time per value.
///
/// Sums are exact, so subtracting what leaves is exact too and nothing drifts.
#[derive(Debug)]
pub(crate) enum Sliding {
    Count(u64),
    /// How often each value is in the queue.
    CountDistinct(HashMap<Identity, u64, RandomState>),
    Sum(Sum),
    Avg(Sum),
    /// The values that are the extreme of all that came after them, with their ages; the first is that of the queue.
    Extreme(Extreme, VecDeque<(u64, Scalar)>),
}

impl Sliding {
    pub(crate) fn new(function: AggregateFunction) -> Sliding {
        match function {
            AggregateFunction::Count => Sliding::Count(0),
            AggregateFunction::CountDistinct => Sliding::CountDistinct(HashMap::default()),
            AggregateFunction::Sum => Sliding::Sum(Sum::default()),
            AggregateFunction::Avg => Sliding::Avg(Sum::default()),
            AggregateFunction::Min => Sliding::Extreme(Extreme::Least, VecDeque::new()),
            AggregateFunction::Max => Sliding::Extreme(Extreme::Greatest, VecDeque::new()),
        }
    }

    /// Estimated memory for one value in the queue.
    pub(crate) fn bytes_per_event(function: AggregateFunction) -> usize {
        match function {
            AggregateFunction::CountDistinct => DISTINCT_VALUE_BYTES,
            AggregateFunction::Min | AggregateFunction::Max => size_of::<(u64, Scalar)>(),
            AggregateFunction::Count | AggregateFunction::Sum | AggregateFunction::Avg => 0,
        }
    }

    /// Adds a value at the end. Ages grow from value to value.
    pub(crate) fn push(&mut self, age: u64, value: &Scalar) {
        if *value == Scalar::Null {
            return;
        }
        match self {
            Sliding::Count(count) => *count += 1,
            Sliding::CountDistinct(counts) => {
                if let Some(identity) = Identity::of(value) {
                    *counts.entry(identity).or_insert(0) += 1;
                }
            }
            Sliding::Sum(sum) | Sliding::Avg(sum) => sum.add(value),
            Sliding::Extreme(extreme, candidates) => {
                while candidates.back().is_some_and(|(_, earlier)| extreme.prefers(value, earlier)) {
                    candidates.pop_back();
                }
                candidates.push_back((age, value.clone()));
            }
        }
    }

    /// Removes the oldest value, which was pushed with this age.
    pub(crate) fn pop(&mut self, age: u64, value: &Scalar) {
        if *value == Scalar::Null {
            return;
        }
        match self {
            Sliding::Count(count) => *count -= 1,
            Sliding::CountDistinct(counts) => {
                if let Some(identity) = Identity::of(value)
                    && let Entry::Occupied(mut entry) = counts.entry(identity)
                {
                    *entry.get_mut() -= 1;
                    if *entry.get() == 0 {
                        entry.remove();
                    }
                }
            }
            Sliding::Sum(sum) | Sliding::Avg(sum) => sum.remove(value),
            Sliding::Extreme(_, candidates) => {
                if candidates.front().is_some_and(|(candidate, _)| *candidate == age) {
                    candidates.pop_front();
                }
            }
        }
    }

    pub(crate) fn result(&self) -> Scalar {
        match self {
            Sliding::Count(count) => count_scalar(*count),
            Sliding::CountDistinct(counts) => count_scalar(counts.len() as u64),
            Sliding::Sum(sum) => sum.sum(),
            Sliding::Avg(sum) => sum.mean(),
            Sliding::Extreme(_, candidates) => {
                candidates.front().map_or(Scalar::Null, |(_, value)| value.clone())
            }
        }
    }
}

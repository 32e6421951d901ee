//! Aggregates from which the oldest value can leave again.

use std::collections::VecDeque;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::aggregate::accumulator::count_scalar;
use crate::aggregate::moments::Moments;
use crate::aggregate::order::{DISTINCT_VALUE_BYTES, Identity};
use crate::aggregate::ranked::Ranked;
use crate::aggregate::sum::Sum;
use crate::aggregate::{AggregateFunction, Extreme, Scalar};

/// An aggregate over a queue of values.
///
/// Each function has the way to let values go that suits it: counts and sums subtract (sums are exact, so that nothing
/// drifts), different values are counted by how often they occur, and extremes are queues of what can still become one
/// (Lemire: "Streaming maximum-minimum filter using no more than three comparisons per element", Nordic Journal of
/// Computing 13, 2006): all that takes amortised constant time per value. Percentiles keep the numbers in order, which
/// takes a logarithm. The queue holds all values anyway, so that nothing need be estimated.
#[derive(Debug)]
pub(crate) enum Sliding {
    Count(u64),
    /// How often each value is in the queue.
    CountDistinct(HashMap<Identity, u64, RandomState>),
    Sum(Sum),
    Avg(Sum),
    StdDev(Box<Moments>),
    /// The values that are the extreme of all that came after them, with their ages; the first is that of the queue.
    Extreme(Extreme, VecDeque<(u64, Scalar)>),
    Percentile(Ranked),
}

impl Sliding {
    pub(crate) fn new(function: AggregateFunction) -> Sliding {
        match function {
            AggregateFunction::Count => Sliding::Count(0),
            AggregateFunction::CountDistinct => Sliding::CountDistinct(HashMap::default()),
            AggregateFunction::Sum => Sliding::Sum(Sum::default()),
            AggregateFunction::Avg => Sliding::Avg(Sum::default()),
            AggregateFunction::StdDev => Sliding::StdDev(Box::default()),
            AggregateFunction::Min => Sliding::Extreme(Extreme::Least, VecDeque::new()),
            AggregateFunction::Max => Sliding::Extreme(Extreme::Greatest, VecDeque::new()),
            AggregateFunction::Percentile { billionths } => Sliding::Percentile(Ranked::new(billionths)),
        }
    }

    /// Estimated memory for one value in the queue.
    pub(crate) fn bytes_per_event(function: AggregateFunction) -> usize {
        match function {
            AggregateFunction::CountDistinct => DISTINCT_VALUE_BYTES,
            AggregateFunction::Min | AggregateFunction::Max => size_of::<(u64, Scalar)>(),
            AggregateFunction::Percentile { .. } => Ranked::bytes_per_value(),
            AggregateFunction::Count
            | AggregateFunction::Sum
            | AggregateFunction::Avg
            | AggregateFunction::StdDev => 0,
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
            Sliding::StdDev(moments) => moments.add(value),
            Sliding::Extreme(extreme, candidates) => {
                while candidates.back().is_some_and(|(_, earlier)| extreme.prefers(value, earlier)) {
                    candidates.pop_back();
                }
                candidates.push_back((age, value.clone()));
            }
            Sliding::Percentile(ranked) => ranked.push(value),
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
            Sliding::StdDev(moments) => moments.remove(value),
            Sliding::Extreme(_, candidates) => {
                if candidates.front().is_some_and(|(candidate, _)| *candidate == age) {
                    candidates.pop_front();
                }
            }
            Sliding::Percentile(ranked) => ranked.pop(value),
        }
    }

    pub(crate) fn result(&self) -> Scalar {
        match self {
            Sliding::Count(count) => count_scalar(*count),
            Sliding::CountDistinct(counts) => count_scalar(counts.len() as u64),
            Sliding::Sum(sum) => sum.sum(),
            Sliding::Avg(sum) => sum.mean(),
            Sliding::StdDev(moments) => moments.deviation(),
            Sliding::Extreme(_, candidates) => {
                candidates.front().map_or(Scalar::Null, |(_, value)| value.clone())
            }
            Sliding::Percentile(ranked) => ranked.percentile(),
        }
    }
}

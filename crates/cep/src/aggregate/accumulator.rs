//! Aggregates that only take in.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::aggregate::distinct::Distinct;
use crate::aggregate::histogram::Histogram;
use crate::aggregate::moments::Moments;
use crate::aggregate::sum::Sum;
use crate::aggregate::{AggregateFunction, Extreme, Scalar};

/// A running aggregate to which values and later aggregates of the same function can be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Accumulator {
    Count(u64),
    CountDistinct(Distinct),
    Sum(Sum),
    Avg(Sum),
    StdDev(Box<Moments>),
    Extreme(Extreme, Scalar),
    Percentile(u32, Histogram),
}

/// By how much what is held grows. It shrinks where a sketch takes the place of many values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Growth {
    /// Remembered values.
    pub(crate) values: isize,
    /// What they own, in bytes.
    pub(crate) heap: isize,
}

impl Accumulator {
    pub(crate) fn new(function: AggregateFunction) -> Accumulator {
        match function {
            AggregateFunction::Count => Accumulator::Count(0),
            AggregateFunction::CountDistinct => Accumulator::CountDistinct(Distinct::default()),
            AggregateFunction::Sum => Accumulator::Sum(Sum::default()),
            AggregateFunction::Avg => Accumulator::Avg(Sum::default()),
            AggregateFunction::StdDev => Accumulator::StdDev(Box::default()),
            AggregateFunction::Min => Accumulator::Extreme(Extreme::Least, Scalar::Null),
            AggregateFunction::Max => Accumulator::Extreme(Extreme::Greatest, Scalar::Null),
            AggregateFunction::Percentile { billionths } => {
                Accumulator::Percentile(billionths, Histogram::default())
            }
        }
    }

    pub(crate) fn add(&mut self, value: &Scalar) {
        if *value == Scalar::Null {
            return;
        }
        match self {
            Accumulator::Count(count) => *count += 1,
            Accumulator::CountDistinct(distinct) => distinct.add(value),
            Accumulator::Sum(sum) | Accumulator::Avg(sum) => sum.add(value),
            Accumulator::StdDev(moments) => moments.add(value),
            Accumulator::Extreme(extreme, best) => {
                if is_better(*extreme, value, best) {
                    *best = value.clone();
                }
            }
            Accumulator::Percentile(_, histogram) => histogram.add(value),
        }
    }

    /// Adds what a later run of values came to.
    pub(crate) fn merge(&mut self, later: &Accumulator) {
        match (self, later) {
            (Accumulator::Count(count), Accumulator::Count(other)) => *count += other,
            (Accumulator::CountDistinct(distinct), Accumulator::CountDistinct(other)) => {
                distinct.merge(other);
            }
            (Accumulator::Sum(sum), Accumulator::Sum(other))
            | (Accumulator::Avg(sum), Accumulator::Avg(other)) => {
                sum.merge(other);
            }
            (Accumulator::StdDev(moments), Accumulator::StdDev(other)) => moments.merge(other),
            (this @ Accumulator::Extreme(..), Accumulator::Extreme(_, best)) => this.add(best),
            (Accumulator::Percentile(_, histogram), Accumulator::Percentile(_, other)) => {
                histogram.merge(other);
            }
            // Aggregates stand in the order of the plan, so that functions always agree.
            _ => debug_assert!(false, "aggregates of different functions"),
        }
    }

    /// How many values this must remember.
    pub(crate) fn values(&self) -> usize {
        match self {
            Accumulator::CountDistinct(distinct) => distinct.values(),
            Accumulator::Percentile(_, histogram) => histogram.classes(),
            _ => 0,
        }
    }

    /// What the values own that it remembers, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Accumulator::CountDistinct(distinct) => distinct.heap_bytes(),
            Accumulator::Percentile(_, histogram) => histogram.heap_bytes(),
            Accumulator::Extreme(_, best) => best.heap_bytes(),
            Accumulator::Count(_) | Accumulator::Sum(_) | Accumulator::Avg(_) | Accumulator::StdDev(_) => 0,
        }
    }

    /// By how much it grows with a value, at most.
    pub(crate) fn growth(&self, value: &Scalar) -> Growth {
        match self {
            Accumulator::CountDistinct(distinct) => {
                let (values, heap) = distinct.growth(value);
                Growth { values, heap }
            }
            Accumulator::Percentile(_, histogram) => {
                let values = histogram.growth(value);
                Growth { values: values as isize, heap: (values * Histogram::bytes_per_class()) as isize }
            }
            Accumulator::Extreme(extreme, best) => {
                // Only texts own anything, so nothing else need be compared.
                let (new, old) = (value.heap_bytes() as isize, best.heap_bytes() as isize);
                let changes = new != old && *value != Scalar::Null && is_better(*extreme, value, best);
                Growth { values: 0, heap: if changes { new - old } else { 0 } }
            }
            Accumulator::Count(_) | Accumulator::Sum(_) | Accumulator::Avg(_) | Accumulator::StdDev(_) => {
                Growth::default()
            }
        }
    }

    /// Whether it is one of a function, and can have come from so many events.
    pub(crate) fn can_be(&self, function: AggregateFunction, events: u64) -> bool {
        match (function, self) {
            (AggregateFunction::Count, Accumulator::Count(count)) => *count <= events,
            (AggregateFunction::CountDistinct, Accumulator::CountDistinct(_))
            | (AggregateFunction::Min, Accumulator::Extreme(Extreme::Least, _))
            | (AggregateFunction::Max, Accumulator::Extreme(Extreme::Greatest, _)) => true,
            (AggregateFunction::Sum, Accumulator::Sum(sum))
            | (AggregateFunction::Avg, Accumulator::Avg(sum)) => sum.can_be(events),
            (AggregateFunction::StdDev, Accumulator::StdDev(moments)) => moments.can_be(events),
            (AggregateFunction::Percentile { billionths }, Accumulator::Percentile(own, histogram)) => {
                billionths == *own && histogram.count() <= events
            }
            _ => false,
        }
    }

    /// Whether the result is an estimate.
    pub(crate) fn is_approximate(&self) -> bool {
        match self {
            Accumulator::CountDistinct(distinct) => distinct.is_approximate(),
            Accumulator::Percentile(_, histogram) => histogram.is_approximate(),
            _ => false,
        }
    }

    pub(crate) fn result(&self) -> Scalar {
        match self {
            Accumulator::Count(count) => count_scalar(*count),
            Accumulator::CountDistinct(distinct) => count_scalar(distinct.count()),
            Accumulator::Sum(sum) => sum.sum(),
            Accumulator::Avg(sum) => sum.mean(),
            Accumulator::StdDev(moments) => moments.deviation(),
            Accumulator::Extreme(_, best) => best.clone(),
            Accumulator::Percentile(billionths, histogram) => histogram.percentile(*billionths),
        }
    }
}

impl AddAssign for Growth {
    fn add_assign(&mut self, other: Growth) {
        self.values += other.values;
        self.heap += other.heap;
    }
}

/// Whether a value takes the place of the best one so far.
fn is_better(extreme: Extreme, value: &Scalar, best: &Scalar) -> bool {
    *best == Scalar::Null || extreme.prefers(value, best)
}

/// A count as a result.
pub(crate) fn count_scalar(count: u64) -> Scalar {
    i64::try_from(count).map_or(Scalar::Wide(count), Scalar::Int)
}

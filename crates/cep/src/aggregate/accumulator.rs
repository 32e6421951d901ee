//! Aggregates that only take in.

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use crate::aggregate::order::Identity;
use crate::aggregate::sum::Sum;
use crate::aggregate::{AggregateFunction, Extreme, Scalar};

/// A running aggregate to which values and later aggregates of the same function can be added.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Accumulator {
    Count(u64),
    CountDistinct(#[serde(with = "sorted")] HashSet<Identity, RandomState>),
    Sum(Sum),
    Avg(Sum),
    Extreme(Extreme, Scalar),
}

impl Accumulator {
    pub(crate) fn new(function: AggregateFunction) -> Accumulator {
        match function {
            AggregateFunction::Count => Accumulator::Count(0),
            AggregateFunction::CountDistinct => Accumulator::CountDistinct(HashSet::default()),
            AggregateFunction::Sum => Accumulator::Sum(Sum::default()),
            AggregateFunction::Avg => Accumulator::Avg(Sum::default()),
            AggregateFunction::Min => Accumulator::Extreme(Extreme::Least, Scalar::Null),
            AggregateFunction::Max => Accumulator::Extreme(Extreme::Greatest, Scalar::Null),
        }
    }

    pub(crate) fn add(&mut self, value: &Scalar) {
        if *value == Scalar::Null {
            return;
        }
        match self {
            Accumulator::Count(count) => *count += 1,
            Accumulator::CountDistinct(values) => values.extend(Identity::of(value)),
            Accumulator::Sum(sum) | Accumulator::Avg(sum) => sum.add(value),
            Accumulator::Extreme(extreme, best) => {
                if *best == Scalar::Null || extreme.prefers(value, best) {
                    *best = value.clone();
                }
            }
        }
    }

    /// Adds what a later run of values came to.
    pub(crate) fn merge(&mut self, later: &Accumulator) {
        match (self, later) {
            (Accumulator::Count(count), Accumulator::Count(other)) => *count += other,
            (Accumulator::CountDistinct(values), Accumulator::CountDistinct(others)) => {
                values.extend(others.iter().cloned());
            }
            (Accumulator::Sum(sum), Accumulator::Sum(other))
            | (Accumulator::Avg(sum), Accumulator::Avg(other)) => {
                sum.merge(other);
            }
            (this @ Accumulator::Extreme(..), Accumulator::Extreme(_, best)) => this.add(best),
            // Aggregates stand in the order of the plan, so that functions always agree.
            _ => debug_assert!(false, "aggregates of different functions"),
        }
    }

    /// How many values this must remember.
    pub(crate) fn values(&self) -> usize {
        match self {
            Accumulator::CountDistinct(values) => values.len(),
            _ => 0,
        }
    }

    /// What the one value on which the result rests owns on the heap.
    pub(crate) fn best_bytes(&self) -> usize {
        match self {
            Accumulator::Extreme(_, best) => best.heap_bytes(),
            _ => 0,
        }
    }

    /// How many more it would have to remember with this one.
    pub(crate) fn growth(&self, value: &Scalar) -> usize {
        match (self, Identity::of(value)) {
            (Accumulator::CountDistinct(values), Some(identity)) => usize::from(!values.contains(&identity)),
            _ => 0,
        }
    }

    pub(crate) fn result(&self) -> Scalar {
        match self {
            Accumulator::Count(count) => count_scalar(*count),
            Accumulator::CountDistinct(values) => count_scalar(values.len() as u64),
            Accumulator::Sum(sum) => sum.sum(),
            Accumulator::Avg(sum) => sum.mean(),
            Accumulator::Extreme(_, best) => best.clone(),
        }
    }
}

/// Sets as lists, in the order of their values.
mod sorted {
    use foldhash::fast::RandomState;
    use hashbrown::HashSet;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::aggregate::order::Identity;

    type Values = HashSet<Identity, RandomState>;

    pub(super) fn serialize<S: Serializer>(values: &Values, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sorted: Vec<&Identity> = values.iter().collect();
        sorted.sort_unstable();
        serializer.collect_seq(sorted)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        Ok(Vec::<Identity>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// A count as a result.
pub(crate) fn count_scalar(count: u64) -> Scalar {
    i64::try_from(count).map_or(Scalar::Wide(count), Scalar::Int)
}

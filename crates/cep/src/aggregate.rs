//! Aggregates over the events of a window, and the scalars they take and give.
//!
//! Every result depends only on what is in the window, never on how the window came about: sums are exact and rounded
//! once, numbers are compared exactly whatever their class, and of equal values the first one is told. Different values
//! and percentiles are exact as long as there are few different values; beyond that they are estimated by sketches, which
//! do not depend on the order or the division of values either.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

mod accumulator;
mod distinct;
mod histogram;
mod moments;
mod order;
mod percentile;
mod ranked;
mod sketch;
mod sliding;
mod sum;

use self::moments::Moments;
use self::sum::Sum;
pub(crate) use accumulator::{Accumulator, Growth};
pub(crate) use order::{compare, compare_alike};
pub(crate) use sliding::Sliding;

/// An argument or a result of an aggregate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// No value. No aggregate takes it into account.
    Null,
    /// An integer.
    Int(i64),
    /// An integer that may be above [`i64::MAX`].
    Wide(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A truth value.
    Bool(bool),
}

/// A function over the values that an expression has for the events of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFunction {
    /// How many are not null; `count(*)` is this over a constant.
    Count,
    /// How many different ones there are. Numbers are the same if they are equal (`1` and `1.0`); a text is never the same
    /// as a number.
    ///
    /// Exact in windows that hold their events (count windows, and sliding ones judged at each event), and for up to 1,000
    /// different values in all others; beyond that an estimate with a standard error of 0.8 %.
    CountDistinct,
    /// The exact sum of the numbers, rounded once: an integer if all are integers and 64 bits suffice. Null without
    /// numbers; what is no number is left out.
    Sum,
    /// The sum of the numbers divided by how many there are, as a float. Null without numbers.
    Avg,
    /// The standard deviation of the numbers as a sample (n − 1), as a float. Null with less than two numbers; what is no
    /// finite number is left out.
    StdDev,
    /// The least value, null if there is none; of equal ones the first. Truth values come before numbers and numbers
    /// before texts, which are ordered by their bytes.
    Min,
    /// The greatest value, null if there is none; of equal ones the first. Ordered as for [`Min`](Self::Min).
    Max,
    /// The value below which this fraction of the numbers lies, in billionths (at most [`BILLION`]), as a float: at
    /// `fraction · (n − 1)` of the `n` numbers in order, counted from 0, and between two of them by linear interpolation.
    /// Null without numbers; what is no finite number is left out.
    ///
    /// Exact in windows that hold their events, and for up to 2,048 different numbers in all others; beyond that each of
    /// the two numbers is off by 0.8 % at most if all lie within a factor of four billion of each other.
    Percentile {
        /// The fraction, in billionths.
        billionths: u32,
    },
}

/// One, as a fraction in billionths.
pub const BILLION: u32 = 1_000_000_000;

impl AggregateFunction {
    /// Estimated memory that its state owns while it remembers no values.
    pub(crate) fn heap_bytes(self) -> usize {
        match self {
            AggregateFunction::Sum | AggregateFunction::Avg => Sum::heap_bytes_estimated(),
            AggregateFunction::StdDev => size_of::<Moments>() + 2 * Sum::heap_bytes_estimated(),
            _ => 0,
        }
    }

    /// The result over some values, and whether it is an estimate.
    pub fn over<'a>(self, values: impl IntoIterator<Item = &'a Scalar>) -> (Scalar, bool) {
        let mut accumulator = Accumulator::new(self);
        values.into_iter().for_each(|value| accumulator.add(value));
        (accumulator.result(), accumulator.is_approximate())
    }
}

impl From<i64> for Scalar {
    fn from(value: i64) -> Scalar {
        Scalar::Int(value)
    }
}

impl From<u64> for Scalar {
    fn from(value: u64) -> Scalar {
        i64::try_from(value).map_or(Scalar::Wide(value), Scalar::Int)
    }
}

impl From<f64> for Scalar {
    fn from(value: f64) -> Scalar {
        Scalar::Float(value)
    }
}

impl From<bool> for Scalar {
    fn from(value: bool) -> Scalar {
        Scalar::Bool(value)
    }
}

impl From<&str> for Scalar {
    fn from(value: &str) -> Scalar {
        Scalar::Text(value.into())
    }
}

/// Nothing is null.
impl<T: Into<Scalar>> From<Option<T>> for Scalar {
    fn from(value: Option<T>) -> Scalar {
        value.map_or(Scalar::Null, Into::into)
    }
}

impl fmt::Display for AggregateFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AggregateFunction::Count => "count",
            AggregateFunction::CountDistinct => "count_distinct",
            AggregateFunction::Sum => "sum",
            AggregateFunction::Avg => "avg",
            AggregateFunction::StdDev => "stddev",
            AggregateFunction::Min => "min",
            AggregateFunction::Max => "max",
            AggregateFunction::Percentile { billionths } => {
                return write!(f, "percentile_{}", f64::from(*billionths) / f64::from(BILLION));
            }
        })
    }
}

impl Scalar {
    /// What it owns on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            // With the two reference counts.
            Scalar::Text(text) => text.len() + 2 * size_of::<usize>(),
            _ => 0,
        }
    }
}

/// Which end of the order is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Extreme {
    Least,
    Greatest,
}

impl Extreme {
    /// Whether a later value takes the place of an earlier one; an equal one does not.
    fn prefers(self, later: &Scalar, earlier: &Scalar) -> bool {
        let order = compare(later, earlier);
        match self {
            Extreme::Least => order.is_lt(),
            Extreme::Greatest => order.is_gt(),
        }
    }
}

#[cfg(test)]
mod tests;

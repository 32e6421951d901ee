//! Aggregates over the events of a window, or over those that a match has taken for a step.

use std::fmt;

use crate::fraction::Fraction;
use crate::percentile::PERCENTILE;

/// A function of all events of a window, or of those that a match has taken for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Events whose argument is not NULL; without an argument, all events.
    Count,
    /// Different values of the argument that are not NULL.
    CountDistinct,
    /// The sum of the argument's numbers.
    Sum,
    /// The mean of the argument's numbers.
    Avg,
    /// The standard deviation of the argument's numbers, as a sample.
    StdDev,
    /// The least value of the argument.
    Min,
    /// The greatest value of the argument.
    Max,
    /// The argument's value on the first event.
    First,
    /// The argument's value on the last event.
    Last,
    /// The value below which this fraction of the argument's numbers lies.
    Percentile(Fraction),
}

impl Aggregate {
    pub(crate) fn parse(name: &str, distinct: bool) -> Option<Self> {
        Some(match (name, distinct) {
            ("count", false) => Self::Count,
            ("count", true) => Self::CountDistinct,
            ("sum", false) => Self::Sum,
            ("avg", false) => Self::Avg,
            ("stddev", false) => Self::StdDev,
            // Duplicates change neither extreme.
            ("min", _) => Self::Min,
            ("max", _) => Self::Max,
            ("first", false) => Self::First,
            ("last", false) => Self::Last,
            // Its fraction is among its arguments.
            ("median" | PERCENTILE, false) => Self::Percentile(Fraction::HALF),
            _ => return None,
        })
    }

    /// Whether the result is the value of one event, as it is.
    pub(crate) fn picks(self) -> bool {
        matches!(self, Self::First | Self::Last)
    }

    /// The call with this argument, in normalised form.
    pub(crate) fn call(self, argument: &str) -> String {
        match self {
            Self::CountDistinct => format!("count(distinct {argument})"),
            Self::Percentile(fraction) if fraction != Fraction::HALF => {
                format!("{self}({argument}, {fraction})")
            }
            _ => format!("{self}({argument})"),
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "count",
            Self::CountDistinct => "count distinct",
            Self::Sum => "sum",
            Self::Avg => "avg",
            Self::StdDev => "stddev",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Last => "last",
            Self::Percentile(Fraction::HALF) => "median",
            Self::Percentile(_) => PERCENTILE,
        })
    }
}

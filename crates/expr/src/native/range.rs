//! Bounds of numbers, lengths of time and times.
//!
//! Beside integers, integers are compared exactly, and fractions as doubles; beside a fraction, all are compared as
//! doubles. Doubles are in their total order, as Arrow's kernels have them, but for `-0.0`, which is `0.0`.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, ValueWithSpan};
use olocus_event::Kind;
use smallvec::{SmallVec, smallvec};

use super::text;
use super::view::{Point, View};
use crate::syntax::inside;

/// All keys from the first to the second, both included.
pub(crate) type Interval = (i128, i128);

/// Where values lie that a comparison is TRUE for.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    /// Of integers and times; `None` where these are compared as doubles.
    pub(crate) exact: Option<SmallVec<[Interval; 1]>>,
    /// Of doubles, by their place in the total order.
    pub(crate) floats: SmallVec<[Interval; 1]>,
}

/// Integers up to this are the same as doubles.
const EXACT_IN_DOUBLES: u128 = 1 << 53;

#[derive(Clone, Copy)]
enum Constant {
    Exact(i128),
    Float(f64),
}

/// Which values a bound leaves.
#[derive(Clone, Copy)]
enum Side {
    Equal,
    Below,
    UpTo,
    From,
    Above,
}

impl Range {
    pub(crate) fn compared(kind: Kind, op: &BinaryOperator, constant: &Expr) -> Option<Self> {
        let side = match op {
            BinaryOperator::Eq => Side::Equal,
            BinaryOperator::Lt => Side::Below,
            BinaryOperator::LtEq => Side::UpTo,
            BinaryOperator::Gt => Side::Above,
            BinaryOperator::GtEq => Side::From,
            _ => return None,
        };
        let constants = if kind == Kind::Time {
            vec![Constant::Exact(string_to_timestamp_nanos(text(constant)?).ok()?.into())]
        } else {
            numbers([constant])?
        };
        Some(Self::of(&constants, |place| side.interval(place)))
    }

    pub(crate) fn between(kind: Kind, low: &Expr, high: &Expr) -> Option<Self> {
        if kind == Kind::Time {
            return None;
        }
        let constants = numbers([low, high])?;
        let [low, high] = constants[..] else { return None };
        let low = Self::of(&[low], |place| Side::From.interval(place));
        let high = Self::of(&[high], |place| Side::UpTo.interval(place));
        low.and(&high)
    }

    pub(crate) fn among(list: &[Expr]) -> Option<Self> {
        Some(Self::of(&numbers(list)?, |place| Side::Equal.interval(place)))
    }

    /// The values in both, if each is one interval and integers are compared alike.
    pub(crate) fn and(&self, other: &Self) -> Option<Self> {
        let both = |a: &[Interval], b: &[Interval]| match (a, b) {
            ([a], [b]) => Some(smallvec![(a.0.max(b.0), a.1.min(b.1))]),
            _ => None,
        };
        let exact = match (&self.exact, &other.exact) {
            (Some(own), Some(others)) => Some(both(own, others)?),
            (None, None) => None,
            _ => return None,
        };
        Some(Self { exact, floats: both(&self.floats, &other.floats)? })
    }

    /// All other values, if these are one interval that has no end on one side.
    pub(crate) fn complement(&self) -> Option<Self> {
        let others = |intervals: &[Interval]| match *intervals {
            [(i128::MIN, high)] if high < i128::MAX => Some(smallvec![(high + 1, i128::MAX)]),
            [(low, i128::MAX)] if low > i128::MIN => Some(smallvec![(i128::MIN, low - 1)]),
            _ => None,
        };
        let exact = match &self.exact {
            Some(exact) => Some(others(exact)?),
            None => None,
        };
        Some(Self { exact, floats: others(&self.floats)? })
    }

    /// Whether the value of a row is in here; `None` without one.
    #[inline]
    pub(crate) fn contains(&self, column: &View<'_>, row: usize) -> Option<bool> {
        let (intervals, place) = match (column.point(row)?, &self.exact) {
            (Point::Exact(place), Some(exact)) => (exact, place),
            (Point::Exact(value), None) => (&self.floats, place(value as f64)),
            (Point::Float(value), _) => (&self.floats, place(value)),
        };
        Some(intervals.iter().any(|&(low, high)| low <= place && place <= high))
    }

    fn of(constants: &[Constant], interval: impl Fn(i128) -> Interval) -> Self {
        let exact = constants
            .iter()
            .map(|constant| match constant {
                Constant::Exact(value) => Some(interval(*value)),
                Constant::Float(_) => None,
            })
            .collect();
        let floats = constants
            .iter()
            .map(|constant| match *constant {
                Constant::Exact(value) => interval(place(value as f64)),
                Constant::Float(value) => interval(place(value)),
            })
            .collect();
        Self { exact, floats }
    }
}

impl Side {
    fn interval(self, at: i128) -> Interval {
        match self {
            Self::Equal => (at, at),
            Self::Below => (i128::MIN, at - 1),
            Self::UpTo => (i128::MIN, at),
            Self::From => (at, i128::MAX),
            Self::Above => (at + 1, i128::MAX),
        }
    }
}

/// The place of a double in the total order, in which both zeros are one.
#[inline]
pub(crate) fn place(value: f64) -> i128 {
    // The sum of both zeros is the positive one.
    let bits = (value + 0.0).to_bits() as i64;
    i128::from(bits ^ (((bits >> 63) as u64) >> 1) as i64)
}

/// Constants beside a column of numbers: of one class, as the planner would coerce them.
fn numbers<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Option<Vec<Constant>> {
    let numbers: Vec<Constant> = exprs.into_iter().map(|expr| number(expr, false)).collect::<Option<_>>()?;
    let (mut any_float, mut any_large) = (false, false);
    for number in &numbers {
        match number {
            Constant::Exact(value) => any_large |= value.unsigned_abs() > EXACT_IN_DOUBLES,
            Constant::Float(_) => any_float = true,
        }
    }
    match (any_float, any_large) {
        (false, _) => return Some(numbers),
        // As what the planner compares these depends on the column.
        (true, true) => return None,
        (true, false) => {}
    }
    let float = |number| match number {
        Constant::Exact(value) => Constant::Float(value as f64),
        float @ Constant::Float(_) => float,
    };
    Some(numbers.into_iter().map(float).collect())
}

/// A literal, as the planner reads it: in 64 bits, signed or not, or else a double.
fn number(expr: &Expr, negative: bool) -> Option<Constant> {
    match inside(expr) {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if !negative => number(expr, true),
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
            let signed = if negative { format!("-{digits}") } else { digits.clone() };
            if let Ok(value) = signed.parse::<i64>() {
                return Some(Constant::Exact(value.into()));
            }
            if let Ok(value) = signed.parse::<u64>() {
                return Some(Constant::Exact(value.into()));
            }
            // Whole numbers beyond 64 bits are compared as what they are planned as, be it decimals or doubles.
            let is_whole = digits.bytes().all(|digit| digit.is_ascii_digit());
            let float = signed.parse::<f64>().ok().filter(|value| value.is_finite() && !is_whole);
            float.map(Constant::Float)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_are_in_the_total_order_of_doubles() {
        let ordered = [f64::NEG_INFINITY, -1.5, 0.0, f64::MIN_POSITIVE, 1.5, f64::INFINITY, f64::NAN];
        assert!(ordered.map(place).is_sorted_by(|a, b| a < b));
        assert_eq!(place(-0.0), place(0.0));
    }
}

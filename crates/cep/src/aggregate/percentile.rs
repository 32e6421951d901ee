//! Percentiles: where they lie among ordered values, and how values are ordered for them.

use serde::{Deserialize, Serialize};

use crate::aggregate::order::Number;
use crate::aggregate::{BILLION, Scalar};

/// A finite number as bits that are ordered like the numbers.
///
/// Integers are taken as the nearest float, and negative zero as zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct FloatKey(u64);

/// Where a percentile lies among ordered values: at one of them, or between it and the next.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Position {
    /// Position of the value at or before it, from 0.
    pub(crate) rank: u64,
    /// How far it is on the way to the next value, in billionths.
    way: u32,
}

const SIGN: u64 = 1 << 63;

impl FloatKey {
    /// `None` for what is no finite number.
    pub(crate) fn of(scalar: &Scalar) -> Option<FloatKey> {
        let value = match Number::of(scalar)? {
            Number::Integer(value) => value as f64,
            Number::Float(value) => value,
        };
        value.is_finite().then(|| FloatKey::of_float(value))
    }

    fn of_float(value: f64) -> FloatKey {
        let bits = (value + 0.0).to_bits();
        FloatKey(if bits & SIGN == 0 { bits | SIGN } else { !bits })
    }

    pub(crate) fn float(self) -> f64 {
        f64::from_bits(if self.0 & SIGN == 0 { !self.0 } else { self.0 & !SIGN })
    }

    /// The first and the last of all keys that differ from this in their `level` lowest bits only.
    pub(crate) fn class(self, level: u32) -> (FloatKey, FloatKey) {
        let low = 1_u64.checked_shl(level).map_or(u64::MAX, |unit| unit - 1);
        (FloatKey(self.0 & !low), FloatKey(self.0 | low))
    }
}

impl Position {
    /// The position of a percentile among so many values, as SQL's `percentile_cont` has it: `fraction · (count − 1)`,
    /// exactly. `None` if there are no values.
    pub(crate) fn of(billionths: u32, count: u64) -> Option<Position> {
        let steps = u128::from(count.checked_sub(1)?) * u128::from(billionths.min(BILLION));
        let (rank, way) = (steps / u128::from(BILLION), steps % u128::from(BILLION));
        Some(Position { rank: rank as u64, way: way as u32 })
    }

    /// Whether the next value has a part in it.
    pub(crate) fn is_between(self) -> bool {
        self.way > 0
    }

    /// The percentile, from the value at the rank and the next one.
    pub(crate) fn interpolate(self, lower: f64, upper: f64) -> f64 {
        if self.way == 0 || lower == upper {
            return lower;
        }
        let way = f64::from(self.way) / f64::from(BILLION);
        let distance = upper - lower;
        if distance.is_finite() {
            lower + distance * way
        } else {
            // The distance of finite numbers can be out of range, what lies between them is not.
            lower * (1.0 - way) + upper * way
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_ordered_like_their_numbers() {
        let numbers = [f64::MIN, -1.5, -1.0, -f64::MIN_POSITIVE, -5e-324, 0.0, 5e-324, 1.0, 1.5, f64::MAX];
        let keys = numbers.map(|number| FloatKey::of(&Scalar::Float(number)).unwrap());
        assert!(keys.is_sorted_by(|left, right| left < right));
        assert_eq!(keys.map(FloatKey::float), numbers);
        let key = |scalar: Scalar| FloatKey::of(&scalar);
        assert_eq!(key(Scalar::Float(-0.0)), key(Scalar::Int(0)));
        assert_eq!(key(Scalar::Int(i64::MAX)), key(Scalar::Wide(1 << 63)));
        for other in [Scalar::Null, Scalar::Bool(true), Scalar::Float(f64::NAN), Scalar::Float(f64::INFINITY)]
        {
            assert_eq!(key(other.clone()), None, "{other:?}");
        }
    }

    #[test]
    fn classes_are_neighbours_of_both_signs() {
        for number in [1.0, -1.0] {
            let (first, last) = FloatKey::of_float(number * 1.1).class(51);
            let (low, high) = (first.float().min(last.float()), first.float().max(last.float()));
            assert!(low <= number * 1.1 && number * 1.1 <= high && high - low < 0.5, "{low} {high}");
        }
        let (first, last) = FloatKey::of_float(7.0).class(64);
        assert_eq!((first.0, last.0), (0, u64::MAX));
    }

    #[test]
    fn positions_are_exact() {
        let at = |billionths, count| Position::of(billionths, count).map(|at| (at.rank, at.way));
        assert_eq!(at(500_000_000, 0), None);
        assert_eq!(at(0, 7), Some((0, 0)));
        assert_eq!(at(BILLION, 7), Some((6, 0)));
        assert_eq!(at(500_000_000, 4), Some((1, 500_000_000)));
        // As floats, 0.95 · 20 is not 19.
        assert_eq!(at(950_000_000, 21), Some((19, 0)));
        assert_eq!(at(999_999_999, u64::MAX).unwrap().0, 18_446_744_055_262_807_540);
    }

    #[test]
    fn between_far_values_nothing_overflows() {
        let halfway = Position::of(500_000_000, 2).unwrap();
        assert_eq!(halfway.interpolate(f64::MIN, f64::MAX), 0.0);
        assert_eq!(halfway.interpolate(1.0, 2.0), 1.5);
        assert_eq!(halfway.interpolate(0.1, 0.1), 0.1);
    }
}

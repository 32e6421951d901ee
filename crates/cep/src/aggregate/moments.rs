//! How far numbers spread.

use serde::{Deserialize, Serialize};

use crate::aggregate::Scalar;
use crate::aggregate::percentile::FloatKey;
use crate::aggregate::sum::Sum;

/// The exact sums of numbers and of their squares, from which numbers can also leave again.
///
/// The usual objection to sums of squares, that little is left of them once the square of the mean is taken off, is met by
/// summing exactly and subtracting with twice the digits (Dekker: "A floating-point technique for extending the available
/// precision", Numerische Mathematik 18, 1971). So the result depends on the numbers alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Moments {
    count: u64,
    numbers: Sum,
    squares: Sum,
}

/// A number of twice the digits, as the sum of two.
type Double = (f64, f64);

/// What is left below this part of the sum of squares is what the subtraction could not tell.
const NOISE: f64 = 1.0 / (1_u128 << 98) as f64;

impl Moments {
    /// Adds a number; other scalars are ignored.
    pub(crate) fn add(&mut self, scalar: &Scalar) {
        let Some(number) = finite(scalar) else { return };
        self.count += 1;
        self.numbers.add(&Scalar::Float(number));
        let (high, low) = product(number, number);
        self.squares.add(&Scalar::Float(high));
        self.squares.add(&Scalar::Float(low));
    }

    /// Takes a number out that was added before.
    pub(crate) fn remove(&mut self, scalar: &Scalar) {
        let Some(number) = finite(scalar) else { return };
        self.count -= 1;
        self.numbers.remove(&Scalar::Float(number));
        let (high, low) = product(number, number);
        self.squares.remove(&Scalar::Float(high));
        self.squares.remove(&Scalar::Float(low));
    }

    pub(crate) fn merge(&mut self, other: &Moments) {
        self.count += other.count;
        self.numbers.merge(&other.numbers);
        self.squares.merge(&other.squares);
    }

    /// Whether it can be that of so many events.
    pub(crate) fn can_be(&self, events: u64) -> bool {
        let squares = events.saturating_mul(2);
        self.count <= events && self.numbers.can_be(events) && self.squares.can_be(squares)
    }

    /// The standard deviation of a sample; null if there are less than two numbers, or if it is beyond the range of floats.
    pub(crate) fn deviation(&self) -> Scalar {
        if self.count < 2 {
            return Scalar::Null;
        }
        let count = self.count as f64;
        let squares = self.squares.in_two();
        let of_mean = quotient(square(self.numbers.in_two()), count);
        let spread = difference(squares, of_mean);
        let spread = if spread > squares.0 * NOISE { spread } else { 0.0 };
        let deviation = (spread / (count - 1.0)).sqrt();
        if squares.0.is_finite() && deviation.is_finite() { Scalar::Float(deviation) } else { Scalar::Null }
    }
}

fn finite(scalar: &Scalar) -> Option<f64> {
    FloatKey::of(scalar).map(FloatKey::float)
}

fn product(left: f64, right: f64) -> Double {
    let high = left * right;
    let low = if high.is_finite() { left.mul_add(right, -high) } else { 0.0 };
    (high, low)
}

fn square((high, low): Double) -> Double {
    let (square, rest) = product(high, high);
    (square, rest + 2.0 * high * low)
}

fn quotient((high, low): Double, divisor: f64) -> Double {
    let quotient = high / divisor;
    let rest = (-quotient).mul_add(divisor, high) + low;
    (quotient, rest / divisor)
}

fn difference(left: Double, right: Double) -> f64 {
    let high = left.0 - right.0;
    let part = high - left.0;
    let lost = (left.0 - (high - part)) - (right.0 + part);
    high + (lost + (left.1 - right.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deviation(numbers: &[f64]) -> Scalar {
        let mut moments = Moments::default();
        numbers.iter().for_each(|number| moments.add(&Scalar::Float(*number)));
        moments.deviation()
    }

    #[test]
    fn it_is_that_of_a_sample() {
        assert_eq!(deviation(&[]), Scalar::Null);
        assert_eq!(deviation(&[3.0]), Scalar::Null);
        assert_eq!(deviation(&[1.0, 3.0]), Scalar::Float(2_f64.sqrt()));
        assert_eq!(
            deviation(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]),
            Scalar::Float((32.0_f64 / 7.0).sqrt())
        );
    }

    #[test]
    fn far_from_zero_nothing_is_lost() {
        for offset in [0.0, 1e6, 1e12, 1e14, -1e14] {
            let numbers = [offset + 1.0, offset + 2.0, offset + 3.0];
            assert_eq!(deviation(&numbers), Scalar::Float(1.0), "{offset}");
        }
    }

    #[test]
    fn equal_numbers_do_not_spread() {
        for number in [0.0, 0.1, -1e-3, 1e16 / 3.0, 1e150] {
            assert_eq!(deviation(&vec![number; 999]), Scalar::Float(0.0), "{number}");
        }
    }

    #[test]
    fn what_is_out_of_range_is_null() {
        assert_eq!(deviation(&[1e200, -1e200]), Scalar::Null);
        assert_eq!(deviation(&[f64::INFINITY, 1.0, 3.0]), Scalar::Float(2_f64.sqrt()));
    }

    #[test]
    fn what_leaves_leaves_no_trace() {
        let mut moments = Moments::default();
        for number in [1e150, 0.1, -7.0, 2.0, 4.0] {
            moments.add(&Scalar::Float(number));
        }
        for number in [1e150, 0.1, -7.0] {
            moments.remove(&Scalar::Float(number));
        }
        assert_eq!(moments.deviation(), Scalar::Float(2_f64.sqrt()));
    }
}

//! Exact sums of integers and floats.

use crate::aggregate::Scalar;
use crate::aggregate::order::Number;
use serde::{Deserialize, Serialize};

/// The exact sum of numbers, which can also leave again.
///
/// Because nothing is rounded before the result is asked for, the result depends only on which numbers are in the sum:
/// taking one out leaves no trace, and neither does the order in which they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sum {
    integers: i128,
    integer_count: u64,
    float_count: u64,
    /// The finite floats; only there while there are any, since most sums have none.
    floats: Option<Box<FixedPoint>>,
    /// Those that are not finite: +∞, −∞, not a number.
    special: [u64; 3],
}

impl Sum {
    /// Adds a number; other scalars are ignored.
    pub(crate) fn add(&mut self, scalar: &Scalar) {
        match Number::of(scalar) {
            Some(Number::Integer(value)) => {
                self.integers += value;
                self.integer_count += 1;
            }
            Some(Number::Float(value)) => {
                self.float_count += 1;
                match special(value) {
                    Some(class) => self.special[class] += 1,
                    None => self.floats.get_or_insert_default().add(value),
                }
            }
            None => {}
        }
    }

    /// Takes a number out that was added before.
    pub(crate) fn remove(&mut self, scalar: &Scalar) {
        match Number::of(scalar) {
            Some(Number::Integer(value)) => {
                self.integers -= value;
                self.integer_count -= 1;
            }
            Some(Number::Float(value)) => {
                self.float_count -= 1;
                match special(value) {
                    Some(class) => self.special[class] -= 1,
                    None => self.floats.get_or_insert_default().add(-value),
                }
                if self.float_count == 0 {
                    self.floats = None;
                }
            }
            None => {}
        }
    }

    pub(crate) fn merge(&mut self, other: &Sum) {
        self.integers += other.integers;
        self.integer_count += other.integer_count;
        self.float_count += other.float_count;
        if let Some(floats) = &other.floats {
            self.floats.get_or_insert_default().merge(floats);
        }
        for (class, count) in self.special.iter_mut().zip(other.special) {
            *class += count;
        }
    }

    /// The sum, rounded once if it is not an integer of 64 bits; null if there are no numbers.
    pub(crate) fn sum(&self) -> Scalar {
        if self.count() == 0 {
            Scalar::Null
        } else if self.float_count > 0 {
            Scalar::Float(self.rounded(0))
        } else if let Ok(value) = i64::try_from(self.integers) {
            Scalar::Int(value)
        } else if let Ok(value) = u64::try_from(self.integers) {
            Scalar::Wide(value)
        } else {
            Scalar::Float(self.integers as f64)
        }
    }

    /// The mean; null if there are no numbers.
    pub(crate) fn mean(&self) -> Scalar {
        let count = self.count();
        if count == 0 {
            return Scalar::Null;
        }
        let sum = self.rounded(0);
        if sum.is_infinite() && self.special == [0; 3] {
            // The sum of finite numbers is out of range, their mean is not.
            const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;
            return Scalar::Float(self.rounded(64) / count as f64 * TWO_TO_64);
        }
        Scalar::Float(sum / count as f64)
    }

    /// The sum in two floats: the nearest one, and the nearest to what that leaves.
    pub(crate) fn in_two(&self) -> (f64, f64) {
        let high = self.rounded(0);
        if !high.is_finite() {
            return (high, 0.0);
        }
        let mut rest = self.clone();
        rest.add(&Scalar::Float(-high));
        (high, rest.rounded(0))
    }

    /// Whether it can be that of so many numbers.
    pub(crate) fn can_be(&self, numbers: u64) -> bool {
        let counts = [self.integer_count, self.float_count].into_iter().chain(self.special);
        let is_in_range = self.integers.unsigned_abs() <= u128::from(self.integer_count) << 64;
        counts.into_iter().all(|count| count <= numbers)
            && is_in_range
            && self.floats.as_ref().is_none_or(|floats| floats.is_sound())
    }

    /// Estimated memory of one, beside its own size: most sums are of numbers of like size.
    pub(crate) fn heap_bytes_estimated() -> usize {
        size_of::<FixedPoint>() + 4 * size_of::<i64>()
    }

    fn count(&self) -> u64 {
        self.integer_count + self.float_count
    }

    /// The sum divided by two to the power of `scale`, rounded to the nearest float. With a scale above 0 the sum must
    /// be so large that the quotient is a normal number.
    fn rounded(&self, scale: u32) -> f64 {
        match self.special {
            [0, 0, 0] => {}
            [_, 0, 0] => return f64::INFINITY,
            [0, _, 0] => return f64::NEG_INFINITY,
            _ => return f64::NAN,
        }
        match &self.floats {
            None => self.integers as f64,
            Some(floats) => floats.rounded(self.integers, scale),
        }
    }
}

/// The class of a number that is not finite.
fn special(value: f64) -> Option<usize> {
    if value.is_finite() {
        None
    } else if value.is_nan() {
        Some(2)
    } else {
        Some(usize::from(value < 0.0))
    }
}

/// A signed number of as many bits as it takes, in units of the least positive float (2⁻¹⁰⁷⁴).
///
/// It is the sum of `limbs[i] · 2^(32 · (low + i))`. Limbs are signed and may exceed 32 bits, so that additions need not
/// carry; carries are settled before they could overflow. Only the range of limbs that was ever touched is stored,
/// a few for numbers of like size.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct FixedPoint {
    low: usize,
    limbs: Vec<i64>,
    /// Additions since carries were settled; each adds less than 2³² to a limb.
    unsettled: u32,
}

const LIMB_BITS: usize = 32;
const LIMB_MASK: i64 = 0xffff_ffff;
/// Below 2³⁰ additions of less than 2³² no limb of 64 bits overflows.
const UNSETTLED_MOST: u32 = 1 << 30;
/// Sums of so many floats and integers that they can be counted have less bits.
const LIMBS_MOST: usize = (FRACTION_BITS + 1024 + 64).div_ceil(LIMB_BITS) + 2;
/// Bits below the point.
const FRACTION_BITS: usize = 1074;
/// Bits of a float's mantissa that are stored.
const MANTISSA_BITS: usize = 52;
/// The exponent field of what is too large for a float.
const EXPONENT_INFINITE: usize = 2047;

impl FixedPoint {
    fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let field = (bits >> MANTISSA_BITS) as usize & EXPONENT_INFINITE;
        let stored = bits & ((1 << MANTISSA_BITS) - 1);
        let (mantissa, shift) =
            if field == 0 { (stored, 0) } else { (stored | 1 << MANTISSA_BITS, field - 1) };
        self.add_shifted(u128::from(mantissa), value.is_sign_negative(), shift);
    }

    /// Adds a magnitude of at most 96 bits, shifted to the left.
    fn add_shifted(&mut self, magnitude: u128, negative: bool, shift: usize) {
        if magnitude == 0 {
            return;
        }
        let first = shift / LIMB_BITS;
        let mut rest = magnitude << (shift % LIMB_BITS);
        let limbs = (128 - rest.leading_zeros() as usize).div_ceil(LIMB_BITS);
        self.reserve(first, first + limbs);
        for limb in &mut self.limbs[first - self.low..first - self.low + limbs] {
            let part = rest as i64 & LIMB_MASK;
            *limb += if negative { -part } else { part };
            rest >>= LIMB_BITS;
        }
        self.unsettled += 1;
        if self.unsettled >= UNSETTLED_MOST {
            self.settle();
        }
    }

    fn merge(&mut self, other: &FixedPoint) {
        if self.unsettled + other.unsettled >= UNSETTLED_MOST / 2 {
            self.settle();
            if other.unsettled >= UNSETTLED_MOST / 2 {
                let mut other = other.clone();
                other.settle();
                return self.merge(&other);
            }
        }
        self.reserve(other.low, other.low + other.limbs.len());
        for (index, limb) in other.limbs.iter().enumerate() {
            self.limbs[other.low - self.low + index] += limb;
        }
        self.unsettled += other.unsettled + 2;
    }

    /// Whether its limbs are in their range.
    fn is_sound(&self) -> bool {
        let most = (u64::from(self.unsettled) + 1) << LIMB_BITS;
        let is_narrow = self.low <= LIMBS_MOST && self.limbs.len() <= LIMBS_MOST - self.low;
        let is_settled = self.unsettled < UNSETTLED_MOST;
        is_narrow && is_settled && self.limbs.iter().all(|limb| limb.unsigned_abs() <= most)
    }

    /// Makes room for the limbs `from..to`.
    fn reserve(&mut self, from: usize, to: usize) {
        if self.limbs.is_empty() {
            self.low = from;
        }
        if from < self.low {
            self.limbs.splice(0..0, (from..self.low).map(|_| 0));
            self.low = from;
        }
        if to > self.low + self.limbs.len() {
            self.limbs.resize(to - self.low, 0);
        }
    }

    /// Carries: all limbs but the last are then between 0 and 2³², and the last has the sign of the number.
    fn settle(&mut self) {
        self.unsettled = 1;
        let Some(last) = self.limbs.len().checked_sub(1) else {
            return;
        };
        for index in 0..last {
            let carry = self.limbs[index] >> LIMB_BITS;
            self.limbs[index] &= LIMB_MASK;
            self.limbs[index + 1] += carry;
        }
        let carry = self.limbs[last] >> LIMB_BITS;
        if carry != 0 && carry != -1 {
            self.limbs[last] &= LIMB_MASK;
            self.limbs.push(carry);
        }
    }

    /// The float nearest to this plus an integer, both divided by two to the power of `scale`; ties to even.
    fn rounded(&self, integer: i128, scale: u32) -> f64 {
        let mut total = self.clone();
        let magnitude = integer.unsigned_abs();
        for half in [0, 1] {
            let part = magnitude >> (64 * half) & u128::from(u64::MAX);
            if part != 0 {
                total.add_shifted(part, integer < 0, FRACTION_BITS + 64 * half);
            }
        }
        total.settle();
        let negative = total.limbs.last().is_some_and(|limb| *limb < 0);
        if negative {
            for limb in &mut total.limbs {
                *limb = -*limb;
            }
            total.settle();
        }
        let float = total.nearest(scale as usize);
        if negative { -float } else { float }
    }

    /// The nearest float of this divided by two to the power of `scale`, all limbs being between 0 and 2³².
    fn nearest(&self, scale: usize) -> f64 {
        let Some(top) = self.limbs.iter().rposition(|limb| *limb != 0) else {
            return 0.0;
        };
        // The three topmost limbs hold at least 65 bits, 12 more than a float. They may reach below the unit, where
        // there are zeros.
        let limb = |below: usize| top.checked_sub(below).map_or(0, |index| self.limbs[index] as u128);
        let window = limb(0) << (2 * LIMB_BITS) | limb(1) << LIMB_BITS | limb(2);
        let length = 128 - window.leading_zeros() as usize;
        // Positions of the lowest and the highest bit of the window, counted from the unit.
        let lowest = ((self.low + top) * LIMB_BITS) as isize - 2 * LIMB_BITS as isize;
        let mut highest = lowest + length as isize - 1;
        if highest <= MANTISSA_BITS as isize {
            // The units are those of the least floats, whose bits are just their number.
            return f64::from_bits((window >> lowest.unsigned_abs()) as u64);
        }
        let cut = length - (MANTISSA_BITS + 1);
        let mut mantissa = (window >> cut) as u64;
        let rest = window & ((1 << cut) - 1);
        let half = 1 << (cut - 1);
        let more = self.limbs[..top.saturating_sub(2)].iter().any(|limb| *limb != 0);
        if rest > half || rest == half && (more || mantissa & 1 == 1) {
            mantissa += 1;
            if mantissa == 1 << (MANTISSA_BITS + 1) {
                mantissa >>= 1;
                highest += 1;
            }
        }
        let field = highest as usize + 1 - MANTISSA_BITS - scale;
        if field >= EXPONENT_INFINITE {
            return f64::INFINITY;
        }
        f64::from_bits((field as u64) << MANTISSA_BITS | mantissa & ((1 << MANTISSA_BITS) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::{FixedPoint, UNSETTLED_MOST};

    #[test]
    fn carries_are_settled_before_a_limb_overflows() {
        for sign in [1.0, -1.0] {
            let mut sum = FixedPoint::default();
            let value = sign * f64::from(u32::MAX);
            sum.add(value);
            // As if it had been added very often.
            let times = i64::from(UNSETTLED_MOST - 1);
            for limb in &mut sum.limbs {
                *limb *= times;
            }
            sum.unsettled = UNSETTLED_MOST - 1;
            let mut merged = sum.clone();
            merged.merge(&sum);
            sum.add(value);
            assert!(sum.unsettled < 3 && merged.unsettled < UNSETTLED_MOST);
            assert!(sum.limbs.iter().all(|limb| limb.abs() <= 1 << 32));
            // A product of 32 and 30 bits, and twice it, are rounded to 53 only here.
            let exact = i128::from(u32::MAX) * i128::from(UNSETTLED_MOST);
            assert_eq!(sum.rounded(0, 0), sign * exact as f64);
            let exact = 2 * i128::from(u32::MAX) * i128::from(times);
            assert_eq!(merged.rounded(0, 0), sign * exact as f64);
        }
    }
}

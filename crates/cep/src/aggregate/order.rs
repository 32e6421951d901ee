//! When scalars are equal, and which comes first.

use std::cmp::Ordering;
use std::mem::size_of;
use std::sync::Arc;

use crate::aggregate::Scalar;
use serde::{Deserialize, Serialize};

/// Estimated memory of a value that a `count distinct` remembers.
pub(crate) const DISTINCT_VALUE_BYTES: usize = size_of::<Identity>() + size_of::<u64>() + 1;

/// What makes a scalar different from another, for hashing.
///
/// Integers, and floats that are integers of 64 bits, have one form; so equal numbers have equal identities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Identity {
    Bool(bool),
    Int(i64),
    /// Above [`i64::MAX`].
    Wide(u64),
    /// The bits of a float that is no such integer.
    Float(u64),
    Text(Arc<str>),
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_TO_64: f64 = 18_446_744_073_709_551_616.0;

impl Identity {
    /// `None` for null.
    pub(crate) fn of(scalar: &Scalar) -> Option<Identity> {
        Some(match scalar {
            Scalar::Null => return None,
            Scalar::Bool(value) => Identity::Bool(*value),
            Scalar::Int(value) => Identity::Int(*value),
            Scalar::Wide(value) => i64::try_from(*value).map_or(Identity::Wide(*value), Identity::Int),
            Scalar::Float(value) => Identity::of_float(*value),
            Scalar::Text(value) => Identity::Text(value.clone()),
        })
    }

    /// What it owns on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            // With the two reference counts.
            Identity::Text(text) => text.len() + 2 * size_of::<usize>(),
            Identity::Bool(_) | Identity::Int(_) | Identity::Wide(_) | Identity::Float(_) => 0,
        }
    }

    fn of_float(value: f64) -> Identity {
        if value.is_nan() {
            Identity::Float(f64::NAN.to_bits())
        } else if value.fract() != 0.0 || !(-TWO_TO_63..TWO_TO_64).contains(&value) {
            Identity::Float(value.to_bits())
        } else if value < TWO_TO_63 {
            Identity::Int(value as i64)
        } else {
            Identity::Wide(value as u64)
        }
    }
}

/// The order of `min` and `max`: null, truth values, numbers, texts. Numbers compare exactly, not a number comes last
/// of them and equals itself.
pub(crate) fn compare(left: &Scalar, right: &Scalar) -> Ordering {
    // Most are of this kind, and need no wider numbers.
    if let (Scalar::Int(left), Scalar::Int(right)) = (left, right) {
        return left.cmp(right);
    }
    match (Number::of(left), Number::of(right)) {
        (Some(left), Some(right)) => left.compare(right),
        _ => match (left, right) {
            (Scalar::Bool(left), Scalar::Bool(right)) => left.cmp(right),
            (Scalar::Text(left), Scalar::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
            _ => rank(left).cmp(&rank(right)),
        },
    }
}

/// How two values of one kind compare; `None` if one of them is null or not a number, or they are of different kinds.
pub(crate) fn compare_alike(left: &Scalar, right: &Scalar) -> Option<Ordering> {
    match (left, right) {
        (Scalar::Int(left), Scalar::Int(right)) => Some(left.cmp(right)),
        (Scalar::Bool(left), Scalar::Bool(right)) => Some(left.cmp(right)),
        (Scalar::Text(left), Scalar::Text(right)) => Some(left.as_bytes().cmp(right.as_bytes())),
        (Scalar::Float(left), Scalar::Float(right)) => left.partial_cmp(right),
        _ => match (Number::of(left)?, Number::of(right)?) {
            (left, right) if left.is_nan() || right.is_nan() => None,
            (left, right) => Some(left.compare(right)),
        },
    }
}

/// A number in one of two classes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Integer(i128),
    Float(f64),
}

impl Number {
    /// `None` if it is no number.
    pub(crate) fn of(scalar: &Scalar) -> Option<Number> {
        match scalar {
            Scalar::Int(value) => Some(Number::Integer(i128::from(*value))),
            Scalar::Wide(value) => Some(Number::Integer(i128::from(*value))),
            Scalar::Float(value) => Some(Number::Float(*value)),
            Scalar::Null | Scalar::Text(_) | Scalar::Bool(_) => None,
        }
    }

    fn is_nan(self) -> bool {
        matches!(self, Number::Float(value) if value.is_nan())
    }

    fn compare(self, other: Number) -> Ordering {
        match (self, other) {
            (Number::Integer(left), Number::Integer(right)) => left.cmp(&right),
            (Number::Integer(left), Number::Float(right)) => compare_integer(left, right),
            (Number::Float(left), Number::Integer(right)) => compare_integer(right, left).reverse(),
            (Number::Float(left), Number::Float(right)) => {
                left.partial_cmp(&right).unwrap_or_else(|| left.is_nan().cmp(&right.is_nan()))
            }
        }
    }
}

/// Compares an integer of 64 bits with a float, without rounding either.
fn compare_integer(integer: i128, float: f64) -> Ordering {
    if float.is_nan() || float >= TWO_TO_64 {
        return Ordering::Less;
    }
    if float < -TWO_TO_63 {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    integer
        .cmp(&(whole as i128))
        .then_with(|| 0.0_f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

fn rank(scalar: &Scalar) -> u8 {
    match scalar {
        Scalar::Null => 0,
        Scalar::Bool(_) => 1,
        Scalar::Int(_) | Scalar::Wide(_) | Scalar::Float(_) => 2,
        Scalar::Text(_) => 3,
    }
}

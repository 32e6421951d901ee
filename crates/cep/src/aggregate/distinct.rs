//! How many different values there are: exactly while they are few, then by a sketch.

use std::borrow::Cow;

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::aggregate::Scalar;
use crate::aggregate::order::{DISTINCT_VALUE_BYTES, Identity};
use crate::aggregate::sketch::{SKETCH_BYTES, Sketch};

/// Values that are counted exactly at most.
pub(crate) const EXACT_MAX: usize = 1_000;

/// The different values among those that came.
///
/// What it comes to depends on the values alone, not on their order or on the parts in which they came: it is exact just
/// as long as there are at most [`EXACT_MAX`] different ones, and the registers of a HyperLogLog sketch (Flajolet, Fusy,
/// Gandouet, Meunier: "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", AofA 2007) are
/// maxima. The hash has a fixed seed.
#[derive(Clone, Debug)]
pub(crate) enum Distinct {
    Exact {
        values: HashSet<Identity, RandomState>,
        /// What the values own.
        texts: usize,
    },
    Sketch(Sketch),
}

/// The form in which it is kept, with the values in their order.
#[derive(Serialize, Deserialize)]
enum Written<'a, I> {
    Exact(Vec<I>),
    Sketch(Cow<'a, Sketch>),
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct::Exact { values: HashSet::default(), texts: 0 }
    }
}

impl Distinct {
    pub(crate) fn add(&mut self, scalar: &Scalar) {
        if let Some(identity) = Identity::of(scalar) {
            self.insert(&identity);
        }
    }

    pub(crate) fn merge(&mut self, other: &Distinct) {
        match (&mut *self, other) {
            (_, Distinct::Exact { values, .. }) => values.iter().for_each(|value| self.insert(value)),
            (Distinct::Sketch(sketch), Distinct::Sketch(other)) => sketch.merge(other),
            (Distinct::Exact { values, .. }, Distinct::Sketch(other)) => {
                let mut sketch = other.clone();
                values.iter().for_each(|value| sketch.insert(value));
                *self = Distinct::Sketch(sketch);
            }
        }
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Distinct::Exact { values, .. } => values.len() as u64,
            Distinct::Sketch(sketch) => sketch.count(),
        }
    }

    pub(crate) fn is_approximate(&self) -> bool {
        matches!(self, Distinct::Sketch(_))
    }

    /// How many values are remembered.
    pub(crate) fn values(&self) -> usize {
        match self {
            Distinct::Exact { values, .. } => values.len(),
            Distinct::Sketch(_) => 0,
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        match self {
            Distinct::Exact { values, texts } => values.len() * DISTINCT_VALUE_BYTES + texts,
            Distinct::Sketch(_) => SKETCH_BYTES,
        }
    }

    /// By how many remembered values and bytes this would grow with a value.
    pub(crate) fn growth(&self, scalar: &Scalar) -> (isize, isize) {
        match (self, Identity::of(scalar)) {
            (Distinct::Exact { values, .. }, Some(identity)) if !values.contains(&identity) => {
                if values.len() < EXACT_MAX {
                    (1, (DISTINCT_VALUE_BYTES + scalar.heap_bytes()) as isize)
                } else {
                    (-(values.len() as isize), SKETCH_BYTES as isize - self.heap_bytes() as isize)
                }
            }
            _ => (0, 0),
        }
    }

    fn insert(&mut self, value: &Identity) {
        match self {
            Distinct::Exact { values, texts } => {
                if values.contains(value) {
                    return;
                }
                if values.len() < EXACT_MAX {
                    *texts += value.heap_bytes();
                    values.insert(value.clone());
                    return;
                }
                let mut sketch = Sketch::new();
                values.iter().for_each(|value| sketch.insert(value));
                sketch.insert(value);
                *self = Distinct::Sketch(sketch);
            }
            Distinct::Sketch(sketch) => sketch.insert(value),
        }
    }
}

impl Serialize for Distinct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = match self {
            Distinct::Exact { values, .. } => {
                let mut values: Vec<&Identity> = values.iter().collect();
                values.sort_unstable();
                Written::Exact(values)
            }
            Distinct::Sketch(sketch) => Written::Sketch(Cow::Borrowed(sketch)),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Distinct, D::Error> {
        match Written::<Identity>::deserialize(deserializer)? {
            Written::Exact(values) if values.len() > EXACT_MAX => {
                Err(D::Error::invalid_length(values.len(), &"a set of values"))
            }
            Written::Exact(values) => {
                let values: HashSet<Identity, RandomState> = values.into_iter().collect();
                let texts = values.iter().map(Identity::heap_bytes).sum();
                Ok(Distinct::Exact { values, texts })
            }
            Written::Sketch(sketch) => Ok(Distinct::Sketch(sketch.into_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = i64>) -> Distinct {
        let mut distinct = Distinct::default();
        values.into_iter().for_each(|value| distinct.add(&Scalar::Int(value)));
        distinct
    }

    #[test]
    fn it_is_exact_up_to_a_limit() {
        let most = EXACT_MAX as i64;
        let full = of((0..most).chain(0..most));
        assert_eq!((full.count(), full.is_approximate()), (EXACT_MAX as u64, false));
        let more = of(0..=most);
        assert!(more.is_approximate() && more.count().abs_diff(EXACT_MAX as u64 + 1) <= 24, "{more:?}");
    }

    #[test]
    fn estimates_lie_within_three_standard_errors() {
        for count in [1_500, 5_000, 40_000, 100_000] {
            let told = of(0..count).count() as f64;
            let error = (told - count as f64).abs() / count as f64;
            assert!(error < 3.0 * 0.0082, "{told} of {count}");
        }
    }

    #[test]
    fn neither_order_nor_division_shows() {
        for count in [900, 1_001, 1_400, 1_535, 1_537, 1_600, 3_000, 20_000] {
            let told = of(0..count).count();
            assert_eq!(of((0..count).rev()).count(), told, "{count} backwards");
            for cut in
                [1, 500, 1_100, count / 2, count - 1_050].into_iter().filter(|cut| (0..count).contains(cut))
            {
                for (left, right) in [(0..cut, cut..count), (0..cut, 0..count), (cut..count, 0..cut)] {
                    let mut merged = of(left.clone());
                    merged.merge(&of(right.clone()));
                    assert_eq!(merged.count(), told, "{left:?} and {right:?}");
                    assert_eq!(merged.is_approximate(), told > EXACT_MAX as u64, "{left:?} and {right:?}");
                }
            }
        }
    }

    #[test]
    fn growth_is_what_comes_about() {
        let mut distinct = Distinct::default();
        for index in 0..2_000 {
            let scalar = match index % 3 {
                0 => Scalar::Int(index / 2),
                _ => Scalar::Text(format!("value {}", index / 2).into()),
            };
            let before = (distinct.values() as isize, distinct.heap_bytes() as isize);
            let growth = distinct.growth(&scalar);
            distinct.add(&scalar);
            let after = (distinct.values() as isize, distinct.heap_bytes() as isize);
            assert_eq!((after.0 - before.0, after.1 - before.1), growth, "value {index}");
        }
        assert!(distinct.is_approximate());
    }
}

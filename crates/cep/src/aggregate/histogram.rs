//! Percentiles of values that only come in, in bounded memory.

use std::mem::size_of;

use serde::{Deserialize, Serialize};

use crate::aggregate::Scalar;
use crate::aggregate::percentile::{FloatKey, Position};

/// Values that are told apart at most.
pub(crate) const CLASSES_MAX: usize = 2_048;

/// How often which values occurred: each for itself while they are at most [`CLASSES_MAX`] different ones, then by classes
/// that are as fine as that number allows.
///
/// A class is made of the floats that differ in so many of their lowest bits only; so its width is a fixed part of its
/// values. With one more bit two neighbours become one class. This is the uniform collapse of UDDSketch (Epicoco, Melle,
/// Cafaro, Pulimeno, Morleo: "UDDSketch: Accurate Tracking of Quantiles in Data Streams", IEEE Access 8, 2020) with the
/// bits of floats in place of logarithms, which are not the same on all machines. Where nothing was lost yet, nothing
/// else than the level is needed to merge: the level is the lowest at which the classes of all values are few enough, in
/// whatever order and parts these come. So the result depends on the values alone.
///
/// The percentile of values within 32 octaves (a factor of four billion) is off by 2⁻⁷ (0.8 %) of either value between
/// which it lies at most: 64 classes an octave. The fewer octaves have values, the less.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub(crate) struct Histogram {
    /// How many of the lowest bits are not told apart.
    level: u32,
    /// The first key of each class, ascending, and how many values are in it.
    classes: Vec<(FloatKey, u64)>,
    count: u64,
    /// Least and greatest value.
    bounds: Option<(FloatKey, FloatKey)>,
}

/// A histogram as it was read.
#[derive(Deserialize)]
struct Unchecked {
    level: u32,
    classes: Vec<(FloatKey, u64)>,
    count: u64,
    bounds: Option<(FloatKey, FloatKey)>,
}

impl Histogram {
    /// How many numbers were added.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a number; other scalars are ignored.
    pub(crate) fn add(&mut self, scalar: &Scalar) {
        let Some(key) = FloatKey::of(scalar) else { return };
        self.count += 1;
        self.widen(key, key);
        let class = key.class(self.level).0;
        match self.find(class) {
            Ok(place) => self.classes[place].1 += 1,
            Err(place) => {
                self.classes.insert(place, (class, 1));
                self.coarsen();
            }
        }
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        self.count += other.count;
        if let Some((least, greatest)) = other.bounds {
            self.widen(least, greatest);
        }
        self.level = self.level.max(other.level);
        let mut merged: Vec<(FloatKey, u64)> =
            Vec::with_capacity(self.classes.len().max(other.classes.len()));
        let (mut own, mut others) = (self.classes.iter().peekable(), other.classes.iter().peekable());
        loop {
            let next = match (own.peek(), others.peek()) {
                (Some((left, _)), Some((right, _))) if right < left => others.next(),
                (Some(_), _) => own.next(),
                (None, _) => others.next(),
            };
            let Some((class, count)) = next else { break };
            push(&mut merged, class.class(self.level).0, *count);
        }
        self.classes = merged;
        self.coarsen();
    }

    /// The percentile, null if there are no numbers.
    pub(crate) fn percentile(&self, billionths: u32) -> Scalar {
        let Some(position) = Position::of(billionths, self.count) else { return Scalar::Null };
        let mut before = 0;
        let mut lower = None;
        for (class, count) in &self.classes {
            before += count;
            if lower.is_none() && position.rank < before {
                lower = Some(self.value(*class, position.rank));
                if !position.is_between() {
                    break;
                }
            }
            if let Some(lower) = lower
                && position.rank + 1 < before
            {
                return Scalar::Float(position.interpolate(lower, self.value(*class, position.rank + 1)));
            }
        }
        lower.map_or(Scalar::Null, Scalar::Float)
    }

    /// Whether values are no longer told apart.
    pub(crate) fn is_approximate(&self) -> bool {
        self.level > 0
    }

    pub(crate) fn classes(&self) -> usize {
        self.classes.len()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.classes.len() * size_of::<(FloatKey, u64)>()
    }

    /// By how many classes this grows with a value, at most.
    pub(crate) fn growth(&self, scalar: &Scalar) -> usize {
        let is_new = FloatKey::of(scalar).is_some_and(|key| self.find(key.class(self.level).0).is_err());
        usize::from(is_new && self.classes.len() < CLASSES_MAX)
    }

    pub(crate) fn bytes_per_class() -> usize {
        size_of::<(FloatKey, u64)>()
    }

    fn find(&self, class: FloatKey) -> Result<usize, usize> {
        self.classes.binary_search_by_key(&class, |(class, _)| *class)
    }

    fn widen(&mut self, least: FloatKey, greatest: FloatKey) {
        self.bounds = Some(match self.bounds {
            Some((low, high)) => (low.min(least), high.max(greatest)),
            None => (least, greatest),
        });
    }

    /// Tells less apart until the classes are few enough.
    fn coarsen(&mut self) {
        while self.classes.len() > CLASSES_MAX {
            self.level += 1;
            let mut coarser = Vec::with_capacity(CLASSES_MAX);
            for (class, count) in &self.classes {
                push(&mut coarser, class.class(self.level).0, *count);
            }
            self.classes = coarser;
        }
    }

    /// The value at a rank that lies in this class, as near as it is known: the middle of the class.
    fn value(&self, class: FloatKey, rank: u64) -> f64 {
        let Some((least, greatest)) = self.bounds else { return f64::NAN };
        let (first, last) = class.class(self.level);
        let (first, last) = (first.max(least), last.min(greatest));
        if rank == 0 || first == last {
            first.float()
        } else if rank + 1 == self.count {
            greatest.float()
        } else {
            first.float() / 2.0 + last.float() / 2.0
        }
    }
}

impl TryFrom<Unchecked> for Histogram {
    type Error = &'static str;

    fn try_from(Unchecked { level, classes, count, bounds }: Unchecked) -> Result<Histogram, &'static str> {
        let is_class = |(key, count): &(FloatKey, u64)| *count > 0 && key.class(level).0 == *key;
        let sum = classes.iter().try_fold(0, |sum: u64, (_, count)| sum.checked_add(*count));
        let ends = (classes.first().map(|(key, _)| *key), classes.last().map(|(key, _)| *key));
        let ends_of_bounds = bounds.map(|(least, greatest)| (least.class(level).0, greatest.class(level).0));
        let holds = level <= u64::BITS
            && classes.len() <= CLASSES_MAX
            && classes.iter().all(is_class)
            && classes.is_sorted_by(|(left, _), (right, _)| left < right)
            && sum == Some(count)
            && ends == ends_of_bounds.unzip()
            && bounds.is_none_or(|(least, greatest)| {
                least <= greatest && least.float().is_finite() && greatest.float().is_finite()
            });
        if holds { Ok(Histogram { level, classes, count, bounds }) } else { Err("no histogram") }
    }
}

/// Adds to the last class, or makes a new one.
fn push(classes: &mut Vec<(FloatKey, u64)>, class: FloatKey, count: u64) {
    match classes.last_mut().filter(|(last, _)| *last == class) {
        Some((_, sum)) => *sum += count,
        None => classes.push((class, count)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.add(&Scalar::Float(*value)));
        histogram
    }

    /// Values over so many octaves, evenly spread over their logarithms.
    fn spread(count: u32, octaves: f64) -> Vec<f64> {
        (0..count).map(|index| (octaves * f64::from(index) / f64::from(count)).exp2()).collect()
    }

    #[test]
    fn many_occurrences_of_few_values_stay_exact() {
        let values: Vec<f64> = (0..102_400).map(|index| f64::from(index % CLASSES_MAX as i32)).collect();
        let histogram = of(&values);
        assert!(!histogram.is_approximate());
        assert_eq!(histogram.percentile(500_000_000), Scalar::Float(1_023.5));
    }

    #[test]
    fn one_value_more_makes_it_approximate() {
        let values: Vec<f64> = (0..=CLASSES_MAX).map(|index| index as f64).collect();
        let histogram = of(&values);
        assert!(histogram.is_approximate() && histogram.classes() <= CLASSES_MAX);
        assert_eq!(histogram.percentile(0), Scalar::Float(0.0));
        assert_eq!(histogram.percentile(1_000_000_000), Scalar::Float(CLASSES_MAX as f64));
    }

    #[test]
    fn the_error_is_that_of_the_documentation() {
        let check = |values: Vec<f64>, bound: f64| {
            let histogram = of(&values);
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            let mut worst: f64 = 0.0;
            for permille in 0..=1_000_u32 {
                let position = Position::of(permille * 1_000_000, sorted.len() as u64).unwrap();
                let lower = sorted[position.rank as usize];
                let upper = sorted[(position.rank as usize + 1).min(sorted.len() - 1)];
                let exact = position.interpolate(lower, upper);
                let Scalar::Float(told) = histogram.percentile(permille * 1_000_000) else { panic!() };
                worst = worst.max((told - exact).abs() / lower.abs().max(upper.abs()));
            }
            assert!(worst <= bound, "off by {worst}");
            worst
        };
        // Nine decades, four, and one.
        assert!(check(spread(50_000, 31.9), 1.0 / 128.0) > 1.0 / 512.0);
        check(spread(50_000, 13.2), 1.0 / 256.0);
        check(spread(50_000, 3.3), 1.0 / 1_024.0);
        let both: Vec<f64> = spread(50_000, 15.0).into_iter().flat_map(|value| [value, -value]).collect();
        check(both, 1.0 / 128.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Neither the order in which values come nor the parts into which they are cut show.
        #[test]
        fn the_values_alone_decide(
            values in prop::collection::vec(prop_oneof![
                proptest::num::f64::NORMAL,
                0.0_f64..1e6,
                (-50_i32..50).prop_map(f64::from),
            ], 0..6_000),
            cut in 0.0_f64..1.0,
        ) {
            let whole = of(&values);
            let (head, tail) = values.split_at((values.len() as f64 * cut) as usize);
            let mut merged = of(head);
            merged.merge(&of(tail));
            prop_assert_eq!(&merged, &whole);
            let mut other = of(tail);
            other.merge(&of(head));
            prop_assert_eq!(&other, &whole);
            prop_assert!(whole.classes() <= CLASSES_MAX);
            prop_assert_eq!(whole.classes.iter().map(|(_, count)| count).sum::<u64>(), values.len() as u64);
        }
    }
}

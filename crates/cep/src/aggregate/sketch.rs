//! An estimate of how many different values there are, in the place of the values.

use std::fmt;
use std::hash::{Hash, Hasher};

use datasketches::hll::{HllSketch, HllType, HllUnion};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_bytes::ByteBuf;

use crate::aggregate::order::Identity;

/// A HyperLogLog sketch.
#[derive(Clone)]
pub(crate) struct Sketch(Box<HllSketch>);

/// Two to the power of this is the number of a sketch's registers, of a byte each. The standard error is
/// 1.04 / √2¹⁴ = 0.8 %.
const SKETCH_REGISTERS_LOG2: u8 = 14;

/// The memory of a sketch.
pub(crate) const SKETCH_BYTES: usize = (1 << SKETCH_REGISTERS_LOG2) + 128;

/// A value as the bytes that are hashed, which are the same on all machines and in all versions.
struct Stable<'a>(&'a Identity);

/// What the library writes, which is the format of all libraries of DataSketches: while it has few values, four bytes of
/// each, the hash and the register's value; then the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Image {
    Coupons,
    Registers,
}

impl Sketch {
    pub(crate) fn new() -> Sketch {
        let sketch = HllSketch::new(SKETCH_REGISTERS_LOG2, HllType::Hll8);
        Sketch(Box::new(sketch.expect("the number of registers is within the range of the library")))
    }

    pub(crate) fn insert(&mut self, value: &Identity) {
        self.0.update(Stable(value));
    }

    pub(crate) fn merge(&mut self, other: &Sketch) {
        let union = HllUnion::new(SKETCH_REGISTERS_LOG2);
        let mut union = union.expect("the number of registers is within the range of the library");
        union.update(&self.0);
        union.update(&other.0);
        *self.0 = union.to_sketch(HllType::Hll8);
    }

    pub(crate) fn count(&self) -> u64 {
        // The library's other estimate is a little better, but depends on the order of the values.
        self.0.composite_estimate().round() as u64
    }

    /// It as bytes, which are the same for the same values in whatever order they came.
    fn image(&self) -> Vec<u8> {
        // What merges leave does not have the library's other estimate.
        let mut merged = self.clone();
        merged.merge(self);
        let mut image = merged.0.serialize();
        if Image::of(&image) == Some(Image::Coupons) {
            let (coupons, _) = image[Image::Coupons.preamble()..].as_chunks_mut::<COUPON_BYTES>();
            coupons.sort_unstable();
        }
        image
    }

    /// The sketch whose image this is.
    fn of_image(image: &[u8]) -> Option<Sketch> {
        let kind = Image::of(image)?;
        let is_sound = match kind {
            Image::Coupons => true,
            Image::Registers => image.get(kind.preamble()..)?.iter().all(|value| *value <= REGISTER_MAX),
        };
        let sketch = is_sound.then(|| HllSketch::deserialize(image).ok()).flatten()?;
        let sketch = (sketch.lg_config_k() == SKETCH_REGISTERS_LOG2).then(|| Sketch(Box::new(sketch)))?;
        (sketch.image() == image).then_some(sketch)
    }
}

const COUPON_BYTES: usize = 4;

/// No more leading zeros are counted of a hash.
const REGISTER_MAX: u8 = 63;

impl Image {
    /// Which one it is, by the byte that says so; `None` for what sketches of this kind are not written as.
    fn of(image: &[u8]) -> Option<Image> {
        match image.get(7)? {
            0b1001 => Some(Image::Coupons),
            0b1010 => Some(Image::Registers),
            _ => None,
        }
    }

    /// How many bytes come before what it consists of.
    fn preamble(self) -> usize {
        match self {
            Image::Coupons => 12,
            Image::Registers => 40,
        }
    }
}

impl Serialize for Sketch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.image())
    }
}

impl<'de> Deserialize<'de> for Sketch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sketch, D::Error> {
        let image = ByteBuf::deserialize(deserializer)?;
        Sketch::of_image(&image).ok_or_else(|| D::Error::custom("no image of a sketch"))
    }
}

impl fmt::Debug for Sketch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sketch({})", self.count())
    }
}

impl Hash for Stable<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut write = |class: u8, bytes: &[u8]| {
            state.write(&[class]);
            state.write(bytes);
        };
        match self.0 {
            Identity::Bool(value) => write(0, &[u8::from(*value)]),
            Identity::Int(value) => write(1, &value.to_le_bytes()),
            Identity::Wide(value) => write(2, &value.to_le_bytes()),
            Identity::Float(bits) => write(3, &bits.to_le_bytes()),
            Identity::Text(text) => write(4, text.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = i64>) -> Sketch {
        let mut sketch = Sketch::new();
        values.into_iter().for_each(|value| sketch.insert(&Identity::Int(value)));
        sketch
    }

    const COUNTS: [i64; 5] = [1_001, 1_500, 1_600, 3_000, 40_000];

    #[test]
    fn images_are_read_as_what_was_written_whatever_the_order() {
        for count in COUNTS {
            let image = of(0..count).image();
            assert!(of((0..count).rev()).image() == image, "{count} backwards");
            let mut merged = of(0..count / 2);
            merged.merge(&of(count / 3..count));
            assert!(merged.image() == image, "{count} merged");
            let mut read = Sketch::of_image(&image).unwrap();
            assert_eq!(read.count(), of(0..count).count());
            (0..count + 700).for_each(|value| read.insert(&Identity::Int(value)));
            assert!(read.image() == of(0..count + 700).image(), "{count} and more");
        }
        let images = COUNTS.map(|count| Image::of(&of(0..count).image()).unwrap());
        assert!(images.contains(&Image::Coupons) && images.contains(&Image::Registers));
    }

    #[test]
    fn what_no_sketch_was_written_as_is_no_image() {
        assert!(Sketch::of_image(&[]).is_none());
        for count in [1_001, 3_000] {
            let image = of(0..count).image();
            let read = |change: &dyn Fn(&mut Vec<u8>)| {
                let mut changed = image.clone();
                change(&mut changed);
                Sketch::of_image(&changed)
            };
            assert!(read(&|_| {}).is_some());
            assert!(read(&|image| image.push(0)).is_none());
            for place in (0..50).chain(50..image.len().min(200)) {
                assert!(read(&|image| image.truncate(place)).is_none(), "{count} cut at {place}");
                for value in [0, 1, 63, 64, 127, 255] {
                    let sketch = read(&|image| image[place] = value);
                    // Another coupon is another value, if it is in its place.
                    let may_be = image[place] == value || count == 1_001 && place >= 12;
                    assert!(sketch.is_none() || may_be, "{count} with {value} at {place}");
                }
            }
        }
    }
}

//! A hash table of constant texts, for look-ups that mostly find nothing.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Texts, numbered in the order in which they were given. They come from rules, so no event can make them collide.
#[derive(Debug)]
pub(crate) struct Texts {
    /// By hash; a text whose slot is taken stands in the next free one.
    slots: Vec<Option<Slot>>,
    /// The texts, to compare those with that are long.
    texts: Vec<Box<str>>,
    long: FixedState,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    words: Words,
    number: u32,
}

/// What a text is told by: all of it, if it is no longer than [`SHORT`], which most are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Words {
    first: u64,
    last: u64,
    length: usize,
}

/// Bytes that fit into two words.
const SHORT: usize = 16;

impl Texts {
    /// The texts, which are distinct.
    pub(crate) fn new(texts: Vec<Box<str>>) -> Self {
        let size = (texts.len() * 4).next_power_of_two();
        let mut own = Self { slots: vec![None; size], texts, long: FixedState::default() };
        for (number, text) in (0..).zip(&own.texts) {
            let words = own.words(text);
            let mut at = words.hash() & (size - 1);
            while own.slots[at].is_some() {
                at = (at + 1) & (size - 1);
            }
            own.slots[at] = Some(Slot { words, number });
        }
        own
    }

    #[inline]
    pub(crate) fn get(&self, text: &str) -> Option<usize> {
        let words = self.words(text);
        let mask = self.slots.len() - 1;
        let mut at = words.hash() & mask;
        loop {
            let slot = self.slots[at].as_ref()?;
            let number = slot.number as usize;
            if slot.words == words && (words.length <= SHORT || *self.texts[number] == *text) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
    }

    #[inline]
    fn words(&self, text: &str) -> Words {
        let bytes = text.as_bytes();
        let (first, last) = match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            (Some(first), Some(last)) if bytes.len() <= SHORT => {
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            }
            (Some(_), Some(_)) => (self.long.hash_one(bytes), 0),
            _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
                }
                _ => match *bytes {
                    [] => (0, 0),
                    [one] => (one.into(), 0),
                    [one, two] => (one.into(), two.into()),
                    [one, two, ref rest @ ..] => {
                        (u64::from(one) | u64::from(two) << 8, rest.first().copied().unwrap_or(0).into())
                    }
                },
            },
        };
        Words { first, last, length: bytes.len() }
    }
}

impl Words {
    #[inline]
    fn hash(&self) -> usize {
        const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (self.first ^ self.last.rotate_left(29) ^ self.length as u64).wrapping_mul(MULTIPLIER);
        (mixed >> 32) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn texts_of_all_lengths_are_found() {
        let texts: Vec<Box<str>> =
            (0..600).map(|length| "abcdé".repeat(40)[..length % 201 / 5 * 6].into()).collect();
        let mut texts: Vec<Box<str>> =
            texts.into_iter().enumerate().map(|(at, text)| format!("{text}{at}").into()).collect();
        texts.push("".into());
        let table = Texts::new(texts.clone());
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(table.get(text), Some(number));
            assert_eq!(table.get(&format!("{text}x")), None);
        }
    }
}

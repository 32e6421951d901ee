//! A hash table of constant texts, for look-ups that mostly find nothing.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Texts, numbered in the order in which they were given. They come from rules, so no event can make them collide.
#[derive(Debug)]
pub(crate) struct Texts {
    /// By hash, one more than the number of the text that stands there or has been moved on from before; 0 for none.
    slots: Vec<u32>,
    texts: Vec<Box<str>>,
    long: FixedState,
}

impl Texts {
    /// The texts, which are distinct.
    pub(crate) fn new(texts: Vec<Box<str>>) -> Self {
        let size = (texts.len() * 4).next_power_of_two();
        let mut own = Self { slots: vec![0; size], texts, long: FixedState::default() };
        for (number, text) in (1..).zip(&own.texts) {
            let mut slot = own.hash(text) & (size - 1);
            while own.slots[slot] > 0 {
                slot = (slot + 1) & (size - 1);
            }
            own.slots[slot] = number;
        }
        own
    }

    #[inline]
    pub(crate) fn get(&self, text: &str) -> Option<usize> {
        let mask = self.slots.len() - 1;
        let mut slot = self.hash(text) & mask;
        loop {
            let number = self.slots[slot].checked_sub(1)? as usize;
            if *self.texts[number] == *text {
                return Some(number);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// All of a short text in two words, which is what most are.
    #[inline]
    fn hash(&self, text: &str) -> usize {
        const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
        let (first, last) = match text.as_bytes() {
            [] => (0, 0),
            bytes @ ([_] | [_, _] | [_, _, _]) => (
                u64::from(bytes[0]) << 8 | u64::from(bytes[bytes.len() / 2]),
                u64::from(bytes[bytes.len() - 1]),
            ),
            bytes => match (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
                (Some(first), Some(last)) if bytes.len() <= 16 => {
                    (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
                }
                (Some(_), Some(_)) => (self.long.hash_one(bytes), 0),
                _ => match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
                    (Some(first), Some(last)) => {
                        (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into())
                    }
                    _ => (0, 0),
                },
            },
        };
        let mixed = (first ^ last.rotate_left(29) ^ text.len() as u64).wrapping_mul(MULTIPLIER);
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

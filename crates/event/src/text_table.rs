//! A hash table of constant texts, for look-ups of many texts that mostly find nothing.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Texts, each with a number. They come from rules, so no event can make them collide.
///
/// Texts are looked up where they stand in a longer buffer, such as that of a column or a payload: one of up to 16 bytes,
/// as most are, is read as one word, without a branch that depends on it. That is inlined by force: it is done for every
/// event, and a call would bring the branch back.
#[derive(Clone, Debug)]
pub struct TextTable {
    /// By hash; a text whose slot is taken stands in the next free one. There are always free ones.
    slots: Box<[Slot]>,
    /// By length, modulo 64, whether there are long texts of it: those of others need not be hashed.
    long_lengths: u64,
    texts: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    words: Words,
    /// No bits if there is no text here, else all.
    used: u64,
    number: u32,
    /// The place of the text among all.
    text: u32,
}

/// What a text is told by: all of it, if it is short.
#[derive(Clone, Copy, Debug)]
struct Words {
    /// The bytes of a short text with zeros after them; the hash of another.
    bytes: u128,
    /// In bytes.
    length: u64,
}

/// Bytes that a short text has at most.
const SHORT: usize = 16;

/// By length of a short text, its bytes among the first so many.
const MASKS: [u128; SHORT + 1] = {
    let mut masks = [u128::MAX; SHORT + 1];
    let mut length = 0;
    while length < SHORT {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

const FREE: Slot = Slot { words: Words { bytes: 0, length: 0 }, used: 0, number: u32::MAX, text: 0 };

impl TextTable {
    /// A table of these texts with their numbers. Of texts that come twice, the first one counts.
    ///
    /// # Panics
    ///
    /// If a number is the largest that there is.
    #[must_use]
    pub fn new(texts: impl IntoIterator<Item = (Box<str>, u32)>) -> Self {
        let (texts, numbers): (Vec<Box<str>>, Vec<u32>) = texts.into_iter().unzip();
        assert!(!numbers.contains(&FREE.number), "the largest number stands for none");
        let size = (texts.len().max(1) * 4).next_power_of_two();
        let mut slots = vec![FREE; size].into_boxed_slice();
        let mut long_lengths = 0;
        for ((at, text), number) in (0..).zip(&texts).zip(numbers) {
            let words = short(text.as_bytes(), 0, text.len()).unwrap_or_else(|| {
                long_lengths |= 1 << (text.len() % 64);
                long(text.as_bytes())
            });
            let mut place = words.hash() & (size - 1);
            while slots[place].used != 0 {
                place = (place + 1) & (size - 1);
            }
            slots[place] = Slot { words, used: u64::MAX, number, text: at };
        }
        Self { slots, long_lengths, texts: texts.into() }
    }

    /// The texts, in the order in which they were given.
    #[must_use]
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// The number of the text that stands in `buffer` from byte `start` to before `end`, if it is here.
    ///
    /// # Panics
    ///
    /// If the buffer has no such bytes.
    #[must_use]
    #[inline(always)]
    pub fn number(&self, buffer: &[u8], start: usize, end: usize) -> Option<u32> {
        let Some(words) = short(buffer, start, end) else { return self.number_of_long(&buffer[start..end]) };
        let mask = self.slots.len() - 1;
        let mut place = words.hash() & mask;
        loop {
            let slot = &self.slots[place];
            // Whether the slot is free or has the text is often as good as random, so there is one answer for both.
            if slot.difference(words) & slot.used == 0 {
                return (slot.number != FREE.number).then_some(slot.number);
            }
            place = (place + 1) & mask;
        }
    }

    fn number_of_long(&self, text: &[u8]) -> Option<u32> {
        if self.long_lengths >> (text.len() % 64) & 1 == 0 {
            return None;
        }
        let words = long(text);
        let mask = self.slots.len() - 1;
        let mut place = words.hash() & mask;
        loop {
            let slot = &self.slots[place];
            if slot.used == 0 {
                return None;
            }
            if slot.difference(words) == 0 && self.texts[slot.text as usize].as_bytes() == text {
                return Some(slot.number);
            }
            place = (place + 1) & mask;
        }
    }
}

impl Slot {
    /// Nothing if the text here is told by these words.
    #[inline(always)]
    fn difference(&self, words: Words) -> u64 {
        let bytes = self.words.bytes ^ words.bytes;
        bytes as u64 | (bytes >> 64) as u64 | (self.words.length ^ words.length)
    }
}

impl Words {
    #[inline(always)]
    fn hash(self) -> usize {
        const LOW: u64 = 0x9E37_79B9_7F4A_7C15;
        const HIGH: u64 = 0xC2B2_AE3D_27D4_EB4F;
        let (low, high) = (self.bytes as u64 ^ LOW, (self.bytes >> 64) as u64 ^ HIGH ^ self.length);
        let product = u128::from(low) * u128::from(high);
        (product as u64 ^ (product >> 64) as u64) as usize
    }
}

/// The words of a short text.
#[inline(always)]
fn short(buffer: &[u8], start: usize, end: usize) -> Option<Words> {
    let mask = MASKS.get(end - start)?;
    let bytes = match buffer[start..].first_chunk::<SHORT>() {
        Some(chunk) => u128::from_le_bytes(*chunk) & mask,
        None => last_bytes(&buffer[start..end]),
    };
    Some(Words { bytes, length: (end - start) as u64 })
}

/// The bytes of a short text at the end of a buffer.
#[cold]
fn last_bytes(text: &[u8]) -> u128 {
    let mut bytes = [0; SHORT];
    bytes[..text.len()].copy_from_slice(text);
    u128::from_le_bytes(bytes)
}

fn long(text: &[u8]) -> Words {
    Words { bytes: FixedState::default().hash_one(text).into(), length: text.len() as u64 }
}

#[cfg(test)]
mod tests {
    use super::TextTable;

    fn number(table: &TextTable, text: &str) -> Option<u32> {
        let alone = table.number(text.as_bytes(), 0, text.len());
        let buffer = format!("before{text}and after it more than a word");
        let within = table.number(buffer.as_bytes(), 6, 6 + text.len());
        assert_eq!(alone, within, "{text}");
        alone
    }

    #[test]
    fn texts_of_all_lengths_are_found() {
        let mut texts: Vec<Box<str>> =
            (0..600).map(|at| format!("{}{at}", &"abcdé".repeat(40)[..at % 201 / 5 * 6]).into()).collect();
        texts.extend(["", "\0", "\0\0", "a\0"].map(Box::from));
        let table = TextTable::new(texts.iter().cloned().zip(7..));
        for (at, text) in (7..).zip(&texts) {
            assert_eq!(number(&table, text), Some(at), "{text:?}");
            assert_eq!(number(&table, &format!("{text}x")), None);
            assert_eq!(number(&table, &format!("{text}\0\0\0")), None);
        }
        assert_eq!(table.texts(), &*texts);
    }

    #[test]
    fn nothing_is_found_among_no_texts() {
        let table = TextTable::new([]);
        assert_eq!((number(&table, ""), number(&table, "a")), (None, None));
    }
}

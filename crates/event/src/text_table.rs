//! A hash table of constant texts, for look-ups of many texts that mostly find nothing.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// Texts, each with a number. They come from rules, so no event can make them collide.
///
/// Texts are looked up where they stand in a longer buffer, such as that of a column or a payload: one of up to 16 bytes,
/// as most are, is read as one word, without a branch that depends on it.
#[derive(Clone, Debug)]
pub struct TextTable {
    /// By hash; a text whose slot is taken stands in the next free one. There are always free ones.
    slots: Box<[Slot]>,
    texts: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The bytes of a short text, zeros after them; the hash of another.
    word: u128,
    /// Length in bytes.
    length: u32,
    number: u32,
    /// The place of the text among all; [`FREE`] if there is none here.
    text: u32,
}

/// Bytes that fit into a word.
const SHORT: usize = 16;

/// By number of bytes, those of a word that a text so long has.
const MASKS: [u128; SHORT + 1] = {
    let mut masks = [u128::MAX; SHORT + 1];
    let mut length = 0;
    while length < SHORT {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

/// The place of no text.
const FREE: u32 = u32::MAX;

impl TextTable {
    /// A table of these texts with their numbers. Of texts that come twice, the first one counts.
    #[must_use]
    pub fn new(texts: impl IntoIterator<Item = (Box<str>, u32)>) -> Self {
        let (texts, numbers): (Vec<Box<str>>, Vec<u32>) = texts.into_iter().unzip();
        let size = (texts.len().max(1) * 4).next_power_of_two();
        let free = Slot { word: 0, length: 0, number: 0, text: FREE };
        let mut slots = vec![free; size].into_boxed_slice();
        for ((at, text), number) in (0..).zip(&texts).zip(numbers) {
            let length = text.len() as u32;
            let word = short(text.as_bytes(), 0, text.len()).unwrap_or_else(|| hash(text.as_bytes()));
            let mut place = place(word, length) & (size - 1);
            while slots[place].text != FREE {
                place = (place + 1) & (size - 1);
            }
            slots[place] = Slot { word, length, number, text: at };
        }
        Self { slots, texts: texts.into() }
    }

    /// The texts, in the order in which they were given.
    #[must_use]
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }

    /// Whether there are no texts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// The number of the text that stands in `buffer` from byte `start` to before `end`, if it is here.
    ///
    /// # Panics
    ///
    /// If the buffer has no such bytes.
    #[must_use]
    #[inline]
    pub fn number(&self, buffer: &[u8], start: usize, end: usize) -> Option<u32> {
        match short(buffer, start, end) {
            Some(word) => self.probe(word, (end - start) as u32, |_| true),
            None => self.number_of_long(&buffer[start..end]),
        }
    }

    #[cold]
    fn number_of_long(&self, text: &[u8]) -> Option<u32> {
        let length = u32::try_from(text.len()).ok()?;
        self.probe(hash(text), length, |at| self.texts[at as usize].as_bytes() == text)
    }

    #[inline]
    fn probe(&self, word: u128, length: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len() - 1;
        let mut place = place(word, length) & mask;
        loop {
            let slot = &self.slots[place];
            let (is_free, is_alike) = (slot.text == FREE, (slot.word == word) & (slot.length == length));
            // Which of the two it is must not be branched on: often that is as good as random.
            if is_free | (is_alike && is_it(slot.text)) {
                return (!is_free).then_some(slot.number);
            }
            place = (place + 1) & mask;
        }
    }
}

/// The word of a text that is no longer than one.
#[inline]
fn short(buffer: &[u8], start: usize, end: usize) -> Option<u128> {
    let mask = MASKS.get(end - start)?;
    Some(match buffer[start..].first_chunk::<SHORT>() {
        Some(chunk) => u128::from_le_bytes(*chunk) & mask,
        None => last_word(&buffer[start..end]),
    })
}

/// The same at the end of a buffer.
#[cold]
fn last_word(text: &[u8]) -> u128 {
    let mut bytes = [0; SHORT];
    bytes[..text.len()].copy_from_slice(text);
    u128::from_le_bytes(bytes)
}

#[cold]
fn hash(text: &[u8]) -> u128 {
    FixedState::default().hash_one(text).into()
}

#[inline]
fn place(word: u128, length: u32) -> usize {
    const LOW: u64 = 0x9E37_79B9_7F4A_7C15;
    const HIGH: u64 = 0xC2B2_AE3D_27D4_EB4F;
    let (low, high) = (word as u64 ^ LOW, (word >> 64) as u64 ^ HIGH ^ u64::from(length));
    let product = u128::from(low) * u128::from(high);
    (product as u64 ^ (product >> 64) as u64) as usize
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
        assert!(table.is_empty());
        assert_eq!((number(&table, ""), number(&table, "a")), (None, None));
    }
}

//! saphyr counts characters, we count bytes.

/// Translates the index of a character into its byte offset.
pub(super) struct Positions<'a> {
    text: &'a str,
    /// Byte offset of every [`STRIDE`]th character; `None` if all of the text is ASCII, where the
    /// two are the same.
    table: Option<Vec<usize>>,
}

/// How many characters lie between two entries of the table: few enough to walk, and enough to
/// keep the table small beside the text.
const STRIDE: usize = 64;

impl<'a> Positions<'a> {
    pub(super) fn new(text: &'a str) -> Positions<'a> {
        let table = (!text.is_ascii()).then(|| {
            let starts = text.char_indices().map(|(at, _)| at);
            starts.step_by(STRIDE).collect()
        });
        Positions { text, table }
    }

    /// The byte offset of a character; the length of the text if there is no such character.
    pub(super) fn byte(&self, index: usize) -> usize {
        let Some(table) = &self.table else {
            return index.min(self.text.len());
        };
        let Some(start) = table.get(index / STRIDE) else {
            return self.text.len();
        };
        let mut rest = self.text[*start..].char_indices();
        rest.nth(index % STRIDE).map_or(self.text.len(), |(at, _)| start + at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_counting(text in "\\PC{0,300}") {
            let positions = Positions::new(&text);
            for (index, (at, _)) in text.char_indices().enumerate() {
                prop_assert_eq!(positions.byte(index), at);
            }
            prop_assert_eq!(positions.byte(text.chars().count()), text.len());
            prop_assert_eq!(positions.byte(usize::MAX), text.len());
        }
    }
}

//! Source files and places in them.

use std::fmt;
use std::sync::Arc;

/// A text with the name under which its user knows it, usually a path.
pub struct SourceFile {
    name: String,
    text: Arc<str>,
    /// What excerpts show, where that is not the text: as long, with its line breaks.
    shown: Option<String>,
    /// Byte offset of the start of each line; the first is 0.
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// A file of that name and text.
    pub fn new(name: impl Into<String>, text: impl Into<Arc<str>>) -> Arc<SourceFile> {
        SourceFile::masked(name, text, |_| None)
    }

    /// A file whose excerpts show what `mask` makes of its text, so that no message shows a secret in it. The mask
    /// replaces characters by as many bytes, so that every place stays what it was; `None` shows the text itself.
    pub fn masked(
        name: impl Into<String>,
        text: impl Into<Arc<str>>,
        mask: impl FnOnce(&str) -> Option<String>,
    ) -> Arc<SourceFile> {
        let text = text.into();
        let shown = mask(&text).filter(|shown| shown.len() == text.len());
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(SourceFile { name: name.into(), text, shown, line_starts })
    }

    /// The name shown to users.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as excerpts show it.
    pub fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.text)
    }

    /// Line and column of a byte offset, both counted from 1, columns in characters. An offset
    /// beyond the end counts as the end; one within a character as the start of that character.
    pub fn line_column(&self, byte: usize) -> (usize, usize) {
        let byte = self.text.floor_char_boundary(byte);
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        (line, self.text[start..byte].chars().count() + 1)
    }

    /// Byte offset of the start of the line that holds `byte`.
    pub(crate) fn line_start(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= byte);
        self.line_starts[line - 1]
    }

    /// Byte offset of the end of the line that holds `byte`, before its line break.
    pub(crate) fn line_end(&self, byte: usize) -> usize {
        let byte = byte.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let end = match self.line_starts.get(line) {
            Some(next) => next - 1,
            None => self.text.len(),
        };
        if end > byte && self.text[..end].ends_with('\r') { end - 1 } else { end }
    }
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceFile").field("name", &self.name).field("bytes", &self.text.len()).finish()
    }
}

/// A range of bytes in a [`SourceFile`]: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// The range from `start` to `end`.
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The empty range at `at`.
    pub fn empty(at: usize) -> Span {
        Span { start: at, end: at }
    }
}

/// A value and where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// `value`, written at `span`.
    pub fn new(value: T, span: Span) -> Spanned<T> {
        Spanned { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: convert(self.value), span: self.span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let file = SourceFile::new("f", "añb\r\n€x");
        assert_eq!(file.line_column(0), (1, 1));
        assert_eq!(file.line_column(3), (1, 3));
        assert_eq!(file.line_column(2), (1, 2), "inside ñ");
        assert_eq!(file.line_column(6), (2, 1));
        assert_eq!(file.line_column(9), (2, 2));
        assert_eq!(file.line_column(1000), (2, 3));
    }

    #[test]
    fn a_mask_keeps_places() {
        let file = SourceFile::masked("f", "a: secret\n", |text| Some(text.replace("secret", "******")));
        assert_eq!((file.text(), file.shown()), ("a: secret\n", "a: ******\n"));
        let file = SourceFile::masked("f", "a: secret\n", |_| Some("moved".to_owned()));
        assert_eq!(file.shown(), file.text());
    }

    #[test]
    fn line_ends_exclude_the_break() {
        let file = SourceFile::new("f", "ab\r\ncd\n");
        assert_eq!((file.line_start(1), file.line_end(1)), (0, 2));
        assert_eq!((file.line_start(5), file.line_end(5)), (4, 6));
        assert_eq!((file.line_start(7), file.line_end(7)), (7, 7));
        assert_eq!(SourceFile::new("f", "").line_end(0), 0);
    }
}

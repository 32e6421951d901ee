//! Texts of a document, and where each of their characters was written.

use std::fmt;
use std::sync::Arc;

use crate::{SourceFile, Span};

/// A text of a document, without quotes, escapes, indentation and folds.
#[derive(Clone)]
pub struct Scalar {
    /// The text.
    pub value: String,
    /// Where it was written, with its quotes; of a block text, its lines without the indicator.
    pub span: Span,
    style: Style,
    file: Arc<SourceFile>,
}

/// How a [`Scalar`] was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes, possibly over several lines.
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// No YAML at all.
    Verbatim,
}

impl Scalar {
    pub(crate) fn new(value: String, span: Span, style: Style, file: &Arc<SourceFile>) -> Scalar {
        Scalar { value, span, style, file: Arc::clone(file) }
    }

    /// The whole of a file that is no YAML, such as an expression given on the command line.
    pub fn verbatim(file: &Arc<SourceFile>) -> Scalar {
        let text = file.text();
        Scalar::new(text.to_owned(), Span::new(0, text.len()), Style::Verbatim, file)
    }

    /// The file that the text stands in.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// Where the bytes `start..end` of [`Scalar::value`] stand in the file, whatever the quoting,
    /// escapes, indentation and folds. An empty range is the place before the character at `start`.
    /// Offsets beyond the value count as its end.
    pub fn locate(&self, start: usize, end: usize) -> Span {
        let Some(places) = self.places() else {
            return self.span;
        };
        let start = self.value.floor_char_boundary(start);
        let end = self.value.ceil_char_boundary(end).max(start);
        let first = self.value[..start].chars().count();
        let count = self.value[start..end].chars().count();

        let from = match places.get(first) {
            Some(place) => place.start,
            None => places.last().map_or(self.span.start, |place| place.end),
        };
        if count == 0 {
            return Span::empty(from);
        }
        let to = places.get(first + count - 1).map_or(from, |place| place.end);
        Span::new(from, to.max(from))
    }

    /// The place of each character of the value. `None` if the text of the file does not read as
    /// the value, which only a node that was not written as such (`key:`) can bring about.
    fn places(&self) -> Option<Vec<Span>> {
        let text = self.file.text();
        let reading = match self.style {
            Style::Verbatim => return Some(verbatim(&self.value, self.span.start)),
            Style::Plain | Style::Single | Style::Double => read_flow(text, self.span, self.style),
            Style::Literal | Style::Folded => read_block(text, self.span.start, &self.value, self.style)?,
        };
        (reading.value == self.value).then_some(reading.places)
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}..{}", self.value, self.span.start, self.span.end)
    }
}

/// Two texts are equal if they read the same, wherever they stand.
impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        self.value == other.value
    }
}

impl Eq for Scalar {}

/// Where a quoted text that starts at `start` ends, its closing quote included.
pub(crate) fn quoted_end(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = *bytes.get(start)?;
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' if quote == b'"' => at += 1,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// A value as it is read again from the text, with the place of each character.
#[derive(Default)]
struct Reading {
    value: String,
    places: Vec<Span>,
}

impl Reading {
    fn push(&mut self, character: char, place: Span) {
        self.value.push(character);
        self.places.push(place);
    }

    fn push_line(&mut self, text: &str, line: Span) {
        for (offset, character) in text[line.start..line.end].char_indices() {
            let at = line.start + offset;
            self.push(character, Span::new(at, at + character.len_utf8()));
        }
    }
}

fn verbatim(value: &str, start: usize) -> Vec<Span> {
    value.char_indices().map(|(at, c)| Span::new(start + at, start + at + c.len_utf8())).collect()
}

/// Reads plain and quoted texts: a line break is a blank, further ones are breaks, blanks around
/// breaks are nothing.
fn read_flow(text: &str, span: Span, style: Style) -> Reading {
    let (mut at, end) = match style {
        Style::Plain => (span.start, span.end),
        _ => (span.start + 1, span.end.saturating_sub(1)),
    };
    let mut reading = Reading::default();
    // After an escaped line break, nothing stands for the first break.
    let mut escaped_break = false;
    while at < end {
        let rest = &text[at..end];
        let run = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        if run > 0 || escaped_break {
            let breaks = line_breaks(text, at, at + run);
            if escaped_break {
                breaks.iter().for_each(|place| reading.push('\n', *place));
                escaped_break = false;
            } else {
                match breaks.as_slice() {
                    [] => reading.push_line(text, Span::new(at, at + run)),
                    [place] => reading.push(' ', *place),
                    [_, more @ ..] => more.iter().for_each(|place| reading.push('\n', *place)),
                }
            }
            at += run;
        } else if style == Style::Single && rest.starts_with("''") {
            reading.push('\'', Span::new(at, at + 2));
            at += 2;
        } else if style == Style::Double && rest.starts_with('\\') {
            let (character, length) = unescape(rest);
            match character {
                Some(character) => reading.push(character, Span::new(at, at + length)),
                None => escaped_break = true,
            }
            at += length;
        } else if let Some(character) = rest.chars().next() {
            let length = character.len_utf8();
            reading.push(character, Span::new(at, at + length));
            at += length;
        }
    }
    reading
}

/// The character that an escape sequence stands for and the sequence's length in bytes; no
/// character for an escaped line break. Sequences that YAML does not know stand for themselves:
/// the parser has refused them before.
fn unescape(text: &str) -> (Option<char>, usize) {
    let Some(kind) = text[1..].chars().next() else {
        return (Some('\\'), 1);
    };
    let hex = |digits: usize| {
        let character = text
            .get(2..2 + digits)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .and_then(char::from_u32);
        match character {
            Some(character) => (Some(character), 2 + digits),
            None => (Some('\\'), 1),
        }
    };
    let character = match kind {
        'x' => return hex(2),
        'u' => return hex(4),
        'U' => return hex(8),
        '\r' if text[2..].starts_with('\n') => return (None, 3),
        '\n' | '\r' => return (None, 2),
        '0' => '\0',
        'a' => '\x07',
        'b' => '\x08',
        't' => '\t',
        'n' => '\n',
        'v' => '\x0b',
        'f' => '\x0c',
        'r' => '\r',
        'e' => '\x1b',
        'N' => '\u{85}',
        '_' => '\u{a0}',
        'L' => '\u{2028}',
        'P' => '\u{2029}',
        other => other,
    };
    (Some(character), 1 + kind.len_utf8())
}

/// The line breaks in a range of the text; `\r\n` is one.
fn line_breaks(text: &str, start: usize, end: usize) -> Vec<Span> {
    let mut breaks = Vec::new();
    let mut at = start;
    while at < end {
        match break_at(text, at) {
            Some(place) => {
                breaks.push(place);
                at = place.end;
            }
            None => at += 1,
        }
    }
    breaks
}

fn break_at(text: &str, at: usize) -> Option<Span> {
    let bytes = text.as_bytes();
    match bytes.get(at)? {
        b'\r' if bytes.get(at + 1) == Some(&b'\n') => Some(Span::new(at, at + 2)),
        b'\n' | b'\r' => Some(Span::new(at, at + 1)),
        _ => None,
    }
}

/// Reads block texts whose first line with content starts, after its indentation, at `start`.
/// The value decides where folding was undone and how the end was chomped.
fn read_block(text: &str, start: usize, value: &str, style: Style) -> Option<Reading> {
    let is_break = |c: char| c == '\n' || c == '\r';
    let line_start = text[..start].rfind(is_break).map_or(0, |at| at + 1);
    let indent = start - line_start;
    let mut reading = Reading::default();

    let empty_lines = value.len() - value.trim_start_matches('\n').len();
    let before = line_breaks(text, 0, line_start);
    let first = before.len().checked_sub(empty_lines)?;
    before[first..].iter().for_each(|place| reading.push('\n', *place));

    let mut at = start;
    loop {
        let end = text[at..].find(is_break).map_or(text.len(), |n| at + n);
        reading.push_line(text, Span::new(at, end));
        let (breaks, next) = skip_breaks(text, end, indent);
        let rest = value.get(reading.value.len()..)?;
        let newlines = rest.len() - rest.trim_start_matches('\n').len();
        if newlines == rest.len() {
            for index in 0..newlines {
                let place = breaks.get(index).copied();
                reading.push('\n', place.unwrap_or(Span::empty(text.len())));
            }
            return Some(reading);
        }
        if style == Style::Folded && newlines == 0 {
            reading.push(' ', *breaks.first()?);
        } else {
            // Folding drops the first of several breaks, but not beside more indented lines.
            let dropped = breaks.len().checked_sub(newlines)?;
            breaks[dropped..].iter().for_each(|place| reading.push('\n', *place));
        }
        at = next?;
    }
}

/// The breaks from the end of a line to the next line with content, and where that content starts;
/// no next line if the block ends before.
fn skip_breaks(text: &str, end: usize, indent: usize) -> (Vec<Span>, Option<usize>) {
    let mut breaks = Vec::new();
    let mut at = end;
    while let Some(place) = break_at(text, at) {
        breaks.push(place);
        at = place.end;
        let spaces = text[at..].bytes().take_while(|b| *b == b' ').count();
        at += spaces.min(indent);
        if break_at(text, at).is_none() {
            let is_content = spaces >= indent && at < text.len();
            return (breaks, is_content.then_some(at));
        }
    }
    (breaks, None)
}

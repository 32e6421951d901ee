//! A JSON array, cut into its elements without reading it as a whole.

use std::io::{self, BufRead, Read as _};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{BATCH_BYTES, Cut, Error, RECORD_BYTES_MAX};

/// Whether text begins with a bracket; nothing of it is lost but blanks before the bracket.
pub(super) fn begins(mut text: Box<dyn BufRead + Send>) -> io::Result<(Box<dyn BufRead + Send>, bool)> {
    let mut blanks = Vec::new();
    let is_array = loop {
        let available = match text.fill_buf() {
            Ok(available) => available,
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
            Err(cause) => return Err(cause),
        };
        let count = available.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let first = available.get(count).copied();
        let ends = available.is_empty();
        // Blank lines count as lines, so they go back; an endless run of them is kept only as far as this.
        blanks.extend_from_slice(&available[..count]);
        text.consume(count);
        if first.is_some() || ends || blanks.len() > RECORD_BYTES_MAX {
            break first == Some(b'[');
        }
    };
    if is_array || blanks.is_empty() {
        return Ok((text, is_array));
    }
    Ok((Box::new(io::Cursor::new(blanks).chain(text)), false))
}

/// Cuts an array at the commas between its elements.
///
/// It knows strings and nesting and nothing else: whether an element is valid JSON is for its reader to see.
pub(super) struct Array {
    file: Arc<str>,
    text: Box<dyn BufRead + Send>,
    element: u64,
    state: State,
    /// A failure that waits until the records before it were handed out.
    failed: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the opening bracket.
    Begin,
    /// Between elements. `first`: nothing came yet, so that the array may end here.
    Between { first: bool },
    /// Inside an element, below so many open brackets.
    Inside { depth: u32 },
    /// Inside a string of an element. `escaped`: the next character stands for itself.
    String { depth: u32, escaped: bool },
    /// After the closing bracket.
    End,
}

/// What a character means to the array.
enum Step {
    /// It belongs to the element.
    Keep,
    /// It belongs to nothing.
    Skip,
    /// The element ended before it.
    Cut,
    Broken(&'static str),
}

impl Array {
    pub(super) fn new(file: Arc<str>, text: Box<dyn BufRead + Send>) -> Self {
        Self { file, text, element: 0, state: State::Begin, failed: None }
    }

    /// The next elements; none at the end.
    pub(super) fn next_batch(&mut self, max: usize) -> Result<Cut, Error> {
        let mut buffer = Vec::new();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        let first = self.element;
        while self.failed.is_none() && ranges.len() < max && buffer.len() < BATCH_BYTES {
            let begin = buffer.len();
            match self.read_element(&mut buffer) {
                Ok(true) => {
                    ranges.push(begin..begin + buffer[begin..].trim_ascii_end().len());
                    self.element += 1;
                }
                Ok(false) => break,
                Err(error) => self.failed = Some(error),
            }
        }
        if ranges.is_empty()
            && let Some(error) = self.failed.take()
        {
            return Err(error);
        }
        let buffer = Bytes::from(buffer);
        Ok((first..).zip(ranges.into_iter().map(|range| buffer.slice(range))).collect())
    }

    /// Appends the next element; `false` when there is none.
    fn read_element(&mut self, buffer: &mut Vec<u8>) -> Result<bool, Error> {
        let begin = buffer.len();
        loop {
            let available = match self.text.fill_buf() {
                Ok(available) => available,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Error::io(&self.file, cause).at_line(self.element)),
            };
            if available.is_empty() {
                return match self.state {
                    State::End => Ok(false),
                    _ => Err(self.broken("the array is cut off: its closing `]` is missing")),
                };
            }
            let mut taken = 0;
            let mut outcome = Step::Skip;
            for &byte in available {
                taken += 1;
                outcome = self.state.take(byte);
                match outcome {
                    Step::Keep => buffer.push(byte),
                    Step::Skip => {}
                    Step::Cut | Step::Broken(_) => break,
                }
            }
            self.text.consume(taken);
            match outcome {
                Step::Cut => return Ok(true),
                Step::Broken(what) => return Err(self.broken(what)),
                Step::Keep | Step::Skip if buffer.len() - begin > RECORD_BYTES_MAX => {
                    return Err(Error::too_long(&self.file, self.element));
                }
                Step::Keep | Step::Skip => {}
            }
        }
    }

    fn broken(&self, what: &'static str) -> Error {
        Error::broken_array(&self.file, self.element, what)
    }
}

impl State {
    fn take(&mut self, byte: u8) -> Step {
        let blank = byte.is_ascii_whitespace();
        let (next, step) = match (*self, byte) {
            (State::Begin, b'[') => (State::Between { first: true }, Step::Skip),
            (State::Begin | State::Between { .. } | State::End, _) if blank => (*self, Step::Skip),
            (State::Begin, _) => (*self, Step::Broken("expected `[`")),
            (State::End, _) => (*self, Step::Broken("there is more after the array's closing `]`")),

            (State::Between { first: true }, b']') => (State::End, Step::Skip),
            (State::Between { first: false }, b']') => {
                (*self, Step::Broken("expected an element after the comma"))
            }
            (State::Between { .. }, b',') => (*self, Step::Broken("expected an element before the comma")),
            (State::Between { .. }, b'"') => (State::String { depth: 0, escaped: false }, Step::Keep),
            (State::Between { .. }, b'{' | b'[') => (State::Inside { depth: 1 }, Step::Keep),
            (State::Between { .. }, _) => (State::Inside { depth: 0 }, Step::Keep),

            (State::Inside { depth: 0 }, b',') => (State::Between { first: false }, Step::Cut),
            (State::Inside { depth: 0 }, b']') => (State::End, Step::Cut),
            (State::Inside { depth }, b'"') => (State::String { depth, escaped: false }, Step::Keep),
            (State::Inside { depth }, b'{' | b'[') => {
                (State::Inside { depth: depth.saturating_add(1) }, Step::Keep)
            }
            (State::Inside { depth }, b'}' | b']') => {
                (State::Inside { depth: depth.saturating_sub(1) }, Step::Keep)
            }
            (State::Inside { .. }, _) => (*self, Step::Keep),

            (State::String { depth, escaped: true }, _) => {
                (State::String { depth, escaped: false }, Step::Keep)
            }
            (State::String { depth, .. }, b'\\') => (State::String { depth, escaped: true }, Step::Keep),
            (State::String { depth, .. }, b'"') => (State::Inside { depth }, Step::Keep),
            (State::String { .. }, _) => (*self, Step::Keep),
        };
        *self = next;
        step
    }
}

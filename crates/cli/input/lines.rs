//! NDJSON: a record a line.

use std::io::{self, BufRead};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{BATCH_BYTES, Cut, Error, RECORD_BYTES_MAX};

/// Cuts text at its line ends.
pub(super) struct Lines {
    file: Arc<str>,
    text: Box<dyn BufRead + Send>,
    line: u64,
    /// A failure that waits until the records before it were handed out.
    failed: Option<Error>,
    ended: bool,
}

impl Lines {
    pub(super) fn new(file: Arc<str>, text: Box<dyn BufRead + Send>) -> Self {
        Self { file, text, line: 0, failed: None, ended: false }
    }

    /// The next lines that are not blank; none at the end.
    pub(super) fn next_batch(&mut self, max: usize) -> Result<Cut, Error> {
        // The records of a batch share one allocation.
        let mut buffer = Vec::new();
        let mut ranges: Vec<(u64, Range<usize>)> = Vec::new();
        while ranges.len() < max && buffer.len() < BATCH_BYTES && !self.ended && self.failed.is_none() {
            let begin = buffer.len();
            match self.read_line(&mut buffer) {
                Ok(()) => {
                    let length = trimmed_length(&buffer[begin..]);
                    if length > 0 {
                        ranges.push((self.line, begin..begin + length));
                    } else {
                        buffer.truncate(begin);
                    }
                    self.line += 1;
                }
                Err(error) => {
                    buffer.truncate(begin);
                    self.failed = Some(error);
                }
            }
        }
        if ranges.is_empty()
            && let Some(error) = self.failed.take()
        {
            return Err(error);
        }
        let buffer = Bytes::from(buffer);
        Ok(ranges.into_iter().map(|(line, range)| (line, buffer.slice(range))).collect())
    }

    /// Appends the next line and its end.
    fn read_line(&mut self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        let begin = buffer.len();
        loop {
            let available = match self.text.fill_buf() {
                Ok(available) => available,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Error::io(&self.file, cause).at_line(self.line)),
            };
            if available.is_empty() {
                self.ended = true;
                return Ok(());
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let taken = end.map_or(available.len(), |at| at + 1);
            buffer.extend_from_slice(&available[..taken]);
            self.text.consume(taken);
            if trimmed_length(&buffer[begin..]) > RECORD_BYTES_MAX {
                return Err(Error::too_long(&self.file, self.line));
            }
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

/// Length without white space at the end: a line of blanks has none.
fn trimmed_length(line: &[u8]) -> usize {
    line.trim_ascii_end().len()
}

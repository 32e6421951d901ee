//! Matches as lines on standard output.

use std::io::{self, Write};

use olocus_runtime::Match;

use crate::failure::Failure;

/// Writes the data of matches, one JSON object a line.
pub(super) struct MatchLines<'a> {
    out: &'a mut dyn Write,
    closed: bool,
}

impl<'a> MatchLines<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> MatchLines<'a> {
        MatchLines { out, closed: false }
    }

    pub(super) fn write(&mut self, matches: &[Match]) -> Result<(), Failure> {
        for found in matches {
            let written = writeln!(self.out, "{}", found.data);
            self.check(written)?;
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.out.flush();
        self.check(flushed)
    }

    /// Whether the reader has closed the pipe.
    pub(super) fn closed(&self) -> bool {
        self.closed
    }

    fn check(&mut self, outcome: io::Result<()>) -> Result<(), Failure> {
        outcome.map_err(|cause| {
            self.closed = cause.kind() == io::ErrorKind::BrokenPipe;
            Failure::doing("write to standard output", cause)
        })
    }
}

//! Standard output whose reader may leave, and standard error that may be gone.

use std::io::{self, StdoutLock, Write};

use crate::failure::Failure;

/// Standard output. A reader that closes the pipe has all that it wanted, so that is no failure: what is written
/// afterwards goes nowhere.
pub(crate) struct Stdout {
    out: StdoutLock<'static>,
    closed: bool,
}

/// Standard output, held until it is dropped.
pub(crate) fn stdout() -> Stdout {
    Stdout { out: io::stdout().lock(), closed: false }
}

/// Why standard output could not be written to.
pub(crate) fn failed(cause: io::Error) -> Failure {
    Failure::doing("write to standard output", cause)
}

/// Writes to standard error. Where that is gone there is nobody left to tell, and what is being done goes on.
pub(crate) fn tell(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
    let _ = write(&mut io::stderr().lock());
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        match self.out.write(bytes) {
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(bytes.len())
            }
            outcome => outcome,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match self.out.flush() {
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            outcome => outcome,
        }
    }
}

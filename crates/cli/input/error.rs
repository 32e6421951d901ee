//! What can be wrong with an input file.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Why a file could not be read on.
#[derive(Debug)]
pub(crate) struct Error {
    file: Arc<str>,
    /// The line, element or row at which it happened, from 0.
    line: Option<u64>,
    kind: ErrorKind,
}

#[derive(Debug)]
enum ErrorKind {
    Io(io::Error),
    Unusable(String),
    RecordTooLong { limit: usize },
    BrokenArray(&'static str),
}

impl Error {
    pub(super) fn io(file: &str, cause: io::Error) -> Self {
        Self { file: file.into(), line: None, kind: ErrorKind::Io(cause) }
    }

    pub(super) fn unusable(file: &str, why: &str) -> Self {
        Self { file: file.into(), line: None, kind: ErrorKind::Unusable(why.to_owned()) }
    }

    pub(super) fn too_long(file: &str, line: u64) -> Self {
        let kind = ErrorKind::RecordTooLong { limit: super::RECORD_BYTES_MAX };
        Self { file: file.into(), line: Some(line), kind }
    }

    pub(super) fn broken_array(file: &str, line: u64, what: &'static str) -> Self {
        Self { file: file.into(), line: Some(line), kind: ErrorKind::BrokenArray(what) }
    }

    pub(super) fn at_line(self, line: u64) -> Self {
        Self { line: Some(line), ..self }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if &*self.file == super::STANDARD_INPUT {
            write!(f, "read standard input")?;
        } else {
            write!(f, "read {}", self.file)?;
        }
        match (self.line, &self.kind) {
            // People count from 1, as their editors do.
            (Some(element), ErrorKind::BrokenArray(_)) => write!(f, ", element {}", element + 1)?,
            (Some(line), _) => write!(f, ":{}", line + 1)?,
            (None, _) => {}
        }
        match &self.kind {
            ErrorKind::Io(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => {
                write!(f, ": the packed data ends too early; the file is cut off")
            }
            ErrorKind::Io(cause) => write!(f, ": {cause}"),
            ErrorKind::Unusable(why) => write!(f, ": it {why}"),
            ErrorKind::RecordTooLong { limit } => {
                write!(f, ": the record is longer than {} MiB", limit >> 20)
            }
            ErrorKind::BrokenArray(what) => write!(f, ": {what}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Io(cause) => Some(cause),
            _ => None,
        }
    }
}

//! How a command ends when it does not end well.

use std::fmt;
use std::process::ExitCode;

/// Why a command gave up: printed as `olocus: failed to …`.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    is_usage: bool,
}

impl Failure {
    /// A fragment that fits after "failed to", such as `open x: no such file`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_usage: false }
    }

    /// Options that do not go together, in a way that their definitions cannot tell.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), is_usage: true }
    }

    /// 2 for wrong usage, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.is_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
    }

    /// An error of the world, with what was being done: `open x` gives `open x: no such file`.
    pub(crate) fn doing(what: impl fmt::Display, cause: impl fmt::Display) -> Self {
        Self::new(format!("{what}: {cause}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<crate::input::Error> for Failure {
    fn from(error: crate::input::Error) -> Self {
        Self::new(error.to_string())
    }
}

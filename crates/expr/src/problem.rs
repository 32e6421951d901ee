//! What is wrong with the text of an expression.

use std::fmt;

/// One mistake in an expression, with the place it stands at.
///
/// The caller knows where the expression stands in a file; it moves [`range`](Self::range) there and shows an excerpt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// First byte and the byte after the last, in the text of the expression. Empty where something is missing.
    pub range: (usize, usize),
    /// A lowercase fragment that says what is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
    /// A stable name of the sort of mistake, such as `unknown-function`.
    pub code: &'static str,
}

impl Problem {
    pub(crate) fn new(code: &'static str, range: (usize, usize), message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None, code }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

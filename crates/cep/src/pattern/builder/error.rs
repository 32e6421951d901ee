//! Why a pattern cannot be built.

use std::fmt;

/// Why a pattern cannot be built: everything that is wrong with it, in words that name the stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildError {
    problems: Vec<String>,
}

impl BuildError {
    pub(super) fn new(problems: Vec<String>) -> BuildError {
        BuildError { problems }
    }

    /// Each mistake, with what would be right.
    pub fn problems(&self) -> impl Iterator<Item = &str> {
        self.problems.iter().map(String::as_str)
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("; "))
    }
}

impl std::error::Error for BuildError {}

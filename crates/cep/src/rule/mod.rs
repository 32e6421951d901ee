//! Rule files: from YAML to a model of what its author wrote.
//!
//! [`parse_rule_file`] reads a file and reports everything that is wrong with its shape: unknown
//! and missing keys, durations, event types, topics, tests. Expressions (`where`, `having`, `emit`,
//! `by`) stay texts that know their places; compiling them is the business of another crate.

mod draft;
mod json;
mod model;
mod parse;
mod type_pattern;

pub use draft::{Draft, DraftBody, DraftStep};
pub use json::to_json;
pub use model::{
    Action, Body, ExpectedMatch, LogLevel, Rule, RuleFile, RuleTest, Severity, Step, TEST_START, TestEvent,
    Window,
};
pub use parse::{MAX_STEPS, check_unique_names, parse_rule_file};
pub use type_pattern::TypePattern;

#[cfg(test)]
mod tests;

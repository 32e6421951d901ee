//! Rule files: from YAML to a model of what its author wrote.
//!
//! [`parse_rule_file`] reads a file and reports everything that is wrong with its shape: unknown
//! and missing keys, durations, event types, topics, tests. Expressions (`where`, `having`, `emit`,
//! `by`) stay texts that know their places; compiling them is the business of another crate. What a sequence looks for is
//! then [lowered](lower()) to a [`Pattern`](crate::pattern::Pattern).

mod draft;
mod json;
mod lower;
mod model;
mod parse;
mod type_pattern;

pub use draft::{Draft, DraftBody, DraftRole, DraftStep};
pub use json::to_json;
pub use lower::lower;
pub use model::{
    Action, AfterMatch, Asked, Body, Element, ExpectedMatch, Include, List, ListContent, ListFormat,
    ListKind, ListRow, ListSource, LogLevel, MAX_MATCHES_PER_EVENT, MatchLimit, Not, Rule, RuleFile,
    RuleTest, Sequence, Severity, StateBounds, Step, TEST_START, Takes, TestEvent, TestList, Times, Until,
    Window,
};
pub use parse::{MAX_STEPS, check_unique_names, parse_rule_file};
pub use type_pattern::TypePattern;

#[cfg(test)]
mod tests;

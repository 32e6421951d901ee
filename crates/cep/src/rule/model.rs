//! What a rule file says.

use std::fmt;
use std::sync::Arc;

use olocus_document::{Scalar, SourceFile, Span, Spanned};
use serde_json::{Map, Value};

use super::{Draft, TypePattern};
use crate::Overflow;

mod list;
mod sequence;

pub use list::{List, ListContent, ListFormat, ListKind, ListRow, ListSource, TestList};
pub use sequence::{
    AfterMatch, Asked, Element, MAX_MATCHES_PER_EVENT, Not, Sequence, Step, Takes, Times, Until,
};

/// A file of rules.
#[derive(Clone, Debug)]
pub struct RuleFile {
    /// The file that it was read from.
    pub file: Arc<SourceFile>,
    /// The lists that it names, those without mistakes; rules of other files may use them too.
    pub lists: Vec<List>,
    /// Its rules without mistakes in their shape, in the order of the file.
    pub rules: Vec<Rule>,
    /// What could be read of the others.
    pub drafts: Vec<Draft>,
}

/// One rule. All durations are in nanoseconds.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in the file.
    pub name: Spanned<String>,
    /// What it is for, in a sentence.
    pub description: Option<String>,
    /// How grave its matches are.
    pub severity: Severity,
    /// Whether it is evaluated.
    pub enabled: bool,
    /// The fields whose values form the key; none: one key for all events.
    pub by: Vec<Scalar>,
    /// Whether `by` was written as a list, which makes the key a list.
    pub by_is_list: bool,
    /// What it looks for.
    pub body: Body,
    /// The condition on the aggregates of a window, or on a finished match of a sequence.
    pub having: Option<Scalar>,
    /// How many matches of a key are told.
    pub limit: Option<MatchLimit>,
    /// Bounds on what the rule may hold, where they are not the engine's.
    pub state: StateBounds,
    /// Names and expressions of the values of a match, in the order of the file.
    pub emit: Vec<(Scalar, Scalar)>,
    /// What is done with a match.
    pub actions: Vec<Action>,
    /// Copied into matches.
    pub tags: Vec<String>,
    /// Copied into matches.
    pub owner: Option<String>,
    /// Copied into matches.
    pub references: Vec<String>,
    /// Any value, copied into matches.
    pub meta: Option<Value>,
    /// What matches tell of their events.
    pub include: Include,
    /// Its tests.
    pub tests: Vec<RuleTest>,
    /// Where the rule stands.
    pub span: Span,
}

/// How grave a match is, from least to most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; the default.
    #[default]
    Info,
    /// Worth a look.
    Warning,
    /// Needs action.
    High,
    /// Needs action at once.
    Critical,
}

impl Severity {
    /// All of them, least first.
    pub const ALL: [Severity; 4] = [Severity::Info, Severity::Warning, Severity::High, Severity::Critical];

    /// The word in rule files and matches.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// The severity of that word.
    pub fn parse(text: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == text)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a rule looks for.
#[derive(Clone, Debug)]
pub enum Body {
    /// Events one after the other.
    Sequence(Sequence),
    /// Events together.
    Window {
        /// Which events are together.
        window: Window,
        /// The event types, at least one.
        event: Vec<Spanned<TypePattern>>,
        /// The condition on an event, `where`.
        filter: Option<Scalar>,
    },
}

/// What a match tells of its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Include {
    /// Where each of them is.
    #[default]
    Places,
    /// The raw events too.
    Events,
    /// Only the first, the last, and how many each step took; a sequence then need not keep the others.
    Nothing,
}

/// At most so many matches of a key in a time: `limit: 1 per 1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MatchLimit {
    /// How many, at least one.
    pub matches: u32,
    /// A match is told unless so many were told in the nanoseconds before it.
    pub per: i64,
}

/// Bounds on what one rule may hold; what is `None` is the engine's to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateBounds {
    /// Partial matches of a sequence over all its keys.
    pub partial_matches: Option<u32>,
    /// Entries of a window over all its keys.
    pub window_events: Option<u32>,
    /// Keys for which anything is held.
    pub keys: Option<u32>,
    /// What happens at a bound.
    pub policy: Option<Overflow>,
}

/// Which events are together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// The last so many events.
    Count(u32),
    /// Spans of that length, one after the other, aligned to the epoch.
    Tumbling(i64),
    /// Spans of that size that overlap.
    Sliding {
        /// Their length.
        size: i64,
        /// The time between their starts, at most `size`; without it they end at each event.
        every: Option<i64>,
    },
    /// Events with less than that gap between them.
    Session(i64),
}

/// What is done with a match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is written to a topic.
    Publish {
        /// The topic; a name that Kafka takes.
        topic: Spanned<String>,
    },
    /// It is written to the engine's log.
    Log {
        /// The level.
        level: LogLevel,
    },
    /// It is sent by HTTP POST.
    Webhook {
        /// Where to, `http://` or `https://`.
        url: Spanned<String>,
        /// Headers of the request beside those of HTTP itself.
        headers: Vec<(String, String)>,
        /// How long an attempt may take, in nanoseconds.
        timeout: i64,
    },
}

/// Levels of the engine's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

impl LogLevel {
    /// All of them, least first.
    pub const ALL: [LogLevel; 4] = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];

    /// The word in rule files.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }

    /// The level of that word.
    pub fn parse(text: &str) -> Option<LogLevel> {
        LogLevel::ALL.into_iter().find(|level| level.as_str() == text)
    }
}

/// The time that `at: 0s` stands for in tests, in nanoseconds since the Unix epoch: 2026-01-01T00:00:00Z.
pub const TEST_START: i64 = 1_767_225_600_000_000_000;

/// A test that a rule file brings along: what the rule finds in some events.
#[derive(Clone, Debug)]
pub struct RuleTest {
    /// Its name, unique in the rule.
    pub name: String,
    /// Where the test stands.
    pub span: Span,
    /// What lists hold while the test runs.
    pub lists: Vec<TestList>,
    /// The events, in the order in which they arrive.
    pub events: Vec<TestEvent>,
    /// The matches in the order in which they come about; none means that nothing may be found.
    pub expect: Vec<ExpectedMatch>,
    /// The partial matches that run out of time, likewise; `None`: they are not compared. Only of rules with `on_timeout`.
    pub timeouts: Option<Vec<ExpectedMatch>>,
}

/// An event of a test.
#[derive(Clone, Debug)]
pub struct TestEvent {
    /// Its time in nanoseconds since the Unix epoch; `at: 5s` is five seconds after [`TEST_START`].
    pub at: i64,
    /// How many times the event comes, once without `repeat`.
    pub repeat: u64,
    /// Nanoseconds between its repetitions.
    pub every: i64,
    /// Its type.
    pub event_type: String,
    /// Its payload: all keys but `at`, `type`, `repeat` and `every`.
    pub fields: Map<String, Value>,
    /// Where the event stands.
    pub span: Span,
}

/// A match that a test expects. What is `None` is not compared.
#[derive(Clone, Debug)]
pub struct ExpectedMatch {
    /// The key: a value, or a list of values where `by` is a list.
    pub key: Option<Value>,
    /// Emitted values; the match may have others beside these.
    pub emit: Option<Map<String, Value>>,
    /// Where the expectation stands.
    pub span: Span,
}

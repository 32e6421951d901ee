//! Why a row could not be processed.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a row could not be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ErrorKind {
    LimitReached { rule: usize, limit: Limit, most: usize },
    OutOfOrder { time: i64, clock: i64 },
    TimerDue { time: i64, timer: i64 },
    UnknownRule { rule: usize },
    OtherGroup { rule: usize },
}

/// The limit that an [`Error`] reports as reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limit {
    /// [`Limits::partial_matches_per_rule`](crate::Limits::partial_matches_per_rule).
    PartialMatches,
    /// [`Limits::window_events_per_rule`](crate::Limits::window_events_per_rule).
    WindowEvents,
    /// [`Limits::keys_per_rule`](crate::Limits::keys_per_rule).
    Keys,
    /// [`Limits::state_bytes_per_rule`](crate::Limits::state_bytes_per_rule).
    StateBytes,
}

impl Limit {
    /// The name of the field of [`Limits`](crate::Limits).
    pub fn name(self) -> &'static str {
        match self {
            Limit::PartialMatches => "partial_matches_per_rule",
            Limit::WindowEvents => "window_events_per_rule",
            Limit::Keys => "keys_per_rule",
            Limit::StateBytes => "state_bytes_per_rule",
        }
    }
}

impl Error {
    /// The rule (index of its plan) and the limit it reached under [`Overflow::Fail`](crate::Overflow::Fail); `None` if
    /// the caller broke the rules of [`Engine::process`](crate::Engine::process).
    pub fn limit_reached(&self) -> Option<(usize, Limit)> {
        match self.kind {
            ErrorKind::LimitReached { rule, limit, .. } => Some((rule, limit)),
            _ => None,
        }
    }

    pub(crate) fn limit(rule: usize, limit: Limit, most: usize) -> Error {
        Error { kind: ErrorKind::LimitReached { rule, limit, most } }
    }

    pub(crate) fn out_of_order(time: i64, clock: i64) -> Error {
        Error { kind: ErrorKind::OutOfOrder { time, clock } }
    }

    pub(crate) fn timer_due(time: i64, timer: i64) -> Error {
        Error { kind: ErrorKind::TimerDue { time, timer } }
    }

    pub(crate) fn unknown_rule(rule: usize) -> Error {
        Error { kind: ErrorKind::UnknownRule { rule } }
    }

    pub(crate) fn other_group(rule: usize) -> Error {
        Error { kind: ErrorKind::OtherGroup { rule } }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::LimitReached { rule, limit, most } => {
                let what = match limit {
                    Limit::PartialMatches => "partial matches",
                    Limit::WindowEvents => "window events",
                    Limit::Keys => "keys",
                    Limit::StateBytes => "bytes",
                };
                write!(f, "rule {rule} already holds its limit of {most} {what}")
            }
            ErrorKind::OutOfOrder { time, clock } => {
                write!(f, "row of time {time} came after time {clock} had been reached")
            }
            ErrorKind::TimerDue { time, timer } => {
                write!(f, "row of time {time} came before the timer at {timer} had fired")
            }
            ErrorKind::UnknownRule { rule } => write!(f, "there is no rule {rule}"),
            ErrorKind::OtherGroup { rule } => {
                write!(f, "rule {rule} does not group events by what the key was looked up for")
            }
        }
    }
}

impl std::error::Error for Error {}

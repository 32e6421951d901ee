//! What tasks tell of themselves.

use crate::merge::InputId;

/// Sizes of a task's state, for metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TaskStats {
    /// Records held until their turn in event-time order comes.
    pub held: usize,
    /// What these take in memory, in bytes.
    pub held_bytes: usize,
    /// Partial matches of all sequence rules.
    pub partial_matches: usize,
    /// Events in windows.
    pub window_events: usize,
    /// Keys with state, summed over rules.
    pub keys: usize,
    /// Estimate of the memory that all of this takes, in bytes.
    pub bytes: usize,
    /// Partial matches and window events dropped by a limit so far.
    pub dropped: u64,
    /// Times that an event took no part in a rule because its key was missing or NULL.
    pub missing_keys: u64,
}

/// What one rule did not take into account so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Partial matches and window events dropped or refused by a limit.
    pub dropped: u64,
    /// The limit because of which that last happened.
    pub dropped_at: Option<olocus_cep::Limit>,
    /// Events whose key was missing or NULL.
    pub missing_keys: u64,
    /// Matches that were not told because one event completed more than `max_matches_per_event`.
    pub untold: u64,
    /// Matches that were not told because of the rule's `limit`.
    pub limited: u64,
}

/// How far one input has got.
#[derive(Debug, Clone, Copy)]
pub struct InputView<'a> {
    /// The partition.
    pub id: &'a InputId,
    /// Its watermark or floor, whichever is larger; `None` before the first record.
    pub progress: Option<i64>,
    /// Its out-of-orderness bound in nanoseconds.
    pub bound: i64,
    /// Whether records from before a restart are still to be read again. Nothing is released before they are.
    pub rereading: bool,
}

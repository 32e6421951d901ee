//! What an engine or a rule holds.

use std::ops::AddAssign;

use crate::error::Limit;

/// What an engine or one of its rules holds at the moment, and what its limits made it drop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Partial matches that can still be completed, and matches that are held back. Where very many partial matches are over
    /// at once, some count for some rows more; against limits they do not.
    pub partial_matches: usize,
    /// Keys for which something is held, summed over the rules; likewise.
    pub keys: usize,
    /// Entries of windows. Count windows, and sliding windows judged at each event, hold one entry per event. Tumbling,
    /// hopping and session windows hold no events but running aggregates: one entry per non-empty pane (a window, or
    /// for hopping windows the part between two neighbouring starts of windows) and one per distinct value that a
    /// `count distinct` must remember.
    pub window_events: usize,
    /// The memory that all of it takes: what is held times the sizes of the types that hold it, the texts of keys and of
    /// values, and of events what [`MakeEvent::weight`](crate::MakeEvent::weight) says. An event counts once in each rule
    /// that holds it, however many partial matches took it. Room that stands empty does not count; what is not held any
    /// longer counts until it was taken apart.
    pub bytes: usize,
    /// Since the start: partial matches, window events, and events that keep matches from beginning, that a limit made
    /// the engine drop or refuse.
    pub dropped: u64,
    /// Since the start: matches of patterns that were not told, as one event completed too many.
    pub untold: u64,
    /// The limit because of which something was last dropped or refused.
    pub dropped_at: Option<Limit>,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Stats) {
        self.partial_matches += other.partial_matches;
        self.keys += other.keys;
        self.window_events += other.window_events;
        self.bytes += other.bytes;
        self.dropped += other.dropped;
        self.untold += other.untold;
        self.dropped_at = other.dropped_at.or(self.dropped_at);
    }
}

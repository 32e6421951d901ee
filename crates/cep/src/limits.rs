//! Bounds on what a rule may hold.

/// Bounds on what each rule may hold at any moment, and what happens at the bound.
///
/// They act per row, so their effect depends on the rows alone and never on how these were batched. What is out of date
/// (a partial match past its `within`, an event that left its window) never counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Partial matches that one rule may hold over all its keys.
    pub partial_matches_per_rule: usize,
    /// Entries that one window rule may hold over all its keys, in the unit of
    /// [`Stats::window_events`](crate::Stats::window_events).
    pub window_events_per_rule: usize,
    /// Keys for which one rule may hold anything.
    pub keys_per_rule: usize,
    /// Bytes that one rule may hold, by the estimate of [`Stats::bytes`](crate::Stats::bytes).
    pub state_bytes_per_rule: usize,
    /// What happens at a bound.
    pub policy: Overflow,
}

/// What happens when a row asks for more than a [limit](Limits) allows.
///
/// An event that owns more than a rule may hold at all is not held, and drops nothing else: partial matches that take it end,
/// it begins none, and enters no window. What it completes is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Make room: drop the rule's oldest partial match, window event or pane, whatever its key. At the bound on keys,
    /// drop all that is held for the key to which the rule's oldest entry belongs.
    #[default]
    DropOldest,
    /// Leave what is held as it is: the row starts no partial match, or does not enter its window.
    DropNewest,
    /// Fail, for those who would rather stop than miss something.
    Fail,
}

impl Overflow {
    /// Its name in configurations.
    pub fn name(self) -> &'static str {
        match self {
            Overflow::DropOldest => "drop_oldest",
            Overflow::DropNewest => "drop_newest",
            Overflow::Fail => "fail",
        }
    }
}

impl Default for Limits {
    /// A million partial matches, window entries and keys per rule, and 1 GiB; the oldest are dropped.
    fn default() -> Limits {
        Limits {
            partial_matches_per_rule: 1_000_000,
            window_events_per_rule: 1_000_000,
            keys_per_rule: 1_000_000,
            state_bytes_per_rule: 1 << 30,
            policy: Overflow::DropOldest,
        }
    }
}

//! Which inputs to hold back while too much waits for its turn.

use std::collections::BTreeSet;

use crate::merge::InputId;
use crate::task::Task;

/// How much may wait for its turn in event-time order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) records: usize,
    pub(super) bytes: usize,
}

/// What is to be done about it.
#[derive(Debug, PartialEq)]
pub(super) struct Relief {
    /// The inputs to be paused, and no others.
    pub(super) pause: BTreeSet<InputId>,
    /// Whether time is to be moved on, because pausing does not help.
    pub(super) force: bool,
}

/// Pauses inputs while more waits than fits, those ahead of the slowest; once some are paused, until half of it is gone.
///
/// While records from before a restart are read again nothing is released, and only the inputs that have theirs are
/// paused: the others are waited for. What is held again of these was held within the bounds before.
pub(super) fn relief(task: &Task, bounds: Bounds, pausing: bool) -> Relief {
    let (held, bytes) = task.held();
    let full = held >= bounds.records || bytes >= bounds.bytes;
    let still_full = pausing && (held >= bounds.records / 2 || bytes >= bounds.bytes / 2);
    if !full && !still_full {
        return Relief { pause: BTreeSet::new(), force: false };
    }
    if task.is_rereading() {
        let read_again = task.inputs().filter(|input| !input.rereading);
        return Relief { pause: read_again.map(|input| input.id.clone()).collect(), force: false };
    }
    let ahead = task.furthest_ahead();
    Relief { force: full && ahead.is_empty(), pause: ahead.into_iter().collect() }
}

#[cfg(test)]
mod tests;

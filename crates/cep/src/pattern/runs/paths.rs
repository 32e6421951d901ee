//! What matches that are the same have in common.

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use crate::pattern::StepId;

/// A number for all that a run has taken, for each run; and which matches the present event has completed.
///
/// The numbers are wide and well mixed, so that two that are equal are those of the same events.
#[derive(Debug, Default)]
pub(super) struct Paths {
    of_runs: Vec<u128>,
    completed: HashSet<u128, RandomState>,
}

/// An odd number with many bits set in no pattern: the fraction of the golden ratio.
const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

impl Paths {
    /// Begins the path of the run at this place.
    pub(super) fn begin(&mut self, run: usize) {
        if self.of_runs.len() <= run {
            self.of_runs.resize(run + 1, 0);
        }
        self.of_runs[run] = 0;
    }

    /// Adds an event to the run at this place.
    pub(super) fn take(&mut self, run: usize, step: StepId, row: u64) {
        self.of_runs[run] = self.with(run, step, row);
    }

    /// Gives the run at one place what that at another has.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        self.begin(to);
        self.of_runs[to] = self.of_runs[from];
    }

    /// Whether the events of a run, and perhaps one more, are a match that has not been completed yet.
    pub(super) fn is_new(&mut self, run: usize, and: Option<(StepId, u64)>) -> bool {
        let path = and.map_or(self.of_runs[run], |(step, row)| self.with(run, step, row));
        self.completed.insert(path)
    }

    /// All that was completed belongs to an event before.
    pub(super) fn forget_completed(&mut self) {
        self.completed.clear();
    }

    pub(super) fn saved(&self) -> Vec<u128> {
        self.of_runs.clone()
    }

    pub(super) fn restore(&mut self, saved: Vec<u128>) {
        self.of_runs = saved;
    }

    /// Whether there is something for runs in all of so many places.
    pub(super) fn reaches(&self, places: usize) -> bool {
        self.of_runs.len() >= places
    }

    pub(super) fn bytes_per_run() -> usize {
        size_of::<u128>()
    }

    fn with(&self, run: usize, step: StepId, row: u64) -> u128 {
        let event = u128::from(row) << 8 | u128::from(step.0);
        let mixed = (self.of_runs[run] ^ event).wrapping_add(1).wrapping_mul(FACTOR);
        (mixed ^ mixed >> 67).wrapping_mul(FACTOR)
    }
}

//! What runs keep instead of their events, where findings carry none.

use std::mem::size_of;

use crate::pattern::StepId;

/// What each run keeps of its events.
#[derive(Debug)]
pub(super) struct Summaries<E> {
    /// How many steps the pattern has.
    steps: usize,
    /// Whose first and last event decide what a match ends.
    marked: Option<StepId>,
    ends: Vec<Option<Ends<E>>>,
    /// For each run, how many events it has of each step.
    counts: Vec<u64>,
}

/// The events at the ends of a run.
#[derive(Clone, Debug)]
pub(super) struct Ends<E> {
    pub(super) first: E,
    pub(super) last: E,
    /// The row of the last one.
    pub(super) last_row: u64,
    /// The rows of the first and the last event of the step that matters.
    pub(super) marked: Option<(u64, u64)>,
}

impl<E: Clone> Summaries<E> {
    pub(super) fn new(steps: usize, marked: Option<StepId>) -> Summaries<E> {
        Summaries { steps, marked, ends: Vec::new(), counts: Vec::new() }
    }

    /// Adds an event to the run at this place.
    pub(super) fn take(&mut self, run: usize, step: StepId, event: E, row: u64) {
        self.reach(run);
        self.counts[run * self.steps + step.index()] += 1;
        let is_marked = self.marked == Some(step);
        match &mut self.ends[run] {
            Some(ends) => {
                ends.last = event;
                ends.last_row = row;
                if is_marked {
                    ends.marked = Some((ends.marked.map_or(row, |(first, _)| first), row));
                }
            }
            ends @ None => {
                *ends = Some(Ends {
                    first: event.clone(),
                    last: event,
                    last_row: row,
                    marked: is_marked.then_some((row, row)),
                });
            }
        }
    }

    /// Gives the run at one place what that at another has.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        self.reach(to);
        self.ends[to] = self.ends[from].clone();
        self.counts.copy_within(from * self.steps..(from + 1) * self.steps, to * self.steps);
    }

    /// Forgets what the run at this place has.
    pub(super) fn clear(&mut self, run: usize) {
        self.reach(run);
        self.ends[run] = None;
        self.counts[run * self.steps..(run + 1) * self.steps].fill(0);
    }

    /// The ends of a run that has taken an event, and how many it has of each step.
    pub(super) fn of(&self, run: usize) -> (&Ends<E>, &[u64]) {
        let ends = self.ends[run].as_ref().expect("a run has the event it began with");
        (ends, &self.counts[run * self.steps..(run + 1) * self.steps])
    }

    /// What each run takes, for a pattern of so many steps.
    pub(super) fn bytes_per_run(steps: usize) -> usize {
        size_of::<Option<Ends<E>>>() + steps * size_of::<u64>()
    }

    pub(super) fn bytes(&self) -> usize {
        self.ends.capacity() * size_of::<Option<Ends<E>>>() + self.counts.capacity() * size_of::<u64>()
    }

    fn reach(&mut self, run: usize) {
        if self.ends.len() <= run {
            self.ends.resize_with(run + 1, || None);
            self.counts.resize((run + 1) * self.steps, 0);
        }
    }
}

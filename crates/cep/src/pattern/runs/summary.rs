//! What runs keep instead of their events, where findings carry none.

use serde::{Deserialize, Serialize};

use crate::pattern::StepId;
use crate::pattern::events::{EventId, Events};

/// What each run keeps of its events.
#[derive(Debug)]
pub(super) struct Summaries {
    /// How many steps the pattern has.
    steps: usize,
    /// Whose first and last event decide what a match ends.
    marked: Option<StepId>,
    ends: Vec<Option<Ends>>,
    /// For each run, how many events it has of each step.
    counts: Vec<u64>,
}

/// The ends of each run and its counts.
pub(super) type SavedSummaries = (Vec<Option<Ends>>, Vec<u64>);

/// What a run knows of its last event, and of those that matter.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Ends {
    /// A reference.
    pub(super) last: EventId,
    /// The rows of the first and the last event of the step that matters.
    pub(super) marked: Option<(u64, u64)>,
}

impl Summaries {
    pub(super) fn new(steps: usize, marked: Option<StepId>) -> Summaries {
        Summaries { steps, marked, ends: Vec::new(), counts: Vec::new() }
    }

    /// Adds an event to the run at this place, to which the reference goes over.
    pub(super) fn take<E: Clone>(
        &mut self,
        run: usize,
        step: StepId,
        event: EventId,
        row: u64,
        events: &mut Events<E>,
    ) {
        self.reach(run);
        self.counts[run * self.steps + step.index()] += 1;
        let is_marked = self.marked == Some(step);
        match &mut self.ends[run] {
            Some(ends) => {
                events.release(std::mem::replace(&mut ends.last, event));
                if is_marked {
                    ends.marked = Some((ends.marked.map_or(row, |(first, _)| first), row));
                }
            }
            ends @ None => {
                let marked = is_marked.then_some((row, row));
                *ends = Some(Ends { last: event, marked });
            }
        }
    }

    /// Gives the run at one place, which has nothing, what that at another has.
    pub(super) fn copy<E: Clone>(&mut self, from: usize, to: usize, events: &mut Events<E>) {
        self.reach(to);
        self.ends[to] = self.ends[from];
        if let Some(Ends { last, .. }) = self.ends[to] {
            events.retain(last);
        }
        self.counts.copy_within(from * self.steps..(from + 1) * self.steps, to * self.steps);
    }

    /// Forgets what the run at this place has.
    pub(super) fn clear<E: Clone>(&mut self, run: usize, events: &mut Events<E>) {
        self.reach(run);
        if let Some(Ends { last, .. }) = self.ends[run].take() {
            events.release(last);
        }
        self.counts[run * self.steps..(run + 1) * self.steps].fill(0);
    }

    /// The ends of a run that has taken an event, and how many it has of each step.
    pub(super) fn of(&self, run: usize) -> (Ends, &[u64]) {
        let ends = self.ends[run].expect("a run has the event it began with");
        (ends, &self.counts[run * self.steps..(run + 1) * self.steps])
    }

    pub(super) fn saved(&self) -> SavedSummaries {
        (self.ends.clone(), self.counts.clone())
    }

    pub(super) fn restore(&mut self, saved: SavedSummaries) {
        (self.ends, self.counts) = saved;
    }

    /// Whether there is something for just the runs that there are.
    pub(super) fn is_of(&self, live: &[bool]) -> bool {
        let is_there = |place: usize| self.ends.get(place).is_some_and(Option::is_some);
        self.counts.len() == self.ends.len() * self.steps
            && (0..live.len().max(self.ends.len()))
                .all(|place| is_there(place) == live.get(place).is_some_and(|live| *live))
    }

    /// The events that are referred to.
    pub(super) fn events(&self) -> impl Iterator<Item = EventId> {
        self.ends.iter().flatten().map(|ends| ends.last)
    }

    pub(super) fn bytes_per_run(&self) -> usize {
        size_of::<Option<Ends>>() + self.steps * size_of::<u64>()
    }

    fn reach(&mut self, run: usize) {
        if self.ends.len() <= run {
            self.ends.resize(run + 1, None);
            self.counts.resize((run + 1) * self.steps, 0);
        }
    }
}

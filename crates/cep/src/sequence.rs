//! Sequences of steps, skipping till the next event that satisfies a step.

use std::collections::VecDeque;
use std::mem::size_of;

use crate::agenda::Wake;
use crate::engine::{Found, Row};
use crate::error::Limit;
use crate::keyed::{Held, State};
use crate::plan::{MAX_STEPS, StepPlan};

/// A sequence of at least two steps.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// `within` of each step, from the event of the step before.
    withins: Vec<Option<i64>>,
    /// From the first event.
    within: Option<i64>,
}

/// The partial matches of one key.
///
/// Every event that satisfies a step extends all that wait there, so all that wait at one step were started after all
/// that wait further on, and each queue is ordered by start, by time of the previous event, and so by deadline.
#[derive(Debug)]
pub(crate) struct Sequence<E> {
    /// Partial matches that wait for step `index + 1`, oldest first.
    waiting: Box<[VecDeque<Partial<E>>]>,
    /// What the events of all of them own.
    heap: usize,
}

#[derive(Debug)]
struct Partial<E> {
    age: u64,
    /// Time of its first event.
    start: i64,
    /// From this time on the step waited for comes too late; `None` if it never does.
    deadline: Option<i64>,
    /// What its events own. An event that several took counts for the newest of them, which is the last to go.
    heap: usize,
    events: Vec<E>,
}

impl Pattern {
    pub(crate) fn new(steps: &[StepPlan], within: Option<i64>) -> Pattern {
        Pattern { withins: steps.iter().map(|step| step.within).collect(), within }
    }

    /// When it is too late for a step, given the times of the previous and of the first event. A time beyond the range
    /// of event times is never reached.
    fn deadline(&self, step: usize, previous: i64, start: i64) -> Option<i64> {
        let of_step = self.withins[step].and_then(|within| previous.checked_add(within));
        let of_rule = self.within.and_then(|within| start.checked_add(within));
        [of_step, of_rule].into_iter().flatten().min()
    }
}

impl<E: Clone> State for Sequence<E> {
    type Event = E;
    type Plan = Pattern;
    const WAKE: Wake = Wake::Expiry;
    const LIMIT: Limit = Limit::PartialMatches;
    const HAS_LATER_STEPS: bool = true;

    fn new(plan: &Pattern) -> Sequence<E> {
        let queues = plan.withins.len().saturating_sub(1);
        Sequence { waiting: (0..queues).map(|_| VecDeque::new()).collect(), heap: 0 }
    }

    fn advance(&mut self, plan: &Pattern, row: &Row<'_, E>, found: &mut dyn FnMut(Found<E>)) {
        // From the last step to the first, so that no partial match takes two steps with one event.
        for index in (0..self.waiting.len()).rev() {
            let step = index + 1;
            if step >= MAX_STEPS || row.steps >> step & 1 == 0 {
                continue;
            }
            let (here, beyond) = self.waiting.split_at_mut(step);
            if let Some(newest) = here[index].back_mut() {
                newest.heap += row.weight;
                self.heap += row.weight;
            }
            for mut partial in here[index].drain(..) {
                partial.events.push(row.event.clone());
                match beyond.first_mut() {
                    None => {
                        self.heap -= partial.heap;
                        found(Found::Sequence { events: partial.events });
                    }
                    Some(next) => {
                        partial.deadline = plan.deadline(step + 1, row.time, partial.start);
                        next.push_back(partial);
                    }
                }
            }
        }
    }

    fn growth(_: Option<&Self>, plan: &Pattern, _: &Row<'_, E>) -> Option<usize> {
        (!plan.withins.is_empty()).then_some(1)
    }

    fn enter(&mut self, plan: &Pattern, row: &Row<'_, E>, age: u64, _: &mut dyn FnMut(Found<E>)) {
        let mut events = Vec::with_capacity(plan.withins.len());
        events.push(row.event.clone());
        let deadline = plan.deadline(1, row.time, row.time);
        self.heap += row.weight;
        self.waiting[0].push_back(Partial { age, start: row.time, deadline, heap: row.weight, events });
    }

    fn wake_at(&self, _: &Pattern) -> Option<i64> {
        self.waiting.iter().filter_map(|queue| queue.front()?.deadline).min()
    }

    fn wake(&mut self, _: &Pattern, at: i64, _: &mut dyn FnMut(Found<E>)) {
        for queue in &mut self.waiting {
            while let Some(late) =
                queue.pop_front_if(|partial| partial.deadline.is_some_and(|deadline| deadline <= at))
            {
                self.heap -= late.heap;
            }
        }
    }

    fn held(&self) -> Held {
        Held { entries: self.waiting.iter().map(VecDeque::len).sum(), values: 0, heap: self.heap }
    }

    fn ages(&self) -> impl Iterator<Item = u64> {
        self.waiting.iter().flatten().map(|partial| partial.age)
    }

    fn oldest(&self) -> Option<u64> {
        self.waiting.iter().rev().find_map(VecDeque::front).map(|partial| partial.age)
    }

    fn newest(&self) -> Option<u64> {
        self.waiting.iter().find_map(VecDeque::back).map(|partial| partial.age)
    }

    fn drop_oldest(&mut self) -> u64 {
        let dropped = self.waiting.iter_mut().rev().find_map(VecDeque::pop_front);
        self.heap -= dropped.as_ref().map_or(0, |partial| partial.heap);
        u64::from(dropped.is_some())
    }

    fn entry_bytes(plan: &Pattern) -> usize {
        size_of::<Partial<E>>() + plan.withins.len() * size_of::<E>()
    }

    fn state_bytes(plan: &Pattern) -> usize {
        plan.withins.len().saturating_sub(1) * size_of::<VecDeque<Partial<E>>>()
    }
}

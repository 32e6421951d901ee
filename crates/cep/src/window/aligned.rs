//! Tumbling and hopping windows, aligned to the Unix epoch.

use std::collections::VecDeque;

use crate::agenda::Wake;
use crate::aggregate::AggregateFunction;
use crate::engine::{Found, Row};
use crate::keyed::{Demand, Held, State};
use crate::snapshot::wire::{Read, Reader, Writer, check};
use crate::window::kept::Kept;
use crate::window::merged::Merged;
use crate::window::pane::{Pane, growth_of_new};

/// Windows `[start, start + size)` with `start` a multiple of `every`, judged at their ends. Tumbling windows have
/// `every = size`.
#[derive(Debug)]
pub(crate) struct AlignedPlan {
    size: i64,
    every: i64,
    aggregates: Vec<AggregateFunction>,
}

/// The panes of one key that windows yet to be judged are made of.
///
/// A pane lies between two neighbouring starts of windows. Ends need not split it: a window is judged before the first
/// event at or after its end, so all that is held then is in it, and what was before its start has been let go.
#[derive(Debug)]
pub(crate) struct Aligned<E> {
    panes: VecDeque<Pane<E>>,
    merged: Merged,
    /// Events in the panes.
    events: u64,
    /// Events and distinct values that the panes remember.
    values: usize,
    /// What these own.
    heap: usize,
    /// How many events the panes keep.
    kept: usize,
    /// End of the window that is judged next.
    end: Option<i64>,
}

impl AlignedPlan {
    pub(crate) fn new(size: i64, every: i64, aggregates: Vec<AggregateFunction>) -> AlignedPlan {
        AlignedPlan { size: size.max(1), every: every.max(1), aggregates }
    }

    /// End of the first window that an event of this time is in. `None` if there is none (windows further apart than
    /// they are long leave gaps) or it ends beyond the range of event times.
    fn first_end(&self, time: i64) -> Option<i64> {
        let (time, size, every) = (i128::from(time), i128::from(self.size), i128::from(self.every));
        let start = ((time - size).div_euclid(every) + 1) * every;
        if start <= time { i64::try_from(start + size).ok() } else { None }
    }

    /// Start of the pane that an event of this time is in.
    fn pane_start(&self, time: i64) -> i64 {
        // Below the range of event times there is nothing to tell apart.
        time.saturating_sub(time.rem_euclid(self.every))
    }
}

impl<E: Clone> Aligned<E> {
    fn pop(&mut self) -> Option<Pane<E>> {
        let pane = self.panes.pop_front()?;
        self.merged.pop_pane();
        self.count_out(&pane);
        if self.panes.len() * 4 < self.panes.capacity() {
            self.panes.shrink_to(self.panes.len() * 2);
        }
        Some(pane)
    }

    fn count_in(&mut self, pane: &Pane<E>) {
        self.events += pane.count;
        self.values += pane.values();
        self.heap += pane.heap();
        self.kept += pane.kept.len();
    }

    fn count_out(&mut self, pane: &Pane<E>) {
        self.events -= pane.count;
        self.values -= pane.values();
        self.heap -= pane.heap();
        self.kept -= pane.kept.len();
    }

    /// The window that all panes together are.
    fn window(&mut self, start: i64, end: i64) -> Option<Found<E>> {
        let panes = &self.panes;
        let totals = self.merged.totals(panes.len(), |index| panes.get(index).map(|pane| &pane.totals))?;
        let results = totals.results();
        let mut kept = Kept::new();
        if self.kept > 0 {
            for pane in panes {
                kept.merge(&pane.kept);
                if kept.is_full() {
                    break;
                }
            }
        }
        let (first, last) = (panes.front()?.first.clone(), panes.back()?.last.clone());
        Some(Found::Window {
            start,
            end,
            count: self.events,
            first,
            last,
            events: kept.into_events(),
            aggregates: results.aggregates,
            approximate: results.approximate,
        })
    }
}

impl<E: Clone> State for Aligned<E> {
    type Event = E;
    type Plan = AlignedPlan;
    const WAKE: Wake = Wake::Timer;

    fn new(plan: &AlignedPlan) -> Aligned<E> {
        Aligned {
            panes: VecDeque::new(),
            merged: Merged::new(&plan.aggregates),
            events: 0,
            values: 0,
            heap: 0,
            kept: 0,
            end: None,
        }
    }

    fn growth(state: Option<&Self>, plan: &AlignedPlan, row: &Row<'_, E>) -> Option<Demand> {
        plan.first_end(row.time)?;
        let last = state.and_then(|state| state.panes.back());
        match last.filter(|pane| pane.start == plan.pane_start(row.time)) {
            Some(pane) => Some(pane.growth(row)),
            None => Some(growth_of_new(&plan.aggregates, row)),
        }
    }

    fn enter(&mut self, plan: &AlignedPlan, row: &Row<'_, E>, age: u64, _: &mut dyn FnMut(Found<E>)) {
        let start = plan.pane_start(row.time);
        let pane = match self.panes.pop_back() {
            Some(mut pane) if pane.start == start => {
                self.count_out(&pane);
                pane.add(row);
                pane
            }
            earlier => {
                self.panes.extend(earlier);
                Pane::new(age, start, row, &plan.aggregates)
            }
        };
        self.count_in(&pane);
        self.panes.push_back(pane);
        self.end = self.end.or_else(|| plan.first_end(row.time));
    }

    fn wake_at(&self, _: &AlignedPlan) -> Option<i64> {
        self.end
    }

    fn wake(&mut self, plan: &AlignedPlan, at: i64, found: &mut dyn FnMut(Found<E>)) {
        let start = at.saturating_sub(plan.size);
        // Only the panes that later windows need stay.
        let next_end = at.checked_add(plan.every);
        let next_start = next_end.map_or(i64::MAX, |end| end.saturating_sub(plan.size));
        let is_leaving = |pane: &Pane<E>| pane.start < next_start;
        if self.panes.len() == 1 && self.panes.front().is_some_and(is_leaving) {
            self.end = None;
            if let Some(pane) = self.pop() {
                found(pane.found(start, at));
            }
            return;
        }
        let window = self.window(start, at);
        while self.panes.front().is_some_and(is_leaving) {
            self.pop();
        }
        self.end = if self.panes.is_empty() { None } else { next_end };
        if let Some(window) = window {
            found(window);
        }
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.panes.len() as u64, self.end));
        self.panes.iter().for_each(|pane| pane.save(writer));
        self.merged.save(writer);
    }

    fn load(plan: &AlignedPlan, reader: &mut Reader<'_, '_, E>) -> Read<Aligned<E>> {
        let mut aligned = Aligned::new(plan);
        let count: u64;
        (count, aligned.end) = reader.take()?;
        for _ in 0..count {
            let pane = Pane::load(&plan.aggregates, reader)?;
            aligned.count_in(&pane);
            // So neither the next pane nor the nodes over them can take a sum out of range.
            check(i64::try_from(aligned.events).is_ok() && isize::try_from(aligned.heap).is_ok())?;
            aligned.panes.push_back(pane);
        }
        let panes = &aligned.panes;
        let totals = |index: usize| panes.get(index).map(|pane: &Pane<E>| &pane.totals);
        aligned.merged = Merged::load(&plan.aggregates, reader, panes.len(), totals)?;
        Ok(aligned)
    }

    fn held(&self) -> Held {
        let heap = self.heap + self.merged.bytes();
        Held { entries: self.panes.len(), values: self.values, heap }
    }

    fn ages(&self) -> impl Iterator<Item = u64> {
        self.panes.iter().map(|pane| pane.age)
    }

    fn oldest(&self) -> Option<u64> {
        self.panes.front().map(|pane| pane.age)
    }

    fn newest(&self) -> Option<u64> {
        self.panes.back().map(|pane| pane.age)
    }

    fn drop_oldest(&mut self) -> u64 {
        self.pop().map_or(0, |pane| pane.count)
    }

    fn release(&mut self) {
        self.merged.clear();
    }

    fn entry_bytes(plan: &AlignedPlan) -> usize {
        Pane::<E>::bytes(&plan.aggregates)
    }

    fn state_bytes(_: &AlignedPlan) -> usize {
        0
    }
}

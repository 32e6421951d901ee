//! Tumbling and hopping windows, aligned to the Unix epoch.

use std::collections::VecDeque;

use crate::agenda::Wake;
use crate::aggregate::AggregateFunction;
use crate::engine::{Found, Row};
use crate::keyed::{Held, State};
use crate::snapshot::wire::{Read, Reader, Writer};
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
    /// Distinct values that the panes remember.
    values: usize,
    /// What the events and texts of the panes own.
    heap: usize,
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
        self.values -= pane.values();
        self.heap -= pane.heap();
        Some(pane)
    }
}

impl<E: Clone> State for Aligned<E> {
    type Event = E;
    type Plan = AlignedPlan;
    const WAKE: Wake = Wake::Timer;

    fn new(_: &AlignedPlan) -> Aligned<E> {
        Aligned { panes: VecDeque::new(), values: 0, heap: 0, end: None }
    }

    fn growth(state: Option<&Self>, plan: &AlignedPlan, row: &Row<'_, E>) -> Option<usize> {
        plan.first_end(row.time)?;
        let last = state.and_then(|state| state.panes.back());
        match last.filter(|pane| pane.start == plan.pane_start(row.time)) {
            Some(pane) => Some(pane.growth(row)),
            None => Some(growth_of_new(&plan.aggregates, row)),
        }
    }

    fn enter(&mut self, plan: &AlignedPlan, row: &Row<'_, E>, age: u64, _: &mut dyn FnMut(Found<E>)) {
        let start = plan.pane_start(row.time);
        match self.panes.back_mut().filter(|pane| pane.start == start) {
            Some(pane) => {
                self.values += pane.growth(row);
                let before = pane.heap();
                pane.add(row);
                self.heap = self.heap + pane.heap() - before;
            }
            None => {
                let pane = Pane::new(age, start, row, &plan.aggregates);
                self.values += pane.values();
                self.heap += pane.heap();
                self.panes.push_back(pane);
            }
        }
        self.end = self.end.or_else(|| plan.first_end(row.time));
    }

    fn wake_at(&self, _: &AlignedPlan) -> Option<i64> {
        self.end
    }

    fn wake(&mut self, plan: &AlignedPlan, at: i64, found: &mut dyn FnMut(Found<E>)) {
        let start = at.saturating_sub(plan.size);
        // Only the panes that later windows need stay; the first of the others can be taken as it is.
        let next_end = at.checked_add(plan.every);
        let next_start = next_end.map_or(i64::MAX, |end| end.saturating_sub(plan.size));
        let mut window: Option<Pane<E>> = None;
        while self.panes.front().is_some_and(|pane| pane.start < next_start) {
            let Some(pane) = self.pop() else { break };
            match &mut window {
                Some(window) => window.merge(&pane),
                None => window = Some(pane),
            }
        }
        for pane in &self.panes {
            match &mut window {
                Some(window) => window.merge(pane),
                None => window = Some(pane.clone()),
            }
        }
        self.end = if self.panes.is_empty() { None } else { next_end };
        if let Some(window) = window {
            found(window.found(start, at));
        }
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.panes.len() as u64, self.end));
        self.panes.iter().for_each(|pane| pane.save(writer));
    }

    fn load(_: &AlignedPlan, reader: &mut Reader<'_, '_, E>) -> Read<Aligned<E>> {
        let (count, end): (u64, _) = reader.take()?;
        let mut panes = VecDeque::new();
        for _ in 0..count {
            panes.push_back(Pane::load(reader)?);
        }
        let values = panes.iter().map(Pane::values).sum();
        let heap = panes.iter().map(Pane::heap).sum();
        Ok(Aligned { panes, values, heap, end })
    }

    fn held(&self) -> Held {
        Held { entries: self.panes.len(), values: self.values, heap: self.heap }
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

    fn entry_bytes(plan: &AlignedPlan) -> usize {
        Pane::<E>::bytes(&plan.aggregates)
    }

    fn state_bytes(_: &AlignedPlan) -> usize {
        0
    }
}

//! Sliding windows judged at each event.

use crate::agenda::Wake;
use crate::aggregate::AggregateFunction;
use crate::engine::{Found, Row};
use crate::keyed::{Demand, Held, State};
use crate::snapshot::wire::{Read, Reader, Writer};
use crate::window::queue::EventQueue;

/// A window over `(t − size, t]`, judged at each event, `t` being its time.
#[derive(Debug)]
pub(crate) struct TrailingPlan {
    size: i64,
    aggregates: Vec<AggregateFunction>,
}

/// The events of one key that can still be in a window.
#[derive(Debug)]
pub(crate) struct Trailing<E>(EventQueue<E>);

impl TrailingPlan {
    pub(crate) fn new(size: i64, aggregates: Vec<AggregateFunction>) -> TrailingPlan {
        TrailingPlan { size: size.max(1), aggregates }
    }
}

impl<E: Clone> State for Trailing<E> {
    type Event = E;
    type Plan = TrailingPlan;
    const WAKE: Wake = Wake::Expiry;

    fn new(plan: &TrailingPlan) -> Trailing<E> {
        Trailing(EventQueue::new(&plan.aggregates))
    }

    fn growth(_: Option<&Self>, plan: &TrailingPlan, row: &Row<'_, E>) -> Option<Demand> {
        Some(EventQueue::growth(row, plan.aggregates.len()))
    }

    /// What has left the window is gone already: its expiry is due at `time + size`.
    fn enter(&mut self, plan: &TrailingPlan, row: &Row<'_, E>, age: u64, found: &mut dyn FnMut(Found<E>)) {
        self.0.push(age, row);
        if let Some(window) = self.0.found(row.time.saturating_sub(plan.size), row.time) {
            found(window);
        }
    }

    fn wake_at(&self, plan: &TrailingPlan) -> Option<i64> {
        self.0.first_time()?.checked_add(plan.size)
    }

    fn wake(&mut self, plan: &TrailingPlan, at: i64, _: &mut dyn FnMut(Found<E>)) {
        while self.wake_at(plan).is_some_and(|leaves| leaves <= at) {
            self.0.pop();
        }
    }

    fn save(&self, writer: &mut Writer<'_, E>) {
        self.0.save(writer);
    }

    fn load(plan: &TrailingPlan, reader: &mut Reader<'_, '_, E>) -> Read<Trailing<E>> {
        EventQueue::load(&plan.aggregates, reader).map(Trailing)
    }

    fn held(&self) -> Held {
        self.0.held()
    }

    fn ages(&self) -> impl Iterator<Item = u64> {
        self.0.ages()
    }

    fn oldest(&self) -> Option<u64> {
        self.0.oldest()
    }

    fn newest(&self) -> Option<u64> {
        self.0.newest()
    }

    fn drop_oldest(&mut self) -> u64 {
        u64::from(self.0.pop())
    }

    fn entry_bytes(plan: &TrailingPlan) -> usize {
        EventQueue::<E>::entry_bytes(&plan.aggregates)
    }

    fn state_bytes(plan: &TrailingPlan) -> usize {
        EventQueue::<E>::state_bytes(&plan.aggregates)
    }
}

//! Windows over the last so many events.

use crate::agenda::Wake;
use crate::aggregate::AggregateFunction;
use crate::engine::{Found, Row};
use crate::keyed::{Demand, Held, State};
use crate::snapshot::wire::{Read, Reader, Writer};
use crate::window::queue::EventQueue;

/// A window that slides by one event, says nothing until it is full, and is then judged at each event.
#[derive(Debug)]
pub(crate) struct CountPlan {
    size: usize,
    aggregates: Vec<AggregateFunction>,
}

/// The last events of one key.
#[derive(Debug)]
pub(crate) struct Count<E>(EventQueue<E>);

impl CountPlan {
    pub(crate) fn new(size: u32, aggregates: Vec<AggregateFunction>) -> CountPlan {
        CountPlan { size: size.max(1) as usize, aggregates }
    }
}

impl<E: Clone> State for Count<E> {
    type Event = E;
    type Plan = CountPlan;
    const WAKE: Wake = Wake::Expiry;

    fn new(plan: &CountPlan) -> Count<E> {
        Count(EventQueue::new(&plan.aggregates))
    }

    fn growth(state: Option<&Self>, plan: &CountPlan, row: &Row<'_, E>) -> Option<Demand> {
        let mut growth = EventQueue::growth(row, plan.aggregates.len());
        if let Some(state) = state.filter(|state| state.0.len() >= plan.size) {
            growth.entries = 0;
            growth.heap -= state.0.first_heap() as isize;
        }
        Some(growth)
    }

    fn enter(&mut self, plan: &CountPlan, row: &Row<'_, E>, age: u64, found: &mut dyn FnMut(Found<E>)) {
        // The event that leaves goes first, so that no more than the size is ever held.
        if self.0.len() >= plan.size {
            self.0.pop();
        }
        self.0.push(age, row);
        if self.0.len() == plan.size
            && let Some(start) = self.0.first_time()
            && let Some(window) = self.0.found(start, row.time)
        {
            found(window);
        }
    }

    fn wake_at(&self, _: &CountPlan) -> Option<i64> {
        None
    }

    fn wake(&mut self, _: &CountPlan, _: i64, _: &mut dyn FnMut(Found<E>)) {}

    fn save(&self, writer: &mut Writer<'_, E>) {
        self.0.save(writer);
    }

    fn load(plan: &CountPlan, reader: &mut Reader<'_, '_, E>) -> Read<Count<E>> {
        EventQueue::load(&plan.aggregates, reader).map(Count)
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

    fn entry_bytes(plan: &CountPlan) -> usize {
        EventQueue::<E>::entry_bytes(&plan.aggregates)
    }

    fn state_bytes(plan: &CountPlan) -> usize {
        EventQueue::<E>::state_bytes(&plan.aggregates)
    }
}

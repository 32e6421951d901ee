//! Events of a window that slides with each of them.

use std::collections::VecDeque;
use std::mem::size_of;

use crate::aggregate::{AggregateFunction, Scalar, Sliding};
use crate::engine::{Found, Row};
use crate::keyed::{Demand, Held};
use crate::snapshot::wire::{Read, Reader, Writer, check};
use crate::window::kept::Kept;

/// The events of a window, oldest first, and their aggregates, kept up to date as events come and go.
#[derive(Debug)]
pub(crate) struct EventQueue<E> {
    entries: VecDeque<Entry<E>>,
    aggregates: Box<[Sliding]>,
    /// What the events and their inputs own.
    heap: usize,
}

#[derive(Debug)]
struct Entry<E> {
    age: u64,
    time: i64,
    event: E,
    /// What the event weighs if findings are to carry it.
    keep: Option<usize>,
    /// What the event and the inputs own.
    heap: usize,
    inputs: Box<[Scalar]>,
}

impl<E: Clone> EventQueue<E> {
    pub(crate) fn new(functions: &[AggregateFunction]) -> EventQueue<E> {
        EventQueue {
            entries: VecDeque::new(),
            aggregates: functions.iter().copied().map(Sliding::new).collect(),
            heap: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn push(&mut self, age: u64, row: &Row<'_, E>) {
        let inputs: Box<[Scalar]> = (0..self.aggregates.len())
            .map(|index| row.inputs.get(index).cloned().unwrap_or(Scalar::Null))
            .collect();
        let event = row.event.make();
        let heap = row.event.weight() + heap_bytes(&inputs);
        self.add(Entry { age, time: row.time, event, keep: row.keep, heap, inputs });
    }

    pub(crate) fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.entries.len() as u64));
        for Entry { age, time, event, keep, heap, inputs } in &self.entries {
            writer.put(&(age, time, keep.map(|keep| keep as u64), *heap as u64, inputs));
            writer.put_event(event);
        }
    }

    /// Reads what was written; the aggregates are those of the same events.
    pub(crate) fn load(
        functions: &[AggregateFunction],
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<EventQueue<E>> {
        let mut queue = EventQueue::new(functions);
        let count: u64 = reader.take()?;
        for _ in 0..count {
            type Rest = (u64, i64, Option<u64>, u64, Box<[Scalar]>);
            let (age, time, keep, heap, inputs): Rest = reader.take()?;
            let (keep, heap) = (keep.map(|keep| keep as usize), heap as usize);
            check(inputs.len() == functions.len() && queue.heap.checked_add(heap).is_some())?;
            queue.add(Entry { age, time, event: reader.take_event()?, keep, heap, inputs });
        }
        Ok(queue)
    }

    fn add(&mut self, entry: Entry<E>) {
        for (aggregate, input) in self.aggregates.iter_mut().zip(&entry.inputs) {
            aggregate.push(entry.age, input);
        }
        self.heap += entry.heap;
        self.entries.push_back(entry);
    }

    /// Removes the oldest event; whether there was one.
    pub(crate) fn pop(&mut self) -> bool {
        let Some(entry) = self.entries.pop_front() else {
            return false;
        };
        self.heap -= entry.heap;
        for (aggregate, input) in self.aggregates.iter_mut().zip(&entry.inputs) {
            aggregate.pop(entry.age, input);
        }
        if self.entries.len() * 4 < self.entries.capacity() {
            self.entries.shrink_to(self.entries.len() * 2);
        }
        true
    }

    /// What pushing a row would add for so many aggregates.
    pub(crate) fn growth(row: &Row<'_, E>, aggregates: usize) -> Demand {
        let inputs = row.inputs.get(..aggregates).unwrap_or(row.inputs);
        Demand { entries: 1, values: 0, heap: (row.event.weight() + heap_bytes(inputs)) as isize }
    }

    /// What the oldest event and its inputs own.
    pub(crate) fn first_heap(&self) -> usize {
        self.entries.front().map_or(0, |entry| entry.heap)
    }

    /// Time of the oldest event.
    pub(crate) fn first_time(&self) -> Option<i64> {
        self.entries.front().map(|entry| entry.time)
    }

    /// The window as it is now, unless it is empty.
    pub(crate) fn found(&self, start: i64, end: i64) -> Option<Found<E>> {
        let (first, last) = (self.entries.front()?, self.entries.back()?);
        let mut kept = Kept::new();
        for entry in &self.entries {
            if !entry.keep.is_some_and(|bytes| kept.add_event(|| entry.event.clone(), bytes)) {
                break;
            }
        }
        Some(Found::Window {
            start,
            end,
            count: self.entries.len() as u64,
            first: first.event.clone(),
            last: last.event.clone(),
            events: kept.into_events(),
            aggregates: self.aggregates.iter().map(Sliding::result).collect(),
            approximate: Vec::new(),
        })
    }

    pub(crate) fn held(&self) -> Held {
        Held { entries: self.entries.len(), values: 0, heap: self.heap }
    }

    pub(crate) fn ages(&self) -> impl Iterator<Item = u64> {
        self.entries.iter().map(|entry| entry.age)
    }

    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.age)
    }

    pub(crate) fn newest(&self) -> Option<u64> {
        self.entries.back().map(|entry| entry.age)
    }

    pub(crate) fn entry_bytes(functions: &[AggregateFunction]) -> usize {
        let per_aggregate: usize = functions.iter().copied().map(Sliding::bytes_per_event).sum();
        size_of::<Entry<E>>() + functions.len() * size_of::<Scalar>() + per_aggregate
    }

    pub(crate) fn state_bytes(functions: &[AggregateFunction]) -> usize {
        functions.iter().map(|function| size_of::<Sliding>() + function.heap_bytes()).sum()
    }
}

fn heap_bytes(inputs: &[Scalar]) -> usize {
    inputs.iter().map(Scalar::heap_bytes).sum()
}

//! Running aggregates over events that no window tells apart.

use std::mem::size_of;

use crate::aggregate::{Accumulator, AggregateFunction, Scalar};
use crate::engine::{Found, Row};
use crate::snapshot::wire::{Read, Reader, Writer};
use crate::window::kept::Kept;

/// A run of events that are in the same windows: their aggregates, and of the events only the first, the last and those
/// that are to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Pane<E> {
    pub(crate) age: u64,
    /// Start of the pane; of a session the time of its first event.
    pub(crate) start: i64,
    pub(crate) count: u64,
    first: E,
    last: E,
    kept: Kept<E>,
    /// What events and texts own.
    heap: usize,
    /// The part of `heap` that is the last event's; none while that is the first one.
    heap_of_last: usize,
    accumulators: Box<[Accumulator]>,
}

impl<E: Clone> Pane<E> {
    pub(crate) fn new(age: u64, start: i64, row: &Row<'_, E>, functions: &[AggregateFunction]) -> Pane<E> {
        let mut pane = Pane {
            age,
            start,
            count: 0,
            first: row.event.make(),
            last: row.event.make(),
            kept: Kept::new(),
            heap: row.event.weight(),
            heap_of_last: 0,
            accumulators: functions.iter().copied().map(Accumulator::new).collect(),
        };
        pane.add(row);
        pane
    }

    pub(crate) fn add(&mut self, row: &Row<'_, E>) {
        self.count += 1;
        self.last = row.event.make();
        let heap_of_last = if self.count > 1 { row.event.weight() } else { 0 };
        self.heap = self.heap - self.heap_of_last + heap_of_last;
        self.heap_of_last = heap_of_last;
        if self.kept.takes(row) {
            self.heap += row.event.weight();
        }
        self.kept.add(row);
        for (accumulator, input) in self.accumulators.iter_mut().zip(row.inputs) {
            let before = accumulator.best_bytes();
            self.heap += accumulator.growth(input) * input.heap_bytes();
            accumulator.add(input);
            self.heap = self.heap + accumulator.best_bytes() - before;
        }
    }

    /// Adds a later pane to this one.
    pub(crate) fn merge(&mut self, later: &Pane<E>) {
        self.count += later.count;
        self.last = later.last.clone();
        self.kept.merge(&later.kept);
        for (accumulator, other) in self.accumulators.iter_mut().zip(&later.accumulators) {
            accumulator.merge(other);
        }
    }

    pub(crate) fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.age, self.start, self.count, self.heap as u64, self.heap_of_last as u64));
        writer.put(&self.accumulators);
        writer.put_event(&self.first);
        writer.put_event(&self.last);
        self.kept.save(writer);
    }

    pub(crate) fn load(reader: &mut Reader<'_, '_, E>) -> Read<Pane<E>> {
        let (age, start, count, heap, heap_of_last): (u64, i64, u64, u64, u64) = reader.take()?;
        Ok(Pane {
            age,
            start,
            count,
            heap: heap as usize,
            heap_of_last: heap_of_last as usize,
            accumulators: reader.take()?,
            first: reader.take_event()?,
            last: reader.take_event()?,
            kept: Kept::load(reader)?,
        })
    }

    /// Distinct values and events that are remembered.
    pub(crate) fn values(&self) -> usize {
        self.accumulators.iter().map(Accumulator::values).sum::<usize>() + self.kept.len()
    }

    /// What its events and texts own.
    pub(crate) fn heap(&self) -> usize {
        self.heap
    }

    /// By how many remembered values and events [`add`](Self::add) would make this grow.
    pub(crate) fn growth(&self, row: &Row<'_, E>) -> usize {
        let values = self.accumulators.iter().zip(row.inputs);
        let values: usize = values.map(|(accumulator, input)| accumulator.growth(input)).sum();
        values + usize::from(self.kept.takes(row))
    }

    pub(crate) fn found(self, start: i64, end: i64) -> Found<E> {
        let aggregates = self.accumulators.iter().map(Accumulator::result).collect();
        let (first, last, events) = (self.first, self.last, self.kept.into_events());
        Found::Window { start, end, count: self.count, first, last, events, aggregates }
    }

    pub(crate) fn bytes(functions: &[AggregateFunction]) -> usize {
        size_of::<Pane<E>>() + functions.len() * size_of::<Accumulator>()
    }
}

/// What a new pane would hold: itself and what of the row it must remember.
pub(crate) fn growth_of_new<E: Clone>(functions: &[AggregateFunction], row: &Row<'_, E>) -> usize {
    let values = functions.iter().zip(row.inputs).filter(|(function, input)| {
        **function == AggregateFunction::CountDistinct && **input != Scalar::Null
    });
    1 + values.count() + usize::from(Kept::new().takes(row))
}

//! Running aggregates over events that no window tells apart.

use std::mem::size_of;

use crate::aggregate::AggregateFunction;
use crate::engine::{Found, Row};
use crate::keyed::Demand;
use crate::snapshot::wire::{Read, Reader, Writer, check};
use crate::window::kept::Kept;
use crate::window::totals::Totals;

/// A run of events that are in the same windows: their aggregates, and of the events only the first, the last and those
/// that are to be kept.
#[derive(Debug)]
pub(crate) struct Pane<E> {
    pub(crate) age: u64,
    /// Start of the pane; of a session the time of its first event.
    pub(crate) start: i64,
    pub(crate) count: u64,
    pub(crate) first: E,
    pub(crate) last: E,
    pub(crate) kept: Kept<E>,
    pub(crate) totals: Totals,
    /// What the events own.
    weight: usize,
    /// The part of `weight` that is the last event's; none while that is the first one.
    weight_of_last: usize,
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
            totals: Totals::new(functions),
            weight: row.event.weight(),
            weight_of_last: 0,
        };
        pane.add(row);
        pane
    }

    pub(crate) fn add(&mut self, row: &Row<'_, E>) {
        self.count += 1;
        self.last = row.event.make();
        let weight_of_last = if self.count > 1 { row.event.weight() } else { 0 };
        self.weight = self.weight - self.weight_of_last + weight_of_last;
        self.weight_of_last = weight_of_last;
        if self.kept.takes(row) {
            self.weight += kept_bytes(row);
        }
        self.kept.add(row);
        self.totals.add(row.inputs);
    }

    pub(crate) fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.age, self.start, self.count, self.weight as u64, self.weight_of_last as u64));
        self.totals.save(writer);
        writer.put_event(&self.first);
        writer.put_event(&self.last);
        self.kept.save(writer);
    }

    pub(crate) fn load(functions: &[AggregateFunction], reader: &mut Reader<'_, '_, E>) -> Read<Pane<E>> {
        let (age, start, count, weight, weight_of_last): (u64, i64, u64, u64, u64) = reader.take()?;
        check(count > 0 && weight_of_last <= weight && isize::try_from(weight).is_ok())?;
        Ok(Pane {
            age,
            start,
            count,
            weight: weight as usize,
            weight_of_last: weight_of_last as usize,
            totals: Totals::load(functions, count, reader)?,
            first: reader.take_event()?,
            last: reader.take_event()?,
            kept: Kept::load(reader)?,
        })
    }

    /// Distinct values and events that are remembered.
    pub(crate) fn values(&self) -> usize {
        self.totals.values() + self.kept.len()
    }

    /// What its events and values own.
    pub(crate) fn heap(&self) -> usize {
        self.weight + self.totals.heap_bytes()
    }

    /// By how much [`add`](Self::add) would make this grow, at most.
    pub(crate) fn growth(&self, row: &Row<'_, E>) -> Demand {
        let growth = self.totals.growth(row.inputs);
        let takes = self.kept.takes(row);
        let weight = row.event.weight() + if takes { kept_bytes(row) } else { 0 };
        Demand {
            entries: 0,
            values: growth.values + isize::from(takes),
            heap: growth.heap + weight as isize - self.weight_of_last as isize,
        }
    }

    pub(crate) fn found(self, start: i64, end: i64) -> Found<E> {
        let results = self.totals.results();
        Found::Window {
            start,
            end,
            count: self.count,
            first: self.first,
            last: self.last,
            events: self.kept.into_events(),
            aggregates: results.aggregates,
            approximate: results.approximate,
        }
    }

    pub(crate) fn bytes(functions: &[AggregateFunction]) -> usize {
        size_of::<Pane<E>>() - size_of::<Totals>() + Totals::bytes(functions)
    }
}

/// What a new pane would hold: itself and what of the row it must remember.
pub(crate) fn growth_of_new<E: Clone>(functions: &[AggregateFunction], row: &Row<'_, E>) -> Demand {
    let growth = Totals::new(functions).growth(row.inputs);
    let takes = Kept::new().takes(row);
    let weight = row.event.weight() + if takes { kept_bytes(row) } else { 0 };
    Demand { entries: 1, values: growth.values + isize::from(takes), heap: growth.heap + weight as isize }
}

/// What it takes to keep an event.
fn kept_bytes<E: Clone>(row: &Row<'_, E>) -> usize {
    row.event.weight() + Kept::<E>::bytes_per_event()
}

//! The aggregates of some events, side by side.

use std::mem::size_of;

use crate::aggregate::{Accumulator, AggregateFunction, Growth, Scalar};
use crate::snapshot::wire::{Read, Reader, Writer, check};

/// What the aggregates of a plan come to over a run of events.
#[derive(Clone, Debug)]
pub(crate) struct Totals(Box<[Accumulator]>);

/// The results of the aggregates of a plan.
#[derive(Debug)]
pub(crate) struct Results {
    pub(crate) aggregates: Vec<Scalar>,
    /// Positions of those that are estimates.
    pub(crate) approximate: Vec<usize>,
}

impl Totals {
    pub(crate) fn new(functions: &[AggregateFunction]) -> Totals {
        Totals(functions.iter().copied().map(Accumulator::new).collect())
    }

    /// Adds an event's inputs; missing ones are null.
    pub(crate) fn add(&mut self, inputs: &[Scalar]) {
        for (accumulator, input) in self.0.iter_mut().zip(inputs) {
            accumulator.add(input);
        }
    }

    /// Adds those of later events.
    pub(crate) fn merge(&mut self, later: &Totals) {
        for (accumulator, other) in self.0.iter_mut().zip(&later.0) {
            accumulator.merge(other);
        }
    }

    pub(crate) fn results(&self) -> Results {
        let estimates = self.0.iter().enumerate().filter(|(_, accumulator)| accumulator.is_approximate());
        Results {
            aggregates: self.0.iter().map(Accumulator::result).collect(),
            approximate: estimates.map(|(position, _)| position).collect(),
        }
    }

    pub(crate) fn save<E>(&self, writer: &mut Writer<'_, E>) {
        writer.put(&self.0);
    }

    /// Reads what was written of so many events.
    pub(crate) fn load<E>(
        functions: &[AggregateFunction],
        events: u64,
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<Totals> {
        let totals: Box<[Accumulator]> = reader.take()?;
        let mut pairs = totals.iter().zip(functions);
        check(totals.len() == functions.len())?;
        check(pairs.all(|(accumulator, function)| accumulator.can_be(*function, events)))?;
        Ok(Totals(totals))
    }

    /// By how much they grow with an event's inputs, at most.
    pub(crate) fn growth(&self, inputs: &[Scalar]) -> Growth {
        let mut growth = Growth::default();
        for (accumulator, input) in self.0.iter().zip(inputs) {
            growth += accumulator.growth(input);
        }
        growth
    }

    /// How many values they remember.
    pub(crate) fn values(&self) -> usize {
        self.0.iter().map(Accumulator::values).sum()
    }

    /// What they remember, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.iter().map(Accumulator::heap_bytes).sum()
    }

    /// What they take while they remember nothing.
    pub(crate) fn bytes(functions: &[AggregateFunction]) -> usize {
        let of_functions = functions.iter().map(|function| size_of::<Accumulator>() + function.heap_bytes());
        size_of::<Totals>() + of_functions.sum::<usize>()
    }
}

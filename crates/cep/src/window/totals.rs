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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::EventCodec;
    use crate::snapshot::wire::Damaged;

    struct Nothing;

    impl EventCodec<()> for Nothing {
        fn write(&self, (): &(), _: &mut Vec<u8>) {}

        fn read(&self, _: &[u8]) -> Option<()> {
            Some(())
        }
    }

    const ALL: [AggregateFunction; 9] = [
        AggregateFunction::Count,
        AggregateFunction::CountDistinct,
        AggregateFunction::Sum,
        AggregateFunction::Avg,
        AggregateFunction::StdDev,
        AggregateFunction::Min,
        AggregateFunction::Max,
        AggregateFunction::Percentile { billionths: 500_000_000 },
        AggregateFunction::Percentile { billionths: 900_000_000 },
    ];

    #[test]
    fn totals_of_other_functions_or_of_more_events_are_refused() {
        for function in ALL {
            let mut totals = Totals::new(&[function]);
            (0..3).for_each(|number| totals.add(&[Scalar::Int(number)]));
            let mut writer = Writer::new(&Nothing);
            totals.save(&mut writer);
            let bytes = writer.into_bytes();
            let load = |functions: &[AggregateFunction], events| {
                let read = Totals::load(functions, events, &mut Reader::new(&bytes, &Nothing));
                read.map(|totals| totals.results().aggregates)
            };
            assert_eq!(load(&[function], 3), Ok(totals.results().aggregates), "{function}");
            assert_eq!(load(&[], 3), Err(Damaged), "{function}");
            assert_eq!(load(&[function, function], 3), Err(Damaged), "{function}");
            for other in ALL.into_iter().filter(|other| *other != function) {
                assert_eq!(load(&[other], 3), Err(Damaged), "{function} as {other}");
            }
            let counts = !matches!(
                function,
                AggregateFunction::CountDistinct | AggregateFunction::Min | AggregateFunction::Max
            );
            assert_eq!(load(&[function], 2).is_err(), counts, "{function} of fewer events");
        }
    }
}

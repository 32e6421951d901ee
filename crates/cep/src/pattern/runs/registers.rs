//! What runs remember for conditions that compare events.

use crate::aggregate::{Accumulator, AggregateFunction, Scalar};
use crate::pattern::{Register, RegisterFunction, StepId};
use crate::snapshot::wire::{Read, Reader, Writer, check};

/// The registers of all runs, each run's beside each other.
#[derive(Debug)]
pub(super) struct Registers {
    plan: Vec<Planned>,
    /// Values before any event.
    initial: Vec<Scalar>,
    accumulators_initial: Vec<Accumulator>,
    /// What those of a run take while they remember no values.
    bytes_of_accumulators: usize,
    /// The present value of each register.
    values: Vec<Scalar>,
    /// What the values of some aggregates are computed from.
    accumulators: Vec<Accumulator>,
    /// Which steps have taken an event, as first values may be null.
    taken: Vec<u64>,
    /// What all of these own beside their own size, in bytes. A place without a run owns nothing.
    heap: usize,
}

#[derive(Debug)]
struct Planned {
    step: StepId,
    kind: Kind,
    input: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    First,
    Last,
    /// Counts need no more than their value.
    Count,
    /// With the position of its accumulator.
    Aggregate(usize),
}

impl Registers {
    pub(super) fn new(registers: &[Register]) -> Registers {
        let mut accumulators = Vec::new();
        let mut initial = Vec::with_capacity(registers.len());
        let mut plan = Vec::with_capacity(registers.len());
        let mut bytes_of_accumulators = 0;
        for Register { step, function, input } in registers {
            let kind = match function {
                RegisterFunction::First => Kind::First,
                RegisterFunction::Last => Kind::Last,
                RegisterFunction::Aggregate(AggregateFunction::Count) => Kind::Count,
                RegisterFunction::Aggregate(function) => {
                    accumulators.push(Accumulator::new(*function));
                    bytes_of_accumulators += size_of::<Accumulator>() + function.heap_bytes();
                    Kind::Aggregate(accumulators.len() - 1)
                }
            };
            initial.push(match kind {
                Kind::First | Kind::Last => Scalar::Null,
                Kind::Count => Scalar::Int(0),
                Kind::Aggregate(index) => accumulators[index].result(),
            });
            plan.push(Planned { step: *step, kind, input: *input });
        }
        Registers {
            plan,
            initial,
            accumulators_initial: accumulators,
            bytes_of_accumulators,
            values: Vec::new(),
            accumulators: Vec::new(),
            taken: Vec::new(),
            heap: 0,
        }
    }

    /// What a run has at its beginning.
    pub(super) fn initial(&self) -> &[Scalar] {
        &self.initial
    }

    /// What the run at this place has.
    pub(super) fn of(&self, run: usize) -> &[Scalar] {
        let width = self.plan.len();
        &self.values[run * width..(run + 1) * width]
    }

    /// Gives the run at this place, which has nothing, what a run has at its beginning.
    pub(super) fn begin(&mut self, run: usize) {
        let width = self.plan.len();
        if width == 0 {
            return;
        }
        self.reach(run);
        self.taken[run] = 0;
        self.values[run * width..(run + 1) * width].clone_from_slice(&self.initial);
    }

    /// Gives the run at one place, which has nothing, what that at another has.
    pub(super) fn copy(&mut self, from: usize, to: usize) {
        let (width, accumulators) = (self.plan.len(), self.accumulators_initial.len());
        if width == 0 {
            return;
        }
        self.reach(to);
        self.taken[to] = self.taken[from];
        for index in 0..width {
            self.values[to * width + index] = self.values[from * width + index].clone();
        }
        for index in 0..accumulators {
            self.accumulators[to * accumulators + index] =
                self.accumulators[from * accumulators + index].clone();
        }
        self.heap += self.owned(to);
    }

    /// Forgets what the run at this place owns.
    pub(super) fn clear(&mut self, run: usize) {
        let (width, accumulators) = (self.plan.len(), self.accumulators_initial.len());
        if width == 0 {
            return;
        }
        let owned = self.owned(run);
        if owned > 0 {
            self.heap -= owned;
            self.values[run * width..(run + 1) * width].clone_from_slice(&self.initial);
        }
        self.accumulators[run * accumulators..(run + 1) * accumulators]
            .clone_from_slice(&self.accumulators_initial);
    }

    /// Adds an event to the run at this place.
    pub(super) fn take(&mut self, run: usize, step: StepId, inputs: &[Scalar]) {
        let (width, accumulators) = (self.plan.len(), self.accumulators_initial.len());
        if width == 0 {
            return;
        }
        let is_first = self.taken[run] >> step.0 & 1 == 0;
        self.taken[run] |= 1 << step.0;
        for (planned, value) in self.plan.iter().zip(&mut self.values[run * width..]) {
            if planned.step != step {
                continue;
            }
            let input = match planned.input {
                Some(input) => inputs.get(input).unwrap_or(&Scalar::Null),
                // What counts events has nothing else to look at.
                None => &Scalar::Int(1),
            };
            match planned.kind {
                Kind::First if !is_first => {}
                Kind::First | Kind::Last => {
                    self.heap = self.heap - value.heap_bytes() + input.heap_bytes();
                    *value = input.clone();
                }
                Kind::Count => {
                    if let (Scalar::Int(count), false) = (&mut *value, *input == Scalar::Null) {
                        *count += 1;
                    }
                }
                Kind::Aggregate(index) => {
                    let accumulator = &mut self.accumulators[run * accumulators + index];
                    self.heap -= accumulator.heap_bytes();
                    accumulator.add(input);
                    self.heap += accumulator.heap_bytes();
                    *value = accumulator.result();
                }
            }
        }
    }

    /// The positions of those that are estimates, ascending.
    pub(super) fn approximate(&self, run: usize) -> Vec<usize> {
        let accumulators = &self.accumulators[run * self.accumulators_initial.len()..];
        let is_estimate = |planned: &Planned| match planned.kind {
            Kind::Aggregate(index) => accumulators[index].is_approximate(),
            Kind::First | Kind::Last | Kind::Count => false,
        };
        self.plan.iter().enumerate().filter(|(_, planned)| is_estimate(planned)).map(|(at, _)| at).collect()
    }

    /// What all runs own of them beside [`bytes_per_run`](Self::bytes_per_run), in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.heap
    }

    /// What those of one event can come to own at most.
    pub(super) fn weight(&self, inputs: &[Scalar]) -> usize {
        if self.plan.is_empty() { 0 } else { inputs.iter().map(Scalar::heap_bytes).sum() }
    }

    pub(super) fn save<E>(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(&self.values, &self.accumulators, &self.taken));
    }

    pub(super) fn load<E>(&mut self, reader: &mut Reader<'_, '_, E>) -> Read<()> {
        (self.values, self.accumulators, self.taken) = reader.take()?;
        let runs = self.taken.len();
        check(self.values.len() == runs * self.plan.len())?;
        check(self.accumulators.len() == runs * self.accumulators_initial.len())?;
        self.heap = (0..runs).map(|run| self.owned(run)).sum();
        Ok(())
    }

    /// Whether there is something for runs in all of so many places.
    pub(super) fn reaches(&self, places: usize) -> bool {
        self.plan.is_empty() || self.taken.len() >= places
    }

    pub(super) fn bytes_per_run(&self) -> usize {
        let taken = if self.plan.is_empty() { 0 } else { size_of::<u64>() };
        self.plan.len() * size_of::<Scalar>() + self.bytes_of_accumulators + taken
    }

    fn reach(&mut self, run: usize) {
        while self.taken.len() <= run {
            self.taken.push(0);
            self.values.extend_from_slice(&self.initial);
            self.accumulators.extend_from_slice(&self.accumulators_initial);
        }
    }

    /// What the registers of the run at this place own. The results of aggregates share what these remember.
    fn owned(&self, run: usize) -> usize {
        let values = &self.values[run * self.plan.len()..];
        let accumulators = &self.accumulators[run * self.accumulators_initial.len()..];
        let of = |(planned, value): (&Planned, &Scalar)| match planned.kind {
            Kind::First | Kind::Last => value.heap_bytes(),
            Kind::Count => 0,
            Kind::Aggregate(index) => accumulators[index].heap_bytes(),
        };
        self.plan.iter().zip(values).map(of).sum()
    }
}

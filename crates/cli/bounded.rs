//! A bounded run: a task fed from memory or files, without a log behind it.

use std::sync::Arc;

use olocus_event::{Keyring, Limits, Record};
use olocus_runtime::{InputId, Missed, Outputs, Plan, Position, Prepared, Preparer, Task};

use crate::failure::Failure;

/// Prepares and evaluates records of any number of inputs.
pub(crate) struct Bounded {
    plan: Arc<Plan>,
    preparer: Preparer,
    task: Task,
}

impl Bounded {
    /// A run of `plan`; records are opened with the keys of `keyring`.
    pub(crate) fn new(plan: Arc<Plan>, keyring: &Arc<Keyring>, limits: olocus_cep::Limits) -> Bounded {
        Bounded {
            preparer: Preparer::new(Arc::clone(&plan), keyring, Limits::default()),
            task: Task::new(Arc::clone(&plan), limits),
            plan,
        }
    }

    /// Adds an input. All inputs are added before the first record is fed.
    pub(crate) fn add(&mut self, input: &InputId) -> Result<(), Failure> {
        let source = self.source(input)?;
        let bound = self.plan.sources().nth(source).map_or(0, |spec| spec.out_of_order);
        self.task.add_input(input.clone(), bound, Some(Position::at(0)), false);
        Ok(())
    }

    /// Decodes the next records of an input, as many as fill a batch; `None` once there are none left.
    pub(crate) fn prepare(
        &mut self,
        input: &InputId,
        records: &mut Vec<Record>,
    ) -> Result<Option<Prepared>, Failure> {
        let source = self.source(input)?;
        Ok(self.preparer.prepare_batch(source, &input.topic, input.partition, records))
    }

    /// Evaluates what was prepared, in the order of preparation within an input.
    pub(crate) fn feed(&mut self, prepared: Prepared) -> Result<(), Failure> {
        self.task.feed(prepared).map_err(evaluating)
    }

    /// No further record comes from this input.
    pub(crate) fn end(&mut self, input: &InputId) -> Result<(), Failure> {
        self.task.end(input).map_err(evaluating)
    }

    /// A final watermark closes every window.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        self.task.finish().map_err(evaluating)
    }

    /// The event time that an input has reached, `None` before its first record.
    pub(crate) fn progress_of(&self, input: &InputId) -> Option<i64> {
        self.task.inputs().find(|view| view.id == input).and_then(|view| view.progress)
    }

    /// Number of events that wait for their turn in event-time order, and what they take in memory.
    pub(crate) fn held(&self) -> (usize, usize) {
        self.task.held()
    }

    /// The lists whose topics are none of the inputs, with these topics: nothing was in them.
    pub(crate) fn lists_not_read(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_input = |topic: &str| self.task.inputs().any(|view| &*view.id.topic == topic);
        self.plan.list_topics().filter(move |(_, topic)| !is_input(topic))
    }

    /// What each rule did not take into account.
    pub(crate) fn missed(&self) -> impl Iterator<Item = Missed> {
        self.task.missed()
    }

    /// The inputs that are ahead of the slowest, furthest ahead first.
    pub(crate) fn furthest_ahead(&self) -> Vec<InputId> {
        self.task.furthest_ahead()
    }

    /// What came out since the last call.
    pub(crate) fn take_outputs(&mut self) -> Outputs {
        self.task.take_outputs()
    }

    fn source(&self, input: &InputId) -> Result<usize, Failure> {
        self.plan.source_of(&input.topic).ok_or_else(|| {
            Failure::new(format!("read `{}`: no source of the configuration reads it", input.topic))
        })
    }
}

fn evaluating(cause: olocus_runtime::Error) -> Failure {
    Failure::doing("evaluate the rules", cause)
}

//! Merges the partitions of all inputs into one stream in event-time order.
//!
//! Every input partition has a *watermark*: the largest event time of its on-time records so far, less the
//! out-of-orderness bound of its source. A *floor*, which only a [decision](crate::Decision) moves, can lift
//! it where a partition is silent. The larger of the two is the partition's *progress* `E`.
//!
//! - A record is late if and only if its time lies before `E` of its own partition when it is delivered.
//! - A record `(t, P)` is released once `E` of its own partition has reached `t` and for every other
//!   partition `Q`, `(E_Q, Q) > (t, P)`.
//!
//! So records leave in the order (event time, topic, partition, offset), however the partitions were
//! interleaved and the records cut into batches. Buffers never drop: see [`Merge::furthest_ahead`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::weight::Weigh;

/// Names one input partition; its order breaks ties between records of equal event time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId {
    /// The topic, or the file where records come from files.
    pub topic: Arc<str>,
    /// The partition within the topic.
    pub partition: i32,
}

/// Where a record stands in the merged order: event time, then input, then offset.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Event time in nanoseconds since the Unix epoch.
    pub time: i64,
    /// The partition that the record came from.
    pub input: InputId,
    /// The record's offset there.
    pub offset: i64,
}

/// An index of an input within one [`Merge`]; stable for the life of the merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputIndex(usize);

impl InputIndex {
    /// The position of the input in the order in which inputs were added.
    pub fn get(self) -> usize {
        self.0
    }
}

/// What became of a delivered record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// In time: it is released in its turn.
    OnTime,
    /// Before the progress that its partition had reached, which is named.
    Late {
        /// `E` of the partition when the record was delivered.
        progress: i64,
    },
}

/// The progress of one input, as a restart needs it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Largest event time among the on-time records delivered, if there were any.
    pub largest: Option<i64>,
    /// The floor that decisions have raised, if any did.
    pub floor: Option<i64>,
}

/// Merges input partitions into event-time order; `T` is what travels with a record that rules asked for.
#[derive(Debug)]
pub struct Merge<T> {
    inputs: Vec<Input<T>>,
    by_id: BTreeMap<InputId, InputIndex>,
    held: usize,
    held_bytes: usize,
    /// Largest event time among all on-time records of all inputs.
    largest: Option<i64>,
    /// The last record released.
    frontier: Option<Place>,
}

#[derive(Debug)]
struct Input<T> {
    id: InputId,
    bound: i64,
    progress: Progress,
    held: BTreeMap<(i64, i64), T>,
}

impl<T> Default for Merge<T> {
    fn default() -> Merge<T> {
        Merge {
            inputs: Vec::new(),
            by_id: BTreeMap::new(),
            held: 0,
            held_bytes: 0,
            largest: None,
            frontier: None,
        }
    }
}

impl<T: Weigh> Merge<T> {
    /// Adds an input whose records may be out of order by `bound` nanoseconds, with the progress it had
    /// reached before a restart (both parts `None` for an input read for the first time).
    ///
    /// An input that joins a merge which is already running starts with the smallest progress of the others
    /// as its floor, so that it cannot turn back time. Adding a known input again changes nothing.
    pub fn add(&mut self, id: InputId, bound: i64, progress: Progress, joins_running: bool) -> InputIndex {
        if let Some(&index) = self.by_id.get(&id) {
            return index;
        }
        let mut progress = progress;
        if joins_running {
            progress.floor = progress.floor.max(self.progress());
        }
        self.largest = self.largest.max(progress.largest);
        let index = InputIndex(self.inputs.len());
        self.by_id.insert(id.clone(), index);
        self.inputs.push(Input { id, bound, progress, held: BTreeMap::new() });
        index
    }

    /// The index of an input that has been added.
    pub fn index(&self, id: &InputId) -> Option<InputIndex> {
        self.by_id.get(id).copied()
    }

    /// All inputs in the order in which they were added.
    pub fn inputs(&self) -> impl Iterator<Item = (InputIndex, &InputId)> {
        self.inputs.iter().enumerate().map(|(at, input)| (InputIndex(at), &input.id))
    }

    /// Delivers the next record of an input. `item` is what to hold until the record's turn comes; a record
    /// that no rule asks for brings `None` and only moves time.
    pub fn deliver(&mut self, index: InputIndex, time: i64, offset: i64, item: Option<T>) -> Delivery {
        let input = &mut self.inputs[index.0];
        if let Some(progress) = input.reached().filter(|&reached| time < reached) {
            return Delivery::Late { progress };
        }
        input.progress.largest = input.progress.largest.max(Some(time));
        self.largest = self.largest.max(Some(time));
        if let Some(item) = item {
            self.hold(index, time, offset, item);
        }
        Delivery::OnTime
    }

    /// Holds a record again that was delivered on time before a restart but not yet released: it has already
    /// moved the watermark that [`Merge::add`] was given, so it is not judged a second time.
    pub fn hold_again(&mut self, index: InputIndex, time: i64, offset: i64, item: T) {
        self.hold(index, time, offset, item);
    }

    /// Raises an input's floor; a floor never sinks.
    pub fn raise_floor(&mut self, index: InputIndex, floor: i64) {
        let progress = &mut self.inputs[index.0].progress;
        progress.floor = progress.floor.max(Some(floor));
    }

    /// Releases everything whose turn has come, in order, handing each record to `each`. The cost of a
    /// record grows with the logarithm of the number of inputs.
    pub fn release(&mut self, mut each: impl FnMut(Place, T)) {
        if self.held == 0 {
            return;
        }
        let Some(gates) = self.gates() else { return };
        let mut heads: BTreeSet<(i64, InputId, i64, usize)> = self
            .inputs
            .iter()
            .enumerate()
            .filter_map(|(at, input)| {
                input.first().map(|(time, offset)| (time, input.id.clone(), offset, at))
            })
            .collect();
        while let Some((time, id, offset, at)) = heads.pop_first() {
            let gate = if gates.lowest.1 == at { gates.second.as_ref() } else { Some(&gates.lowest.0) };
            let turn = gate.is_none_or(|gate| *gate > (time, id.clone()));
            if !turn || self.inputs[at].reached() < Some(time) {
                return;
            }
            let (place, item) = self.take(at, time, offset);
            if let Some((time, offset)) = self.inputs[at].first() {
                heads.insert((time, id, offset, at));
            }
            each(place, item);
        }
    }

    /// The smallest progress of all inputs: no record before it is still to come. `None` as long as some
    /// input has made none, or where there is no input.
    pub fn progress(&self) -> Option<i64> {
        self.inputs.iter().map(Input::reached).min().flatten()
    }

    /// The progress of one input, `None` before its first record and floor.
    pub fn progress_of(&self, index: InputIndex) -> Option<i64> {
        self.inputs[index.0].reached()
    }

    /// What a restart has to know of an input's progress.
    pub fn saved(&self, index: InputIndex) -> Progress {
        self.inputs[index.0].progress
    }

    /// The out-of-orderness bound of an input in nanoseconds.
    pub fn bound(&self, index: InputIndex) -> i64 {
        self.inputs[index.0].bound
    }

    /// Largest event time that any on-time record of any input had.
    pub fn largest(&self) -> Option<i64> {
        self.largest
    }

    /// Number of records held for their turn.
    pub fn held(&self) -> usize {
        self.held
    }

    /// What the records held take in memory, in bytes.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The earliest event time among the records held.
    pub fn earliest_held(&self) -> Option<i64> {
        self.inputs.iter().filter_map(|input| input.first().map(|(time, _)| time)).min()
    }

    /// The event time up to which records must be released so that no more than `limit` are held, and no more than
    /// `bytes`; `None` where they already fit.
    pub fn time_to_hold(&self, limit: usize, bytes: usize) -> Option<i64> {
        let (mut held, mut held_bytes) = (self.held, self.held_bytes);
        if held <= limit && held_bytes <= bytes {
            return None;
        }
        let held_of = |input: &Input<T>| -> Vec<(i64, usize)> {
            input.held.iter().map(|(&(time, _), item)| (time, item.weight())).collect()
        };
        let mut oldest: Vec<(i64, usize)> = self.inputs.iter().flat_map(held_of).collect();
        oldest.sort_unstable();
        let leaves = oldest.into_iter().find(|(_, weight)| {
            held -= 1;
            held_bytes -= weight;
            held <= limit && held_bytes <= bytes
        });
        leaves.map(|(time, _)| time)
    }

    /// The smallest offset among the records that an input still holds.
    pub fn oldest_held(&self, index: InputIndex) -> Option<i64> {
        self.inputs[index.0].held.keys().map(|&(_, offset)| offset).min()
    }

    /// The place of the last record released.
    pub fn frontier(&self) -> Option<&Place> {
        self.frontier.as_ref()
    }

    /// Restores the place of the last record released before a restart.
    pub fn restore_frontier(&mut self, frontier: Place) {
        self.frontier = self.frontier.take().max(Some(frontier));
    }

    /// The input that holds time back: the one with the smallest progress.
    pub fn slowest(&self) -> Option<(InputIndex, &InputId)> {
        let (at, input) =
            self.inputs.iter().enumerate().min_by_key(|(_, input)| (input.reached(), &input.id))?;
        Some((InputIndex(at), &input.id))
    }

    /// The inputs that hold records and are ahead of the slowest one, furthest ahead first: those to pause
    /// when too much is held. Never one that holds time back.
    pub fn furthest_ahead(&self) -> Vec<InputIndex> {
        let slowest = self.inputs.iter().map(Input::reached).min().flatten();
        let mut ahead: Vec<_> = self
            .inputs
            .iter()
            .enumerate()
            .filter(|(_, input)| !input.held.is_empty() && input.reached() > slowest)
            .map(|(at, input)| (std::cmp::Reverse(input.reached()), InputIndex(at)))
            .collect();
        ahead.sort_unstable();
        ahead.into_iter().map(|(_, index)| index).collect()
    }

    fn hold(&mut self, index: InputIndex, time: i64, offset: i64, item: T) {
        self.held_bytes += item.weight();
        match self.inputs[index.0].held.insert((time, offset), item) {
            Some(before) => self.held_bytes -= before.weight(),
            None => self.held += 1,
        }
    }

    fn gates(&self) -> Option<Gates> {
        let mut reached = Vec::with_capacity(self.inputs.len());
        for (at, input) in self.inputs.iter().enumerate() {
            let gate = input.reached().map(|reached| (reached, input.id.clone()));
            reached.push((gate, at));
        }
        reached.sort_unstable();
        let mut gates = reached.into_iter();
        let (lowest, at) = gates.next()?;
        let second = gates.next();
        match (lowest, second) {
            // The lowest input has made no progress: nothing but its own records could go, and those
            // need progress of their own.
            (None, _) => None,
            (Some(lowest), None) => Some(Gates { lowest: (lowest, at), second: None }),
            (Some(lowest), Some((second, _))) => Some(Gates { lowest: (lowest, at), second }),
        }
    }

    fn take(&mut self, at: usize, time: i64, offset: i64) -> (Place, T) {
        let input = &mut self.inputs[at];
        let item = input.held.remove(&(time, offset)).expect("the caller saw this record held");
        self.held -= 1;
        self.held_bytes -= item.weight();
        let place = Place { time, input: input.id.clone(), offset };
        self.frontier = Some(place.clone());
        (place, item)
    }
}

/// The two lowest marks of progress: a record must lie before the lowest one that is not its own input's.
struct Gates {
    lowest: ((i64, InputId), usize),
    second: Option<(i64, InputId)>,
}

impl<T> Input<T> {
    fn reached(&self) -> Option<i64> {
        let watermark = self.progress.largest.map(|largest| largest.saturating_sub(self.bound));
        watermark.max(self.progress.floor)
    }

    fn first(&self) -> Option<(i64, i64)> {
        self.held.first_key_value().map(|(&key, _)| key)
    }
}

#[cfg(test)]
mod tests;

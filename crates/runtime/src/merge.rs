//! Merges the partitions of all inputs into one stream in event-time order.
//!
//! Every input partition has a *watermark*: the largest event time of its on-time records so far, less the
//! out-of-orderness bound of its source. A *floor*, which only a [decision](crate::Decision) moves, can lift
//! it where a partition is silent. The larger of the two is the partition's *progress* `E`.
//!
//! - A record is late if and only if its time lies before `E` of its own partition when it is delivered.
//! - A record `(t, P)` is released once `E` of its own partition has reached `t` and for every other
//!   partition `Q`, `(E_Q, Q) > (t, P)`. That is the same as `(t, P) <= (E_X, X)` for the slowest partition `X`,
//!   the one for which `(E_X, X)` is smallest: the [`Mark`] up to which everything has been released.
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

/// A place in the merged order between records: after those of this event time of this input and of all that
/// sort before it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Event time in nanoseconds since the Unix epoch.
    pub time: i64,
    /// The last input whose records of that time lie before the mark.
    pub input: InputId,
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

/// What became of a record that was [offered](Merge::offer).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// In time, and its turn has come.
    Due,
    /// In time: it is released in its turn.
    Held,
    /// Before the progress that its partition had reached, which is named.
    Late {
        /// `E` of the partition when the record was delivered.
        progress: i64,
    },
}

impl From<Delivery> for Offer {
    /// Of a record for which nothing has to be held.
    fn from(delivery: Delivery) -> Offer {
        match delivery {
            Delivery::OnTime => Offer::Held,
            Delivery::Late { progress } => Offer::Late { progress },
        }
    }
}

/// Inputs with which a record is compared by itself; with more of them, records are compared with the slowest in groups.
const COMPARED_MAX: usize = 16;

/// The progress of one input, as a restart needs it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Largest event time among the on-time records delivered, if there were any.
    pub largest: Option<i64>,
    /// The watermark: that less the bound which held when it was delivered. It never sinks, whatever becomes of
    /// the bound.
    pub watermark: Option<i64>,
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
    /// Up to where everything has been released.
    frontier: Option<Mark>,
}

#[derive(Debug)]
struct Input<T> {
    id: InputId,
    bound: i64,
    progress: Progress,
    held: BTreeMap<(i64, i64), T>,
    /// For each record held, by offset, the progress by which it was judged.
    judged: BTreeMap<i64, Progress>,
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

impl Progress {
    /// `E`: the watermark or the floor, whichever is larger.
    pub fn reached(&self) -> Option<i64> {
        self.watermark.max(self.floor)
    }

    /// Judges the next record of an input whose records may be out of order by `bound` nanoseconds.
    pub(crate) fn judge(&mut self, time: i64, bound: i64) -> Delivery {
        if let Some(progress) = self.reached().filter(|&reached| time < reached) {
            return Delivery::Late { progress };
        }
        self.largest = self.largest.max(Some(time));
        self.watermark = self.watermark.max(Some(time.saturating_sub(bound)));
        Delivery::OnTime
    }

    /// Raises the floor; it never sinks.
    pub(crate) fn raise(&mut self, floor: Option<i64>) {
        self.floor = self.floor.max(floor);
    }
}

impl<T: Weigh> Merge<T> {
    /// Adds an input whose records may be out of order by `bound` nanoseconds, with the progress it had
    /// reached before a restart (all parts `None` for an input read for the first time).
    ///
    /// An input that joins a merge which is already running starts no earlier than the slowest of the others,
    /// so that it cannot turn back time. Adding a known input again changes nothing.
    pub fn add(&mut self, id: InputId, bound: i64, progress: Progress, joins_running: bool) -> InputIndex {
        if let Some(&index) = self.by_id.get(&id) {
            return index;
        }
        let mut progress = progress;
        if joins_running {
            progress.raise(self.gate().map(|gate| after(&gate, &id)));
        }
        self.largest = self.largest.max(progress.largest);
        let index = InputIndex(self.inputs.len());
        self.by_id.insert(id.clone(), index);
        self.inputs.push(Input { id, bound, progress, held: BTreeMap::new(), judged: BTreeMap::new() });
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
        let judged = input.progress;
        let delivery = input.progress.judge(time, input.bound);
        if delivery == Delivery::OnTime {
            self.largest = self.largest.max(Some(time));
            if let Some(item) = item {
                self.hold_again(index, time, offset, judged, item);
            }
        }
        delivery
    }

    /// Delivers the next record of an input for which `item` would have to be held. Where nothing else is held and the
    /// record's turn has come already, it is not if it `may_pass`: the caller then does what [`release`](Self::release)
    /// would have it do.
    pub fn offer(
        &mut self,
        index: InputIndex,
        time: i64,
        offset: i64,
        may_pass: bool,
        item: impl FnOnce() -> T,
    ) -> Offer {
        let judged = self.inputs[index.0].progress;
        match self.deliver(index, time, offset, None) {
            Delivery::Late { progress } => Offer::Late { progress },
            Delivery::OnTime if may_pass && self.is_due(index, time) => Offer::Due,
            Delivery::OnTime => {
                self.hold_again(index, time, offset, judged, item());
                Offer::Held
            }
        }
    }

    /// Whether a record that was just delivered has no other before it, held or still to come.
    fn is_due(&self, index: InputIndex, time: i64) -> bool {
        let own = &self.inputs[index.0].id;
        let is_past = |input: &Input<T>| (input.reached(), &input.id) >= (Some(time), own);
        self.held == 0 && self.inputs.len() <= COMPARED_MAX && self.inputs.iter().all(is_past)
    }

    /// Holds a record again that was delivered on time before a restart but not yet released: it has already
    /// moved the watermark that [`Merge::add`] was given, so it is not judged a second time. `judged` is the
    /// progress by which it was.
    pub fn hold_again(&mut self, index: InputIndex, time: i64, offset: i64, judged: Progress, item: T) {
        let input = &mut self.inputs[index.0];
        input.judged.insert(offset, judged);
        self.held_bytes += item.weight();
        match input.held.insert((time, offset), item) {
            Some(before) => self.held_bytes -= before.weight(),
            None => self.held += 1,
        }
    }

    /// What becomes of floors when they are raised together: none goes further than the slowest input has got by
    /// then, because that would release nothing more. So whatever is late only because of a floor lies before the
    /// frontier. Those that would change nothing are left out.
    pub fn effective(&self, floors: &[(InputIndex, i64)]) -> Vec<(InputIndex, i64)> {
        let mut reached: Vec<Option<i64>> = self.inputs.iter().map(Input::reached).collect();
        for &(index, floor) in floors {
            reached[index.0] = reached[index.0].max(Some(floor));
        }
        let slowest = self.inputs.iter().zip(reached).map(|(input, reached)| (reached, &input.id)).min();
        let Some((Some(time), input)) = slowest else { return Vec::new() };
        let gate = Mark { time, input: input.clone() };
        let within = |&(index, floor): &(InputIndex, i64)| {
            let input = &self.inputs[index.0];
            let floor = floor.min(after(&gate, &input.id));
            (Some(floor) > input.reached()).then_some((index, floor))
        };
        floors.iter().filter_map(within).collect()
    }

    /// Raises floors together, as far as they are [effective](Merge::effective); a floor never sinks.
    pub fn raise_floors(&mut self, floors: &[(InputIndex, i64)]) {
        for (index, floor) in self.effective(floors) {
            self.inputs[index.0].progress.raise(Some(floor));
        }
    }

    /// No record of this input will come any more, so it holds nothing back.
    pub fn end(&mut self, index: InputIndex) {
        self.inputs[index.0].progress.raise(Some(i64::MAX));
    }

    /// Releases everything whose turn has come, in order, handing each record to `each`. The cost of a
    /// record grows with the logarithm of the number of inputs.
    pub fn release(&mut self, mut each: impl FnMut(Place, T)) {
        let Some(gate) = self.gate() else { return };
        if self.held > 0 {
            let mut heads: BTreeSet<(i64, InputId, i64, usize)> = self
                .inputs
                .iter()
                .enumerate()
                .filter_map(|(at, input)| {
                    input.first().map(|(time, offset)| (time, input.id.clone(), offset, at))
                })
                .collect();
            while let Some((time, id, offset, at)) = heads.pop_first() {
                if (time, &id) > (gate.time, &gate.input) {
                    break;
                }
                let item = self.take(at, time, offset);
                if let Some((time, offset)) = self.inputs[at].first() {
                    heads.insert((time, id.clone(), offset, at));
                }
                each(Place { time, input: id, offset }, item);
            }
        }
        self.frontier = self.frontier.take().max(Some(gate));
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

    /// The smallest offset among the records that an input still holds, with the progress by which that record
    /// was judged.
    pub fn oldest_held(&self, index: InputIndex) -> Option<(i64, Progress)> {
        self.inputs[index.0].judged.first_key_value().map(|(&offset, &progress)| (offset, progress))
    }

    /// Up to where everything has been released by this merge.
    pub fn frontier(&self) -> Option<&Mark> {
        self.frontier.as_ref()
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

    /// The progress of the slowest input, once all have made some: whatever lies before it can be released.
    fn gate(&self) -> Option<Mark> {
        let (reached, id) = self.inputs.iter().map(|input| (input.reached(), &input.id)).min()?;
        reached.map(|time| Mark { time, input: id.clone() })
    }

    fn take(&mut self, at: usize, time: i64, offset: i64) -> T {
        let input = &mut self.inputs[at];
        input.judged.remove(&offset);
        self.held -= 1;
        let item = input.held.remove(&(time, offset)).expect("the caller saw this record held");
        self.held_bytes -= item.weight();
        item
    }
}

impl<T> Input<T> {
    fn reached(&self) -> Option<i64> {
        self.progress.reached()
    }

    fn first(&self) -> Option<(i64, i64)> {
        self.held.first_key_value().map(|(&key, _)| key)
    }
}

/// The event time from which on records of an input sort after a mark.
fn after(mark: &Mark, id: &InputId) -> i64 {
    mark.time.saturating_add(i64::from(*id < mark.input))
}

#[cfg(test)]
mod tests;

//! Tells silent partitions from slow ones, and makes the decisions that let time go on without them.

use std::collections::HashMap;

use crate::merge::InputId;
use crate::task::{Decision, Task};

/// A partition of live data is idle after a second at its end …
const LIVE: i64 = 1_000_000_000;
/// … one that history is being loaded into only after ten: its loader may just be slow.
const HISTORY: i64 = 10_000_000_000;
/// Event times that lie further than this behind their records' timestamps are history.
const HISTORY_LAG: i64 = 60_000_000_000;

/// What is known of the inputs' ends. All times are nanoseconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct Idleness {
    inputs: HashMap<InputId, Input>,
    /// The largest event time delivered, and when that was.
    latest: Option<Latest>,
}

#[derive(Debug)]
struct Input {
    /// Since when the input has been read to its end, without an open transaction beyond it.
    at_end_since: Option<i64>,
    idle_after: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    time: i64,
    delivered: i64,
    history: bool,
}

impl Idleness {
    pub(super) fn add(&mut self, id: InputId, idle_after: Option<i64>) {
        self.inputs.insert(id, Input { at_end_since: None, idle_after });
    }

    /// Records have come: the largest event time among them with the timestamp of its record.
    pub(super) fn records(&mut self, id: &InputId, latest: Option<(i64, i64)>, now: i64) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.at_end_since = None;
        }
        if let Some((time, logged)) = latest
            && self.latest.is_none_or(|known| time > known.time)
        {
            let history = logged.saturating_sub(time) > HISTORY_LAG;
            self.latest = Some(Latest { time, delivered: now, history });
        }
    }

    /// The input was read to its end; `stable` says that no open transaction hides records beyond it.
    pub(super) fn end(&mut self, id: &InputId, stable: bool, now: i64) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.at_end_since = stable.then(|| input.at_end_since.unwrap_or(now));
        }
    }

    /// The input is paused, or the log cannot be reached: silence means nothing now.
    pub(super) fn unknown(&mut self, id: &InputId) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.at_end_since = None;
        }
    }

    /// Raises the floors of idle inputs where that can release records or end windows.
    pub(super) fn decide(&self, task: &Task, now: i64) -> Option<Decision> {
        let latest = self.latest?;
        let largest = task.largest()?;
        let due = task.next_due()?;
        let is_idle =
            |id: &InputId| self.inputs.get(id).is_some_and(|input| input.is_idle(latest.history, now));
        let all = task.inputs().all(|input| is_idle(input.id));
        // While every input is silent, event time goes on at the pace of the clock.
        let passed = if all { now.saturating_sub(latest.delivered).max(0) } else { 0 };
        let mut floors = Vec::new();
        for input in task.inputs() {
            let floor = is_idle(input.id).then(|| largest.saturating_add(passed).saturating_sub(input.bound));
            if input.progress.max(floor) < Some(due) {
                // This input holds back whatever comes next, so nothing would come of a decision now.
                return None;
            }
            floors.extend(
                floor.filter(|&floor| input.progress < Some(floor)).map(|floor| (input.id.clone(), floor)),
            );
        }
        (!floors.is_empty()).then_some(Decision { floors })
    }
}

impl Input {
    fn is_idle(&self, history: bool, now: i64) -> bool {
        let idle_after = self.idle_after.unwrap_or(if history { HISTORY } else { LIVE });
        self.at_end_since.is_some_and(|since| now.saturating_sub(since) >= idle_after)
    }
}

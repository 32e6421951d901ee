//! Tells silent partitions from slow ones, and makes the decisions that let time go on without them.

use std::collections::HashMap;

use olocus_bus::{End, OffsetRange};

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

/// What is to be done about silent inputs.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Nothing would come of a decision now.
    Wait,
    /// These inputs seem to be idle: ask the log whether their ends are still where they were met.
    Ask(Vec<InputId>),
    /// Time goes on without them.
    Decide(Decision),
}

#[derive(Debug)]
struct Input {
    /// The offset at which the input was read to its end, until more records come.
    end: Option<i64>,
    /// Since when it has been at its end, without an open transaction beyond it, and the log has answered.
    silent_since: Option<i64>,
    /// When the log last confirmed that.
    confirmed: i64,
    paused: bool,
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
        let input = Input { end: None, silent_since: None, confirmed: i64::MIN, paused: false, idle_after };
        self.inputs.insert(id, input);
    }

    /// Records have come: the largest event time among them with the timestamp of its record.
    pub(super) fn records(&mut self, id: &InputId, latest: Option<(i64, i64)>, now: i64) {
        if let Some(input) = self.inputs.get_mut(id) {
            (input.end, input.silent_since) = (None, None);
        }
        if let Some((time, logged)) = latest
            && self.latest.is_none_or(|known| time > known.time)
        {
            let history = logged.saturating_sub(time) > HISTORY_LAG;
            self.latest = Some(Latest { time, delivered: now, history });
        }
    }

    /// The reader met the input's end.
    pub(super) fn end(&mut self, id: &InputId, end: End, now: i64) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.end = Some(end.offset);
            let silent = end.stable && !input.paused;
            input.silent_since = silent.then(|| input.silent_since.unwrap_or(now));
        }
    }

    /// The log was asked at `asked` where the input ends.
    pub(super) fn range(&mut self, id: &InputId, range: OffsetRange, asked: i64) {
        let Some(input) = self.inputs.get_mut(id) else { return };
        if !input.paused && input.end == Some(range.end) && range.stable_end == range.end {
            input.silent_since.get_or_insert(asked);
            input.confirmed = input.confirmed.max(asked);
        } else {
            input.silent_since = None;
        }
    }

    /// The input is paused, when its silence means nothing, or no longer so.
    pub(super) fn paused(&mut self, id: &InputId, paused: bool) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.paused = paused;
            input.silent_since = None;
        }
    }

    /// The log cannot be reached: nobody's silence means anything until it answers again.
    pub(super) fn away(&mut self) {
        for input in self.inputs.values_mut() {
            input.silent_since = None;
        }
    }

    /// Whether floors of idle inputs are to be raised: only where that can release records or end windows.
    pub(super) fn decide(&self, task: &Task, now: i64) -> Verdict {
        let Some(latest) = self.latest else { return Verdict::Wait };
        if let Some(floors) = self.floors(task, latest, |input| input.confirmed) {
            return Verdict::Decide(Decision { floors });
        }
        match self.floors(task, latest, |_| now) {
            Some(floors) => Verdict::Ask(floors.into_iter().map(|(id, _)| id).collect()),
            None => Verdict::Wait,
        }
    }

    /// The floors to raise if each input's silence lasted until `until`.
    fn floors(
        &self,
        task: &Task,
        latest: Latest,
        until: impl Fn(&Input) -> i64,
    ) -> Option<Vec<(InputId, i64)>> {
        let largest = task.largest()?;
        let due = task.next_due()?;
        let idle_until = |id: &InputId| {
            let input = self.inputs.get(id)?;
            let until = until(input);
            // What was at its end before the newest record came may have been sent to together with it.
            (until >= latest.delivered && input.is_idle(latest.history, until)).then_some(until)
        };
        // While every input is silent, event time goes on at the pace of the clock.
        let all_until =
            task.inputs().map(|input| idle_until(input.id)).min().flatten().unwrap_or(latest.delivered);
        let passed = all_until.saturating_sub(latest.delivered).max(0);
        let mut floors = Vec::new();
        for input in task.inputs() {
            let floor =
                idle_until(input.id).map(|_| largest.saturating_add(passed).saturating_sub(input.bound));
            if input.progress.max(floor) < Some(due) {
                // This input holds back whatever comes next, so nothing would come of a decision now.
                return None;
            }
            floors.extend(
                floor.filter(|&floor| input.progress < Some(floor)).map(|floor| (input.id.clone(), floor)),
            );
        }
        (!floors.is_empty()).then_some(floors)
    }
}

impl Input {
    fn is_idle(&self, history: bool, until: i64) -> bool {
        let idle_after = self.idle_after.unwrap_or(if history { HISTORY } else { LIVE });
        self.silent_since.is_some_and(|since| until.saturating_sub(since) >= idle_after)
    }
}

#[cfg(test)]
mod tests;

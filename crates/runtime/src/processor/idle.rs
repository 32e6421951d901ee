//! Tells silent partitions from slow ones, and makes the decisions that let time go on without them.

use std::collections::HashMap;

use olocus_bus::{End, Ends};

use crate::Error;
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
    Ask {
        inputs: Vec<InputId>,
        /// The largest event time that has been seen, for [`Idleness::ends`].
        largest: i64,
    },
    /// Time goes on without them.
    Decide(Decision),
}

#[derive(Debug)]
struct Input {
    /// The offset at which the input was read to its end, until more records come.
    end: Option<i64>,
    /// Since when it has been at its end, without an open transaction beyond it, and the log has answered.
    silent_since: Option<i64>,
    /// When the log last confirmed that, if it has since the input's last record.
    confirmed: Option<Confirmed>,
    paused: bool,
    idle_after: Option<i64>,
}

/// The log was asked for an input's end, and it was where it had been met.
#[derive(Debug, Clone, Copy)]
struct Confirmed {
    /// When it was asked.
    at: i64,
    /// The largest event time seen by then. What was sent together with that record was in the log already, so the
    /// input is not to be waited for up to there, whatever has come from others since.
    largest: i64,
}

#[derive(Debug, Clone, Copy)]
struct Latest {
    time: i64,
    delivered: i64,
    history: bool,
}

impl Idleness {
    pub(super) fn add(&mut self, id: InputId, idle_after: Option<i64>) {
        let input = Input { end: None, silent_since: None, confirmed: None, paused: false, idle_after };
        self.inputs.insert(id, input);
    }

    /// Records have come: the largest event time among them with the timestamp of its record.
    pub(super) fn records(&mut self, id: &InputId, latest: Option<(i64, i64)>, now: i64) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.end = None;
            input.speaks();
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
            if end.stable && !input.paused {
                input.silent_since.get_or_insert(now);
            } else {
                input.speaks();
            }
        }
    }

    /// The log was asked at `asked` where the input ends; `largest` is the largest event time that had been seen by
    /// then, if somebody noted it.
    pub(super) fn ends(&mut self, id: &InputId, ends: Ends, asked: i64, largest: Option<i64>) {
        let Some(input) = self.inputs.get_mut(id) else { return };
        if input.paused || input.end != Some(ends.end) || ends.stable != ends.end {
            return input.speaks();
        }
        input.silent_since.get_or_insert(asked);
        if let Some(largest) = largest {
            input.confirmed = Some(Confirmed { at: asked, largest });
        }
    }

    /// The input is paused, when its silence means nothing, or no longer so.
    pub(super) fn paused(&mut self, id: &InputId, paused: bool) {
        if let Some(input) = self.inputs.get_mut(id) {
            input.paused = paused;
            input.speaks();
        }
    }

    /// The log cannot be reached: nobody's silence means anything until it answers again.
    pub(super) fn away(&mut self) {
        self.inputs.values_mut().for_each(Input::speaks);
    }

    /// Whether floors of idle inputs are to be raised: only where that can release records or end windows, or where
    /// inputs are paused until others catch up with them.
    pub(super) fn decide(&self, task: &Task, now: i64) -> Result<Verdict, Error> {
        let (Some(latest), Some(largest)) = (self.latest, task.largest()) else { return Ok(Verdict::Wait) };
        if let Some(decision) = self.decision(task, latest, |input| input.confirmed)? {
            return Ok(Verdict::Decide(decision));
        }
        let if_confirmed = Some(Confirmed { at: now, largest });
        Ok(match self.decision(task, latest, |_| if_confirmed)? {
            Some(decision) => {
                let inputs = decision.floors.into_iter().map(|(id, _)| id).collect();
                Verdict::Ask { inputs, largest }
            }
            None => Verdict::Wait,
        })
    }

    /// The floors to raise if the ends of silent inputs were confirmed like this.
    fn decision(
        &self,
        task: &Task,
        latest: Latest,
        confirmed: impl Fn(&Input) -> Option<Confirmed>,
    ) -> Result<Option<Decision>, Error> {
        let idle = |id: &InputId| {
            let input = self.inputs.get(id)?;
            confirmed(input).filter(|confirmed| input.is_idle(latest.history, confirmed.at))
        };
        let passed = self.passed(task, latest, idle);
        let (mut floors, mut slowest) = (Vec::new(), None);
        for input in task.inputs() {
            let floor = idle(input.id)
                .map(|silent| silent.largest.saturating_add(passed).saturating_sub(input.bound));
            let reached = input.progress.max(floor);
            slowest = Some(slowest.map_or(reached, |slowest: Option<i64>| slowest.min(reached)));
            floors.extend(floor.map(|floor| (input.id.clone(), floor)));
        }
        let slowest = slowest.flatten();
        let releases = task.next_due().is_some_and(|due| slowest >= Some(due));
        let resumes = self.inputs.values().any(|input| input.paused) && slowest > task.progress();
        if !releases && !resumes {
            return Ok(None);
        }
        let decision = task.effective(&Decision { floors })?;
        Ok(Some(decision).filter(|decision| !decision.floors.is_empty()))
    }

    /// How far event time has gone on since the largest one came. While every input is silent that is at the pace of
    /// the clock; one that is paused would have more to say, but is not let.
    fn passed(&self, task: &Task, latest: Latest, idle: impl Fn(&InputId) -> Option<Confirmed>) -> i64 {
        let paused = |id: &InputId| self.inputs.get(id).is_some_and(|input| input.paused);
        let mut until: Option<i64> = None;
        for input in task.inputs().filter(|input| !paused(input.id)) {
            let Some(silent) = idle(input.id).filter(|silent| Some(silent.largest) == task.largest()) else {
                return 0;
            };
            until = Some(until.map_or(silent.at, |until| until.min(silent.at)));
        }
        until.map_or(0, |until| until.saturating_sub(latest.delivered).max(0))
    }
}

impl Input {
    /// Its silence so far means nothing.
    fn speaks(&mut self) {
        (self.silent_since, self.confirmed) = (None, None);
    }

    fn is_idle(&self, history: bool, until: i64) -> bool {
        let idle_after = self.idle_after.unwrap_or(if history { HISTORY } else { LIVE });
        self.silent_since.is_some_and(|since| until.saturating_sub(since) >= idle_after)
    }
}

#[cfg(test)]
mod tests;

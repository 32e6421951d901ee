//! What is committed of an input, so that a restart processes nothing twice and skips nothing.
//!
//! The committed offset is that of the oldest record which was read but still waits for its turn. Records
//! from there to [`Position::next`] are read again after a restart. Those that had been released are recognised
//! by the frontier, those that were late by judging all of them again, from the progress by which the first one
//! had been judged: so late records need not be remembered, however many there are, and the metadata stays
//! small. What was late only because of a floor needs no mention: it lies before the frontier, since
//! [no floor goes further](crate::Merge::effective).

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::merge::{Delivery, InputId, Mark, Progress};

/// Changes of the out-of-orderness bound that are remembered while records from before them wait. A restart with
/// yet another bound keeps the last one. Keeps the metadata of an offset below the 4,096 bytes that Kafka's
/// brokers accept by default.
const TERMS_MAX: usize = 16;

/// The state of one input at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The offset to commit: where a restart begins to read.
    pub offset: i64,
    /// The offset after the last record delivered.
    pub next: i64,
    /// Watermark and floor after that record.
    pub progress: Progress,
    /// How to tell what became of the records from `offset` to `next`; `None` where there are none.
    pub again: Option<Again>,
}

/// How records that are read again are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The progress by which the record at [`Position::offset`] was judged.
    pub progress: Progress,
    /// Up to where everything had been released.
    pub frontier: Option<Mark>,
    /// By which terms the records were judged, each from its offset on.
    pub terms: Vec<Terms>,
}

/// What an input's records are judged by from some offset on, besides those before them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The first offset for which these are the terms.
    pub from: i64,
    /// The out-of-orderness bound in nanoseconds.
    pub bound: i64,
    /// The floor at which the input joined others, if it did.
    pub floor: Option<i64>,
}

/// The metadata as JSON, with short names because its size is limited.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    v: u32,
    n: i64,
    #[serde(flatten)]
    p: Reached,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    a: Option<Reread>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reread {
    #[serde(flatten)]
    p: Reached,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    f: Option<(i64, String, i32)>,
    t: Vec<(i64, i64, Option<i64>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    l: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    w: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    s: Option<i64>,
}

const VERSION: u32 = 2;

/// What is read before all else, because the rest of a newer version may have another shape.
#[derive(Debug, Deserialize)]
struct Versioned {
    v: u32,
}

impl Position {
    /// A plain offset, of which nothing else is known.
    pub fn at(offset: i64) -> Position {
        Position { offset, next: offset, progress: Progress::default(), again: None }
    }

    /// The metadata that is committed beside the offset.
    pub fn metadata(&self) -> String {
        let again = self.again.as_ref().map(|again| Reread {
            p: Reached::of(again.progress),
            f: again
                .frontier
                .as_ref()
                .map(|mark| (mark.time, mark.input.topic.to_string(), mark.input.partition)),
            t: again.terms.iter().map(|terms| (terms.from, terms.bound, terms.floor)).collect(),
        });
        let metadata = Metadata { v: VERSION, n: self.next, p: Reached::of(self.progress), a: again };
        serde_json::to_string(&metadata).expect("numbers and strings always serialise")
    }

    /// Reads back what [`Position::metadata`] wrote. Empty metadata, as other tools that reset offsets
    /// leave it, means a plain offset.
    ///
    /// # Errors
    /// Metadata that is not ours, or that another version wrote.
    pub fn parse(offset: i64, metadata: &str) -> Result<Position, Error> {
        if metadata.is_empty() {
            return Ok(Position::at(offset));
        }
        let foreign = |cause: serde_json::Error| Error::metadata(metadata, &cause.to_string());
        let version: Versioned = serde_json::from_str(metadata).map_err(foreign)?;
        if version.v != VERSION {
            return Err(Error::metadata(metadata, "it is of another version of the engine"));
        }
        let parsed: Metadata = serde_json::from_str(metadata).map_err(foreign)?;
        let mark = |(time, topic, partition): (i64, String, i32)| Mark {
            time,
            input: InputId { topic: topic.into(), partition },
        };
        let terms = |(from, bound, floor)| Terms { from, bound, floor };
        let again = parsed.a.map(|again| Again {
            progress: again.p.progress(),
            frontier: again.f.map(mark),
            terms: again.t.into_iter().map(terms).collect(),
        });
        Ok(Position { offset, next: parsed.n, progress: parsed.p.progress(), again })
    }
}

impl Reached {
    fn of(progress: Progress) -> Reached {
        Reached { l: progress.largest, w: progress.watermark, s: progress.floor }
    }

    fn progress(&self) -> Progress {
        Progress { largest: self.l, watermark: self.w, floor: self.s }
    }
}

/// The terms under which an input goes on from `next`, with those of the records that may still wait.
///
/// `floor` is the one at which it joined others, if it did.
pub(crate) fn continue_terms(saved: Option<&Again>, next: i64, bound: i64, floor: Option<i64>) -> Vec<Terms> {
    let mut terms = saved.map(|again| again.terms.clone()).unwrap_or_default();
    match terms.last() {
        Some(last) if last.bound == bound && floor.is_none() => {}
        _ if terms.len() >= TERMS_MAX => {}
        _ => terms.push(Terms { from: next, bound, floor }),
    }
    terms
}

/// Recognises the records that a restart reads again.
#[derive(Debug)]
pub(crate) struct Resume {
    /// The offset that was committed: where reading begins again.
    pub(crate) offset: i64,
    /// The offset after the last record that had been delivered.
    pub(crate) next: i64,
    /// How the record at `offset` was judged, and what had been released.
    pub(crate) again: Again,
    /// The progress as it was when the next record to be read again was judged.
    progress: Progress,
}

impl Resume {
    /// `None` where nothing is read again.
    pub(crate) fn of(saved: Position) -> Option<Resume> {
        let Position { offset, next, again, .. } = saved;
        let again = again.filter(|_| offset < next)?;
        Some(Resume { offset, next, progress: again.progress, again })
    }

    /// Whether the record at this offset had been delivered before the restart.
    pub(crate) fn covers(&self, offset: i64) -> bool {
        offset < self.next
    }

    /// Judges the next record that had been delivered again. If it was still waiting for its turn, this is the
    /// progress by which it was judged.
    pub(crate) fn was_held(&mut self, input: &InputId, offset: i64, time: i64) -> Option<Progress> {
        let bound = self.bound_at(offset);
        let judged = self.progress;
        let on_time = self.progress.judge(time, bound) == Delivery::OnTime;
        let released =
            self.again.frontier.as_ref().is_some_and(|mark| (time, input) <= (mark.time, &mark.input));
        (on_time && !released).then_some(judged)
    }

    /// The time of the next record where no record is late: that of its input where the record is older.
    pub(crate) fn not_late(&mut self, offset: i64, time: i64) -> i64 {
        self.bound_at(offset);
        self.progress.reached().map_or(time, |reached| reached.max(time))
    }

    /// The out-of-orderness bound at an offset; what holds from there on is taken into account.
    fn bound_at(&mut self, offset: i64) -> i64 {
        let mut bound = 0;
        for terms in self.again.terms.iter().take_while(|terms| terms.from <= offset) {
            bound = terms.bound;
            self.progress.raise(terms.floor);
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(largest: i64, watermark: i64) -> Progress {
        Progress { largest: Some(largest), watermark: Some(watermark), floor: None }
    }

    fn mark(time: i64, topic: &str, partition: i32) -> Mark {
        Mark { time, input: InputId { topic: topic.into(), partition } }
    }

    fn terms(from: i64, bound: i64) -> Terms {
        Terms { from, bound, floor: None }
    }

    #[test]
    fn metadata_is_read_back_as_written() {
        let again = Again {
            progress: Progress { largest: Some(3), watermark: Some(2), floor: Some(1) },
            frontier: Some(mark(5, "a", 2)),
            terms: vec![terms(0, 1), Terms { from: 9, bound: 2, floor: Some(4) }],
        };
        let position = Position { offset: 7, next: 12, progress: reached(6, 5), again: Some(again) };
        assert_eq!(Position::parse(7, &position.metadata()).unwrap(), position);
        let plain = Position { next: 7, again: None, ..position };
        assert_eq!(Position::parse(7, &plain.metadata()).unwrap(), plain);
    }

    #[test]
    fn an_offset_set_by_another_tool_is_a_plain_offset() {
        assert_eq!(Position::parse(41, "").unwrap(), Position::at(41));
    }

    #[test]
    fn foreign_or_other_metadata_is_refused_with_its_text() {
        assert!(Position::parse(1, "spark").unwrap_err().to_string().contains("spark"));
        for other in [r#"{"v":9,"n":[3]}"#, r#"{"v":1,"n":3,"l":[[1,2]]}"#] {
            let error = Position::parse(1, other).unwrap_err().to_string();
            assert!(error.contains("another version"), "{error}");
        }
    }

    #[test]
    fn the_largest_metadata_stays_below_what_brokers_accept() {
        let progress = Progress { largest: Some(i64::MIN), watermark: Some(i64::MIN), floor: Some(i64::MIN) };
        let widest = Terms { from: i64::MIN, bound: i64::MIN, floor: Some(i64::MIN) };
        let mut again =
            Again { progress, frontier: Some(mark(i64::MIN, &"t".repeat(249), i32::MIN)), terms: Vec::new() };
        for bound in 0..100 {
            again.terms = continue_terms(Some(&again), i64::MIN, bound, Some(i64::MIN));
        }
        again.terms.fill(widest);
        let position = Position { offset: i64::MAX, next: i64::MIN, progress, again: Some(again) };
        assert!(position.metadata().len() < 4096, "{}", position.metadata().len());
    }

    #[test]
    fn a_record_read_again_is_held_only_beyond_the_frontier_and_on_time() {
        let input = InputId { topic: "a".into(), partition: 0 };
        let again =
            Again { progress: reached(15, 10), frontier: Some(mark(16, "a", 0)), terms: vec![terms(0, 5)] };
        let saved = Position { offset: 3, next: 8, progress: reached(24, 19), again: Some(again) };
        let mut resume = Resume::of(saved).unwrap();
        assert!(resume.covers(7) && !resume.covers(8));
        assert_eq!(resume.was_held(&input, 3, 24), Some(reached(15, 10)));
        assert_eq!(resume.was_held(&input, 4, 18), None, "it was late");
        assert_eq!(resume.was_held(&input, 5, 19), Some(reached(24, 19)));
        assert_eq!(resume.was_held(&input, 6, 16), None, "it was released");
    }

    #[test]
    fn each_record_is_judged_by_the_terms_of_its_time() {
        let input = InputId { topic: "a".into(), partition: 0 };
        let first = Again { progress: reached(20, 15), frontier: None, terms: vec![terms(0, 5)] };
        let terms = continue_terms(Some(&first), 5, 0, None);
        let second = Again { terms, ..first };
        let again = Again { terms: continue_terms(Some(&second), 6, 9, Some(26)), ..second };
        let saved = Position { offset: 3, next: 8, progress: reached(30, 26), again: Some(again) };
        let mut resume = Resume::of(saved).unwrap();
        let held = [(3, 20), (4, 15), (5, 25), (6, 25), (7, 26)]
            .map(|(offset, time)| resume.was_held(&input, offset, time).is_some());
        assert_eq!(held, [true, true, true, false, true]);
    }
}

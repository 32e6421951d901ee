//! What is committed of an input, so that a restart processes nothing twice and skips nothing.
//!
//! The committed offset is that of the oldest record which was read but still waits for its turn. Records
//! from there to [`Position::next`] are read again after a restart: those that had been released, were late
//! or could not be decoded are recognised and passed over; those that were held are held again.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::merge::{InputId, Place, Progress};

/// Late records remembered per input at most; above it, the input is paused until the merge has passed them.
/// Keeps the metadata of an offset below the 4,096 bytes that Kafka's brokers accept by default.
pub const LATE_REMEMBERED: usize = 64;

/// The state of one input at a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The offset to commit: where a restart begins to read.
    pub offset: i64,
    /// The offset after the last record delivered.
    pub next: i64,
    /// Watermark and floor.
    pub progress: Progress,
    /// The last record released, of whichever input.
    pub frontier: Option<Place>,
    /// Offset and event time of the late records from `offset` on that lie beyond the frontier.
    pub late: Vec<(i64, i64)>,
}

/// The metadata as JSON, with short names because its size is limited.
#[derive(Debug, Serialize, Deserialize)]
struct Metadata {
    v: u32,
    n: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    w: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    s: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    f: Option<(i64, String, i32, i64)>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    l: Vec<(i64, i64)>,
}

const VERSION: u32 = 1;

impl Position {
    /// The metadata that is committed beside the offset.
    pub fn metadata(&self) -> String {
        let place =
            |place: &Place| (place.time, place.input.topic.to_string(), place.input.partition, place.offset);
        let metadata = Metadata {
            v: VERSION,
            n: self.next,
            w: self.progress.largest,
            s: self.progress.floor,
            f: self.frontier.as_ref().map(place),
            l: self.late.clone(),
        };
        serde_json::to_string(&metadata).expect("numbers and strings always serialise")
    }

    /// Reads back what [`Position::metadata`] wrote. Empty metadata, as other tools that reset offsets
    /// leave it, means a plain offset.
    ///
    /// # Errors
    /// Metadata that is not ours, or that a newer version wrote.
    pub fn parse(offset: i64, metadata: &str) -> Result<Position, Error> {
        if metadata.is_empty() {
            let progress = Progress { largest: None, floor: None };
            return Ok(Position { offset, next: offset, progress, frontier: None, late: Vec::new() });
        }
        let parsed: Metadata =
            serde_json::from_str(metadata).map_err(|cause| Error::metadata(metadata, &cause.to_string()))?;
        if parsed.v != VERSION {
            return Err(Error::metadata(metadata, "it is of another version of the engine"));
        }
        let place = |(time, topic, partition, offset): (i64, String, i32, i64)| Place {
            time,
            input: InputId { topic: topic.into(), partition },
            offset,
        };
        Ok(Position {
            offset,
            next: parsed.n,
            progress: Progress { largest: parsed.w, floor: parsed.s },
            frontier: parsed.f.map(place),
            late: parsed.l,
        })
    }
}

/// Recognises the records that a restart reads again.
#[derive(Debug)]
pub(crate) struct Resume {
    /// The offset that was committed: where reading begins again.
    pub(crate) offset: i64,
    /// The offset after the last record that had been delivered.
    pub(crate) next: i64,
    frontier: Option<Place>,
    late: Arc<[i64]>,
}

impl Resume {
    /// `None` where nothing is read again.
    pub(crate) fn of(saved: Position) -> Option<Resume> {
        let late = saved.late.iter().map(|&(offset, _)| offset).collect();
        (saved.offset < saved.next).then_some(Resume {
            offset: saved.offset,
            next: saved.next,
            frontier: saved.frontier,
            late,
        })
    }

    /// Whether the record at this offset had been delivered before the restart.
    pub(crate) fn covers(&self, offset: i64) -> bool {
        offset < self.next
    }

    /// Whether a record that had been delivered was still waiting for its turn.
    pub(crate) fn was_held(&self, input: &InputId, offset: i64, time: i64) -> bool {
        let released = self.frontier.as_ref().is_some_and(|frontier| {
            (time, input, offset) <= (frontier.time, &frontier.input, frontier.offset)
        });
        !released && self.late.binary_search(&offset).is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_read_back_as_written() {
        let place = Place { time: 5, input: InputId { topic: "a".into(), partition: 2 }, offset: 9 };
        let position = Position {
            offset: 7,
            next: 12,
            progress: Progress { largest: Some(6), floor: None },
            frontier: Some(place),
            late: vec![(8, 5), (10, 4)],
        };
        assert_eq!(Position::parse(7, &position.metadata()).unwrap(), position);
    }

    #[test]
    fn an_offset_set_by_another_tool_is_a_plain_offset() {
        let position = Position::parse(41, "").unwrap();
        assert_eq!((position.next, position.late.len()), (41, 0));
    }

    #[test]
    fn foreign_or_newer_metadata_is_refused_with_its_text() {
        assert!(Position::parse(1, "spark").unwrap_err().to_string().contains("spark"));
        assert!(Position::parse(1, r#"{"v":9,"n":3}"#).unwrap_err().to_string().contains("another version"));
    }

    #[test]
    fn the_largest_metadata_stays_below_what_brokers_accept() {
        let place = Place {
            time: i64::MAX,
            input: InputId { topic: "t".repeat(249).into(), partition: i32::MAX },
            offset: i64::MAX,
        };
        let position = Position {
            offset: i64::MAX,
            next: i64::MAX,
            progress: Progress { largest: Some(i64::MIN), floor: Some(i64::MIN) },
            frontier: Some(place),
            late: vec![(i64::MAX, i64::MIN); LATE_REMEMBERED],
        };
        assert!(position.metadata().len() < 4096, "{}", position.metadata().len());
    }

    #[test]
    fn a_record_read_again_is_held_only_beyond_the_frontier_and_on_time() {
        let input = InputId { topic: "a".into(), partition: 0 };
        let saved = Position {
            offset: 3,
            next: 8,
            progress: Progress { largest: Some(20), floor: None },
            frontier: Some(Place { time: 10, input: input.clone(), offset: 4 }),
            late: vec![(6, 12)],
        };
        let resume = Resume::of(saved).unwrap();
        assert!(resume.covers(7) && !resume.covers(8));
        assert!(!resume.was_held(&input, 4, 10));
        assert!(resume.was_held(&input, 5, 10));
        assert!(!resume.was_held(&input, 6, 12));
    }
}

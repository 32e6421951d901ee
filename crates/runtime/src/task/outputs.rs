//! What tasks produce.

use olocus_event::Record;

use crate::matches::Match;
use crate::merge::InputId;
use crate::prepare::DeadLetter;
use crate::weight;

/// What a task has produced since it was last asked.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Matches in the order in which they came about.
    pub matches: Vec<Match>,
    /// Late records, by topic, partition and offset.
    pub late: Vec<Late>,
    /// Undecodable records, by topic, partition and offset.
    pub dead: Vec<DeadLetter>,
    pub(super) bytes: usize,
}

/// A record that came after its partition had passed its time.
#[derive(Debug, Clone)]
pub struct Late {
    /// Where the record came from.
    pub input: InputId,
    /// The record as it was received.
    pub record: Record,
    /// Its event time.
    pub time: i64,
    /// The progress that its partition had reached.
    pub progress: i64,
}

impl Outputs {
    pub(super) fn add_match(&mut self, found: Match) {
        self.bytes +=
            size_of::<Match>() + weight::json(&found.data) + found.id.len() + weight::key(&found.key);
        self.matches.push(found);
    }

    pub(super) fn add_late(&mut self, late: Late) {
        self.bytes += size_of::<Late>() + weight::record(&late.record);
        self.late.push(late);
    }

    pub(super) fn add_dead(&mut self, dead: DeadLetter) {
        self.bytes += size_of::<DeadLetter>() + weight::record(&dead.record) + dead.cause.len();
        self.dead.push(DeadLetter { record: dead.record.detached(), ..dead });
    }
}

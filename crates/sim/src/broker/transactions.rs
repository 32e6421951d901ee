//! Transactional ids and what is written under them.

use std::collections::BTreeSet;
use std::time::Duration;

use olocus_bus::{Error, OffsetCommit, TopicPartition};
use olocus_event::OutRecord;

use super::Broker;

/// How long a transaction may be open: less than that is of no use on Kafka, which looks every ten seconds.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// A member of a group, and the generation in which it is one.
pub(crate) type MemberId = (String, i32);

/// A transactional id.
#[derive(Debug, Default)]
pub(crate) struct Producer {
    epoch: u32,
    transaction: Option<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    id: u64,
    began: Duration,
    partitions: BTreeSet<TopicPartition>,
    offsets: Vec<OffsetCommit>,
    decided: Option<Decided>,
}

/// A transaction whose end is written, but not everywhere.
#[derive(Debug)]
struct Decided {
    committed: bool,
    /// When its marker gets where.
    markers: Vec<(Duration, Target)>,
}

#[derive(Debug)]
enum Target {
    Partition(TopicPartition),
    Offsets,
}

/// Why a writer can write nothing any more.
#[derive(Clone, Debug)]
pub(crate) enum Died {
    Fenced(String),
    Lost(String),
}

impl Died {
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Fenced(cause) => Error::fence(cause.clone()),
            Self::Lost(cause) => Error::lost(cause.clone()),
        }
    }
}

impl Broker {
    /// Takes an id over: whoever had it is fenced, and what it left open is aborted. `None` while that is under way.
    pub(crate) fn take_over(&mut self, id: &str) -> Option<u32> {
        let producer = self.producers.entry(id.to_owned()).or_default();
        match &producer.transaction {
            None => {
                producer.epoch += 1;
                Some(producer.epoch)
            }
            Some(open) if open.decided.is_none() => {
                producer.epoch += 1;
                self.decide(id, false);
                None
            }
            Some(_) => None,
        }
    }

    /// # Errors
    /// If another writer has the id.
    pub(crate) fn check_epoch(&self, id: &str, epoch: u32) -> Result<(), Error> {
        match self.producers.get(id) {
            Some(producer) if producer.epoch == epoch => Ok(()),
            _ => Err(Error::fence(format!("another writer has taken over the transactional id `{id}`"))),
        }
    }

    /// Whether the end of the last transaction of an id is still being written.
    pub(crate) fn is_ending(&self, id: &str) -> bool {
        let open = self.producers.get(id).and_then(|producer| producer.transaction.as_ref());
        open.is_some_and(|open| open.decided.is_some())
    }

    /// Writes records in the transaction of an id, beginning one if none is open.
    pub(crate) fn append_in(
        &mut self,
        id: &str,
        epoch: u32,
        wall_ms: i64,
        records: &[OutRecord],
        places: &[TopicPartition],
    ) -> Result<(), Error> {
        self.check_epoch(id, epoch)?;
        let number = self.open(id);
        for (record, place) in records.iter().zip(places) {
            let partition = self.topics.partition_mut(place);
            let partition =
                partition.ok_or_else(|| Error::no_topic(format!("there is no partition {place}")))?;
            partition.append(Some(number), wall_ms, record);
            if let Some(open) = self.transaction_mut(id) {
                open.partitions.insert(place.clone());
            }
        }
        Ok(())
    }

    /// Adds offsets to the transaction of an id. Of a member only its id and its generation are looked at.
    pub(crate) fn add_offsets(
        &mut self,
        id: &str,
        epoch: u32,
        member: Option<&MemberId>,
        group: &str,
        offsets: &[OffsetCommit],
    ) -> Result<(), Error> {
        self.check_epoch(id, epoch)?;
        if let Some(member) = member {
            self.check_member(group, member)?;
        }
        self.open(id);
        if let Some(open) = self.transaction_mut(id) {
            open.offsets.extend(offsets.iter().cloned());
        }
        Ok(())
    }

    /// Ends the transaction of an id.
    pub(crate) fn end(&mut self, id: &str, epoch: u32, commit: bool) -> Result<(), Error> {
        self.check_epoch(id, epoch)?;
        self.decide(id, commit);
        Ok(())
    }

    /// Whether an undecided transaction has an offset for this partition of a group.
    pub(crate) fn is_unstable(&self, group: &str, of: &TopicPartition) -> bool {
        let open = self.producers.values().filter_map(|producer| producer.transaction.as_ref());
        open.flat_map(|open| &open.offsets).any(|commit| {
            commit.group == group && commit.topic == of.topic && commit.partition == of.partition
        })
    }

    /// Aborts what has been open for too long, and writes markers that are due.
    pub(super) fn settle_transactions(&mut self) {
        let now = self.now;
        let overdue: Vec<String> = self
            .producers
            .iter()
            .filter(|(_, producer)| {
                let open = producer.transaction.as_ref().filter(|open| open.decided.is_none());
                open.is_some_and(|open| open.began + TRANSACTION_TIMEOUT <= now)
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in overdue {
            // Whoever writes under it has been too slow.
            if let Some(producer) = self.producers.get_mut(&id) {
                producer.epoch += 1;
            }
            self.decide(&id, false);
        }
        let ids: Vec<String> = self.producers.keys().cloned().collect();
        for id in ids {
            self.write_markers(&id);
        }
    }

    fn decide(&mut self, id: &str, committed: bool) {
        let longest = self.faults.longest_marker_delay;
        let Some(open) = self.producers.get_mut(id).and_then(|producer| producer.transaction.as_mut()) else {
            return;
        };
        if open.decided.is_some() {
            return;
        }
        let mut markers = Vec::new();
        for partition in &open.partitions {
            markers.push((self.now + self.dice.up_to(longest), Target::Partition(partition.clone())));
        }
        if !open.offsets.is_empty() {
            markers.push((self.now + self.dice.up_to(longest), Target::Offsets));
        }
        open.decided = Some(Decided { committed, markers });
        self.write_markers(id);
    }

    fn write_markers(&mut self, id: &str) {
        let now = self.now;
        let Some(producer) = self.producers.get_mut(id) else { return };
        let Some(open) = &mut producer.transaction else { return };
        let Some(decided) = &mut open.decided else { return };
        let (due, later) =
            std::mem::take(&mut decided.markers).into_iter().partition(|(when, _)| *when <= now);
        decided.markers = later;
        let due: Vec<(Duration, Target)> = due;
        let (committed, number) = (decided.committed, open.id);
        for (_, target) in due {
            match target {
                Target::Partition(place) => {
                    if let Some(partition) = self.topics.partition_mut(&place) {
                        partition.decide(number, committed);
                    }
                }
                Target::Offsets => {
                    for commit in std::mem::take(&mut open.offsets).into_iter().filter(|_| committed) {
                        self.groups.entry(commit.group.clone()).or_default().commit(commit);
                    }
                }
            }
        }
        if open.decided.as_ref().is_some_and(|decided| decided.markers.is_empty()) {
            producer.transaction = None;
        }
    }

    /// The number of the open transaction of an id.
    fn open(&mut self, id: &str) -> u64 {
        let producer = self.producers.entry(id.to_owned()).or_default();
        let next = &mut self.next_transaction;
        let open = producer.transaction.get_or_insert_with(|| {
            *next += 1;
            Transaction {
                id: *next,
                began: self.now,
                partitions: BTreeSet::new(),
                offsets: Vec::new(),
                decided: None,
            }
        });
        open.id
    }

    fn transaction_mut(&mut self, id: &str) -> Option<&mut Transaction> {
        self.producers.get_mut(id)?.transaction.as_mut()
    }
}

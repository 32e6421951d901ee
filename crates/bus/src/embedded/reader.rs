use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use olocus_event::Record;

use super::log::Log;
use super::store::Extent;
use crate::deadline::Deadline;
use crate::header_names::HeaderNames;
use crate::{End, Error, Fetched, OutOfRange, Reader, ReaderOptions, TopicPartition};

/// Reads committed records of the partitions that it is told to.
pub(super) struct EmbeddedReader {
    log: Arc<Log>,
    options: ReaderOptions,
    positions: BTreeMap<TopicPartition, Position>,
    /// The partition that is looked at first next time, so that none starves.
    turn: usize,
    names: HeaderNames,
}

struct Position {
    /// The offset behind everything that was read, buffered or returned.
    next: i64,
    /// Read together with what was asked for.
    buffer: VecDeque<Record>,
    paused: bool,
    /// The end that was last reported.
    reported: Option<i64>,
}

impl EmbeddedReader {
    pub(super) fn new(log: Arc<Log>, options: ReaderOptions) -> Self {
        Self { log, options, positions: BTreeMap::new(), turn: 0, names: HeaderNames::default() }
    }

    /// What there is now, without waiting.
    fn collect(&mut self, max_records: usize) -> Result<Vec<Fetched>, Error> {
        let count = self.positions.len();
        let share = max_records.div_ceil(count.max(1)).max(1);
        let bytes = (self.options.max_queued_bytes / count.max(1)).max(1);
        let mut left = max_records;
        let mut fetched = Vec::new();
        let turn = self.turn;
        for (partition, position) in cycle(&mut self.positions, turn) {
            if left == 0 {
                break;
            }
            if position.paused {
                continue;
            }
            let found = position.collect(&self.log, partition, share.min(left), bytes, &mut self.names)?;
            left -= found.records.len();
            if !found.records.is_empty() || found.end.is_some() {
                fetched.push(found);
            }
        }
        self.turn = (turn + 1) % count.max(1);
        Ok(fetched)
    }

    fn position(&mut self, partition: &TopicPartition) -> Result<&mut Position, Error> {
        self.positions.get_mut(partition).ok_or_else(|| Error::misuse(format!("{partition} is not assigned")))
    }

    fn start(
        &self,
        partitions: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, Position>, Error> {
        let mut started = BTreeMap::new();
        for (partition, offset) in partitions {
            self.log.extent(partition)?;
            if *offset < 0 {
                return Err(Error::misuse(format!("{offset} is no offset of {partition}")));
            }
            let position = Position { next: *offset, buffer: VecDeque::new(), paused: false, reported: None };
            if started.insert(partition.clone(), position).is_some() {
                return Err(Error::misuse(format!("{partition} is assigned twice")));
            }
        }
        Ok(started)
    }
}

impl Reader for EmbeddedReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        self.positions = self.start(partitions)?;
        Ok(())
    }

    fn add(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if let Some((known, _)) =
            partitions.iter().find(|(partition, _)| self.positions.contains_key(partition))
        {
            return Err(Error::misuse(format!("{known} is already assigned")));
        }
        let mut started = self.start(partitions)?;
        self.positions.append(&mut started);
        Ok(())
    }

    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Fetched>, Error> {
        let deadline = Deadline::after(timeout);
        loop {
            let version = self.log.version();
            let fetched = self.collect(max_records.max(1))?;
            if !fetched.is_empty() || !self.log.wait(version, deadline) {
                return Ok(fetched);
            }
        }
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        for partition in partitions {
            self.position(partition)?.paused = true;
        }
        Ok(())
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        for partition in partitions {
            let position = self.position(partition)?;
            position.paused = false;
            // Whoever waits for the end has not heard of it since.
            position.reported = None;
        }
        Ok(())
    }
}

impl Position {
    fn collect(
        &mut self,
        log: &Log,
        partition: &TopicPartition,
        max_records: usize,
        max_bytes: usize,
        names: &mut HeaderNames,
    ) -> Result<Fetched, Error> {
        let (place, extent) = log.extent(partition)?;
        if self.buffer.is_empty() && self.next != extent.end {
            if !(extent.start..=extent.end).contains(&self.next) {
                return Err(self.gone(partition, extent));
            }
            let records = log.store.read(place, self.next, max_records, max_bytes, names)?;
            match (records.first(), records.last()) {
                (Some(first), Some(last)) if first.offset == self.next => {
                    self.next = last.offset + 1;
                }
                // Retention has been quicker.
                _ => return Err(self.gone(partition, log.extent(partition)?.1)),
            }
            self.buffer = records.into();
        }
        let take = self.buffer.len().min(max_records);
        let records: Vec<Record> = self.buffer.drain(..take).collect();
        let at_end = self.buffer.is_empty() && self.next >= extent.end;
        let end = (at_end && self.reported != Some(self.next)).then(|| {
            self.reported = Some(self.next);
            End { offset: self.next, stable: true }
        });
        Ok(Fetched { topic: Arc::clone(&partition.topic), partition: partition.partition, records, end })
    }

    fn gone(&self, partition: &TopicPartition, extent: Extent) -> Error {
        Error::gone(OutOfRange {
            partition: partition.clone(),
            wanted: self.next,
            start: extent.start,
            end: extent.end,
        })
    }
}

/// All partitions, from the given one on and around.
fn cycle(
    positions: &mut BTreeMap<TopicPartition, Position>,
    turn: usize,
) -> impl Iterator<Item = (&TopicPartition, &mut Position)> {
    let mut all: Vec<_> = positions.iter_mut().collect();
    let turn = turn.min(all.len());
    all.rotate_left(turn);
    all.into_iter()
}

//! Records of open transactions, which readers do not see.

use std::time::Duration;

use olocus_event::Record;

use super::options::KafkaOptions;
use super::reader::{Isolation, KafkaReader};
use crate::deadline::Deadline;
use crate::{Error, OffsetRange, Reader, ReaderOptions, TopicPartition};

/// Enough to find out whose they are.
const MOST_RECORDS: usize = 256;

/// One fetch of this size, or one record.
const MOST_BYTES: usize = 1 << 20;

const STEP: Duration = Duration::from_millis(100);

/// The first records from the stable end of a partition on.
pub(super) fn read(
    options: &KafkaOptions,
    of: &TopicPartition,
    range: &OffsetRange,
) -> Result<Vec<Record>, Error> {
    let mut found: Vec<Record> = Vec::new();
    if range.stable_end >= range.end {
        return Ok(found);
    }
    let deadline = Deadline::after(options.patience);
    let reader_options = ReaderOptions { max_queued_bytes: MOST_BYTES };
    let mut reader = KafkaReader::new(options, &reader_options, Isolation::Uncommitted)?;
    reader.assign(&[(of.clone(), range.stable_end)])?;
    let mut bytes = 0;
    loop {
        let mut ended = false;
        for fetched in reader.poll(MOST_RECORDS - found.len(), STEP)? {
            ended |= fetched.end.is_some_and(|end| end.offset >= range.end);
            bytes += fetched.records.iter().map(size).sum::<usize>();
            found.extend(fetched.records);
        }
        let reached = found.last().is_some_and(|last| last.offset + 1 >= range.end);
        if ended || reached || found.len() >= MOST_RECORDS || bytes >= MOST_BYTES {
            return Ok(found);
        }
        if deadline.passed() {
            return Err(Error::retry(format!("reading the undecided records of {of}: no answer in time")));
        }
    }
}

fn size(record: &Record) -> usize {
    record.key.as_ref().map_or(0, |key| key.len()) + record.value.as_ref().map_or(0, |value| value.len())
}

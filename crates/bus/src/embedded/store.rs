//! The database file: its tables, and what changes them.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use olocus_event::Record;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::batch;
use super::directory::Directory;
use crate::header_names::HeaderNames;
use crate::{Error, GroupOffset, OffsetCommit};

/// Timestamp and size in bytes.
type BatchInfo = (i64, u64);

/// Topic and partition.
type Place = (u32, u32);

/// Topic, partition, offset of the first record.
type BatchKey = (u32, u32, i64);

const TOPICS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("topics");
const BATCHES: TableDefinition<'_, BatchKey, &[u8]> = TableDefinition::new("batches");
/// Beside each batch what is known of it, so that neither time nor retention has to read batches.
const INDEX: TableDefinition<'_, BatchKey, BatchInfo> = TableDefinition::new("index");
/// Start offset, end offset, bytes of each partition.
const EXTENTS: TableDefinition<'_, Place, (i64, i64, u64)> = TableDefinition::new("extents");
/// By group, topic and partition: offset and metadata.
const GROUPS: TableDefinition<'_, (&str, &str, i32), (i64, &str)> = TableDefinition::new("groups");

/// A topic as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TopicRow {
    pub(super) id: u32,
    pub(super) partitions: u32,
    pub(super) config: BTreeMap<String, String>,
}

/// What a partition has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) bytes: u64,
}

/// What a partition keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retention {
    /// Batches from before this time go.
    pub(super) oldest: Option<i64>,
    /// The oldest batches go while there are more bytes.
    pub(super) bytes: Option<u64>,
}

/// Stores a finished batch and its number of records.
pub(super) type Put<'a> = &'a mut dyn FnMut(&[u8], u32) -> Result<(), redb::Error>;

pub(super) struct Store {
    database: Database,
    directory: Directory,
}

impl Store {
    /// Opens the database of a folder, or makes it.
    pub(super) fn open(directory: Directory, cache_bytes: usize) -> Result<Self, Error> {
        let path = directory.database();
        if directory.is_marked() && !path.exists() {
            return Err(Error::on_disk(format!(
                "the data directory {} is corrupt: {} is missing",
                directory.path().display(),
                path.display()
            )));
        }
        // The database checks what it reads, but a file that was damaged on purpose or by the disk can still make it
        // panic, which must not take the process down without a word.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let database = redb::Builder::new().set_cache_size(cache_bytes).create(&path)?;
            let transaction = database.begin_write()?;
            transaction.open_table(TOPICS)?;
            transaction.open_table(BATCHES)?;
            transaction.open_table(INDEX)?;
            transaction.open_table(EXTENTS)?;
            transaction.open_table(GROUPS)?;
            transaction.commit()?;
            Ok::<_, redb::Error>(database)
        }));
        let corrupt = |cause: &str| {
            Error::on_disk(format!(
                "the data directory {} is corrupt or not ours: {cause}",
                directory.path().display()
            ))
        };
        let database = match opened {
            Ok(Ok(database)) => database,
            Ok(Err(redb::Error::Io(error))) if error.kind() != std::io::ErrorKind::InvalidData => {
                return Err(Error::on_disk(format!("cannot use {}: {error}", path.display())));
            }
            Ok(Err(error)) => return Err(corrupt(&error.to_string())),
            Err(_) => return Err(corrupt("its database cannot be read")),
        };
        if !directory.is_marked() {
            directory.mark()?;
        }
        Ok(Self { database, directory })
    }

    /// All topics with the extents of their partitions.
    pub(super) fn topics(&self) -> Result<Vec<(String, TopicRow, Vec<Extent>)>, Error> {
        self.reading(|| {
            let transaction = self.database.begin_read()?;
            let topics = transaction.open_table(TOPICS)?;
            let extents = transaction.open_table(EXTENTS)?;
            let mut found = Vec::new();
            for row in topics.iter()? {
                let (name, row) = row?;
                let row: TopicRow = serde_json::from_slice(row.value())
                    .map_err(|error| redb::Error::Corrupted(error.to_string()))?;
                let mut parts = Vec::new();
                for partition in 0..row.partitions {
                    let extent = extents.get((row.id, partition))?;
                    parts.push(extent.map_or(Extent::default(), |extent| {
                        let (start, end, bytes) = extent.value();
                        Extent { start, end, bytes }
                    }));
                }
                found.push((name.value().to_owned(), row, parts));
            }
            Ok(found)
        })
    }

    /// Adds topics.
    pub(super) fn add_topics<'a>(
        &self,
        topics: impl IntoIterator<Item = (&'a str, &'a TopicRow)>,
    ) -> Result<(), Error> {
        let transaction = self.begin(true)?;
        self.writing(|| {
            let mut table = transaction.open_table(TOPICS)?;
            for (name, row) in topics {
                let row =
                    serde_json::to_vec(row).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
                table.insert(name, row.as_slice())?;
            }
            Ok(())
        })?;
        self.commit(transaction)
    }

    /// Begins a change. Changes that are not synced are so with the next one that is.
    pub(super) fn begin(&self, synced: bool) -> Result<WriteTransaction, Error> {
        self.writing(|| {
            let mut transaction = self.database.begin_write()?;
            if !synced {
                transaction.set_durability(redb::Durability::None)?;
            }
            Ok(transaction)
        })
    }

    pub(super) fn commit(&self, transaction: WriteTransaction) -> Result<(), Error> {
        self.writing(|| Ok(transaction.commit()?))
    }

    /// Stores finished batches of a partition behind what it has, and lets go what it need not keep.
    pub(super) fn append(
        &self,
        transaction: &WriteTransaction,
        place: Place,
        mut extent: Extent,
        timestamp: i64,
        fill: impl FnOnce(Put<'_>) -> Result<(), redb::Error>,
        retention: Retention,
    ) -> Result<Extent, Error> {
        self.writing(|| {
            let mut batches = transaction.open_table(BATCHES)?;
            let mut index = transaction.open_table(INDEX)?;
            fill(&mut |bytes, count| {
                let key = (place.0, place.1, extent.end);
                batches.insert(key, bytes)?;
                index.insert(key, (timestamp, bytes.len() as u64))?;
                extent.end += i64::from(count);
                extent.bytes += bytes.len() as u64;
                Ok(())
            })?;
            release(&mut batches, &mut index, place, &mut extent, retention)?;
            transaction.open_table(EXTENTS)?.insert(place, (extent.start, extent.end, extent.bytes))?;
            Ok(extent)
        })
    }

    /// Lets go what is before an offset. A batch that has records on both sides of it stays, and its first records are
    /// none of the partition's any more.
    pub(super) fn purge(
        &self,
        transaction: &WriteTransaction,
        place: Place,
        mut extent: Extent,
        before: i64,
    ) -> Result<Extent, Error> {
        if before <= extent.start {
            return Ok(extent);
        }
        self.writing(|| {
            let mut batches = transaction.open_table(BATCHES)?;
            let mut index = transaction.open_table(INDEX)?;
            while let Some((key, bytes)) = oldest(&index, place)?.map(|(key, (_, bytes))| (key, bytes)) {
                let end = index
                    .range((key.0, key.1, key.2 + 1)..=(place.0, place.1, i64::MAX))?
                    .next()
                    .transpose()?
                    .map_or(extent.end, |(key, _)| key.value().2);
                if end > before {
                    break;
                }
                batches.remove(key)?;
                index.remove(key)?;
                extent.bytes = extent.bytes.saturating_sub(bytes);
            }
            extent.start = before;
            transaction.open_table(EXTENTS)?.insert(place, (extent.start, extent.end, extent.bytes))?;
            Ok(extent)
        })
    }

    /// Stores the offsets of groups.
    pub(super) fn put_offsets(
        &self,
        transaction: &WriteTransaction,
        offsets: &[OffsetCommit],
    ) -> Result<(), Error> {
        self.writing(|| {
            let mut table = transaction.open_table(GROUPS)?;
            for commit in offsets {
                table.insert(
                    (commit.group.as_str(), &*commit.topic, commit.partition),
                    (commit.offset, commit.metadata.as_str()),
                )?;
            }
            Ok(())
        })
    }

    pub(super) fn group_offset(
        &self,
        group: &str,
        topic: &str,
        partition: i32,
    ) -> Result<Option<GroupOffset>, Error> {
        self.reading(|| {
            let table = self.database.begin_read()?.open_table(GROUPS)?;
            let found = table.get((group, topic, partition))?;
            Ok(found.map(|row| {
                let (offset, metadata) = row.value();
                GroupOffset { offset, metadata: metadata.to_owned() }
            }))
        })
    }

    /// The records from an offset on, whole batches, until there are enough records or bytes.
    pub(super) fn read(
        &self,
        place: Place,
        from: i64,
        max_records: usize,
        max_bytes: usize,
        names: &mut HeaderNames,
    ) -> Result<Vec<Record>, Error> {
        self.reading(|| {
            let table = self.database.begin_read()?.open_table(BATCHES)?;
            let (topic, partition) = place;
            // The batch that has the offset begins at or before it.
            let first = table
                .range((topic, partition, i64::MIN)..=(topic, partition, from))?
                .next_back()
                .transpose()?
                .map_or(from, |(key, _)| key.value().2);
            let mut records: Vec<Record> = Vec::new();
            let mut bytes = 0;
            for row in table.range((topic, partition, first)..=(topic, partition, i64::MAX))? {
                let (key, value) = row?;
                let value = Bytes::copy_from_slice(value.value());
                bytes += value.len();
                let base = key.value().2;
                let decoded = batch::decode(&value, base, from, names).ok_or_else(|| {
                    redb::Error::Corrupted(format!(
                        "the batch at offset {base} of partition {partition} of topic number {topic}"
                    ))
                })?;
                records.extend(decoded);
                if records.len() >= max_records || bytes >= max_bytes {
                    break;
                }
            }
            Ok(records)
        })
    }

    /// The offset of the first batch that was written at this time or later.
    pub(super) fn offset_at(&self, place: Place, timestamp: i64) -> Result<Option<i64>, Error> {
        self.reading(|| {
            let table = self.database.begin_read()?.open_table(INDEX)?;
            let (topic, partition) = place;
            // One row of a few bytes per batch: looking at all of them is quick, and right even if the clock was once
            // set back.
            for row in table.range((topic, partition, i64::MIN)..=(topic, partition, i64::MAX))? {
                let (key, value) = row?;
                if value.value().0 >= timestamp {
                    return Ok(Some(key.value().2));
                }
            }
            Ok(None)
        })
    }

    fn reading<T>(&self, read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, Error> {
        read().map_err(|error| self.failed("read from", error))
    }

    fn writing<T>(&self, write: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, Error> {
        write().map_err(|error| self.failed("write to", error))
    }

    fn failed(&self, doing: &str, error: redb::Error) -> Error {
        let directory = self.directory.path().display();
        let message = match &error {
            redb::Error::Io(cause) if cause.kind() == std::io::ErrorKind::StorageFull => {
                format!("cannot {doing} {directory}: the disk is full")
            }
            redb::Error::PreviousIo => format!(
                "cannot {doing} {directory}: the disk has failed before; start again when it is repaired"
            ),
            other => format!("cannot {doing} {directory}: {other}"),
        };
        Error::on_disk(message).with_source(error)
    }
}

/// Deletes the oldest batches that need not be kept.
fn release(
    batches: &mut Table<'_, BatchKey, &[u8]>,
    index: &mut Table<'_, BatchKey, BatchInfo>,
    place: Place,
    extent: &mut Extent,
    retention: Retention,
) -> Result<(), redb::Error> {
    loop {
        let Some((key, (timestamp, bytes))) = oldest(index, place)? else {
            return Ok(());
        };
        let expired = retention.oldest.is_some_and(|oldest| timestamp < oldest);
        let too_much = retention.bytes.is_some_and(|limit| extent.bytes > limit);
        if !expired && !too_much {
            return Ok(());
        }
        batches.remove(key)?;
        index.remove(key)?;
        extent.bytes = extent.bytes.saturating_sub(bytes);
        extent.start = oldest(index, place)?.map_or(extent.end, |(key, _)| key.2);
    }
}

/// The oldest batch of a partition, with its timestamp and its size.
fn oldest(
    index: &Table<'_, BatchKey, BatchInfo>,
    place: Place,
) -> Result<Option<(BatchKey, BatchInfo)>, redb::Error> {
    let mut rows = index.range((place.0, place.1, i64::MIN)..=(place.0, place.1, i64::MAX))?;
    Ok(rows.next().transpose()?.map(|(key, value)| (key.value(), value.value())))
}

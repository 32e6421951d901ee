//! The log: topics and partitions in memory, over the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use olocus_event::OutRecord;

use super::batch::{self, Builder};
use super::config::Config;
use super::groups::{Groups, MemberId};
use super::options::EmbeddedOptions;
use super::store::{Extent, Put, Retention, Store, TopicRow};
use crate::deadline::Deadline;
use crate::name::{check_topic, is_internal};
use crate::{
    Error, OffsetCommit, OffsetRange, OutOfRange, TopicPartition, TopicSettings, TopicSpec, partitioner,
};

/// The most partitions that a topic can have.
const MOST_PARTITIONS: u32 = 1024;

/// What all readers, writers and members of one process share.
pub(super) struct Log {
    pub(super) options: EmbeddedOptions,
    pub(super) store: Store,
    pub(super) groups: Groups,
    catalog: Mutex<Catalog>,
    /// Told when a commit or a new topic has changed the catalog.
    changed: Condvar,
    writing: Mutex<Writing>,
    /// The first failure of the disk, after which nothing can be written.
    broken: Mutex<Option<String>>,
}

#[derive(Default)]
struct Catalog {
    topics: BTreeMap<Arc<str>, Topic>,
    /// Counts changes.
    version: u64,
}

struct Topic {
    id: u32,
    extents: Vec<Extent>,
    config: Config,
}

/// What only the one who writes needs. Whoever holds its lock is the one.
#[derive(Default)]
struct Writing {
    /// How many writers each transactional id has had.
    epochs: HashMap<String, u64>,
    /// The partition that the next batch of records without a key goes to, by topic number.
    next_partition: HashMap<u32, u32>,
}

/// A writer's right to write.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    transactional_id: String,
    epoch: u64,
    /// The member that the offsets of its group come from.
    member: Option<Arc<MemberId>>,
}

/// What is to be written to one partition.
struct Plan<'a> {
    topic: Arc<str>,
    id: u32,
    partition: u32,
    extent: Extent,
    config: Config,
    records: Vec<&'a OutRecord>,
}

impl Log {
    pub(super) fn new(store: Store, options: EmbeddedOptions) -> Result<Self, Error> {
        let mut catalog = Catalog::default();
        for (name, row, extents) in store.topics()? {
            let topic = Topic { id: row.id, extents, config: Config::new(&options, &name, &row.config)? };
            catalog.topics.insert(name.into(), topic);
        }
        Ok(Self {
            options,
            store,
            groups: Groups::default(),
            catalog: Mutex::new(catalog),
            changed: Condvar::new(),
            writing: Mutex::default(),
            broken: Mutex::default(),
        })
    }

    /// All topics of users with their number of partitions.
    pub(super) fn topics(&self) -> BTreeMap<String, u32> {
        self.catalog()
            .topics
            .iter()
            .filter(|(name, _)| !is_internal(name))
            .map(|(name, topic)| (name.to_string(), topic.extents.len() as u32))
            .collect()
    }

    pub(super) fn create_topics(&self, specs: &[TopicSpec]) -> Result<(), Error> {
        let _writing = lock(&self.writing);
        let mut rows = BTreeMap::new();
        let mut next_id = {
            let catalog = self.catalog();
            1 + catalog.topics.values().map(|topic| topic.id).max().unwrap_or(0)
        };
        for spec in specs {
            check_topic(&spec.name)?;
            if self.catalog().topics.contains_key(spec.name.as_str()) || rows.contains_key(&spec.name) {
                continue;
            }
            let config = Config::new(&self.options, &spec.name, &spec.config)?;
            let partitions = spec.partitions.unwrap_or(self.options.default_partitions);
            if !(1..=MOST_PARTITIONS).contains(&partitions) {
                return Err(Error::misuse(format!(
                    "topic `{}` cannot have {partitions} partitions: 1 to {MOST_PARTITIONS} are possible",
                    spec.name
                )));
            }
            let row = TopicRow { id: next_id, partitions, config: spec.config.clone() };
            rows.insert(spec.name.clone(), (row, config));
            next_id += 1;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let stored = rows.iter().map(|(name, (row, _))| (name.as_str(), row));
        self.guard(self.store.add_topics(stored))?;
        let mut catalog = self.catalog();
        for (name, (row, config)) in rows {
            let topic =
                Topic { id: row.id, extents: vec![Extent::default(); row.partitions as usize], config };
            catalog.topics.insert(name.into(), topic);
        }
        catalog.version += 1;
        drop(catalog);
        self.changed.notify_all();
        self.groups.rebalance(&self.topics());
        Ok(())
    }

    pub(super) fn settings(&self, topic: &str) -> Result<TopicSettings, Error> {
        let catalog = self.catalog();
        let config = catalog.topic(topic)?.config;
        Ok(TopicSettings { retention_ms: config.retention_ms, max_record_bytes: config.max_record_bytes })
    }

    pub(super) fn topic_id(&self, topic: &str) -> Result<String, Error> {
        Ok(self.catalog().topic(topic)?.id.to_string())
    }

    pub(super) fn range(&self, of: &TopicPartition) -> Result<OffsetRange, Error> {
        let (_, extent) = self.extent(of)?;
        Ok(OffsetRange { start: extent.start, stable_end: extent.end, end: extent.end })
    }

    /// Where a partition is stored and what it has.
    pub(super) fn extent(&self, of: &TopicPartition) -> Result<((u32, u32), Extent), Error> {
        self.catalog().extent(of)
    }

    /// How often the catalog has changed.
    pub(super) fn version(&self) -> u64 {
        self.catalog().version
    }

    /// Waits until the catalog has changed since `version`, or the time is over; says whether it has.
    pub(super) fn wait(&self, version: u64, deadline: Deadline) -> bool {
        let mut catalog = self.catalog();
        while catalog.version == version {
            let left = deadline.left();
            if left.is_zero() {
                return false;
            }
            catalog = self.changed.wait_timeout(catalog, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Makes a new writer the only one with its id.
    pub(super) fn claim(&self, transactional_id: String, member: Option<Arc<MemberId>>) -> Claim {
        let mut writing = lock(&self.writing);
        let epoch = writing.epochs.entry(transactional_id.clone()).or_default();
        *epoch += 1;
        Claim { epoch: *epoch, transactional_id, member }
    }

    /// Writes records and offsets as one, and shows them to readers.
    pub(super) fn append(
        &self,
        records: &[OutRecord],
        offsets: &[OffsetCommit],
        claim: Option<&Claim>,
        synced: bool,
    ) -> Result<(), Error> {
        let mut writing = lock(&self.writing);
        writing.check(claim)?;
        if records.is_empty() && offsets.is_empty() {
            return Ok(());
        }
        for commit in offsets {
            check_topic(&commit.topic)?;
        }
        // While this is held, nothing can be taken from the member.
        let _groups = match claim.and_then(|claim| claim.member.as_deref()) {
            Some(member) => Some(self.groups.admit(member, offsets)?),
            None => None,
        };
        let plans = self.plan(&mut writing, records)?;
        let now = (self.options.clock)();
        let transaction = self.guard(self.store.begin(synced))?;
        let mut extents = Vec::with_capacity(plans.len());
        for plan in &plans {
            let retention = Retention {
                oldest: plan.config.retention_ms.map(|keep| now.saturating_sub(keep)),
                bytes: plan.config.retention_bytes,
            };
            let appended = self.store.append(
                &transaction,
                (plan.id, plan.partition),
                plan.extent,
                now,
                |put| plan.fill(now, put),
                retention,
            );
            extents.push(self.guard(appended)?);
        }
        if !offsets.is_empty() {
            self.guard(self.store.put_offsets(&transaction, offsets))?;
        }
        self.guard(self.store.commit(transaction))?;

        if !plans.is_empty() {
            let mut catalog = self.catalog();
            for (plan, extent) in plans.iter().zip(extents) {
                if let Some(topic) = catalog.topics.get_mut(&plan.topic) {
                    topic.extents[plan.partition as usize] = extent;
                }
            }
            catalog.version += 1;
            drop(catalog);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Deletes what is before these offsets.
    pub(super) fn purge(&self, before: &[(TopicPartition, i64)]) -> Result<(), Error> {
        let _writing = lock(&self.writing);
        let mut found = Vec::with_capacity(before.len());
        for (partition, offset) in before {
            let (place, extent) = self.extent(partition)?;
            if *offset < 0 {
                return Err(Error::misuse(format!("{offset} is no offset of {partition}")));
            }
            if *offset > extent.end {
                return Err(Error::gone(OutOfRange {
                    partition: partition.clone(),
                    wanted: *offset,
                    start: extent.start,
                    end: extent.end,
                }));
            }
            found.push((partition, place, extent, *offset));
        }
        let transaction = self.guard(self.store.begin(true))?;
        let mut purged = Vec::with_capacity(found.len());
        for (partition, place, extent, offset) in found {
            let extent = self.guard(self.store.purge(&transaction, place, extent, offset))?;
            purged.push((partition, extent));
        }
        self.guard(self.store.commit(transaction))?;
        let mut catalog = self.catalog();
        for (partition, extent) in purged {
            if let Some(topic) = catalog.topics.get_mut(&partition.topic) {
                topic.extents[partition.partition as usize] = extent;
            }
        }
        Ok(())
    }

    /// Whether the disk has failed.
    pub(super) fn health(&self) -> Result<(), Error> {
        match &*lock(&self.broken) {
            Some(cause) => Err(Error::on_disk(cause.clone())),
            None => Ok(()),
        }
    }

    /// Syncs what was written without.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let _writing = lock(&self.writing);
        let transaction = self.store.begin(true)?;
        self.store.commit(transaction)
    }

    /// Sorts records by partition, in their order.
    fn plan<'a>(&self, writing: &mut Writing, records: &'a [OutRecord]) -> Result<Vec<Plan<'a>>, Error> {
        let catalog = self.catalog();
        let mut plans: Vec<Plan<'a>> = Vec::new();
        let mut index: HashMap<(u32, u32), usize> = HashMap::new();
        let mut keyless: HashMap<u32, u32> = HashMap::new();
        let mut last: Option<(&str, &Topic)> = None;
        for record in records {
            let topic = match last {
                Some((name, topic)) if name == &*record.topic => topic,
                _ => catalog.topic(&record.topic)?,
            };
            last = Some((&record.topic, topic));
            let count = topic.extents.len() as u32;
            let partition = match (record.partition, &record.key) {
                (Some(partition), _) => {
                    u32::try_from(partition).ok().filter(|partition| *partition < count).ok_or_else(|| {
                        Error::no_topic(format!(
                            "there is no partition {partition} of topic `{}`",
                            record.topic
                        ))
                    })?
                }
                (None, Some(key)) => partitioner::for_key(key, count),
                // All of one call go to the same partition, and those of the next call to the next.
                (None, None) => *keyless.entry(topic.id).or_insert_with(|| {
                    let next = writing.next_partition.entry(topic.id).or_default();
                    *next = (*next + 1) % count;
                    *next
                }),
            };
            let size = batch::size(record);
            if size > topic.config.max_record_bytes {
                return Err(Error::large(format!(
                    "a record of {size} bytes is larger than topic `{}` takes ({} bytes)",
                    record.topic, topic.config.max_record_bytes
                )));
            }
            let plan = *index.entry((topic.id, partition)).or_insert_with(|| {
                plans.push(Plan {
                    topic: Arc::clone(&record.topic),
                    id: topic.id,
                    partition,
                    extent: topic.extents[partition as usize],
                    config: topic.config,
                    records: Vec::new(),
                });
                plans.len() - 1
            });
            plans[plan].records.push(record);
        }
        Ok(plans)
    }

    /// Remembers that the disk has failed.
    fn guard<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            lock(&self.broken).get_or_insert_with(|| error.to_string());
        }
        result
    }

    fn catalog(&self) -> MutexGuard<'_, Catalog> {
        lock(&self.catalog)
    }
}

impl Catalog {
    fn topic(&self, name: &str) -> Result<&Topic, Error> {
        self.topics.get(name).ok_or_else(|| Error::no_topic(format!("there is no topic `{name}`")))
    }

    fn extent(&self, of: &TopicPartition) -> Result<((u32, u32), Extent), Error> {
        let topic = self.topic(&of.topic)?;
        u32::try_from(of.partition)
            .ok()
            .and_then(|partition| {
                let extent = topic.extents.get(partition as usize)?;
                Some(((topic.id, partition), *extent))
            })
            .ok_or_else(|| Error::no_topic(format!("there is no partition {of}")))
    }
}

impl Writing {
    fn check(&self, claim: Option<&Claim>) -> Result<(), Error> {
        match claim {
            Some(claim) if self.epochs.get(&claim.transactional_id) != Some(&claim.epoch) => {
                Err(Error::fence(format!(
                    "another writer has taken over the transactional id `{}`",
                    claim.transactional_id
                )))
            }
            _ => Ok(()),
        }
    }
}

impl Plan<'_> {
    /// Encodes the records into batches.
    fn fill(&self, timestamp: i64, put: Put<'_>) -> Result<(), redb::Error> {
        let mut builder = Builder::new(timestamp);
        for record in &self.records {
            builder.push(record);
            if builder.is_full() {
                let count = builder.count();
                put(builder.finish(), count)?;
                builder.clear();
            }
        }
        match builder.count() {
            0 => Ok(()),
            count => put(builder.finish(), count),
        }
    }
}

/// A thread that panicked while it held a lock leaves nothing half-done that the next one could not go on from: what is
/// in memory changes only after the store has committed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The one interface to a log of topics. Everything is synchronous and meant to be called from plain threads.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use olocus_event::{OutRecord, Record};

use crate::{Error, MemberToken};

/// A log of topics: Apache Kafka or the embedded one.
///
/// Group membership ([`Transport::join`]) and reading ([`Transport::reader`]) are apart: a reader is told which
/// partitions to read from which offsets, and never asks the group.
pub trait Transport: Send + Sync {
    /// All topics with their number of partitions, without those that the log keeps for itself (`__…`).
    ///
    /// # Errors
    /// If the log cannot be reached.
    fn topics(&self) -> Result<BTreeMap<String, u32>, Error>;

    /// Creates the topics that do not exist; those that exist are left as they are.
    ///
    /// # Errors
    /// If a name or setting is refused, or the log cannot be reached.
    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), Error>;

    /// The settings of a topic that decide what can be written to it and how long it stays.
    ///
    /// # Errors
    /// If the topic does not exist or the log cannot be reached.
    fn settings(&self, topic: &str) -> Result<TopicSettings, Error>;

    /// What tells a topic from others that have had or will have its name.
    ///
    /// # Errors
    /// If the topic does not exist or the log cannot be reached.
    fn topic_id(&self, topic: &str) -> Result<String, Error>;

    /// The offsets that a partition has now.
    ///
    /// # Errors
    /// If the partition does not exist or the log cannot be reached.
    fn offsets(&self, of: &TopicPartition) -> Result<OffsetRange, Error>;

    /// The ends of many partitions, by as few questions as the log allows. Those that do not exist or cannot tell now
    /// are left out.
    ///
    /// # Errors
    /// If the log cannot be reached.
    fn ends(&self, of: &[TopicPartition]) -> Result<Vec<(TopicPartition, Ends)>, Error>;

    /// The offset of the first record written at `timestamp_ms` (milliseconds since the Unix epoch) or later; the end
    /// of the partition if there is none.
    ///
    /// # Errors
    /// If the partition does not exist or the log cannot be reached.
    fn offset_at(&self, of: &TopicPartition, timestamp_ms: i64) -> Result<i64, Error>;

    /// The offsets that a group has committed, in the order asked for; `None` where it has none. Only decided offsets
    /// are returned: those of a transaction that is still open are waited for, up to `timeout`.
    ///
    /// # Errors
    /// If the log cannot be reached, or an open transaction holds the offsets back for longer (both retryable).
    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error>;

    /// The records that hold readers of a partition back: those from the last stable offset on. The first is of a
    /// transaction that is open now; the others may be of that one, of other open ones, or of whatever else was written
    /// since. There is none if no transaction is open. Some hundred records are returned at most.
    ///
    /// A writer that dies in a transaction holds back everybody until the log takes it for dead. If its records name its
    /// transactional id, they name it here, and a new writer with that id ends the transaction at once.
    ///
    /// # Errors
    /// If the partition does not exist or the log cannot be reached.
    fn undecided(&self, of: &TopicPartition) -> Result<Vec<Record>, Error>;

    /// Deletes the records of these partitions that are before these offsets, for ever. Where they are gone already,
    /// nothing changes.
    ///
    /// # Errors
    /// If a partition does not exist, an offset is behind the partition's end ([`Error::out_of_range`]), or the log cannot
    /// be reached. Other partitions may have been purged then.
    fn purge(&self, before: &[(TopicPartition, i64)]) -> Result<(), Error>;

    /// A new reader, without partitions at first.
    ///
    /// # Errors
    /// If an option is refused.
    fn reader(&self, options: ReaderOptions) -> Result<Box<dyn Reader>, Error>;

    /// A new writer. One with a transactional id fences every earlier writer with that id, and what those had not
    /// committed is discarded.
    ///
    /// # Errors
    /// If an option is refused or the log cannot be reached.
    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, Error>;

    /// Joins a group, whose members share the partitions of the topics.
    ///
    /// # Errors
    /// If an option is refused or the group cannot be joined.
    fn join(
        &self,
        group: &str,
        topics: &[String],
        options: JoinOptions,
    ) -> Result<Box<dyn Membership>, Error>;

    /// What sort of log this is, for messages: `kafka` or `embedded`.
    fn kind(&self) -> &'static str;

    /// Whether the log can be reached now. Cheap enough to be asked every second.
    ///
    /// # Errors
    /// If it cannot be reached, with the cause.
    fn health(&self) -> Result<(), Error>;
}

/// Reads partitions by explicit assignment. Only committed records are seen.
pub trait Reader: Send {
    /// Reads exactly these partitions from now on, each from the given offset; all others are dropped.
    ///
    /// # Errors
    /// If the assignment is refused.
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error>;

    /// Reads these partitions too, each from the given offset; the others go on where they are.
    ///
    /// # Errors
    /// If the assignment is refused.
    fn add(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error>;

    /// Waits up to `timeout` for records, and returns up to about `max_records` of them, by partition and in the order
    /// of their offsets. An empty answer says that the time is over, also when the log cannot be reached for a while:
    /// [`Transport::health`] tells these apart.
    ///
    /// # Errors
    /// If an offset is not in the log ([`Error::out_of_range`]), or the log refuses to be read. After a retryable error
    /// the reader can be polled again.
    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Fetched>, Error>;

    /// Holds these partitions back until they are resumed. No record is lost by it, and none that was not returned
    /// before is returned while it lasts.
    ///
    /// # Errors
    /// If a partition is not assigned.
    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Error>;

    /// Goes on with paused partitions where they were.
    ///
    /// # Errors
    /// If a partition is not assigned.
    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Error>;
}

/// Writes records, in transactions or one batch after another.
pub trait Writer: Send {
    /// Writes records and group offsets as one: all of it becomes visible, or nothing. Writers without a transactional
    /// id refuse this.
    ///
    /// # Errors
    /// [`Error::retryable`]: nothing was written, the same commit may be made again. [`Error::fenced`]: another writer
    /// has the id now. [`Error::not_member`]: nothing was written, because the offsets are not from a member that may commit
    /// them (see [`WriterOptions::member`]). [`Error::outcome_unknown`]: it may or may not have been written, and this writer can write nothing
    /// any more. [`Error::writer_lost`]: the same, for another cause than that the answer is missing. Everything else:
    /// nothing was written and the same commit would fail again.
    fn commit(&mut self, commit: &Commit) -> Result<(), Error>;

    /// Writes records outside transactions and returns when all are as durable as the writer promises. Transactional
    /// writers refuse this.
    ///
    /// # Errors
    /// If a record could not be written; others of the batch may have been.
    fn send(&mut self, records: &[OutRecord]) -> Result<(), Error>;
}

/// A place in a group, whose members share partitions.
pub trait Membership: Send {
    /// Waits up to `timeout` for a change, and returns all changes since the last call. Whoever calls it says that the
    /// changes of the last call have been dealt with: what was revoked then is given up now. Must be called at least every
    /// few seconds, or the group takes this member for dead, and everything that it has is lost.
    ///
    /// # Errors
    /// If the membership has failed for good. [`Error::fenced`]: another member has its instance.
    fn poll(&mut self, timeout: Duration) -> Result<Vec<MembershipEvent>, Error>;

    /// What proves to a writer that offsets come from this member.
    fn token(&self) -> MemberToken;

    /// The group's committed offsets, as [`Transport::committed`] has them.
    ///
    /// # Errors
    /// As for [`Transport::committed`].
    fn committed(
        &mut self,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error>;

    /// Leaves the group, whose partitions go to the other members at once. On Kafka, those of a static member
    /// ([`JoinOptions::instance`]) stay its own until its session times out, so that it can come back to them.
    ///
    /// # Errors
    /// If the log could not be told; the group then finds out by itself.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// The topic's name.
    pub topic: Arc<str>,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition with this number of this topic.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// A topic to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSpec {
    /// The topic's name.
    pub name: String,
    /// How many partitions it gets; `None` leaves that to the log's own default.
    pub partitions: Option<u32>,
    /// Settings under Kafka's names, such as `retention.ms`.
    pub config: BTreeMap<String, String>,
}

impl TopicSpec {
    /// A topic with the log's default number of partitions and default settings.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// The same with this number of partitions.
    #[must_use]
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }

    /// The same with one more setting.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(key.into(), value.into());
        self
    }
}

/// What a topic is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicSettings {
    /// How long records are kept at least, in milliseconds; `None` is for ever.
    pub retention_ms: Option<i64>,
    /// The largest batch of records, and so the largest record, that the topic takes, in bytes.
    pub max_record_bytes: u64,
}

/// The offsets of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    /// The first offset that is still there.
    pub start: i64,
    /// The last stable offset: everything before it is decided. Readers see no further.
    pub stable_end: i64,
    /// The high watermark: one past the last record, decided or not.
    pub end: i64,
}

/// The end of a partition, as the log knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The last stable offset: everything before it is decided. Readers see no further.
    pub stable: i64,
    /// The high watermark: one past the last record, decided or not.
    pub end: i64,
}

/// An offset that a group has committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupOffset {
    /// The offset of the next record to be read.
    pub offset: i64,
    /// What the writer of the commit put beside it.
    pub metadata: String,
}

/// How a reader is to behave.
#[derive(Clone, Debug)]
pub struct ReaderOptions {
    /// How many bytes of records that were not yet returned may be kept in memory, about. One record that is larger
    /// than this is still read.
    pub max_queued_bytes: usize,
}

impl Default for ReaderOptions {
    fn default() -> Self {
        Self { max_queued_bytes: 32 << 20 }
    }
}

/// How a member of a group is to behave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinOptions {
    /// Makes this a static member (Kafka's `group.instance.id`): one that joins again under the same name gets what the
    /// earlier one had, and nothing of the others moves. The earlier one is fenced. On the embedded log this holds while
    /// the earlier one is still a member.
    pub instance: Option<String>,
    /// How long nothing may be heard of this member's process before its partitions go to others; `None` leaves that to
    /// the log. The embedded log needs none: its members end with their process.
    pub session_timeout: Option<Duration>,
}

/// How a writer is to behave.
#[derive(Clone, Debug, Default)]
pub struct WriterOptions {
    /// The id under which transactions are made; `None` makes a writer for [`Writer::send`] only.
    pub transactional_id: Option<String>,
    /// The member that the offsets of its group come from. Such offsets are committed only while it is a member and has
    /// the partitions; else the commit is refused ([`Error::not_member`]). Offsets of other groups, and all without a
    /// member, are committed unchecked.
    pub member: Option<MemberToken>,
    /// What a record has survived when a call returns.
    pub durability: Durability,
}

/// What written records have survived when the call that wrote them returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Kafka: all in-sync replicas have them (`acks=all`). Whether those sync to disk first is the broker's
    /// `log.flush.interval.messages`; by default Kafka relies on replication. Embedded: synced to disk.
    #[default]
    Persistent,
    /// Kafka: the leader has them (`acks=1`); lost if it dies before the others have copied them. Embedded: handed to the
    /// operating system, and synced with the next persistent commit; lost if the machine dies, never torn. Transactions
    /// on Kafka are always persistent.
    Relaxed,
    /// Kafka: sent, nothing is waited for (`acks=0`). Embedded: as relaxed. Refused for transactional writers.
    None,
}

/// Records of one partition, as read.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The topic they are from.
    pub topic: Arc<str>,
    /// The partition they are from.
    pub partition: i32,
    /// The records in the order of their offsets, which may have gaps.
    pub records: Vec<Record>,
    /// Set if, after these records, the partition was read to its end.
    pub end: Option<End>,
}

/// The end of a partition as a reader met it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The offset at which the next committed record can appear.
    pub offset: i64,
    /// Whether the last stable offset was the high watermark: no transaction was open here.
    pub stable: bool,
}

/// Records and group offsets that belong together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// The records, written in this order.
    pub records: Vec<OutRecord>,
    /// The offsets.
    pub offsets: Vec<OffsetCommit>,
}

/// A group's new offset for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetCommit {
    /// The group.
    pub group: String,
    /// The topic that was read.
    pub topic: Arc<str>,
    /// The partition that was read.
    pub partition: i32,
    /// The offset of the next record to be read.
    pub offset: i64,
    /// Anything that belongs to it (Kafka takes 4096 bytes by default).
    pub metadata: String,
}

/// A change of what a group member has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipEvent {
    /// These partitions are this member's now, besides those it had.
    Assigned(Vec<TopicPartition>),
    /// These partitions go to other members; this member is still their owner until it polls again.
    Revoked(Vec<TopicPartition>),
    /// These partitions already belong to others.
    Lost(Vec<TopicPartition>),
}

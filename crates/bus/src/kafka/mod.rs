//! Apache Kafka through librdkafka.

mod admin;
mod context;
mod errors;
mod membership;
mod native;
mod options;
mod probe;
mod producer;
mod reader;
mod standing;
mod topic_id;
mod transactions;
mod undecided;
mod writer;

use std::collections::BTreeMap;
use std::time::Duration;

use olocus_event::Record;
use rdkafka::consumer::Consumer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

pub use options::KafkaOptions;

use crate::name::{check_topic, is_internal};
use crate::{
    Durability, Ends, Error, GroupOffset, JoinOptions, Membership, OffsetRange, OutOfRange, Reader,
    ReaderOptions, TopicPartition, TopicSettings, TopicSpec, Transport, Writer, WriterOptions,
};
use admin::PurgeError;
use membership::GroupMember;
use probe::Probe;
use reader::{Isolation, KafkaReader};
use transactions::TransactionalWriter;
use writer::PlainWriter;

/// How long [`Transport::health`] waits for an answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// A Kafka cluster.
///
/// It is a handle: brokers that are away now are waited for by each call, and reconnected to by readers and writers.
pub struct Kafka {
    options: KafkaOptions,
    /// Sees the log as readers do, up to the last stable offset.
    stable: Probe,
    /// Sees the log up to the high watermark.
    whole: Probe,
}

impl Kafka {
    /// A handle for this cluster. The settings are checked; the brokers are not asked yet.
    ///
    /// # Errors
    /// If a property is refused.
    pub fn connect(options: KafkaOptions) -> Result<Self, Error> {
        options.check()?;
        Ok(Self {
            stable: Probe::new(&options, "read_committed")?,
            whole: Probe::new(&options, "read_uncommitted")?,
            options,
        })
    }

    /// Deletes topics with all that is in them; those that do not exist are passed over.
    ///
    /// # Errors
    /// If the brokers refuse to, or cannot be reached. Some of the topics may be gone then.
    pub fn delete_topics(&self, names: &[&str]) -> Result<(), Error> {
        if names.is_empty() { Ok(()) } else { admin::delete_topics(&self.options, names) }
    }

    /// Deletes groups with the offsets they have committed; those that do not exist are passed over.
    ///
    /// # Errors
    /// If a group still has members, or the brokers cannot be reached.
    pub fn delete_groups(&self, names: &[&str]) -> Result<(), Error> {
        if names.is_empty() { Ok(()) } else { admin::delete_groups(&self.options, names) }
    }
}

impl Transport for Kafka {
    fn topics(&self) -> Result<BTreeMap<String, u32>, Error> {
        let metadata = self.stable.ask("the topics", self.options.patience, |client, timeout| {
            client.fetch_metadata(None, timeout)
        })?;
        Ok(metadata
            .topics()
            .iter()
            .filter(|topic| !is_internal(topic.name()) && topic.error().is_none())
            .map(|topic| (topic.name().to_owned(), topic.partitions().len() as u32))
            .collect())
    }

    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), Error> {
        let missing = {
            let existing = self.topics()?;
            let mut missing = Vec::new();
            for topic in topics {
                check_topic(&topic.name)?;
                if !existing.contains_key(&topic.name) {
                    missing.push(topic);
                }
            }
            missing
        };
        if missing.is_empty() {
            return Ok(());
        }
        admin::create_topics(&self.options, &missing)?;
        missing.iter().try_for_each(|topic| self.stable.wait_for_leaders(&topic.name, self.options.patience))
    }

    fn settings(&self, topic: &str) -> Result<TopicSettings, Error> {
        check_topic(topic)?;
        // Brokers answer a question for the settings of an unknown topic with different errors; this one is plain.
        self.stable.partitions(topic, self.options.patience)?;
        admin::settings(&self.options, topic)
    }

    fn topic_id(&self, topic: &str) -> Result<String, Error> {
        check_topic(topic)?;
        self.stable.ask(&format!("the id of topic `{topic}`"), self.options.patience, |client, timeout| {
            topic_id::ask(client.client(), topic, timeout)
        })
    }

    fn offsets(&self, of: &TopicPartition) -> Result<OffsetRange, Error> {
        let range = |probe: &Probe| {
            probe.ask(&format!("the offsets of {of}"), self.options.patience, |client, timeout| {
                client.fetch_watermarks(&of.topic, of.partition, timeout)
            })
        };
        check_topic(&of.topic)?;
        // In this order the stable end is never past the end.
        let (start, stable_end) = range(&self.stable)?;
        let (_, end) = range(&self.whole)?;
        Ok(OffsetRange { start, stable_end, end })
    }

    fn ends(&self, of: &[TopicPartition]) -> Result<Vec<(TopicPartition, Ends)>, Error> {
        for partition in of {
            check_topic(&partition.topic)?;
        }
        // In this order the stable end is never past the end.
        let found = self.stable.ends(of, self.options.patience).and_then(|stable| {
            let whole = self.whole.ends(of, self.options.patience)?;
            Ok((stable, whole))
        });
        match found {
            Ok((stable, whole)) => Ok(of
                .iter()
                .filter_map(|of| Some((of.clone(), Ends { stable: *stable.get(of)?, end: *whole.get(of)? })))
                .collect()),
            // One that does not exist spoils the answer for all.
            Err(error) if error.unknown_topic() => {
                let ends = |of: &TopicPartition| match self.offsets(of) {
                    Ok(range) => Some(Ok((of.clone(), Ends { stable: range.stable_end, end: range.end }))),
                    Err(error) if error.unknown_topic() => None,
                    Err(error) => Some(Err(error)),
                };
                of.iter().filter_map(ends).collect()
            }
            Err(error) => Err(error),
        }
    }

    fn offset_at(&self, of: &TopicPartition, timestamp_ms: i64) -> Result<i64, Error> {
        check_topic(&of.topic)?;
        let what = format!("the offset of a time in {of}");
        let found = self.stable.ask(&what, self.options.patience, |client, timeout| {
            let mut times = TopicPartitionList::with_capacity(1);
            times.add_partition_offset(&of.topic, of.partition, Offset::Offset(timestamp_ms.max(0)))?;
            client.offsets_for_times(times, timeout)
        })?;
        for entry in native::entries(&found) {
            if let Some(code) = entry.error {
                return Err(errors::meaning(code, format!("{what}: {code}")));
            }
            if entry.offset >= 0 {
                return Ok(entry.offset);
            }
        }
        Ok(self.offsets(of)?.stable_end)
    }

    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error> {
        for partition in of {
            check_topic(&partition.topic)?;
        }
        if of.is_empty() {
            return Ok(Vec::new());
        }
        Probe::for_group(&self.options, group)?.committed(group, of, timeout)
    }

    fn undecided(&self, of: &TopicPartition) -> Result<Vec<Record>, Error> {
        let mut found = undecided::read(&self.options, of, &self.offsets(of)?)?;
        if !found.is_empty() {
            // What was decided meanwhile holds nobody back.
            let stable_end = self.offsets(of)?.stable_end;
            found.retain(|record| record.offset >= stable_end);
        }
        Ok(found)
    }

    fn purge(&self, before: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if before.is_empty() {
            return Ok(());
        }
        let list = reader::offset_list(before)?;
        // Brokers that do not know a partition let the question time out.
        for (partition, _) in before {
            self.offsets(partition)?;
        }
        match admin::delete_records(&self.options, &list) {
            Ok(()) => Ok(()),
            Err(PurgeError::Other(error)) => Err(error),
            Err(PurgeError::OutOfRange(partition)) => {
                let wanted = before.iter().find(|(of, _)| *of == partition).map_or(0, |(_, offset)| *offset);
                let OffsetRange { start, end, .. } = self.offsets(&partition)?;
                Err(Error::gone(OutOfRange { partition, wanted, start, end }))
            }
        }
    }

    fn reader(&self, options: ReaderOptions) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(KafkaReader::new(&self.options, &options, Isolation::Committed)?))
    }

    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, Error> {
        match (options.transactional_id, options.durability) {
            (Some(_), Durability::None) => {
                Err(Error::misuse("transactions cannot be written with durability `none`"))
            }
            (Some(id), _) => {
                Ok(Box::new(TransactionalWriter::new(&self.options, &id, options.member.as_ref())?))
            }
            (None, durability) => Ok(Box::new(PlainWriter::new(&self.options, durability)?)),
        }
    }

    fn join(
        &self,
        group: &str,
        topics: &[String],
        options: JoinOptions,
    ) -> Result<Box<dyn Membership>, Error> {
        for topic in topics {
            check_topic(topic)?;
        }
        Ok(Box::new(GroupMember::new(&self.options, group, topics, &options)?))
    }

    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn health(&self) -> Result<(), Error> {
        // One topic that every cluster has or can have: the list of all topics may be long.
        self.stable
            .ask("the brokers", HEALTH_TIMEOUT, |client, timeout| {
                client.fetch_metadata(Some("__consumer_offsets"), timeout)
            })
            .map(|_| ())
    }
}

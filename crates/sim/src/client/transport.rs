use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{
    Durability, Ends, Error, GroupOffset, JoinOptions, Membership, OffsetRange, Reader, ReaderOptions,
    TopicPartition, TopicSettings, TopicSpec, Transport, Writer, WriterOptions, check_topic,
};
use olocus_event::Record;

use super::member::SimMember;
use super::reader::SimReader;
use super::writer::SimWriter;
use crate::broker::Topics;
use crate::world::{STEP, World};

/// How many records of open transactions are told, as on Kafka.
const MOST_UNDECIDED: usize = 256;

/// The connection of a process.
pub(crate) struct SimTransport {
    world: World,
    process: Arc<str>,
}

impl SimTransport {
    pub(crate) fn new(world: World, process: Arc<str>) -> Self {
        Self { world, process }
    }

    fn ask<T>(&self, what: &str, answer: impl FnOnce(&Topics) -> Result<T, Error>) -> Result<T, Error> {
        self.world.reach(&self.process, what)?;
        self.world.with(|broker| answer(&broker.topics))
    }
}

/// Asks for offsets until those of open transactions are decided.
pub(super) fn committed(
    world: &World,
    process: &Arc<str>,
    group: &str,
    of: &[TopicPartition],
    timeout: Duration,
) -> Result<Vec<Option<GroupOffset>>, Error> {
    let deadline = world.with(|broker| broker.now()) + timeout;
    world.reach_within(process, "asking for offsets", timeout)?;
    loop {
        let found = world.with(|broker| {
            let unstable = of.iter().any(|of| broker.is_unstable(group, of));
            (!unstable && !broker.is_away())
                .then(|| of.iter().map(|of| broker.committed(group, of)).collect::<Vec<_>>())
        });
        if let Some(found) = found {
            return Ok(found);
        }
        if world.with(|broker| broker.now()) >= deadline {
            return Err(Error::retry(format!("the offsets of group `{group}` are not decided yet")));
        }
        world.elapse(process, STEP)?;
    }
}

impl Transport for SimTransport {
    fn topics(&self) -> Result<BTreeMap<String, u32>, Error> {
        self.ask("the topics", |topics| {
            let counted = |(name, topic): (&str, &crate::broker::Topic)| {
                (name.to_owned(), topic.partitions.len() as u32)
            };
            Ok(topics.iter().filter(|(name, _)| !name.starts_with("__")).map(counted).collect())
        })
    }

    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), Error> {
        self.world.reach(&self.process, "creating topics")?;
        self.world.with(|broker| {
            topics.iter().try_for_each(|topic| broker.topics.create(topic))?;
            broker.settle();
            Ok(())
        })
    }

    fn settings(&self, topic: &str) -> Result<TopicSettings, Error> {
        check_topic(topic)?;
        self.ask("the settings of a topic", |topics| {
            let topic = topics.topic(topic)?;
            Ok(TopicSettings { retention_ms: topic.retention_ms, max_record_bytes: topic.max_record_bytes })
        })
    }

    fn topic_id(&self, topic: &str) -> Result<String, Error> {
        self.ask("the id of a topic", |topics| Ok(topics.topic(topic)?.id.to_string()))
    }

    fn offsets(&self, of: &TopicPartition) -> Result<OffsetRange, Error> {
        self.ask("the offsets of a partition", |topics| topics.range(of))
    }

    fn ends(&self, of: &[TopicPartition]) -> Result<Vec<(TopicPartition, Ends)>, Error> {
        self.ask("the ends of partitions", |topics| {
            let ends = |of: &TopicPartition| {
                let range = topics.range(of).ok()?;
                Some((of.clone(), Ends { stable: range.stable_end, end: range.end }))
            };
            Ok(of.iter().filter_map(ends).collect())
        })
    }

    fn offset_at(&self, of: &TopicPartition, timestamp_ms: i64) -> Result<i64, Error> {
        self.ask("the offset of a time", |topics| {
            let partition = topics.partition(of)?;
            Ok(partition.offset_at(timestamp_ms).unwrap_or(partition.stable_end()))
        })
    }

    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error> {
        committed(&self.world, &self.process, group, of, timeout)
    }

    fn undecided(&self, of: &TopicPartition) -> Result<Vec<Record>, Error> {
        self.ask("undecided records", |topics| Ok(topics.partition(of)?.undecided(MOST_UNDECIDED)))
    }

    fn purge(&self, before: &[(TopicPartition, i64)]) -> Result<(), Error> {
        self.world.reach(&self.process, "purging")?;
        self.world.with(|broker| broker.topics.purge(before))
    }

    fn reader(&self, _: ReaderOptions) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(SimReader::new(self.world.clone(), Arc::clone(&self.process))))
    }

    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, Error> {
        if options.transactional_id.is_some() && options.durability == Durability::None {
            return Err(Error::misuse("transactions cannot be written with durability `none`"));
        }
        let writer = SimWriter::new(self.world.clone(), Arc::clone(&self.process), options)?;
        Ok(Box::new(writer))
    }

    fn join(
        &self,
        group: &str,
        topics: &[String],
        options: JoinOptions,
    ) -> Result<Box<dyn Membership>, Error> {
        topics.iter().try_for_each(|topic| check_topic(topic))?;
        self.world.with(|broker| broker.alive(&self.process))?;
        let member = SimMember::join(self.world.clone(), Arc::clone(&self.process), group, topics, options);
        Ok(Box::new(member))
    }

    fn kind(&self) -> &'static str {
        "simulated"
    }

    fn health(&self) -> Result<(), Error> {
        self.world.with(|broker| {
            broker.alive(&self.process)?;
            if broker.is_away() { Err(Error::retry("the brokers are away")) } else { Ok(()) }
        })
    }
}

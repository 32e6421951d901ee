//! What a processor does before it reads: topics, committed offsets, where to begin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use olocus_bus::{GroupOffset, TopicPartition, TopicSpec, Writer, WriterOptions};

use super::commit::OFFSETS_TIMEOUT;
use super::{Backoff, Shared, StartAt};
use crate::Error;
use crate::merge::InputId;
use crate::position::Position;

/// The largest record that topics are created for which take records as they came. What is too large to be accepted
/// lands there, and headers that tell why come on top of the 128 MiB that can be read.
const LETTER_BYTES_MAX: usize = 129 << 20;

/// Ends of the names of topics that engines write, and only engines read: see [`OutputTopics`](super::OutputTopics).
const OUTPUTS: [&str; 3] = [".dead-letter", ".late", ".webhooks"];

/// An input to read, and where from.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) id: InputId,
    pub(super) position: Position,
    /// Where to begin to read: at the position, but for what feeds tables, which are made anew of all their records.
    pub(super) read_from: i64,
    /// What an earlier run committed, if one did.
    pub(super) committed: Option<GroupOffset>,
}

/// Why an attempt failed.
pub(super) enum Failure {
    /// The log's word, which says whether to try again.
    Bus(olocus_bus::Error),
    /// Nothing that trying again would change.
    Final(Error),
}

impl From<olocus_bus::Error> for Failure {
    fn from(error: olocus_bus::Error) -> Failure {
        Failure::Bus(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Final(error)
    }
}

impl Shared {
    /// Opens the transactional writer, which fences a predecessor and waits for its last transaction.
    pub(super) fn open_writer(&self) -> Result<Option<Box<dyn Writer>>, Error> {
        self.retry("start", "open the writer", || Ok(self.writer()?))
    }

    /// Tries once to open it.
    pub(super) fn writer(&self) -> Result<Box<dyn Writer>, olocus_bus::Error> {
        let transactional_id = Some(self.options.application_id.clone());
        self.transport.writer(WriterOptions { transactional_id, ..WriterOptions::default() })
    }

    /// Creates the topics that are missing and finds every partition to read with the place to begin at.
    pub(super) fn find_inputs(&self) -> Result<Option<Vec<Start>>, Error> {
        self.retry("start", "find the input topics", || {
            let existing = self.transport.topics()?;
            let missing = self.missing_topics(&existing);
            if !missing.is_empty() {
                self.transport.create_topics(&missing)?;
            }
            let existing = if missing.is_empty() { existing } else { self.transport.topics()? };
            let starts = self.locate(&self.partitions_to_read(&existing))?;
            let written = self.own_topics().into_iter().filter_map(|topic| existing.get_key_value(topic));
            self.warn_of_order(written.map(|(topic, count)| (topic.as_str(), *count)).collect());
            Ok(starts)
        })
    }

    /// Every partition of every topic that a source reads.
    pub(super) fn partitions_to_read(&self, existing: &BTreeMap<String, u32>) -> Vec<TopicPartition> {
        let own: BTreeSet<&str> = self.own_topics().into_iter().collect();
        let mut partitions = Vec::new();
        for (topic, &count) in existing {
            // A wildcard never picks up what the engine writes itself, nor what another one writes to topics for
            // what it could not do; a name that is spelled out does.
            let is_output = own.contains(topic.as_str()) || OUTPUTS.iter().any(|end| topic.ends_with(end));
            if self.plan.names_topic(topic) || (self.plan.source_of(topic).is_some() && !is_output) {
                let name: Arc<str> = topic.as_str().into();
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                partitions.extend(
                    (0..count).map(|partition| TopicPartition { topic: Arc::clone(&name), partition }),
                );
            }
        }
        partitions
    }

    /// Where to begin in each of these partitions.
    pub(super) fn locate(&self, partitions: &[TopicPartition]) -> Result<Vec<Start>, Failure> {
        let committed =
            self.transport.committed(&self.options.application_id, partitions, OFFSETS_TIMEOUT)?;
        let mut starts = Vec::new();
        for (partition, committed) in partitions.iter().zip(committed) {
            let range = self.transport.offsets(partition)?;
            let id = InputId { topic: Arc::clone(&partition.topic), partition: partition.partition };
            super::metrics::joined(&id);
            let feeds_table = self.plan.table_of_topic(&partition.topic).is_some();
            let mut position = match &committed {
                Some(found) => Position::parse(found.offset, &found.metadata)?,
                None if feeds_table => Position::at(range.start),
                None => Position::at(match self.options.start_at {
                    StartAt::Earliest => range.start,
                    StartAt::End => range.stable_end,
                    StartAt::Time(time) => self.transport.offset_at(partition, time)?,
                }),
            };
            if feeds_table && position.offset < range.start {
                position.offset = range.start;
                position.next = position.next.max(range.start);
            } else if position.offset < range.start {
                let gone = range.start - position.offset;
                tracing::warn!(topic = %partition.topic, partition = partition.partition, records = gone,
                    "records were deleted by the log's retention before they were read");
                super::metrics::lost(&id, gone);
                position.offset = range.start;
                position.next = position.next.max(range.start);
            } else if position.offset > range.end {
                tracing::warn!(topic = %partition.topic, partition = partition.partition, committed = position.offset,
                    end = range.end, "the topic is shorter than what was committed of it, as if created anew; reading it from its start");
                position = Position::at(range.start);
            }
            let read_from = if feeds_table { range.start } else { position.offset };
            starts.push(Start { id, position, read_from, committed });
        }
        let counts = partitions.iter().map(|place| (&*place.topic, place.partition.unsigned_abs() + 1));
        let mut largest = BTreeMap::new();
        counts.for_each(|(topic, count)| {
            let known: &mut u32 = largest.entry(topic).or_default();
            *known = count.max(*known);
        });
        self.warn_of_order(largest);
        Ok(starts)
    }

    /// Says of which topics the log keeps no order although all events are to have one: those that others made with
    /// more partitions.
    fn warn_of_order(&self, partitions: BTreeMap<&str, u32>) {
        if self.options.default_partitions != Some(1) {
            return;
        }
        for (topic, partitions) in partitions.into_iter().filter(|(_, partitions)| *partitions > 1) {
            tracing::warn!(
                topic,
                partitions,
                "the order is to be global, and this topic keeps one only within each of \
                its partitions; a topic with one partition keeps it"
            );
        }
    }

    /// Every topic that the engine writes to.
    pub(super) fn own_topics(&self) -> Vec<&str> {
        let topics = &self.options.topics;
        let mut own = self.plan.published_topics(&topics.matches);
        own.extend([&*topics.matches, &*topics.dead_letter, &*topics.late, &*topics.webhooks]);
        own
    }

    fn missing_topics(&self, existing: &BTreeMap<String, u32>) -> Vec<TopicSpec> {
        let topics = &self.options.topics;
        let sources: Vec<_> = self.plan.sources().collect();
        let read = sources.iter().flat_map(|source| &source.topics).filter_map(|pattern| pattern.literal());
        let mut wanted: BTreeSet<&str> = read.collect();
        wanted.extend(self.plan.published_topics(&topics.matches));
        wanted.extend([&*topics.dead_letter, &*topics.late]);
        if self.plan.has_webhooks() {
            wanted.insert(&topics.webhooks);
        }
        wanted
            .into_iter()
            .filter(|name| !existing.contains_key(*name))
            .map(|name| self.spec_of(name))
            .collect()
    }

    fn spec_of(&self, name: &str) -> TopicSpec {
        let mut spec = self.options.topic_specs.get(name).cloned().unwrap_or_else(|| TopicSpec {
            name: name.to_owned(),
            partitions: self.options.default_partitions,
            config: BTreeMap::new(),
        });
        spec.partitions = spec.partitions.or(self.options.default_partitions);
        if self.plan.table_of_topic(name).is_some() {
            // It has to keep the latest record of each key, which it surely does if it keeps all of them.
            spec.config.entry("retention.ms".to_owned()).or_insert_with(|| "-1".to_owned());
        }
        let topics = &self.options.topics;
        if [&topics.dead_letter, &topics.late].into_iter().any(|letters| &**letters == name) {
            let limit = spec.config.entry("max.message.bytes".to_owned());
            limit.or_insert_with(|| LETTER_BYTES_MAX.to_string());
        }
        spec
    }

    /// Calls `attempt` until it succeeds. `None` once the processor is asked to stop.
    pub(super) fn retry<T>(
        &self,
        part: &'static str,
        what: &str,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<Option<T>, Error> {
        let mut backoff = Backoff::default();
        while !self.stop.is_set() {
            match attempt() {
                Ok(value) => return Ok(Some(value)),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Bus(error)) if error.fenced() => {
                    return Err(Error::fenced(&self.options.application_id));
                }
                Err(Failure::Bus(error)) if !error.retryable() => return Err(Error::bus(what, error)),
                Err(Failure::Bus(error)) => {
                    self.status.hinder(part, format!("failed to {what}: {error}; trying again"));
                    self.stop.sleep(backoff.next());
                }
            }
        }
        Ok(None)
    }
}

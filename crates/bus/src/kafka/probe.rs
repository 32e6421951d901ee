use std::collections::HashMap;
use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::errors;
use super::native::{self, Entry};
use super::options::{KafkaOptions, refused};
use crate::deadline::Deadline;
use crate::{Error, GroupOffset, TopicPartition};

/// A question is asked again this often while there is time: librdkafka itself would sit out the whole timeout even if
/// the brokers have long refused the password.
const SLICE: Duration = Duration::from_secs(1);

/// Offsets that are not decided are asked for this often. librdkafka asks again by itself, but ever more seldom.
const OFFSETS_SLICE: Duration = Duration::from_millis(250);

/// How many events of a client are looked at after a failure, at most.
const EVENTS: usize = 64;

/// A client that only asks: for topics, offsets, times and committed offsets.
pub(super) struct Probe {
    client: BaseConsumer<Context>,
}

impl Probe {
    pub(super) fn new(options: &KafkaOptions, isolation: &str) -> Result<Self, Error> {
        let mut config = options.client();
        config.set("isolation.level", isolation);
        BaseConsumer::from_config_and_context(&config, Context::default())
            .map(|client| Self { client })
            .map_err(|error| refused(&error))
    }

    /// One that asks for the offsets of a group. As it reads committed records only, it is answered with stable offsets
    /// only.
    pub(super) fn for_group(options: &KafkaOptions, group: &str) -> Result<Self, Error> {
        let mut config = options.client();
        config
            .set("isolation.level", "read_committed")
            .set("group.id", group)
            .set("enable.auto.commit", "false");
        BaseConsumer::from_config_and_context(&config, Context::default())
            .map(|client| Self { client })
            .map_err(|error| refused(&error))
    }

    /// Asks until there is an answer, a final error, or the time is over.
    pub(super) fn ask<T>(
        &self,
        what: &str,
        timeout: Duration,
        question: impl Fn(&BaseConsumer<Context>, Duration) -> KafkaResult<T>,
    ) -> Result<T, Error> {
        let deadline = Deadline::after(timeout);
        loop {
            let left = deadline.left();
            let error = match question(&self.client, left.min(SLICE)) {
                Ok(answer) => {
                    self.serve();
                    self.client.context().forget_error();
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.serve();
            let cause = self.client.context().last_error();
            if let Some((code, reason)) = &cause {
                let meant = errors::meaning(*code, format!("asking for {what}: {reason}"));
                if meant.denied() {
                    return Err(meant);
                }
            }
            let transient = error.rdkafka_error_code().is_some_and(errors::is_transient);
            if !transient || deadline.passed() {
                return Err(self.explain(what, &error, cause));
            }
            if left > SLICE / 4 {
                // Some errors come at once and would come again at once.
                std::thread::sleep(SLICE / 20);
            }
        }
    }

    /// How many partitions a topic has.
    pub(super) fn partitions(&self, topic: &str, timeout: Duration) -> Result<u32, Error> {
        let metadata = self.ask(&format!("topic `{topic}`"), timeout, |client, timeout| {
            client.fetch_metadata(Some(topic), timeout)
        })?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        match found {
            Some(found) if found.error().is_none() => Ok(found.partitions().len() as u32),
            _ => Err(Error::no_topic(format!("there is no topic `{topic}`"))),
        }
    }

    /// Waits until every partition of a new topic can be written to.
    pub(super) fn wait_for_leaders(&self, topic: &str, timeout: Duration) -> Result<(), Error> {
        let deadline = Deadline::after(timeout);
        loop {
            let metadata = self.ask(&format!("topic `{topic}`"), timeout, |client, timeout| {
                client.fetch_metadata(Some(topic), timeout)
            })?;
            let ready = metadata.topics().iter().any(|found| {
                found.name() == topic
                    && found.error().is_none()
                    && !found.partitions().is_empty()
                    && found.partitions().iter().all(|partition| partition.leader() >= 0)
            });
            if ready {
                return Ok(());
            }
            if deadline.passed() {
                return Err(Error::retry(format!(
                    "topic `{topic}` was created, but not all of its partitions have a leader"
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The ends of partitions as this client sees the log, by one question to each broker. Those that cannot tell now
    /// are left out.
    pub(super) fn ends(
        &self,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<HashMap<TopicPartition, i64>, Error> {
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let what = format!("the ends of {} partitions", of.len());
        let found = self.ask(&what, timeout, |client, timeout| {
            let mut list = partition_list(of);
            // Brokers take the end for a time like any other.
            list.set_all_offsets(Offset::End)?;
            client.offsets_for_times(list, timeout)
        })?;
        let end = |entry: Entry| {
            let known = entry.error.is_none() && entry.offset >= 0;
            known.then(|| (TopicPartition::new(entry.topic, entry.partition), entry.offset))
        };
        Ok(native::entries(&found).into_iter().filter_map(end).collect())
    }

    /// The offsets that a group has committed. Waits for open transactions as long as for anything else.
    pub(super) fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error> {
        let what = format!("the offsets of group `{group}`");
        let answer = self.ask(&what, timeout, |client, timeout| stable_offsets(client, of, timeout))?;
        group_offsets(&what, of, &answer)
    }

    fn explain(&self, what: &str, error: &KafkaError, cause: Option<(RDKafkaErrorCode, String)>) -> Error {
        match cause {
            Some((_, reason)) => errors::wrapped(&format!("asking for {what}"), error).context(reason),
            None => errors::wrapped(&format!("asking for {what}"), error),
        }
    }

    /// Lets the client tell its log lines and errors.
    fn serve(&self) {
        for _ in 0..EVENTS {
            if let Some(Err(error)) = self.client.poll(Duration::ZERO)
                && let Some(code) = error.rdkafka_error_code()
            {
                tracing::trace!(%code, "event of an asking client");
            }
        }
    }
}

/// A list of partitions without offsets.
pub(super) fn partition_list(of: &[TopicPartition]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(of.len());
    for partition in of {
        list.add_partition(&partition.topic, partition.partition);
    }
    list
}

/// Asks once for the committed offsets of a consumer's group. Those that an open transaction holds back make it fail with an
/// error that passes.
pub(super) fn stable_offsets<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    of: &[TopicPartition],
    timeout: Duration,
) -> KafkaResult<TopicPartitionList> {
    let answer = consumer.committed_offsets(partition_list(of), timeout.min(OFFSETS_SLICE))?;
    let undecided = RDKafkaErrorCode::UnstableOffsetCommit;
    match native::entries(&answer).iter().any(|entry| entry.error == Some(undecided)) {
        true => Err(KafkaError::OffsetFetch(undecided)),
        false => Ok(answer),
    }
}

/// Finds the committed offsets that were asked for in the answer.
pub(super) fn group_offsets(
    what: &str,
    of: &[TopicPartition],
    answer: &TopicPartitionList,
) -> Result<Vec<Option<GroupOffset>>, Error> {
    let entries = native::entries(answer);
    of.iter()
        .map(|wanted| {
            let entry = entries
                .iter()
                .find(|entry| entry.partition == wanted.partition && entry.topic == *wanted.topic);
            match entry {
                Some(Entry { error: Some(code), .. }) => {
                    Err(errors::meaning(*code, format!("asking for {what}: {code}")))
                }
                Some(entry) if entry.offset >= 0 => {
                    Ok(Some(GroupOffset { offset: entry.offset, metadata: entry.metadata.clone() }))
                }
                _ => Ok(None),
            }
        })
        .collect()
}

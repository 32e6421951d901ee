//! Topics are created, described and purged through Kafka's admin interface.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::TopicPartitionList;

use super::options::{KafkaOptions, refused};
use super::{errors, native};
use crate::{Error, TopicPartition, TopicSettings, TopicSpec};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What Kafka takes for "as the broker is set".
const BROKER_DEFAULT: i32 = -1;

/// Why records were not deleted.
pub(super) enum PurgeError {
    /// The partition does not reach as far as the offset.
    OutOfRange(TopicPartition),
    Other(Error),
}

impl From<Error> for PurgeError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Creates topics, with the broker's replication and, unless told, its number of partitions.
pub(super) fn create_topics(options: &KafkaOptions, topics: &[&TopicSpec]) -> Result<(), Error> {
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|topic| {
            let partitions =
                topic.partitions.map_or(BROKER_DEFAULT, |count| i32::try_from(count).unwrap_or(i32::MAX));
            topic.config.iter().fold(
                NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(BROKER_DEFAULT)),
                |topic, (key, value)| topic.set(key, value),
            )
        })
        .collect();
    let client = client(options)?;
    let results = wait(client.create_topics(&new, &admin_options()))
        .map_err(|error| errors::wrapped("creating topics", &error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(errors::meaning(code, format!("creating topic `{name}`: {code}")));
            }
        }
    }
    Ok(())
}

/// Deletes topics; those that do not exist are passed over.
pub(super) fn delete_topics(options: &KafkaOptions, names: &[&str]) -> Result<(), Error> {
    let client = client(options)?;
    let results = wait(client.delete_topics(names, &admin_options()))
        .map_err(|error| errors::wrapped("deleting topics", &error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((name, code)) => {
                return Err(errors::meaning(code, format!("deleting topic `{name}`: {code}")));
            }
        }
    }
    Ok(())
}

/// Deletes groups with their offsets; those that do not exist are passed over.
pub(super) fn delete_groups(options: &KafkaOptions, names: &[&str]) -> Result<(), Error> {
    let client = client(options)?;
    let results = wait(client.delete_groups(names, &admin_options()))
        .map_err(|error| errors::wrapped("deleting groups", &error))?;
    for result in results {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
            Err((name, code)) => {
                return Err(errors::meaning(code, format!("deleting group `{name}`: {code}")));
            }
        }
    }
    Ok(())
}

/// Deletes the records before the offsets that a list names.
pub(super) fn delete_records(options: &KafkaOptions, before: &TopicPartitionList) -> Result<(), PurgeError> {
    let doing = "deleting records";
    let client = client(options)?;
    let results = wait(client.delete_records(before, &admin_options()))
        .map_err(|error| errors::wrapped(doing, &error))?;
    for entry in native::entries(&results) {
        match entry.error {
            None => {}
            Some(RDKafkaErrorCode::OffsetOutOfRange) => {
                return Err(PurgeError::OutOfRange(TopicPartition::new(entry.topic, entry.partition)));
            }
            Some(code) => {
                let text = format!("{doing} of {}/{}: {code}", entry.topic, entry.partition);
                return Err(errors::meaning(code, text).into());
            }
        }
    }
    Ok(())
}

/// Asks for the settings of a topic that exists.
pub(super) fn settings(options: &KafkaOptions, topic: &str) -> Result<TopicSettings, Error> {
    let doing = format!("asking for the settings of topic `{topic}`");
    let client = client(options)?;
    let specifier = ResourceSpecifier::Topic(topic);
    let results = wait(client.describe_configs([&specifier], &admin_options()))
        .map_err(|error| errors::wrapped(&doing, &error))?;
    let resource = match results.into_iter().next() {
        Some(Ok(resource)) => resource,
        Some(Err(code)) => return Err(errors::meaning(code, format!("{doing}: {code}"))),
        None => return Err(Error::other(format!("{doing}: no answer"))),
    };
    let number = |name: &str| -> Result<i64, Error> {
        resource
            .get(name)
            .and_then(|entry| entry.value.as_deref())
            .and_then(|value| value.parse().ok())
            .ok_or_else(|| Error::other(format!("{doing}: the broker does not tell `{name}`")))
    };
    let retention = number("retention.ms")?;
    Ok(TopicSettings {
        retention_ms: (retention >= 0).then_some(retention),
        max_record_bytes: u64::try_from(number("max.message.bytes")?).unwrap_or(0),
    })
}

/// Made for each call, as they are rare, and a client that nobody asks would collect log lines.
fn client(options: &KafkaOptions) -> Result<AdminClient<DefaultClientContext>, Error> {
    options.client().create().map_err(|error| refused(&error))
}

fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}

/// Waits for a future on this thread. The admin interface is the only one that has futures.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending => std::thread::park(),
        }
    }
}

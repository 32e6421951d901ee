use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use olocus_event::{Headers, Record};
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::context::Context;
use super::errors;
use super::native::{self, Batch, ConsumerQueue, Message};
use super::options::{KafkaOptions, refused};
use super::probe::partition_list;
use crate::header_names::HeaderNames;
use crate::name::check_topic;
use crate::{End, Error, Fetched, OutOfRange, Reader, ReaderOptions, TopicPartition};

/// How many messages are taken from librdkafka by one call at most.
const LARGEST_BATCH: usize = 16 * 1024;

/// How long to wait for the offsets that are there, when the wanted one is not.
const RANGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads records of the partitions that it is told to, in batches.
pub(super) struct KafkaReader {
    // Given back before the consumer goes.
    queue: ConsumerQueue<Context>,
    consumer: Arc<BaseConsumer<Context>>,
    assigned: HashMap<TopicPartition, i64>,
    names: HeaderNames,
    /// Met beside records, which are returned first.
    failure: Option<Error>,
    /// Whether something was read, and so a connection was accepted.
    connected: bool,
}

/// Which records a reader sees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Those that are committed.
    Committed,
    /// All, also those of open and aborted transactions.
    Uncommitted,
}

impl KafkaReader {
    pub(super) fn new(
        options: &KafkaOptions,
        reader: &ReaderOptions,
        isolation: Isolation,
    ) -> Result<Self, Error> {
        let mut config = options.client();
        let mut default = |key: &str, value: &str| {
            if !options.properties.contains_key(key) {
                config.set(key, value);
            }
        };
        // Records of up to 128 MiB: brokers send a batch that is larger than what was asked for alone, if it is the
        // first; only the answer as a whole must fit.
        default("receive.message.max.bytes", "268435456");
        default("fetch.max.bytes", "16777216");
        // A full queue pauses fetching for a second by default, which would show as stalls.
        default("fetch.queue.backoff.ms", "10");
        default("fetch.error.backoff.ms", "100");
        if isolation == Isolation::Uncommitted {
            // What is there is all that is wanted: its end is to be told at once.
            default("fetch.wait.max.ms", "10");
        }
        config
            .set("queued.max.messages.kbytes", (reader.max_queued_bytes / 1024).max(1).to_string())
            // Needed to assign partitions, but neither joined nor committed to.
            .set("group.id", &options.client_id)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set(
                "isolation.level",
                match isolation {
                    Isolation::Committed => "read_committed",
                    Isolation::Uncommitted => "read_uncommitted",
                },
            )
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            // Taking messages in batches serves log lines by printing them. That the brokers are away is told by
            // `Transport::health`.
            .set_log_level(RDKafkaLogLevel::Emerg);
        let consumer = BaseConsumer::from_config_and_context(&config, Context::default())
            .map(Arc::new)
            .map_err(|error| refused(&error))?;
        let queue =
            ConsumerQueue::of(&consumer).ok_or_else(|| Error::misuse("a reader needs a client id"))?;
        Ok(Self {
            queue,
            consumer,
            assigned: HashMap::new(),
            names: HeaderNames::default(),
            failure: None,
            connected: false,
        })
    }

    fn must_be_assigned(&self, partitions: &[TopicPartition]) -> Result<(), Error> {
        match partitions.iter().find(|partition| !self.assigned.contains_key(partition)) {
            Some(partition) => Err(Error::misuse(format!("{partition} is not assigned"))),
            None => Ok(()),
        }
    }
}

impl Reader for KafkaReader {
    fn assign(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        let list = offset_list(partitions)?;
        self.consumer.assign(&list).map_err(|error| errors::wrapped("assigning partitions", &error))?;
        self.assigned = partitions.iter().cloned().collect();
        Ok(())
    }

    fn add(&mut self, partitions: &[(TopicPartition, i64)]) -> Result<(), Error> {
        if let Some((known, _)) =
            partitions.iter().find(|(partition, _)| self.assigned.contains_key(partition))
        {
            return Err(Error::misuse(format!("{known} is already assigned")));
        }
        let list = offset_list(partitions)?;
        // A consumer that has nothing yet has to be told whether it is assigned as a whole or step by step.
        let added = self.consumer.incremental_assign(&list);
        added.map_err(|error| errors::wrapped("assigning partitions", &error))?;
        self.assigned.extend(partitions.iter().cloned());
        Ok(())
    }

    fn poll(&mut self, max_records: usize, timeout: Duration) -> Result<Vec<Fetched>, Error> {
        if let Some(error) = self.failure.take() {
            return Err(error);
        }
        let max = max_records.clamp(1, LARGEST_BATCH);
        let batch = self.queue.take(max, timeout);
        let mut sorted = Sorted::new(&batch);
        for (index, message) in batch.iter().enumerate() {
            match message.error() {
                None => {
                    self.connected = true;
                    sorted.add_record(index, message, &mut self.names);
                }
                Some(RDKafkaErrorCode::PartitionEOF) => {
                    self.connected = true;
                    let high = native::cached_high_watermark(
                        self.consumer.client(),
                        &message.topic(),
                        message.partition(),
                    );
                    let end = End { offset: message.offset(), stable: high == Some(message.offset()) };
                    sorted.add_end(index, end);
                }
                // Connections that fail are made again, and what is missing then comes.
                Some(code)
                    if errors::is_transient(code) || (self.connected && errors::is_connection(code)) =>
                {
                    tracing::debug!(%code, "reading is held up: {}", message.error_text());
                }
                Some(code) => {
                    self.failure = Some(explain(&self.consumer, &self.assigned, message, code));
                }
            }
        }
        let fetched = sorted.finish();
        match self.failure.take() {
            Some(error) if fetched.is_empty() => Err(error),
            failure => {
                self.failure = failure;
                Ok(fetched)
            }
        }
    }

    fn pause(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.must_be_assigned(partitions)?;
        self.consumer
            .pause(&partition_list(partitions))
            .map_err(|error| errors::wrapped("pausing partitions", &error))
    }

    fn resume(&mut self, partitions: &[TopicPartition]) -> Result<(), Error> {
        self.must_be_assigned(partitions)?;
        self.consumer
            .resume(&partition_list(partitions))
            .map_err(|error| errors::wrapped("resuming partitions", &error))
    }
}

/// Explains an error that came in the place of a record.
fn explain(
    consumer: &BaseConsumer<Context>,
    assigned: &HashMap<TopicPartition, i64>,
    message: Message<'_>,
    code: RDKafkaErrorCode,
) -> Error {
    let partition = TopicPartition::new(message.topic().as_ref(), message.partition());
    let lost = matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange);
    if lost
        && let Ok((start, end)) =
            consumer.fetch_watermarks(&partition.topic, partition.partition, RANGE_TIMEOUT)
    {
        let first = assigned.get(&partition).copied().unwrap_or_default();
        return Error::gone(OutOfRange {
            wanted: if message.offset() >= 0 { message.offset() } else { first },
            partition,
            start,
            end,
        });
    }
    errors::meaning(code, format!("reading {partition}: {}", message.error_text()))
}

pub(super) fn offset_list(partitions: &[(TopicPartition, i64)]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    let mut seen = HashSet::new();
    for (partition, offset) in partitions {
        check_topic(&partition.topic)?;
        if *offset < 0 {
            return Err(Error::misuse(format!("{offset} is no offset of {partition}")));
        }
        if !seen.insert(partition) {
            return Err(Error::misuse(format!("{partition} is named twice")));
        }
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(*offset))
            .map_err(|error: KafkaError| errors::wrapped("assigning partitions", &error))?;
    }
    Ok(list)
}

/// The messages of a batch, by partition. The bytes of one partition's records share one buffer.
struct Sorted {
    /// For each message its group.
    places: Vec<usize>,
    groups: Vec<Group>,
}

struct Group {
    fetched: Fetched,
    sketches: Vec<Sketch>,
    bytes: Vec<u8>,
}

/// A record whose bytes are not yet shared: ends of its parts in the buffer of its group.
struct Sketch {
    offset: i64,
    timestamp: i64,
    key: Option<usize>,
    value: Option<usize>,
    headers: Vec<(Arc<str>, usize)>,
}

impl Sorted {
    /// Sorts a batch into groups with buffers that need not grow unless records have headers.
    fn new(batch: &Batch<'_>) -> Self {
        let mut places = Vec::with_capacity(batch.len());
        let mut groups: Vec<Group> = Vec::new();
        let mut room: Vec<(usize, usize)> = Vec::new();
        let mut index = HashMap::new();
        let mut last = None;
        for message in batch.iter() {
            let partition = (message.topic_handle(), message.partition());
            // Messages of one partition come in runs.
            let group = match last {
                Some((same, group)) if same == partition => group,
                _ => *index.entry(partition).or_insert_with(|| {
                    groups.push(Group::of(message));
                    room.push((0, 0));
                    groups.len() - 1
                }),
            };
            last = Some((partition, group));
            places.push(group);
            if message.error().is_none() {
                room[group].0 += 1;
                room[group].1 += message.size();
            }
        }
        for (group, (records, bytes)) in groups.iter_mut().zip(room) {
            group.sketches.reserve_exact(records);
            group.bytes.reserve_exact(bytes);
        }
        Self { places, groups }
    }

    fn add_record(&mut self, index: usize, message: Message<'_>, names: &mut HeaderNames) {
        let group = &mut self.groups[self.places[index]];
        let bytes = &mut group.bytes;
        let mut copy = |part: &[u8]| {
            bytes.extend_from_slice(part);
            bytes.len()
        };
        let key = message.key().map(&mut copy);
        let value = message.payload().map(&mut copy);
        let mut headers = Vec::new();
        message.headers(|name, part| headers.push((names.share(name), copy(part))));
        group.sketches.push(Sketch {
            offset: message.offset(),
            timestamp: message.timestamp(),
            key,
            value,
            headers,
        });
        // What comes after an end that was met before makes that end none.
        group.fetched.end = None;
    }

    fn add_end(&mut self, index: usize, end: End) {
        self.groups[self.places[index]].fetched.end = Some(end);
    }

    fn finish(self) -> Vec<Fetched> {
        self.groups
            .into_iter()
            .map(Group::finish)
            .filter(|fetched| !fetched.records.is_empty() || fetched.end.is_some())
            .collect()
    }
}

impl Group {
    fn of(message: Message<'_>) -> Self {
        Self {
            fetched: Fetched {
                topic: message.topic().into(),
                partition: message.partition(),
                records: Vec::new(),
                end: None,
            },
            sketches: Vec::new(),
            bytes: Vec::new(),
        }
    }

    fn finish(self) -> Fetched {
        let bytes = Bytes::from(self.bytes);
        let mut start = 0;
        let mut part = |end: usize| {
            let part = bytes.slice(start..end);
            start = end;
            part
        };
        let records = self
            .sketches
            .into_iter()
            .map(|sketch| {
                // In the order in which the parts were copied.
                let key = sketch.key.map(&mut part);
                let value = sketch.value.map(&mut part);
                let mut headers = Headers::default();
                for (name, end) in sketch.headers {
                    headers.push(name, part(end));
                }
                Record { offset: sketch.offset, timestamp: sketch.timestamp, key, value, headers }
            })
            .collect();
        Fetched { records, ..self.fetched }
    }
}

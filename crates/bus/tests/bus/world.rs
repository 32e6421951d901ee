//! A transport under test, and short words for what tests do with it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use olocus_bus::{
    Commit, Embedded, EmbeddedOptions, Fetched, Kafka, KafkaOptions, Membership, OffsetCommit, Reader,
    ReaderOptions, TopicPartition, TopicSpec, Transport, Writer, WriterOptions,
};
use olocus_event::{Headers, OutRecord, Record};
use olocus_sim::{Clock, Faults};
use olocus_test_broker::{Broker, skipped};
use tempfile::TempDir;

/// Long enough for a busy machine; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const STEP: Duration = Duration::from_millis(200);

/// A transport with nothing of the same name in it.
pub(crate) struct World {
    transport: Arc<dyn Transport>,
    /// The clock of a log that has its own time.
    clock: Option<Clock>,
    /// How many partitions a topic gets if nobody says.
    pub(crate) default_partitions: u32,
    _directory: Option<TempDir>,
}

impl World {
    pub(crate) fn embedded() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::default();
        Self {
            default_partitions: options.default_partitions,
            transport: Arc::new(Embedded::open(directory.path(), options).unwrap()),
            clock: None,
            _directory: Some(directory),
        }
    }

    /// A simulated log, in which everything takes its time but nothing fails.
    pub(crate) fn sim() -> Self {
        let world = olocus_sim::World::new(1, Faults::delays());
        world.check_owners(true);
        Self {
            transport: world.transport("test"),
            clock: Some(world.clock()),
            default_partitions: 3,
            _directory: None,
        }
    }

    /// What the wall clock of the log says, in milliseconds since the Unix epoch.
    pub(crate) fn now(&self) -> i64 {
        match &self.clock {
            Some(clock) => clock.wall_ms(),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                i64::try_from(since.as_millis()).unwrap()
            }
        }
    }

    /// The broker that all tests share; `None`, and a line that says so, if there can be none here.
    pub(crate) fn kafka() -> Option<Self> {
        if skipped() {
            return None;
        }
        Some(Self::of(&Broker::shared().unwrap().bootstrap()))
    }

    pub(crate) fn of(brokers: &str) -> Self {
        Self::over_kafka(connect(brokers, &[]).unwrap())
    }

    /// A broker that somebody else has connected to.
    pub(crate) fn over_kafka(kafka: Kafka) -> Self {
        Self { transport: Arc::new(kafka), clock: None, default_partitions: 3, _directory: None }
    }

    /// An embedded log that somebody else has opened.
    pub(crate) fn over(log: Embedded) -> Self {
        Self {
            transport: Arc::new(log),
            clock: None,
            default_partitions: EmbeddedOptions::default().default_partitions,
            _directory: None,
        }
    }

    /// A new topic with a name of its own.
    pub(crate) fn topic(&self, partitions: u32) -> Arc<str> {
        let name = unique("topic");
        self.create_topics(&[TopicSpec::new(&*name).partitions(partitions)]).unwrap();
        name
    }

    pub(crate) fn plain_writer(&self) -> Box<dyn Writer> {
        self.writer(WriterOptions::default()).unwrap()
    }

    pub(crate) fn transactional_writer(&self, id: &str) -> Box<dyn Writer> {
        self.writer(WriterOptions { transactional_id: Some(id.to_owned()), ..WriterOptions::default() })
            .unwrap()
    }

    /// A writer of a member's offsets.
    pub(crate) fn writer_of(&self, id: &str, member: &dyn Membership) -> Box<dyn Writer> {
        let member = Some(member.token());
        self.writer(WriterOptions {
            transactional_id: Some(id.to_owned()),
            member,
            ..WriterOptions::default()
        })
        .unwrap()
    }

    pub(crate) fn reader_of(&self, partitions: &[(TopicPartition, i64)]) -> Box<dyn Reader> {
        let mut reader = self.reader(ReaderOptions::default()).unwrap();
        reader.assign(partitions).unwrap();
        reader
    }

    /// Everything that is in a topic, by partition.
    pub(crate) fn all(&self, topic: &Arc<str>) -> BTreeMap<i32, Vec<Record>> {
        let count = self.topics().unwrap()[&**topic];
        let places: Vec<_> = (0..count as i32).map(|partition| (place(topic, partition), 0)).collect();
        let mut reader = self.reader_of(&places);
        let mut found: BTreeMap<i32, Vec<Record>> = BTreeMap::new();
        let mut ends = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        while ends.len() < places.len() {
            assert!(Instant::now() < deadline, "not read to the end: {ends:?}");
            for fetched in reader.poll(10_000, STEP).unwrap() {
                found.entry(fetched.partition).or_default().extend(fetched.records);
                if let Some(end) = fetched.end {
                    ends.insert(fetched.partition, end);
                }
            }
        }
        found.retain(|_, records| !records.is_empty());
        found
    }

    /// All values of a topic of one partition, as text.
    pub(crate) fn values(&self, topic: &Arc<str>) -> Vec<String> {
        self.all(topic).into_values().flatten().map(|record| text(record.value.as_ref())).collect()
    }
}

impl Deref for World {
    type Target = dyn Transport;

    fn deref(&self) -> &Self::Target {
        &*self.transport
    }
}

pub(crate) fn connect(brokers: &str, properties: &[(&str, &str)]) -> Result<Kafka, olocus_bus::Error> {
    Kafka::connect(KafkaOptions {
        brokers: brokers.to_owned(),
        properties: properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        client_id: "olocus-test".to_owned(),
        ..KafkaOptions::default()
    })
}

pub(crate) fn unique(what: &str) -> Arc<str> {
    format!("{what}-{}", uuid::Uuid::new_v4()).into()
}

pub(crate) fn place(topic: &Arc<str>, partition: i32) -> TopicPartition {
    TopicPartition::new(Arc::clone(topic), partition)
}

pub(crate) fn record(topic: &Arc<str>, value: impl Into<String>) -> OutRecord {
    OutRecord {
        topic: Arc::clone(topic),
        partition: None,
        key: None,
        headers: Headers::default(),
        value: Some(Bytes::from(value.into())),
    }
}

pub(crate) fn keyed(topic: &Arc<str>, key: impl Into<String>, value: impl Into<String>) -> OutRecord {
    OutRecord { key: Some(Bytes::from(key.into())), ..record(topic, value) }
}

pub(crate) fn commit_of(records: Vec<OutRecord>) -> Commit {
    Commit { records, offsets: Vec::new() }
}

pub(crate) fn offset(
    group: &str,
    topic: &Arc<str>,
    partition: i32,
    offset: i64,
    metadata: &str,
) -> OffsetCommit {
    OffsetCommit {
        group: group.to_owned(),
        topic: Arc::clone(topic),
        partition,
        offset,
        metadata: metadata.to_owned(),
    }
}

pub(crate) fn text(bytes: Option<&Bytes>) -> String {
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

/// Polls until something is fetched for which the question is answered.
pub(crate) fn wait_for<T>(reader: &mut dyn Reader, mut answer: impl FnMut(&[Fetched]) -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    let mut all = Vec::new();
    loop {
        all.extend(reader.poll(10_000, STEP).unwrap());
        if let Some(answer) = answer(&all) {
            return answer;
        }
        assert!(Instant::now() < deadline, "not seen in {all:?}");
    }
}

/// Polls until there are that many values.
pub(crate) fn wait_for_values(reader: &mut dyn Reader, count: usize) -> Vec<String> {
    wait_for(reader, |all| {
        let values: Vec<String> = all
            .iter()
            .flat_map(|fetched| &fetched.records)
            .map(|record| text(record.value.as_ref()))
            .collect();
        (values.len() >= count).then_some(values)
    })
}

//! A log to run the engine on, with names that no other test has.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use olocus_bus::{
    Embedded, EmbeddedOptions, Kafka, KafkaOptions, ReaderOptions, TopicPartition, TopicSpec, Transport,
    WriterOptions,
};
use olocus_event::{Headers, OutRecord, Record};
use olocus_test_broker::{Broker, skipped};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use tempfile::TempDir;

use crate::engine::{Engine, PATIENCE, command};

/// Makes tests of functions that take a world: one on Kafka and one on the embedded log.
macro_rules! on_both_logs {
    ($($test:ident),* $(,)?) => {
        mod on_kafka {
            $(#[test] fn $test() {
                if let Some(world) = $crate::world::World::kafka() {
                    super::$test(&world);
                }
            })*
        }
        mod on_the_embedded_log {
            $(#[test] fn $test() {
                super::$test(&$crate::world::World::embedded());
            })*
        }
    };
}
pub(crate) use on_both_logs;

/// A log, a folder for files, and a name for everything of one test.
pub(crate) struct World {
    /// `host:port`; `None` for the embedded log.
    pub(crate) brokers: Option<String>,
    folder: TempDir,
    /// Prefix of the topics, and the application id.
    pub(crate) name: String,
}

impl World {
    pub(crate) fn embedded() -> Self {
        Self::of(None)
    }

    /// The broker that all tests share; `None`, and a line that says so, if there can be none here.
    pub(crate) fn kafka() -> Option<Self> {
        if skipped() {
            return None;
        }
        Some(Self::on(Broker::shared().unwrap()))
    }

    pub(crate) fn on(broker: &Broker) -> Self {
        Self::of(Some(broker.bootstrap()))
    }

    fn of(brokers: Option<String>) -> Self {
        let name = format!("t{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        Self { brokers, folder: tempfile::tempdir().unwrap(), name }
    }

    /// The topic of this test with that name.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Text in which `PREFIX` stands for the prefix of this test's topics.
    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("PREFIX", &self.name)
    }

    /// Writes a file in which `PREFIX` stands for the prefix of this test's topics; returns its path.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, self.fill(text)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the embedded log is.
    pub(crate) fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// `olocus run` on this log, on free ports.
    pub(crate) fn run(&self, options: &[&str]) -> Command {
        self.run_as(&self.name, options)
    }

    pub(crate) fn run_as(&self, application: &str, options: &[&str]) -> Command {
        let mut command = command(&["run", "--log-json", "--application-id", application]);
        command.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        match &self.brokers {
            Some(brokers) => command.args(["--brokers", brokers]),
            None => command.arg("--data-dir").arg(self.data()),
        };
        command.args(options);
        command
    }

    /// Starts `olocus run` and waits until it is ready.
    pub(crate) fn start(&self, options: &[&str]) -> Engine {
        Engine::start(self.run(options), self.brokers.as_deref()).once_ready()
    }

    /// The log itself. An embedded one can be opened only while no engine runs on it.
    pub(crate) fn open(&self) -> Box<dyn Transport> {
        match &self.brokers {
            Some(brokers) => Box::new(
                Kafka::connect(KafkaOptions {
                    brokers: brokers.clone(),
                    client_id: "olocus-test".to_owned(),
                    ..KafkaOptions::default()
                })
                .unwrap(),
            ),
            None => Box::new(Embedded::open(&self.data(), EmbeddedOptions::default()).unwrap()),
        }
    }

    /// Creates topics as they are described and writes records, as a foreign producer does.
    pub(crate) fn write(&self, topics: &[TopicSpec], records: &[OutRecord]) {
        let log = self.open();
        log.create_topics(topics).unwrap();
        log.writer(WriterOptions::default()).unwrap().send(records).unwrap();
    }

    /// Changes a setting of a topic of Kafka, as an operator does.
    pub(crate) fn set_topic(&self, topic: &str, name: &str, value: &str) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers.as_ref().unwrap());
        let client: AdminClient<DefaultClientContext> = config.create().unwrap();
        let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let results = runtime.block_on(client.alter_configs(&[change], &AdminOptions::new())).unwrap();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }

    /// All committed records of a topic by partition, in the order of their offsets.
    pub(crate) fn records(&self, topic: &str) -> Vec<(i32, Record)> {
        let log = self.open();
        let count = *log.topics().unwrap().get(topic).unwrap_or_else(|| panic!("there is no topic {topic}"));
        let places: Vec<_> =
            (0..count as i32).map(|partition| (TopicPartition::new(topic, partition), 0)).collect();
        let mut reader = log.reader(ReaderOptions::default()).unwrap();
        reader.assign(&places).unwrap();
        let (mut records, mut ended) = (Vec::new(), std::collections::BTreeSet::new());
        let deadline = Instant::now() + PATIENCE;
        while ended.len() < places.len() {
            assert!(Instant::now() < deadline, "{topic} was not read to its end");
            for fetched in reader.poll(10_000, Duration::from_millis(200)).unwrap() {
                records.extend(fetched.records.into_iter().map(|record| (fetched.partition, record)));
                ended.extend(fetched.end.filter(|end| end.stable).map(|_| fetched.partition));
            }
        }
        records.sort_by_key(|(partition, record)| (*partition, record.offset));
        records
    }

    /// The values of all committed records of a topic as JSON.
    pub(crate) fn values(&self, topic: &str) -> Vec<Value> {
        let value = |(_, record): (i32, Record)| serde_json::from_slice(&record.value.unwrap()).unwrap();
        self.records(topic).into_iter().map(value).collect()
    }
}

/// A record without key and headers.
pub(crate) fn record(topic: &str, value: impl Into<Bytes>) -> OutRecord {
    OutRecord {
        topic: Arc::from(topic),
        partition: None,
        key: None,
        headers: Headers::new(),
        value: Some(value.into()),
    }
}

/// The wall clock, moved by so many milliseconds, in RFC 3339.
pub(crate) fn clock(milliseconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(milliseconds)).to_string()
}

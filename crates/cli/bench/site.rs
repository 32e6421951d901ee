//! The log that a bench runs on, and what it leaves there until the end.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use olocus_bus::{
    Embedded, EmbeddedOptions, Kafka, KafkaOptions, ReaderOptions, TopicPartition, TopicSpec, Transport,
};
use olocus_event::Record;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::say;
use crate::failure::Failure;

/// How long reading back may go without a record.
const SILENCE: Duration = Duration::from_secs(30);

/// A place to run in.
pub(super) struct Site {
    log: Log,
    folder: TempDir,
    /// What all names of this run begin with.
    prefix: String,
    partitions: u32,
}

enum Log {
    Kafka { brokers: String, kafka: Arc<Kafka> },
    Embedded { directory: PathBuf },
}

/// What one measurement calls its things.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// The application id.
    pub(super) application: String,
    /// The topic that events are written to.
    pub(super) events: String,
    /// The topic that matches are read from.
    pub(super) matches: String,
    /// A folder for files.
    pub(super) folder: PathBuf,
}

impl Site {
    /// Finds a place on Kafka, or else in a folder of its own under `data_dir`.
    pub(super) fn open(
        brokers: Option<&str>,
        data_dir: Option<&Path>,
        partitions: u32,
    ) -> Result<Site, Failure> {
        let prefix = format!("olocus-bench-{:.8}", uuid::Uuid::new_v4().simple());
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix);
        let made = match data_dir {
            Some(parent) => std::fs::create_dir_all(parent).and_then(|()| builder.tempdir_in(parent)),
            None => builder.tempdir(),
        };
        let folder = made.map_err(|cause| Failure::doing("make a folder for the bench", cause))?;
        let log = match brokers {
            Some(brokers) => {
                Log::Kafka { brokers: brokers.to_owned(), kafka: Arc::new(connect(brokers, &prefix)?) }
            }
            None => Log::Embedded { directory: folder.path().join("log") },
        };
        Ok(Site { log, folder, prefix, partitions })
    }

    /// What sort of log this is: `kafka` or `embedded`.
    pub(super) fn kind(&self) -> &'static str {
        match &self.log {
            Log::Kafka { .. } => "kafka",
            Log::Embedded { .. } => "embedded",
        }
    }

    /// Number of partitions of the topics for events.
    pub(super) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Whether the engine has the log for itself while it runs.
    pub(super) fn is_exclusive(&self) -> bool {
        matches!(self.log, Log::Embedded { .. })
    }

    /// The log as a section of the engine's configuration.
    pub(super) fn transport(&self) -> Value {
        match &self.log {
            Log::Kafka { brokers, .. } => json!({ "type": "kafka", "brokers": [brokers] }),
            Log::Embedded { directory } => json!({ "type": "embedded", "directory": directory }),
        }
    }

    /// The log itself. Where the engine has it for itself, it must not be running.
    pub(super) fn log(&self) -> Result<Arc<dyn Transport>, Failure> {
        match &self.log {
            Log::Kafka { kafka, .. } => Ok(Arc::clone(kafka) as Arc<dyn Transport>),
            Log::Embedded { directory } => {
                let log = Embedded::open(directory, EmbeddedOptions::default());
                Ok(Arc::new(log.map_err(|cause| Failure::doing("open the embedded log", cause))?))
            }
        }
    }

    /// Makes the topics of a measurement. Their records are stamped when they are appended.
    pub(super) fn prepare(&self, measurement: &str) -> Result<Names, Failure> {
        let name = |what: &str| format!("{}.{measurement}.{what}", self.prefix);
        let names = Names {
            application: format!("{}.{measurement}", self.prefix),
            events: name("events"),
            matches: name("found"),
            folder: self.folder.path().join(measurement),
        };
        std::fs::create_dir_all(&names.folder)
            .map_err(|cause| Failure::doing(format_args!("make {}", names.folder.display()), cause))?;
        let topic = |name: &str, partitions| {
            let spec = TopicSpec::new(name).partitions(partitions);
            // The embedded log knows no other way, and no such setting.
            if self.is_exclusive() { spec } else { spec.config("message.timestamp.type", "LogAppendTime") }
        };
        self.log()?
            .create_topics(&[topic(&names.events, self.partitions), topic(&names.matches, 1)])
            .map_err(|cause| Failure::doing("create the topics of the bench", cause))?;
        Ok(names)
    }

    /// Reads a topic from its beginning to its end.
    pub(super) fn read(&self, topic: &str, mut each: impl FnMut(i32, Record)) -> Result<(), Failure> {
        let failed = |cause| Failure::doing(format_args!("read the topic `{topic}` back"), cause);
        let log = self.log()?;
        let partitions = log.topics().map_err(failed)?.get(topic).copied().unwrap_or(0);
        let starts: Vec<_> = (0..partitions)
            .filter_map(|partition| i32::try_from(partition).ok())
            .map(|partition| (TopicPartition::new(topic, partition), 0))
            .collect();
        let mut reader = log.reader(ReaderOptions::default()).map_err(failed)?;
        reader.assign(&starts).map_err(failed)?;
        let mut ended = BTreeSet::new();
        let mut heard = Instant::now();
        while ended.len() < starts.len() {
            for part in reader.poll(10_000, Duration::from_millis(100)).map_err(failed)? {
                heard = Instant::now();
                if part.end.is_some_and(|end| end.stable) {
                    ended.insert(part.partition);
                }
                for record in part.records {
                    each(part.partition, record);
                }
            }
            if heard.elapsed() > SILENCE {
                return Err(Failure::new(format!("read the topic `{topic}` back: nothing comes from it")));
            }
        }
        Ok(())
    }

    /// Removes what this run has left on the log. Files go with the site.
    pub(super) fn close(self) -> Result<(), Failure> {
        let Log::Kafka { kafka, .. } = &self.log else { return Ok(()) };
        let names: Vec<String> = match kafka.topics() {
            Ok(topics) => topics.into_keys().filter(|name| name.starts_with(&self.prefix)).collect(),
            Err(cause) => {
                say(&format!(
                    "olocus: topics whose names begin with {} were left behind: {cause}",
                    self.prefix
                ));
                return Ok(());
            }
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        kafka
            .delete_topics(&names)
            .map_err(|cause| Failure::doing("delete the topics of the bench", cause))?;
        let groups = ["throughput", "latency"].map(|measurement| format!("{}.{measurement}", self.prefix));
        kafka
            .delete_groups(&groups.each_ref().map(String::as_str))
            .map_err(|cause| Failure::doing("delete the groups of the bench", cause))
    }
}

fn connect(brokers: &str, prefix: &str) -> Result<Kafka, Failure> {
    let options =
        KafkaOptions { brokers: brokers.to_owned(), client_id: prefix.to_owned(), ..KafkaOptions::default() };
    let failed = |cause| Failure::doing(format_args!("connect to the brokers at {brokers}"), cause);
    let kafka = Kafka::connect(options).map_err(failed)?;
    kafka.health().map_err(failed)?;
    Ok(kafka)
}

//! The embedded log: topics in one database file, for one process, without a broker.

mod batch;
mod config;
mod directory;
mod groups;
mod log;
mod options;
mod reader;
mod store;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use olocus_event::Record;

pub use options::{Clock, EmbeddedOptions};

use crate::name::check_topic;
use crate::{
    Ends, Error, GroupOffset, JoinOptions, Membership, OffsetRange, Reader, ReaderOptions, TopicPartition,
    TopicSettings, TopicSpec, Transport, Writer, WriterOptions,
};
use directory::Directory;
use groups::EmbeddedMember;
use log::Log;
use reader::EmbeddedReader;
use store::Store;
use writer::EmbeddedWriter;

/// A durable log in a folder of its own, which one process has at a time.
///
/// A commit is one atomic change of the file: records and offsets are there together or not at all, also after the
/// process or the machine has died.
pub struct Embedded {
    log: Arc<Log>,
}

impl Embedded {
    /// Opens the log in a folder, making it if it is not there.
    ///
    /// # Errors
    /// If the folder is somebody else's, corrupt, in use by another process, or cannot be written to. Nothing is changed
    /// then.
    pub fn open(directory: &Path, options: EmbeddedOptions) -> Result<Self, Error> {
        let directory = Directory::take(directory)?;
        let store = Store::open(directory, options.cache_bytes)?;
        Ok(Self { log: Arc::new(Log::new(store, options)?) })
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if self.log.health().is_ok()
            && let Err(error) = self.log.sync()
        {
            tracing::warn!(%error, "the embedded log could not be synced");
        }
    }
}

impl Transport for Embedded {
    fn topics(&self) -> Result<BTreeMap<String, u32>, Error> {
        Ok(self.log.topics())
    }

    fn create_topics(&self, topics: &[TopicSpec]) -> Result<(), Error> {
        self.log.create_topics(topics)
    }

    fn settings(&self, topic: &str) -> Result<TopicSettings, Error> {
        self.log.settings(topic)
    }

    fn topic_id(&self, topic: &str) -> Result<String, Error> {
        self.log.topic_id(topic)
    }

    fn offsets(&self, of: &TopicPartition) -> Result<OffsetRange, Error> {
        self.log.range(of)
    }

    fn ends(&self, of: &[TopicPartition]) -> Result<Vec<(TopicPartition, Ends)>, Error> {
        let ends = |of: &TopicPartition| {
            let range = self.log.range(of).ok()?;
            Some((of.clone(), Ends { stable: range.stable_end, end: range.end }))
        };
        Ok(of.iter().filter_map(ends).collect())
    }

    fn offset_at(&self, of: &TopicPartition, timestamp_ms: i64) -> Result<i64, Error> {
        let (place, extent) = self.log.extent(of)?;
        let found = self.log.store.offset_at(place, timestamp_ms)?;
        // The first batch may have records that were purged.
        Ok(found.map_or(extent.end, |found| found.max(extent.start)))
    }

    fn committed(
        &self,
        group: &str,
        of: &[TopicPartition],
        _: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error> {
        of.iter().map(|of| self.log.store.group_offset(group, &of.topic, of.partition)).collect()
    }

    fn undecided(&self, of: &TopicPartition) -> Result<Vec<Record>, Error> {
        // Every commit is decided when it is written.
        self.log.extent(of).map(|_| Vec::new())
    }

    fn purge(&self, before: &[(TopicPartition, i64)]) -> Result<(), Error> {
        self.log.purge(before)
    }

    fn reader(&self, options: ReaderOptions) -> Result<Box<dyn Reader>, Error> {
        Ok(Box::new(EmbeddedReader::new(Arc::clone(&self.log), options)))
    }

    fn writer(&self, options: WriterOptions) -> Result<Box<dyn Writer>, Error> {
        let writer = EmbeddedWriter::new(Arc::clone(&self.log), options)?;
        Ok(Box::new(writer))
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
        let member = EmbeddedMember::join(Arc::clone(&self.log), group, topics, options.instance);
        Ok(Box::new(member))
    }

    fn kind(&self) -> &'static str {
        "embedded"
    }

    fn health(&self) -> Result<(), Error> {
        self.log.health()
    }
}

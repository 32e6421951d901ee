//! One thread writes what all requests publish, and groups what waits into one commit: syncing to disk is what
//! costs, and it costs the same for one request and for fifty.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread::JoinHandle;

use olocus_bus::{Durability, Error, TopicSpec, Transport, Writer, WriterOptions};
use olocus_event::OutRecord;
use tokio::sync::{mpsc, oneshot};

use super::problem::Problem;

/// Requests that wait for the writer; more of them wait before they are taken up.
const QUEUED: usize = 128;

/// Bytes of payload after which a commit is full.
const GROUP_BYTES: usize = 16 << 20;

/// How topics are created that events are published to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Creation {
    /// Settings by name.
    pub(crate) specs: BTreeMap<String, TopicSpec>,
    /// Partitions of all others; `None` leaves that to the log.
    pub(crate) partitions: Option<u32>,
}

/// Writes records for many requests at once. Dropping it ends its thread once what was queued is written.
#[derive(Debug)]
pub(crate) struct Publisher {
    queue: Option<mpsc::Sender<Waiting>>,
    thread: Option<JoinHandle<()>>,
}

/// The records of one request, and whom to tell.
struct Waiting {
    records: Vec<OutRecord>,
    done: oneshot::Sender<Result<(), Problem>>,
}

impl Publisher {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the log gives no writer.
    pub(crate) fn start(
        transport: Arc<dyn Transport>,
        durability: Durability,
        creation: Creation,
    ) -> Result<Publisher, Error> {
        let writer = transport.writer(WriterOptions { durability, ..WriterOptions::default() })?;
        let (queue, waiting) = mpsc::channel(QUEUED);
        let mut group = Group { transport, writer, creation, known: BTreeSet::new() };
        let builder = std::thread::Builder::new().name("olocus-publish".to_owned());
        let thread = builder.spawn(move || group.run(waiting)).expect("the system has room for a thread");
        Ok(Publisher { queue: Some(queue), thread: Some(thread) })
    }

    /// Writes records and returns once they are durable.
    pub(super) async fn publish(&self, records: Vec<OutRecord>) -> Result<(), Problem> {
        if records.is_empty() {
            return Ok(());
        }
        let (done, answer) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(Problem::stopping)?;
        queue.send(Waiting { records, done }).await.map_err(|_| Problem::stopping())?;
        answer.await.unwrap_or_else(|_| Err(Problem::stopping()))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there has been reported by its hook.
            let _ = thread.join();
        }
    }
}

/// The writing end.
struct Group {
    transport: Arc<dyn Transport>,
    writer: Box<dyn Writer>,
    creation: Creation,
    /// Topics that exist for sure.
    known: BTreeSet<Arc<str>>,
}

impl Group {
    fn run(&mut self, mut queue: mpsc::Receiver<Waiting>) {
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = size(&first);
            let mut group = vec![first];
            while bytes < GROUP_BYTES
                && let Ok(next) = queue.try_recv()
            {
                bytes += size(&next);
                group.push(next);
            }
            self.write_group(group);
        }
    }

    fn write_group(&mut self, group: Vec<Waiting>) {
        if group.len() > 1 {
            let records: Vec<OutRecord> =
                group.iter().flat_map(|waiting| &waiting.records).cloned().collect();
            if self.write(&records).is_ok() {
                group.into_iter().for_each(|waiting| tell(waiting.done, Ok(())));
                return;
            }
            // The log took nothing of it, and one request must not fail for the sake of another.
        }
        for waiting in group {
            let result = self.write(&waiting.records);
            tell(waiting.done, result.map_err(|error| Problem::log("store the events", &error)));
        }
    }

    fn write(&mut self, records: &[OutRecord]) -> Result<(), Error> {
        self.create_missing(records)?;
        self.writer.send(records)
    }

    fn create_missing(&mut self, records: &[OutRecord]) -> Result<(), Error> {
        let unknown: BTreeSet<&Arc<str>> =
            records.iter().map(|record| &record.topic).filter(|topic| !self.known.contains(*topic)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let specs: Vec<TopicSpec> = unknown.iter().map(|topic| self.creation.spec_of(topic)).collect();
        self.transport.create_topics(&specs)?;
        self.known.extend(unknown.into_iter().cloned());
        Ok(())
    }
}

impl Creation {
    fn spec_of(&self, topic: &str) -> TopicSpec {
        let spec = self.specs.get(topic).cloned().unwrap_or_else(|| TopicSpec::new(topic));
        TopicSpec { partitions: spec.partitions.or(self.partitions), ..spec }
    }
}

fn size(waiting: &Waiting) -> usize {
    waiting.records.iter().filter_map(|record| record.value.as_ref()).map(bytes::Bytes::len).sum()
}

/// A client that has gone away does not need to know.
fn tell(done: oneshot::Sender<Result<(), Problem>>, result: Result<(), Problem>) {
    let _ = done.send(result);
}

//! Calls webhooks: reads the calls that commits left on the application's webhook topic, makes them one after the
//! other, and notes in the group's offsets which are done. A call is made at least once; the match's id travels as
//! idempotency key, so that receivers can tell a repetition.
//!
//! - `call`: one attempt, and whether another one could help;
//! - `retry`: when the next attempt is due.

mod call;
mod retry;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use olocus_bus::{
    Commit, Error, OffsetCommit, ReaderOptions, TopicPartition, Transport, Writer, WriterOptions,
};
use olocus_event::{Keyring, Limits, OutRecord, Record, dead_letter};
use olocus_runtime::WebhookCall;

use self::call::{Attempt, Caller};
pub(crate) use self::retry::Retry;
use crate::config::Environment;

/// The cause on the dead-letter topic of calls that did not succeed.
const CAUSE: &str = "webhook-failed";

/// Calls that are read ahead.
const BATCH: usize = 16;

const POLL: Duration = Duration::from_millis(250);

/// How long offsets of a transaction that is still open are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often new partitions of the webhook topic are looked for.
const DISCOVERY: Duration = Duration::from_secs(30);

/// How long a call that is under way may hold up the end.
const PARTING: Duration = Duration::from_secs(5);

/// Waiting times while the log cannot be used.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// What the worker needs to know.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Names the worker's group and its transactional id: `<application id>.webhooks`.
    pub(crate) application_id: String,
    /// The topic of the calls.
    pub(crate) topic: Arc<str>,
    /// The topic for calls that failed for good.
    pub(crate) dead_letter: Arc<str>,
    /// Keys to open the calls with.
    pub(crate) keyring: Arc<Keyring>,
    /// Bounds of opening them.
    pub(crate) limits: Limits,
    /// What `${NAME}` in header values stands for.
    pub(crate) environment: Environment,
    /// When attempts are made again.
    pub(crate) retry: Retry,
    /// How often what is done is noted again although nothing has come, for a log that forgets.
    pub(crate) renew_interval: Option<Duration>,
}

/// A running worker. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Worker {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts the worker on a thread of its own. It waits for the log and for the topic.
    pub(crate) fn start(transport: Arc<dyn Transport>, options: Options) -> Worker {
        describe();
        let stop = Stop::default();
        let mut courier = Courier {
            group: format!("{}.webhooks", options.application_id),
            caller: Caller::new(),
            transport,
            options,
            stop: stop.clone(),
        };
        let builder = std::thread::Builder::new().name("olocus-webhooks".to_owned());
        let thread = builder.spawn(move || courier.run()).expect("the system has room for a thread");
        Worker { stop, thread: Some(thread) }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.set();
        let Some(thread) = self.thread.take() else { return };
        let since = Instant::now();
        while !thread.is_finished() {
            if since.elapsed() > PARTING {
                tracing::warn!("a webhook call is still under way; it is made again at the next start");
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // A panic in there has been reported by its hook.
        let _ = thread.join();
    }
}

/// The worker's side.
struct Courier {
    group: String,
    caller: Caller,
    transport: Arc<dyn Transport>,
    options: Options,
    stop: Stop,
}

/// How a call ended.
enum Outcome {
    Delivered,
    /// No attempt succeeded and none will, with the last reason.
    Failed(String),
    /// The worker is to stop; the call is made again by its successor.
    Stopped,
}

impl Courier {
    fn run(&mut self) {
        let mut pauses = PAUSES.iter();
        while !self.stop.is_set() {
            let began = Instant::now();
            let Err(error) = self.session() else { return };
            if error.fenced() {
                tracing::warn!(
                    group = self.group,
                    "another process of this application calls the webhooks now"
                );
                return;
            }
            tracing::warn!(group = self.group, "webhooks wait for the log: {error}");
            if began.elapsed() > DISCOVERY {
                pauses = PAUSES.iter();
            }
            self.stop.sleep(*pauses.next().unwrap_or(&PAUSES[PAUSES.len() - 1]));
        }
    }

    /// Works until it is told to stop, or the log fails.
    fn session(&mut self) -> Result<(), Error> {
        let options =
            WriterOptions { transactional_id: Some(self.group.clone()), ..WriterOptions::default() };
        let mut writer = self.transport.writer(options)?;
        let mut reader = self.transport.reader(ReaderOptions { max_queued_bytes: 4 << 20 })?;
        reader.assign(&[])?;
        let mut known = 0;
        let mut looked = None;
        let mut done = BTreeMap::new();
        let mut renewed = Instant::now();
        while !self.stop.is_set() {
            let due = if known == 0 { POLL } else { DISCOVERY };
            if looked.is_none_or(|looked: Instant| looked.elapsed() >= due) {
                let found = self.new_partitions(&mut known)?;
                reader.add(&found)?;
                done.extend(found.into_iter().map(|(partition, offset)| (partition.partition, offset)));
                looked = Some(Instant::now());
            }
            if known == 0 {
                self.stop.sleep(POLL);
                continue;
            }
            for part in reader.poll(BATCH, POLL)? {
                for record in part.records {
                    let offset = record.offset;
                    let Some(letters) = self.settle(part.partition, record) else { return Ok(()) };
                    done.insert(part.partition, offset + 1);
                    self.commit(&mut *writer, [(part.partition, offset + 1)], letters)?;
                }
            }
            if self.options.renew_interval.is_some_and(|interval| renewed.elapsed() >= interval) {
                renewed = Instant::now();
                self.commit(&mut *writer, done.clone(), Vec::new())?;
            }
        }
        Ok(())
    }

    /// The partitions from number `known` on, and where to begin in them.
    fn new_partitions(&self, known: &mut i32) -> Result<Vec<(TopicPartition, i64)>, Error> {
        let count = self.transport.topics()?.get(&*self.options.topic).copied().unwrap_or(0);
        let count = i32::try_from(count).unwrap_or(i32::MAX);
        let partitions: Vec<_> = (*known..count)
            .map(|number| TopicPartition::new(Arc::clone(&self.options.topic), number))
            .collect();
        let committed = self.transport.committed(&self.group, &partitions, PATIENCE)?;
        let mut starts = Vec::new();
        for (partition, committed) in partitions.into_iter().zip(committed) {
            let range = self.transport.offsets(&partition)?;
            let start = committed.map_or(range.start, |committed| committed.offset);
            starts.push((partition, start.clamp(range.start, range.end)));
        }
        *known = count.max(*known);
        Ok(starts)
    }

    /// Makes a call. Returns what is to be written when its offset is committed, `None` if the worker is to stop.
    fn settle(&self, partition: i32, record: Record) -> Option<Vec<OutRecord>> {
        let reason = match self.read(&record) {
            Ok(call) => match self.deliver(&call) {
                Outcome::Delivered => {
                    count("delivered");
                    return Some(Vec::new());
                }
                Outcome::Stopped => return None,
                Outcome::Failed(reason) => reason,
            },
            Err(reason) => reason,
        };
        count("failed");
        tracing::warn!(partition, offset = record.offset, "a webhook failed for good: {reason}");
        let topic = Arc::clone(&self.options.dead_letter);
        Some(vec![dead_letter(topic, &self.options.topic, partition, record, CAUSE, &reason)])
    }

    fn read(&self, record: &Record) -> Result<WebhookCall, String> {
        let options = &self.options;
        let payload = olocus_event::open(&options.topic, record, &options.keyring, &options.limits)
            .map_err(|error| format!("the call can't be read: {error}"))?;
        serde_json::from_slice(&payload).map_err(|error| format!("the call can't be read: {error}"))
    }

    fn deliver(&self, call: &WebhookCall) -> Outcome {
        let retry = &self.options.retry;
        let began = Instant::now();
        let mut delays = retry.delays(random);
        loop {
            let reason = match self.caller.attempt(call, &self.options.environment) {
                Attempt::Delivered => return Outcome::Delivered,
                Attempt::Refused(reason) => return Outcome::Failed(reason),
                Attempt::Failed(reason) => reason,
            };
            match delays.next() {
                Some(delay) if began.elapsed() + delay <= retry.total => {
                    count("retried");
                    tracing::info!(id = call.id, "a webhook failed and is tried again: {reason}");
                    self.stop.sleep(delay);
                }
                _ => return Outcome::Failed(format!("{reason}; no attempt succeeded")),
            }
            if self.stop.is_set() {
                return Outcome::Stopped;
            }
        }
    }

    fn commit(
        &self,
        writer: &mut dyn Writer,
        done: impl IntoIterator<Item = (i32, i64)>,
        letters: Vec<OutRecord>,
    ) -> Result<(), Error> {
        let offset = |(partition, offset)| OffsetCommit {
            group: self.group.clone(),
            topic: Arc::clone(&self.options.topic),
            partition,
            offset,
            metadata: String::new(),
        };
        let commit = Commit { records: letters, offsets: done.into_iter().map(offset).collect() };
        let mut pauses = PAUSES.iter();
        loop {
            match writer.commit(&commit) {
                Err(error) if error.retryable() && !self.stop.is_set() => {
                    self.stop.sleep(*pauses.next().unwrap_or(&PAUSES[PAUSES.len() - 1]));
                }
                // Of an unknown outcome, the next session learns from the group's offsets.
                result => return result,
            }
        }
    }
}

/// The wish to end.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps, but no longer than it takes to notice the wish.
    fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}

/// A number from 0 to 1, to spread attempts; which one does not matter, so neither does a source that fails.
fn random() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

fn describe() {
    metrics::describe_counter!(
        "olocus_webhooks_total",
        "Webhook calls by result: delivered, retried, failed"
    );
}

fn count(result: &'static str) {
    metrics::counter!("olocus_webhooks_total", "result" => result).increment(1);
}

#[cfg(test)]
mod tests;

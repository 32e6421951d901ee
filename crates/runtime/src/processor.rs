//! Runs a plan against a transport: reads, decides, evaluates and commits, on threads of its own.
//!
//! - the *reader* polls records, decodes them and evaluates the predicates over each batch;
//! - the *evaluator* owns the [`Task`](crate::Task), makes decisions and hands over what is to be committed;
//! - the *committer* writes outputs and offsets in one transaction, and tries again until it is through, with a
//!   new writer if need be;
//! - the *watcher* asks for new topics and partitions, for lag, and whether the log can be reached.
//!
//! They are joined by bounded channels, so whatever is slow holds back whatever is before it, up to the
//! log itself. Nothing is dropped on the way.

mod commit;
mod drops;
mod encode;
mod evaluate;
mod idle;
mod ledger;
mod metrics;
mod pressure;
mod read;
mod retention;
mod start;
mod status;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use olocus_bus::{TopicSpec, Transport};
use olocus_event::{Keyring, Limits, Sealing};

use crate::Error;
use crate::plan::Plan;

pub use self::encode::WebhookCall;
pub use self::status::Status;

/// Tells the time; injected so that runs can be reproduced.
pub trait Clock: Send + Sync {
    /// The wall clock in nanoseconds since the Unix epoch.
    fn now(&self) -> i64;
}

/// The machine's own clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

/// Where to begin in partitions for which nothing was committed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartAt {
    /// At the earliest record that the log still has.
    Earliest,
    /// After the last record.
    End,
    /// At the first record with this timestamp (milliseconds since the Unix epoch) or a later one.
    Time(i64),
}

/// How match data is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Serialization {
    /// `application/json`.
    #[default]
    Json,
    /// `application/msgpack`, maps with string keys.
    MessagePack,
}

/// The topics that the engine itself writes to.
#[derive(Debug, Clone)]
pub struct OutputTopics {
    /// Matches of rules that name no action.
    pub matches: Arc<str>,
    /// Records that could not be decoded.
    pub dead_letter: Arc<str>,
    /// Records that came too late.
    pub late: Arc<str>,
    /// Calls that `webhook` actions ask for.
    pub webhooks: Arc<str>,
}

impl OutputTopics {
    /// The default names: `<application id>.matches` and so on.
    pub fn of(application_id: &str) -> OutputTopics {
        let topic = |name: &str| format!("{application_id}.{name}").into();
        OutputTopics {
            matches: topic("matches"),
            dead_letter: topic("dead-letter"),
            late: topic("late"),
            webhooks: topic("webhooks"),
        }
    }
}

/// How a processor behaves.
#[derive(Clone)]
pub struct Options {
    /// Names the application: the consumer group of its offsets and its transactional id.
    pub application_id: String,
    /// Where to begin without committed offsets.
    pub start_at: StartAt,
    /// Longest time between a result and its commit.
    pub commit_interval: Duration,
    /// How often all offsets are committed again although nothing has changed. Kafka forgets the offsets of a group
    /// and the transactional id of a writer that have not been used for a week, and a process whose place another has
    /// taken learns it from its next commit. `None` where none of that can happen.
    pub renew_interval: Option<Duration>,
    /// The topics that the engine writes to.
    pub topics: OutputTopics,
    /// Settings of topics that are created when missing; others are created with the log's defaults.
    pub topic_specs: BTreeMap<String, TopicSpec>,
    /// Partitions of topics whose settings name no number; one keeps a single order of all events in a topic.
    pub default_partitions: Option<u32>,
    /// Bounds of the rules' state.
    pub limits: olocus_cep::Limits,
    /// Records that may wait for their turn in event-time order; above it, inputs are paused.
    pub held_max: usize,
    /// Bytes that these may take together.
    pub held_bytes_max: usize,
    /// Records per poll at most.
    pub batch_records: usize,
    /// Bounds of decoding.
    pub decoding: Limits,
    /// Keys for sealed records.
    pub keyring: Arc<Keyring>,
    /// Whether output payloads are compressed and encrypted.
    pub sealing: Sealing,
    /// How match data is encoded.
    pub serialization: Serialization,
    /// How often new topics and partitions are looked for.
    pub discovery_interval: Duration,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Draws a nonce for an encrypted record; never the same one twice under one key.
    pub nonce: Arc<dyn Fn() -> [u8; 12] + Send + Sync>,
}

/// Starts processors.
#[derive(Debug)]
pub struct Processor;

/// A running processor.
#[derive(Debug)]
pub struct Handle {
    stop: Stop,
    status: Arc<Status>,
    thread: JoinHandle<Result<(), Error>>,
}

impl Processor {
    /// Starts to run `plan` on threads of its own. The log need not be reachable yet: the processor waits for it,
    /// and its [`Status`] says so.
    pub fn start(plan: Arc<Plan>, transport: Arc<dyn Transport>, options: Options) -> Handle {
        metrics::describe();
        metrics::begin(&plan);
        let stop = Stop::default();
        let status = Arc::new(Status::starting());
        let shared = Shared {
            plan,
            transport,
            options: Arc::new(options),
            stop: stop.clone(),
            status: Arc::clone(&status),
        };
        let thread = spawn("evaluator", move || evaluate::run(&shared));
        Handle { stop, status, thread }
    }
}

impl Handle {
    /// What the processor is doing, for health checks.
    pub fn status(&self) -> &Arc<Status> {
        &self.status
    }

    /// Asks the processor to commit what it has and to end.
    pub fn stop(&self) {
        self.stop.set();
    }

    /// Whether the processor has ended, by itself or because it was asked to.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until the processor has ended.
    ///
    /// # Errors
    /// What ended it, unless it was asked to stop: another process with its application id, a limit whose
    /// policy is to fail, a log that refuses to be read.
    pub fn wait(self) -> Result<(), Error> {
        self.thread.join().unwrap_or_else(|_| Err(Error::thread("evaluator")))
    }
}

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("application_id", &self.application_id).finish_non_exhaustive()
    }
}

/// What all threads of a processor share.
#[derive(Clone)]
struct Shared {
    plan: Arc<Plan>,
    transport: Arc<dyn Transport>,
    options: Arc<Options>,
    stop: Stop,
    status: Arc<Status>,
}

/// The wish to end, seen by all threads.
#[derive(Debug, Clone, Default)]
struct Stop(Arc<AtomicBool>);

impl Stop {
    fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Sleeps, but no longer than it takes to notice the wish to end.
    fn sleep(&self, time: Duration) {
        let step = Duration::from_millis(50);
        let mut left = time;
        while !left.is_zero() && !self.is_set() {
            let nap = left.min(step);
            std::thread::sleep(nap);
            left -= nap;
        }
    }
}

/// Waiting times after failures: doubling from 100 ms to 5 s.
#[derive(Debug, Default)]
struct Backoff(u32);

impl Backoff {
    fn next(&mut self) -> Duration {
        let wait = Duration::from_millis(100 << self.0.min(6)).min(Duration::from_secs(5));
        self.0 += 1;
        wait
    }
}

fn spawn<T: Send + 'static>(name: &str, body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let builder = std::thread::Builder::new().name(format!("olocus-{name}"));
    builder.spawn(body).expect("the system has room for a thread")
}

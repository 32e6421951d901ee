//! The watcher thread: new topics and partitions, where partitions end, whether the log can be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use olocus_bus::{Ends, TopicPartition};

use super::Shared;
use super::start::{Failure, Start};

/// How often the log is looked at unasked.
const HEALTH: Duration = Duration::from_secs(1);

/// What the watcher tells the evaluator.
#[derive(Debug)]
pub(super) enum FromWatcher {
    /// Partitions that were not there before.
    Joined(Vec<Start>),
    /// Where partitions end, asked for not before `asked` (nanoseconds since the Unix epoch). Of an answer to a
    /// [`Question`] it says what that noted.
    Ends { asked: i64, largest: Option<i64>, ends: Vec<(TopicPartition, Ends)> },
    /// The log cannot be reached, so silence means nothing.
    Away,
}

/// What the evaluator asks of the watcher: where these partitions end.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) partitions: Vec<TopicPartition>,
    /// The largest event time that has been seen, to be told again with the answer.
    pub(super) largest: i64,
}

/// Tells the evaluator of every partition that was not among `known`, and of the ends of all of them: regularly, and at
/// once of those that it asks for through `questions`.
pub(super) fn run(
    shared: &Shared,
    mut known: BTreeSet<TopicPartition>,
    questions: &Receiver<Question>,
    out: &Sender<FromWatcher>,
) {
    let mut discovered = Instant::now();
    let mut looked = Instant::now();
    while !shared.stop.is_set() {
        let told = match questions.recv_timeout(HEALTH.saturating_sub(looked.elapsed())) {
            Ok(question) => tell_ends(shared, &question.partitions, Some(question.largest), out),
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                looked = Instant::now();
                match shared.transport.health() {
                    Ok(()) => shared.status.clear("log"),
                    Err(error) => {
                        shared.status.hinder("log", format!("the log cannot be reached: {error}"));
                        if out.send(FromWatcher::Away).is_err() {
                            return;
                        }
                        continue;
                    }
                }
                let known: Vec<TopicPartition> = known.iter().cloned().collect();
                tell_ends(shared, &known, None, out)
            }
        };
        if told.is_err() {
            return;
        }
        if discovered.elapsed() < shared.options.discovery_interval {
            continue;
        }
        discovered = Instant::now();
        match new_partitions(shared, &known) {
            Ok(starts) if starts.is_empty() => {}
            Ok(starts) => {
                known.extend(starts.iter().map(|start| partition(&start.id)));
                if out.send(FromWatcher::Joined(starts)).is_err() {
                    return;
                }
            }
            Err(Failure::Bus(error)) => tracing::warn!("failed to look for new topics: {error}"),
            Err(Failure::Final(error)) => tracing::error!("failed to take up new partitions: {error}"),
        }
    }
}

fn new_partitions(shared: &Shared, known: &BTreeSet<TopicPartition>) -> Result<Vec<Start>, Failure> {
    let existing: BTreeMap<String, u32> = shared.transport.topics()?;
    let mut found = shared.partitions_to_read(&existing);
    found.retain(|partition| !known.contains(partition));
    if found.is_empty() { Ok(Vec::new()) } else { shared.locate(&found) }
}

/// Tells where these partitions end, but for those that cannot be asked about. Fails once nobody listens.
fn tell_ends(
    shared: &Shared,
    partitions: &[TopicPartition],
    largest: Option<i64>,
    out: &Sender<FromWatcher>,
) -> Result<(), ()> {
    let asked = shared.options.clock.now();
    // Without an answer nobody's silence means anything, as if the question had not been asked.
    let ends = shared.transport.ends(partitions).unwrap_or_default();
    out.send(FromWatcher::Ends { asked, largest, ends }).map_err(|_| ())
}

fn partition(id: &crate::merge::InputId) -> TopicPartition {
    TopicPartition { topic: id.topic.clone(), partition: id.partition }
}

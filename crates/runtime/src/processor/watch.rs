//! The watcher thread: new topics and partitions, where partitions end, whether the log can be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use olocus_bus::{OffsetRange, TopicPartition};

use super::Shared;
use super::start::{Failure, Start};

/// How often the log is looked at unasked.
const HEALTH: Duration = Duration::from_secs(1);

/// What the watcher tells the evaluator.
#[derive(Debug)]
pub(super) enum FromWatcher {
    /// Partitions that were not there before.
    Joined(Vec<Start>),
    /// Where partitions end, asked for not before `asked` (nanoseconds since the Unix epoch).
    Ends { asked: i64, ranges: Vec<(TopicPartition, OffsetRange)> },
    /// The log cannot be reached, so silence means nothing.
    Away,
}

/// Tells the evaluator of every partition that was not among `known`, and of the ends of all of them: regularly, and at
/// once of those that it asks for through `questions`.
pub(super) fn run(
    shared: &Shared,
    mut known: BTreeSet<TopicPartition>,
    questions: &Receiver<Vec<TopicPartition>>,
    out: &Sender<FromWatcher>,
) {
    let mut discovered = Instant::now();
    let mut looked = Instant::now();
    while !shared.stop.is_set() {
        let told = match questions.recv_timeout(HEALTH.saturating_sub(looked.elapsed())) {
            Ok(partitions) => tell_ends(shared, &partitions, out),
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
                tell_ends(shared, &known, out)
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
fn tell_ends<'a>(
    shared: &Shared,
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
    out: &Sender<FromWatcher>,
) -> Result<(), ()> {
    let asked = shared.options.clock.now();
    let running = |_: &&TopicPartition| !shared.stop.is_set();
    let range = |partition: &TopicPartition| {
        shared.transport.offsets(partition).ok().map(|range| (partition.clone(), range))
    };
    let ranges = partitions.into_iter().take_while(running).filter_map(range).collect();
    out.send(FromWatcher::Ends { asked, ranges }).map_err(|_| ())
}

fn partition(id: &crate::merge::InputId) -> TopicPartition {
    TopicPartition { topic: id.topic.clone(), partition: id.partition }
}

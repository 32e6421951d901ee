//! The watcher thread: new topics and partitions, lag, whether the log can be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use olocus_bus::TopicPartition;

use super::Shared;
use super::start::{Failure, Start};

const HEALTH: Duration = Duration::from_secs(1);

/// Tells the evaluator of every partition that was not among `known`.
pub(super) fn run(shared: &Shared, mut known: BTreeSet<TopicPartition>, joined: &Sender<Vec<Start>>) {
    let mut discovered = Instant::now();
    while !shared.stop.is_set() {
        shared.stop.sleep(HEALTH);
        match shared.transport.health() {
            Ok(()) => shared.status.clear("log"),
            Err(error) => {
                shared.status.hinder("log", format!("the log cannot be reached: {error}"));
                continue;
            }
        }
        lag(shared, &known);
        if discovered.elapsed() < shared.options.discovery_interval {
            continue;
        }
        discovered = Instant::now();
        match new_partitions(shared, &known) {
            Ok(starts) if starts.is_empty() => {}
            Ok(starts) => {
                known.extend(starts.iter().map(|start| partition(&start.id)));
                if joined.send(starts).is_err() {
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

/// Notes the ends of the partitions, from which lag is told.
fn lag(shared: &Shared, known: &BTreeSet<TopicPartition>) {
    for partition in known {
        if let Ok(range) = shared.transport.offsets(partition) {
            let mut ends = shared.ends.lock().unwrap_or_else(PoisonError::into_inner);
            ends.insert(partition.clone(), range.stable_end);
        }
        if shared.stop.is_set() {
            return;
        }
    }
}

fn partition(id: &crate::merge::InputId) -> TopicPartition {
    TopicPartition { topic: id.topic.clone(), partition: id.partition }
}

//! The reader thread: polls, decodes, evaluates predicates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use olocus_bus::{End, Fetched, Reader, ReaderOptions, TopicPartition};

use super::retention::Retention;
use super::{Backoff, Shared, metrics};
use crate::Error;
use crate::merge::InputId;
use crate::prepare::{Prepared, Preparer};

/// How long a poll waits for records: also how soon commands and the wish to stop are noticed.
const POLL: Duration = Duration::from_millis(20);

/// What the evaluator asks of the reader.
#[derive(Debug)]
pub(super) enum ToReader {
    /// Reads further partitions from these offsets.
    Add(Vec<(TopicPartition, i64)>),
    /// Holds partitions back.
    Pause(Vec<TopicPartition>),
    /// Goes on with them.
    Resume(Vec<TopicPartition>),
}

/// What the reader tells the evaluator, in the order in which it happened.
#[derive(Debug)]
pub(super) enum FromReader {
    /// Records of one partition.
    Batch(Box<Prepared>),
    /// A partition was read to its end.
    End { id: InputId, end: End },
    /// The log cannot be read any longer.
    Failed(Error),
}

pub(super) fn run(shared: &Shared, commands: &Receiver<ToReader>, out: &Sender<FromReader>) {
    if let Err(error) = read(shared, commands, out) {
        // The evaluator may have ended first; then nobody asks for the cause.
        let _ = out.send(FromReader::Failed(error));
    }
}

fn read(shared: &Shared, commands: &Receiver<ToReader>, out: &Sender<FromReader>) -> Result<(), Error> {
    let mut reader = shared
        .transport
        .reader(ReaderOptions::default())
        .map_err(|cause| Error::bus("open the reader", cause))?;
    let options = &shared.options;
    let mut preparer =
        Preparer::new(Arc::clone(&shared.plan), &options.keyring, options.decoding).passing_over_letters();
    let mut backoff = Backoff::default();
    let mut retention = Retention::default();
    while !shared.stop.is_set() {
        for command in commands.try_iter() {
            obey(&mut *reader, command).map_err(|cause| Error::bus("change what is read", cause))?;
        }
        match reader.poll(options.batch_records, POLL) {
            Ok(fetched) => {
                backoff = Backoff::default();
                shared.status.clear("read");
                for part in fetched {
                    if !forward(shared, &mut preparer, part, &mut retention, out) {
                        return Ok(());
                    }
                }
            }
            Err(error) if error.retryable() => {
                shared.status.hinder("read", format!("failed to read: {error}; trying again"));
                shared.stop.sleep(backoff.next());
            }
            Err(error) if error.out_of_range().is_some() || error.unknown_topic() => {
                return Err(Error::gone(error));
            }
            Err(error) => return Err(Error::bus("read", error)),
        }
    }
    Ok(())
}

fn obey(reader: &mut dyn Reader, command: ToReader) -> Result<(), olocus_bus::Error> {
    match command {
        ToReader::Add(partitions) => reader.add(&partitions),
        ToReader::Pause(partitions) => reader.pause(&partitions),
        ToReader::Resume(partitions) => reader.resume(&partitions),
    }
}

/// Prepares what was fetched and passes it on. `false` once nobody listens.
fn forward(
    shared: &Shared,
    preparer: &mut Preparer,
    part: Fetched,
    retention: &mut Retention,
    out: &Sender<FromReader>,
) -> bool {
    let id = InputId { topic: Arc::clone(&part.topic), partition: part.partition };
    let Some(source) = shared.plan.source_of(&part.topic) else { return true };
    if !part.records.is_empty() {
        for prepared in preparer.prepare(source, &part.topic, part.partition, part.records) {
            metrics::prepared(&prepared);
            warn_of_retention(shared, &prepared, retention);
            if out.send(FromReader::Batch(Box::new(prepared))).is_err() {
                return false;
            }
        }
    }
    match part.end {
        Some(end) => out.send(FromReader::End { id, end }).is_ok(),
        None => true,
    }
}

/// Says once per topic that its records are older than what the log promises to keep: they may be deleted at
/// any moment, by their timestamps.
fn warn_of_retention(shared: &Shared, prepared: &Prepared, retention: &mut Retention) {
    let Some(oldest) = prepared.oldest_logged() else { return };
    let topic = &prepared.input().topic;
    let age = (shared.options.clock.now() / 1_000_000).saturating_sub(oldest);
    let ask = || shared.transport.settings(topic).map(|settings| settings.retention_ms);
    if let Some(kept) = retention.exceeded(topic, age, Instant::now(), ask) {
        tracing::warn!(topic = %topic, age_ms = age, retention_ms = kept,
            "record timestamps, which serve as event time here, lie before the topic's retention: the log may delete \
             these records at any moment. Publish with the wall clock and put the event time into `ce_time` or a field");
    }
}

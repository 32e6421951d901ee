//! Feeds a replay from a stretch of Kafka topics.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Kafka, Reader, ReaderOptions, TopicPartition, Transport};
use olocus_runtime::InputId;

use super::{Args, Replay};
use crate::connection;
use crate::failure::Failure;

/// Longest silence of the brokers before the replay gives up.
const SILENCE_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);
/// Events that may wait for their turn in event-time order before the partitions furthest ahead are paused.
const HELD_MAX: usize = 200_000;
/// What these may take in memory.
const HELD_BYTES_MAX: usize = 256 << 20;

/// Feeds the committed records of the topics between `--since` and `--until`, or the ends at the start of the run.
pub(super) fn feed(run: &mut Replay<'_>, brokers: &str, args: &Args) -> Result<(), Failure> {
    let reading = |cause: olocus_bus::Error| Failure::doing(format_args!("read topics of {brokers}"), cause);
    let kafka = connection::kafka(brokers, &args.kafka, None)?;
    let stretches = stretches(&kafka, args).map_err(|cause| match cause {
        Missing::Bus(cause) => reading(cause),
        Missing::Topic(topic) => {
            Failure::new(format!("read topic `{topic}`: the brokers have no such topic"))
        }
    })?;
    let mut reader = kafka.reader(ReaderOptions::default()).map_err(reading)?;
    let mut open: HashMap<TopicPartition, i64> = HashMap::new();
    // All are there before the first one ends: time goes on as soon as all that are known have ended.
    for partition in stretches.keys() {
        run.bounded.add(&id(partition))?;
    }
    for (partition, (start, end)) in &stretches {
        if start < end {
            open.insert(partition.clone(), *end);
        } else {
            run.bounded.end(&id(partition))?;
        }
    }
    let assignment: Vec<_> =
        open.keys().map(|partition| (partition.clone(), stretches[partition].0)).collect();
    reader.assign(&assignment).map_err(reading)?;
    read(run, &mut *reader, open, args.batch_records as usize, reading)
}

fn read(
    run: &mut Replay<'_>,
    reader: &mut dyn Reader,
    mut open: HashMap<TopicPartition, i64>,
    batch: usize,
    reading: impl Fn(olocus_bus::Error) -> Failure,
) -> Result<(), Failure> {
    let mut silence = Duration::ZERO;
    let mut paused = BTreeSet::new();
    while !open.is_empty() {
        let fetched = reader.poll(batch, POLL).map_err(&reading)?;
        silence = if fetched.is_empty() { silence + POLL } else { Duration::ZERO };
        if silence > SILENCE_MAX {
            return Err(Failure::new(format!("read topics: nothing came for {} s", SILENCE_MAX.as_secs())));
        }
        for mut part in fetched {
            let partition = TopicPartition { topic: part.topic, partition: part.partition };
            let Some(&end) = open.get(&partition) else { continue };
            // Offsets may end in gaps, which transactions leave: the end of the partition counts as well.
            let mut over =
                part.end.is_some() || part.records.last().is_some_and(|last| last.offset + 1 >= end);
            part.records.retain(|record| record.offset < end);
            let id = id(&partition);
            while let Some(prepared) = run.bounded.prepare(&id, &mut part.records)? {
                run.feed(prepared)?;
            }
            over |= part.end.is_some_and(|found| found.offset >= end);
            if over {
                open.remove(&partition);
                run.bounded.end(&id)?;
                paused.remove(&partition);
                reader.pause(&[partition]).map_err(&reading)?;
                run.write()?;
            }
        }
        hold_back(run, reader, &open, &mut paused).map_err(&reading)?;
    }
    Ok(())
}

/// Pauses the partitions that are furthest ahead in event time while too much waits for the others.
fn hold_back(
    run: &Replay<'_>,
    reader: &mut dyn Reader,
    open: &HashMap<TopicPartition, i64>,
    paused: &mut BTreeSet<TopicPartition>,
) -> Result<(), olocus_bus::Error> {
    let (held, bytes) = run.bounded.held();
    if held >= HELD_MAX || bytes >= HELD_BYTES_MAX {
        let partition =
            |id: InputId| TopicPartition { topic: Arc::clone(&id.topic), partition: id.partition };
        let ahead = run.bounded.furthest_ahead().into_iter().map(partition);
        let newly: Vec<_> =
            ahead.filter(|partition| open.contains_key(partition) && !paused.contains(partition)).collect();
        reader.pause(&newly)?;
        paused.extend(newly);
    } else if held < HELD_MAX / 2 && bytes < HELD_BYTES_MAX / 2 && !paused.is_empty() {
        let all: Vec<_> = std::mem::take(paused).into_iter().collect();
        reader.resume(&all)?;
    }
    Ok(())
}

enum Missing {
    Bus(olocus_bus::Error),
    Topic(String),
}

impl From<olocus_bus::Error> for Missing {
    fn from(cause: olocus_bus::Error) -> Missing {
        Missing::Bus(cause)
    }
}

/// First and last-plus-one offset of every partition.
fn stretches(kafka: &Kafka, args: &Args) -> Result<BTreeMap<TopicPartition, (i64, i64)>, Missing> {
    let existing = kafka.topics()?;
    let mut stretches = BTreeMap::new();
    for topic in &args.topic {
        let Some(&partitions) = existing.get(topic) else { return Err(Missing::Topic(topic.clone())) };
        for number in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            let partition = TopicPartition { topic: topic.as_str().into(), partition: number };
            let range = kafka.offsets(&partition)?;
            let at = |time: Option<jiff::Timestamp>, otherwise: i64| match time {
                Some(time) => kafka.offset_at(&partition, time.as_millisecond()),
                None => Ok(otherwise),
            };
            let stretch =
                (at(args.since, range.start)?, at(args.until, range.stable_end)?.min(range.stable_end));
            stretches.insert(partition, stretch);
        }
    }
    Ok(stretches)
}

fn id(partition: &TopicPartition) -> InputId {
    InputId { topic: partition.topic.clone(), partition: partition.partition }
}

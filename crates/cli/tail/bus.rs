//! Following a topic on a log that this process reads itself.

use std::collections::BTreeSet;
use std::thread;
use std::time::Instant;

use olocus_bus::{Reader, ReaderOptions, TopicPartition, Transport};
use olocus_event::{Keyring, Limits};
use olocus_server::record_line;
use serde_json::Value;

use super::{From, LOOK_EVERY, Output};
use crate::failure::Failure;

/// Prints the topic's events until nothing more is wanted.
pub(super) fn follow(
    transport: &dyn Transport,
    topic: &str,
    from: From,
    keyring: &Keyring,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut follower = Follower { transport, topic, known: BTreeSet::new(), reader: None };
    let mut from = from;
    let mut looked: Option<Instant> = None;
    let limits = Limits::default();
    while !output.is_done() {
        if looked.is_none_or(|looked| looked.elapsed() >= LOOK_EVERY) {
            if follower.look(from, output)? && from == From::End {
                // What appears after the first look is new, wherever it begins.
                from = From::Beginning;
            }
            looked = Some(Instant::now());
        }
        let Some(reader) = &mut follower.reader else {
            thread::sleep(output.step(LOOK_EVERY));
            continue;
        };
        let fetched = match reader.poll(RECORDS, output.step(LOOK_EVERY)) {
            Ok(fetched) => fetched,
            Err(error) if error.retryable() => {
                output.away(format_args!("read {topic}: {error}"));
                thread::sleep(output.step(LOOK_EVERY));
                continue;
            }
            Err(error) => return Err(Failure::doing(format_args!("read {topic}"), error)),
        };
        for run in fetched {
            for record in &run.records {
                match record_line(topic, run.partition, record, keyring, &limits) {
                    Ok(line) => output.line(Value::Object(line).to_string().as_bytes())?,
                    Err(why) => {
                        output.problem(format_args!("{topic}/{}/{}: {why}", run.partition, record.offset));
                    }
                }
            }
        }
        output.flush()?;
    }
    output.finish()
}

/// A topic's partitions as far as they are known, and their reader.
struct Follower<'a> {
    transport: &'a dyn Transport,
    topic: &'a str,
    known: BTreeSet<i32>,
    /// There is one as soon as there is a partition.
    reader: Option<Box<dyn Reader>>,
}

impl Follower<'_> {
    /// Looks for partitions that are new; tells whether the log answered.
    fn look(&mut self, from: From, output: &mut Output<'_>) -> Result<bool, Failure> {
        let found = match self.find(from) {
            Ok(found) => found,
            // The topic is not quite there yet: look again later.
            Err(error) if error.unknown_topic() => Vec::new(),
            Err(error) if error.retryable() => {
                output.away(format_args!("look for {}: {error}", self.topic));
                return Ok(false);
            }
            Err(error) => {
                return Err(Failure::doing(format_args!("look for {}", self.topic), error));
            }
        };
        output.reached();
        if found.is_empty() {
            return Ok(true);
        }
        let failed = |error| Failure::doing(format_args!("read {}", self.topic), error);
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.transport.reader(ReaderOptions::default()).map_err(failed)?),
        };
        reader.add(&found).map_err(failed)?;
        self.known.extend(found.iter().map(|(partition, _)| partition.partition));
        Ok(true)
    }

    fn find(&self, from: From) -> Result<Vec<(TopicPartition, i64)>, olocus_bus::Error> {
        let count = self.transport.topics()?.get(self.topic).copied().unwrap_or(0);
        let new = (0..count as i32).filter(|partition| !self.known.contains(partition));
        new.map(|partition| {
            let partition = TopicPartition::new(self.topic, partition);
            let offset = match from {
                From::Beginning => self.transport.offsets(&partition)?.start,
                From::End => self.transport.offsets(&partition)?.stable_end,
                // Record timestamps are milliseconds: a time within one begins with the next.
                From::Time(time) => {
                    let milliseconds = time.div_euclid(1_000_000) + i64::from(time.rem_euclid(1_000_000) > 0);
                    self.transport.offset_at(&partition, milliseconds)?
                }
            };
            Ok((partition, offset))
        })
        .collect()
    }
}

/// Records that are read at once.
const RECORDS: usize = 1000;

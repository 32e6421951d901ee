//! The log → lines of JSON, for as long as the client reads.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use olocus_bus::{Error, Fetched, ReaderOptions, TopicPartition, Transport};
use olocus_event::{Keyring, Limits, Record};
use serde_json::{Map, Value};
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::watch;

use super::problem::Problem;
use crate::record_line;

/// Bytes of lines that go out together.
const CHUNK: usize = 32 << 10;

/// Records that are read at once.
const BATCH: usize = 500;

/// How often a waiting stream looks whether its client is still there.
const TICK: Duration = Duration::from_millis(200);

/// How long a client may take no line before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// At the first record that is there.
    Beginning,
    /// After the last one.
    End,
    /// At the first record written at this time or later, in milliseconds since the Unix epoch.
    Time(i64),
}

/// What a client asks to read.
pub(super) struct Reading {
    pub(super) topic: Arc<str>,
    pub(super) from: Start,
    /// Lines after which the stream ends.
    pub(super) count: Option<u64>,
    /// Whether the stream goes on at the end of the topic.
    pub(super) follow: bool,
    /// How long there may be nothing before the stream ends.
    pub(super) timeout: Option<Duration>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) limits: Limits,
}

/// Where to read: fixed when the request arrives, so that what is published after the answer began is seen.
#[derive(Debug)]
pub(super) struct Cursor {
    /// Empty while the topic does not exist.
    starts: Vec<(TopicPartition, i64)>,
    /// Where to end, for streams that do not follow.
    ends: BTreeMap<i32, i64>,
}

/// Why a stream ended early.
enum Stop {
    /// The client is gone, or as good as.
    Gone,
    /// All lines that were asked for are out.
    Complete,
    /// The log cannot be read.
    Failed(Error),
}

impl Start {
    /// `beginning`, `end` or a time.
    pub(super) fn parse(text: &str) -> Result<Start, String> {
        match text {
            "beginning" => Ok(Start::Beginning),
            "end" => Ok(Start::End),
            time => olocus_event::time::parse_rfc3339(time)
                // The log keeps milliseconds: the first one that does not lie before the time.
                .map(|nanos| Start::Time(nanos.div_euclid(1_000_000) + i64::from(nanos.rem_euclid(1_000_000) > 0)))
                .ok_or_else(|| format!("`from={time}` is none of `beginning`, `end` and a time such as `2026-01-31T12:00:00Z`")),
        }
    }
}

impl Cursor {
    /// Finds the place to begin at.
    ///
    /// # Errors
    /// A topic that does not exist, unless it is waited for; a log that fails.
    pub(super) fn open(transport: &dyn Transport, reading: &Reading) -> Result<Cursor, Problem> {
        let cursor = Cursor::locate(transport, &reading.topic, reading.from)
            .map_err(|error| Problem::log("find the topic's events", &error))?;
        if cursor.starts.is_empty() && !reading.follow {
            let message =
                format!("there is no topic `{}`; with `follow=true` it is waited for", reading.topic);
            return Err(Problem::new(axum::http::StatusCode::NOT_FOUND, message));
        }
        Ok(cursor)
    }

    fn locate(transport: &dyn Transport, topic: &Arc<str>, from: Start) -> Result<Cursor, Error> {
        let partitions = transport.topics()?.get(&**topic).copied().unwrap_or(0);
        let mut cursor = Cursor { starts: Vec::new(), ends: BTreeMap::new() };
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            let place = TopicPartition::new(Arc::clone(topic), partition);
            let range = transport.offsets(&place)?;
            let start = match from {
                Start::Beginning => range.start,
                Start::End => range.stable_end,
                Start::Time(time) => transport.offset_at(&place, time)?,
            };
            cursor.ends.insert(partition, range.stable_end);
            cursor.starts.push((place, start));
        }
        Ok(cursor)
    }
}

impl Reading {
    /// Sends lines until the end, the client's or the server's.
    pub(super) fn run(
        &self,
        transport: &dyn Transport,
        cursor: Cursor,
        to: &Sender<io::Result<Bytes>>,
        stopped: &watch::Receiver<bool>,
    ) {
        let mut stream =
            Stream { reading: self, to, stopped, chunk: Vec::new(), sent: 0, last: Instant::now() };
        match stream.run(transport, cursor) {
            Ok(()) | Err(Stop::Gone | Stop::Complete) => {}
            Err(Stop::Failed(error)) => {
                tracing::warn!(topic = &*self.topic, "a stream ended early: {error}");
                // The client sees a body that breaks off instead of one that seems complete.
                let _ = to.blocking_send(Err(io::Error::other(error.to_string())));
            }
        }
    }
}

struct Stream<'a> {
    reading: &'a Reading,
    to: &'a Sender<io::Result<Bytes>>,
    stopped: &'a watch::Receiver<bool>,
    /// Lines that are not yet on their way.
    chunk: Vec<u8>,
    sent: u64,
    /// When there was an event last.
    last: Instant,
}

impl Stream<'_> {
    fn run(&mut self, transport: &dyn Transport, cursor: Cursor) -> Result<(), Stop> {
        let mut cursor = cursor;
        if self.reading.count == Some(0) {
            return Ok(());
        }
        while cursor.starts.is_empty() {
            if self.is_over() {
                return Ok(());
            }
            std::thread::sleep(TICK);
            // A topic that did not exist is read whole, wherever the stream was to begin in an existing one.
            cursor = Cursor::locate(transport, &self.reading.topic, Start::Beginning)?;
        }
        let mut open = cursor.ends;
        if !self.reading.follow {
            let starts: BTreeMap<i32, i64> =
                cursor.starts.iter().map(|(place, start)| (place.partition, *start)).collect();
            open.retain(|partition, end| starts.get(partition).is_some_and(|start| start < end));
            cursor.starts.retain(|(place, _)| open.contains_key(&place.partition));
        }
        let mut reader = transport.reader(ReaderOptions { max_queued_bytes: 1 << 20 })?;
        reader.assign(&cursor.starts)?;
        while !self.is_over() && (self.reading.follow || !open.is_empty()) {
            let fetched = match reader.poll(BATCH, TICK) {
                Ok(fetched) => fetched,
                Err(error) if error.retryable() => {
                    std::thread::sleep(TICK);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for part in &fetched {
                self.send_part(part, open.get(&part.partition).copied())?;
                let reached = |end: &i64| {
                    part.records.last().is_some_and(|record| record.offset + 1 >= *end)
                        || part.end.is_some_and(|at| at.offset >= *end)
                };
                if open.get(&part.partition).is_some_and(reached) {
                    open.remove(&part.partition);
                }
            }
            self.flush()?;
        }
        Ok(())
    }

    fn send_part(&mut self, part: &Fetched, end: Option<i64>) -> Result<(), Stop> {
        for record in &part.records {
            let beyond = !self.reading.follow && end.is_none_or(|end| record.offset >= end);
            if beyond {
                break;
            }
            let line = line(&part.topic, part.partition, record, &self.reading.keyring, &self.reading.limits);
            // A map of JSON values always serialises into memory.
            let _ = serde_json::to_writer(&mut self.chunk, &line);
            self.chunk.push(b'\n');
            self.sent += 1;
            self.last = Instant::now();
            if self.reading.count.is_some_and(|count| self.sent >= count) {
                self.flush()?;
                return Err(Stop::Complete);
            }
            if self.chunk.len() >= CHUNK {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Stop> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let mut item = Ok(Bytes::from(std::mem::take(&mut self.chunk)));
        let since = Instant::now();
        loop {
            item = match self.to.try_send(item) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(item)) if since.elapsed() < PATIENCE && !*self.stopped.borrow() => {
                    item
                }
                Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Err(Stop::Gone),
            };
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn is_over(&self) -> bool {
        *self.stopped.borrow()
            || self.stopped.has_changed().is_err()
            || self.to.is_closed()
            || self.reading.timeout.is_some_and(|timeout| self.last.elapsed() >= timeout)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}

/// A record as a line; one that cannot be shown says why instead.
fn line(topic: &str, partition: i32, record: &Record, keyring: &Keyring, limits: &Limits) -> Value {
    let line = record_line(topic, partition, record, keyring, limits).unwrap_or_else(|error| {
        let key = record.key.as_ref().map_or(Value::Null, |key| String::from_utf8_lossy(key).into());
        Map::from_iter([
            ("error".to_owned(), error.to_string().into()),
            ("cause".to_owned(), error.code().into()),
            ("topic".to_owned(), topic.into()),
            ("partition".to_owned(), partition.into()),
            ("offset".to_owned(), record.offset.into()),
            ("key".to_owned(), key),
        ])
    });
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::Start;

    #[test]
    fn a_stream_begins_at_a_word_or_a_time() {
        assert_eq!(Start::parse("beginning"), Ok(Start::Beginning));
        assert_eq!(Start::parse("end"), Ok(Start::End));
        assert_eq!(Start::parse("1970-01-01T00:00:01Z"), Ok(Start::Time(1_000)));
        assert_eq!(Start::parse("1970-01-01T00:00:01.0005Z"), Ok(Start::Time(1_001)));
        assert!(Start::parse("earliest").unwrap_err().contains("beginning"));
    }
}

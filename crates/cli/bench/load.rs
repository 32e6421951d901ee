//! The events of the two measurements.

use std::sync::Arc;

use bytes::Bytes;
use olocus_event::{Headers, OutRecord};
use olocus_workload::{SequenceEvents, SequenceLoad, Workload as _};

/// Seed of all loads: every run of a version measures the same bytes, but for their times.
const SEED: u64 = 1;

/// Matches that the latency load has about, enough for a percentile of 99 to mean something.
const DENSE_MATCHES: u64 = 2_500;

/// A stretch of events on its way into a topic.
pub(super) struct Load {
    topic: Arc<str>,
    events: SequenceEvents,
    line: Vec<u8>,
}

/// The load of the throughput measurement, one event a millisecond of event time, ending at `end` (nanoseconds since
/// the Unix epoch).
pub(super) fn sparse(events: u64, rules: u32, end: i64) -> SequenceLoad {
    let load = SequenceLoad { rules, ..SequenceLoad::new(SEED, 0, events) };
    let length = load.time(events);
    SequenceLoad { start: end.saturating_sub(length), ..load }
}

/// The load of the latency measurement: event time is the wall clock, and many more events complete a match. Users
/// are so few that each has twenty events a second, or all matches would come at the end.
pub(super) fn dense(rate: u64, seconds: u64, rules: u32, start: i64) -> SequenceLoad {
    let events = rate * seconds;
    SequenceLoad {
        interval: (1_000_000_000 / rate).max(1).cast_signed(),
        keys: u32::try_from((rate / 20).max(1)).unwrap_or(u32::MAX),
        // One event in ten begins a match if its role is the right one.
        privileged_one_in: (events / 10 / DENSE_MATCHES).max(1),
        hot_one_in: 2,
        rules,
        ..SequenceLoad::new(SEED, start, events)
    }
}

impl Load {
    pub(super) fn new(load: SequenceLoad, topic: &str) -> Load {
        Load { topic: topic.into(), events: load.generate(), line: Vec::new() }
    }

    /// The next events, at most `count`; empty at the end.
    pub(super) fn next(&mut self, count: usize) -> Vec<OutRecord> {
        let mut records = Vec::with_capacity(count);
        while records.len() < count && self.events.next_line(&mut self.line) {
            let json = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
            records.push(OutRecord {
                topic: Arc::clone(&self.topic),
                partition: None,
                key: user(json).map(Bytes::copy_from_slice),
                headers: Headers::new(),
                value: Some(Bytes::copy_from_slice(json)),
            });
            self.line.clear();
        }
        records
    }

    /// Number of matches in the events so far.
    pub(super) fn matches(&self) -> u64 {
        self.events.match_count()
    }
}

/// An event for each partition that no rule asks for. After it, no event of any partition waits for another
/// partition: without these, the last events would wait until the engine takes the partitions for idle.
pub(super) fn closing(topic: &str, partitions: u32, time: i64) -> Vec<OutRecord> {
    let time = olocus_event::time::format_rfc3339(time);
    let value = Bytes::from(format!(r#"{{"type":"bench.end","time":"{time}"}}"#));
    let record = |partition| OutRecord {
        topic: topic.into(),
        partition: Some(partition),
        key: None,
        headers: Headers::new(),
        value: Some(value.clone()),
    };
    (0..partitions).filter_map(|partition| i32::try_from(partition).ok()).map(record).collect()
}

/// The user of an event, as written in the JSON.
fn user(json: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = br#""user":""#;
    let start = json.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
    let length = json[start..].iter().position(|&byte| byte == b'"')?;
    Some(&json[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(load: SequenceLoad) -> (Vec<OutRecord>, u64) {
        let mut load = Load::new(load, "t");
        let mut records = Vec::new();
        loop {
            let next = load.next(1_000);
            if next.is_empty() {
                return (records, load.matches());
            }
            records.extend(next);
        }
    }

    #[test]
    fn records_have_the_users_of_their_events_as_keys() {
        let (records, _) = all(sparse(1_500, 1, 0));
        assert_eq!(records.len(), 1_500);
        for record in records {
            let event: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            assert_eq!(event["user"].as_str().unwrap().as_bytes(), record.key.unwrap().as_ref());
        }
    }

    #[test]
    fn throughput_load_ends_at_its_time() {
        let load = sparse(2_000, 1, 10_000_000_000);
        assert_eq!((load.start, load.time(2_000)), (8_000_000_000, 10_000_000_000));
    }

    #[test]
    fn latency_load_has_its_matches_all_along() {
        for rate in [1_000, 20_000, 50_000] {
            let load = dense(rate, 12, 1, 0);
            assert_eq!(load.time(rate), 1_000_000_000, "{rate}");
            let mut load = Load::new(load, "t");
            let rate = usize::try_from(rate).unwrap();
            let mut before = 0;
            let mut least = u64::MAX;
            for second in 0..12 {
                assert_eq!(load.next(rate).len(), rate);
                if second > 2 {
                    least = least.min(load.matches() - before);
                }
                before = load.matches();
            }
            let enough = if rate == 1_000 { 15 } else { 100 };
            assert!(least > enough, "{least} matches in a second at a rate of {rate}");
            assert!(load.next(1).is_empty());
        }
    }

    #[test]
    fn every_partition_is_closed() {
        let records = closing("t", 3, 1_000_000_000);
        assert_eq!(
            records.iter().map(|record| record.partition).collect::<Vec<_>>(),
            [Some(0), Some(1), Some(2)]
        );
        assert_eq!(
            records[0].value.as_deref(),
            Some(&br#"{"type":"bench.end","time":"1970-01-01T00:00:01Z"}"#[..])
        );
    }
}

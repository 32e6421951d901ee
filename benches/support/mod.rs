//! What the benches share: the size of a run, and the sequence load as records.

use std::sync::Arc;

use bytes::Bytes;
use olocus_event::{Headers, Record};
use olocus_workload::{SequenceLoad, Workload as _};

/// `full` when measuring, `small` when run as a test.
pub(crate) fn size(full: u64, small: u64) -> u64 {
    if std::env::args().any(|argument| argument == "--bench") { full } else { small }
}

/// The sequence load in small: as many matches per event as the load of `olocus bench` has once it has run for a
/// while, with keys so few that they come early.
pub(crate) fn load(events: u64) -> SequenceLoad {
    SequenceLoad {
        keys: u32::try_from(events / 200).unwrap(),
        privileged_one_in: events / 250,
        ..SequenceLoad::new(1, 1_772_409_600_000_000_000, events)
    }
}

/// The events of a load as the records of one partition, and the number of matches in them.
pub(crate) fn records(load: SequenceLoad) -> (Vec<Record>, u64) {
    let (start, mut events) = (load.start, load.generate());
    let (mut records, mut line) = (Vec::new(), Vec::new());
    while events.next_line(&mut line) {
        let offset = i64::try_from(records.len()).unwrap();
        records.push(Record {
            offset,
            timestamp: start / 1_000_000 + offset,
            key: None,
            value: Some(Bytes::copy_from_slice(line.strip_suffix(b"\n").unwrap())),
            headers: Headers::new(),
        });
        line.clear();
    }
    (records, events.match_count())
}

/// The topic that the records are from.
pub(crate) fn topic() -> Arc<str> {
    "bench.events".into()
}

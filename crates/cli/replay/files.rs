//! Feeds a replay from files: all of them merged by event time.

use std::time::{SystemTime, UNIX_EPOCH};

use olocus_event::{Headers, Record};
use olocus_runtime::InputId;

use super::Replay;
use crate::failure::Failure;
use crate::input::{self, Item, Source};

/// A file that still has records.
struct Open {
    id: InputId,
    source: Source,
}

/// Feeds every record of these files. The file that is furthest behind in event time is read next, so that no more
/// is held than the files' disorder asks for; the result does not depend on it.
pub(super) fn feed(run: &mut Replay<'_>, paths: &[String], batch: usize) -> Result<(), Failure> {
    let mut open: Vec<Open> = Vec::new();
    for path in paths {
        for source in input::open(path)? {
            let id = InputId { topic: source.name().clone(), partition: 0 };
            if open.iter().any(|other| other.id == id) {
                return Err(Failure::new(format!("read {path}: it is named twice")));
            }
            run.bounded.add(&id)?;
            open.push(Open { id, source });
        }
    }
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let started = i64::try_from(started.as_millis()).unwrap_or(i64::MAX);
    while let Some(at) = (0..open.len()).min_by_key(|&at| (run.bounded.progress_of(&open[at].id), at)) {
        let Open { id, source } = &mut open[at];
        match source.next_batch(batch)? {
            Some(items) => {
                let mut records = items.into_iter().map(|item| record(item, started)).collect();
                while let Some(prepared) = run.bounded.prepare(id, &mut records)? {
                    run.feed(prepared)?;
                }
            }
            None => {
                run.bounded.end(id)?;
                open.remove(at);
                run.write()?;
            }
        }
    }
    Ok(())
}

/// A line as a record that was logged when the run began. Lines that are CloudEvents, as `olocus tail` prints them,
/// are taken as such.
fn record(item: Item, started: i64) -> Record {
    let mut headers = Headers::default();
    if is_cloud_event(&item.bytes) {
        headers.push("content-type", "application/cloudevents+json");
    }
    Record {
        offset: i64::try_from(item.line).unwrap_or(i64::MAX),
        timestamp: started,
        key: None,
        value: Some(item.bytes),
        headers,
    }
}

fn is_cloud_event(line: &[u8]) -> bool {
    const ATTRIBUTE: &[u8] = b"\"specversion\"";
    // The attribute stands first in what we write; looking no further keeps large events cheap.
    let head = &line[..line.len().min(256)];
    head.windows(ATTRIBUTE.len()).any(|window| window == ATTRIBUTE)
}

//! Feeds a replay from files: all of them merged by event time.

use std::path::{Path, PathBuf};
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
    let mut named: Vec<PathBuf> = Vec::new();
    for path in paths {
        let twice = || Failure::new(format!("read {path}: it is named twice"));
        if let Ok(place) = std::fs::canonicalize(path) {
            if named.contains(&place) {
                return Err(twice());
            }
            named.push(place);
        }
        for source in input::open(path)? {
            let id = InputId { topic: name_of(path, source.name()).into(), partition: 0 };
            if let Some(other) = open.iter().find(|other| other.id == id) {
                if path == input::STANDARD_INPUT {
                    return Err(twice());
                }
                return Err(Failure::new(format!(
                    "read {path}: matches name events by the file's name without its folder, and {} has the same; \
                     rename one",
                    other.source.name()
                )));
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

/// The name of a source without the folders that lead to its file, so that the coordinates of events do not depend on
/// how a path was written: `day.ndjson`, or `archive.zip/member`.
fn name_of<'a>(path: &str, source: &'a str) -> &'a str {
    let file = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path);
    let folders = path.rfind(file).unwrap_or(0);
    source.get(folders..).unwrap_or(source)
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

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn the_name_of_a_file_does_not_depend_on_the_path() {
        for path in ["day.ndjson", "./day.ndjson", "/a/b/day.ndjson", "day.ndjson/../day.ndjson"] {
            assert_eq!(name_of(path, path), "day.ndjson");
        }
        assert_eq!(name_of("a/x.zip", "a/x.zip/in/y.json"), "x.zip/in/y.json");
        assert_eq!(name_of("-", "-"), "-");
    }
}

//! What only the embedded log has: a folder, retention, and a disk that may be full.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use olocus_bus::{
    Durability, Embedded, EmbeddedOptions, Error, ReaderOptions, TopicPartition, TopicSpec, Transport,
    WriterOptions,
};

use crate::world::{place, record};

fn open(path: &Path) -> Result<Embedded, Error> {
    Embedded::open(path, EmbeddedOptions::default())
}

fn refused(path: &Path) -> String {
    let error = open(path).err().unwrap();
    assert!(error.storage() && !error.retryable(), "{error}");
    error.to_string()
}

#[test]
fn a_log_comes_back_after_it_was_closed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/data");
    let topic: Arc<str> = "t".into();
    {
        let log = open(&path).unwrap();
        let spec = TopicSpec::new("t").partitions(2).config("retention.ms", "-1");
        log.create_topics(&[spec]).unwrap();
        let relaxed = WriterOptions { durability: Durability::Relaxed, ..WriterOptions::default() };
        log.writer(relaxed).unwrap().send(&[record(&topic, "kept")]).unwrap();
    }
    let log = open(&path).unwrap();
    assert_eq!(log.topics().unwrap()["t"], 2);
    assert_eq!(log.settings("t").unwrap().retention_ms, None);
    let ends: i64 = (0..2).map(|partition| log.offsets(&place(&topic, partition)).unwrap().end).sum();
    assert_eq!(ends, 1);
}

#[test]
fn what_waits_is_read_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path()).unwrap();
    log.create_topics(&[TopicSpec::new("t").partitions(1)]).unwrap();
    let relaxed = WriterOptions { durability: Durability::Relaxed, ..WriterOptions::default() };
    let mut writer = log.writer(relaxed).unwrap();
    let mut reader = log.reader(ReaderOptions::default()).unwrap();
    let topic: Arc<str> = "t".into();
    reader.assign(&[(place(&topic, 0), 0)]).unwrap();
    for waiting in [1, 5_000, 2] {
        for records in vec![record(&topic, "some"); waiting].chunks(500) {
            writer.send(records).unwrap();
        }
        let fetched = reader.poll(8_192, Duration::ZERO).unwrap();
        assert_eq!(fetched.iter().map(|fetched| fetched.records.len()).sum::<usize>(), waiting);
    }
}

#[test]
fn what_was_purged_stays_away() {
    let directory = tempfile::tempdir().unwrap();
    let topic: Arc<str> = "t".into();
    let part = place(&topic, 0);
    {
        let log = open(directory.path()).unwrap();
        log.create_topics(&[TopicSpec::new("t").partitions(1).config("retention.bytes", "400")]).unwrap();
        let mut writer = log.writer(WriterOptions::default()).unwrap();
        writer.send(&[record(&topic, "0"), record(&topic, "1"), record(&topic, "2")]).unwrap();
        log.purge(&[(part.clone(), 1)]).unwrap();
    }
    let log = open(directory.path()).unwrap();
    let range = log.offsets(&part).unwrap();
    assert_eq!((range.start, range.end), (1, 3));
    let mut reader = log.reader(ReaderOptions::default()).unwrap();
    reader.assign(&[(part.clone(), 1)]).unwrap();
    let records = reader.poll(10, Duration::ZERO).unwrap().remove(0).records;
    assert_eq!(records.iter().map(|record| record.offset).collect::<Vec<_>>(), [1, 2]);
    // Retention lets the batch go of which a part was purged.
    let mut writer = log.writer(WriterOptions::default()).unwrap();
    writer.send(&[record(&topic, "x".repeat(370))]).unwrap();
    let range = log.offsets(&part).unwrap();
    assert_eq!((range.start, range.end), (3, 4));
}

#[test]
fn one_process_has_a_folder_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let first = open(directory.path()).unwrap();
    let message = refused(directory.path());
    assert!(message.contains("in use by another process"), "{message}");
    assert!(message.contains(&directory.path().display().to_string()), "{message}");
    drop(first);
    open(directory.path()).unwrap();
}

#[test]
fn a_foreign_folder_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("thesis.txt"), "dear").unwrap();
    let message = refused(directory.path());
    assert!(message.contains("thesis.txt"), "{message}");
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing was written there");

    let message = refused(&directory.path().join("thesis.txt"));
    assert!(message.contains("is a file"), "{message}");

    let newer = tempfile::tempdir().unwrap();
    fs::write(newer.path().join("olocus-log"), "olocus embedded log, version 9\n").unwrap();
    let message = refused(newer.path());
    assert!(message.contains("version 9"), "{message}");
}

#[test]
fn a_corrupt_folder_is_refused() {
    let made = || {
        let directory = tempfile::tempdir().unwrap();
        let log = open(directory.path()).unwrap();
        log.create_topics(&[TopicSpec::new("t").partitions(1)]).unwrap();
        drop(log);
        directory
    };
    let overwritten = made();
    fs::write(overwritten.path().join("log.redb"), vec![b'x'; 100_000]).unwrap();
    assert!(refused(overwritten.path()).contains("corrupt"));

    let cut = made();
    let file = fs::OpenOptions::new().write(true).open(cut.path().join("log.redb")).unwrap();
    file.set_len(5000).unwrap();
    assert!(refused(cut.path()).contains("corrupt"));

    let gone = made();
    fs::remove_file(gone.path().join("log.redb")).unwrap();
    assert!(refused(gone.path()).contains("missing"));
}

#[test]
fn a_first_start_that_was_cut_short_is_made_good() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("lock"), "").unwrap();
    fs::write(directory.path().join("log.redb"), "").unwrap();
    open(directory.path()).unwrap();
    assert!(directory.path().join("olocus-log").exists());
}

#[test]
fn old_batches_go_by_time_and_by_size() {
    let directory = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(1_000_000));
    let clock = Arc::clone(&now);
    let log = Embedded::open(
        directory.path(),
        EmbeddedOptions {
            clock: Arc::new(move || clock.load(Ordering::Relaxed)),
            ..EmbeddedOptions::default()
        },
    )
    .unwrap();
    log.create_topics(&[
        TopicSpec::new("time").partitions(1).config("retention.ms", "1000"),
        TopicSpec::new("size").partitions(1).config("retention.bytes", "2500"),
        TopicSpec::new("all").partitions(1),
    ])
    .unwrap();
    let mut writer = log.writer(WriterOptions::default()).unwrap();
    let topics: [Arc<str>; 3] = ["time".into(), "size".into(), "all".into()];
    for _ in 0..5 {
        let records: Vec<_> = topics.iter().map(|topic| record(topic, "x".repeat(1000))).collect();
        writer.send(&records).unwrap();
        now.fetch_add(400, Ordering::Relaxed);
    }
    let range = |topic| {
        let range = log.offsets(&place(topic, 0)).unwrap();
        (range.start, range.end)
    };
    // Written at 0, 400, 800, 1200, 1600: at the last one, what was before 600 went.
    assert_eq!(range(&topics[0]), (2, 5));
    assert_eq!(range(&topics[1]), (3, 5));
    assert_eq!(range(&topics[2]), (0, 5));
    assert_eq!(log.offset_at(&place(&topics[0], 0), 0).unwrap(), 2);
    assert_eq!(log.offset_at(&place(&topics[2], 0), 1_000_401).unwrap(), 2);

    // Everything can go; offsets never come back.
    now.fetch_add(1_000_000, Ordering::Relaxed);
    writer.send(&[record(&topics[0], "late")]).unwrap();
    assert_eq!(range(&topics[0]), (5, 6));

    let mut reader = log.reader(ReaderOptions::default()).unwrap();
    reader.assign(&[(place(&topics[0], 0), 2)]).unwrap();
    let error = reader.poll(10, Duration::ZERO).unwrap_err();
    assert_eq!(error.out_of_range().unwrap().start, 5);
}

#[test]
fn settings_that_it_does_not_have_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let log = open(directory.path()).unwrap();
    for spec in [
        TopicSpec::new("t").config("cleanup.policy", "1"),
        TopicSpec::new("t").partitions(0),
        TopicSpec::new("t").partitions(5000),
    ] {
        assert!(log.create_topics(&[spec]).unwrap_err().invalid());
    }
    assert!(log.topics().unwrap().is_empty());
    let unknown = log.offsets(&TopicPartition::new("t", 0)).unwrap_err();
    assert!(unknown.unknown_topic());
}

use std::time::Duration;

use olocus_bus::{ReaderOptions, TopicSpec};

use crate::world::{PATIENCE, World, place, record, unique, wait_for, wait_for_values};

pub(crate) fn seek_by_offset_and_time(world: &World) {
    let topic = world.topic(1);
    let mut writer = world.plain_writer();
    let mut times = Vec::new();
    for number in 0..3 {
        writer.send(&[record(&topic, format!("{number}"))]).unwrap();
        times.push(world.all(&topic)[&0][number].timestamp);
        std::thread::sleep(Duration::from_millis(5));
    }
    let place = place(&topic, 0);
    for (offset, time) in times.iter().enumerate() {
        assert_eq!(world.offset_at(&place, *time).unwrap(), offset as i64);
        assert_eq!(world.offset_at(&place, time + 1).unwrap(), offset as i64 + 1);
    }
    assert_eq!(world.offset_at(&place, 0).unwrap(), 0);
    assert_eq!(world.offset_at(&place, -1).unwrap(), 0);
    assert_eq!(world.offset_at(&place, i64::MAX / 2).unwrap(), 3);

    for start in 0..3 {
        let mut reader = world.reader_of(&[(place.clone(), start)]);
        let values = wait_for_values(&mut *reader, 3 - start as usize);
        assert_eq!(values[0], start.to_string());
    }
    // A second assignment is all there is.
    let mut reader = world.reader_of(&[(place.clone(), 2)]);
    assert_eq!(wait_for_values(&mut *reader, 1), ["2"]);
    reader.assign(&[(place, 1)]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 2), ["1", "2"]);
}

pub(crate) fn ends_are_reported(world: &World) {
    let topic = world.topic(2);
    let mut reader = world.reader_of(&[(place(&topic, 0), 0), (place(&topic, 1), 0)]);
    let ends = |all: &[olocus_bus::Fetched], wanted: &[(i32, i64)]| {
        wanted
            .iter()
            .all(|(partition, offset)| {
                all.iter().any(|fetched| {
                    fetched.partition == *partition
                        && fetched.end.is_some_and(|end| end.offset == *offset && end.stable)
                })
            })
            .then_some(())
    };
    wait_for(&mut *reader, |all| ends(all, &[(0, 0), (1, 0)]));

    let mut to_first = record(&topic, "x");
    to_first.partition = Some(0);
    world.plain_writer().send(&[to_first.clone(), to_first]).unwrap();
    wait_for(&mut *reader, |all| {
        let read: usize = all.iter().map(|fetched| fetched.records.len()).sum();
        (read == 2).then_some(()).and(ends(all, &[(0, 2)]))
    });
    let range = world.offsets(&place(&topic, 0)).unwrap();
    assert_eq!((range.start, range.stable_end, range.end), (0, 2, 2));
    let range = world.offsets(&place(&topic, 1)).unwrap();
    assert_eq!((range.start, range.stable_end, range.end), (0, 0, 0));
}

pub(crate) fn pause_and_resume(world: &World) {
    let topic = world.topic(2);
    let (held, free) = (place(&topic, 0), place(&topic, 1));
    let mut writer = world.plain_writer();
    let mut write = |partition, value: &str| {
        let mut record = record(&topic, value);
        record.partition = Some(partition);
        writer.send(&[record]).unwrap();
    };
    write(0, "before");
    let mut reader = world.reader_of(&[(held.clone(), 0), (free.clone(), 0)]);
    assert_eq!(wait_for_values(&mut *reader, 1), ["before"]);

    reader.pause(std::slice::from_ref(&held)).unwrap();
    write(0, "held 1");
    write(0, "held 2");
    write(1, "free");
    assert_eq!(wait_for_values(&mut *reader, 1), ["free"]);
    let none = reader.poll(100, Duration::from_millis(300)).unwrap();
    assert!(none.iter().all(|fetched| fetched.records.is_empty()), "{none:?}");

    reader.resume(&[held]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 2), ["held 1", "held 2"]);
    reader.pause(&[place(&unique("other"), 0)]).unwrap_err();
    reader.resume(&[free]).unwrap();
}

pub(crate) fn added_partitions_leave_the_others_alone(world: &World) {
    let (first, second) = (world.topic(1), world.topic(1));
    let mut writer = world.plain_writer();
    writer.send(&[record(&first, "1"), record(&second, "2")]).unwrap();
    let mut reader = world.reader_of(&[(place(&first, 0), 0)]);
    assert_eq!(wait_for_values(&mut *reader, 1), ["1"]);
    reader.add(&[(place(&second, 0), 0)]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 1), ["2"]);
    writer.send(&[record(&first, "3")]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 1), ["3"]);
    assert!(reader.add(&[(place(&first, 0), 0)]).unwrap_err().invalid());

    // What is no longer assigned is no longer read.
    reader.assign(&[(place(&second, 0), 1)]).unwrap();
    writer.send(&[record(&first, "4")]).unwrap();
    writer.send(&[record(&second, "5")]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 1), ["5"]);

    // One that begins with nothing.
    let mut reader = world.reader(ReaderOptions::default()).unwrap();
    reader.add(&[(place(&first, 0), 2)]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 1), ["4"]);
}

pub(crate) fn a_waiting_reader_is_woken(world: &World) {
    let topic = world.topic(1);
    let mut reader = world.reader_of(&[(place(&topic, 0), 0)]);
    wait_for(&mut *reader, |all| all.iter().any(|fetched| fetched.end.is_some()).then_some(()));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_for_values(&mut *reader, 1));
        world.plain_writer().send(&[record(&topic, "wake")]).unwrap();
        assert_eq!(waiting.join().unwrap(), ["wake"]);
    });
}

pub(crate) fn a_lost_offset_is_told(world: &World) {
    let topic = world.topic(1);
    world.plain_writer().send(&[record(&topic, "only")]).unwrap();
    let mut reader = world.reader_of(&[(place(&topic, 0), 7)]);
    let error = loop {
        if let Err(error) = reader.poll(10, Duration::from_secs(1)) {
            break error;
        }
    };
    let range = error.out_of_range().unwrap();
    assert_eq!(range.partition, place(&topic, 0));
    assert_eq!((range.wanted, range.start, range.end), (7, 0, 1));
    assert!(!error.retryable());
    assert!(error.to_string().contains(&*topic), "{error}");
}

pub(crate) fn few_records_at_a_time(world: &World) {
    let topic = world.topic(1);
    let records: Vec<_> = (0..10).map(|n| record(&topic, n.to_string())).collect();
    world.plain_writer().send(&records).unwrap();
    let mut reader = world.reader_of(&[(place(&topic, 0), 0)]);
    let mut seen = 0;
    while seen < 10 {
        for fetched in reader.poll(3, Duration::from_secs(1)).unwrap() {
            assert!(fetched.records.len() <= 3);
            for record in &fetched.records {
                assert_eq!(record.offset, seen);
                seen += 1;
            }
            assert!(fetched.end.is_none() || seen == 10);
        }
    }
}

pub(crate) fn a_reader_waits_for_no_more_than_the_first_record(world: &World) {
    let topic = world.topic(1);
    let mut reader = world.reader_of(&[(place(&topic, 0), 0)]);
    wait_for(&mut *reader, |all| all.iter().any(|fetched| fetched.end.is_some()).then_some(()));
    let (told, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Whoever waits for as many as it may take finds nothing for an hour.
        let mut poll = || reader.poll(8_192, Duration::from_secs(3_600)).unwrap();
        let read =
            std::iter::repeat_with(|| poll().iter().map(|fetched| fetched.records.len()).sum::<usize>());
        told.send(read.into_iter().find(|read| *read > 0))
    });
    world.plain_writer().send(&[record(&topic, "alone")]).unwrap();
    assert_eq!(waiting.recv_timeout(PATIENCE), Ok(Some(1)));
}

pub(crate) fn unknown_partitions_are_told(world: &World) {
    let missing = unique("missing");
    assert!(world.settings(&missing).unwrap_err().unknown_topic());
    assert!(world.offsets(&place(&missing, 0)).unwrap_err().unknown_topic());
    assert!(world.offset_at(&place(&missing, 0), 5).unwrap_err().unknown_topic());
    let topic = world.topic(1);
    assert!(world.offsets(&place(&topic, 1)).unwrap_err().unknown_topic());
    world.create_topics(&[TopicSpec::new("a b")]).unwrap_err();
    world.health().unwrap();
}

pub(crate) fn what_is_purged_is_gone(world: &World) {
    let (topic, other) = (world.topic(2), world.topic(1));
    let (purged, kept) = (place(&topic, 0), place(&topic, 1));
    let mut writer = world.plain_writer();
    let mut write = |partition, values: &[&str]| {
        let to =
            |value: &&str| olocus_event::OutRecord { partition: Some(partition), ..record(&topic, *value) };
        writer.send(&values.iter().map(to).collect::<Vec<_>>()).unwrap();
    };
    write(0, &["0"]);
    write(0, &["1", "2", "3"]);
    write(0, &["4"]);
    write(1, &["other"]);
    world.purge(&[]).unwrap();
    world.purge(&[(purged.clone(), 0), (kept.clone(), 0)]).unwrap();
    assert_eq!(world.offsets(&purged).unwrap().start, 0);

    // In the middle of what was written together.
    world.purge(&[(purged.clone(), 2), (place(&other, 0), 0)]).unwrap();
    let range = world.offsets(&purged).unwrap();
    assert_eq!((range.start, range.end), (2, 5));
    assert_eq!(world.offset_at(&purged, 0).unwrap(), 2);
    let mut reader = world.reader_of(&[(purged.clone(), 2)]);
    assert_eq!(wait_for_values(&mut *reader, 3), ["2", "3", "4"]);
    let mut reader = world.reader_of(&[(purged.clone(), 1)]);
    let error = loop {
        if let Err(error) = reader.poll(10, Duration::from_secs(1)) {
            break error;
        }
    };
    assert_eq!(error.out_of_range().unwrap().start, 2);
    // Never back.
    world.purge(&[(purged.clone(), 1)]).unwrap();
    assert_eq!(world.offsets(&purged).unwrap().start, 2);
    assert_eq!(world.offsets(&kept).unwrap().start, 0);

    let range = world.purge(&[(purged.clone(), 6)]).unwrap_err().out_of_range().cloned().unwrap();
    assert_eq!((range.partition, range.wanted, range.start, range.end), (purged.clone(), 6, 2, 5));
    assert!(world.purge(&[(place(&unique("missing"), 0), 1)]).unwrap_err().unknown_topic());
    assert!(world.purge(&[(purged.clone(), -1)]).unwrap_err().invalid());

    // All of it, and on.
    world.purge(&[(purged.clone(), 5)]).unwrap();
    write(0, &["5"]);
    let mut reader = world.reader_of(&[(purged.clone(), 5)]);
    assert_eq!(wait_for_values(&mut *reader, 1), ["5"]);
    let range = world.offsets(&purged).unwrap();
    assert_eq!((range.start, range.end), (5, 6));
}

pub(crate) fn nothing_is_undecided_once_written(world: &World) {
    let topic = world.topic(1);
    assert!(world.undecided(&place(&topic, 0)).unwrap().is_empty());
    world.plain_writer().send(&[record(&topic, "sent")]).unwrap();
    let commit = crate::world::commit_of(vec![record(&topic, "committed")]);
    world.transactional_writer(&unique("id")).commit(&commit).unwrap();
    assert!(world.undecided(&place(&topic, 0)).unwrap().is_empty());
    assert!(world.undecided(&place(&topic, 1)).unwrap_err().unknown_topic());
}

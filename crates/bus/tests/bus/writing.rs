use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use olocus_bus::{Commit, Durability, TopicSpec, WriterOptions};
use olocus_event::OutRecord;

use crate::world::{PATIENCE, World, commit_of, keyed, offset, place, record, text, unique};

pub(crate) fn order_per_key(world: &World) {
    let topic = world.topic(3);
    let mut writer = world.plain_writer();
    for round in 0..4 {
        let records: Vec<OutRecord> =
            (0..500).map(|n| keyed(&topic, format!("k{}", n % 50), format!("{}", round * 500 + n))).collect();
        writer.send(&records).unwrap();
    }
    let mut by_key: BTreeMap<String, (i32, Vec<u32>)> = BTreeMap::new();
    let all = world.all(&topic);
    for (partition, records) in &all {
        assert!(records.windows(2).all(|pair| pair[0].offset < pair[1].offset));
        for record in records {
            let key = text(record.key.as_ref());
            let entry = by_key.entry(key).or_insert((*partition, Vec::new()));
            assert_eq!(entry.0, *partition, "a key is in one partition");
            entry.1.push(text(record.value.as_ref()).parse().unwrap());
        }
    }
    assert_eq!(by_key.len(), 50);
    for (key, (_, numbers)) in by_key {
        assert_eq!(numbers.len(), 40, "{key}");
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
    assert_eq!(all.len(), 3, "keys are spread");
}

pub(crate) fn keys_meet_those_of_java_producers(world: &World) {
    // With the hashes of the Java client's own tests.
    let hashes: [(&str, i64); 4] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("abc", 479_470_107),
    ];
    let topic = world.topic(10);
    let records: Vec<_> = hashes.iter().map(|(key, _)| keyed(&topic, *key, "")).collect();
    world.plain_writer().send(&records).unwrap();
    let mut found = BTreeMap::new();
    for (partition, records) in world.all(&topic) {
        for record in records {
            found.insert(text(record.key.as_ref()), partition);
        }
    }
    for (key, hash) in hashes {
        assert_eq!(i64::from(found[key]), (hash & 0x7fff_ffff) % 10, "{key}");
    }
}

pub(crate) fn headers_keys_and_tombstones(world: &World) {
    let topic = world.topic(1);
    let mut full = keyed(&topic, "key", "value");
    full.headers.push("ce_id", Bytes::from_static(b"1"));
    full.headers.push("repeated", Bytes::from_static(b"first"));
    full.headers.push("empty", Bytes::new());
    full.headers.push("repeated", Bytes::from_static(b"second"));
    full.headers.push("binary", Bytes::from_static(&[0, 255, 128]));
    let parts = [None, Some(Bytes::new()), Some(Bytes::from_static(b"x"))];
    let mut written = vec![full];
    for key in &parts {
        for value in &parts {
            written.push(OutRecord { key: key.clone(), value: value.clone(), ..record(&topic, "") });
        }
    }
    world.transactional_writer(&unique("id")).commit(&commit_of(written.clone())).unwrap();
    world.plain_writer().send(&written).unwrap();

    let read = world.all(&topic).remove(&0).unwrap();
    assert_eq!(read.len(), 2 * written.len());
    for (written, read) in written.iter().cycle().zip(&read) {
        assert_eq!((&written.key, &written.value, &written.headers), (&read.key, &read.value, &read.headers));
    }
}

pub(crate) fn timestamps_are_the_wall_clock(world: &World) {
    let topic = world.topic(1);
    let before = world.now();
    world.plain_writer().send(&[record(&topic, "plain")]).unwrap();
    world.transactional_writer(&unique("id")).commit(&commit_of(vec![record(&topic, "committed")])).unwrap();
    let after = world.now();
    for record in &world.all(&topic)[&0] {
        assert!((before..=after).contains(&record.timestamp), "{record:?}");
    }
}

pub(crate) fn topics_are_created_once(world: &World) {
    let (default, chosen) = (unique("default"), unique("chosen"));
    let specs = [
        TopicSpec::new(&*default),
        TopicSpec::new(&*chosen).partitions(5).config("retention.ms", "123456789"),
    ];
    world.create_topics(&specs).unwrap();
    world.plain_writer().send(&[record(&chosen, "stays")]).unwrap();
    world.create_topics(&[TopicSpec::new(&*chosen).partitions(7), TopicSpec::new(&*default)]).unwrap();

    let topics = world.topics().unwrap();
    assert_eq!(topics[&*default], world.default_partitions);
    assert_eq!(topics[&*chosen], 5);
    let id = world.topic_id(&chosen).unwrap();
    assert!(!id.is_empty() && id != world.topic_id(&default).unwrap());
    assert_eq!(world.topic_id(&chosen).unwrap(), id);
    assert!(world.topic_id(&unique("missing")).unwrap_err().unknown_topic());
    assert!(topics.keys().all(|name| !name.starts_with("__")));
    assert_eq!(world.settings(&chosen).unwrap().retention_ms, Some(123_456_789));
    assert_eq!(world.settings(&default).unwrap().retention_ms, Some(7 * 24 * 3_600_000));
    assert_eq!(world.values(&chosen), ["stays"]);

    let endless = unique("endless");
    world.create_topics(&[TopicSpec::new(&*endless).config("retention.ms", "-1")]).unwrap();
    assert_eq!(world.settings(&endless).unwrap().retention_ms, None);
    let wrong = TopicSpec::new(&*unique("wrong")).config("retention.ms", "soon");
    assert!(!world.create_topics(&[wrong]).unwrap_err().retryable());
}

pub(crate) fn large_records(world: &World) {
    let topic = unique("large");
    let limit = 8 << 20;
    world
        .create_topics(&[TopicSpec::new(&*topic)
            .partitions(1)
            .config("max.message.bytes", limit.to_string())])
        .unwrap();
    assert_eq!(world.settings(&topic).unwrap().max_record_bytes, limit);

    let noise: String = (0..5_u32 << 20)
        .map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26))
        .collect();
    let mut writer = world.plain_writer();
    writer.send(&[record(&topic, "small"), record(&topic, noise.clone()), record(&topic, "last")]).unwrap();
    let values = world.values(&topic);
    assert_eq!(values.len(), 3);
    assert!(values[1] == noise, "a large record comes back as it was");

    let too_large = record(&topic, noise.repeat(2));
    let error = writer.send(std::slice::from_ref(&too_large)).unwrap_err();
    assert!(error.too_large() && !error.retryable(), "{error}");
    assert!(error.to_string().contains(&*topic), "{error}");
    let mut writer = world.transactional_writer(&unique("id"));
    let error = writer.commit(&commit_of(vec![record(&topic, "gone"), too_large])).unwrap_err();
    assert!(error.too_large() && !error.retryable(), "{error}");
    writer.commit(&commit_of(vec![record(&topic, "next")])).unwrap();
    assert_eq!(world.values(&topic).split_off(2), ["last", "next"]);
}

pub(crate) fn outputs_and_offsets_are_atomic(world: &World) {
    let (input, output, other) = (world.topic(1), world.topic(1), world.topic(1));
    let group = unique("group");
    let mut writer = world.transactional_writer(&unique("id"));
    let commit = |values: &[&str], next| Commit {
        records: values.iter().flat_map(|value| [record(&output, *value), record(&other, *value)]).collect(),
        offsets: vec![offset(&group, &input, 0, next, "m")],
    };
    let committed = || {
        let found = world.committed(&group, &[place(&input, 0)], PATIENCE).unwrap();
        found[0].as_ref().map(|offset| offset.offset)
    };
    writer.commit(&commit(&["a", "b"], 2)).unwrap();
    assert_eq!(world.values(&output), ["a", "b"]);
    assert_eq!(world.values(&other), ["a", "b"]);
    assert_eq!(committed(), Some(2));

    // One record that cannot be written takes everything else with it.
    let missing = unique("missing");
    let mut failing = commit(&["c"], 3);
    failing.records.push(record(&missing, "c"));
    let error = writer.commit(&failing).unwrap_err();
    assert!(error.unknown_topic() && !error.retryable(), "{error}");
    assert!(error.to_string().contains(&*missing), "{error}");
    assert_eq!(world.values(&output), ["a", "b"]);
    assert_eq!(committed(), Some(2));

    // The writer goes on, also with offsets or records alone.
    writer.commit(&commit(&["d"], 4)).unwrap();
    writer.commit(&commit(&[], 5)).unwrap();
    writer.commit(&commit_of(vec![record(&output, "e")])).unwrap();
    writer.commit(&Commit::default()).unwrap();
    assert_eq!(world.values(&output), ["a", "b", "d", "e"]);
    assert_eq!(world.values(&other), ["a", "b", "d"]);
    assert_eq!(committed(), Some(5));
}

pub(crate) fn a_new_writer_fences_the_old_one(world: &World) {
    let topic = world.topic(1);
    let id = unique("id");
    let mut old = world.transactional_writer(&id);
    old.commit(&commit_of(vec![record(&topic, "old")])).unwrap();
    let mut other = world.transactional_writer(&unique("other"));
    let mut new = world.transactional_writer(&id);
    let error = old.commit(&commit_of(vec![record(&topic, "late")])).unwrap_err();
    assert!(error.fenced() && !error.retryable(), "{error}");
    new.commit(&commit_of(vec![record(&topic, "new")])).unwrap();
    old.commit(&commit_of(vec![record(&topic, "later")])).unwrap_err();
    other.commit(&commit_of(vec![record(&topic, "other")])).unwrap();
    assert_eq!(world.values(&topic), ["old", "new", "other"]);
}

pub(crate) fn writers_refuse_what_is_not_theirs(world: &World) {
    let topic = world.topic(1);
    let records = vec![record(&topic, "x")];
    assert!(world.plain_writer().commit(&commit_of(records.clone())).unwrap_err().invalid());
    let mut writer = world.transactional_writer(&unique("id"));
    assert!(writer.send(&records).unwrap_err().invalid());
    let without = WriterOptions {
        transactional_id: Some("id".to_owned()),
        durability: Durability::None,
        ..WriterOptions::default()
    };
    assert!(world.writer(without).is_err_and(|error| error.invalid()));
    assert!(world.values(&topic).is_empty());

    for durability in [Durability::Relaxed, Durability::Persistent] {
        let options = WriterOptions { durability, ..WriterOptions::default() };
        world.writer(options).unwrap().send(&records).unwrap();
    }
    assert_eq!(world.values(&topic).len(), 2);
}

pub(crate) fn chosen_partitions(world: &World) {
    let topic = world.topic(3);
    let to =
        |partition| OutRecord { partition: Some(partition), ..keyed(&topic, "same", partition.to_string()) };
    let mut writer = world.plain_writer();
    writer.send(&[to(0), to(1), to(2)]).unwrap();
    for (partition, records) in world.all(&topic) {
        assert_eq!(text(records[0].value.as_ref()), partition.to_string());
    }
    let error = writer.send(&[to(3)]).unwrap_err();
    assert!(error.unknown_topic(), "{error}");

    // Without a key, records are spread, though not one by one.
    let spread = world.topic(3);
    let mut writers = world.plain_writer();
    for _ in 0..40 {
        let records: Vec<OutRecord> = (0..5).map(|_| record(&Arc::clone(&spread), "")).collect();
        writers.send(&records).unwrap();
    }
    assert!(world.all(&spread).len() > 1);
}

//! What only a real broker can show: logging in, open transactions, records of other programs.

use std::time::Duration;

use olocus_bus::{Transport, WriterOptions};
use olocus_test_broker::{Broker, Options, User, skipped};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::world::{PATIENCE, World, commit_of, connect, place, record, unique, wait_for, wait_for_values};

fn scram(password: &str) -> Vec<(&str, &str)> {
    vec![
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-256"),
        ("sasl.username", "alice"),
        ("sasl.password", password),
    ]
}

#[test]
fn the_right_password_opens_and_the_wrong_one_is_told() {
    if skipped() {
        return;
    }
    let broker = Broker::shared().unwrap();
    let world = World::of(&broker.bootstrap());
    let topic = world.topic(1);

    let right = connect(&broker.sasl_bootstrap(), &scram("alice-secret")).unwrap();
    right.health().unwrap();
    right.writer(WriterOptions::default()).unwrap().send(&[record(&topic, "in")]).unwrap();
    assert_eq!(world.values(&topic), ["in"]);

    let wrong = connect(&broker.sasl_bootstrap(), &scram("not-her-secret")).unwrap();
    let health = wrong.health().unwrap_err();
    let topics = wrong.topics().unwrap_err();
    let writer = wrong
        .writer(WriterOptions {
            transactional_id: Some(unique("id").to_string()),
            ..WriterOptions::default()
        })
        .err()
        .unwrap();
    for error in [health, topics, writer] {
        assert!(error.denied() && !error.retryable(), "{error}");
        assert!(!error.to_string().contains("not-her-secret"), "{error}");
    }
}

#[test]
fn nobody_at_the_address_is_told_and_may_come() {
    let kafka = connect("127.0.0.1:9", &[]).unwrap();
    let error = kafka.health().unwrap_err();
    assert!(error.retryable(), "{error}");
}

#[test]
fn properties_that_guarantees_rest_on_are_refused() {
    for key in ["isolation.level", "enable.auto.commit", "transactional.id", "acks"] {
        let error = connect("127.0.0.1:9", &[(key, "x")]).err().unwrap();
        assert!(error.invalid() && error.to_string().contains(key), "{error}");
    }
    let error = connect("127.0.0.1:9", &[("security.protocol", "NONSENSE")]).err().unwrap();
    assert!(error.invalid(), "{error}");
}

#[test]
fn many_records_arrive_once_in_one_transaction() {
    let Some(world) = World::kafka() else {
        return;
    };
    let topic = world.topic(2);
    let mut writer = world.transactional_writer(&unique("id"));
    for _ in 0..3 {
        let records = (0..20_000).map(|n| record(&topic, n.to_string())).collect();
        writer.commit(&commit_of(records)).unwrap();
    }
    let mut values: Vec<u32> = world.values(&topic).iter().map(|value| value.parse().unwrap()).collect();
    values.sort_unstable();
    let expected: Vec<u32> = (0..20_000).flat_map(|n| [n; 3]).collect();
    assert!(values == expected);
    // Each commit leaves a marker, which is no record: offsets have gaps and the end is behind them.
    let ends: i64 = (0..2).map(|partition| world.offsets(&place(&topic, partition)).unwrap().end).sum();
    assert!(ends > 60_000, "{ends}");
    let mut reader = world.reader_of(&[(place(&topic, 0), 0)]);
    reader.poll(1, Duration::from_secs(5)).unwrap();
}

#[test]
fn a_topic_that_is_made_again_has_another_id() {
    if skipped() {
        return;
    }
    let kafka = connect(&Broker::shared().unwrap().bootstrap(), &[]).unwrap();
    let (topic, spec) = (unique("topic"), |name: &str| olocus_bus::TopicSpec::new(name).partitions(1));
    kafka.create_topics(&[spec(&topic)]).unwrap();
    let id = kafka.topic_id(&topic).unwrap();
    kafka.delete_topics(&[&*topic]).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while !kafka.topic_id(&topic).is_err_and(|error| error.unknown_topic()) {
        assert!(std::time::Instant::now() < deadline, "it is still there");
    }
    kafka.create_topics(&[spec(&topic)]).unwrap();
    assert_ne!(kafka.topic_id(&topic).unwrap(), id);
}

#[test]
fn whatever_other_programs_compress_with_is_read() {
    let Some(world) = World::kafka() else {
        return;
    };
    for codec in ["gzip", "zstd", "snappy", "lz4"] {
        let topic = world.topic(1);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", Broker::shared().unwrap().bootstrap());
        // Enough in one batch for compression to save something, without which it is left out.
        let theirs: BaseProducer =
            config.set("compression.type", codec).set("linger.ms", "100").create().unwrap();
        let payload = "x".repeat(1000);
        for _ in 0..50 {
            theirs.send(BaseRecord::<[u8], str>::to(&topic).partition(0).payload(&payload)).unwrap();
        }
        theirs.flush(PATIENCE).unwrap();
        assert_eq!(world.values(&topic), vec![payload; 50], "{codec}");
    }
}

#[test]
fn open_transactions_are_not_read_and_are_waited_for() {
    let Some(world) = World::kafka() else {
        return;
    };
    let topic = world.topic(1);
    let (group, id) = (unique("group"), unique("id"));
    let (place, group_place) = (place(&topic, 0), [place(&topic, 0)]);
    world.plain_writer().send(&[record(&topic, "before")]).unwrap();

    // Another program, which does not finish.
    let client = || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", Broker::shared().unwrap().bootstrap());
        config
    };
    let theirs: BaseProducer = client().set("transactional.id", &*id).create().unwrap();
    theirs.init_transactions(PATIENCE).unwrap();
    theirs.begin_transaction().unwrap();
    let open = BaseRecord::<[u8], str>::to(&topic).partition(0).payload("open");
    theirs.send(open).unwrap();
    theirs.flush(PATIENCE).unwrap();
    let member: BaseConsumer = client().set("group.id", &*group).create().unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&topic, 0, Offset::Offset(1)).unwrap();
    let metadata = member.group_metadata().unwrap();
    theirs.send_offsets_to_transaction(&offsets, &metadata, PATIENCE).unwrap();

    let range = world.offsets(&place).unwrap();
    assert_eq!((range.start, range.stable_end, range.end), (0, 1, 2));
    let mut reader = world.reader_of(&[(place.clone(), 0)]);
    let (values, end) = wait_for(&mut *reader, |all| {
        let end = all.iter().find_map(|fetched| fetched.end)?;
        Some((all.iter().map(|fetched| fetched.records.len()).sum::<usize>(), end))
    });
    assert_eq!((values, end.offset, end.stable), (1, 1, false));
    let error = world.committed(&group, &group_place, Duration::from_millis(700)).unwrap_err();
    assert!(error.retryable(), "{error}");

    // Whoever takes the id over ends it, at once.
    drop(member);
    let mut successor = world.transactional_writer(&id);
    assert_eq!(world.committed(&group, &group_place, PATIENCE).unwrap(), [None]);
    let end = wait_for(&mut *reader, |all| {
        assert!(all.iter().all(|fetched| fetched.records.is_empty()));
        all.iter().find_map(|fetched| fetched.end.filter(|end| end.stable))
    });
    assert_eq!(end.offset, world.offsets(&place).unwrap().end);
    successor.commit(&commit_of(vec![record(&topic, "after")])).unwrap();
    assert_eq!(world.values(&topic), ["before", "after"]);
}

/// The broker forgets ids that are not used for a while.
#[test]
fn a_writer_that_is_lost_says_why_each_time_and_a_new_one_goes_on() {
    if skipped() {
        return;
    }
    let properties = [
        ("transactional.id.expiration.ms", "2000"),
        ("transaction.remove.expired.transaction.cleanup.interval.ms", "500"),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let broker = Broker::start(&Options { properties, ..Options::default() }).unwrap();
    let world = World::of(&broker.bootstrap());
    let topic = world.topic(1);
    let id = unique("id");
    let mut writer = world.transactional_writer(&id);
    writer.commit(&commit_of(vec![record(&topic, "before")])).unwrap();
    std::thread::sleep(Duration::from_secs(8));
    let next = commit_of(vec![record(&topic, "after")]);
    let first = writer.commit(&next).unwrap_err();
    assert!(first.writer_lost() && !first.retryable() && !first.fenced(), "{first:?}");
    let again = writer.commit(&next).unwrap_err();
    assert!(again.writer_lost(), "{again:?}");
    assert_eq!(again.to_string(), first.to_string());

    world.transactional_writer(&id).commit(&next).unwrap();
    assert_eq!(world.values(&topic), ["before", "after"]);
}

/// The password changes, and for a while the client's is wrong. It had been right, so that is waited out.
#[test]
fn a_refusal_after_a_connection_has_worked_passes() {
    if skipped() {
        return;
    }
    let user = User { name: "alice".to_owned(), password: "alice-secret".to_owned() };
    let broker = Broker::start(&Options { scram_users: vec![user], ..Options::default() }).unwrap();
    let kafka = connect(&broker.sasl_bootstrap(), &scram("alice-secret")).unwrap();
    let world = World::of(&broker.bootstrap());
    let topic = world.topic(1);
    let options =
        WriterOptions { transactional_id: Some(unique("id").to_string()), ..WriterOptions::default() };
    let mut writer = kafka.writer(options).unwrap();
    writer.commit(&commit_of(vec![record(&topic, "one")])).unwrap();
    let mut reader = kafka.reader(olocus_bus::ReaderOptions::default()).unwrap();
    reader.assign(&[(place(&topic, 0), 0)]).unwrap();
    assert_eq!(wait_for_values(&mut *reader, 1), ["one"]);

    broker.set_password("alice", "another").unwrap();
    broker.restart().unwrap();
    let two = commit_of(vec![record(&topic, "two")]);
    let refused = writer.commit(&two).unwrap_err();
    assert!(refused.retryable(), "{refused:?}");
    for _ in 0..10 {
        let fetched = reader.poll(10, Duration::from_millis(100)).unwrap();
        assert!(fetched.iter().all(|fetched| fetched.records.is_empty()), "{fetched:?}");
    }
    broker.set_password("alice", "alice-secret").unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while let Err(error) = writer.commit(&two) {
        assert!(error.retryable() && std::time::Instant::now() < deadline, "{error:?}");
    }
    assert_eq!(wait_for_values(&mut *reader, 1), ["two"]);
    assert_eq!(world.values(&topic), ["one", "two"]);
}

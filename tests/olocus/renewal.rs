//! What Kafka forgets about those who are quiet, and processes that learn that another has taken their place.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use olocus_bus::{Kafka, KafkaOptions, TopicPartition, TopicSpec, Transport};
use olocus_cep::rule::parse_rule_file;
use olocus_document::{Diagnostics, SourceFile};
use olocus_event::{Keyring, Limits, Sealing};
use olocus_expr::Schemas;
use olocus_runtime::{
    Error, Handle, Options, OutputTopics, Processor, Serialization, SourceSpec, StartAt, SystemClock, compile,
};
use olocus_test_broker::{Broker, Options as BrokerOptions, skipped};
use serde_json::json;

use crate::engine::wait_for;
use crate::world::{World, record};

const RULES: &str = "
version: 1
rules:
  - name: each
    sequence: [ { step: only, event: PREFIX.in } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

/// Longer than the brokers of these tests remember a transactional id that is not used.
const FORGOTTEN: Duration = Duration::from_secs(8);

/// A broker that forgets quickly.
fn forgetful() -> Option<Broker> {
    if skipped() {
        return None;
    }
    let properties = [
        ("transactional.id.expiration.ms", "2000"),
        ("transaction.remove.expired.transaction.cleanup.interval.ms", "500"),
    ];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    Some(Broker::start(&BrokerOptions { properties, ..BrokerOptions::default() }).unwrap())
}

/// A processor of its own, as another process would have it.
fn start(world: &World, renew_interval: Option<Duration>) -> Handle {
    let mut diagnostics = Diagnostics::new();
    let files = [parse_rule_file(&SourceFile::new("rules.yaml", world.fill(RULES)), &mut diagnostics)];
    let sources = [SourceSpec::default_for(&files)];
    let plan = compile(&files, &sources, &Arc::new(Schemas::empty()), &mut diagnostics);
    let nonces = AtomicU64::new(0);
    let options = Options {
        application_id: world.name.clone(),
        start_at: StartAt::Earliest,
        commit_interval: Duration::from_millis(20),
        renew_interval,
        topics: OutputTopics::of(&world.name),
        topic_specs: BTreeMap::new(),
        default_partitions: Some(1),
        limits: olocus_cep::Limits::default(),
        held_max: 1_000,
        held_bytes_max: 1 << 20,
        batch_records: 1_000,
        decoding: Limits::default(),
        keyring: Arc::new(Keyring::empty()),
        sealing: Sealing { compress: false, encrypt: false },
        serialization: Serialization::Json,
        discovery_interval: Duration::from_secs(60),
        clock: Arc::new(SystemClock),
        nonce: Arc::new(move || {
            let mut nonce = [0; 12];
            nonce[..8].copy_from_slice(&nonces.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            nonce
        }),
    };
    let brokers = world.brokers.clone().unwrap();
    let kafka = KafkaOptions { brokers, client_id: "olocus-test".to_owned(), ..KafkaOptions::default() };
    Processor::start(Arc::new(plan.unwrap()), Arc::new(Kafka::connect(kafka).unwrap()), options)
}

fn publish(world: &World, numbers: std::ops::Range<i64>) {
    let topic = world.topic("in");
    let records: Vec<_> = numbers.map(|n| record(&topic, json!({ "n": n }).to_string())).collect();
    world.write(&[TopicSpec::new(&*topic).partitions(1)], &records);
}

/// The numbers of all matches, once there are so many.
fn matched(world: &World, count: usize) -> Vec<i64> {
    let out = world.topic("out");
    wait_for("the matches", || {
        let found =
            if world.open().topics().unwrap().contains_key(&out) { world.values(&out) } else { vec![] };
        (found.len() >= count)
            .then(|| found.iter().map(|found| found["emit"]["n"].as_i64().unwrap()).collect())
    })
}

fn stop(handle: Handle) {
    handle.stop();
    handle.wait().unwrap();
}

fn ended(handle: Handle) -> Error {
    wait_for("the end of the other", || handle.is_finished().then_some(()));
    handle.wait().unwrap_err()
}

#[test]
fn a_quiet_engine_keeps_what_kafka_would_forget() {
    let Some(broker) = forgetful() else { return };
    let world = World::on(&broker);
    publish(&world, 0..3);
    let engine = start(&world, Some(Duration::from_millis(300)));
    matched(&world, 3);
    // As if the offsets had expired.
    let kafka = Kafka::connect(KafkaOptions {
        brokers: world.brokers.clone().unwrap(),
        client_id: "olocus-test".to_owned(),
        ..KafkaOptions::default()
    })
    .unwrap();
    kafka.delete_groups(&[&world.name]).unwrap();
    wait_for("the offset to be committed again", || {
        let place = [TopicPartition::new(world.topic("in"), 0)];
        kafka.committed(&world.name, &place, Duration::from_secs(10)).unwrap()[0]
            .as_ref()
            .map(|offset| assert_eq!(offset.offset, 3))
    });
    std::thread::sleep(FORGOTTEN);
    assert_eq!(engine.status().ready(), Ok(()));
    publish(&world, 3..6);
    assert_eq!(matched(&world, 6), [0, 1, 2, 3, 4, 5]);
    stop(engine);
    assert_eq!(matched(&world, 6).len(), 6);
}

/// Without renewal, as for a process that stood still for a week.
#[test]
fn a_transactional_id_that_was_forgotten_is_taken_again() {
    let Some(broker) = forgetful() else { return };
    let world = World::on(&broker);
    publish(&world, 0..3);
    let engine = start(&world, None);
    matched(&world, 3);
    std::thread::sleep(FORGOTTEN);
    publish(&world, 3..6);
    assert_eq!(matched(&world, 6), [0, 1, 2, 3, 4, 5]);
    stop(engine);
    let engine = start(&world, None);
    publish(&world, 6..7);
    assert_eq!(matched(&world, 7), [0, 1, 2, 3, 4, 5, 6]);
    stop(engine);
}

/// The broker does not know the first process any more, so it cannot say that the second has taken its place.
#[test]
fn a_forgotten_process_does_not_commit_after_another_has() {
    let Some(broker) = forgetful() else { return };
    let world = World::on(&broker);
    publish(&world, 0..3);
    let first = start(&world, None);
    matched(&world, 3);
    std::thread::sleep(FORGOTTEN);
    let second = start(&world, None);
    wait_for("the second to be ready", || second.status().ready().ok());
    // Whichever commits first goes on. The other may come to the very same commit, and notices at its next one.
    let mut next = 3;
    wait_for("one of them to end", || {
        publish(&world, next..next + 1);
        next += 1;
        matched(&world, next as usize);
        (first.is_finished() || second.is_finished()).then_some(())
    });
    let (loser, survivor) = if first.is_finished() { (first, second) } else { (second, first) };
    let error = ended(loser);
    assert!(error.is_fenced(), "{error}");
    publish(&world, next..next + 3);
    assert_eq!(matched(&world, next as usize + 3), (0..next + 3).collect::<Vec<_>>());
    stop(survivor);
}

#[test]
fn a_quiet_process_ends_when_another_has_taken_its_place() {
    let Some(world) = World::kafka() else { return };
    publish(&world, 0..3);
    let first = start(&world, Some(Duration::from_millis(300)));
    matched(&world, 3);
    let second = start(&world, Some(Duration::from_millis(300)));
    let error = ended(first);
    assert!(error.is_fenced(), "{error}");
    publish(&world, 3..4);
    assert_eq!(matched(&world, 4), [0, 1, 2, 3]);
    stop(second);
}

//! Records that the log may not keep, and topics that are deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use olocus_bus::{Kafka, KafkaOptions, TopicSpec};
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::engine::Ended;
use crate::world::{World, record};

const RULES: &str = "
version: 1
rules:
  - name: old
    sequence: [ { step: s, event: PREFIX.old } ]
  - name: fresh
    sequence: [ { step: s, event: PREFIX.fresh } ]
  - name: timed
    sequence: [ { step: s, event: PREFIX.timed } ]
";

#[test]
fn a_topic_that_may_lose_its_records_is_warned_of() {
    let Some(world) = World::kafka() else { return };
    let spec = |name: &str| TopicSpec {
        partitions: Some(1),
        config: BTreeMap::from([("retention.ms".to_owned(), "600000".to_owned())]),
        ..TopicSpec::new(world.topic(name))
    };
    world.write(&[spec("old"), spec("fresh"), spec("timed")], &[]);
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", world.brokers.as_ref().unwrap()).create().unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    let old = now - 3_600_000;
    // An old record behind a fresh one; and one that carries its time, so that its timestamp says nothing.
    for (name, timestamp) in [("old", now), ("old", old), ("fresh", now), ("timed", old)] {
        let topic = world.topic(name);
        let mut record = BaseRecord::<str, str>::to(&topic).payload("{}").timestamp(timestamp);
        if name == "timed" {
            let at = jiff::Timestamp::from_millisecond(old).unwrap().to_string();
            let attributes = [
                ("ce_specversion", "1.0"),
                ("ce_id", "1"),
                ("ce_source", "/s"),
                ("ce_type", &*topic),
                ("ce_time", &*at),
            ];
            let headers = attributes.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
                headers.insert(Header { key, value: Some(*value) })
            });
            record = record.headers(headers);
        }
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();

    let engine = world.start(&["--rules", &world.file("rules.yaml", RULES)]);
    engine.tail(&format!("{}.matches", world.name), 3);
    let log = engine.stop();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("retention")).collect();
    assert_eq!(warnings.len(), 1, "{log}");
    assert!(warnings[0].contains("WARN") && warnings[0].contains(&world.topic("old")), "{}", warnings[0]);
}

/// A topic is deleted and made anew under a running engine: it says what to do, and doing so works.
#[test]
fn a_topic_that_is_deleted_ends_the_engine_with_what_to_do() {
    let Some(world) = World::kafka() else { return };
    let topic = world.topic("fresh");
    let spec = TopicSpec::new(&*topic).partitions(1);
    world.write(std::slice::from_ref(&spec), &[record(&topic, "{}"), record(&topic, "{}")]);
    let rules = world.file("rules.yaml", RULES);
    let mut engine = world.start(&["--rules", &rules]);
    let matches = format!("{}.matches", world.name);
    engine.tail(&matches, 2);
    let kafka = Kafka::connect(KafkaOptions {
        brokers: world.brokers.clone().unwrap(),
        client_id: "olocus-test".to_owned(),
        ..KafkaOptions::default()
    });
    kafka.unwrap().delete_topics(&[&topic]).unwrap();
    world.write(&[spec], &[]);
    let Ended { status, log } = engine.ended();
    assert_eq!(status.code(), Some(1), "{log}");
    let told = log.lines().last().unwrap();
    assert!(told.contains(&topic) && told.contains("deleted") && told.contains("Start again"), "{told}");

    world.write(&[], &[record(&topic, "{}")]);
    let engine = world.start(&["--rules", &rules]);
    engine.tail(&matches, 3);
    engine.stop();
}

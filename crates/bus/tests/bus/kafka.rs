//! What only a real broker can show: logging in, open transactions, records of other programs.

use std::time::Duration;

use olocus_bus::{Transport, WriterOptions};
use olocus_test_broker::Broker;

use crate::world::{World, commit_of, connect, place, record, skipped, unique};

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
    right
        .writer(WriterOptions::default())
        .unwrap()
        .send(&[record(&topic, "in")])
        .unwrap();
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
    let ends: i64 = (0..2)
        .map(|partition| world.offsets(&place(&topic, partition)).unwrap().end)
        .sum();
    assert!(ends > 60_000, "{ends}");
    let mut reader = world.reader_of(&[(place(&topic, 0), 0)]);
    reader.poll(1, Duration::from_secs(5)).unwrap();
}

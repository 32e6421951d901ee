//! Records that cannot be used: each goes to the dead-letter topic as it came, and the stream goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use olocus_bus::TopicSpec;
use olocus_event::{Headers, Keyring, OutRecord, Record, Sealing, seal};
use serde_json::json;

use crate::world::{World, clock, on_both_logs, record};

const RULES: &str = "
version: 1
rules:
  - name: good
    by: user
    sequence: [ { step: only, event: PREFIX.in, where: volume > 10 } ]
    actions: [ { publish: PREFIX.out } ]
";

const CONFIG: &str = "
orchestration:
  events:
    encryption: { algorithm: aes256_gcm, key_file: KEYS }
  sources:
    - topic: PREFIX.in
      idle_after: 200ms
    - topic: PREFIX.timed
      time: stamp
      idle_after: 200ms
  limits: { inflated_bytes: 1MiB }
";

/// What a topic of the embedded log takes: key, value and headers of a record together.
const LARGEST: usize = 128 << 20;

#[test]
fn the_largest_record_that_can_be_read_becomes_a_dead_letter() {
    let world = World::embedded();
    let topic = world.topic("in");
    // Not even UTF-8, so that nothing is inflated or parsed at length.
    world.write(&[TopicSpec::new(&*topic).partitions(1)], &[record(&topic, vec![0xff; LARGEST])]);
    let engine = world.start(&["--rules", &world.file("rules.yaml", RULES)]);
    engine.publish(&topic, &json!({"user": "a", "volume": 11}).to_string(), &[]);
    engine.tail(&world.topic("out"), 1);
    engine.stop();
    let dead = world.records(&world.topic("dead-letter"));
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0].1.value.as_ref().map(Bytes::len), Some(LARGEST));
}

const LARGE: usize = 50_000_000;

on_both_logs!(each_bad_record_is_kept_with_its_cause_and_the_stream_goes_on);

fn each_bad_record_is_kept_with_its_cause_and_the_stream_goes_on(world: &World) {
    let (topic, timed) = (world.topic("in"), world.topic("timed"));
    let bad = bad_records(&topic, &timed);
    // One partition, so that the good event comes after all bad ones; records of up to 60 MB.
    let one = |name: &str| TopicSpec::new(name).partitions(1).config("max.message.bytes", "60000000");
    let good = [
        record(&topic, json!({"user": "a", "volume": 11}).to_string()),
        // A field of another type is no reason to refuse the event: the condition does not hold.
        record(&topic, json!({"user": "b", "volume": {"of": "what"}}).to_string()),
        sealed(&topic, json!({"user": "c", "volume": 12}).to_string(), &keys(), true),
        record(&timed, json!({"stamp": clock(0), "volume": 1}).to_string()),
    ];
    world.write(
        &[one(&topic), one(&timed)],
        &[&bad.iter().map(|(_, bad)| bad.clone()).collect::<Vec<_>>()[..], &good].concat(),
    );

    let keys = world.file("keys", &format!("k1:{}", "07".repeat(32)));
    let config = world.file("olocus.yaml", &CONFIG.replace("KEYS", &keys));
    let engine = world.start(&["--config", &config, "--rules", &world.file("rules.yaml", RULES)]);
    let options = if world.brokers.is_some() { vec!["--keyring", &keys] } else { Vec::new() };
    let mut keys: Vec<_> = engine
        .tail_with(&world.topic("out"), 2, &options)
        .iter()
        .map(|event| event["data"]["key"].clone())
        .collect();
    keys.sort_by_key(serde_json::Value::to_string);
    assert_eq!(keys, ["a", "c"]);
    let mut causes: BTreeMap<&str, f64> = BTreeMap::new();
    for (cause, _) in &bad {
        *causes.entry(cause).or_default() += 1.0;
    }
    for (cause, count) in causes {
        let label = format!("cause=\"{cause}\"");
        assert_eq!(engine.metric("olocus_decode_failures_total", &label), count, "{cause}");
    }
    assert_eq!(engine.metric("olocus_decode_failures_total", ""), bad.len() as f64);
    assert_eq!(engine.metric("olocus_values_unconverted_total", ""), 1.0);
    let log = engine.stop();
    assert!(!log.contains(&"07".repeat(32)), "a key in the log");

    let letters = world.records(&world.topic("dead-letter"));
    assert_eq!(letters.len(), bad.len());
    let mut offsets: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    for (cause, sent) in &bad {
        let offset = offsets.entry(Arc::clone(&sent.topic)).or_insert(0);
        let place = [("olocus-dlq-topic", sent.topic.to_string()), ("olocus-dlq-offset", offset.to_string())];
        let letter = letters
            .iter()
            .map(|(_, letter)| letter)
            .find(|letter| place.iter().all(|(name, value)| header(letter, name) == *value))
            .unwrap_or_else(|| panic!("{cause} is missing at {place:?}"));
        *offset += 1;
        assert_eq!(header(letter, "olocus-dlq-cause"), *cause);
        assert_eq!(header(letter, "olocus-dlq-partition"), "0", "{cause}");
        assert!(!header(letter, "olocus-dlq-detail").is_empty(), "{cause}");
        assert!(letter.value == sent.value, "{cause}: the payload is not as received");
        assert_eq!(letter.key, sent.key, "{cause}");
        // Those of the engine come behind those that were there.
        assert!(letter.headers.iter().take(sent.headers.len()).eq(sent.headers.iter()), "{cause}");
    }
}

/// Each with the cause that is expected.
fn bad_records(topic: &str, timed: &str) -> Vec<(&'static str, OutRecord)> {
    let event = json!({"user": "x", "volume": 99}).to_string();
    let stranger = Keyring::parse(&format!("k2:{}", "08".repeat(32))).unwrap();
    let impostor = Keyring::parse(&format!("k1:{}", "08".repeat(32))).unwrap();
    let mut tampered = sealed(topic, event.clone(), &keys(), false);
    let mut bytes = tampered.value.unwrap().to_vec();
    bytes[3] ^= 1;
    tampered.value = Some(bytes.into());
    let mut moved = sealed(timed, event.clone(), &keys(), false);
    moved.topic = topic.into();
    let bomb = OutRecord {
        headers: Headers::from_iter([("olocus-encoding", "lz4")]),
        ..record(topic, lz4_of_zeros(64 << 20))
    };
    let cloud_event = |name: &'static str, value: &'static str| {
        let mut headers = Headers::from_iter([
            ("ce_specversion", "1.0"),
            ("ce_id", "1"),
            ("ce_source", "/test"),
            ("ce_type", "t"),
            ("content-type", "application/json"),
        ]);
        headers.push(name, value);
        OutRecord { headers, ..record(topic, event.clone()) }
    };
    let next_year = clock(365 * 24 * 3_600_000);
    let huge = format!("{{\"user\":\"x\",\"volume\":99,\"padding\":\"{}\"}}", "x".repeat(LARGE));
    vec![
        ("truncated-json", record(topic, "{\"user\":\"x\",\"volume\":9")),
        ("invalid-json", record(topic, "{\"user\":x}")),
        ("not-an-object", record(topic, "[1, 2]")),
        ("not-an-object", record(topic, "\"text\"")),
        ("trailing-data", record(topic, "{\"user\":\"x\",\"volume\":99} {}")),
        ("invalid-utf8", record(topic, Bytes::from_static(b"{\"user\":\"\xff\",\"volume\":99}"))),
        ("invalid-utf8", record(topic, Bytes::from_static(b"{\"user\":\"x\",\"other\":\"\xc3\"}"))),
        ("no-payload", OutRecord { value: None, ..record(topic, "") }),
        (
            "unknown-encoding",
            OutRecord {
                headers: Headers::from_iter([("olocus-encoding", "rot13")]),
                ..record(topic, event.clone())
            },
        ),
        ("unknown-key", sealed(topic, event.clone(), &stranger, false)),
        ("tampered", sealed(topic, event.clone(), &impostor, false)),
        ("tampered", tampered),
        ("tampered", moved),
        ("inflates-too-far", bomb),
        ("bad-cloudevent", cloud_event("ce_specversion", "0.3")),
        ("bad-time", cloud_event("ce_time", "yesterday")),
        ("future-time", record(timed, json!({"stamp": next_year, "volume": 99}).to_string())),
        ("bad-time", record(timed, json!({"stamp": "tomorrow", "volume": 99}).to_string())),
        ("too-large", record(topic, huge)),
    ]
}

fn keys() -> Keyring {
    Keyring::parse(&format!("k1:{}", "07".repeat(32))).unwrap()
}

fn sealed(topic: &str, event: String, keys: &Keyring, compress: bool) -> OutRecord {
    let nonce = uuid::Uuid::new_v4().as_bytes()[..12].try_into().unwrap();
    seal(record(topic, event), &Sealing { compress, encrypt: true }, keys, nonce).unwrap()
}

/// A frame that grows to so many bytes.
fn lz4_of_zeros(bytes: usize) -> Vec<u8> {
    let zeros = OutRecord { value: Some(vec![0; bytes].into()), ..record("t", "") };
    let sealing = Sealing { compress: true, encrypt: false };
    let frame = seal(zeros, &sealing, &Keyring::empty(), [0; 12]).unwrap().value.unwrap().to_vec();
    assert!(frame.len() < bytes / 50);
    frame
}

fn header(record: &Record, name: &str) -> String {
    let value = record.headers.get(name).unwrap_or_else(|| panic!("no header {name}"));
    String::from_utf8(value.to_vec()).unwrap()
}

//! Events that come too late for the order of their times.

use olocus_bus::TopicSpec;
use serde_json::json;

use crate::engine::{Engine, wait_for};
use crate::world::{World, clock, on_both_logs, record};

const RULES: &str = "
version: 1
rules:
  - name: each
    sequence: [ { step: only, event: PREFIX.in } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

const CONFIG: &str = "
orchestration:
  sources: [ { topic: PREFIX.in, out_of_order: 5s, idle_after: 200ms } ]
  topics: { PREFIX.in: { partitions: 1 } }
";

on_both_logs!(
    a_late_event_goes_to_its_topic_with_what_it_missed,
    ten_thousand_late_events_at_once_hold_nothing_up,
);

fn a_late_event_goes_to_its_topic_with_what_it_missed(world: &World) {
    let (config, rules) = (world.file("olocus.yaml", CONFIG), world.file("rules.yaml", RULES));
    let engine = world.start(&["--config", &config, "--rules", &rules]);
    let event = |n: u32, time: &str| format!("{}\n", json!({"n": n, "time": time}));
    let (newest, missed) = (clock(0), clock(-5_100));
    let lines = [event(1, &newest), event(2, &clock(-4_000)), event(3, &missed)];
    engine.publish(&world.topic("in"), &lines.concat(), &["--time-field", "time"]);
    engine.tail(&world.topic("out"), 2);
    wait_for("the late event", || (engine.metric("olocus_late_events_total", "") == 1.0).then_some(()));
    engine.stop();

    let numbers: Vec<_> =
        world.values(&world.topic("out")).iter().map(|found| found["emit"]["n"].clone()).collect();
    assert_eq!(numbers.len(), 2);
    assert!(!numbers.contains(&json!(3)));
    let late = world.records(&world.topic("late"));
    assert_eq!(late.len(), 1);
    let record = &late[0].1;
    assert_eq!(record.value.as_deref(), Some(event(3, &missed).trim().as_bytes()));
    let header = |name: &str| String::from_utf8(record.headers.get(name).unwrap().to_vec()).unwrap();
    assert_eq!(header("olocus-late-topic"), world.topic("in"));
    assert_eq!((header("olocus-late-partition"), header("olocus-late-offset")), ("0".into(), "2".into()));
    let time = |name: &str| header(name).parse::<jiff::Timestamp>().unwrap();
    assert_eq!(time("olocus-late-event-time"), missed.parse().unwrap());
    let newest: jiff::Timestamp = newest.parse().unwrap();
    assert_eq!(time("olocus-late-watermark"), newest - jiff::SignedDuration::from_secs(5));
}

/// One event waits for its bound to pass while ten thousand late ones come behind it: each is written once, the one that
/// waited is matched, and so is what comes afterwards, also when the process dies in between.
fn ten_thousand_late_events_at_once_hold_nothing_up(world: &World) {
    const LATE: usize = 10_000;
    let config = CONFIG.replace("idle_after: 200ms", "time: t, idle_after: 1h");
    let (config, rules) = (world.file("olocus.yaml", &config), world.file("rules.yaml", RULES));
    let topic = world.topic("in");
    let start = 1_700_000_000_000_i64;
    let event = |n: i64, second: i64| json!({"n": n, "t": start + second * 1_000}).to_string();
    let mut events = vec![event(0, 0), event(1, 100)];
    events.extend((0..LATE).map(|_| event(9, 50)));
    let records: Vec<_> = events.into_iter().map(|event| record(&topic, event)).collect();
    world.write(&[TopicSpec::new(&*topic).partitions(1)], &records);
    let options = ["--config", &config, "--rules", &rules];
    let numbers = |engine: &Engine, count: usize| -> Vec<i64> {
        let found = engine.tail(&world.topic("out"), count);
        found.iter().map(|found| found["data"]["emit"]["n"].as_i64().unwrap()).collect()
    };

    let engine = world.start(&options);
    wait_for("the late events", || {
        (engine.metric("olocus_late_events_total", "") == LATE as f64).then_some(())
    });
    engine.publish(&topic, &[event(2, 200), "\n".to_owned(), event(9, 150)].concat(), &[]);
    assert_eq!(numbers(&engine, 2), [0, 1]);
    wait_for("one more", || {
        (engine.metric("olocus_late_events_total", "") == LATE as f64 + 1.0).then_some(())
    });
    engine.kill();

    let engine = world.start(&options);
    engine.publish(&topic, &event(3, 300), &[]);
    assert_eq!(numbers(&engine, 3), [0, 1, 2]);
    engine.stop();
    assert_eq!(world.records(&world.topic("late")).len(), LATE + 1);
    assert_eq!(world.records(&world.topic("out")).len(), 3);
}

//! The process dies again and again in the middle of its work: every event is matched exactly once.

use olocus_bus::TopicSpec;
use olocus_event::OutRecord;
use serde_json::json;

use crate::engine::{Engine, wait_for};
use crate::world::{World, on_both_logs, record};

const RULES: &str = "
version: 1
rules:
  - name: each
    by: k
    sequence: [ { step: only, event: PREFIX.in, where: n >= 0 } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

/// Events wait for a minute of event time, so that some are held whenever the process dies.
const CONFIG: &str = "
orchestration:
  commit_interval: 10ms
  limits: { batch_records: 200 }
  sources: [ { topic: PREFIX.in, time: t, out_of_order: 60s, idle_after: 500ms } ]
";

const EVENTS: i64 = 30_000;

on_both_logs!(every_event_is_matched_once_however_often_the_process_dies);

fn every_event_is_matched_once_however_often_the_process_dies(world: &World) {
    let topic = world.topic("in");
    let start = 1_700_000_000;
    // A second apart and shuffled within less than a minute.
    let event = |n: i64| -> OutRecord {
        let event = json!({"n": n, "k": n % 97, "t": start + n + n * 31 % 50});
        OutRecord { key: Some(format!("{}", n % 97).into()), ..record(&topic, event.to_string()) }
    };
    world.write(&[TopicSpec::new(&*topic).partitions(3)], &(0..EVENTS).map(event).collect::<Vec<_>>());
    let config = world.file("olocus.yaml", CONFIG);
    let rules = world.file("rules.yaml", RULES);
    let options = ["--config", &config, "--rules", &rules];
    let mut deaths = 0;
    for enough in [1.0, 2_000.0, 500.0, 4_000.0] {
        let engine = Engine::start(world.run(&options), world.brokers.as_deref());
        let matched = wait_for("some matches", || {
            let matched = engine.metric("olocus_matches_total", "");
            // What is left may be less.
            let done = matched > 0.0 && engine.metric("olocus_held_records", "") == 0.0;
            (matched >= enough || done).then_some(matched)
        });
        deaths += usize::from(matched < EVENTS as f64);
        engine.kill();
    }
    let engine = world.start(&options);
    wait_for("the last commit", || {
        let ends = engine.metric("olocus_partition_end_offset", "");
        (ends > 0.0 && engine.metric("olocus_committed_offset", "") == ends).then_some(())
    });
    engine.stop();

    let mut numbers: Vec<i64> =
        world.values(&world.topic("out")).iter().map(|found| found["emit"]["n"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..EVENTS), "{} matches", numbers.len());
    assert!(deaths > 0, "the process was always done before it died: this test needs more events");
    assert_eq!(world.records(&world.topic("late")).len(), 0);
}

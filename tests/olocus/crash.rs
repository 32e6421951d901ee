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

/// Events wait for two seconds of event time, so that some are held whenever the process dies.
const CONFIG: &str = "
orchestration:
  commit_interval: 10ms
  limits: { batch_records: 200 }
  sources: [ { topic: PREFIX.in, time: t, out_of_order: 2s, idle_after: 500ms } ]
";

const EVENTS: i64 = 9_000;

on_both_logs!(every_event_is_matched_once_however_often_the_process_dies);

fn every_event_is_matched_once_however_often_the_process_dies(world: &World) {
    let topic = world.topic("in");
    let start = 1_700_000_000_000_i64;
    // Fifty milliseconds apart and shuffled within less than two seconds.
    let event = |n: i64| -> OutRecord {
        let event = json!({"n": n, "k": n % 97, "t": start + n * 50 + n * 31 % 50 * 40});
        OutRecord { key: Some(format!("{}", n % 97).into()), ..record(&topic, event.to_string()) }
    };
    world.write(&[TopicSpec::new(&*topic).partitions(3)], &(0..EVENTS).map(event).collect::<Vec<_>>());
    let config = world.file("olocus.yaml", CONFIG);
    let rules = world.file("rules.yaml", RULES);
    let options = ["--config", &config, "--rules", &rules];
    let mut deaths = 0;
    for enough in [1.0, 500.0, 100.0, 300.0] {
        let engine = Engine::start(world.run(&options), world.brokers.as_deref());
        wait_for("some matches", || {
            let matched = engine.metric("olocus_matches_total", "");
            // The one before may have left less than that.
            (matched >= enough || all_committed(&engine)).then_some(())
        });
        deaths += usize::from(!all_committed(&engine));
        engine.kill();
    }
    let engine = world.start(&options);
    wait_for("the last commit", || all_committed(&engine).then_some(()));
    engine.stop();

    let mut numbers: Vec<i64> =
        world.values(&world.topic("out")).iter().map(|found| found["emit"]["n"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..EVENTS), "{} matches", numbers.len());
    assert!(deaths > 0, "the process was always done before it died");
    assert_eq!(world.records(&world.topic("late")).len(), 0);
}

/// Whether the engine says that nothing is left to do.
fn all_committed(engine: &Engine) -> bool {
    let ends = engine.metric("olocus_partition_end_offset", "");
    ends > 0.0 && engine.metric("olocus_committed_offset", "") == ends
}

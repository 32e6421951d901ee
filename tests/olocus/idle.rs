//! Partitions that are silent beside others that are not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use olocus_bus::{TopicSpec, WriterOptions};
use olocus_event::OutRecord;
use serde_json::json;

use crate::world::{World, clock, record};

const RULES: &str = "
version: 1
rules:
  - name: each
    by: k
    sequence: [ { step: only, event: PREFIX.t0, where: n % 40 = 0 } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

const CONFIG: &str = "
orchestration:
  sources: [ { topics: [PREFIX.t0, PREFIX.t1, PREFIX.t2, PREFIX.t3], time: t, out_of_order: 500ms } ]
";

/// Few keys in very many partitions, and never a moment without an event: most partitions are silent, and each question
/// whether they really are is answered only after further events have come.
#[test]
fn steady_traffic_in_some_partitions_lets_time_go_on_without_the_others() {
    let Some(world) = World::kafka() else { return };
    let topics = [0, 1, 2, 3].map(|n| world.topic(&format!("t{n}")));
    let specs = topics.each_ref().map(|topic| TopicSpec::new(topic.as_str()).partitions(64));
    world.write(&specs, &[]);
    let (config, rules) = (world.file("olocus.yaml", CONFIG), world.file("rules.yaml", RULES));
    let engine = world.start(&["--config", &config, "--rules", &rules]);
    let seen = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for topic in &topics {
            scope.spawn(|| {
                let log = world.open();
                let mut writer = log.writer(WriterOptions::default()).unwrap();
                for n in (0_u64..).take_while(|_| !seen.load(Ordering::Acquire)) {
                    let event = json!({"n": n, "k": n % 3, "t": clock(0)}).to_string();
                    let key = Some(format!("{}", n % 3).into());
                    writer.send(&[OutRecord { key, ..record(topic, event) }]).unwrap();
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        let found = engine.tail(&world.topic("out"), 20);
        seen.store(true, Ordering::Release);
        let numbers: Vec<i64> =
            found.iter().map(|found| found["data"]["emit"]["n"].as_i64().unwrap()).collect();
        assert!(numbers.iter().all(|n| n % 40 == 0), "{numbers:?}");
    });
    engine.stop();
    assert_eq!(world.records(&world.topic("late")).len(), 0);
}

//! Which topics are read when no source is configured.

use olocus_bus::TopicSpec;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::world::{World, clock, on_both_logs};

/// The rule's pattern covers its own output, the engine's topics, and whatever comes later.
const RULES: &str = "
version: 1
rules:
  - name: everything
    sequence: [ { step: any, event: 'PREFIX.**' } ]
    emit: { from: any.n }
    actions: [ { publish: PREFIX.alerts } ]
";

on_both_logs!(
    a_wildcard_picks_up_new_topics_and_never_the_engines_own_outputs,
    a_global_order_takes_topics_of_one_partition,
);

fn a_wildcard_picks_up_new_topics_and_never_the_engines_own_outputs(world: &World) {
    let rules = world.file("rules.yaml", RULES);
    let alerts = world.topic("alerts");
    let engine = world.start(&["--rules", &rules]);
    let event = |n: u32| json!({"n": n, "time": clock(0)}).to_string();
    let options = ["--time-field", "time"];
    engine.publish(&world.topic("new"), &event(1), &options);
    engine.tail(&alerts, 1);
    engine.publish(&world.topic("deeper.and.newer"), &event(2), &options);
    // What cannot be decoded goes to a topic whose name the pattern covers, too.
    engine.publish(&world.topic("new"), "{\"n\": 3, \"time\": \"2200-01-01T00:00:00Z\"}", &options);
    engine.tail(&alerts, 2);
    engine.publish(&world.topic("new"), &event(4), &options);
    engine.tail(&alerts, 3);
    engine.stop();

    // Outputs stay outputs after a restart, when they exist from the start.
    let engine = world.start(&["--rules", &rules]);
    engine.publish(&world.topic("new"), &event(5), &options);
    engine.tail(&alerts, 4);
    engine.stop();
    let mut found: Vec<Value> =
        world.values(&alerts).iter().map(|found| found["emit"]["from"].clone()).collect();
    found.sort_by_key(Value::to_string);
    assert_eq!(found, [1, 2, 4, 5]);
    assert_eq!(world.records(&world.topic("dead-letter")).len(), 1);
}

fn a_global_order_takes_topics_of_one_partition(world: &World) {
    let rules = world.file("rules.yaml", RULES);
    // A topic that is described without a number of partitions, and one that is there with several.
    let config = "\
orchestration:
  events: { ordering: global }
  topics: { PREFIX.alerts: { retention: 1d } }
  sources: [ { topics: [PREFIX.many, PREFIX.new] } ]
";
    let several = TopicSpec { partitions: Some(3), ..TopicSpec::new(world.topic("many")) };
    world.write(&[several], &[]);
    let config = world.file("olocus.yaml", config);
    let log = world.start(&["--config", &config, "--rules", &rules]).stop();
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("order is to be global")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains(&world.topic("many")), "{log}");
    let engine =
        Engine::start(world.run_as(&world.topic("keyed"), &["--rules", &rules]), world.brokers.as_deref());
    engine.once_ready().stop();
    let topics = world.open().topics().unwrap();
    let partitions = |name: &str| topics[&format!("{}.{name}", world.name)];
    assert_eq!([partitions("alerts"), partitions("late"), partitions("dead-letter")], [1; 3]);
    assert!(partitions("keyed.late") > 1);
}

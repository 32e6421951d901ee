//! Partitions that have nothing to replay.

use olocus_bus::TopicSpec;

use crate::engine::{command, json_lines};
use crate::support::text;
use crate::world::{World, record};

const RULES: &str = "
version: 1
rules:
  - name: pairs
    window: { count: 2, event: '*' }
";

#[test]
fn a_replay_of_topics_goes_on_after_empty_partitions() {
    let Some(world) = World::kafka() else { return };
    let topic = world.topic("in");
    let mut events = [record(&topic, "{\"n\":1}"), record(&topic, "{\"n\":2}")];
    events.iter_mut().for_each(|event| event.partition = Some(1));
    // The first partition and the last are empty.
    world.write(&[TopicSpec::new(&*topic).partitions(3)], &events);
    let rules = world.file("rules.yaml", RULES);
    let brokers = world.brokers.as_ref().unwrap();
    let output =
        command(&["replay", "--rules", &rules, "--brokers", brokers, "--topic", &topic]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(json_lines(&text(&output.stdout)).len(), 1);
}

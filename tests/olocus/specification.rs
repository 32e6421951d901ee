//! The configuration that the specification gives as an example.

use crate::engine::{Engine, command};
use crate::support::shared;
use crate::world::World;

/// 32 bytes in base64: the specification names a variable for a key, not for a ring of them.
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[test]
fn a_durability_that_changes_nothing_is_told() {
    let world = World::embedded();
    let config = world.file("olocus.yaml", "orchestration: { events: { durability: relaxed } }");
    let mut run =
        command(&["run", "--log-json", "--rules", "rules/security.yaml", "--brokers", "127.0.0.1:9"]);
    run.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--config", &config]);
    let log = Engine::start(run, Some("127.0.0.1:9")).stop();
    assert!(log.contains("`events.durability` changes nothing on Kafka"), "{log}");
    let engine = world.start(&["--config", &config, "--rules", "rules/security.yaml"]);
    assert!(!engine.stop().contains("durability"));
}

#[test]
fn the_example_of_the_specification_runs_once_its_transport_is_kafka() {
    let Some(path) = shared("spec/orchestration.md") else {
        eprintln!("SKIPPED: the specification is not beside the project");
        return;
    };
    let specification = std::fs::read_to_string(path).unwrap();
    let example = specification
        .split("```yaml\n")
        .filter_map(|rest| rest.split("```").next())
        .find(|block| block.contains("orchestration:") && block.contains("redis_cluster"))
        .unwrap();
    let config = example.replace("\"redis_cluster\"", "\"kafka\"").replace("nodes:", "brokers:");

    let world = World::embedded();
    let mut run =
        command(&["run", "--log-json", "--rules", "rules/security.yaml", "--brokers", "127.0.0.1:9"]);
    run.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
    run.args(["--config", &world.file("olocus.yaml", &config)]);
    run.env("REDIS_PASSWORD", "secret").env("EVENT_ENCRYPTION_KEY", KEY);
    let engine = Engine::start(run, Some("127.0.0.1:9"));
    engine.wait_until_hindered("trying again");
    let log = engine.stop();
    assert!(log.contains("`registry` is not yet active"), "{log}");
    assert!(!log.contains("secret") && !log.contains(KEY), "{log}");
}

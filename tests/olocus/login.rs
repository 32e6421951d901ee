//! Logging in to the brokers.

use olocus_test_broker::Broker;

use crate::engine::{Engine, refused};
use crate::run::{SPREAD, chain, chains, expected, users};
use crate::support::text;
use crate::world::World;

const LOGIN: &str = "  events:
    transport:
      type: kafka
      brokers: [BROKERS]
      auth: { type: scram-sha-256, username: alice, password_env: OLOCUS_TEST_PASSWORD }
";

#[test]
fn the_engine_and_the_commands_log_in_and_keep_the_secret() {
    let Some(world) = World::kafka() else { return };
    let brokers = Broker::shared().unwrap().sasl_bootstrap();
    let [_, sources, _, rules] = chain(&world);
    let config = std::fs::read_to_string(sources).unwrap() + &LOGIN.replace("BROKERS", &brokers);
    let config = world.file("login.yaml", &config);
    let run = |password: &str| {
        let mut run = crate::engine::command(&["run", "--log-json", "--application-id", &world.name]);
        run.args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        run.args(["--config", &config, "--rules", &rules]).env("OLOCUS_TEST_PASSWORD", password);
        run
    };
    let output = refused(run("not-her-secret"));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.to_lowercase().contains("authentication"), "{told}");
    assert!(!told.contains("not-her-secret"), "{told}");

    let engine = Engine::start(run("alice-secret"), Some(&brokers)).once_ready();
    let password = world.file("password", "alice-secret\n");
    let password = format!("sasl.password=@{password}");
    let login = [
        "security.protocol=SASL_PLAINTEXT",
        "sasl.mechanism=SCRAM-SHA-256",
        "sasl.username=alice",
        &password,
    ];
    let login: Vec<&str> = login.into_iter().flat_map(|property| ["--kafka", property]).collect();
    engine.publish("unused", &chains(&world, 0..2), &[&SPREAD[..], &login].concat());
    engine.tail_with(&world.topic("alerts"), 2, &login);
    let log = engine.stop();
    assert!(!log.contains("alice-secret"), "the password in the log");
    assert_eq!(users(&world.values(&world.topic("alerts"))), expected(0..2));
}

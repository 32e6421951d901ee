//! A Kafka that is reached with TLS, by those who log in.

use olocus_test_broker::{Broker, Options, User, skipped};

use crate::engine::{Engine, command, command_with_input, json_lines, refused};
use crate::support::text;
use crate::world::World;

const RULES: &str = "
version: 1
rules:
  - name: any
    sequence: [ { step: only, event: PREFIX.in } ]
    actions: [ { publish: PREFIX.out } ]
";

#[test]
fn an_engine_and_the_commands_log_in_over_tls() {
    if skipped() {
        return;
    }
    let alice = User { name: "alice".to_owned(), password: "alice-secret".to_owned() };
    let broker = Broker::start(&Options { tls_users: vec![alice], ..Options::default() }).unwrap();
    let world = World::on(&broker);
    let (brokers, authority) = (broker.tls_bootstrap(), broker.certificate().display().to_string());
    let config = |ca: &str| {
        format!(
            "
orchestration:
  application_id: PREFIX
  events:
    transport:
      type: kafka
      brokers: ['{brokers}']
      tls: {ca}
      auth: {{ type: plain, username: alice, password_env: PASSWORD }}
"
        )
    };
    let run = |config: &str, password: &str| {
        let mut run =
            command(&["run", "--log-json", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
        run.args(["--rules", &world.file("rules.yaml", RULES), "--config", config]).env("PASSWORD", password);
        run
    };

    // A broker that nobody vouches for is not given the password.
    let output = refused(run(&world.file("unknown.yaml", &config("true")), "alice-secret"));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("certificate") && !told.contains("alice-secret"), "{told}");

    let config = world.file("olocus.yaml", &config(&format!("{{ ca_file: {authority} }}")));
    let engine = Engine::start(run(&config, "alice-secret"), Some(&brokers));
    engine.wait_until_ready();
    let password = format!("sasl.password=@{}", world.file("password", "alice-secret\n"));
    let authority = format!("ssl.ca.location={authority}");
    let mut connection = vec!["--brokers", &brokers];
    for property in
        ["security.protocol=SASL_SSL", "sasl.mechanism=PLAIN", "sasl.username=alice", &password, &authority]
    {
        connection.extend(["--kafka", property]);
    }
    let input = world.topic("in");
    let output = command_with_input(&[&["publish", &input, "-"], &connection[..]].concat(), "{\"n\": 1}\n");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let tail = ["tail", &world.topic("out"), "--from", "beginning", "--count", "1", "--timeout", "60s"];
    let output = command(&[&tail, &connection[..]].concat()).output().unwrap();
    assert_eq!(json_lines(&text(&output.stdout)).len(), 1, "{}", text(&output.stderr));
    engine.stop();
}

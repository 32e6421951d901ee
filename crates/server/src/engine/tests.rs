use std::fs;
use std::io::{Read, Write};
use std::time::Instant;

use serde_json::{Value, json};

use super::*;

const RULES: &str = "version: 1
rules:
  - name: chain
    by: user
    sequence:
      - { step: first, event: a.first }
      - { step: second, event: a.second, where: n > 1 }
    emit: { n: second.n }
    actions: [ { publish: found }, { webhook: { url: \"HOOK\" } } ]
";

struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new(rules: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("rules.yaml"), rules).unwrap();
        World { folder }
    }

    fn config(&self, more: &str) -> Config {
        let text = format!(
            "orchestration:
  events:
    transport: {{ type: embedded, directory: log }}
    encryption: {{ algorithm: aes256_gcm, key_env: KEYS }}
    compression: lz4
    ordering: global
  rules: rules.yaml
  http: {{ listen: \"127.0.0.1:0\", metrics_listen: \"127.0.0.1:0\" }}
{more}"
        );
        let file = olocus_document::SourceFile::new("olocus.yaml", text);
        let (config, diagnostics) = Config::parse(&file, self.folder.path());
        config.unwrap_or_else(|| panic!("{}", diagnostics.render(false)))
    }

    fn start(&self, more: &str) -> Result<Engine, StartError> {
        let overrides = Overrides { environment: environment(), ..Overrides::default() };
        Engine::start(self.config(more), &[], overrides)
    }
}

fn environment() -> Environment {
    Environment::fixed([("KEYS", "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")])
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(Duration::from_secs(30))).build().new_agent()
}

fn publish(engine: &Engine, topic: &str, event: &Value) {
    let url = format!("http://{}/v1/topics/{topic}/events", engine.address());
    let response = agent().post(url).content_type("application/json").send(event.to_string()).unwrap();
    assert_eq!(response.status(), 200);
}

fn matches(engine: &Engine, count: usize) -> Vec<Value> {
    let url =
        format!("http://{}/v1/topics/found/events?follow=true&count={count}&timeout=25s", engine.address());
    let text = agent().get(url).call().unwrap().into_body().read_to_string().unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn events_become_matches_and_the_engine_stops_when_it_is_asked() {
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/", receiver.local_addr().unwrap());
    let world = World::new(&RULES.replace("HOOK", &hook));
    let engine = world.start("  commit_interval: 20ms\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while engine.status().ready().is_err() {
        assert!(Instant::now() < deadline, "{:?}", engine.status().ready());
        std::thread::sleep(Duration::from_millis(10));
    }
    publish(&engine, "a.first", &json!({ "user": "u1" }));
    // The log stamps milliseconds: the second event must not share the first one's.
    std::thread::sleep(Duration::from_millis(5));
    publish(&engine, "a.second", &json!({ "user": "u1", "n": 2 }));
    let found = matches(&engine, 1);
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["data"]["rule"], &found[0]["data"]["emit"]), (&json!("chain"), &json!({ "n": 2 })));
    // Calls travel sealed, too, and arrive in the clear.
    let (mut call, _) = receiver.accept().unwrap();
    let mut request = [0; 4_096];
    let mut length = 0;
    let id = found[0]["id"].as_str().unwrap();
    while !String::from_utf8_lossy(&request[..length]).contains("\"emit\"") {
        length += call.read(&mut request[length..]).unwrap();
    }
    assert!(String::from_utf8_lossy(&request[..length]).contains(&format!("idempotency-key: {id}")));
    call.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    engine.stop();
    engine.wait().unwrap();
    // The log is free again.
    let again = world.start("").unwrap();
    again.stop();
    again.wait().unwrap();
}

#[test]
fn mistakes_of_rules_and_missing_secrets_are_told_before_the_log_is_touched() {
    let world =
        World::new("version: 1\nrules:\n  - name: a\n    window: { count: 3, event: x }\n    where: nope(\n");
    let error = world.start("").unwrap_err();
    assert!(error.diagnostics().unwrap().render(false).contains("rules.yaml:5"), "{error}");

    let world = World::new(&RULES.replace("HOOK", "http://localhost/"));
    let config = "orchestration:
  events: { transport: { type: embedded, directory: log }, encryption: { algorithm: aes256_gcm, key_env: OTHER } }
  rules: rules.yaml
  http: { token_env: TOKEN }
";
    let file = olocus_document::SourceFile::new("olocus.yaml", config);
    let config = Config::parse(&file, world.folder.path()).0.unwrap();
    let environment = Environment::fixed([("OTHER", "no key")]);
    let error = Engine::start(config, &[], Overrides { environment, ..Overrides::default() }).unwrap_err();
    let shown = error.diagnostics().unwrap().render(false);
    assert!(shown.contains("`TOKEN` is not set") && shown.contains("bad-keyring"), "{shown}");
    assert!(!shown.contains("no key"), "{shown}");
    assert!(!world.folder.path().join("log").exists());
}

#[test]
fn a_foreign_directory_and_a_taken_port_are_told_plainly() {
    let world = World::new(&RULES.replace("HOOK", "http://localhost/"));
    fs::create_dir(world.folder.path().join("log")).unwrap();
    fs::write(world.folder.path().join("log/letters.txt"), "mine").unwrap();
    let error = world.start("").unwrap_err().to_string();
    assert!(error.contains("failed to open the embedded log"), "{error}");

    let world = World::new(&RULES.replace("HOOK", "http://localhost/"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = world.config("");
    config.http.listen = taken.local_addr().unwrap().to_string();
    let overrides = Overrides { environment: environment(), ..Overrides::default() };
    let error = Engine::start(config, &[], overrides).unwrap_err().to_string();
    assert!(error.contains(&taken.local_addr().unwrap().to_string()), "{error}");
    assert!(!world.folder.path().join("log").exists());
}

#[test]
fn a_command_line_overrides_the_configuration() {
    let world = World::new(&RULES.replace("HOOK", "http://localhost/"));
    let overrides = Overrides {
        brokers: Some("other:9092".to_owned()),
        application_id: Some("mine".to_owned()),
        listen: Some("127.0.0.1:1".to_owned()),
        ..Overrides::default()
    };
    let config = overridden(world.config(""), overrides);
    let TransportConfig::Kafka { brokers, properties } = &config.transport else { panic!("kafka") };
    assert_eq!((brokers.as_str(), properties.len()), ("other:9092", 0));
    assert_eq!((config.application_id.as_str(), config.http.listen.as_str()), ("mine", "127.0.0.1:1"));
    assert_eq!(&*output_topics(&config).dead_letter, "mine.dead-letter");
}

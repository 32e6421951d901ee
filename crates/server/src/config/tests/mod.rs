use std::path::Path;
use std::sync::Arc;

use olocus_cep::Overflow;
use olocus_document::{Diagnostics, Level, SourceFile};
use olocus_event::Format;
use olocus_event::time::TimeUnit;

use super::*;

mod broken;

const FULL: &str = include_str!("full.yaml");
const SPECIFICATION: &str = include_str!("specification.yaml");

fn parse(text: &str) -> (Option<Config>, Diagnostics) {
    Config::parse(&SourceFile::new("olocus.yaml", text), Path::new("/etc/olocus"))
}

fn good(text: &str) -> Config {
    let (config, diagnostics) = parse(text);
    assert!(!diagnostics.has_errors(), "{}", diagnostics.render(false));
    config.unwrap()
}

#[test]
fn every_key_arrives() {
    let config = good(FULL);
    assert_eq!(config.application_id, "fraud");
    let TransportConfig::Kafka { brokers, properties } = &config.transport else { panic!("kafka") };
    assert_eq!(brokers, "one:9092,two:9092");
    let text = |name: &str| match &properties[name] {
        Property::Text(text) => text.clone(),
        Property::Secret(_) => panic!("{name} is a secret"),
    };
    assert_eq!(text("security.protocol"), "sasl_ssl");
    assert_eq!(text("sasl.mechanisms"), "SCRAM-SHA-512");
    assert_eq!(text("sasl.username"), "engine");
    assert_eq!(text("ssl.ca.location"), "/etc/olocus/ca.pem");
    assert_eq!(text("fetch.wait.max.ms"), "50");
    for secret in ["sasl.password", "ssl.key.password", "ssl.key.pem"] {
        assert!(matches!(properties[secret], Property::Secret(_)), "{secret}");
    }
    assert_eq!(config.serialization, Serialization::MessagePack);
    assert!(config.compress && config.encryption.is_some());
    assert_eq!((config.durability, config.ordering), (Durability::Relaxed, Ordering::Global));
    assert_eq!(config.rules, [Path::new("/etc/olocus/rules"), Path::new("/etc/olocus/more.yaml")]);
    assert_eq!(config.schemas.as_deref(), Some(Path::new("/etc/olocus/schemas/events")));

    let [first, second] = &*config.sources else { panic!("two sources") };
    assert!(first.reads("win.1") && !first.reads("win.a.b") && second.reads("data.a.b"));
    assert_eq!((first.format, first.time_unit), (Format::Json, TimeUnit::Millis));
    assert_eq!(first.event_type.as_ref().map(|text| text.value.as_str()), Some("'win.' || EventID"));
    assert_eq!((first.out_of_order, first.idle_after), (90_000_000_000, Some(2_000_000_000)));
    assert_eq!(second.idle_after, None);

    let alerts = &config.topics["security.alerts"];
    assert_eq!(alerts.partitions, Some(3));
    assert_eq!(alerts.config["retention.ms"], "2592000000");
    assert_eq!(alerts.config["cleanup.policy"], "delete");
    assert_eq!(config.topics["ops.alerts"].partitions, None);
    assert_eq!(config.outputs.late.as_deref(), Some("late.records"));
    let limits = config.limits;
    assert_eq!((limits.state.partial_matches_per_rule, limits.state.window_events_per_rule), (10, 20));
    assert_eq!((limits.state.keys_per_rule, limits.state.policy), (30, Overflow::Fail));
    assert_eq!((limits.held_records, limits.batch_records), (40, 50));
    assert_eq!((limits.state.state_bytes_per_rule, limits.held_bytes), (60_000_000, 70 << 20));
    assert_eq!((limits.decoding.max_record_bytes, limits.decoding.max_inflated_bytes), (1 << 20, 2_000_000));
    assert_eq!(limits.body_bytes, 3_000_000);
    assert_eq!(config.http.listen, "0.0.0.0:80");
    assert_eq!(config.commit_interval, Duration::from_millis(250));
}

#[test]
fn the_example_of_the_specification_loads_and_tells_what_is_not_yet_active() {
    let (config, diagnostics) = parse(SPECIFICATION);
    assert!(config.is_some());
    let notes: Vec<_> =
        diagnostics.iter().map(|note| (note.level, note.code, note.message.as_str())).collect();
    let note = |section: &str| format!("the section `{section}` is not yet active");
    let expected: Vec<String> =
        ["registry", "dependencies", "pipeline", "health", "observability"].map(note).into();
    assert_eq!(notes.len(), expected.len(), "{notes:?}");
    for (note, expected) in notes.iter().zip(&expected) {
        assert_eq!(*note, (Level::Warning, "not-yet-active", expected.as_str()));
    }
}

#[test]
fn sections_may_be_empty() {
    let config = good("orchestration:\n  events:\n  sources:\n  topics:\n  limits:\n  http:\n  pipeline:\n");
    assert_eq!(config.http.listen, HttpConfig::default().listen);
    good("orchestration:\n");
}

#[test]
fn the_embedded_log_is_beside_the_file() {
    let config = good("orchestration: { events: { transport: { type: embedded, directory: data } } }");
    let TransportConfig::Embedded { directory } = config.transport else { panic!("embedded") };
    assert_eq!(directory, Path::new("/etc/olocus/data"));
}

#[test]
fn secrets_are_looked_up_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "hunter2\n").unwrap();
    let file = SourceFile::new("olocus.yaml", "orchestration: { http: { token_file: token } }");
    let config = Config::parse(&file, folder.path()).0.unwrap();
    let secret = config.http.token.unwrap().read(&Environment::of_process()).unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert!(!format!("{secret:?}").contains("hunter2"));

    let environment = Environment::fixed([("TOKEN", "hunter3")]);
    assert!(!format!("{environment:?}").contains("hunter3"));
    let token = good(FULL).http.token.unwrap();
    assert_eq!(token.read(&environment).unwrap().expose(), "hunter3");
    let missing = token.read(&Environment::fixed([("OTHER", "")])).unwrap_err();
    assert!(missing.render(false).contains("`TOKEN` is not set"), "{}", missing.render(false));
    let empty = token.read(&Environment::fixed([("TOKEN", "\n")])).unwrap_err();
    assert!(empty.message.contains("empty"));
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (config, diagnostics) = Config::load(&folder.path().join("none.yaml"));
    assert!(config.is_none() && diagnostics.render(false).contains("none.yaml"));
    let path = folder.path().join("bytes.yaml");
    std::fs::write(&path, b"orchestration:\n  \xff").unwrap();
    assert!(Config::load(&path).1.render(false).contains("UTF-8"));
}

#[test]
fn the_json_schema_agrees_with_the_reader() {
    let schema = include_str!("../../../../../schemas/config.schema.json");
    let schema = serde_json::from_str(schema).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let takes = |text: &str| validator.is_valid(&json(text));
    assert!(takes(FULL) && takes(SPECIFICATION), "{:?}", validator.validate(&json(FULL)));
    for (name, text) in broken::CASES {
        // What is no YAML is no JSON either, and notes are no mistakes.
        let known_to_schema = !matches!(*name, "syntax" | "later_sections");
        assert!(!known_to_schema || !takes(text), "the schema takes `{name}`");
    }
}

fn json(text: &str) -> serde_json::Value {
    let file: Arc<SourceFile> = SourceFile::new("sample", text);
    let node = olocus_document::parse(&file).unwrap();
    olocus_cep::rule::to_json(&node, &file, &mut Diagnostics::new()).unwrap()
}

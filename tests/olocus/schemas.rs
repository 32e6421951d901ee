//! The JSON Schemas in `schemas/` against what the command reads and writes.

use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use olocus_cep::rule::{RuleFile, parse_rule_file, to_json};
use olocus_document::{Diagnostics, SourceFile};
use olocus_event::time::format_rfc3339;
use serde_json::{Value, json};

use crate::support::{olocus, root, text};

fn schema(name: &str) -> Validator {
    let text = fs::read_to_string(root().join("schemas").join(name)).unwrap();
    let schema = serde_json::from_str(&text).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap()
}

fn yaml(text: &str) -> Value {
    let file = SourceFile::new("f.yaml", text);
    let node = olocus_document::parse(&file).unwrap();
    to_json(&node, &file, &mut Diagnostics::new()).unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

fn problems(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The rule files that ship, relative to the project's root.
fn shipped() -> Vec<String> {
    let windows = fs::read_dir(root().join("rules/windows")).unwrap();
    let mut files: Vec<String> = windows
        .map(|entry| format!("rules/windows/{}", entry.unwrap().file_name().to_str().unwrap()))
        .chain(["rules/security.yaml".to_owned(), "rules/operations.yaml".to_owned()])
        .collect();
    files.sort();
    files
}

/// The events of all tests of a rule file as NDJSON in the order of time.
fn events_of_tests(rules: &RuleFile) -> String {
    let mut events = Vec::new();
    for event in rules.rules.iter().flat_map(|rule| &rule.tests).flat_map(|test| &test.events) {
        for k in 0..i64::try_from(event.repeat).unwrap() {
            let time = event.at + k * event.every;
            let mut data = event.fields.clone();
            data.insert("@time".to_owned(), format_rfc3339(time).into());
            data.insert("@type".to_owned(), event.event_type.as_str().into());
            events.push((time, Value::Object(data).to_string()));
        }
    }
    events.sort();
    events.into_iter().map(|(_, event)| event + "\n").collect()
}

/// What `olocus replay` prints for these rules on the events of their tests.
fn replay(rules: &Path, folder: &Path) -> Vec<Value> {
    let file = SourceFile::new("rules.yaml", fs::read_to_string(rules).unwrap());
    let mut diagnostics = Diagnostics::new();
    let parsed = parse_rule_file(&file, &mut diagnostics);
    assert!(!diagnostics.has_errors(), "{}", diagnostics.render(false));
    let events = folder.join("events.ndjson");
    fs::write(&events, events_of_tests(&parsed)).unwrap();
    let (rules, events) = (rules.to_str().unwrap(), events.to_str().unwrap());
    let args = ["replay", "--rules", rules, "--input", events, "--time-field", "@time"];
    let output = olocus(&[&args[..], &["--type-expr", "\"@type\""]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn matches_are_as_their_schema_says() {
    let validator = schema("match.schema.json");
    let folder = tempfile::tempdir().unwrap();
    let all_parts = folder.path().join("all_parts.yaml");
    fs::write(&all_parts, ALL_PARTS).unwrap();
    let files = shipped().into_iter().map(|file| root().join(file)).chain([all_parts]);
    let mut parts = std::collections::BTreeSet::new();
    for file in files {
        let matches = replay(&file, folder.path());
        assert!(!matches.is_empty(), "{} finds nothing in its own tests", file.display());
        for found in matches {
            let problems = problems(&validator, &found);
            assert!(problems.is_empty(), "{problems:#?} in {found}");
            let window = found.get("window").and_then(Value::as_object);
            for part in found.as_object().unwrap().keys().chain(window.into_iter().flat_map(|it| it.keys())) {
                parts.insert(part.clone());
            }
        }
    }
    // The schema was held against each part that it describes.
    let known: Value = serde_json::from_str(&read("schemas/match.schema.json")).unwrap();
    for place in ["/properties", "/$defs/window/properties"] {
        for part in known.pointer(place).unwrap().as_object().unwrap().keys() {
            assert!(parts.contains(part), "no match had `{part}`");
        }
    }
}

/// Rules that together have everything that a match can show.
const ALL_PARTS: &str = "
version: 1
rules:
  - name: sequence_with_everything
    severity: critical
    tags: [one, two]
    owner: somebody
    references: https://example.org/
    meta: { runbook: 42 }
    include: events
    by: [host, nested.id]
    sequence:
      - { step: first, event: e }
      - { step: second, event: f }
    emit: { object: first.nested, missing: second.nothing }
    tests:
      - name: a list of keys
        events:
          - { at: 0s, type: e, host: h, nested: { id: 1 } }
          - { at: 1s, type: f, host: h, nested: { id: 1 } }
        expect: [ {} ]
  - name: window_that_embeds
    include: events
    by: host
    window: { tumbling: 1h, event: big }
    tests:
      - name: more than a match may embed
        events: [ { at: 0s, type: big, host: h, repeat: 9000, every: 100ms } ]
        expect: [ {} ]
  - name: no_key
    window: { count: 1, event: lone }
    emit: { n: count(*) }
    tests:
      - { name: one, events: [ { at: 1500us, type: lone } ], expect: [ { emit: { n: 1 } } ] }
  - name: out_of_time
    include: none
    sequence:
      - { step: begun, event: begun }
      - { step: done,  event: done }
    within: 1m
    on_timeout: [ { log: debug } ]
    tests:
      - { name: one, events: [ { at: 0s, type: begun } ], expect: none, timeouts: [ {} ] }
  - name: window_with_an_estimate
    window: { tumbling: 1h, event: many }
    emit: { times: count(distinct meta.time) }
    tests:
      - name: more different values than are counted
        events: [ { at: 0s, repeat: 1100, every: 1ms, type: many } ]
        expect: [ {} ]
";

#[test]
fn what_is_no_match_is_refused() {
    let validator = schema("match.schema.json");
    let event =
        json!({ "topic": "t", "partition": 0, "offset": 0, "id": "i", "time": "2026-01-01T00:00:00Z" });
    let good = json!({
        "rule": "r", "version": "0a", "id": "0123456789abcdef0123456789abcdef", "severity": "info", "key": null,
        "start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:00.001Z", "emit": {},
        "events": { "step": [event] },
    });
    assert_eq!(problems(&validator, &good), Vec::<String>::new());
    for (place, key, value) in [
        ("", "severity", json!("low")),
        ("", "start", json!("2026-01-01T00:00:00+00:00")),
        ("", "id", json!("1")),
        ("", "emit", json!([])),
        ("", "more", json!(1)),
        ("", "window", json!({})),
        ("", "events", json!({})),
        ("/events/step/0", "offset", json!(-1)),
        ("/events/step/0", "more", json!(1)),
    ] {
        let mut bad = good.clone();
        bad.pointer_mut(place).unwrap().as_object_mut().unwrap().insert(key.to_owned(), value.clone());
        assert!(!validator.is_valid(&bad), "{place} {key} {value}");
    }
}

#[test]
fn the_rules_that_ship_are_as_their_schema_says() {
    let validator = schema("rule-file.schema.json");
    for file in shipped() {
        let problems = problems(&validator, &yaml(&read(&file)));
        assert!(problems.is_empty(), "{file}: {problems:#?}");
    }
}

/// Editors see mistakes of shape while one writes; those in expressions are beyond a schema.
#[test]
fn the_schema_of_rule_files_refuses_what_is_broken_in_shape() {
    let validator = schema("rule-file.schema.json");
    let is_valid = |name: &str| validator.is_valid(&yaml(&read(&format!("tests/olocus/broken/{name}.yaml"))));
    for name in ["unknown_keys", "wrong_types", "durations", "windows", "sql_syntax", "empty"] {
        assert!(!is_valid(name), "{name}");
    }
    for name in ["functions", "steps_in_emit", "fields", "places", "first_of_two"] {
        assert!(is_valid(name), "{name}");
    }
}

#[test]
fn the_configurations_of_the_project_are_as_their_schema_says() {
    let validator = schema("config.schema.json");
    let mut examples = vec![("docker/olocus.yaml".to_owned(), read("docker/olocus.yaml"))];
    let pages =
        ["README.md", "crates/README.md", "rules/README.md", "schemas/README.md", "schemas/envelope.md"];
    for page in pages.map(PathBuf::from) {
        let text = read(page.to_str().unwrap());
        for block in text.split("\n```yaml\n").skip(1) {
            let block = block.split("\n```").next().unwrap();
            if block.lines().any(|line| line.starts_with("orchestration:")) {
                examples.push((page.display().to_string(), block.to_owned()));
            }
        }
    }
    for (place, example) in &examples {
        let problems = problems(&validator, &yaml(example));
        assert!(problems.is_empty(), "{place}: {problems:#?}");
    }
}

#[test]
fn the_schema_of_the_configuration_refuses_unknown_keys_everywhere() {
    let validator = schema("config.schema.json");
    let good = yaml(&read("docker/olocus.yaml"));
    for place in [
        "",
        "/orchestration",
        "/orchestration/events",
        "/orchestration/events/transport",
        "/orchestration/http",
    ] {
        let mut bad = good.clone();
        let target = bad.pointer_mut(place).unwrap().as_object_mut().unwrap();
        target.insert("colour".to_owned(), json!("red"));
        assert!(!validator.is_valid(&bad), "at `{place}`");
    }
}

/// A file that nobody finds might as well not be there.
#[test]
fn the_table_of_schemas_names_every_file() {
    let page = read("schemas/README.md");
    let entries = fs::read_dir(root().join("schemas")).unwrap();
    for entry in entries.map(Result::unwrap).filter(|entry| entry.file_name() != "README.md") {
        let folder = if entry.file_type().unwrap().is_dir() { "/" } else { "" };
        let link = format!("({}{folder})", entry.file_name().to_str().unwrap());
        assert!(page.contains(&link), "schemas/README.md has no link {link}");
    }
}

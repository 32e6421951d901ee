//! The JSON Schema that editors read and the parser agree.

use jsonschema::Validator;
use olocus_document::{Diagnostics, SourceFile};
use serde_json::{Value, json};

use super::EXAMPLE;
use crate::rule::{parse_rule_file, to_json};

const SCHEMA: &str = include_str!("../../../../../schemas/rule-file.schema.json");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).unwrap()
}

/// Whether the parser finds nothing wrong with a file.
fn parses(text: &str) -> Result<(), String> {
    let file = SourceFile::new("f.yaml", text);
    let mut diagnostics = Diagnostics::new();
    parse_rule_file(&file, &mut diagnostics);
    match diagnostics.has_errors() {
        true => Err(diagnostics.render(false)),
        false => Ok(()),
    }
}

fn yaml_to_json(text: &str) -> Value {
    let file = SourceFile::new("f.yaml", text);
    let node = olocus_document::parse(&file).unwrap();
    to_json(&node, &file, &mut Diagnostics::new()).unwrap()
}

#[test]
fn the_schema_follows_its_draft() {
    jsonschema::meta::validate(&schema()).unwrap();
}

#[test]
fn the_examples_of_the_schema_are_rule_files() {
    let schema = schema();
    let validator = validator();
    for example in schema["examples"].as_array().unwrap() {
        assert!(validator.is_valid(example));
        // JSON is YAML.
        parses(&example.to_string()).unwrap();
    }
}

#[test]
fn what_the_parser_reads_is_valid() {
    let example = yaml_to_json(EXAMPLE);
    let validator = validator();
    let errors: Vec<_> = validator.iter_errors(&example).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

/// Changes of a good file, each of one value; both the schema and the parser accept or refuse them.
#[test]
fn schema_and_parser_accept_and_refuse_the_same() {
    let validator = validator();
    let sequence = "/rules/0";
    let window = "/rules/1";
    let good = [
        (sequence, "severity", json!("critical")),
        (sequence, "by", json!(["a", "b"])),
        (sequence, "within", json!("PT1H")),
        (sequence, "within", json!("1w2d3h4m5s6ms7us8ns")),
        (sequence, "within", json!("1.5h")),
        (sequence, "tags", json!("one")),
        (sequence, "include", json!(["events"])),
        (sequence, "meta", json!([1, null, { "a": 1.5 }])),
        (sequence, "emit", json!({ "a": 5, "b": true, "c": "x.y" })),
        (sequence, "actions", json!([{ "log": "debug" }])),
        (sequence, "tests", json!([])),
        (window, "window", json!({ "count": 1, "event": "*" })),
        (window, "window", json!({ "tumbling": "1m", "event": ["a.*", "**.b", "**"] })),
        (window, "window", json!({ "sliding": "1m", "event": "ключ" })),
        (window, "window", json!({ "sliding": "1m", "every": "1m", "event": "a" })),
        (window, "window", json!({ "session": "1s", "event": "a" })),
        (window, "where", json!(true)),
    ];
    let bad = [
        ("", "version", json!(2)),
        ("", "version", json!("1")),
        ("", "rules", json!({})),
        ("", "more", json!(1)),
        (sequence, "severity", json!("hihg")),
        (sequence, "enabled", json!("yes")),
        (sequence, "name", json!("")),
        (sequence, "name", json!(" a")),
        (sequence, "name", json!(5)),
        (sequence, "by", json!([])),
        (sequence, "by", json!(["a", "a"])),
        (sequence, "by", json!(" ")),
        (sequence, "by", json!(5)),
        (sequence, "within", json!("5 m")),
        (sequence, "within", json!("5m1h")),
        (sequence, "within", json!("5")),
        (sequence, "within", json!(5)),
        (sequence, "having", json!("x")),
        (sequence, "where", json!("x")),
        (sequence, "window", json!({ "count": 1, "event": "a" })),
        (sequence, "sequence", json!([])),
        (sequence, "sequence", json!([{ "step": "meta", "event": "a" }])),
        (sequence, "sequence", json!([{ "step": "a-b", "event": "a" }])),
        (sequence, "sequence", json!([{ "step": "a" }])),
        (sequence, "sequence", json!([{ "event": "a" }])),
        (sequence, "sequence", json!([{ "step": "a", "event": "a..b" }])),
        (sequence, "sequence", json!([{ "step": "a", "event": "a b" }])),
        (sequence, "sequence", json!([{ "step": "a", "event": "a*" }])),
        (sequence, "sequence", json!([{ "step": "a", "event": [] }])),
        (sequence, "sequence", json!([{ "step": "a", "event": "a", "where": "" }])),
        (sequence, "sequence", json!([{ "step": "a", "event": "a", "wher": "b" }])),
        (sequence, "include", json!("event")),
        (sequence, "tags", json!([1])),
        (sequence, "emit", json!(["a"])),
        (sequence, "emit", json!({ "a": null })),
        (sequence, "actions", json!({ "publish": "a" })),
        (sequence, "actions", json!(["publish"])),
        (sequence, "actions", json!([{}])),
        (sequence, "actions", json!([{ "publish": "a", "log": "info" }])),
        (sequence, "actions", json!([{ "publish": "ä" }])),
        (sequence, "actions", json!([{ "publish": ".." }])),
        (sequence, "actions", json!([{ "publish": "a".repeat(250) }])),
        (sequence, "actions", json!([{ "log": "loud" }])),
        (sequence, "actions", json!([{ "webhook": "http://a" }])),
        (sequence, "actions", json!([{ "webhook": {} }])),
        (sequence, "actions", json!([{ "webhook": { "url": "ftp://a" } }])),
        (sequence, "actions", json!([{ "webhook": { "url": "http:///a" } }])),
        (sequence, "actions", json!([{ "webhook": { "url": "http://a b" } }])),
        (sequence, "actions", json!([{ "webhook": { "url": "http://a", "headers": { "a b": "c" } } }])),
        (sequence, "actions", json!([{ "webhook": { "url": "http://a", "headers": { "a": "ü" } } }])),
        (sequence, "tests", json!([{ "name": "a", "events": [] }])),
        (sequence, "tests", json!([{ "name": "a", "events": [], "expect": [] }])),
        (sequence, "tests", json!([{ "name": "a", "events": [], "expect": "nothing" }])),
        (sequence, "tests", json!([{ "name": "a", "events": [{ "at": "5s" }], "expect": "none" }])),
        (sequence, "tests", json!([{ "name": "a", "events": [{ "type": "x" }], "expect": "none" }])),
        (sequence, "tests", json!([{ "name": "a", "events": [{ "at": 5, "type": "x" }], "expect": "none" }])),
        (sequence, "tests", json!([{ "name": "a", "events": [], "expect": [{ "count": 5 }] }])),
        (sequence, "tests", json!([{ "name": "a", "events": [], "expect": [{ "key": {} }] }])),
        (window, "window", json!({ "event": "a" })),
        (window, "window", json!({ "count": 1 })),
        (window, "window", json!({ "count": 0, "event": "a" })),
        (window, "window", json!({ "count": 1.5, "event": "a" })),
        (window, "window", json!({ "count": 2000000, "event": "a" })),
        (window, "window", json!({ "count": 1, "session": "1s", "event": "a" })),
        (window, "window", json!({ "tumbling": "1m", "every": "1s", "event": "a" })),
        (window, "within", json!("5m")),
        (window, "having", json!("")),
    ];
    let cases = good.into_iter().map(|case| (case, true)).chain(bad.into_iter().map(|case| (case, false)));
    for ((place, key, value), expected) in cases {
        let mut file = yaml_to_json(EXAMPLE);
        let target = file.pointer_mut(place).unwrap().as_object_mut().unwrap();
        target.insert(key.to_owned(), value.clone());
        let parsed = parses(&file.to_string());
        assert_eq!(validator.is_valid(&file), expected, "schema: {place} {key} {value}");
        assert_eq!(parsed.is_ok(), expected, "parser: {place} {key} {value} {parsed:?}");
    }
}

/// A key that one of the two forgets would be missing in completion, or refused though completed.
#[test]
fn schema_and_parser_know_the_same_keys() {
    for (text, definition) in [
        ("{ version: 1, rules: [ { name: a, window: {}, '?': 1 } ] }", "rule"),
        ("{ version: 1, rules: [ { name: a, sequence: [], '?': 1 } ] }", "rule"),
        ("{ version: 1, rules: [ { name: a, sequence: [ { '?': 1 } ] } ] }", "step"),
        ("{ version: 1, rules: [ { name: a, window: { '?': 1 } } ] }", "window"),
        ("{ version: 1, rules: [ { name: a, actions: [ { '?': 1 } ] } ] }", "action"),
        ("{ version: 1, rules: [ { name: a, tests: [ { '?': 1 } ] } ] }", "test"),
        ("{ version: 1, rules: [ { name: a, tests: [ { expect: [ { '?': 1 } ] } ] } ] }", "expectedMatch"),
    ] {
        let file = SourceFile::new("f.yaml", text);
        let mut diagnostics = Diagnostics::new();
        parse_rule_file(&file, &mut diagnostics);
        let unknown = diagnostics.iter().find(|d| d.message.contains("unknown key `?`"));
        let help = unknown.unwrap().help.clone().unwrap();
        let keys = help.split('`').skip(1).step_by(2);
        let schema = schema();
        let known = schema["$defs"][definition]["properties"].as_object().unwrap();
        let only_of_others = match text.contains("sequence") {
            true => ["window", "where", "having"].as_slice(),
            false => ["sequence", "within"].as_slice(),
        };
        let mut seen = 0;
        for key in keys {
            assert!(known.contains_key(key), "the schema lacks `{key}` of {definition}");
            seen += 1;
        }
        for key in known.keys() {
            let is_elsewhere = definition == "rule" && only_of_others.contains(&key.as_str());
            assert!(
                is_elsewhere || help.contains(&format!("`{key}`")),
                "the parser lacks `{key}` of {definition}"
            );
        }
        assert!(seen > 0);
    }
}

//! The JSON Schema that editors read and the parser agree.

use jsonschema::Validator;
use olocus_document::{Diagnostics, SourceFile};
use serde_json::{Value, json};

use super::{EXAMPLE, PATTERN, read};
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
    let validator = validator();
    for example in [EXAMPLE, PATTERN].map(yaml_to_json) {
        let errors: Vec<_> = validator.iter_errors(&example).map(|e| e.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn the_examples_of_the_page_on_patterns_are_valid_and_read_without_a_warning() {
    let page = include_str!("../../../../../rules/patterns.md");
    let validator = validator();
    let examples: Vec<_> =
        page.split("\n```yaml\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(examples.len() > 15, "{} examples", examples.len());
    for example in examples {
        let (_, problems) = read(example);
        assert!(problems.is_empty(), "{}", problems.render(false));
        let errors: Vec<_> =
            validator.iter_errors(&yaml_to_json(example)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{example}");
    }
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
        (window, "limit", json!("5 per 1h30m")),
        (window, "state", json!({ "window_events": 5, "keys": 7, "policy": "fail" })),
    ]
    .into_iter()
    .chain(good_patterns().map(|(key, value)| (sequence, key, value)));
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
        (sequence, "tests", json!([{ "name": "a", "events": [], "expect": "none", "timeouts": [] }])),
        (window, "window", json!({ "event": "a" })),
        (window, "window", json!({ "count": 1 })),
        (window, "window", json!({ "count": 0, "event": "a" })),
        (window, "window", json!({ "count": 1.5, "event": "a" })),
        (window, "window", json!({ "count": 2000000, "event": "a" })),
        (window, "window", json!({ "count": 1, "session": "1s", "event": "a" })),
        (window, "window", json!({ "tumbling": "1m", "every": "1s", "event": "a" })),
        (window, "within", json!("5m")),
        (window, "having", json!("")),
        (window, "from", json!("a")),
        (window, "after_match", json!("none")),
        (window, "on_timeout", json!([{ "log": "info" }])),
        (window, "max_matches_per_event", json!(5)),
        (window, "include", json!("none")),
        (window, "state", json!({ "partial_matches": 5 })),
    ]
    .into_iter()
    .chain(bad_patterns().map(|(key, value)| (sequence, key, value)));
    let cases = good.map(|case| (case, true)).chain(bad.map(|case| (case, false)));
    for ((place, key, value), expected) in cases {
        let mut file = yaml_to_json(EXAMPLE);
        let target = file.pointer_mut(place).unwrap().as_object_mut().unwrap();
        target.insert(key.to_owned(), value.clone());
        let parsed = parses(&file.to_string());
        assert_eq!(validator.is_valid(&file), expected, "schema: {place} {key} {value}");
        assert_eq!(parsed.is_ok(), expected, "parser: {place} {key} {value} {parsed:?}");
    }
}

/// Keys of a rule with a sequence and good values for them.
fn good_patterns() -> impl Iterator<Item = (&'static str, Value)> {
    let b = json!({ "step": "b", "event": "y" });
    let elements = [
        json!({ "step": "c", "event": "x", "contiguity": "strict", "times": 3 }),
        json!({ "step": "c", "event": "x", "times": "one_or_more", "greedy": true, "until": { "where": "x = 1" } }),
        json!({ "step": "c", "event": "x", "times": { "min": 2, "max": 4, "contiguity": "skip_till_any", "gap": "30s" } }),
        json!({ "step": "c", "event": "x", "times": { "min": 2 }, "until": { "event": "z" }, "optional": false }),
        json!({ "step": "c", "event": "x", "optional": true, "greedy": false, "contiguity": "skip_till_any" }),
        json!({ "not": { "event": "x", "where": "x = 1", "step": "n" }, "contiguity": "strict" }),
        json!({ "not": { "event": ["x", "z"] } }),
        json!({ "group": [{ "step": "c", "event": "x" }], "times": { "max": 3 }, "within": "1m", "optional": true }),
        json!({ "group": [{ "step": "c", "event": "x" }], "times": {}, "until": { "event": "z" } }),
        json!({ "any_of": [{ "step": "c", "event": "x" }, [{ "step": "d", "event": "x" }]], "contiguity": "strict" }),
        json!({ "all_of": [{ "step": "c", "event": "x", "where": "x = 1" }], "within": "1m" }),
    ];
    let sequences = elements.map(move |element| json!([{ "step": "a", "event": "x" }, element, b]));
    let sequences = sequences.into_iter().map(|sequence| ("sequence", sequence));
    let ends = json!([
        { "not": { "event": "x" }, "for": "5m" },
        { "step": "a", "event": "x" },
        { "not": { "event": "x" }, "for": "5m" },
    ]);
    sequences.chain([
        ("sequence", ends),
        ("having", json!("x")),
        ("from", json!(["a", "b.*"])),
        ("after_match", json!("past_last")),
        ("after_match", json!({ "to_first": "access" })),
        ("on_timeout", json!([{ "publish": "a" }])),
        ("max_matches_per_event", json!(5)),
        ("limit", json!("1 per 1h")),
        ("state", json!({ "partial_matches": 5, "policy": "drop_newest" })),
        ("state", json!({})),
        ("include", json!("none")),
    ])
}

/// Keys of a rule with a sequence and bad values for them.
fn bad_patterns() -> impl Iterator<Item = (&'static str, Value)> {
    let elements = [
        json!({ "event": "x" }),
        json!({ "step": "c", "event": "x", "not": { "event": "x" } }),
        json!({ "step": "c", "event": "x", "contiguity": "relaxed" }),
        json!({ "step": "c", "event": "x", "for": "1m" }),
        json!({ "step": "c", "event": "x", "times": 0 }),
        json!({ "step": "c", "event": "x", "times": 5000 }),
        json!({ "step": "c", "event": "x", "times": "3" }),
        json!({ "step": "c", "event": "x", "times": { "min": 0 } }),
        json!({ "step": "c", "event": "x", "times": { "min": "1" } }),
        json!({ "step": "c", "event": "x", "times": { "within": "1m" } }),
        json!({ "step": "c", "event": "x", "times": { "gap": 5 } }),
        json!({ "step": "c", "event": "x", "optional": "yes" }),
        json!({ "step": "c", "event": "x", "until": { "where": "x" } }),
        json!({ "step": "c", "event": "x", "times": "one_or_more", "until": {} }),
        json!({ "step": "c", "event": "x", "times": "one_or_more", "until": "x" }),
        json!({ "not": "x" }),
        json!({ "not": {} }),
        json!({ "not": { "event": "x" }, "contiguity": "skip_till_any" }),
        json!({ "not": { "event": "x" }, "within": "5m" }),
        json!({ "not": { "event": "x" }, "times": 2 }),
        json!({ "not": { "event": "x" }, "event": "x" }),
        json!({ "not": { "event": "x", "step": "meta" } }),
        json!({ "group": [] }),
        json!({ "group": [{ "step": "c", "event": "x" }], "greedy": true, "times": 2 }),
        json!({ "group": [{ "step": "c", "event": "x" }], "event": "x" }),
        json!({ "group": [{ "step": "c", "event": "x" }], "times": {}, "until": { "where": "x" } }),
        json!({ "any_of": [] }),
        json!({ "any_of": [[]] }),
        json!({ "any_of": ["c"] }),
        json!({ "any_of": [{ "step": "c", "event": "x" }], "times": 2 }),
        json!({ "all_of": [] }),
        json!({ "all_of": [{ "not": { "event": "x" } }] }),
        json!({ "all_of": [{ "step": "c", "event": "x", "within": "5m" }] }),
        json!({ "all_of": [{ "step": "c", "event": "x" }], "optional": true }),
    ];
    let a = json!({ "step": "a", "event": "x" });
    let b = json!({ "step": "b", "event": "y" });
    let sequences = elements.map(move |element| ("sequence", json!([a, element, b])));
    sequences.into_iter().chain([
        ("from", json!([])),
        ("from", json!("a b")),
        ("after_match", json!("to_last")),
        ("after_match", json!({})),
        ("after_match", json!({ "to_first": 5 })),
        ("after_match", json!({ "to_first": "login", "to_last": "access" })),
        ("on_timeout", json!([])),
        ("on_timeout", json!([{ "log": "loud" }])),
        ("max_matches_per_event", json!(0)),
        ("limit", json!(1)),
        ("limit", json!("1/1h")),
        ("state", json!({ "window_events": 5 })),
        ("state", json!({ "partial_matches": 0 })),
        ("state", json!({ "policy": "drop" })),
        ("include", json!(["events", "none"])),
    ])
}

#[test]
fn schema_and_parser_agree_on_lists() {
    let validator = validator();
    for (list, expected) in [
        (json!({ "name": "a", "file": "a.csv" }), true),
        (json!({ "name": "a", "file": "../lists/a.ndjson", "key": "host name" }), true),
        (json!({ "name": "a", "topic": "assets", "key": "host" }), true),
        (json!({ "name": "a", "file": "a.csv.gz", "kind": "cidr" }), true),
        (json!({ "name": "a", "topic": "assets", "key": "host", "kind": "exact" }), true),
        (json!({ "name": "a", "file": "a.csv", "kind": "regex" }), false),
        (json!({ "name": "a", "file": "a.gz" }), false),
        (json!({ "name": "a b", "file": "a.csv" }), false),
        (json!({ "name": "a" }), false),
        (json!({ "file": "a.csv" }), false),
        (json!({ "name": "a", "file": "a.txt" }), false),
        (json!({ "name": "a", "file": "a/.csv" }), false),
        (json!({ "name": "a", "file": "a.csv", "key": "" }), false),
        (json!({ "name": "a", "file": "a.csv", "topic": "b", "key": "c" }), false),
        (json!({ "name": "a", "topic": "b" }), false),
        (json!({ "name": "a", "topic": "b b", "key": "c" }), false),
        (json!({ "name": "a", "file": "a.csv", "column": "b" }), false),
    ] {
        let file = json!({ "version": 1, "lists": [list] });
        let parsed = parses(&file.to_string());
        assert_eq!(validator.is_valid(&file), expected, "schema: {file}");
        assert_eq!(parsed.is_ok(), expected, "parser: {file} {parsed:?}");
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
        ("{ version: 1, lists: [ { name: a, '?': 1 } ] }", "list"),
        ("{ version: 1, rules: [ { name: a, sequence: [], state: { '?': 1 } } ] }", "rule/properties/state"),
        ("{ version: 1, rules: [ { name: a, window: {}, state: { '?': 1 } } ] }", "rule/properties/state"),
        ("{ version: 1, rules: [ { name: a, tests: [ { expect: [ { '?': 1 } ] } ] } ] }", "expectedMatch"),
    ] {
        assert_same_keys(text, definition);
    }
    for (element, definition) in [
        ("{ not: {}, '?': 1 }", "not"),
        ("{ not: { '?': 1 } }", "not/properties/not"),
        ("{ group: [], '?': 1 }", "group"),
        ("{ any_of: [], '?': 1 }", "anyOf"),
        ("{ all_of: [], '?': 1 }", "allOf"),
        ("{ all_of: [ { step: a, '?': 1 } ] }", "stepOfAll"),
        ("{ step: a, times: { '?': 1 } }", "times/oneOf/2"),
        ("{ step: a, until: { '?': 1 } }", "step/properties/until"),
        ("{ group: [], until: { '?': 1 } }", "group/properties/until"),
    ] {
        let text = format!("{{ version: 1, rules: [ {{ name: a, sequence: [ {element} ] }} ] }}");
        assert_same_keys(&text, definition);
    }
    let text = "{ version: 1, rules: [ { name: a, sequence: [ { step: a } ], after_match: { '?': 1 } } ] }";
    assert_same_keys(text, "rule/properties/after_match/oneOf/1");
}

fn assert_same_keys(text: &str, definition: &str) {
    let file = SourceFile::new("f.yaml", text);
    let mut diagnostics = Diagnostics::new();
    parse_rule_file(&file, &mut diagnostics);
    let unknown = diagnostics.iter().find(|d| d.message.contains("unknown key `?`"));
    let help = unknown.unwrap().help.clone().unwrap();
    let keys = help.rsplit_once(" are ").unwrap().1.split('`').skip(1).step_by(2);
    let schema = schema();
    let known = schema.pointer(&format!("/$defs/{definition}/properties")).unwrap().as_object().unwrap();
    let only_of_others: &[&str] = match text.contains("sequence") {
        true => &["window", "where", "window_events"],
        false => &[
            "sequence",
            "within",
            "from",
            "after_match",
            "on_timeout",
            "max_matches_per_event",
            "partial_matches",
        ],
    };
    let mut seen = 0;
    for key in keys {
        assert!(known.contains_key(key), "the schema lacks `{key}` of {definition}");
        seen += 1;
    }
    for key in known.keys() {
        let is_elsewhere = definition.starts_with("rule") && only_of_others.contains(&key.as_str());
        assert!(
            is_elsewhere || help.contains(&format!("`{key}`")),
            "the parser lacks `{key}` of {definition}"
        );
    }
    assert!(seen > 0);
}

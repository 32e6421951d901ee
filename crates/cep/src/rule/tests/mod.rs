use std::fmt::Write;
use std::sync::Arc;

use olocus_document::{Diagnostics, SourceFile};
use proptest::prelude::*;

use super::*;
use crate::pattern::Condition;

mod absence;
mod actions;
mod bodies;
mod elements;
mod keys;
mod lower;
mod patterns;
mod repetitions;
mod schema;
mod shape;
mod values;

/// The rules of the language's introduction.
const EXAMPLE: &str = "\
version: 1
rules:
  - name: suspicious_access_pattern
    description: Detect potential insider threat activity
    severity: high
    enabled: true
    by: user_id
    sequence:
      - step: login
        event: auth.login
        where: user_role = 'privileged'
      - step: access
        event: [data.access, data.read.**]
        where: data_classification = 'confidential'
        within: 5m
      - step: export
        event: data.export
        where: volume > 10MB
        within: 10m
    within: 12m
    emit: { user: login.user_id, bytes: export.volume, fixed: 5 }
    actions:
      - publish: security.alerts
      - log: warn
      - webhook:
          url: https://example.org/hook
          headers: { X-Team: blue }
    tags: [insider, t1078]
    owner: soc
    references: https://example.org/runbook
    meta: { confidence: 0.8, list: [1, ~] }
    include: events
    tests:
      - name: fires
        events:
          - { at: 0s,  type: auth.login,  user_id: u1, user_role: privileged }
          - { at: 60s, type: data.access, user_id: u1, file: { name: a, size: 18446744073709551615 } }
          - { at: 1970-01-01T00:01:30Z, type: data.export, user_id: u1, volume: 20000000 }
        expect: [ { key: u1, emit: { bytes: 20000000 } } ]
      - name: stays silent
        events: []
        expect: none
  - name: data_processing_pipeline_health
    severity: warning
    by: [stage, host]
    window: { count: 100, event: pipeline.stage.completed }
    where: stage <> 'test'
    having: avg(duration) > 300s
    actions: [ { publish: ops.alerts } ]
";

/// A rule with everything that sequences can have.
const PATTERN: &str = "\
version: 1
lists:
  - { name: bad_ips, file: lists/bad_ips.csv }
  - { name: assets, topic: assets.v1, key: host }
rules:
  - name: pattern
    sequence:
      - { not: { event: n }, for: 1m }
      - { step: a, event: x, times: { min: 2, contiguity: strict, gap: 5s }, greedy: true, until: { where: v > 5 } }
      - group:
          - { step: b, event: x }
          - { step: c, event: y, contiguity: skip_till_any, within: 5s }
        times: { min: 1, max: 3 }
        optional: false
        contiguity: strict
      - any_of:
          - { step: d, event: z }
          - [ { step: e, event: z }, { step: f, event: z } ]
        within: 30s
      - { not: { event: q, step: no } }
      - all_of: [ { step: g, event: x }, { step: h, event: y } ]
      - { not: { event: n }, for: 5m }
    within: 10m
    from: [x, 'y.*']
    after_match: { to_last: g }
    on_timeout: [ { log: info } ]
    max_matches_per_event: 10
    having: count(a) > 2
    limit: 1 per 1h
    state: { partial_matches: 100, keys: 10, policy: drop_newest }
    include: none
";

fn read(text: &str) -> (RuleFile, Diagnostics) {
    let file = SourceFile::new("rules.yaml", text);
    let mut diagnostics = Diagnostics::new();
    let rules = parse_rule_file(&file, &mut diagnostics);
    (rules, diagnostics)
}

fn good(text: &str) -> Vec<Rule> {
    let (file, diagnostics) = read(text);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
    file.rules
}

fn problems(text: &str) -> String {
    read(text).1.render(false)
}

/// The problems of a rule, given by the lines that follow its name.
fn problems_of_rule(lines: &str) -> String {
    problems(&rule_of(lines))
}

fn rule_of(lines: &str) -> String {
    let mut text = "version: 1\nrules:\n  - name: r\n".to_owned();
    for line in lines.lines() {
        writeln!(text, "    {line}").unwrap();
    }
    text
}

/// Codes and lines of the problems, for cases whose wording other tests show.
fn codes(text: &str) -> Vec<String> {
    let (_, mut diagnostics) = read(text);
    diagnostics.sort();
    diagnostics.iter().map(|d| format!("{}@{}", d.code, d.file.line_column(d.span.start).0)).collect()
}

#[test]
fn everything_in_the_example_is_read() {
    let rules = good(EXAMPLE);
    assert_eq!(rules.len(), 2);
    let rule = &rules[0];
    assert_eq!(rule.name.value, "suspicious_access_pattern");
    assert_eq!(rule.severity, Severity::High);
    assert!(rule.enabled && rule.include == Include::Events && !rule.by_is_list);
    assert_eq!(rule.by[0].value, "user_id");
    let Body::Sequence(sequence) = &rule.body else { panic!("{:?}", rule.body) };
    assert_eq!(sequence.within, Some(720_000_000_000));
    let steps = sequence.steps();
    let names: Vec<_> = steps.iter().map(|step| step.name.value.as_str()).collect();
    assert_eq!(names, ["login", "access", "export"]);
    assert_eq!(steps[1].event[1].value.as_str(), "data.read.**");
    assert_eq!(sequence.elements[1].within, Some(300_000_000_000));
    assert_eq!(steps[2].filter.as_ref().unwrap().value, "volume > 10MB");
    assert_eq!(rule.emit[2].1.value, "5");
    assert_eq!(rule.actions.len(), 3);
    assert!(matches!(&rule.actions[2], Action::Webhook { headers, timeout: 10_000_000_000, .. }
        if headers == &[("X-Team".to_owned(), "blue".to_owned())]));
    assert_eq!(rule.references, ["https://example.org/runbook"]);
    let meta = rule.meta.as_ref().unwrap();
    assert_eq!(meta.to_string(), r#"{"confidence":0.8,"list":[1,null]}"#);

    let test = &rule.tests[0];
    assert_eq!(test.events[2].at, 90_000_000_000);
    assert_eq!(test.events[0].event_type, "auth.login");
    let fields = serde_json::Value::Object(test.events[1].fields.clone()).to_string();
    assert_eq!(fields, r#"{"user_id":"u1","file":{"name":"a","size":18446744073709551615}}"#);
    assert_eq!(test.expect[0].key, Some("u1".into()));
    assert!(rule.tests[1].expect.is_empty());

    let Body::Window { window, event, filter } = &rules[1].body else { panic!("{:?}", rules[1].body) };
    assert_eq!(*window, Window::Count(100));
    assert_eq!(event[0].value.literal(), Some("pipeline.stage.completed"));
    assert!(filter.is_some() && rules[1].by_is_list);
    assert_eq!(rules[1].having.as_ref().unwrap().value, "avg(duration) > 300s");
}

#[test]
fn expressions_know_their_places_in_block_texts() {
    let text = rule_of(
        "sequence:\n  - step: a\n    event: '*'\n    where: |\n      größe > 5\n        AND farbe = 'rot'",
    );
    let rules = good(&text);
    let Body::Sequence(sequence) = &rules[0].body else { panic!() };
    let filter = sequence.steps()[0].filter.as_ref().unwrap();
    let start = filter.value.find("farbe").unwrap();
    let span = filter.locate(start, start + 5);
    assert_eq!(&text[span.start..span.end], "farbe");
}

#[test]
fn all_windows_are_read() {
    let second = 1_000_000_000;
    for (text, expected) in [
        ("count: 5", Window::Count(5)),
        ("tumbling: 10s", Window::Tumbling(10 * second)),
        ("session: 2s", Window::Session(2 * second)),
        ("sliding: 1m", Window::Sliding { size: 60 * second, every: None }),
        ("sliding: 1m, every: 10s", Window::Sliding { size: 60 * second, every: Some(10 * second) }),
    ] {
        let rules = good(&rule_of(&format!("window: {{ {text}, event: x }}")));
        assert!(matches!(rules[0].body, Body::Window { window, .. } if window == expected), "{text}");
    }
}

#[test]
fn everything_in_a_pattern_is_read_together() {
    let rules = good(PATTERN);
    let Body::Sequence(sequence) = &rules[0].body else { panic!("{:?}", rules[0].body) };
    assert_eq!((sequence.elements.len(), sequence.asked().len()), (7, 12));
}

#[test]
fn good_rules_are_returned_beside_broken_ones() {
    let text = EXAMPLE.replace("severity: high", "severity: hihg");
    let (file, diagnostics) = read(&text);
    assert_eq!(diagnostics.len(), 1);
    let names: Vec<_> = file.rules.iter().map(|rule| rule.name.value.as_str()).collect();
    assert_eq!(names, ["data_processing_pipeline_health"]);
}

#[test]
fn names_are_unique_across_files() {
    let files = ["a.yaml", "b.yaml"]
        .map(|name| parse_rule_file(&SourceFile::new(name, EXAMPLE), &mut Diagnostics::new()));
    let mut diagnostics = Diagnostics::new();
    check_unique_names(&files, &mut diagnostics);
    assert_eq!(diagnostics.len(), 2);
    assert!(diagnostics.render(false).contains("the other one is at a.yaml:3; rename one"));
    let mut diagnostics = Diagnostics::new();
    check_unique_names(&files[..1], &mut diagnostics);
    assert!(diagnostics.is_empty());
}

#[test]
fn steps_are_bounded() {
    let steps = |count: usize| {
        let mut text = "sequence:".to_owned();
        for step in 0..count {
            write!(text, "\n  - {{ step: s{step}, event: x }}").unwrap();
        }
        rule_of(&text)
    };
    assert_eq!(good(&steps(MAX_STEPS)).len(), 1);
    assert_eq!(codes(&steps(MAX_STEPS + 1)), ["too-many-steps@69"]);
}

#[test]
fn disabled_rules_are_checked() {
    let text = rule_of("enabled: false\nwindow: { count: 0, event: x }");
    assert_eq!(codes(&text), ["out-of-range@5"]);
}

/// Words of rule files, put together at random, and the example with a part of it replaced.
fn near_rules() -> impl Strategy<Value = String> {
    let words = vec![
        "version: 1\n",
        "rules:\n",
        "  - name: a\n",
        "    sequence:\n",
        "      - step: s\n",
        "        event: x\n",
        "    window: { count: 5, event: '*' }\n",
        "{",
        "}",
        "[",
        "]",
        "5m",
        "ü",
        "~",
        "    having: 'x'\n",
        "    actions: [ { publish: a } ]\n",
        "    tests:\n",
        "    by: [a, 5]\n",
        "\n",
        "      - { name: t, events: [ { at: 0s, type: x } ], expect: none }\n",
        ": ",
        "- ",
        "    emit: ",
        "      - { not: { event: x }, for: 5m }\n",
        "      - { any_of: [ ",
        "{ step: t, event: y, times: ",
        "{ min: 2, gap: 5s }",
        "one_or_more",
        ", greedy: true",
        ", until: { event: z }",
        " }\n",
        "    after_match: { to_first: s }\n",
        "lists: [ { name: l, file: l.csv } ]\n",
    ];
    let random = prop::collection::vec(prop::sample::select(words), 0..25).prop_map(|parts| parts.concat());
    let changed = |example: &'static str| {
        (0..example.len(), 0..12_usize, "[a-zü0-9:{}\\[\\]'\"|> \n*&-]{0,6}").prop_map(
            move |(at, length, new)| {
                let end = (at + length).min(example.len());
                format!("{}{new}{}", &example[..at], &example[end..])
            },
        )
    };
    prop_oneof![random, changed(EXAMPLE), changed(PATTERN), "\\PC{0,80}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_text_is_read_or_refused(text in near_rules()) {
        let file = SourceFile::new("f", text.as_str());
        let mut diagnostics = Diagnostics::new();
        let rules = parse_rule_file(&file, &mut diagnostics);
        prop_assert!(Arc::ptr_eq(&rules.file, &file));
        let related = diagnostics.iter().flat_map(|d| d.related.iter().map(|(span, _)| *span));
        let spans = diagnostics.iter().map(|d| d.span).chain(related);
        for span in spans.chain(rules.rules.iter().map(|rule| rule.span)) {
            prop_assert!(span.start <= span.end && span.end <= text.len());
            prop_assert!(text.get(span.start..span.end).is_some());
        }
        prop_assert_eq!(diagnostics.render(false).is_empty(), diagnostics.is_empty());
        // What is accepted can be lowered.
        for rule in &rules.rules {
            if let Body::Sequence(sequence) = &rule.body {
                let pattern = lower(sequence, |_| Condition::default());
                let parts = pattern.stages.len() + usize::from(pattern.preceded.is_some());
                prop_assert_eq!(parts, sequence.elements.len());
            }
        }
    }
}

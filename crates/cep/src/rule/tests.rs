use std::fmt::Write;
use std::sync::Arc;

use olocus_document::{Diagnostics, SourceFile};
use proptest::prelude::*;

use super::*;

/// The rules of the language's introduction.
pub(super) const EXAMPLE: &str = "\
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
    diagnostics
        .iter()
        .map(|d| format!("{}@{}", d.code, d.file.line_column(d.span.start).0))
        .collect()
}

#[test]
fn everything_in_the_example_is_read() {
    let rules = good(EXAMPLE);
    assert_eq!(rules.len(), 2);
    let rule = &rules[0];
    assert_eq!(rule.name.value, "suspicious_access_pattern");
    assert_eq!(rule.severity, Severity::High);
    assert!(rule.enabled && rule.include_events && !rule.by_is_list);
    assert_eq!(rule.by[0].value, "user_id");
    let Body::Sequence { steps, within } = &rule.body else {
        panic!("{:?}", rule.body)
    };
    assert_eq!(*within, Some(720_000_000_000));
    let names: Vec<_> = steps.iter().map(|step| step.name.value.as_str()).collect();
    assert_eq!(names, ["login", "access", "export"]);
    assert_eq!(steps[1].event[1].value.as_str(), "data.read.**");
    assert_eq!(steps[1].within, Some(300_000_000_000));
    assert_eq!(steps[2].filter.as_ref().unwrap().value, "volume > 10MB");
    assert_eq!(rule.emit[2].1.value, "5");
    assert_eq!(rule.actions.len(), 3);
    assert!(
        matches!(&rule.actions[2], Action::Webhook { headers, timeout: 10_000_000_000, .. }
        if headers == &[("X-Team".to_owned(), "blue".to_owned())])
    );
    assert_eq!(rule.references, ["https://example.org/runbook"]);
    let meta = rule.meta.as_ref().unwrap();
    assert_eq!(meta.to_string(), r#"{"confidence":0.8,"list":[1,null]}"#);

    let test = &rule.tests[0];
    assert_eq!(test.events[2].at, 90_000_000_000);
    assert_eq!(test.events[0].event_type, "auth.login");
    let fields = serde_json::Value::Object(test.events[1].fields.clone()).to_string();
    assert_eq!(
        fields,
        r#"{"user_id":"u1","file":{"name":"a","size":18446744073709551615}}"#
    );
    assert_eq!(test.expect[0].key, Some("u1".into()));
    assert!(rule.tests[1].expect.is_empty());

    let Body::Window {
        window,
        event,
        filter,
    } = &rules[1].body
    else {
        panic!("{:?}", rules[1].body)
    };
    assert_eq!(*window, Window::Count(100));
    assert_eq!(event[0].value.literal(), Some("pipeline.stage.completed"));
    assert!(filter.is_some() && rules[1].by_is_list);
    assert_eq!(
        rules[1].having.as_ref().unwrap().value,
        "avg(duration) > 300s"
    );
}

#[test]
fn expressions_know_their_places_in_block_texts() {
    let text = rule_of(
        "sequence:\n  - step: a\n    event: '*'\n    where: |\n      größe > 5\n        AND farbe = 'rot'",
    );
    let rules = good(&text);
    let Body::Sequence { steps, .. } = &rules[0].body else {
        panic!()
    };
    let filter = steps[0].filter.as_ref().unwrap();
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
        (
            "sliding: 1m",
            Window::Sliding {
                size: 60 * second,
                every: None,
            },
        ),
        (
            "sliding: 1m, every: 10s",
            Window::Sliding {
                size: 60 * second,
                every: Some(10 * second),
            },
        ),
    ] {
        let rules = good(&rule_of(&format!("window: {{ {text}, event: x }}")));
        assert!(
            matches!(rules[0].body, Body::Window { window, .. } if window == expected),
            "{text}"
        );
    }
}

#[test]
fn good_rules_are_returned_beside_broken_ones() {
    let text = EXAMPLE.replace("severity: high", "severity: hihg");
    let (file, diagnostics) = read(&text);
    assert_eq!(diagnostics.len(), 1);
    let names: Vec<_> = file
        .rules
        .iter()
        .map(|rule| rule.name.value.as_str())
        .collect();
    assert_eq!(names, ["data_processing_pipeline_health"]);
}

#[test]
fn names_are_unique_across_files() {
    let files = ["a.yaml", "b.yaml"]
        .map(|name| parse_rule_file(&SourceFile::new(name, EXAMPLE), &mut Diagnostics::new()));
    let mut diagnostics = Diagnostics::new();
    check_unique_names(&files, &mut diagnostics);
    assert_eq!(diagnostics.len(), 2);
    assert!(
        diagnostics
            .render(false)
            .contains("the other one is at a.yaml:3; rename one")
    );
    let mut diagnostics = Diagnostics::new();
    check_unique_names(&files[..1], &mut diagnostics);
    assert!(diagnostics.is_empty());
}

#[test]
fn files_without_version_or_rules() {
    insta::assert_snapshot!(
        ["", "rules: []\n", "version: 2\nrule:\n  - name: a\n", "- name: a\n", "version: [1]\nrules: {}\n"]
            .map(problems).join(""),
        @r#"
        error[missing-key]: the rule file is empty
         --> rules.yaml:1:1
          |
        1 |
          | ^
          |
          = help: start with `version: 1` and `rules:`

        error[missing-key]: the file says no `version`
         --> rules.yaml:1:1
          |
        1 | rules: []
          | ^^^^^
          |
          = help: start it with `version: 1`

        warning[no-rules]: the file has no rules
         --> rules.yaml:1:8
          |
        1 | rules: []
          |        ^^

        error[missing-key]: a rule file needs the key `rules`
         --> rules.yaml:1:1
          |
        1 | version: 2
          | ^^^^^^^
          |
          = help: add `rules: …` to it

        error[unknown-version]: the rule language has no version 2
         --> rules.yaml:1:10
          |
        1 | version: 2
          |          ^
          |
          = help: this engine reads `version: 1`

        error[unknown-key]: unknown key `rule` in a rule file
         --> rules.yaml:2:1
          |
        2 | rule:
          | ^^^^
          |
          = help: did you mean `rules`? the keys of a rule file are `version`, `rules`

        error[wrong-type]: a rule file must be a mapping, not a list
         --> rules.yaml:1:1
          |
        1 | - name: a
          | ^^^^^^^^^
          |
          = help: write it as `key: value`

        error[unknown-version]: `version` must be a number, not a list
         --> rules.yaml:1:10
          |
        1 | version: [1]
          |          ^^^
          |
          = help: this engine reads `version: 1`

        error[wrong-type]: `rules` must be a list, not a mapping
         --> rules.yaml:2:8
          |
        2 | rules: {}
          |        ^^
          |
          = help: start each item with `- `, or write `[ a, b ]`
        "#
    );
}

#[test]
fn unknown_keys_are_suggested() {
    insta::assert_snapshot!(problems_of_rule(
        "severty: high
sequence:
  - step: a
    events: x
    event: x
  - stepp: b
    event: y
    wher: z = 1
    withing: 5m
tags: [a]
colour: red"
    ), @r#"
    error[unknown-key]: unknown key `severty` in a rule
     --> rules.yaml:4:5
      |
    4 |     severty: high
      |     ^^^^^^^
      |
      = help: did you mean `severity`? the keys of a rule are `name`, `description`, `severity`, `enabled`, `by`, `sequence`, `window`, `within`, `emit`, `actions`, `tags`, `owner`, `references`, `meta`, `include`, `tests`

    error[unknown-key]: unknown key `events` in a step
     --> rules.yaml:7:9
      |
    7 |         events: x
      |         ^^^^^^
      |
      = help: the keys of a step are `step`, `event`, `where`, `within`

    error[missing-key]: a step needs the key `step`
     --> rules.yaml:9:9
      |
    9 |       - stepp: b
      |         ^^^^^
      |
      = help: add `step: …` to it

    error[unknown-key]: unknown key `stepp` in a step
     --> rules.yaml:9:9
      |
    9 |       - stepp: b
      |         ^^^^^
      |
      = help: did you mean `step`? the keys of a step are `step`, `event`, `where`, `within`

    error[unknown-key]: unknown key `wher` in a step
      --> rules.yaml:11:9
       |
    11 |         wher: z = 1
       |         ^^^^
       |
       = help: did you mean `where`? the keys of a step are `step`, `event`, `where`, `within`

    error[unknown-key]: unknown key `withing` in a step
      --> rules.yaml:12:9
       |
    12 |         withing: 5m
       |         ^^^^^^^
       |
       = help: did you mean `within`? the keys of a step are `step`, `event`, `where`, `within`

    error[unknown-key]: unknown key `colour` in a rule
      --> rules.yaml:14:5
       |
    14 |     colour: red
       |     ^^^^^^
       |
       = help: the keys of a rule are `name`, `description`, `severity`, `enabled`, `by`, `sequence`, `window`, `within`, `emit`, `actions`, `tags`, `owner`, `references`, `meta`, `include`, `tests`
    "#);
}

#[test]
fn duplicate_names() {
    insta::assert_snapshot!(problems(
        "version: 1
rules:
  - name: a
    sequence:
      - { step: s, event: x }
      - { step: s, event: y }
  - name: a
    enabled: false
    by: [u, u]
    window: { session: 5s, event: x }
    tests:
      - { name: t, events: [], expect: none }
      - { name: t, events: [], expect: none }
"
    ), @r#"
    error[duplicate-step]: two steps are named `s`
     --> rules.yaml:6:17
      |
    5 |       - { step: s, event: x }
      |                 - first here
    6 |       - { step: s, event: y }
      |                 ^ again here
      |
      = help: give each step a name of its own

    error[duplicate-rule]: two rules are named `a`
     --> rules.yaml:7:11
      |
    3 |   - name: a
      |           - first here
    ...
    7 |   - name: a
      |           ^ again here
      |
      = help: give each rule a name of its own

    error[duplicate-field]: two key fields are named `u`
     --> rules.yaml:9:13
      |
    9 |     by: [u, u]
      |          -  ^ again here
      |          |
      |          first here
      |
      = help: give each key field a name of its own

    error[duplicate-test]: two tests are named `t`
      --> rules.yaml:13:17
       |
    12 |       - { name: t, events: [], expect: none }
       |                 - first here
    13 |       - { name: t, events: [], expect: none }
       |                 ^ again here
       |
       = help: give each test a name of its own
    "#);
}

#[test]
fn step_names() {
    insta::assert_snapshot!(problems_of_rule(
        "sequence:
  - { step: meta, event: x }
  - { step: log-in, event: x }
  - { step: 2nd, event: x }
  - { step: 5, event: x }
  - { step: größe, event: x }"
    ), @r#"
    error[bad-name]: a step must not be named `meta`
     --> rules.yaml:5:17
      |
    5 |       - { step: meta, event: x }
      |                 ^^^^
      |
      = help: `meta.time`, `meta.type` … are the metadata of events; choose another name

    error[bad-name]: `log-in` is not a name for a step
     --> rules.yaml:6:17
      |
    6 |       - { step: log-in, event: x }
      |                 ^^^^^^
      |
      = help: use letters, digits and `_`, not starting with a digit, such as `log_in`

    error[bad-name]: `2nd` is not a name for a step
     --> rules.yaml:7:17
      |
    7 |       - { step: 2nd, event: x }
      |                 ^^^
      |
      = help: use letters, digits and `_`, not starting with a digit, such as `_2nd`

    error[wrong-type]: `step` must be a string, not the number `5`
     --> rules.yaml:8:17
      |
    8 |       - { step: 5, event: x }
      |                 ^
      |
      = help: put it in quotes: '5'

    error[bad-name]: `größe` is not a name for a step
     --> rules.yaml:9:17
      |
    9 |       - { step: größe, event: x }
      |                 ^^^^^
      |
      = help: use letters, digits and `_`, not starting with a digit, such as `gr__e`
    "#);
}

#[test]
fn bodies() {
    insta::assert_snapshot!(
        [
            "by: x",
            "sequence:\n  - { step: a, event: x }\nwindow: { count: 5, event: x }",
            "sequence: []",
            "sequence: { step: a }",
            "sequence:\n  - { step: a, event: x, within: 5m }\nwhere: a = 1\nhaving: count(*) > 1",
            "window: { count: 5, event: x }\nwithin: 5m\nevent: y",
        ]
        .map(problems_of_rule).join(""),
        @r#"
        error[missing-key]: the rule has neither `sequence` nor `window`
         --> rules.yaml:3:5
          |
        3 |   - name: r
          |     ^^^^
          |
          = help: say what to look for: `sequence:` with steps, or `window:` with one of `count`, `tumbling`, `sliding`, `session`

        error[two-bodies]: the rule has both `sequence` and `window`
         --> rules.yaml:6:5
          |
        6 |     window: { count: 5, event: x }
          |     ^^^^^^
          |
          = help: make it two rules

        error[empty-list]: the sequence has no steps
         --> rules.yaml:4:15
          |
        4 |     sequence: []
          |               ^^
          |
          = help: add a step: `- { step: login, event: auth.login }`

        error[wrong-type]: `sequence` must be a list, not a mapping
         --> rules.yaml:4:15
          |
        4 |     sequence: { step: a }
          |               ^^^^^^^^^^^
          |
          = help: start each item with `- `, or write `[ a, b ]`

        error[misplaced-key]: the first step has no step before it to be `within` a time of
         --> rules.yaml:5:38
          |
        5 |       - { step: a, event: x, within: 5m }
          |                                      ^^
          |
          = help: put `within` on later steps, or on the rule for all steps together

        error[misplaced-key]: `where` has no place in a rule with a `sequence`
         --> rules.yaml:6:5
          |
        6 |     where: a = 1
          |     ^^^^^
          |
          = help: each step of a sequence has its own `where`

        error[misplaced-key]: `having` has no place in a rule with a `sequence`
         --> rules.yaml:7:5
          |
        7 |     having: count(*) > 1
          |     ^^^^^^
          |
          = help: `having` compares aggregates of a `window`; conditions on the events of a sequence are the `where` of its steps

        error[misplaced-key]: `within` has no place in a rule with a `window`
         --> rules.yaml:5:5
          |
        5 |     within: 5m
          |     ^^^^^^
          |
          = help: the time of a window is its length: `window: { tumbling: 5m, … }`

        error[misplaced-key]: `event` has no place in a rule with a `window`
         --> rules.yaml:6:5
          |
        6 |     event: y
          |     ^^^^^
          |
          = help: the event type stands in the window: `window: { …, event: … }`
        "#
    );
}

#[test]
fn windows() {
    insta::assert_snapshot!(
        [
            "window: { event: x }",
            "window: { count: 5, session: 1m, event: x, where: a }",
            "window: { count: 0 }",
            "window: { count: 2.5, event: x }",
            "window: { tumbling: 1m, every: 10s, event: x }",
            "window: { sliding: 1m, every: 1h, event: x }",
            "window: { sliding: 0s, every: 0s, event: x }",
            "window: 5m",
        ]
        .map(problems_of_rule).join(""),
        @r#"
        error[missing-key]: the window does not say how long it is
         --> rules.yaml:4:15
          |
        4 |     window: { event: x }
          |               ^^^^^
          |
          = help: give one of `count: 100`, `tumbling: 10s`, `sliding: 1m`, `session: 30s`

        error[two-windows]: the window is both `count` and `session`
         --> rules.yaml:4:25
          |
        4 |     window: { count: 5, session: 1m, event: x, where: a }
          |                         ^^^^^^^
          |
          = help: give one of `count`, `tumbling`, `sliding`, `session`

        error[misplaced-key]: `where` has no place in a window
         --> rules.yaml:4:48
          |
        4 |     window: { count: 5, session: 1m, event: x, where: a }
          |                                                ^^^^^
          |
          = help: `where` stands beside `window`, not in it

        error[missing-key]: a window needs the key `event`
         --> rules.yaml:4:15
          |
        4 |     window: { count: 0 }
          |               ^^^^^
          |
          = help: add `event: …` to it

        error[out-of-range]: `count` must be between 1 and 1000000, not 0
         --> rules.yaml:4:22
          |
        4 |     window: { count: 0 }
          |                      ^

        error[wrong-type]: `count` must be a whole number, not the number `2.5`
         --> rules.yaml:4:22
          |
        4 |     window: { count: 2.5, event: x }
          |                      ^^^

        error[misplaced-key]: `every` belongs to a `sliding` window
         --> rules.yaml:4:29
          |
        4 |     window: { tumbling: 1m, every: 10s, event: x }
          |                             ^^^^^
          |
          = help: write `sliding: 1m, every: 10s`, or leave `every` out

        error[out-of-range]: `every` (1h) is longer than the window (1m), so that the events between windows would be lost
         --> rules.yaml:4:35
          |
        4 |     window: { sliding: 1m, every: 1h, event: x }
          |                                   ^^
          |
          = help: it may be up to 1m

        error[out-of-range]: `sliding` must be longer than nothing
         --> rules.yaml:4:24
          |
        4 |     window: { sliding: 0s, every: 0s, event: x }
          |                        ^^
          |
          = help: write a duration such as `90s` or `5m`

        error[out-of-range]: `every` must be longer than nothing
         --> rules.yaml:4:35
          |
        4 |     window: { sliding: 0s, every: 0s, event: x }
          |                                   ^^
          |
          = help: write a duration such as `90s` or `5m`

        error[wrong-type]: a window must be a mapping, not the string `5m`
         --> rules.yaml:4:13
          |
        4 |     window: 5m
          |             ^^
          |
          = help: write it as `key: value`
        "#
    );
}

#[test]
fn durations() {
    insta::assert_snapshot!(problems_of_rule(
        "within: 5 minutes
sequence:
  - { step: a, event: x }
  - { step: b, event: x, within: 90 }
  - { step: c, event: x, within: 0s }
  - { step: d, event: x, within: -5m }
  - { step: e, event: x, within: [5m] }
  - { step: f, event: x, within: }"
    ), @r#"
    error[bad-duration]: `5 minutes` is not a duration
     --> rules.yaml:4:13
      |
    4 |     within: 5 minutes
      |             ^^^^^^^^^
      |
      = help: write a number and a unit, such as `90s`, `5m` or `1h30m` (units: w d h m s ms us ns)

    error[bad-duration]: the duration `90` has no unit
     --> rules.yaml:7:38
      |
    7 |       - { step: b, event: x, within: 90 }
      |                                      ^^
      |
      = help: write a number and a unit, such as `90s`, `5m` or `1h30m` (units: w d h m s ms us ns)

    error[out-of-range]: `within` must be longer than nothing
     --> rules.yaml:8:38
      |
    8 |       - { step: c, event: x, within: 0s }
      |                                      ^^
      |
      = help: write a duration such as `90s` or `5m`

    error[bad-duration]: `-5m` is not a duration
     --> rules.yaml:9:38
      |
    9 |       - { step: d, event: x, within: -5m }
      |                                      ^^^
      |
      = help: write a number and a unit, such as `90s`, `5m` or `1h30m` (units: w d h m s ms us ns)

    error[bad-duration]: `within` must be a duration, not a list
      --> rules.yaml:10:38
       |
    10 |       - { step: e, event: x, within: [5m] }
       |                                      ^^^^
       |
       = help: write a number and a unit, such as `90s`, `5m` or `1h30m` (units: w d h m s ms us ns)

    error[bad-duration]: `within` must be a duration, not nothing
      --> rules.yaml:11:36
       |
    11 |       - { step: f, event: x, within: }
       |                                    ^
       |
       = help: write a number and a unit, such as `90s`, `5m` or `1h30m` (units: w d h m s ms us ns)
    "#);
}

#[test]
fn event_types() {
    insta::assert_snapshot!(problems_of_rule(
        "sequence:
  - { step: a, event: a..b }
  - { step: b, event: auth login }
  - { step: c, event: [ok.x, 'win*'] }
  - { step: d, event: [] }
  - { step: e, event: 4624 }
  - { step: f }
  - x"
    ), @r#"
    error[bad-event-type]: an event type has no empty segments between its dots
     --> rules.yaml:5:27
      |
    5 |       - { step: a, event: a..b }
      |                           ^^^^
      |
      = help: write dotted segments such as `auth.login` or `auth.*`: `*` is one segment, `**` any number of them, a lone `'*'` everything

    error[bad-event-type]: an event type has no blanks
     --> rules.yaml:6:27
      |
    6 |       - { step: b, event: auth login }
      |                           ^^^^^^^^^^
      |
      = help: write dotted segments such as `auth.login` or `auth.*`: `*` is one segment, `**` any number of them, a lone `'*'` everything

    error[bad-event-type]: `*` stands for a whole segment, which `win*` mixes with other characters
     --> rules.yaml:7:34
      |
    7 |       - { step: c, event: [ok.x, 'win*'] }
      |                                  ^^^^^^
      |
      = help: write dotted segments such as `auth.login` or `auth.*`: `*` is one segment, `**` any number of them, a lone `'*'` everything

    error[empty-list]: `event` names no event type
     --> rules.yaml:8:27
      |
    8 |       - { step: d, event: [] }
      |                           ^^
      |
      = help: name one, or `'*'` for every event

    error[wrong-type]: `event` must be a string or a list of strings, not the number `4624`
     --> rules.yaml:9:27
      |
    9 |       - { step: e, event: 4624 }
      |                           ^^^^
      |
      = help: put it in quotes: '4624'

    error[missing-key]: a step needs the key `event`
      --> rules.yaml:10:11
       |
    10 |       - { step: f }
       |           ^^^^
       |
       = help: add `event: …` to it

    error[wrong-type]: a step must be a mapping, not the string `x`
      --> rules.yaml:11:9
       |
    11 |       - x
       |         ^
       |
       = help: write it as `key: value`
    "#);
}

#[test]
fn severities_and_other_words() {
    insta::assert_snapshot!(problems_of_rule(
        "severity: hihg
enabled: yes
include: event
description: [a]
owner: 5
tags: { a: b }
meta: { x: .nan }
by: []
emit: [a]
window: { count: 5, event: x }
having: ''"
    ), @r#"
    error[unknown-word]: unknown severity `hihg`
     --> rules.yaml:4:15
      |
    4 |     severity: hihg
      |               ^^^^
      |
      = help: did you mean `high`? it is one of `info`, `warning`, `high`, `critical`

    error[wrong-type]: `enabled` must be `true` or `false`, not the string `yes`
     --> rules.yaml:5:14
      |
    5 |     enabled: yes
      |              ^^^

    error[unknown-word]: unknown include `event`
     --> rules.yaml:6:14
      |
    6 |     include: event
      |              ^^^^^
      |
      = help: did you mean `events`?

    error[wrong-type]: `description` must be a string, not a list
     --> rules.yaml:7:18
      |
    7 |     description: [a]
      |                  ^^^

    error[wrong-type]: `owner` must be a string, not the number `5`
     --> rules.yaml:8:12
      |
    8 |     owner: 5
      |            ^
      |
      = help: put it in quotes: '5'

    error[wrong-type]: `tags` must be a string or a list of strings, not a mapping
     --> rules.yaml:9:11
      |
    9 |     tags: { a: b }
      |           ^^^^^^^^

    error[bad-value]: JSON has no number `.nan`
      --> rules.yaml:10:16
       |
    10 |     meta: { x: .nan }
       |                ^^^^

    error[empty-list]: `by` names no field
      --> rules.yaml:11:9
       |
    11 |     by: []
       |         ^^
       |
       = help: name one, or leave `by` out for one key for all events

    error[wrong-type]: `emit` must be a mapping, not a list
      --> rules.yaml:12:11
       |
    12 |     emit: [a]
       |           ^^^
       |
       = help: write it as `key: value`

    error[empty-expression]: `having` is empty
      --> rules.yaml:14:13
       |
    14 |     having: ''
       |             ^^
       |
       = help: write an expression, or leave the key out
    "#);
}

#[test]
fn actions() {
    insta::assert_snapshot!(problems_of_rule(
        "window: { count: 5, event: x }
actions:
  - publish: sécurité alerts
  - publish: ''
  - log: warning
  - webhook: http://example.org
  - webhook: { url: ftp://example.org, timeout: 1h }
  - webhook: { url: 'https://', headers: { 'X Y': \"a\\nb\" } }
  - webhook: {}
  - email: a@example.org
  - publish
  - { publish: a, log: info }
  - {}"
    ), @r#"
    error[bad-topic]: the name of a topic has no `é`
     --> rules.yaml:6:18
      |
    6 |       - publish: sécurité alerts
      |                  ^^^^^^^^^^^^^^^
      |
      = help: a topic has 1 to 249 characters of `a-z A-Z 0-9 . _ -`

    error[bad-topic]: the name of the topic is empty
     --> rules.yaml:7:18
      |
    7 |       - publish: ''
      |                  ^^
      |
      = help: a topic has 1 to 249 characters of `a-z A-Z 0-9 . _ -`

    error[unknown-word]: unknown level `warning`
     --> rules.yaml:8:14
      |
    8 |       - log: warning
      |              ^^^^^^^
      |
      = help: did you mean `warn`? it is one of `debug`, `info`, `warn`, `error`

    error[wrong-type]: `webhook` must be a mapping, not a string
     --> rules.yaml:9:18
      |
    9 |       - webhook: http://example.org
      |                  ^^^^^^^^^^^^^^^^^^
      |
      = help: write `webhook: { url: http://example.org }`

    error[bad-url]: `ftp://example.org` does not start with `http://` or `https://`
      --> rules.yaml:10:25
       |
    10 |       - webhook: { url: ftp://example.org, timeout: 1h }
       |                         ^^^^^^^^^^^^^^^^^
       |
       = help: write an address such as `https://example.org/alerts`

    error[out-of-range]: the `timeout` of a webhook must be at most `10m`
      --> rules.yaml:10:53
       |
    10 |       - webhook: { url: ftp://example.org, timeout: 1h }
       |                                                     ^^
       |
       = help: a slow receiver holds up others; write `10s`, the default, or a little more

    error[bad-url]: `https://` names no host
      --> rules.yaml:11:25
       |
    11 |       - webhook: { url: 'https://', headers: { 'X Y': "a\nb" } }
       |                         ^^^^^^^^^^
       |
       = help: write an address such as `https://example.org/alerts`

    error[bad-header]: `X Y` is not the name of a header
      --> rules.yaml:11:48
       |
    11 |       - webhook: { url: 'https://', headers: { 'X Y': "a\nb" } }
       |                                                ^^^^^
       |
       = help: use letters, digits and `-`, such as `X-Team`

    error[bad-header]: the header `X Y` must be one line of ASCII characters
      --> rules.yaml:11:55
       |
    11 |       - webhook: { url: 'https://', headers: { 'X Y': "a\nb" } }
       |                                                       ^^^^^^
       |
       = help: remove line breaks and other characters

    error[missing-key]: a webhook needs the key `url`
      --> rules.yaml:12:18
       |
    12 |       - webhook: {}
       |                  ^^
       |
       = help: add `url: …` to it

    error[unknown-key]: unknown key `email` in an action
      --> rules.yaml:13:9
       |
    13 |       - email: a@example.org
       |         ^^^^^
       |
       = help: the keys of an action are `publish`, `log`, `webhook`

    error[wrong-type]: an action must be a mapping, not the string `publish`
      --> rules.yaml:14:9
       |
    14 |       - publish
       |         ^^^^^^^
       |
       = help: write `publish: TOPIC`, `log: LEVEL` or `webhook: { url: … }`

    error[two-actions]: an item of `actions` is one action
      --> rules.yaml:15:11
       |
    15 |       - { publish: a, log: info }
       |           ^^^^^^^
       |
       = help: put a `-` before each of them

    error[missing-key]: the action is empty
      --> rules.yaml:16:9
       |
    16 |       - {}
       |         ^^
       |
       = help: write `publish: TOPIC`, `log: LEVEL` or `webhook: { url: … }`
    "#);
    insta::assert_snapshot!(problems_of_rule(
        "window: { count: 5, event: x }\nactions:\n  publish: a"
    ), @r#"
    error[wrong-type]: `actions` must be a list, not a mapping
     --> rules.yaml:6:7
      |
    6 |       publish: a
      |       ^^^^^^^^^^
      |
      = help: put a `-` before each action, or write `[ { publish: TOPIC } ]`
    "#);
}

#[test]
fn tests_of_rules() {
    insta::assert_snapshot!(problems_of_rule(
        "window: { count: 5, event: x }
tests:
  - name: a
    events:
      - { type: x }
      - { at: 5s }
      - { at: 5, type: x }
      - { at: yesterday, type: 7 }
    expect: nothing
  - events: none
    expect: []
  - name: c
    events: []
    expect:
      - { key: { a: 1 }, emit: [], count: 5 }
  - name: d"
    ), @r#"
    error[missing-key]: an event of a test needs the key `at`
     --> rules.yaml:8:15
      |
    8 |           - { type: x }
      |               ^^^^
      |
      = help: add `at: …` to it

    error[missing-key]: an event of a test needs the key `type`
     --> rules.yaml:9:15
      |
    9 |           - { at: 5s }
      |               ^^
      |
      = help: add `type: …` to it

    error[bad-time]: `5` is neither an offset nor a time
      --> rules.yaml:10:19
       |
    10 |           - { at: 5, type: x }
       |                   ^
       |
       = help: write an offset such as `0s` or `1m30s`, or a time such as `2024-05-01T12:00:00Z`

    error[bad-time]: `yesterday` is neither an offset nor a time
      --> rules.yaml:11:19
       |
    11 |           - { at: yesterday, type: 7 }
       |                   ^^^^^^^^^
       |
       = help: write an offset such as `0s` or `1m30s`, or a time such as `2024-05-01T12:00:00Z`

    error[wrong-type]: `type` must be a string, not the number `7`
      --> rules.yaml:11:36
       |
    11 |           - { at: yesterday, type: 7 }
       |                                    ^
       |
       = help: put it in quotes: '7'

    error[wrong-type]: `expect` must be a list or `none`, not the string `nothing`
      --> rules.yaml:12:17
       |
    12 |         expect: nothing
       |                 ^^^^^^^
       |
       = help: write `expect: none`, or a list such as `[ { key: u1, emit: { n: 3 } } ]`

    error[missing-key]: a test needs the key `name`
      --> rules.yaml:13:9
       |
    13 |       - events: none
       |         ^^^^^^
       |
       = help: add `name: …` to it

    error[wrong-type]: `events` must be a list, not the string `none`
      --> rules.yaml:13:17
       |
    13 |       - events: none
       |                 ^^^^
       |
       = help: start each item with `- `, or write `[ a, b ]`

    error[wrong-type]: `expect` lists no match
      --> rules.yaml:14:17
       |
    14 |         expect: []
       |                 ^^
       |
       = help: write `expect: none`, or a list such as `[ { key: u1, emit: { n: 3 } } ]`

    error[wrong-type]: `key` must be a value or a list of values, not a mapping
      --> rules.yaml:18:20
       |
    18 |           - { key: { a: 1 }, emit: [], count: 5 }
       |                    ^^^^^^^^
       |
       = help: write `key: u1`, or `key: [ u1, h1 ]` where `by` is a list

    error[wrong-type]: `emit` must be a mapping, not a list
      --> rules.yaml:18:36
       |
    18 |           - { key: { a: 1 }, emit: [], count: 5 }
       |                                    ^^
       |
       = help: write it as `key: value`

    error[unknown-key]: unknown key `count` in an expected match
      --> rules.yaml:18:40
       |
    18 |           - { key: { a: 1 }, emit: [], count: 5 }
       |                                        ^^^^^
       |
       = help: the keys of an expected match are `key`, `emit`

    error[missing-key]: a test needs the key `events`
      --> rules.yaml:19:9
       |
    19 |       - name: d
       |         ^^^^
       |
       = help: add `events: …` to it

    error[missing-key]: a test needs the key `expect`
      --> rules.yaml:19:9
       |
    19 |       - name: d
       |         ^^^^
       |
       = help: add `expect: …` to it
    "#);
}

#[test]
fn block_texts_and_other_scripts_are_pointed_at() {
    insta::assert_snapshot!(problems(
        "version: 1
rules:
  - name: größe
    description: >
      日本語 text
      over lines
    emit: { ключ: [x], ok: y }
    window: { count: 5, event: ключ..ü }
    größe: 5
"
    ), @r#"
    error[wrong-type]: the expression of `ключ` must be a text, not a list
     --> rules.yaml:7:19
      |
    7 |     emit: { ключ: [x], ok: y }
      |                   ^^^

    error[bad-event-type]: an event type has no empty segments between its dots
     --> rules.yaml:8:32
      |
    8 |     window: { count: 5, event: ключ..ü }
      |                                ^^^^^^^
      |
      = help: write dotted segments such as `auth.login` or `auth.*`: `*` is one segment, `**` any number of them, a lone `'*'` everything

    error[unknown-key]: unknown key `größe` in a rule
     --> rules.yaml:9:5
      |
    9 |     größe: 5
      |     ^^^^^
      |
      = help: the keys of a rule are `name`, `description`, `severity`, `enabled`, `by`, `sequence`, `window`, `where`, `having`, `emit`, `actions`, `tags`, `owner`, `references`, `meta`, `include`, `tests`
    "#);
}

#[test]
fn yaml_mistakes_in_rules() {
    insta::assert_snapshot!(
        [
            "version: 1\nrules:\n  - name: a\n    by: \"user\n    window: { count: 5, event: x }\n    having: \"x\"\n",
            "version: 1\nrules:\n  - name: a\n    window: { count: 5, event: * }\n",
            "version: 1\nrules:\n  - name: a\n    window: { count: 5, event: x\n    having: avg(x) > 5\n  - name: b\n",
            "version: 1\nrules:\n  - name: a\n    description: note: this\n",
            "version: 1\nrules:\n  - name: a\n   severity: high\n",
            "version: 1\nrules:\n  - name: a\n    where: user = 'x' and\n    by: a\n    by: b\n",
        ]
        .map(problems).join(""),
        @r#"
        error[yaml-syntax]: this quote is not closed
         --> rules.yaml:4:9
          |
        4 |     by: "user
          |         ^ opened here
          |
          = help: close it on its line, or indent the further lines of the text more

        error[yaml-syntax]: `*` and `&` at the start of a value stand for aliases and anchors
         --> rules.yaml:4:32
          |
        4 |     window: { count: 5, event: * }
          |                                ^
          |
          = help: put the text in quotes: '*'

        error[yaml-syntax]: expected `,` or `}`
         --> rules.yaml:5:11
          |
        4 |     window: { count: 5, event: x
          |             - inside the bracket opened here
        5 |     having: avg(x) > 5
          |           ^
          |
          = help: close each bracket, and put a text that contains brackets in quotes

        error[yaml-syntax]: a second `: ` in one line
         --> rules.yaml:4:22
          |
        4 |     description: note: this
          |                      ^
          |
          = help: put a text that contains `: ` in quotes

        error[yaml-syntax]: this line does not fit the ones before it
         --> rules.yaml:4:4
          |
        4 |    severity: high
          |    ^
          |
          = help: items and keys of one list or mapping start in the same column; a text with special characters needs quotes

        error[duplicate-key]: the key `by` stands twice in this mapping
         --> rules.yaml:6:5
          |
        5 |     by: a
          |     -- first here
        6 |     by: b
          |     ^^ again here
          |
          = help: leave one of the two out
        "#
    );
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
    ];
    let random =
        prop::collection::vec(prop::sample::select(words), 0..25).prop_map(|parts| parts.concat());
    let changed = (
        0..EXAMPLE.len(),
        0..12_usize,
        "[a-zü0-9:{}\\[\\]'\"|> \n*&-]{0,6}",
    )
        .prop_map(|(at, length, new)| {
            let end = (at + length).min(EXAMPLE.len());
            format!("{}{new}{}", &EXAMPLE[..at], &EXAMPLE[end..])
        });
    prop_oneof![random, changed, "\\PC{0,80}"]
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
    }
}

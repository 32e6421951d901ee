//! Messages about the shape of files and rules.

use super::{problems, problems_of_rule};

#[test]
fn files_without_version_or_rules() {
    insta::assert_snapshot!(
        ["", "rules: []\n", "version: 2\nrule:\n  - name: a\n", "- name: a\n", "version: [1]\nrules: {}\n"]
            .map(problems).join(""),
        @r#"
        error[missing-key]: the rule file is empty
        --> rules.yaml:1:1
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
          = help: did you mean `rules`?

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
      = help: did you mean `severity`?

    error[unknown-key]: unknown key `events` in a step
     --> rules.yaml:7:9
      |
    7 |         events: x
      |         ^^^^^^
      |
      = help: the keys of a step are `step`, `event`, `where`, `contiguity`, `within`, `times`, `optional`, `greedy`, `until`

    error[unknown-key]: unknown key `stepp` in a step
     --> rules.yaml:9:9
      |
    9 |       - stepp: b
      |         ^^^^^
      |
      = help: did you mean `step`?

    error[unknown-key]: unknown key `wher` in a step
      --> rules.yaml:11:9
       |
    11 |         wher: z = 1
       |         ^^^^
       |
       = help: did you mean `where`?

    error[unknown-key]: unknown key `withing` in a step
      --> rules.yaml:12:9
       |
    12 |         withing: 5m
       |         ^^^^^^^
       |
       = help: did you mean `within`?

    error[unknown-key]: unknown key `colour` in a rule
      --> rules.yaml:14:5
       |
    14 |     colour: red
       |     ^^^^^^
       |
       = help: the keys of a rule are `name`, `description`, `severity`, `enabled`, `by`, `sequence`, `window`, `within`, `from`, `after_match`, `on_timeout`, `max_matches_per_event`, `having`, `limit`, `state`, `emit`, `actions`, `tags`, `owner`, `references`, `meta`, `include`, `tests`
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
      = help: the keys of a rule are `name`, `description`, `severity`, `enabled`, `by`, `sequence`, `window`, `where`, `having`, `limit`, `state`, `emit`, `actions`, `tags`, `owner`, `references`, `meta`, `include`, `tests`
    "#);
}

//! Messages about the keys of rules with sequences, and about lists.

use super::{codes, problems, problems_of_rule, rule_of};

#[test]
fn keys_of_rules_with_sequences() {
    let steps = "sequence: [ { step: login, event: x }, { not: { step: logout, event: y } }, { step: export, event: z }, \
                 { group: [ { step: inner, event: x } ] } ]";
    insta::assert_snapshot!(
        [
            "after_match: skip_to_next\nlimit: once\nstate: { partial_matches: 0, window_events: 5, policy: drop_old }",
            "after_match: past_lst\nlimit: 0 per 1h\nstate: 5\ninclude: [none, events]\nmax_matches_per_event: 0",
            "after_match: to_last\nlimit: 5 per hour\non_timeout: [ { log: info } ]",
            "after_match: { to_last: exprt }\nlimit: 5 per 0s\non_timeout: []\nfrom: x",
            "after_match: { to_first: logout, to_last: nobody }\nlimit: 5",
            "after_match: { past_last: login }",
            "after_match: { to_last: inner }",
            "after_match: 5\nfrom: []\non_timeout: { log: info }",
        ]
        .map(|lines| problems_of_rule(&format!("{steps}\n{lines}")))
        .join(""),
        @r#"
        error[unknown-word]: unknown after_match `skip_to_next`
         --> rules.yaml:5:18
          |
        5 |     after_match: skip_to_next
          |                  ^^^^^^^^^^^^
          |
          = help: here it is `to_next`

        error[bad-limit]: `once` is no limit
         --> rules.yaml:6:12
          |
        6 |     limit: once
          |            ^^^^
          |
          = help: write a number of matches and a time, such as `limit: 1 per 1h`

        error[out-of-range]: `partial_matches` must be between 1 and 1000000000, not 0
         --> rules.yaml:7:31
          |
        7 |     state: { partial_matches: 0, window_events: 5, policy: drop_old }
          |                               ^

        error[misplaced-key]: `window_events` has no place in the `state` of a rule with a `sequence`
         --> rules.yaml:7:34
          |
        7 |     state: { partial_matches: 0, window_events: 5, policy: drop_old }
          |                                  ^^^^^^^^^^^^^
          |
          = help: a sequence holds `partial_matches`

        error[unknown-word]: unknown policy `drop_old`
         --> rules.yaml:7:60
          |
        7 |     state: { partial_matches: 0, window_events: 5, policy: drop_old }
          |                                                            ^^^^^^^^
          |
          = help: did you mean `drop_oldest`? it is one of `drop_oldest`, `drop_newest`, `fail`

        error[unknown-word]: unknown after_match `past_lst`
         --> rules.yaml:5:18
          |
        5 |     after_match: past_lst
          |                  ^^^^^^^^
          |
          = help: did you mean `past_last`? it is one of `none`, `to_next`, `past_last`, `to_first`, `to_last`

        error[bad-limit]: a limit is between 1 and 1000000 matches, not `0`
         --> rules.yaml:6:12
          |
        6 |     limit: 0 per 1h
          |            ^^^^^^^^
          |
          = help: write a number of matches and a time, such as `limit: 1 per 1h`

        error[wrong-type]: `state` must be a mapping, not the number `5`
         --> rules.yaml:7:12
          |
        7 |     state: 5
          |            ^
          |
          = help: write it as `key: value`

        error[two-words]: `include` is both `events` and `none`
         --> rules.yaml:8:21
          |
        8 |     include: [none, events]
          |                     ^^^^^^
          |
          = help: leave one of the two out

        error[out-of-range]: `max_matches_per_event` must be between 1 and 1000000, not 0
         --> rules.yaml:9:28
          |
        9 |     max_matches_per_event: 0
          |                            ^

        error[missing-step]: `to_last` does not say the first or last event of which step
         --> rules.yaml:5:18
          |
        5 |     after_match: to_last
          |                  ^^^^^^^
          |
          = help: write `{ to_last: login }`

        error[bad-limit]: `hour` is not a duration
         --> rules.yaml:6:12
          |
        6 |     limit: 5 per hour
          |            ^^^^^^^^^^
          |
          = help: write a number of matches and a time, such as `limit: 1 per 1h`

        error[no-time-limit]: nothing in this rule can run out of time
         --> rules.yaml:7:5
          |
        7 |     on_timeout: [ { log: info } ]
          |     ^^^^^^^^^^
          |
          = help: add `within: 10m` to the rule or to a step, or leave `on_timeout` out

        error[unknown-step]: there is no step `exprt`
         --> rules.yaml:5:29
          |
        5 |     after_match: { to_last: exprt }
          |                             ^^^^^
          |
          = help: did you mean `export`?

        error[bad-limit]: the time of a limit must be longer than nothing
         --> rules.yaml:6:12
          |
        6 |     limit: 5 per 0s
          |            ^^^^^^^^
          |
          = help: write a number of matches and a time, such as `limit: 1 per 1h`

        error[no-time-limit]: nothing in this rule can run out of time
         --> rules.yaml:7:5
          |
        7 |     on_timeout: []
          |     ^^^^^^^^^^
          |
          = help: add `within: 10m` to the rule or to a step, or leave `on_timeout` out

        error[empty-list]: `on_timeout` names no action
         --> rules.yaml:7:17
          |
        7 |     on_timeout: []
          |                 ^^
          |
          = help: add an action such as `log: info`, or leave it out

        warning[unused-key]: `from` says nothing where no contiguity is `strict`
         --> rules.yaml:8:5
          |
        8 |     from: x
          |     ^^^^
          |
          = help: add `contiguity: strict` to what must follow at once, or leave it out

        error[unknown-step]: `logout` is a `not`, of which a match has no events
         --> rules.yaml:5:30
          |
        5 |     after_match: { to_first: logout, to_last: nobody }
          |                              ^^^^^^
          |
          = help: name a step that takes events

        error[two-words]: `after_match` is both `to_first` and `to_last`
         --> rules.yaml:5:38
          |
        5 |     after_match: { to_first: logout, to_last: nobody }
          |                                      ^^^^^^^
          |
          = help: leave one of the two out

        error[unknown-step]: there is no step `nobody`
         --> rules.yaml:5:47
          |
        5 |     after_match: { to_first: logout, to_last: nobody }
          |                                               ^^^^^^
          |
          = help: the steps are `login`, `export`, `inner`

        error[bad-limit]: `5` is no limit
         --> rules.yaml:6:12
          |
        6 |     limit: 5
          |            ^
          |
          = help: write a number of matches and a time, such as `limit: 1 per 1h`

        error[misplaced-key]: `past_last` has no place in `after_match: { … }`
         --> rules.yaml:5:20
          |
        5 |     after_match: { past_last: login }
          |                    ^^^^^^^^^
          |
          = help: it names no step: write `after_match: past_last`

        error[unknown-step]: `inner` is in a `group` or `any_of`
         --> rules.yaml:5:29
          |
        5 |     after_match: { to_last: inner }
          |                             ^^^^^
          |
          = help: name a step that stands in the sequence itself

        error[unknown-word]: unknown after_match `5`
         --> rules.yaml:5:18
          |
        5 |     after_match: 5
          |                  ^
          |
          = help: it is one of `none`, `to_next`, `past_last`, `to_first`, `to_last`

        error[empty-list]: `from` names no event type
         --> rules.yaml:6:11
          |
        6 |     from: []
          |           ^^
          |
          = help: name one, or `'*'` for every event

        error[no-time-limit]: nothing in this rule can run out of time
         --> rules.yaml:7:5
          |
        7 |     on_timeout: { log: info }
          |     ^^^^^^^^^^
          |
          = help: add `within: 10m` to the rule or to a step, or leave `on_timeout` out

        error[wrong-type]: `on_timeout` must be a list, not a mapping
         --> rules.yaml:7:17
          |
        7 |     on_timeout: { log: info }
          |                 ^^^^^^^^^^^^^
          |
          = help: put a `-` before each action, or write `[ { publish: TOPIC } ]`
        "#
    );
}

/// The step comes after the end of an inner group, but still in the outer one.
#[test]
fn steps_after_inner_groups_are_inside_too() {
    let inner = "{ group: [ { step: b, event: x } ] }";
    let text = format!(
        "sequence: [ {{ group: [ {{ step: a, event: x }}, {inner}, {{ step: c, event: x }} ] }}, {{ step: d, event: x }} ]"
    );
    let ends = |step: &str| codes(&rule_of(&format!("{text}\nafter_match: {{ to_first: {step} }}")));
    assert_eq!(ends("c"), ["unknown-step@5"]);
    assert!(ends("d").is_empty());
}

#[test]
fn keys_of_sequences_beside_a_window() {
    insta::assert_snapshot!(problems_of_rule(
        "window: { count: 5, event: x }
from: x
after_match: past_last
on_timeout: [ { log: info } ]
max_matches_per_event: 5
state: { partial_matches: 5 }
include: none"
    ), @r#"
    error[misplaced-key]: `from` has no place in a rule with a `window`
     --> rules.yaml:5:5
      |
    5 |     from: x
      |     ^^^^
      |
      = help: `from` says what counts as in between for the strict steps of a `sequence`

    error[misplaced-key]: `after_match` has no place in a rule with a `window`
     --> rules.yaml:6:5
      |
    6 |     after_match: past_last
      |     ^^^^^^^^^^^
      |
      = help: `after_match` says what a match of a `sequence` ends; windows end by themselves

    error[misplaced-key]: `on_timeout` has no place in a rule with a `window`
     --> rules.yaml:7:5
      |
    7 |     on_timeout: [ { log: info } ]
      |     ^^^^^^^^^^
      |
      = help: `on_timeout` is for the partial matches of a `sequence`; windows have none

    error[misplaced-key]: `max_matches_per_event` has no place in a rule with a `window`
     --> rules.yaml:8:5
      |
    8 |     max_matches_per_event: 5
      |     ^^^^^^^^^^^^^^^^^^^^^
      |
      = help: a window finds one match at most at a time; leave it out

    error[misplaced-key]: `partial_matches` has no place in the `state` of a rule with a `window`
     --> rules.yaml:9:14
      |
    9 |     state: { partial_matches: 5 }
      |              ^^^^^^^^^^^^^^^
      |
      = help: a window holds `window_events`

    error[misplaced-word]: `none` is for the events of a `sequence`
      --> rules.yaml:10:14
       |
    10 |     include: none
       |              ^^^^
       |
       = help: leave it out: a window names its first and last event, unless all are embedded
    "#);
}

#[test]
fn lists() {
    insta::assert_snapshot!(problems(
        "version: 1
lists:
  - { name: a }
  - { name: b-c, file: a.csv, topic: t }
  - { name: d, file: a.txt, key: '' }
  - { name: e, topic: 't t' }
  - { name: e, topic: t }
  - { nam: f, file: a.csv, column: x }
  - g
  - { name: h, file: h.csv.gz, kind: cdr }
"
    ), @r#"
    error[missing-key]: the list does not say where its entries are
     --> rules.yaml:3:7
      |
    3 |   - { name: a }
      |       ^^^^
      |
      = help: add `file: PATH.csv`, `file: PATH.ndjson`, or `topic: TOPIC` and `key: FIELD`

    error[bad-name]: `b-c` is not a name for a list
     --> rules.yaml:4:13
      |
    4 |   - { name: b-c, file: a.csv, topic: t }
      |             ^^^
      |
      = help: use letters, digits and `_`, not starting with a digit, such as `b_c`

    error[two-sources]: the list is both in a `file` and in a `topic`
     --> rules.yaml:4:31
      |
    4 |   - { name: b-c, file: a.csv, topic: t }
      |                               ^^^^^
      |
      = help: leave one of the two out

    error[bad-path]: `a.txt` is not the path of a `.csv` or `.ndjson` file
     --> rules.yaml:5:22
      |
    5 |   - { name: d, file: a.txt, key: '' }
      |                      ^^^^^
      |
      = help: write a path such as `lists/bad_ips.csv`, from the folder of this file

    error[bad-name]: `key` names nothing
     --> rules.yaml:5:34
      |
    5 |   - { name: d, file: a.txt, key: '' }
      |                                  ^^
      |
      = help: write the name of a column or field, such as `host`

    error[bad-topic]: the name of a topic has no ` `
     --> rules.yaml:6:23
      |
    6 |   - { name: e, topic: 't t' }
      |                       ^^^^^
      |
      = help: a topic has 1 to 249 characters of `a-z A-Z 0-9 . _ -`

    error[missing-key]: a list needs the key `key`
     --> rules.yaml:7:7
      |
    7 |   - { name: e, topic: t }
      |       ^^^^
      |
      = help: add `key: …` to it

    error[duplicate-list]: two lists are named `e`
     --> rules.yaml:7:13
      |
    6 |   - { name: e, topic: 't t' }
      |             - first here
    7 |   - { name: e, topic: t }
      |             ^ again here
      |
      = help: give each list a name of its own

    error[unknown-key]: unknown key `nam` in a list
     --> rules.yaml:8:7
      |
    8 |   - { nam: f, file: a.csv, column: x }
      |       ^^^
      |
      = help: did you mean `name`?

    error[unknown-key]: unknown key `column` in a list
     --> rules.yaml:8:28
      |
    8 |   - { nam: f, file: a.csv, column: x }
      |                            ^^^^^^
      |
      = help: the keys of a list are `name`, `file`, `topic`, `key`, `kind`

    error[wrong-type]: a list must be a mapping, not the string `g`
     --> rules.yaml:9:5
      |
    9 |   - g
      |     ^
      |
      = help: write it as `key: value`

    error[unknown-word]: unknown kind `cdr`
      --> rules.yaml:10:38
       |
    10 |   - { name: h, file: h.csv.gz, kind: cdr }
       |                                      ^^^
       |
       = help: did you mean `cidr`? it is one of `exact`, `cidr`
    "#);
}

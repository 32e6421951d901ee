//! Messages about what is done with matches, and about tests.

use super::problems_of_rule;

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
  - { name: t, events: [], expect: none, timeouts: none }
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
    error[misplaced-key]: the rule does not tell what runs out of time
     --> rules.yaml:6:46
      |
    6 |       - { name: t, events: [], expect: none, timeouts: none }
      |                                              ^^^^^^^^
      |
      = help: add `on_timeout` to the rule, or leave `timeouts` out

    error[missing-key]: an event of a test needs the key `at`
     --> rules.yaml:9:15
      |
    9 |           - { type: x }
      |               ^^^^
      |
      = help: add `at: …` to it

    error[missing-key]: an event of a test needs the key `type`
      --> rules.yaml:10:15
       |
    10 |           - { at: 5s }
       |               ^^
       |
       = help: add `type: …` to it

    error[bad-time]: `5` is neither an offset nor a time
      --> rules.yaml:11:19
       |
    11 |           - { at: 5, type: x }
       |                   ^
       |
       = help: write an offset such as `0s` or `1m30s`, or a time such as `2024-05-01T12:00:00Z`

    error[bad-time]: `yesterday` is neither an offset nor a time
      --> rules.yaml:12:19
       |
    12 |           - { at: yesterday, type: 7 }
       |                   ^^^^^^^^^
       |
       = help: write an offset such as `0s` or `1m30s`, or a time such as `2024-05-01T12:00:00Z`

    error[wrong-type]: `type` must be a string, not the number `7`
      --> rules.yaml:12:36
       |
    12 |           - { at: yesterday, type: 7 }
       |                                    ^
       |
       = help: put it in quotes: '7'

    error[wrong-type]: `expect` must be a list or `none`, not the string `nothing`
      --> rules.yaml:13:17
       |
    13 |         expect: nothing
       |                 ^^^^^^^
       |
       = help: write `expect: none`, or a list such as `[ { key: u1, emit: { n: 3 } } ]`

    error[missing-key]: a test needs the key `name`
      --> rules.yaml:14:9
       |
    14 |       - events: none
       |         ^^^^^^
       |
       = help: add `name: …` to it

    error[wrong-type]: `events` must be a list, not the string `none`
      --> rules.yaml:14:17
       |
    14 |       - events: none
       |                 ^^^^
       |
       = help: start each item with `- `, or write `[ a, b ]`

    error[wrong-type]: `expect` lists no match
      --> rules.yaml:15:17
       |
    15 |         expect: []
       |                 ^^
       |
       = help: write `expect: none`, or a list such as `[ { key: u1, emit: { n: 3 } } ]`

    error[wrong-type]: `key` must be a value or a list of values, not a mapping
      --> rules.yaml:19:20
       |
    19 |           - { key: { a: 1 }, emit: [], count: 5 }
       |                    ^^^^^^^^
       |
       = help: write `key: u1`, or `key: [ u1, h1 ]` where `by` is a list

    error[wrong-type]: `emit` must be a mapping, not a list
      --> rules.yaml:19:36
       |
    19 |           - { key: { a: 1 }, emit: [], count: 5 }
       |                                    ^^
       |
       = help: write it as `key: value`

    error[unknown-key]: unknown key `count` in an expected match
      --> rules.yaml:19:40
       |
    19 |           - { key: { a: 1 }, emit: [], count: 5 }
       |                                        ^^^^^
       |
       = help: the keys of an expected match are `key`, `emit`

    error[missing-key]: a test needs the key `events`
      --> rules.yaml:20:9
       |
    20 |       - name: d
       |         ^^^^
       |
       = help: add `events: …` to it

    error[missing-key]: a test needs the key `expect`
      --> rules.yaml:20:9
       |
    20 |       - name: d
       |         ^^^^
       |
       = help: add `expect: …` to it
    "#);
}

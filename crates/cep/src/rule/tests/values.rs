//! Messages about single values.

use super::problems_of_rule;

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
      = help: did you mean `events`? it is one of `events`, `none`

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

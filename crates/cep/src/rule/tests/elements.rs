//! Messages about the elements of sequences.

use super::{codes, problems_of_rule, rule_of};

#[test]
fn kinds_of_elements() {
    insta::assert_snapshot!(problems_of_rule(
        "sequence:
  - { step: a, not: { event: x } }
  - { anyof: [ { step: b, event: x } ] }
  - { grup: [ { step: c, event: x } ] }
  - { event: x }
  - { not: x }
  - { not: { event: x, for: 5m, within: 1m, contiguity: strict }, event: y }
  - { group: [], where: v = 1 }
  - { group: { step: d } }
  - { any_of: [ [], { step: e, event: x, optional: true } ], times: 2 }
  - { any_of: [ [ { step: h, event: x, optional: true }, { step: i, event: x } ],
                  { group: [ { step: j, event: x, optional: true }, { step: k, event: x } ] } ] }
  - { all_of: [ { not: { event: x } }, { step: f, event: x, within: 1m, times: 2 }, x ] }
  - { step: g, event: x, for: 5m }"
    ), @r#"
    error[missing-key]: a step needs the key `event`
     --> rules.yaml:5:11
      |
    5 |       - { step: a, not: { event: x } }
      |           ^^^^
      |
      = help: add `event: …` to it

    error[two-elements]: an element is both `step` and `not`
     --> rules.yaml:5:20
      |
    5 |       - { step: a, not: { event: x } }
      |                    ^^^
      |
      = help: put a `-` before each of them

    error[unknown-key]: unknown key `anyof` in an `any_of`
     --> rules.yaml:6:11
      |
    6 |       - { anyof: [ { step: b, event: x } ] }
      |           ^^^^^
      |
      = help: did you mean `any_of`?

    error[unknown-key]: unknown key `grup` in a `group`
     --> rules.yaml:7:11
      |
    7 |       - { grup: [ { step: c, event: x } ] }
      |           ^^^^
      |
      = help: did you mean `group`?

    error[missing-key]: a step needs the key `step`
     --> rules.yaml:8:11
      |
    8 |       - { event: x }
      |           ^^^^^
      |
      = help: add `step: …` to it

    error[wrong-type]: `not` must be a mapping, not a string
     --> rules.yaml:9:16
      |
    9 |       - { not: x }
      |                ^
      |
      = help: write `not: { event: x }`

    error[misplaced-key]: `for` has no place in a `not`
      --> rules.yaml:10:28
       |
    10 |       - { not: { event: x, for: 5m, within: 1m, contiguity: strict }, event: y }
       |                            ^^^
       |
       = help: `for` stands beside `not`, not in it

    error[misplaced-key]: `within` has no place in a `not`
      --> rules.yaml:10:37
       |
    10 |       - { not: { event: x, for: 5m, within: 1m, contiguity: strict }, event: y }
       |                                     ^^^^^^
       |
       = help: at the start or the end of a sequence write `for: 10m`; in between, a `not` lasts until the next element, whose `within` bounds it

    error[misplaced-key]: `contiguity` has no place in a `not`
      --> rules.yaml:10:49
       |
    10 |       - { not: { event: x, for: 5m, within: 1m, contiguity: strict }, event: y }
       |                                                 ^^^^^^^^^^
       |
       = help: `contiguity` stands beside `not`, not in it

    error[misplaced-key]: `event` has no place in an element with `not`
      --> rules.yaml:10:71
       |
    10 |       - { not: { event: x, for: 5m, within: 1m, contiguity: strict }, event: y }
       |                                                                       ^^^^^
       |
       = help: it stands in the `not`: `not: { event: … }`

    error[empty-list]: the group has no elements
      --> rules.yaml:11:18
       |
    11 |       - { group: [], where: v = 1 }
       |                  ^^
       |
       = help: add a step to it

    error[misplaced-key]: `where` has no place in a `group`
      --> rules.yaml:11:22
       |
    11 |       - { group: [], where: v = 1 }
       |                      ^^^^^
       |
       = help: each step in it has its own `where`

    error[wrong-type]: `group` must be a list, not a mapping
      --> rules.yaml:12:18
       |
    12 |       - { group: { step: d } }
       |                  ^^^^^^^^^^^
       |
       = help: start each item with `- `, or write `[ a, b ]`

    error[empty-list]: an alternative of `any_of` has no elements
      --> rules.yaml:13:21
       |
    13 |       - { any_of: [ [], { step: e, event: x, optional: true } ], times: 2 }
       |                     ^^
       |
       = help: put a step into it, or leave it out

    error[optional-alternative]: all of this alternative may be missing
      --> rules.yaml:13:27
       |
    13 |       - { any_of: [ [], { step: e, event: x, optional: true } ], times: 2 }
       |                           ^^^^
       |
       = help: make it required, and put the `any_of` into a `group` with `optional: true`

    error[misplaced-key]: `times` has no place in an `any_of`
      --> rules.yaml:13:66
       |
    13 |       - { any_of: [ [], { step: e, event: x, optional: true } ], times: 2 }
       |                                                                  ^^^^^
       |
       = help: put it into a `group`, beside which `times` can stand

    error[optional-alternative]: this alternative begins with what may be missing
      --> rules.yaml:14:25
       |
    14 |       - { any_of: [ [ { step: h, event: x, optional: true }, { step: i, event: x } ],
       |                         ^^^^
       |
       = help: make it two alternatives, one with what may be missing and one without

    error[optional-alternative]: this alternative begins with what may be missing
      --> rules.yaml:15:25
       |
    15 |                       { group: [ { step: j, event: x, optional: true }, { step: k, event: x } ] } ] }
       |                         ^^^^^
       |
       = help: make it two alternatives, one with what may be missing and one without

    error[misplaced-key]: `not` has no place in `all_of`, which holds steps
      --> rules.yaml:16:23
       |
    16 |       - { all_of: [ { not: { event: x } }, { step: f, event: x, within: 1m, times: 2 }, x ] }
       |                       ^^^
       |
       = help: write each as `{ step: login, event: auth.login }`

    error[misplaced-key]: `within` has no place in a step of `all_of`
      --> rules.yaml:16:65
       |
    16 |       - { all_of: [ { not: { event: x } }, { step: f, event: x, within: 1m, times: 2 }, x ] }
       |                                                                 ^^^^^^
       |
       = help: its steps come in any order; put `within` beside `all_of`

    error[misplaced-key]: `times` has no place in a step of `all_of`
      --> rules.yaml:16:77
       |
    16 |       - { all_of: [ { not: { event: x } }, { step: f, event: x, within: 1m, times: 2 }, x ] }
       |                                                                             ^^^^^
       |
       = help: each step of `all_of` takes one event, others in between or not

    error[wrong-type]: a step of `all_of` must be a mapping, not the string `x`
      --> rules.yaml:16:89
       |
    16 |       - { all_of: [ { not: { event: x } }, { step: f, event: x, within: 1m, times: 2 }, x ] }
       |                                                                                         ^
       |
       = help: write it as `key: value`

    error[misplaced-key]: `for` has no place in a step
      --> rules.yaml:17:30
       |
    17 |       - { step: g, event: x, for: 5m }
       |                              ^^^
       |
       = help: `for` belongs to a `not`; the time since the step before is `within`
    "#);
}

#[test]
fn contiguity_and_limits_of_first_elements() {
    insta::assert_snapshot!(problems_of_rule(
        "sequence:
  - { step: a, event: x, contiguity: strict, within: 1m }
  - { group: [ { step: b, event: x, contiguity: strict, within: 1m } ], contiguity: relaxed }
  - { any_of: [ { step: c, event: x, within: 1m } ], contiguity: skip_till_anny }
  - { step: d, event: x, within: 1h }
within: 30m
from: x"
    ), @r#"
    error[misplaced-key]: the first step has no step before it to follow
     --> rules.yaml:5:42
      |
    5 |       - { step: a, event: x, contiguity: strict, within: 1m }
      |                                          ^^^^^^
      |
      = help: put `contiguity` on later steps; between repetitions it is `times: { contiguity: … }`

    error[misplaced-key]: the first step has no step before it to be `within` a time of
     --> rules.yaml:5:58
      |
    5 |       - { step: a, event: x, contiguity: strict, within: 1m }
      |                                                          ^^
      |
      = help: put `within` on later steps, or on the rule for all steps together

    error[misplaced-key]: the first element of a group has no `contiguity` of its own
     --> rules.yaml:6:53
      |
    6 |       - { group: [ { step: b, event: x, contiguity: strict, within: 1m } ], contiguity: relaxed }
      |                                                     ^^^^^^
      |
      = help: put `contiguity` beside `group`; between repetitions of a group it is `times: { contiguity: … }`

    error[misplaced-key]: the first element of a group has no `within` of its own
     --> rules.yaml:6:69
      |
    6 |       - { group: [ { step: b, event: x, contiguity: strict, within: 1m } ], contiguity: relaxed }
      |                                                                     ^^
      |
      = help: put `within` beside `group`; between repetitions of a group it is `times: { gap: … }`

    error[unknown-word]: unknown contiguity `relaxed`
     --> rules.yaml:6:89
      |
    6 |       - { group: [ { step: b, event: x, contiguity: strict, within: 1m } ], contiguity: relaxed }
      |                                                                                         ^^^^^^^
      |
      = help: here it is `skip_till_next`

    error[misplaced-key]: the first element of an alternative has no `within` of its own
     --> rules.yaml:7:50
      |
    7 |       - { any_of: [ { step: c, event: x, within: 1m } ], contiguity: skip_till_anny }
      |                                                  ^^
      |
      = help: put `within` beside `any_of`

    error[unknown-word]: unknown contiguity `skip_till_anny`
     --> rules.yaml:7:70
      |
    7 |       - { any_of: [ { step: c, event: x, within: 1m } ], contiguity: skip_till_anny }
      |                                                                      ^^^^^^^^^^^^^^
      |
      = help: did you mean `skip_till_any`? it is one of `strict`, `skip_till_next`, `skip_till_any`

    warning[unused-key]: `within` (1h) is no shorter than the time of the whole rule (30m)
     --> rules.yaml:8:38
      |
    8 |       - { step: d, event: x, within: 1h }
      |                                      ^^
      |
      = help: make it shorter, or leave it out
    "#);
}

#[test]
fn names_are_unique_in_groups_and_alternatives() {
    insta::assert_snapshot!(problems_of_rule(
        "sequence:
  - { step: a, event: x }
  - { group: [ { step: a, event: x } ] }
  - { any_of: [ { step: b, event: x }, [ { step: b, event: x } ] ] }
  - { all_of: [ { step: c, event: x }, { step: c, event: x } ] }
  - { not: { step: c, event: x }, for: 5m }"
    ), @r#"
    error[duplicate-step]: two steps are named `a`
     --> rules.yaml:6:28
      |
    5 |       - { step: a, event: x }
      |                 - first here
    6 |       - { group: [ { step: a, event: x } ] }
      |                            ^ again here
      |
      = help: give each step a name of its own

    error[duplicate-step]: two steps are named `b`
     --> rules.yaml:7:54
      |
    7 |       - { any_of: [ { step: b, event: x }, [ { step: b, event: x } ] ] }
      |                             - first here             ^ again here
      |
      = help: give each step a name of its own

    error[duplicate-step]: two steps are named `c`
     --> rules.yaml:8:52
      |
    8 |       - { all_of: [ { step: c, event: x }, { step: c, event: x } ] }
      |                             - first here           ^ again here
      |
      = help: give each step a name of its own

    error[duplicate-step]: two steps are named `c`
     --> rules.yaml:9:24
      |
    8 |       - { all_of: [ { step: c, event: x }, { step: c, event: x } ] }
      |                             - first here
    9 |       - { not: { step: c, event: x }, for: 5m }
      |                        ^ again here
      |
      = help: give each step a name of its own
    "#);
}

#[test]
fn everything_that_is_asked_is_counted() {
    // 62 steps, a `not` and an `until` are 64 things, of which a row has as many bits.
    let mut text =
        "sequence:\n  - { step: s0, event: x, times: one_or_more, until: { event: y } }".to_owned();
    for step in 1..62 {
        text += &format!("\n  - {{ step: s{step}, event: x }}");
    }
    let ended =
        |last: &str| codes(&rule_of(&format!("{text}{last}\n  - {{ not: {{ event: x }}, for: 5m }}")));
    assert!(ended("").is_empty());
    assert_eq!(ended("\n  - { step: s, event: x }"), ["too-many-steps@68"]);
    let steps: String = (0..9).map(|step| format!("{{ step: s{step}, event: x }},")).collect();
    assert_eq!(codes(&rule_of(&format!("sequence: [ {{ all_of: [{steps}] }} ]"))), ["too-many-steps@4"]);
}

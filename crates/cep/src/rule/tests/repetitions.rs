//! Messages about how often elements are taken.

use super::problems_of_rule;

#[test]
fn repetitions() {
    insta::assert_snapshot!(problems_of_rule(
        "sequence:
  - { step: a, event: x, times: 0 }
  - { step: b, event: x, times: +, optional: 1 }
  - { step: c, event: x, times: one_or_mor }
  - { step: d, event: x, times: [1, 2] }
  - { step: e, event: x, times: { min: 4, max: 2, within: 5m, greedy: true } }
  - { step: f, event: x, times: { min: 0, max: 5000 } }
  - { step: g, event: x, times: { max: 1, gap: 5m, contiguity: strict } }
  - { step: h, event: x, greedy: true }
  - { step: i, event: x, times: { contiguity: skip_till_any }, greedy: true }
  - { group: [ { step: j, event: x } ], times: 2, greedy: true }
  - { step: k, event: x, times: 3, until: { event: y } }
  - { step: l, event: x, until: v > 5 }
  - { step: m, event: x, times: one_or_more, until: {} }
  - { group: [ { step: n, event: x, optional: true } ], times: one_or_more, until: { where: v > 5 } }
  - { step: o, event: x, times: zero_or_more }"
    ), @r#"
    error[out-of-range]: `times` must be at least 1, not 0
     --> rules.yaml:5:37
      |
    5 |       - { step: a, event: x, times: 0 }
      |                                     ^
      |
      = help: `optional: true` says that it may be missing

    error[unknown-word]: `+` is no number of times
     --> rules.yaml:6:37
      |
    6 |       - { step: b, event: x, times: +, optional: 1 }
      |                                     ^
      |
      = help: write `times: 3`, `times: { min: 2, max: 4 }` or `times: one_or_more`

    error[wrong-type]: `optional` must be `true` or `false`, not the number `1`
     --> rules.yaml:6:50
      |
    6 |       - { step: b, event: x, times: +, optional: 1 }
      |                                                  ^

    error[unknown-word]: `one_or_mor` is no number of times
     --> rules.yaml:7:37
      |
    7 |       - { step: c, event: x, times: one_or_mor }
      |                                     ^^^^^^^^^^
      |
      = help: did you mean `one_or_more`?

    error[wrong-type]: `times` must be a number or a mapping, not a list
     --> rules.yaml:8:37
      |
    8 |       - { step: d, event: x, times: [1, 2] }
      |                                     ^^^^^^
      |
      = help: write `times: 3`, `times: { min: 2, max: 4 }` or `times: one_or_more`

    error[out-of-range]: `max` (2) is less than `min` (4)
     --> rules.yaml:9:52
      |
    9 |       - { step: e, event: x, times: { min: 4, max: 2, within: 5m, greedy: true } }
      |                                                    ^
      |
      = help: make `max` the larger one, or leave it out

    error[misplaced-key]: `within` has no place in `times`
     --> rules.yaml:9:55
      |
    9 |       - { step: e, event: x, times: { min: 4, max: 2, within: 5m, greedy: true } }
      |                                                       ^^^^^^
      |
      = help: the largest time between two repetitions is `gap`; `within` stands beside `times`

    error[misplaced-key]: `greedy` has no place in `times`
     --> rules.yaml:9:67
      |
    9 |       - { step: e, event: x, times: { min: 4, max: 2, within: 5m, greedy: true } }
      |                                                                   ^^^^^^
      |
      = help: `greedy` stands beside `times`, not in it

    error[out-of-range]: `min` must be at least 1, not 0
      --> rules.yaml:10:44
       |
    10 |       - { step: f, event: x, times: { min: 0, max: 5000 } }
       |                                            ^
       |
       = help: leave `min` out, and write `optional: true` beside `times`

    error[out-of-range]: `max` must be between 1 and 1000, not 5000
      --> rules.yaml:10:52
       |
    10 |       - { step: f, event: x, times: { min: 0, max: 5000 } }
       |                                                    ^^^^

    error[misplaced-key]: `gap` is between repetitions, but there are none
      --> rules.yaml:11:47
       |
    11 |       - { step: g, event: x, times: { max: 1, gap: 5m, contiguity: strict } }
       |                                               ^^^
       |
       = help: leave it out, or give a larger `max`; what lies before the first is said beside `times`

    error[misplaced-key]: `contiguity` is between repetitions, but there are none
      --> rules.yaml:11:56
       |
    11 |       - { step: g, event: x, times: { max: 1, gap: 5m, contiguity: strict } }
       |                                                        ^^^^^^^^^^
       |
       = help: leave it out, or give a larger `max`; what lies before the first is said beside `times`

    error[misplaced-key]: `greedy` takes as many as there are, but this is taken once
      --> rules.yaml:12:30
       |
    12 |       - { step: h, event: x, greedy: true }
       |                              ^^^^^^
       |
       = help: add `times: one_or_more`, or leave `greedy` out

    error[misplaced-key]: `greedy` takes what it can, but `skip_till_any` also leaves it
      --> rules.yaml:13:68
       |
    13 |       - { step: i, event: x, times: { contiguity: skip_till_any }, greedy: true }
       |                                                                    ^^^^^^
       |
       = help: leave one of the two out

    error[misplaced-key]: a group cannot be `greedy`
      --> rules.yaml:14:55
       |
    14 |       - { group: [ { step: j, event: x } ], times: 2, greedy: true }
       |                                                       ^^^^^^
       |
       = help: leave it out: only the repetitions of a single step can be greedy

    error[misplaced-key]: `until` ends repetitions that have no bound, but these have one
      --> rules.yaml:15:40
       |
    15 |       - { step: k, event: x, times: 3, until: { event: y } }
       |                                        ^^^^^
       |
       = help: write `times: one_or_more` or `times: { min: 2 }`, or leave `until` out

    error[misplaced-key]: `until` ends repetitions, but this is taken once
      --> rules.yaml:16:30
       |
    16 |       - { step: l, event: x, until: v > 5 }
       |                              ^^^^^
       |
       = help: write `times: one_or_more` or `times: { min: 2 }`, or leave `until` out

    error[wrong-type]: `until` must be a mapping, not a string
      --> rules.yaml:16:37
       |
    16 |       - { step: l, event: x, until: v > 5 }
       |                                     ^^^^^
       |
       = help: write `until: { where: v > 5 }` or `until: { event: … }`

    error[missing-key]: `until` does not say which event ends the repetitions
      --> rules.yaml:17:57
       |
    17 |       - { step: m, event: x, times: one_or_more, until: {} }
       |                                                         ^^
       |
       = help: give it an `event`, a `where`, or both

    error[empty-repetition]: all elements of this repeated group may be missing
      --> rules.yaml:18:11
       |
    18 |       - { group: [ { step: n, event: x, optional: true } ], times: one_or_more, until: { where: v > 5 } }
       |           ^^^^^
       |
       = help: make one of them required; `optional: true` on the group says that all may be missing

    error[missing-key]: `until` needs the key `event`
      --> rules.yaml:18:90
       |
    18 |       - { group: [ { step: n, event: x, optional: true } ], times: one_or_more, until: { where: v > 5 } }
       |                                                                                          ^^^^^
       |
       = help: add `event: …` to it

    error[unknown-word]: `zero_or_more` is no number of times
      --> rules.yaml:19:37
       |
    19 |       - { step: o, event: x, times: zero_or_more }
       |                                     ^^^^^^^^^^^^
       |
       = help: write `times: one_or_more` and `optional: true`
    "#);
}

#[test]
fn what_follows_greedy_steps() {
    insta::assert_snapshot!(
        [
            "  - { step: a, event: x, times: 2, greedy: true }\n  - { step: b, event: x, optional: true }\n  - { step: c, event: x }",
            "  - { step: a, event: x, times: one_or_more, greedy: true }",
            "  - { step: a, event: x, optional: true }\n  - { group: [ { step: b, event: x, optional: true } ] }",
        ]
        .map(|lines| problems_of_rule(&format!("sequence:\n{lines}")))
        .join(""),
        @r#"
        error[greedy-before-optional]: what may be missing cannot follow a `greedy` step
         --> rules.yaml:6:11
          |
        5 |       - { step: a, event: x, times: 2, greedy: true }
          |           ---- this is greedy
        6 |       - { step: b, event: x, optional: true }
          |           ^^^^
          |
          = help: make it required, or leave `greedy` out

        warning[unused-key]: `greedy` says nothing at the end: a match is complete with every repetition
         --> rules.yaml:5:11
          |
        5 |       - { step: a, event: x, times: one_or_more, greedy: true }
          |           ^^^^
          |
          = help: add `after_match: past_last` for matches that share no event, or a step that ends the repetitions

        error[empty-sequence]: all elements of the sequence may be missing
         --> rules.yaml:5:11
          |
        5 |       - { step: a, event: x, optional: true }
          |           ^^^^
          |
          = help: make one of them required; steps of which any will do stand in `any_of`
        "#
    );
}

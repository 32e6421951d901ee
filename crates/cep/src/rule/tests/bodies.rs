//! Messages about the shape of sequences and windows.

use super::problems_of_rule;

#[test]
fn bodies() {
    insta::assert_snapshot!(
        [
            "by: x",
            "sequence:\n  - { step: a, event: x }\nwindow: { count: 5, event: x }",
            "sequence: []",
            "sequence: { step: a }",
            "sequence:\n  - { step: a, event: x, within: 5m }\nwhere: a = 1",
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
            "window: { sliding: 1d, every: 8s, event: x }",
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

        error[out-of-range]: each event would be in more than 10000 windows, each of which is judged on its own
         --> rules.yaml:4:35
          |
        4 |     window: { sliding: 1d, every: 8s, event: x }
          |                                   ^^
          |
          = help: make `every` at least 8s640ms, or leave it out to judge at each event

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

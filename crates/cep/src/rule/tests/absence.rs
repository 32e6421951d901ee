//! Messages about `not`.

use super::{codes, problems_of_rule, rule_of};

#[test]
fn places_of_not() {
    insta::assert_snapshot!(
        [
            "  - { not: { event: x } }",
            "  - { not: { event: x } }\n  - { step: a, event: x }\n  - { not: { event: x } }",
            "  - { not: { event: x }, for: 5m, contiguity: strict }\n  - { not: { event: x }, for: 5m }\n  - { step: a, event: x }",
            "  - { step: a, event: x }\n  - { not: { event: x }, for: 5m, contiguity: skip_till_any, within: 5m, times: 2 }\n  - { step: b, event: x }",
            "  - { step: a, event: x, optional: true }\n  - { not: { event: x } }\n  - { step: b, event: x }",
            "  - { step: a, event: x }\n  - { not: { event: x } }\n  - { step: b, event: x, optional: true }",
            "  - { step: a, event: x }\n  - { not: { event: x } }\n  - { not: { event: y }, for: 5m }",
            "  - { step: a, event: x }\n  - { not: { event: x }, contiguity: strict, for: 5m }",
            "  - group: [ { not: { event: x } }, { step: a, event: x }, { not: { event: x } } ]\n  - any_of: [ { not: { event: x } }, [ { step: b, event: x }, { not: { event: x }, for: 5m } ] ]",
        ]
        .map(|lines| problems_of_rule(&format!("sequence:\n{lines}")))
        .join(""),
        @r#"
        error[missing-key]: the `not` at the start does not say for how long nothing may have come
         --> rules.yaml:5:11
          |
        5 |       - { not: { event: x } }
          |           ^^^
          |
          = help: add `for: 10m`, the time before the first event

        error[no-step]: the sequence takes no event
         --> rules.yaml:5:11
          |
        5 |       - { not: { event: x } }
          |           ^^^
          |
          = help: add a `step`: a `not` says what must not come before, between or after steps

        error[missing-key]: the `not` at the start does not say for how long nothing may have come
         --> rules.yaml:5:11
          |
        5 |       - { not: { event: x } }
          |           ^^^
          |
          = help: add `for: 10m`, the time before the first event

        error[missing-key]: the `not` at the end does not say how long to wait
         --> rules.yaml:7:11
          |
        7 |       - { not: { event: x } }
          |           ^^^
          |
          = help: add `for: 10m`, the time after the last event, or `within` to the rule

        error[misplaced-key]: the `not` at the start has nothing before it to follow
         --> rules.yaml:5:51
          |
        5 |       - { not: { event: x }, for: 5m, contiguity: strict }
          |                                                   ^^^^^^
          |
          = help: leave `contiguity` out; `for` says how long before the first event it holds

        error[two-nots]: a second `not` at the start of the sequence
         --> rules.yaml:6:11
          |
        6 |       - { not: { event: x }, for: 5m }
          |           ^^^
          |
          = help: name the types of both in one `not`: `event: [ a, b ]`

        error[misplaced-key]: `for` has no place in between: a `not` there lasts until the next element takes an event
         --> rules.yaml:6:30
          |
        6 |       - { not: { event: x }, for: 5m, contiguity: skip_till_any, within: 5m, times: 2 }
          |                              ^^^
          |
          = help: bound that time with `within` on the next element, or put the `not` at the end

        error[misplaced-key]: a `not` is never skipped
         --> rules.yaml:6:51
          |
        6 |       - { not: { event: x }, for: 5m, contiguity: skip_till_any, within: 5m, times: 2 }
          |                                                   ^^^^^^^^^^^^^
          |
          = help: write `strict` for the very next event, or leave `contiguity` out for all until the next element

        error[misplaced-key]: `within` has no place in an element with `not`
         --> rules.yaml:6:66
          |
        6 |       - { not: { event: x }, for: 5m, contiguity: skip_till_any, within: 5m, times: 2 }
          |                                                                  ^^^^^^
          |
          = help: at the start or the end of a sequence write `for: 10m`; in between, a `not` lasts until the next element, whose `within` bounds it

        error[misplaced-key]: `times` has no place in an element with `not`
         --> rules.yaml:6:78
          |
        6 |       - { not: { event: x }, for: 5m, contiguity: skip_till_any, within: 5m, times: 2 }
          |                                                                              ^^^^^
          |
          = help: a `not` takes no event that could be repeated or missing

        error[not-after-optional]: a `not` cannot follow what may be missing
         --> rules.yaml:6:11
          |
        5 |       - { step: a, event: x, optional: true }
          |           ---- this may be missing
        6 |       - { not: { event: x } }
          |           ^^^
          |
          = help: make it two rules, one with what may be missing and one without

        error[not-before-optional]: all that follows this `not` may be missing, so that it forbids nothing
         --> rules.yaml:6:11
          |
        6 |       - { not: { event: x } }
          |           ^^^
          |
          = help: make one of the elements after it required, or put the `not` at the end

        error[two-nots]: a second `not` at the end of the sequence
         --> rules.yaml:7:11
          |
        7 |       - { not: { event: y }, for: 5m }
          |           ^^^
          |
          = help: name the types of both in one `not`: `event: [ a, b ]`

        error[misplaced-key]: `for` waits for a time, but `contiguity: strict` for the very next event
         --> rules.yaml:6:50
          |
        6 |       - { not: { event: x }, contiguity: strict, for: 5m }
          |                                                  ^^^
          |
          = help: leave one of the two out

        error[misplaced-not]: the group begins with `not`
         --> rules.yaml:5:20
          |
        5 |       - group: [ { not: { event: x } }, { step: a, event: x }, { not: { event: x } } ]
          |                    ^^^
          |
          = help: put it before the whole, or after the first step

        error[misplaced-not]: the group ends with `not`
         --> rules.yaml:5:66
          |
        5 |       - group: [ { not: { event: x } }, { step: a, event: x }, { not: { event: x } } ]
          |                                                                  ^^^
          |
          = help: put it after the whole, or before the last step

        error[misplaced-not]: an alternative begins with `not`
         --> rules.yaml:6:21
          |
        6 |       - any_of: [ { not: { event: x } }, [ { step: b, event: x }, { not: { event: x }, for: 5m } ] ]
          |                     ^^^
          |
          = help: put it before the whole, or after the first step

        error[misplaced-not]: an alternative ends with `not`
         --> rules.yaml:6:69
          |
        6 |       - any_of: [ { not: { event: x } }, [ { step: b, event: x }, { not: { event: x }, for: 5m } ] ]
          |                                                                     ^^^
          |
          = help: put it after the whole, or before the last step

        error[misplaced-key]: `for` has no place in between: a `not` there lasts until the next element takes an event
         --> rules.yaml:6:88
          |
        6 |       - any_of: [ { not: { event: x } }, [ { step: b, event: x }, { not: { event: x }, for: 5m } ] ]
          |                                                                                        ^^^
          |
          = help: bound that time with `within` on the next element, or put the `not` at the end
        "#
    );
    assert_eq!(
        codes(&rule_of("within: 5m\nsequence: [ { step: a, event: x }, { not: { event: y }, for: 6m } ]")),
        ["out-of-range@5"]
    );
}

//! The patterns that sequences lower to.

use super::*;
use crate::pattern::{
    self, Body as StageBody, Condition, ConditionId, Contiguity, Pattern, Preceded, Repeat, Stage, StepId,
};

const SECOND: i64 = 1_000_000_000;

/// The pattern of a sequence, given by the lines of its rule. What asks for events of type `b7` is decided by bit 7.
fn pattern(lines: &str) -> Pattern {
    let mut rules = good(&rule_of(lines));
    let Body::Sequence(sequence) = rules.remove(0).body else { panic!() };
    let mut asked = Vec::new();
    let pattern = lower(&sequence, |question| {
        let event = question.event()[0].value.as_str().to_owned();
        let bit = event.strip_prefix('b').unwrap().parse().unwrap();
        asked.push(event);
        Condition { bit: Some(bit), cross: Vec::new() }
    });
    let expected: Vec<_> =
        sequence.asked().iter().map(|it| it.event()[0].value.as_str().to_owned()).collect();
    assert_eq!(asked, expected, "each is asked for once, in order");
    pattern
}

fn stage(body: StageBody) -> Stage {
    Stage { follows: Contiguity::SkipTillNext, body, repeat: Repeat::ONCE, within: None }
}

fn step(id: u8) -> Stage {
    stage(StageBody::Step(StepId(id)))
}

fn names(pattern: &Pattern) -> Vec<(&str, u16)> {
    pattern.steps.iter().map(|step| (step.name.as_str(), step.condition.0)).collect()
}

fn bits(pattern: &Pattern) -> Vec<Option<u8>> {
    pattern.conditions.iter().map(|condition| condition.bit).collect()
}

#[test]
fn steps_follow_each_other() {
    let lowered = pattern(
        "sequence:
  - { step: a, event: b4 }
  - { step: b, event: b5, contiguity: strict, within: 5s }
  - { step: c, event: b4, contiguity: skip_till_any }
within: 10s",
    );
    let expected = Pattern {
        steps: vec![
            pattern::Step { name: "a".to_owned(), condition: ConditionId(0) },
            pattern::Step { name: "b".to_owned(), condition: ConditionId(1) },
            // Asks for the same as the first.
            pattern::Step { name: "c".to_owned(), condition: ConditionId(0) },
        ],
        conditions: vec![
            Condition { bit: Some(4), cross: Vec::new() },
            Condition { bit: Some(5), cross: Vec::new() },
        ],
        registers: Vec::new(),
        stages: vec![
            step(0),
            Stage { follows: Contiguity::Strict, within: Some(5 * SECOND), ..step(1) },
            Stage { follows: Contiguity::SkipTillAny, ..step(2) },
        ],
        within: Some(10 * SECOND),
        preceded: None,
        after_match: pattern::AfterMatch::Nothing,
    };
    assert_eq!(lowered, expected);
}

#[test]
fn repetitions() {
    let lowered = pattern(
        "sequence:
  - { step: a, event: b0, times: { min: 2, contiguity: strict, gap: 3s }, until: { event: b9 }, optional: true }
  - { step: b, event: b1, times: 3, greedy: true }
  - { step: c, event: b2 }",
    );
    let repeat = Repeat {
        min: 2,
        max: None,
        optional: true,
        inner: Contiguity::Strict,
        greedy: false,
        until: Some(ConditionId(1)),
        gap: Some(3 * SECOND),
    };
    assert_eq!(lowered.stages[0], Stage { repeat, ..step(0) });
    let repeat = Repeat { min: 3, max: Some(3), greedy: true, ..Repeat::ONCE };
    assert_eq!(lowered.stages[1], Stage { repeat, ..step(1) });
    assert_eq!(bits(&lowered), [Some(0), Some(9), Some(1), Some(2)]);
    assert_eq!(names(&lowered), [("a", 0), ("b", 2), ("c", 3)]);
}

#[test]
fn groups_alternatives_and_any_order() {
    let lowered = pattern(
        "sequence:
  - group: [ { step: a, event: b0 }, { step: b, event: b1, contiguity: strict } ]
    times: { min: 1, max: 2 }
  - { any_of: [ { step: c, event: b2 }, [ { step: d, event: b3 }, { step: e, event: b4 } ] ], within: 4s }
  - { all_of: [ { step: f, event: b5 }, { step: g, event: b6 } ], contiguity: strict }",
    );
    let strict = |stage| Stage { follows: Contiguity::Strict, ..stage };
    let expected = [
        Stage {
            repeat: Repeat { max: Some(2), ..Repeat::ONCE },
            ..stage(StageBody::Group(vec![step(0), strict(step(1))]))
        },
        Stage {
            within: Some(4 * SECOND),
            ..stage(StageBody::AnyOf(vec![vec![step(2)], vec![step(3), step(4)]]))
        },
        strict(stage(StageBody::AllOf(vec![StepId(5), StepId(6)]))),
    ];
    assert_eq!(lowered.stages, expected);
    let names: Vec<_> = names(&lowered).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c", "d", "e", "f", "g"]);
}

#[test]
fn absence() {
    let lowered = pattern(
        "sequence:
  - { not: { event: b7 }, for: 2s }
  - { step: a, event: b0 }
  - { not: { step: no, event: b8 }, contiguity: strict }
  - { step: b, event: b1 }
  - { not: { event: b7 }, for: 5s }
within: 5s",
    );
    let not = |id| stage(StageBody::Not(StepId(id)));
    let expected = [
        step(1),
        Stage { follows: Contiguity::Strict, ..not(2) },
        step(3),
        Stage { within: Some(5 * SECOND), ..not(4) },
    ];
    assert_eq!(lowered.stages, expected);
    assert_eq!(lowered.preceded, Some(Preceded { condition: ConditionId(0), within: 2 * SECOND }));
    assert_eq!(names(&lowered), [("b7", 0), ("a", 1), ("no", 2), ("b", 3), ("b7#2", 0)]);
}

#[test]
fn what_a_match_ends() {
    let after = |text: &str| {
        let steps =
            "sequence: [ { not: { event: b0 }, for: 1s }, { step: a, event: b0 }, { step: b, event: b1 } ]";
        pattern(&format!("{steps}\nafter_match: {text}")).after_match
    };
    assert_eq!(after("to_next"), pattern::AfterMatch::ToNext);
    assert_eq!(after("past_last"), pattern::AfterMatch::PastLast);
    assert_eq!(after("{ to_first: a }"), pattern::AfterMatch::ToFirst(StepId(1)));
    assert_eq!(after("{ to_last: b }"), pattern::AfterMatch::ToLast(StepId(2)));
}

/// The file is warned of such limits, but it is used.
#[test]
fn limits_that_are_never_reached_are_left_out() {
    let text = rule_of(
        "sequence:
  - { step: a, event: b0, times: { min: 2, gap: 10s } }
  - group: [ { step: b, event: b1 }, { any_of: [ { step: c, event: b2 } ], within: 9s }, { step: d, event: b3, within: 11s } ]
    within: 12s
within: 10s",
    );
    let (file, problems) = read(&text);
    assert_eq!((problems.len(), problems.error_count()), (3, 0), "{}", problems.render(false));
    let Body::Sequence(sequence) = &file.rules[0].body else { panic!() };
    let stages = lower(sequence, |_| Condition::default()).stages;
    assert_eq!((stages[0].repeat.gap, stages[1].within), (None, None));
    let StageBody::Group(inner) = &stages[1].body else { panic!() };
    let limits: Vec<_> = inner.iter().map(|stage| stage.within).collect();
    assert_eq!(limits, [None, Some(9 * SECOND), None]);
}

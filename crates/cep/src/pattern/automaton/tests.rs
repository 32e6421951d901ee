//! What patterns become.

use super::Automaton;
use crate::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Pattern, Repeat, Stage, Step, StepId,
};

/// A pattern over steps `a`, `b`, …, each with the bit of its number.
fn pattern(stages: Vec<Stage>, within: Option<i64>) -> Pattern {
    let names = ["a", "b", "c", "d"];
    Pattern {
        steps: names
            .iter()
            .zip(0..)
            .map(|(name, index)| Step { name: (*name).to_owned(), condition: ConditionId(index) })
            .collect(),
        conditions: (0..4).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages,
        within,
        preceded: None,
        after_match: AfterMatch::Nothing,
    }
}

fn stage(follows: Contiguity, body: Body) -> Stage {
    Stage { follows, body, repeat: Repeat::ONCE, within: None }
}

fn step(index: u8) -> Stage {
    stage(Contiguity::SkipTillNext, Body::Step(StepId(index)))
}

fn not(index: u8) -> Stage {
    stage(Contiguity::SkipTillNext, Body::Not(StepId(index)))
}

fn repeated(index: u8, repeat: Repeat) -> Stage {
    Stage { repeat, ..step(index) }
}

fn one_or_more() -> Repeat {
    Repeat { max: None, ..Repeat::ONCE }
}

fn list(stages: Vec<Stage>) -> String {
    Automaton::new(&pattern(stages, None)).unwrap().to_string()
}

#[test]
fn steps_wait_for_what_they_take_and_stay_otherwise() {
    let strict = stage(Contiguity::Strict, Body::Step(StepId(2)));
    let any = stage(Contiguity::SkipTillAny, Body::Step(StepId(3)));
    let automaton =
        Automaton::new(&pattern(vec![step(0), step(1), strict, any], Some(90_000_000_000))).unwrap();
    insta::assert_snapshot!(automaton, @r"
    ^ 0: a => 1
      1: b => 2; stay when not b
      2: c => 3
      3: d => 4; stay
    > 4: match, within 1m30s of the first event
    ");
    let stirs: Vec<[bool; 2]> =
        automaton.states().map(|(id, state)| [state.stirs(0), state.stirs(1 << id.0)]).collect();
    assert_eq!(stirs, [[false, true], [false, true], [true, true], [false, true]]);
    insta::assert_snapshot!(automaton.to_dot(), @r#"
    digraph {
      rankdir=LR;
      node [shape=circle];
      match [label="match", shape=doublecircle];
      0 [label="^"];
      0 -> 1 [label="a"];
      1 [label="1"];
      1 -> 2 [label="b"];
      1 -> 1 [label="when not b", style=dotted];
      2 [label="2"];
      2 -> 3 [label="c"];
      3 [label="3"];
      3 -> match [label="d"];
      3 -> 3 [label="", style=dotted];
    }
    "#);
}

#[test]
fn repetitions_are_unrolled_and_loops_wait_on_the_side() {
    insta::assert_snapshot!(list(vec![repeated(0, one_or_more()), step(1)]), @r"
    ^ 0: a => 1
      1: a => 1; skip when not a => 2; b => 4; skip when not b => 3
      2: a => 1; stay when not a
      3: b => 4; stay when not b
    > 4: match
    ");
    let twice_or_thrice = Repeat { min: 2, max: Some(3), inner: Contiguity::Strict, ..Repeat::ONCE };
    insta::assert_snapshot!(list(vec![step(0), repeated(1, twice_or_thrice)]), @r"
    ^ 0: a => 1
      1: b => 2; stay when not b
      2: b => 3 and 4
      3: b => 4
    > 4: match
    ");
}

#[test]
fn greedy_repetitions_keep_what_they_can_take_until_they_end() {
    let greedy = Repeat { greedy: true, until: Some(ConditionId(3)), ..one_or_more() };
    insta::assert_snapshot!(list(vec![step(0), repeated(1, greedy), step(2)]), @r"
    ^ 0: a => 1
      1: b when not d => 2; stay when not b
      2: b when not d => 2; skip when not b and not d => 3; c when not d and not b or d => 6; skip when not d and not c and not b => 4; skip when d and not c => 5
      3: b when not d => 2; stay when not b and not d
      4: c when not b => 6; stay when not c and not b
      5: c => 6; stay when not c
    > 6: match
    ");
}

#[test]
fn a_not_stops_until_the_next_step_is_taken() {
    insta::assert_snapshot!(list(vec![step(0), not(1), step(2)]), @r"
    ^ 0: a => 1
      1: c => 2; stop at b; stay when not c
    > 2: match
    ");
    let optional = Repeat { optional: true, ..Repeat::ONCE };
    insta::assert_snapshot!(list(vec![step(0), not(1), repeated(2, optional), step(3)]), @r"
    ^ 0: a => 1
      1: c => 2; stop at b; skip when not c => 3; d => 5; skip when not d => 4
      2: d => 5; stay when not d
      3: c => 2; stay when not c; stop at b
      4: d => 5; stop at b; stay when not d
    > 5: match
    ");
    let strict = stage(Contiguity::Strict, Body::Not(StepId(1)));
    insta::assert_snapshot!(list(vec![step(0), strict]), @r"
    ^ 0: a => 1
      1: skip when not b => 2; stop at b
    > 2: match
    ");
    let trailing = Stage { within: Some(5_000_000_000), ..not(1) };
    insta::assert_snapshot!(list(vec![step(0), trailing]), @r"
    ^ 0: a => 1
      1: stop at b; stay when not b; until 5s after the last event, then 2
    > 2: match
    ");
}

#[test]
fn alternatives_and_any_order_are_choices_of_one_state() {
    let either = stage(Contiguity::SkipTillNext, Body::AnyOf(vec![vec![step(1)], vec![step(2), step(3)]]));
    insta::assert_snapshot!(list(vec![step(0), either]), @r"
    ^ 0: a => 1
      1: b => 3; c => 2; stay when not b and not c
      2: d => 3; stay when not d
    > 3: match
    ");
    let all = stage(Contiguity::SkipTillNext, Body::AllOf(vec![StepId(1), StepId(2)]));
    insta::assert_snapshot!(list(vec![step(0), all, step(3)]), @r"
    ^ 0: a => 1
      1: b => 2; c => 3; stay when not b and not c
      2: c => 4; stay when not c
      3: b => 4; stay when not b
      4: d => 5; stay when not d
    > 5: match
    ");
}

#[test]
fn automata_know_whether_matches_can_be_found_twice() {
    let ambiguous = |stages| Automaton::new(&pattern(stages, None)).unwrap().is_ambiguous();
    let group = |stages, repeat| Stage { repeat, ..stage(Contiguity::SkipTillNext, Body::Group(stages)) };
    assert!(!ambiguous(vec![repeated(0, one_or_more()), step(1)]));
    assert!(!ambiguous(vec![step(0), group(vec![step(1), step(2)], one_or_more()), step(3)]));
    assert!(ambiguous(vec![group(vec![repeated(0, one_or_more())], one_or_more()), step(1)]));
    // What is the same is there but once.
    let either = Body::AnyOf(vec![vec![step(1)], vec![step(1)]]);
    assert!(!ambiguous(vec![step(0), stage(Contiguity::SkipTillNext, either)]));
}

#[test]
fn what_is_too_late_is_not_waited_for() {
    let optional = Repeat { optional: true, ..Repeat::ONCE };
    let soon = Stage { repeat: optional, within: Some(5_000_000_000), ..step(1) };
    insta::assert_snapshot!(list(vec![step(0), soon, step(2)]), @r"
    ^ 0: a => 1
      1: b when within 5s of the last event => 2; skip when not b and within 5s of the last event => 3; c => 4; skip when not c => 2
      2: c => 4; stay when not c
      3: b => 2; stay when not b; until 5s after the last event
    > 4: match
    ");
    let in_time = Stage { within: Some(5_000_000_000), ..step(1) };
    let either = stage(Contiguity::SkipTillNext, Body::AnyOf(vec![vec![in_time], vec![step(2)]]));
    insta::assert_snapshot!(list(vec![step(0), either]), @r"
    ^ 0: a => 1
      1: b when within 5s of the last event => 2; c => 2; stay when not b and not c or not c and 5s after the last event
    > 2: match
    ");
}

#[test]
fn what_is_too_large_or_has_no_meaning_is_told() {
    let error = |stages| Automaton::new(&pattern(stages, None)).unwrap_err().to_string();
    let many = Repeat { min: 30_000, max: Some(30_000), ..Repeat::ONCE };
    assert_eq!(
        error(vec![repeated(0, many)]),
        "the pattern asks for more than 10000 states; repeat less often"
    );
    let all = stage(Contiguity::SkipTillNext, Body::AllOf(vec![StepId(0); 9]));
    assert_eq!(error(vec![all]), "9 steps in any order, of at most 8");
    assert_eq!(error(Vec::new()), "a sequence without stages");
    assert_eq!(error(vec![not(0), step(1)]), "a sequence cannot begin with what must not come");
    let optional = Repeat { optional: true, ..Repeat::ONCE };
    let either = stage(Contiguity::SkipTillNext, Body::AnyOf(vec![vec![repeated(1, optional)]]));
    assert_eq!(error(vec![step(0), either]), "an alternative cannot begin with an optional stage");
}

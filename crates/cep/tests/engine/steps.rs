//! Steps one after the other, other events in between or not: what patterns of nothing else find.

use olocus_cep::{Engine, Limits, Row, Scalar};

use crate::harness::{Event, event, feed, key, keyed, matches, run, sequence};

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 4;

#[test]
fn each_later_step_takes_the_first_event_that_satisfies_it() {
    let events = [event(1, A), event(2, 0), event(3, B), event(4, B)];
    assert_eq!(matches(sequence(&[None, None], None), &events), [[0, 2]]);
}

#[test]
fn a_later_step_takes_only_events_after_that_of_the_step_before() {
    let events = [event(1, C), event(1, B), event(1, A), event(2, C), event(3, B), event(4, C)];
    assert_eq!(matches(sequence(&[None, None, None], None), &events), [[2, 4, 5]]);
}

#[test]
fn events_of_one_time_count_in_the_order_in_which_they_come() {
    assert_eq!(matches(sequence(&[None, None], None), &[event(1, A), event(1, B)]), [[0, 1]]);
    assert!(matches(sequence(&[None, None], None), &[event(1, B), event(1, A)]).is_empty());
}

#[test]
fn one_event_may_extend_partial_matches_and_start_a_new_one() {
    let events = [event(1, A), event(2, A | B), event(3, B)];
    assert_eq!(matches(sequence(&[None, None], None), &events), [[0, 1], [1, 2]]);
}

#[test]
fn one_partial_match_takes_at_most_one_step_per_event() {
    let all = A | B | C;
    let events = [event(1, all), event(2, all), event(3, all)];
    assert_eq!(matches(sequence(&[None, None, None], None), &events), [[0, 1, 2]]);
}

#[test]
fn matches_share_events_and_none_is_suppressed() {
    let events = [event(1, A), event(2, A), event(3, B), event(4, A), event(5, B), event(6, C)];
    let expected = [[0, 2, 5], [1, 2, 5], [3, 4, 5]];
    assert_eq!(matches(sequence(&[None, None, None], None), &events), expected);
}

#[test]
fn findings_of_one_event_are_ordered_by_start() {
    let events = [event(1, A), event(2, B), event(3, A), event(3, A), event(4, B), event(5, C)];
    let expected = [[0, 1, 5], [2, 4, 5], [3, 4, 5]];
    assert_eq!(matches(sequence(&[None, None, None], None), &events), expected);
}

#[test]
fn a_sequence_of_one_step_matches_at_once_and_holds_nothing() {
    let mut engine = Engine::new(vec![sequence(&[None], Some(1))], Limits::default());
    let mut out = Vec::new();
    feed(&mut engine, 7, &event(1, A), &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!(engine.stats().keys, 0);
    assert_eq!(matches(sequence(&[None], None), &[event(1, A), event(1, B), event(2, A)]), [[0], [2]]);
}

#[test]
fn within_of_a_step_counts_from_the_event_of_the_step_before() {
    let plan = || sequence(&[None, Some(10), Some(10)], None);
    let chain = |second, third| [event(0, A), event(second, B), event(third, C)];
    assert_eq!(matches(plan(), &chain(9, 18)), [[0, 1, 2]]);
    assert!(matches(plan(), &chain(10, 11)).is_empty());
    assert!(matches(plan(), &chain(9, 19)).is_empty());
}

#[test]
fn within_of_the_rule_counts_from_the_first_event() {
    let plan = || sequence(&[None, None, None], Some(10));
    let chain = |second, third| [event(0, A), event(second, B), event(third, C)];
    assert_eq!(matches(plan(), &chain(8, 9)), [[0, 1, 2]]);
    assert!(matches(plan(), &chain(8, 10)).is_empty());
    assert!(matches(plan(), &chain(10, 10)).is_empty());
}

#[test]
fn of_both_withins_the_earlier_deadline_holds() {
    let plan = || sequence(&[None, Some(6), Some(6)], Some(10));
    let chain = |second, third| [event(0, A), event(second, B), event(third, C)];
    assert_eq!(matches(plan(), &chain(5, 9)), [[0, 1, 2]]);
    assert!(matches(plan(), &chain(5, 10)).is_empty());
    assert!(matches(plan(), &chain(1, 7)).is_empty());
}

#[test]
fn an_event_too_late_for_the_oldest_may_serve_a_younger_one() {
    let events = [event(0, A), event(5, A), event(10, B)];
    assert_eq!(matches(sequence(&[None, Some(10)], None), &events), [[1, 2]]);
}

#[test]
fn deadlines_beyond_the_range_of_times_are_never_reached() {
    let events = [event(i64::MAX - 1, A), event(i64::MAX, B)];
    assert_eq!(matches(sequence(&[None, Some(10)], Some(i64::MAX)), &events), [[0, 1]]);
    let events = [event(i64::MIN, A), event(-1, B), event(i64::MAX, B)];
    assert_eq!(matches(sequence(&[None, None], Some(i64::MAX)), &events[..2]).len(), 0);
    assert_eq!(matches(sequence(&[None, None], None), &events), [[0, 1]]);
}

#[test]
fn keys_do_not_mix() {
    let events = [keyed(1, "a", A), keyed(2, "b", B), keyed(3, "b", A), keyed(4, "a", B), keyed(5, "b", B)];
    assert_eq!(matches(sequence(&[None, None], None), &events), [[0, 3], [2, 4]]);
}

#[test]
fn rules_do_not_mix_and_one_event_serves_them_in_their_order() {
    let plans = vec![sequence(&[None, None], None), sequence(&[None], None)];
    let both =
        |time, first, second| Event { time, key: key("a"), steps: vec![first, second], input: Scalar::Null };
    let found = run(plans, &[both(1, A, 0), both(2, B, A)]);
    assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn up_to_64_steps_are_told_apart() {
    let events: Vec<_> = (0..64).map(|step| event(step, 1 << step)).collect();
    assert_eq!(matches(sequence(&[None; 64], None), &events).len(), 1);
}

#[test]
fn expiry_has_no_timer_but_frees_the_key() {
    let mut engine = Engine::new(vec![sequence(&[None, Some(10)], None)], Limits::default());
    let mut out = Vec::new();
    feed(&mut engine, 0, &event(0, A), &mut out);
    assert_eq!(engine.next_timer(), None);
    assert_eq!((engine.stats().partial_matches, engine.stats().keys), (1, 1));
    engine.advance(9, &mut out);
    assert_eq!(engine.stats().partial_matches, 1);
    engine.advance(10, &mut out);
    let stats = engine.stats();
    assert_eq!((stats.partial_matches, stats.keys, stats.dropped), (0, 0, 0));
    assert!(out.is_empty());
}

#[test]
fn rows_of_other_keys_and_rules_free_what_expired() {
    let plans = vec![sequence(&[None, Some(10)], None), sequence(&[None], None)];
    let mut engine = Engine::new(plans, Limits::default());
    let mut out = Vec::new();
    for position in 0..100 {
        let row = Row { time: 0, steps: A, inputs: &[], event: &position, keep: None };
        engine.process(0, &key(&position.to_string()), row, &mut out).unwrap();
    }
    assert_eq!(engine.rule_stats(0).unwrap().keys, 100);
    engine
        .process(1, &key("x"), Row { time: 10, steps: 0, inputs: &[], event: &0, keep: None }, &mut out)
        .unwrap();
    assert_eq!(engine.rule_stats(0).unwrap().keys, 0);
    assert_eq!(engine.stats().partial_matches, 0);
}

#[test]
fn a_row_from_the_past_or_for_no_rule_is_refused_and_changes_nothing() {
    let mut engine = Engine::new(vec![sequence(&[None, None], None)], Limits::default());
    let mut out = Vec::new();
    feed(&mut engine, 0, &event(5, A), &mut out);
    let before = engine.stats();
    let row = |time| Row { time, steps: A, inputs: &[], event: &1, keep: None };
    let error = engine.process(0, &key("a"), row(4), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "row of time 4 came after time 5 had been reached");
    assert_eq!(error.limit_reached(), None);
    assert!(engine.process(3, &key("a"), row(5), &mut out).is_err());
    engine.advance(8, &mut out);
    assert!(engine.process(0, &key("a"), row(7), &mut out).is_err());
    engine.advance(2, &mut out);
    assert_eq!(engine.stats(), before);
    engine.process(0, &key("a"), row(8), &mut out).unwrap();
}

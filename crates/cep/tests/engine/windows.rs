use olocus_cep::{
    AggregateFunction, Engine, Found, KEPT_BYTES_MAX, Limits, Overflow, Plan, Row, Scalar, WindowPlan,
};

use crate::harness::{Event, event, extent, feed, feed_weighing, key, keyed, run, window, windows};

fn at(times: &[i64]) -> Vec<Event> {
    times.iter().map(|time| event(*time, 1)).collect()
}

#[test]
fn a_count_window_says_nothing_until_full_and_then_speaks_at_each_event() {
    let expected = [(1, 5, 3), (2, 5, 3), (5, 9, 3)];
    assert_eq!(windows(WindowPlan::Count(3), &at(&[1, 2, 5, 5, 9])), expected);
    assert_eq!(windows(WindowPlan::Count(1), &at(&[3, 3])), [(3, 3, 1), (3, 3, 1)]);
}

#[test]
fn a_window_tells_its_first_and_last_event_and_its_aggregates() {
    let aggregates = vec![AggregateFunction::Sum, AggregateFunction::Max];
    let plan = Plan::Window { window: WindowPlan::Count(2), aggregates };
    let found = run(vec![plan], &at(&[1, 2, 4])).remove(1).found;
    let expected = Found::Window {
        start: 2,
        end: 4,
        count: 2,
        first: 1,
        last: 2,
        events: vec![1, 2],
        aggregates: vec![Scalar::Int(6), Scalar::Int(4)],
        approximate: vec![],
    };
    assert_eq!(found, expected);
}

#[test]
fn missing_inputs_are_null() {
    let mut engine =
        Engine::new(vec![window(WindowPlan::Count(1)), window(WindowPlan::Session(1))], Limits::default());
    let mut out = Vec::new();
    for rule in 0..2 {
        engine
            .process(rule, &key("a"), Row { time: 0, steps: 1, inputs: &[], event: &0, keep: None }, &mut out)
            .unwrap();
    }
    engine.advance(1, &mut out);
    for finding in out {
        assert!(matches!(finding.found, Found::Window { aggregates, .. } if aggregates == [Scalar::Null]));
    }
}

#[test]
fn events_that_do_not_satisfy_bit_0_are_in_no_window() {
    let events = [event(0, 1), event(1, 2), event(2, 1)];
    assert_eq!(windows(WindowPlan::Tumbling(10), &events), [(0, 10, 2)]);
    assert_eq!(windows(WindowPlan::Count(2), &events), [(0, 2, 2)]);
    assert_eq!(windows(WindowPlan::Session(2), &events), [(0, 2, 1), (2, 4, 1)]);
}

#[test]
fn tumbling_windows_are_aligned_to_the_epoch_and_closed_at_their_start() {
    let events = at(&[-11, -10, -1, 0, 9, 10]);
    let expected = [(-20, -10, 1), (-10, 0, 2), (0, 10, 2), (10, 20, 1)];
    assert_eq!(windows(WindowPlan::Tumbling(10), &events), expected);
}

#[test]
fn a_tumbling_window_is_judged_when_the_watermark_reaches_its_end() {
    let mut engine = Engine::new(vec![window(WindowPlan::Tumbling(10))], Limits::default());
    let mut out = Vec::new();
    feed(&mut engine, 0, &event(3, 1), &mut out);
    assert_eq!(engine.next_timer(), Some(10));
    engine.advance(9, &mut out);
    assert!(out.is_empty());
    engine.advance(10, &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!((engine.next_timer(), engine.stats().keys), (None, 0));
}

#[test]
fn an_event_is_in_size_by_every_hopping_windows() {
    let hopping = WindowPlan::Sliding { size: 30, every: Some(10) };
    let expected = [(-20, 10, 1), (-10, 20, 1), (0, 30, 1)];
    assert_eq!(windows(hopping, &at(&[5])), expected);
    assert_eq!(windows(hopping, &at(&[0])), expected);
    let expected = [(-40, -10, 1), (-30, 0, 1), (-20, 10, 2), (-10, 20, 1), (0, 30, 1)];
    assert_eq!(windows(hopping, &at(&[-11, 9])), expected);
}

#[test]
fn every_need_not_divide_the_size() {
    let hopping = WindowPlan::Sliding { size: 25, every: Some(10) };
    assert_eq!(windows(hopping, &at(&[4])), [(-20, 5, 1), (-10, 15, 1), (0, 25, 1)]);
    assert_eq!(windows(hopping, &at(&[5])), [(-10, 15, 1), (0, 25, 1)]);
    assert_eq!(windows(hopping, &at(&[4, 5])), [(-20, 5, 1), (-10, 15, 2), (0, 25, 2)]);
}

#[test]
fn between_hopping_windows_further_apart_than_they_are_long_events_are_in_none() {
    let hopping = WindowPlan::Sliding { size: 4, every: Some(10) };
    assert_eq!(windows(hopping, &at(&[-7, -6, 3, 4, 9, 10])), [(-10, -6, 1), (0, 4, 1), (10, 14, 1)]);
}

#[test]
fn sliding_windows_without_every_are_judged_at_each_event() {
    let sliding = WindowPlan::Sliding { size: 10, every: None };
    let expected = [(-10, 0, 1), (-1, 9, 2), (0, 10, 2), (0, 10, 3), (10, 20, 1)];
    assert_eq!(windows(sliding, &at(&[0, 9, 10, 10, 20])), expected);
}

#[test]
fn a_session_lasts_while_events_come_within_the_gap() {
    let expected = [(0, 21, 3), (21, 31, 1)];
    assert_eq!(windows(WindowPlan::Session(10), &at(&[0, 9, 11, 21])), expected);
    assert_eq!(windows(WindowPlan::Session(10), &at(&[0, 9, 18])), [(0, 28, 3)]);
}

#[test]
fn a_session_is_judged_a_gap_after_its_last_event() {
    let mut engine = Engine::new(vec![window(WindowPlan::Session(10))], Limits::default());
    let mut out = Vec::new();
    feed(&mut engine, 0, &event(0, 1), &mut out);
    feed(&mut engine, 1, &event(5, 1), &mut out);
    assert_eq!(engine.next_timer(), Some(15));
    engine.advance(14, &mut out);
    assert!(out.is_empty());
    engine.advance(15, &mut out);
    assert_eq!(out.iter().map(extent).collect::<Vec<_>>(), [(0, 15, 2)]);
}

#[test]
fn timers_fire_by_time_then_rule_then_key() {
    let plans = vec![
        window(WindowPlan::Tumbling(20)),
        window(WindowPlan::Tumbling(10)),
        window(WindowPlan::Tumbling(10)),
    ];
    let events: Vec<_> = ["b", "c", "a"]
        .into_iter()
        .map(|name| Event { steps: vec![1, 1, 1], ..keyed(12, name, 1) })
        .chain([Event { steps: vec![0, 0, 1], ..keyed(3, "z", 1) }])
        .collect();
    let mut events = events;
    events.sort_by_key(|event| event.time);
    let found: Vec<_> = run(plans, &events)
        .iter()
        .map(|finding| (extent(finding).1, finding.rule, finding.key.clone()))
        .collect();
    let mut expected = vec![(10, 2, key("z"))];
    for rule in 0..3 {
        expected.extend(["a", "b", "c"].map(|name| (20, rule, key(name))));
    }
    assert_eq!(found, expected);
}

#[test]
fn a_row_before_a_timer_that_is_due_is_refused() {
    let mut engine = Engine::new(vec![window(WindowPlan::Tumbling(10))], Limits::default());
    let mut out = Vec::new();
    feed(&mut engine, 0, &event(3, 1), &mut out);
    let row = || Row { time: 10, steps: 1, inputs: &[], event: &1, keep: None };
    let error = engine.process(0, &key("a"), row(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "row of time 10 came before the timer at 10 had fired");
    engine.advance(10, &mut out);
    engine.process(0, &key("a"), row(), &mut out).unwrap();
}

#[test]
fn idle_keys_of_sliding_windows_are_freed() {
    let mut engine =
        Engine::new(vec![window(WindowPlan::Sliding { size: 10, every: None })], Limits::default());
    let mut out = Vec::new();
    for position in 0..10 {
        feed(&mut engine, position, &keyed(position as i64, &position.to_string(), 1), &mut out);
    }
    assert_eq!((engine.stats().keys, engine.stats().window_events), (10, 10));
    engine.advance(15, &mut out);
    assert_eq!((engine.stats().keys, engine.stats().window_events), (4, 4));
    assert_eq!(engine.next_timer(), None);
    engine.advance(19, &mut out);
    assert_eq!(engine.stats().keys, 0);
}

#[test]
fn windows_at_the_ends_of_the_range_of_times_do_no_harm() {
    let events = at(&[i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX]);
    for plan in [
        WindowPlan::Tumbling(10),
        WindowPlan::Tumbling(i64::MAX),
        WindowPlan::Sliding { size: 25, every: Some(10) },
        WindowPlan::Sliding { size: i64::MAX, every: Some(i64::MAX - 1) },
        WindowPlan::Sliding { size: 10, every: None },
        WindowPlan::Session(10),
        WindowPlan::Count(2),
        WindowPlan::Tumbling(0),
        WindowPlan::Count(0),
    ] {
        assert!(!windows(plan, &events).is_empty(), "{plan:?}");
    }
}

#[test]
fn time_windows_hold_panes_and_distinct_values_but_no_events() {
    let plan = Plan::Window {
        window: WindowPlan::Tumbling(1000),
        aggregates: vec![AggregateFunction::CountDistinct],
    };
    let mut engine = Engine::new(vec![plan], Limits::default());
    let mut out = Vec::new();
    for position in 0..100 {
        let event = Event { input: Scalar::Int(position as i64 % 3), ..event(position as i64, 1) };
        feed_weighing(&mut engine, position, &event, None, &mut out);
    }
    assert_eq!(engine.stats().window_events, 1 + 3);
    engine.advance(1000, &mut out);
    assert!(matches!(&out[0].found, Found::Window { events, .. } if events.is_empty()));
}

#[test]
fn windows_hand_on_the_first_of_their_events_and_hold_no_more_than_they_may() {
    let weight = KEPT_BYTES_MAX / 10;
    for plan in [
        WindowPlan::Tumbling(1000),
        WindowPlan::Sliding { size: 1000, every: Some(10) },
        WindowPlan::Session(10),
        WindowPlan::Count(100),
        WindowPlan::Sliding { size: 1000, every: None },
    ] {
        let mut engine = Engine::new(vec![window(plan)], Limits::default());
        let mut out = Vec::new();
        for position in 0..100 {
            feed_weighing(&mut engine, position, &event(position as i64, 1), Some(weight), &mut out);
        }
        if let WindowPlan::Tumbling(_) | WindowPlan::Session(_) = plan {
            assert_eq!(engine.stats().window_events, 1 + 10, "{plan:?}: a pane and what it keeps");
        }
        engine.advance(1000, &mut out);
        let full = out.iter().find(|finding| matches!(finding.found, Found::Window { count: 100, .. }));
        let Found::Window { events, .. } = &full.unwrap().found else { unreachable!() };
        assert_eq!(*events, (0..10).collect::<Vec<usize>>(), "{plan:?}");
    }
}

#[test]
fn kept_events_count_against_the_limit() {
    let limits = Limits { window_events_per_rule: 5, policy: Overflow::DropNewest, ..Limits::default() };
    let mut engine = Engine::new(vec![window(WindowPlan::Tumbling(1000))], limits);
    let mut out = Vec::new();
    for position in 0..100 {
        feed(&mut engine, position, &event(position as i64, 1), &mut out);
    }
    assert_eq!(engine.stats().window_events, 5);
    assert_eq!(engine.stats().dropped, 96);
}

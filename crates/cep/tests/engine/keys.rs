//! Keys by group, events made when they are needed, and wake-ups that are put off.

use std::cell::Cell;

use olocus_cep::{Engine, KeyGroup, Limits, MakeEvent, Plan, Row, WindowPlan};

use crate::harness::{event, feed, key, keyed, sequence, window};

const A: u64 = 1;
const B: u64 = 2;
const C: u64 = 4;

/// An event that counts how often it is made.
#[derive(Default)]
struct Counting(Cell<usize>);

impl MakeEvent<usize> for Counting {
    fn make(&self) -> usize {
        self.0.set(self.0.get() + 1);
        0
    }
}

fn groups(plans: Vec<(Plan, u32)>) -> Engine<usize> {
    Engine::with_groups(plans.into_iter().map(|(plan, group)| (plan, Limits::default(), KeyGroup(group))))
}

#[test]
fn events_are_made_only_where_a_rule_takes_them() {
    let mut engine = Engine::new(vec![sequence(&[None, None, None], Some(100))], Limits::default());
    let mut out = Vec::new();
    let mut made = |time, name: &str, steps| {
        let counting = Counting::default();
        engine.advance(time, &mut out);
        let row = Row { time, steps, inputs: &[], event: &counting, keep: None };
        engine.process(0, &key(name), row, &mut out).unwrap();
        counting.0.get()
    };
    assert_eq!(
        [made(0, "a", B), made(1, "a", B | C), made(2, "a", 0)],
        [0, 0, 0],
        "nothing begins with these"
    );
    assert_eq!([made(3, "a", A), made(4, "a", C), made(5, "b", B), made(6, "a", B)], [1, 0, 0, 1]);
    assert_eq!([made(7, "a", B), made(8, "a", C), made(9, "a", C)], [0, 1, 0]);
}

#[test]
fn one_look_up_tells_the_rules_of_its_group_that_hold_something() {
    let pair = || sequence(&[None, None], Some(10));
    let mut engine =
        groups(vec![(pair(), 1), (pair(), 0), (pair(), 1), (window(WindowPlan::Tumbling(10)), 1)]);
    let mut out = Vec::new();
    let (user, other) = ("\"u\"", "\"v\"");
    let row = |time, steps| Row { time, steps, inputs: &[], event: &7, keep: None };
    let active = |engine: &Engine<usize>, group, json| -> Vec<usize> {
        engine.active(&engine.look_up(KeyGroup(group), json)).collect()
    };
    let found = engine.look_up(KeyGroup(1), user);
    for rule in [2, 0] {
        engine.process_under(rule, &found, row(1, A), &mut out).unwrap();
    }
    assert_eq!(engine.active(&found).collect::<Vec<_>>(), [0, 2], "what was looked up stays good");
    engine.process_under(1, &engine.look_up(KeyGroup(0), user), row(1, A), &mut out).unwrap();
    engine.process_under(3, &engine.look_up(KeyGroup(1), other), row(1, A), &mut out).unwrap();
    assert_eq!((active(&engine, 0, user), active(&engine, 1, user)), (vec![1], vec![0, 2]));
    assert_eq!((active(&engine, 0, other), active(&engine, 1, other)), (vec![], vec![3]));
    engine.process_under(0, &found, row(2, B), &mut out).unwrap();
    assert_eq!((active(&engine, 1, user), out.len()), (vec![2], 1));
    engine.advance(11, &mut out);
    assert_eq!((active(&engine, 1, user), active(&engine, 9, user)), (vec![], vec![]));
    let error = engine.process_under(1, &found, row(12, A), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "rule 1 does not group events by what the key was looked up for");
    assert_eq!(engine.stats().keys, 0);
}

#[test]
fn a_timer_that_is_put_off_is_told_as_what_it_is() {
    let mut engine = Engine::new(vec![window(WindowPlan::Session(10)); 2], Limits::default());
    let mut out = Vec::new();
    let both = |time, name| crate::harness::Event { steps: vec![A, 0], ..keyed(time, name, A) };
    feed(&mut engine, 0, &both(0, "a"), &mut out);
    feed(&mut engine, 1, &both(5, "b"), &mut out);
    for time in 6..10 {
        feed(&mut engine, 2, &both(time, "a"), &mut out);
    }
    assert_eq!(engine.next_timer(), Some(15));
    feed(&mut engine, 6, &both(14, "b"), &mut out);
    assert_eq!(engine.next_timer(), Some(19));
    engine.advance(19, &mut out);
    assert_eq!((out.len(), engine.next_timer()), (1, Some(24)));
    engine.advance(24, &mut out);
    assert_eq!((out.len(), engine.next_timer()), (2, None));
}

#[test]
fn what_fires_at_once_fires_in_the_order_of_the_keys() {
    let mut engine = Engine::new(vec![window(WindowPlan::Tumbling(100))], Limits::default());
    let mut out = Vec::new();
    for (position, name) in ["m", "c", "z", "a", "k"].into_iter().enumerate() {
        feed(&mut engine, position, &keyed(position as i64, name, A), &mut out);
    }
    engine.advance(100, &mut out);
    let keys: Vec<&str> = out.iter().map(|finding| finding.key.as_json()).collect();
    assert_eq!(keys, ["\"a\"", "\"c\"", "\"k\"", "\"m\"", "\"z\""]);
}

#[test]
fn wake_ups_that_are_not_wanted_any_longer_are_forgotten() {
    // At most one key: the key before is dropped with its timer, time and again.
    let limits = Limits { keys_per_rule: 1, ..Limits::default() };
    let mut engine = Engine::new(vec![window(WindowPlan::Tumbling(1_000_000))], limits);
    let mut out = Vec::new();
    for position in 0..10_000 {
        feed(&mut engine, position, &keyed(1, &format!("k{}", position % 100), A), &mut out);
    }
    assert_eq!((engine.stats().keys, engine.next_timer()), (1, Some(1_000_000)));
    engine.advance(1_000_000, &mut out);
    assert_eq!((out.len(), engine.stats().keys, engine.next_timer()), (1, 0, None));
    feed(&mut engine, 0, &event(1_000_001, A), &mut out);
    assert_eq!(engine.next_timer(), Some(2_000_000));
}

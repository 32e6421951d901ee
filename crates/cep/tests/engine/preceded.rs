//! What must not have come before a match begins.

use std::sync::Arc;

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{
    AfterMatch, ConditionId, Contiguity, EvaluatorKind, Pattern, PatternOutputs, PatternPlan, Preceded,
};
use olocus_cep::{KeyGroup, Limit, Limits, Overflow, Plan};

use crate::patterns::{Run, pattern, step};

/// `a`, then `b`, with no `c` in the ten moments before.
fn unannounced() -> Pattern {
    Pattern {
        preceded: Some(Preceded { condition: ConditionId(2), within: 10 }),
        ..pattern(vec![step(0), step(1)])
    }
}

fn plan(pattern: Pattern, evaluator: EvaluatorKind) -> Plan {
    Plan::Pattern(PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs::default(),
        evaluator: Some(evaluator),
    })
}

/// Runs under both evaluators.
fn both(limits: Limits, check: impl Fn(Run)) {
    for evaluator in [EvaluatorKind::Runs, EvaluatorKind::Sets] {
        check(Run::new(plan(unannounced(), evaluator), limits));
    }
}

fn keys(most: usize, policy: Overflow) -> Limits {
    Limits { keys_per_rule: most, policy, ..Limits::default() }
}

#[test]
fn exactly_so_long_before_no_longer_counts() {
    both(Limits::default(), |mut run| {
        for (time, types) in [(0, "c"), (9, "a"), (10, "a"), (11, "b")] {
            run.feed(time, "k", types).unwrap();
        }
        assert_eq!(run.told(), "a10 b11");
    });
}

#[test]
fn the_last_one_counts_and_those_of_other_keys_do_not() {
    both(Limits::default(), |mut run| {
        for (time, key, types) in
            [(0, "k", "c"), (5, "k", "c"), (12, "k", "a"), (12, "l", "a"), (13, "k", "b"), (13, "l", "b")]
        {
            run.feed(time, key, types).unwrap();
        }
        assert_eq!(run.told(), "a12 b13");
        assert_eq!(run.engine.stats().keys, 1);
    });
}

#[test]
fn an_event_is_judged_before_it_counts_itself() {
    both(Limits::default(), |mut run| {
        for (time, types) in [(0, "ac"), (1, "ac"), (2, "b"), (11, "a"), (12, "b")] {
            run.feed(time, "k", types).unwrap();
        }
        assert_eq!(run.told(), "a0 b2\na11 b12");
    });
}

#[test]
fn what_has_begun_goes_on() {
    both(Limits::default(), |mut run| {
        for (time, types) in [(0, "a"), (1, "c"), (2, "ab"), (3, "b")] {
            run.feed(time, "k", types).unwrap();
        }
        assert_eq!(run.told(), "a0 b2");
    });
}

#[test]
fn what_came_is_held_as_long_as_it_counts() {
    both(Limits::default(), |mut run| {
        run.feed(0, "k", "c").unwrap();
        run.feed(3, "l", "ac").unwrap();
        let stats = run.engine.stats();
        assert_eq!((stats.keys, stats.partial_matches), (2, 1));
        let active = |key| run.engine.active(&run.engine.look_up(KeyGroup::default(), key)).count();
        assert_eq!(["j", "k", "l"].map(active), [0, 1, 1]);
        assert_eq!(run.engine.next_timer(), None);
        let held = stats.bytes;
        run.engine.advance(9, &mut run.found);
        assert_eq!(run.engine.stats().bytes, held);
        run.engine.advance(10, &mut run.found);
        assert!(run.engine.stats().bytes < held);
        assert_eq!(run.engine.stats().keys, 1);
        run.feed(11, "l", "b").unwrap();
        assert_eq!((run.told().as_str(), run.engine.stats().keys), ("a3 b11", 1));
        run.engine.advance(13, &mut run.found);
        assert_eq!(run.engine.stats().keys, 0);
    });
}

#[test]
fn what_came_many_times_is_held_once() {
    both(Limits::default(), |mut run| {
        let mut most = 0;
        for time in 0..10_000 {
            run.feed(time, "k", "c").unwrap();
            most = most.max(run.engine.stats().bytes);
        }
        assert!(most < 8_000, "{most} bytes for one key");
    });
}

#[test]
fn the_oldest_key_makes_room() {
    both(keys(2, Overflow::DropOldest), |mut run| {
        for (time, key, types) in [(0, "k", "c"), (1, "l", "a"), (2, "l", "c"), (3, "m", "c")] {
            run.feed(time, key, types).unwrap();
        }
        let stats = run.engine.stats();
        assert_eq!((stats.keys, stats.dropped, stats.dropped_at), (2, 1, Some(Limit::Keys)));
        // Forgotten, so that it begins; for that, all that is held for the key of the match that began first goes.
        run.feed(4, "k", "a").unwrap();
        assert_eq!((run.engine.stats().keys, run.engine.stats().dropped), (2, 3));
        for (time, key, types) in [(5, "k", "b"), (6, "l", "b"), (7, "m", "a"), (8, "m", "b")] {
            run.feed(time, key, types).unwrap();
        }
        assert_eq!(run.told(), "a4 b5");
    });
}

#[test]
fn a_key_too_many_is_refused() {
    both(keys(1, Overflow::DropNewest), |mut run| {
        for (time, key, types) in
            [(0, "k", "c"), (1, "l", "c"), (2, "k", "c"), (13, "l", "a"), (14, "l", "b")]
        {
            run.feed(time, key, types).unwrap();
        }
        assert_eq!((run.told().as_str(), run.engine.stats().dropped), ("a13 b14", 1));
    });
    both(keys(1, Overflow::Fail), |mut run| {
        run.feed(0, "k", "c").unwrap();
        assert_eq!(run.feed(1, "l", "c").unwrap_err().limit_reached(), Some((0, Limit::Keys)));
        run.feed(2, "k", "c").unwrap();
        assert_eq!(run.engine.stats().keys, 1);
        run.feed(12, "l", "c").unwrap();
    });
}

#[test]
fn what_came_takes_bytes() {
    let limits = |policy| Limits { state_bytes_per_rule: 1_000, policy, ..Limits::default() };
    let name = |time: i64| format!("key {time}");
    both(limits(Overflow::DropOldest), |mut run| {
        (0..9).for_each(|time| run.feed(time, &name(time % 3), "c").unwrap());
        assert_eq!(run.engine.stats().dropped, 0);
        (0..100).for_each(|key| run.feed(9, &name(key), "c").unwrap());
        let stats = run.engine.stats();
        assert!(stats.keys > 3 && stats.keys < 20, "{stats:?}");
        assert_eq!((stats.dropped, stats.dropped_at), (100 - stats.keys as u64, Some(Limit::StateBytes)));
        run.feed(10, &name(99), "a").unwrap();
        assert_eq!(run.engine.stats().partial_matches, 0, "the newest are held");
    });
    both(limits(Overflow::DropNewest), |mut run| {
        (0..100).for_each(|key| run.feed(0, &name(key), "c").unwrap());
        let stats = run.engine.stats();
        assert_eq!(stats.dropped, 100 - stats.keys as u64);
        run.feed(1, &name(0), "a").unwrap();
        assert_eq!(run.engine.stats().partial_matches, 0, "the oldest are held");
    });
    both(limits(Overflow::Fail), |mut run| {
        let fails = |key: &i64| run.feed(0, &name(*key), "c").is_err();
        let first = (0..100).find(fails).unwrap();
        assert_eq!(run.engine.stats().keys, first as usize);
    });
}

#[test]
fn rows_that_keep_others_from_beginning_mean_something_to_any_key() {
    let wanted = unannounced();
    let automaton = Automaton::new(&wanted).unwrap();
    let begins = [0_u64, 1, 2, 4].map(|bits| wanted.begins(&automaton, bits));
    assert_eq!(begins, [false, true, false, true]);
}

#[test]
fn a_listing_says_what_must_not_have_come() {
    let listing = plan(unannounced(), EvaluatorKind::Runs).to_string();
    assert!(listing.ends_with("\nbegins unless c came less than 10ns before\n"), "{listing}");
}

#[test]
fn a_key_that_only_remembers_what_came_before_takes_no_more_as_time_goes_on() {
    let mut wanted = pattern(vec![step(0), step(1), step(2)]);
    wanted.stages[1].follows = Contiguity::Strict;
    wanted.stages[2].follows = Contiguity::SkipTillAny;
    wanted.preceded = Some(Preceded { condition: ConditionId(3), within: 50 });
    wanted.after_match = AfterMatch::ToNext;
    wanted.within = Some(12);
    let mut run = Run::new(plan(wanted, EvaluatorKind::Runs), Limits::default());
    // What began is gone before its time is over, and another key stands in its place then.
    run.feed(100, "x", "a").unwrap();
    run.feed(101, "x", "").unwrap();
    assert_eq!(run.engine.stats().keys, 0);
    run.feed(102, "y", "d").unwrap();
    let before = run.engine.stats();
    run.engine.advance(120, &mut run.found);
    let after = run.engine.stats();
    assert_eq!((before.keys, after.keys), (1, 1));
    assert!(after.bytes <= before.bytes, "{} after {} bytes", after.bytes, before.bytes);
}

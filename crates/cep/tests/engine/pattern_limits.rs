//! What patterns may hold, and what becomes of the rest.

use olocus_cep::pattern::{AfterMatch, Contiguity, PatternOutputs};
use olocus_cep::{Limit, Limits, Overflow};

use crate::patterns::{Run, one_or_more, pattern, plan, step};

fn limits(partial_matches: usize, keys: usize, policy: Overflow) -> Limits {
    Limits { partial_matches_per_rule: partial_matches, keys_per_rule: keys, policy, ..Limits::default() }
}

fn two_steps(limits: Limits) -> Run {
    Run::new(plan(pattern(vec![step(0), step(1)]), PatternOutputs::default()), limits)
}

#[test]
fn the_oldest_make_room_whatever_their_key() {
    let mut run = two_steps(limits(2, 10, Overflow::DropOldest));
    for (time, key) in [(1, "k"), (2, "l"), (3, "k")] {
        run.feed(time, key, "a").unwrap();
    }
    assert_eq!((run.engine.stats().partial_matches, run.engine.stats().dropped), (2, 1));
    run.feed(4, "k", "b").unwrap();
    run.feed(5, "l", "b").unwrap();
    assert_eq!(run.told(), "a3 b4\na2 b5");
    assert_eq!((run.engine.stats().partial_matches, run.engine.stats().keys), (0, 0));
}

#[test]
fn a_row_first_completes_what_it_can() {
    let mut run = two_steps(limits(1, 10, Overflow::DropOldest));
    run.feed(1, "k", "a").unwrap();
    run.feed(2, "k", "ab").unwrap();
    assert_eq!((run.told(), run.engine.stats().dropped), ("a1 b2".to_owned(), 0));
}

#[test]
fn the_newest_are_refused() {
    let mut run = two_steps(limits(1, 10, Overflow::DropNewest));
    run.feed(1, "k", "a").unwrap();
    run.feed(2, "l", "a").unwrap();
    run.feed(3, "k", "a").unwrap();
    run.feed(4, "k", "b").unwrap();
    assert_eq!((run.told(), run.engine.stats().dropped), ("a1 b4".to_owned(), 2));
}

#[test]
fn failing_leaves_what_was_open() {
    let mut run = two_steps(limits(1, 10, Overflow::Fail));
    run.feed(1, "k", "a").unwrap();
    let error = run.feed(2, "k", "a").unwrap_err();
    assert_eq!(error.limit_reached(), Some((0, Limit::PartialMatches)));
    run.feed(3, "k", "b").unwrap();
    assert_eq!(run.told(), "a1 b3");
}

#[test]
fn keys_are_bounded() {
    let mut run = two_steps(limits(10, 1, Overflow::DropOldest));
    for (time, key) in [(1, "k"), (2, "k"), (3, "l")] {
        run.feed(time, key, "a").unwrap();
    }
    assert_eq!((run.engine.stats().keys, run.engine.stats().dropped), (1, 2));
    run.feed(4, "k", "b").unwrap();
    run.feed(5, "l", "b").unwrap();
    assert_eq!(run.told(), "a3 b5");

    let mut run = two_steps(limits(10, 1, Overflow::DropNewest));
    run.feed(1, "k", "a").unwrap();
    run.feed(2, "l", "a").unwrap();
    run.feed(3, "l", "b").unwrap();
    run.feed(4, "k", "b").unwrap();
    assert_eq!((run.told(), run.engine.stats().dropped), ("a1 b4".to_owned(), 1));

    let mut run = two_steps(limits(10, 1, Overflow::Fail));
    run.feed(1, "k", "a").unwrap();
    assert_eq!(run.feed(2, "l", "a").unwrap_err().limit_reached(), Some((0, Limit::Keys)));
    assert_eq!(run.engine.stats().keys, 1);
}

#[test]
fn forks_count_too() {
    let mut wanted = pattern(vec![one_or_more(0), step(1)]);
    wanted.stages[0].repeat.inner = Contiguity::SkipTillAny;
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), limits(50, 10, Overflow::DropOldest));
    for time in 1..40 {
        run.feed(time, "k", "a").unwrap();
        assert!(run.engine.stats().partial_matches <= 50);
    }
    assert!(run.engine.stats().dropped > 0);
}

#[test]
fn time_frees_what_it_ends() {
    let mut wanted = pattern(vec![step(0), step(1)]);
    wanted.within = Some(10);
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), Limits::default());
    for time in 0..1000 {
        run.feed(time, if time % 3 == 0 { "k" } else { "l" }, "a").unwrap();
        assert!(run.engine.stats().partial_matches <= 12, "{}", run.engine.stats().partial_matches);
    }
    assert_eq!(run.engine.next_timer(), None, "nothing would be told");
    run.engine.advance(2000, &mut run.found);
    let stats = run.engine.stats();
    assert_eq!((stats.partial_matches, stats.keys, stats.dropped), (0, 0, 0));
}

#[test]
fn more_matches_than_wanted_are_counted() {
    let outputs = PatternOutputs { matches_per_event: 2, ..PatternOutputs::default() };
    let mut run = Run::new(plan(pattern(vec![step(0), step(1)]), outputs), Limits::default());
    for time in 1..6 {
        run.feed(time, "k", "a").unwrap();
    }
    run.feed(6, "k", "b").unwrap();
    assert_eq!((run.told(), run.engine.stats().untold), ("a1 b6\na2 b6".to_owned(), 3));
    run.feed(7, "k", "a").unwrap();
    run.feed(8, "k", "b").unwrap();
    assert_eq!((run.told(), run.engine.stats().untold), ("a7 b8".to_owned(), 3));
}

#[test]
fn dropping_what_holds_a_match_back_tells_it() {
    let mut wanted = pattern(vec![step(0), step(1), step(2)]);
    wanted.after_match = AfterMatch::ToNext;
    wanted.stages[1].follows = Contiguity::Strict;
    wanted.stages[0].repeat.max = Some(2);
    wanted.stages[0].repeat.inner = Contiguity::SkipTillAny;
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), limits(4, 10, Overflow::DropOldest));
    for (time, types) in [(1, "a"), (2, "a"), (3, "b"), (4, "c")] {
        run.feed(time, "k", types).unwrap();
    }
    // What began at 1 can still take another `a`, and came first.
    assert_eq!(run.told(), "a1 a2 b3 c4\na2 b3 c4");
}

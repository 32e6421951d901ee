//! Patterns written in Rust: what is asked of whole matches and of windows, and told of them.

use std::sync::Arc;
use std::time::Duration;

use olocus_cep::pattern::{BuildError, Earlier, EventPattern, EventWindow, Matched, WindowType};
use olocus_cep::{AggregateFunction, Engine, Finding, Found, Key, Limits, Scalar};

use crate::builder::{Event, kind, problems};

const SECOND: i64 = 1_000_000_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn number(event: &Event) -> i64 {
    event.1
}

/// What a pattern finds among events a second apart, as far as it is to be told.
fn admitted(pattern: EventPattern<Event>, events: &[Event]) -> Vec<Found<Arc<Event>>> {
    let pattern = pattern.build().unwrap();
    let mut engine: Engine<Arc<Event>> = Engine::new(vec![pattern.plan()], Limits::default());
    let mut limiter = pattern.limiter(10);
    let (mut told, mut out, mut inputs) = (Vec::new(), Vec::new(), Vec::new());
    for (event, second) in events.iter().zip(0_i64..) {
        let (event, time) = (Arc::new(*event), second * SECOND);
        engine.advance(time, &mut out);
        engine.process(0, &Key::none(), pattern.row(time, &event, 0, &mut inputs), &mut out).unwrap();
        for Finding { key, found, .. } in out.drain(..) {
            let admits =
                pattern.admits(&found) && limiter.as_mut().is_none_or(|limiter| limiter.admits(&key, time));
            told.extend(admits.then_some(found));
        }
    }
    told
}

fn numbers(found: &[Found<Arc<Event>>]) -> Vec<Vec<i64>> {
    let numbers = |found: &Found<Arc<Event>>| match found {
        Found::Match { events } => events.iter().map(|taken| taken.event.1).collect(),
        other => panic!("no match: {other:?}"),
    };
    found.iter().map(numbers).collect()
}

#[test]
fn closures_relate_an_event_to_earlier_ones() {
    // Between the first and the sum of all.
    let between = |value: &Scalar, earlier: &[Scalar]| match (value, earlier) {
        (Scalar::Int(value), [Scalar::Int(first), Scalar::Int(sum)]) => first < value && value < sum,
        other => panic!("{other:?}"),
    };
    let earlier = || [Earlier::first("b", number), Earlier::aggregate(AggregateFunction::Sum, "b", number)];
    let pattern = || {
        let last = kind('c').related(number, earlier(), between).filter(|event| event.1 % 2 == 1);
        kind('b').times(2).followed_by(last)
    };
    let events = [('b', 3), ('b', 4), ('c', 3), ('c', 7), ('c', 6), ('c', 5)];
    assert_eq!(numbers(&admitted(pattern(), &events)), [[3, 4, 5]]);
    let unknown = kind('a').related(number, [Earlier::count("z")], |_, _| true);
    insta::assert_snapshot!(problems(unknown), @"`a` is related to `z`, which is no event of the pattern");
}

#[test]
fn finished_matches_are_judged_by_their_events() {
    let steep = |matched: &Matched<'_, Event>| {
        let (Some(first), Some(last)) = (matched.first("a"), matched.last("b")) else { return false };
        assert_eq!(
            matched.events().map(|(name, _)| name).collect::<String>(),
            format!("a{}", "b".repeat(matched.of("b").count()))
        );
        assert!(matched.first("z").is_none());
        last.1 - first.1 > 5
    };
    let pattern = kind('a').followed_by(kind('b').one_or_more()).having(steep);
    let events = [('a', 0), ('b', 3), ('b', 9), ('b', 2)];
    assert_eq!(numbers(&admitted(pattern, &events)), [[0, 3, 9]]);
}

#[test]
fn matches_are_told_so_often_at_most() {
    let events = [('a', 0), ('a', 1), ('a', 2), ('a', 3), ('a', 4)];
    assert_eq!(numbers(&admitted(kind('a').limit(1, seconds(2)), &events)), [[0], [2], [4]]);
    assert_eq!(numbers(&admitted(kind('a').limit(2, seconds(3)), &events)), [[0], [1], [3], [4]]);
    insta::assert_snapshot!(problems(kind('a').limit(0, seconds(1))), @"`a` is told at most 0 times in 1s: that is never");
}

#[test]
fn findings_without_events_tell_what_is_remembered() {
    let pattern = || {
        let pattern = kind('a').followed_by(kind('b').one_or_more().greedy()).followed_by(kind('c'));
        pattern
            .without_events()
            .remember("largest", Earlier::aggregate(AggregateFunction::Max, "b", number))
            .remember("last", Earlier::last("b", number))
            .remember("how many", Earlier::count("b"))
    };
    let found = admitted(pattern(), &[('a', 0), ('b', 7), ('b', 5), ('c', 9)]);
    let built = pattern().build().unwrap();
    let [summary @ Found::Summary { first, last, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((first.1, last.1), (0, 9));
    let told: Vec<(&str, &Scalar)> = built.remembered(summary).collect();
    assert_eq!(
        told,
        [("largest", &Scalar::Int(7)), ("last", &Scalar::Int(5)), ("how many", &Scalar::Int(2))]
    );
    insta::assert_snapshot!(problems(kind('a').remember("x", Earlier::count("a"))), @"what a pattern is to `remember` is told by findings `without_events` only; others carry all events");
    insta::assert_snapshot!(problems(kind('a').without_events().having(|_| true)), @"`having` looks at the events of a match, which findings `without_events` do not carry; leave one of the two out");
    let unknown = kind('a').without_events().remember("x", Earlier::count("z"));
    insta::assert_snapshot!(problems(unknown), @"what is remembered as `x` is of `z`, which is no event of the pattern");
    insta::assert_snapshot!(problems(kind('a').followed_by(kind('b').without_events())), @"`b` is part of a pattern; say `without_events` of the whole");
}

/// The windows that are told among events a second apart, each as its start in seconds, how many events, and aggregates.
fn windows(window: EventWindow<Event>, events: &[Event]) -> Vec<(i64, u64, Vec<Scalar>)> {
    let window = window.build().unwrap();
    let mut engine: Engine<Arc<Event>> = Engine::new(vec![window.plan()], Limits::default());
    let mut limiter = window.limiter(10);
    let (mut out, mut inputs) = (Vec::new(), Vec::new());
    for (event, second) in events.iter().zip(0_i64..) {
        let (event, time) = (Arc::new(*event), second * SECOND);
        engine.advance(time, &mut out);
        engine.process(0, &Key::none(), window.row(time, &event, 0, &mut inputs), &mut out).unwrap();
    }
    engine.advance(i64::MAX, &mut out);
    let told = out.into_iter().filter(|finding| window.admits(&finding.found)).filter_map(|finding| {
        let Found::Window { start, end, count, aggregates, .. } = finding.found else { panic!() };
        let told = limiter.as_mut().is_none_or(|limiter| limiter.admits(&finding.key, end));
        told.then_some((start / SECOND, count, aggregates))
    });
    told.collect()
}

const MIXED: [Event; 6] = [('a', 5), ('b', 1), ('a', 7), ('a', 0), ('b', 2), ('a', 9)];

#[test]
fn windows_of_all_kinds() {
    let of = |window| windows(EventPattern::window(window, kind('a')), &MIXED);
    let bounds = |found: Vec<(i64, u64, Vec<Scalar>)>| -> Vec<(i64, u64)> {
        found.into_iter().map(|(start, count, _)| (start, count)).collect()
    };
    assert_eq!(bounds(of(WindowType::Count(3))), [(0, 3), (2, 3)]);
    assert_eq!(bounds(of(WindowType::Tumbling(seconds(3)))), [(0, 2), (3, 2)]);
    assert_eq!(bounds(of(WindowType::Sliding(seconds(3)))), [(-3, 1), (-1, 2), (0, 2), (2, 2)]);
    let hopping = WindowType::Hopping { size: seconds(4), every: seconds(2) };
    assert_eq!(bounds(of(hopping)), [(-2, 1), (0, 3), (2, 3), (4, 1)]);
    assert_eq!(bounds(of(WindowType::Session(seconds(2)))), [(0, 1), (2, 2), (5, 1)]);
}

#[test]
fn windows_are_judged_by_aggregates_and_by_events() {
    let all = || EventPattern::any_event("any");
    let aggregated = EventPattern::window(WindowType::Tumbling(seconds(3)), all())
        .aggregate(AggregateFunction::Sum, number)
        .count()
        .having(|aggregates| aggregates[0] != Scalar::Int(13) && aggregates[1] == Scalar::Int(3));
    assert_eq!(windows(aggregated, &MIXED), [(3, 3, vec![Scalar::Int(11), Scalar::Int(3)])]);
    let rising = EventPattern::sliding_window(WindowType::Count(2), kind('a'))
        .with_condition(|events| events.iter().all(|event| event.0 == 'a') && events[0].1 < events[1].1);
    assert_eq!(windows(rising, &MIXED), [(0, 2, vec![]), (3, 2, vec![])]);
    let seldom = EventPattern::window(WindowType::Count(1), all()).limit(1, seconds(4));
    assert_eq!(windows(seldom, &MIXED), [(0, 1, vec![]), (4, 1, vec![])]);
}

#[test]
fn mistakes_in_windows() {
    fn problem(window: WindowType, events: EventPattern<Event>) -> BuildError {
        EventPattern::window(window, events).build().unwrap_err()
    }
    let count = WindowType::Count(3);
    insta::assert_snapshot!(problem(WindowType::Count(0), kind('a')), @"a window of no events is never full; its count is at least 1");
    insta::assert_snapshot!(problem(WindowType::Tumbling(Duration::ZERO), kind('a')), @"the times of a window must be longer than nothing");
    insta::assert_snapshot!(problem(WindowType::Session(Duration::MAX), kind('a')), @"18446744073709551615.999999999s is too long; times are at most 292 years");
    let seldom = WindowType::Hopping { size: seconds(2), every: seconds(3) };
    insta::assert_snapshot!(problem(seldom, kind('a')), @"a window begins so seldom that events between windows are lost; let `every` be no longer than `size`");
    let often = WindowType::Hopping { size: seconds(20), every: Duration::from_millis(1) };
    insta::assert_snapshot!(problem(often, kind('a')), @"each event would be in more than 10000 windows; let `every` be longer");
    insta::assert_snapshot!(problem(count, kind('a').followed_by(kind('b'))), @"the pattern of `a` … is no single event; a window takes only such");
    insta::assert_snapshot!(problem(count, kind('a').within(seconds(1))), @"a window is of events, which have no `within`; it has a length of its own");
    insta::assert_snapshot!(problem(count, kind('a').skip_past_last()), @"a window is of events; it cannot have what a match ends");
    let related = kind('a').related(number, [Earlier::count("a")], |_, _| true);
    insta::assert_snapshot!(problem(count, related), @"`a` is compared with earlier events; a window's events are not");
    let limited = EventPattern::window(count, kind('a')).limit(1, Duration::ZERO).build().unwrap_err();
    insta::assert_snapshot!(limited, @"a window is told at most 1 times in 0ns: that is never");
}

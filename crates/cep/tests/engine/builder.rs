//! Patterns written in Rust.

use std::sync::Arc;
use std::time::Duration;

use olocus_cep::pattern::{Comparison, Earlier, EventPattern, TopicEvent};
use olocus_cep::{AggregateFunction, Engine, Found, Key, Limits, Scalar};

/// An event of a test: its kind and a number.
pub(crate) type Event = (char, i64);

pub(crate) fn kind(kind: char) -> EventPattern<Event> {
    EventPattern::event(kind, move |event: &Event| event.0 == kind)
}

/// All matches among events a second apart, with the numbers of their events, and timeouts in brackets.
fn found(pattern: EventPattern<Event>, events: &[Event]) -> Vec<String> {
    let pattern = pattern.build().unwrap();
    let mut engine: Engine<Arc<Event>> = Engine::new(vec![pattern.plan()], Limits::default());
    let (mut out, mut inputs) = (Vec::new(), Vec::new());
    for (event, second) in events.iter().zip(0_i64..) {
        let (event, time) = (Arc::new(*event), second * 1_000_000_000);
        engine.advance(time, &mut out);
        engine.process(0, &Key::none(), pattern.row(time, &event, 0, &mut inputs), &mut out).unwrap();
    }
    engine.advance(i64::MAX, &mut out);
    let texts = out.into_iter().map(|finding| {
        let (events, timed_out) = match finding.found {
            Found::Match { events } => (events, false),
            Found::Timeout { events, .. } => (events, true),
            other => panic!("{other:?}"),
        };
        let names: Vec<String> =
            events.iter().map(|taken| format!("{}{}", pattern.step(taken.step), taken.event.1)).collect();
        if timed_out { format!("({})", names.join(" ")) } else { names.join(" ") }
    });
    texts.collect()
}

pub(crate) fn problems(pattern: EventPattern<Event>) -> String {
    let error = pattern.build().unwrap_err();
    assert_eq!(error.problems().collect::<Vec<_>>().join("; "), error.to_string());
    error.to_string()
}

const ABBCB: [Event; 5] = [('a', 0), ('b', 1), ('b', 2), ('c', 3), ('b', 4)];

#[test]
fn parts_follow_each_other_in_three_ways() {
    assert_eq!(found(kind('a').followed_by(kind('b')), &ABBCB), ["a0 b1"]);
    assert_eq!(found(kind('a').followed_by_any(kind('b')), &ABBCB), ["a0 b1", "a0 b2", "a0 b4"]);
    assert_eq!(found(kind('a').next(kind('c')), &ABBCB), [""; 0]);
    assert_eq!(found(EventPattern::sequence([kind('b'), kind('c')]), &ABBCB), ["b1 c3", "b2 c3"]);
    assert_eq!(found(EventPattern::begin(kind('c')).next(kind('b')), &ABBCB), ["c3 b4"]);
}

#[test]
fn what_is_said_of_a_pattern_is_said_of_all_of_it() {
    let last = kind('a').followed_by(kind('b').times(2).consecutive());
    assert_eq!(found(last, &ABBCB), ["a0 b1 b2"]);
    let all = kind('a').followed_by(kind('b')).times(2);
    let twice: [Event; 4] = [('a', 0), ('b', 1), ('a', 2), ('b', 3)];
    assert_eq!(found(all, &twice), ["a0 b1 a2 b3"]);
    let greedy = kind('a').followed_by(kind('b').one_or_more().greedy()).followed_by(kind('c'));
    assert_eq!(found(greedy, &ABBCB), ["a0 b1 b2 c3"]);
    let optional = kind('a').followed_by(kind('x').optional()).followed_by(kind('c'));
    assert_eq!(found(optional, &ABBCB), ["a0 c3"]);
    let until = kind('b').times(1..).until(|event| event.1 == 2).followed_by(kind('c'));
    assert_eq!(found(until, &ABBCB), ["b1 c3"]);
    let combinations = kind('a').next(kind('b').times(2..=3).allow_combinations());
    assert_eq!(found(combinations, &ABBCB), ["a0 b1 b2", "a0 b1 b2 b4", "a0 b1 b4"]);
}

#[test]
fn one_of_several_and_all_in_any_order() {
    let any = EventPattern::any_of([kind('c'), kind('b').next(kind('b').named("again"))]);
    assert_eq!(found(kind('a').followed_by(any), &ABBCB), ["a0 b1 again2"]);
    let all = EventPattern::all_of([kind('c'), kind('a')]).within(Duration::from_secs(9));
    assert_eq!(found(all, &ABBCB), ["a0 c3"]);
}

#[test]
fn absence() {
    let between = kind('a').not_followed_by(kind('c')).followed_by(kind('b').filter(|event| event.1 > 3));
    assert_eq!(found(between, &ABBCB), [""; 0]);
    let next = kind('b').not_next(kind('b').named("again")).followed_by(kind('c'));
    assert_eq!(found(next, &ABBCB), ["b2 c3"]);
    let end = kind('b').not_followed_by(kind('c').within(Duration::from_secs(2)));
    assert_eq!(found(end, &ABBCB), ["b1", "b4"]);
    let start = kind('b').unless_preceded_by(kind('a'), Duration::from_secs(2));
    assert_eq!(found(start, &ABBCB), ["b2", "b4"]);
}

#[test]
fn time() {
    let seconds = Duration::from_secs;
    assert_eq!(found(kind('a').followed_by(kind('c')).within(seconds(3)), &ABBCB), [""; 0]);
    assert_eq!(found(kind('a').followed_by(kind('c')).within(seconds(4)), &ABBCB), ["a0 c3"]);
    assert_eq!(
        found(kind('a').followed_by(kind('b')).followed_by(kind('c').within(seconds(2))), &ABBCB),
        [""; 0]
    );
    let gap = kind('b').times(3).gap(seconds(2));
    assert_eq!(found(gap, &ABBCB), [""; 0]);
    let timeout = kind('a').followed_by(kind('x')).within(seconds(4)).on_timeout();
    assert_eq!(found(timeout, &ABBCB), ["(a0)"]);
}

#[test]
fn what_a_match_ends() {
    let pattern = || kind('b').followed_by(kind('c'));
    assert_eq!(found(pattern(), &ABBCB), ["b1 c3", "b2 c3"]);
    assert_eq!(found(pattern().skip_past_last(), &ABBCB), ["b1 c3"]);
    assert_eq!(found(pattern().skip_to_first("c"), &ABBCB), ["b1 c3"]);
    assert_eq!(found(pattern().skip_to_next(), &ABBCB), ["b1 c3", "b2 c3"]);
    assert_eq!(
        found(kind('b').followed_by_any(kind('b').named("again")).skip_to_last("again"), &ABBCB),
        ["b1 again2", "b2 again4"]
    );
}

#[test]
fn events_are_compared_with_earlier_ones() {
    let number = |event: &Event| event.1;
    let sum = Earlier::aggregate(AggregateFunction::Sum, "b", number);
    let pattern = kind('b').times(2).followed_by(kind('c').compared(number, Comparison::Greater, sum));
    let events: [Event; 5] = [('b', 1), ('b', 2), ('c', 3), ('c', 4), ('c', 5)];
    assert_eq!(found(pattern, &events), ["b1 b2 c4"]);
    let last =
        kind('a').followed_by(kind('c').compared(number, Comparison::Equal, Earlier::last("a", number)));
    assert_eq!(found(last, &[('a', 1), ('c', 2), ('c', 1)]), ["a1 c1"]);
    let count = Earlier::count("b");
    let counted = kind('b').one_or_more().followed_by(kind('c').compared(number, Comparison::Equal, count));
    assert_eq!(found(counted, &[('b', 7), ('b', 8), ('c', 2)]), ["b7 b8 c2"]);
}

#[test]
fn bits_of_the_caller_and_closures_go_together() {
    let pattern = EventPattern::bit("given", 1)
        .followed_by(kind('b'))
        .followed_by(EventPattern::bit("both", 0).filter(|event: &Event| event.1 > 0))
        .build()
        .unwrap();
    assert_eq!(pattern.steps(&('b', 0), 0), 0b100);
    assert_eq!(pattern.steps(&('x', 0), 0b11), 0b11);
    assert_eq!(pattern.steps(&('b', 1), 0b01), 0b1101);
    assert_eq!(pattern.steps(&('x', 1), 0b10), 0b10);
}

#[test]
fn mistakes_are_told_with_the_stage_that_has_them() {
    insta::assert_snapshot!(problems(kind('a').times(0)), @"`a` is repeated at least 0 times; make it optional and repeated at least once");
    insta::assert_snapshot!(problems(kind('a').times(2).times(3)), @"`a` says twice how often it comes; put it into a `group` for both");
    insta::assert_snapshot!(problems(kind('a').followed_by(kind('a'))), @"two steps are called `a`; each needs a name of its own");
    insta::assert_snapshot!(problems(kind('a').followed_by(kind('b').skip_past_last())), @"`b` is part of a pattern; say what a match ends of the whole");
    insta::assert_snapshot!(problems(kind('a').not_followed_by(kind('b').times(2))), @"`b` is no single event; only such can be absent");
    insta::assert_snapshot!(problems(kind('a').not_followed_by(kind('b'))), @"not `b` at the end needs a time after which it is decided: a `within`, its own or the pattern's");
    insta::assert_snapshot!(problems(kind('a').followed_by(kind('b')).named("c")), @"the pattern of `a` … is no single event; say a name of those in it");
    insta::assert_snapshot!(problems(EventPattern::begin(kind('a').within(Duration::from_secs(1))).next(kind('b'))), @"`a` comes first, so there is no event before it; say `within` of the whole pattern");
    insta::assert_snapshot!(problems(kind('a').skip_to_last("z")), @"matches are to skip to `z`, which is no event of the pattern");
    let compared = kind('a').compared(|event| event.1, Comparison::Less, Earlier::count("z"));
    insta::assert_snapshot!(problems(compared), @"`a` is compared with `z`, which is no event of the pattern");
    insta::assert_snapshot!(problems(EventPattern::sequence([])), @"the pattern is empty; it needs a stage");
    insta::assert_snapshot!(problems(kind('a').followed_by(kind('b')).within(Duration::MAX)), @"18446744073709551615.999999999s is too long; times are at most 292 years");
    let many =
        EventPattern::sequence(('a'..='z').chain('A'..='Z').chain('0'..='9').chain("äöüß".chars()).map(kind));
    insta::assert_snapshot!(problems(many), @"the pattern asks more than 64 things of events; 66 steps; a pattern may have 64");
}

struct Business {
    topic: &'static str,
    role: &'static str,
    volume: u64,
}

impl TopicEvent for Business {
    fn topic(&self) -> &str {
        self.topic
    }

    fn attribute(&self, name: &str) -> Scalar {
        match name {
            "user_role" | "data_classification" => self.role.into(),
            "volume" => self.volume.into(),
            _ => Scalar::Null,
        }
    }
}

#[test]
fn events_with_topics_and_attributes() {
    let pattern = EventPattern::sequence([
        EventPattern::topic("auth.login").with_attribute("user_role", "privileged"),
        EventPattern::topic("data.access")
            .with_attribute("data_classification", "confidential")
            .within(Duration::from_secs(5 * 60)),
        EventPattern::topic("data.*")
            .named("export")
            .with_attribute("volume", ">10MB")
            .within(Duration::from_secs(10 * 60)),
    ])
    .build()
    .unwrap();
    let event = |topic, role, volume| Business { topic, role, volume };
    let login = event("auth.login", "privileged", 0);
    assert_eq!(pattern.steps(&login, 0), 0b001);
    assert_eq!(pattern.steps(&event("auth.login", "guest", 0), 0), 0);
    assert_eq!(pattern.steps(&event("data.access", "confidential", 20_000_000), 0), 0b110);
    assert_eq!(pattern.steps(&event("data.export", "", 10_000_000), 0), 0);
    insta::assert_snapshot!(pattern.pattern(), @r"
    begin auth.login
    followed by data.access, within 5m of the event before
    followed by export, within 10m of the event before
    ");
    let wrong = EventPattern::<Business>::topic("data..x").build().unwrap_err();
    insta::assert_snapshot!(wrong, @"`data..x` is no topic: an event type has no empty segments between its dots");
}

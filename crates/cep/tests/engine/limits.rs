use olocus_cep::{
    AggregateFunction, Engine, Error, Found, Limit, Limits, Overflow, Plan, Row, Scalar, Weighing, WindowPlan,
};

use crate::harness::{Findings, key, sequence, window};

struct Bench {
    engine: Engine<usize>,
    found: Findings,
    fed: usize,
}

impl Bench {
    fn new(plan: Plan, limits: Limits) -> Bench {
        Bench { engine: Engine::new(vec![plan], limits), found: Vec::new(), fed: 0 }
    }

    fn try_feed(&mut self, time: i64, name: &str, steps: u64, input: i64) -> Result<(), Error> {
        self.engine.advance(time, &mut self.found);
        let inputs = [Scalar::Int(input)];
        let position = self.fed;
        self.fed += 1;
        let row = Row { time, steps, inputs: &inputs, event: &position, keep: None };
        self.engine.process(0, &key(name), row, &mut self.found)
    }

    fn feed(&mut self, time: i64, name: &str, steps: u64) {
        self.try_feed(time, name, steps, time).unwrap();
    }

    fn matches(&self) -> Vec<Vec<usize>> {
        let events = |found: &Found<usize>| match found {
            Found::Match { events } => events.iter().map(|taken| taken.event).collect(),
            Found::Window { first, last, .. } => vec![*first, *last],
            other => panic!("neither a sequence nor a window: {other:?}"),
        };
        self.found.iter().map(|finding| events(&finding.found)).collect()
    }
}

fn at_most(most: usize, policy: Overflow) -> Limits {
    Limits { partial_matches_per_rule: most, window_events_per_rule: most, policy, ..Limits::default() }
}

fn keys(most: usize, policy: Overflow) -> Limits {
    Limits { keys_per_rule: most, policy, ..Limits::default() }
}

#[test]
fn drop_oldest_drops_the_partial_match_that_started_first_whatever_its_key() {
    let mut bench = Bench::new(sequence(&[None, None, None], None), at_most(2, Overflow::DropOldest));
    bench.feed(1, "a", 1);
    bench.feed(2, "b", 1);
    bench.feed(3, "a", 2);
    bench.feed(4, "c", 1);
    bench.feed(5, "a", 2);
    bench.feed(6, "a", 4);
    let stats = bench.engine.stats();
    assert_eq!((stats.partial_matches, stats.keys, stats.dropped), (2, 2, 1));
    bench.feed(7, "b", 2);
    bench.feed(7, "c", 2);
    bench.feed(8, "b", 4);
    bench.feed(8, "c", 4);
    assert_eq!(bench.matches(), [[1, 6, 8], [3, 7, 9]]);
}

#[test]
fn within_a_key_the_oldest_partial_match_is_the_one_furthest_on() {
    let mut bench = Bench::new(sequence(&[None, None, None], None), at_most(2, Overflow::DropOldest));
    bench.feed(1, "a", 1);
    bench.feed(2, "a", 2);
    bench.feed(3, "a", 1);
    bench.feed(4, "a", 1);
    bench.feed(5, "a", 4);
    assert!(bench.found.is_empty());
    bench.feed(6, "a", 2);
    bench.feed(7, "a", 4);
    assert_eq!(bench.matches(), [[2, 5, 6], [3, 5, 6]]);
    assert_eq!(bench.engine.stats().dropped, 1);
}

#[test]
fn drop_newest_lets_no_new_match_start() {
    let mut bench = Bench::new(sequence(&[None, None], None), at_most(1, Overflow::DropNewest));
    bench.feed(1, "a", 1);
    bench.feed(2, "a", 1);
    bench.feed(3, "a", 2 | 1);
    assert_eq!(bench.matches(), [[0, 2]]);
    let stats = bench.engine.stats();
    assert_eq!((stats.partial_matches, stats.dropped), (1, 1));
}

#[test]
fn fail_tells_rule_and_limit_and_keeps_what_is_held() {
    let mut bench = Bench::new(sequence(&[None, None], None), at_most(1, Overflow::Fail));
    bench.feed(1, "a", 1);
    let error = bench.try_feed(2, "b", 1, 0).unwrap_err();
    assert_eq!(error.limit_reached(), Some((0, Limit::PartialMatches)));
    assert_eq!(error.to_string(), "rule 0 already holds its limit of 1 partial matches");
    assert_eq!((bench.engine.stats().partial_matches, bench.engine.stats().dropped), (1, 0));
    bench.feed(3, "a", 2);
    assert_eq!(bench.matches(), [[0, 2]]);
}

#[test]
fn what_expired_does_not_count() {
    let mut bench = Bench::new(sequence(&[None, Some(10)], None), at_most(1, Overflow::Fail));
    bench.feed(0, "a", 1);
    assert!(bench.try_feed(9, "b", 1, 0).is_err());
    bench.feed(10, "b", 1);
    let mut bench =
        Bench::new(window(WindowPlan::Sliding { size: 10, every: None }), at_most(1, Overflow::Fail));
    bench.feed(0, "a", 1);
    assert!(bench.try_feed(9, "b", 1, 0).is_err());
    bench.feed(10, "b", 1);
}

#[test]
fn a_limit_of_nothing_lets_nothing_be_held() {
    for plan in [sequence(&[None, None], None), window(WindowPlan::Count(2)), window(WindowPlan::Tumbling(5))]
    {
        for limits in [
            at_most(0, Overflow::DropOldest),
            at_most(0, Overflow::DropNewest),
            keys(0, Overflow::DropOldest),
            keys(0, Overflow::DropNewest),
        ] {
            let mut bench = Bench::new(plan.clone(), limits);
            bench.feed(1, "a", 1);
            bench.feed(2, "a", 3);
            let stats = bench.engine.stats();
            assert_eq!((stats.partial_matches, stats.window_events, stats.keys, stats.dropped), (0, 0, 0, 2));
        }
    }
}

#[test]
fn the_key_with_the_oldest_entry_gives_way_to_a_new_key() {
    let mut bench = Bench::new(sequence(&[None, None], None), keys(2, Overflow::DropOldest));
    bench.feed(1, "a", 1);
    bench.feed(2, "b", 1);
    bench.feed(3, "a", 2);
    bench.feed(4, "a", 1);
    bench.feed(4, "a", 1);
    bench.feed(5, "c", 1);
    bench.feed(6, "b", 2);
    bench.feed(7, "a", 2);
    let stats = bench.engine.stats();
    assert_eq!((stats.keys, stats.dropped), (1, 1));
    assert_eq!(bench.matches(), [[0, 2], [3, 7], [4, 7]]);
}

#[test]
fn at_the_limit_on_keys_drop_newest_and_fail_refuse_only_new_keys() {
    let mut bench = Bench::new(window(WindowPlan::Count(2)), keys(1, Overflow::DropNewest));
    bench.feed(1, "a", 1);
    bench.feed(2, "b", 1);
    bench.feed(3, "a", 1);
    assert_eq!(bench.matches(), [[0, 2]]);
    assert_eq!(bench.engine.stats().dropped, 1);
    let mut bench = Bench::new(window(WindowPlan::Count(2)), keys(1, Overflow::Fail));
    bench.feed(1, "a", 1);
    assert_eq!(bench.try_feed(2, "b", 1, 0).unwrap_err().limit_reached(), Some((0, Limit::Keys)));
    bench.feed(3, "a", 1);
}

#[test]
fn a_full_count_window_slides_on_at_the_limit() {
    let mut bench = Bench::new(window(WindowPlan::Count(2)), at_most(2, Overflow::Fail));
    for time in 0..4 {
        bench.feed(time, "a", 1);
    }
    assert_eq!(bench.matches(), [[0, 1], [1, 2], [2, 3]]);
}

#[test]
fn windows_of_panes_drop_the_oldest_pane_with_all_its_events() {
    let mut bench = Bench::new(window(WindowPlan::Tumbling(100)), at_most(2, Overflow::DropOldest));
    bench.feed(1, "a", 1);
    bench.feed(2, "a", 1);
    bench.feed(3, "b", 1);
    bench.feed(4, "c", 1);
    assert_eq!(bench.engine.stats().dropped, 2);
    bench.engine.advance(100, &mut bench.found);
    assert_eq!(bench.matches(), [[2, 2], [3, 3]]);
    assert_eq!(bench.engine.next_timer(), None);
}

#[test]
fn distinct_values_count_against_the_limit() {
    let distinct = || Plan::Window {
        window: WindowPlan::Tumbling(100),
        aggregates: vec![AggregateFunction::CountDistinct],
    };
    let mut bench = Bench::new(distinct(), at_most(3, Overflow::DropNewest));
    for (time, input) in [(0, 1), (1, 2), (2, 1), (3, 3), (4, 2)] {
        bench.try_feed(time, "a", 1, input).unwrap();
    }
    assert_eq!((bench.engine.stats().window_events, bench.engine.stats().dropped), (3, 1));
    bench.engine.advance(100, &mut bench.found);
    let counted = Found::Window {
        start: 0,
        end: 100,
        count: 4,
        first: 0,
        last: 4,
        events: vec![],
        aggregates: vec![Scalar::Int(2)],
        approximate: vec![],
    };
    assert_eq!(bench.found[0].found, counted);
}

#[test]
fn a_row_that_a_window_fails_on_is_not_counted_as_dropped() {
    for shape in [WindowPlan::Count(5), WindowPlan::Tumbling(100), WindowPlan::Session(50)] {
        let aggregates = vec![AggregateFunction::CountDistinct];
        let plan = Plan::Window { window: shape, aggregates };
        for limits in
            [at_most(1, Overflow::Fail), Limits { state_bytes_per_rule: 0, ..keys(9, Overflow::Fail) }]
        {
            let mut bench = Bench::new(plan.clone(), limits);
            let refused = (1..4).filter(|time| bench.try_feed(*time, "a", 1, *time).is_err()).count() as u64;
            let stats = bench.engine.stats();
            assert!(refused >= 2, "{plan}: {refused}");
            assert_eq!((stats.dropped, stats.dropped_at), (0, None), "{plan}");
        }
    }
}

#[test]
fn the_queue_of_ages_does_not_grow_with_what_is_gone() {
    let mut bench = Bench::new(sequence(&[None, None], None), Limits::default());
    bench.feed(0, "still", 1);
    let mut most = 0;
    for time in 0..10_000 {
        bench.feed(time, "a", 1);
        bench.feed(time, "a", 2);
        most = most.max(bench.engine.stats().bytes);
    }
    assert!(most < 8_000, "{most} bytes for two partial matches");
}

/// A bench whose rule may hold so many bytes, and a way to feed it events that own some.
fn weighing(
    plan: Plan,
    bytes: usize,
    policy: Overflow,
) -> (Bench, impl FnMut(&mut Bench, u64, usize) -> Result<(), Error>) {
    let bench = Bench::new(plan, Limits { state_bytes_per_rule: bytes, policy, ..Limits::default() });
    let mut time = 0;
    let feed = move |bench: &mut Bench, steps: u64, weight: usize| {
        time += 1;
        bench.engine.advance(time, &mut bench.found);
        let (inputs, position) = ([Scalar::Int(1)], bench.fed);
        bench.fed += 1;
        let row = Row { time, steps, inputs: &inputs, event: &Weighing(position, weight), keep: None };
        bench.engine.process(0, &key("a"), row, &mut bench.found)
    };
    (bench, feed)
}

#[test]
fn what_events_own_is_bounded_by_the_same_policies() {
    const MB: usize = 1_000_000;
    for plan in [
        sequence(&[None, None], None),
        window(WindowPlan::Count(10)),
        window(WindowPlan::Sliding { size: 1_000, every: None }),
        window(WindowPlan::Tumbling(1)),
    ] {
        let kept = |policy| {
            let (mut bench, mut feed) = weighing(plan.clone(), 35 * MB / 10, policy);
            let results: Vec<_> = (0..5).map(|_| feed(&mut bench, 1, MB)).collect();
            let stats = bench.engine.stats();
            assert!(stats.bytes <= 35 * MB / 10, "{plan}: {stats:?}");
            (results.into_iter().filter(Result::is_err).count(), stats.dropped, stats.dropped_at)
        };
        // Tumbling windows of one instant are gone before the next event comes.
        if matches!(plan, Plan::Window { window: WindowPlan::Tumbling(_), .. }) {
            assert_eq!(kept(Overflow::DropOldest), (0, 0, None), "{plan}");
            continue;
        }
        let at = Some(Limit::StateBytes);
        assert_eq!(kept(Overflow::DropOldest), (0, 2, at), "{plan}");
        assert_eq!(kept(Overflow::DropNewest), (0, 2, at), "{plan}");
        assert_eq!(kept(Overflow::Fail).0, 2, "{plan}");
    }
}

#[test]
fn windows_give_back_what_their_events_and_texts_owned() {
    let text = |length: usize| Scalar::Text("x".repeat(length).into());
    for shape in [
        WindowPlan::Tumbling(100),
        WindowPlan::Sliding { size: 100, every: Some(20) },
        WindowPlan::Sliding { size: 100, every: None },
        WindowPlan::Session(50),
    ] {
        let aggregates = vec![AggregateFunction::CountDistinct, AggregateFunction::Max];
        let plan = Plan::Window { window: shape, aggregates };
        let mut bench = Bench::new(plan.clone(), Limits::default());
        for time in 0..20 {
            bench.engine.advance(time, &mut bench.found);
            let length = 1_000 * (1 + usize::try_from(time).unwrap() % 3);
            let inputs = [text(length), text(length)];
            let keep = (time % 2 == 0).then_some(500);
            let row = Row { time, steps: 1, inputs: &inputs, event: &Weighing(0, length), keep };
            bench.engine.process(0, &key("a"), row, &mut bench.found).unwrap();
        }
        let held = bench.engine.stats().bytes;
        assert!(held > 2 * 1_000 + 6_000, "{plan}: {held}");
        bench.engine.advance(1_000, &mut bench.found);
        assert_eq!(bench.engine.stats().bytes, 0, "{plan}");
    }
}

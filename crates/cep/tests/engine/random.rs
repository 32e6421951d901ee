//! Random rules over random streams with ties and several keys.

use olocus_cep::{AggregateFunction, Engine, Found, Limits, Overflow, Plan, Row, Scalar, WindowPlan};
use proptest::prelude::*;

use crate::harness::{Event, Findings, feed, key, run, sequence};
use crate::reference;

fn any_plan() -> impl Strategy<Value = Plan> {
    prop_oneof![any_sequence(), any_window()]
}

fn any_sequence() -> impl Strategy<Value = Plan> {
    let withins = prop::collection::vec(prop::option::of(1_i64..12), 1..=5);
    (withins, prop::option::of(1_i64..25)).prop_map(|(mut withins, within)| {
        withins
            .iter_mut()
            .for_each(|of_step| *of_step = of_step.map(|most| most.min(within.unwrap_or(most))));
        sequence(&withins, within)
    })
}

fn any_window() -> impl Strategy<Value = Plan> {
    let window = prop_oneof![
        (1_u32..5).prop_map(WindowPlan::Count),
        (1_i64..12).prop_map(WindowPlan::Tumbling),
        (1_i64..12, prop::option::of(1_i64..12))
            .prop_map(|(size, every)| WindowPlan::Sliding { size, every }),
        (10_i64..40, 1_i64..3).prop_map(|(size, every)| WindowPlan::Sliding { size, every: Some(every) }),
        (1_i64..8).prop_map(WindowPlan::Session),
    ];
    let function = prop_oneof![
        Just(AggregateFunction::Count),
        Just(AggregateFunction::CountDistinct),
        Just(AggregateFunction::Sum),
        Just(AggregateFunction::Avg),
        Just(AggregateFunction::Min),
        Just(AggregateFunction::Max),
        Just(AggregateFunction::StdDev),
        prop::sample::select(vec![0, 500_000_000, 950_000_000, 1_000_000_000])
            .prop_map(|billionths| AggregateFunction::Percentile { billionths }),
    ];
    (window, prop::collection::vec(function, 0..=2))
        .prop_map(|(window, aggregates)| Plan::Window { window, aggregates })
}

fn any_input() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        1 => Just(Scalar::Null),
        3 => (-3_i64..4).prop_map(Scalar::Int),
        2 => (-5_i32..6).prop_map(|value| Scalar::Float(f64::from(value) / 2.0)),
        1 => "[ab]{1,2}".prop_map(|value| Scalar::Text(value.into())),
    ]
}

/// Steps of time are mostly small or none, so that ties and exact boundaries abound.
fn any_events(rules: usize) -> impl Strategy<Value = Vec<Event>> {
    let step = prop_oneof![4 => 0_i64..3, 1 => 0_i64..15];
    let steps = prop::collection::vec(0_u64..32, rules);
    let event = (step, 0_usize..3, steps, any_input());
    (-30_i64..30, prop::collection::vec(event, 0..40)).prop_map(|(mut time, events)| {
        let spell = |(step, name, steps, input): (i64, usize, Vec<u64>, Scalar)| {
            time += step;
            Event { time, key: key(["a", "b", "c"][name]), steps, input }
        };
        events.into_iter().map(spell).collect()
    })
}

fn any_case() -> impl Strategy<Value = (Vec<Plan>, Vec<Event>)> {
    prop::collection::vec(any_plan(), 1..4).prop_flat_map(|plans| {
        let events = any_events(plans.len());
        (Just(plans), events)
    })
}

fn any_limits() -> impl Strategy<Value = Limits> {
    let policy = prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest)];
    (0_usize..6, 0_usize..6, 0_usize..4, policy).prop_map(|(partial_matches, window_events, keys, policy)| {
        Limits {
            partial_matches_per_rule: partial_matches,
            window_events_per_rule: window_events,
            keys_per_rule: keys,
            state_bytes_per_rule: usize::MAX,
            policy,
        }
    })
}

/// Feeds the events with extra watermarks in between: before event `i`, as many as `extra[i]` says.
fn run_with_watermarks(plans: Vec<Plan>, limits: Limits, events: &[Event], extra: &[u8]) -> (Findings, u64) {
    let mut engine = Engine::new(plans, limits);
    let mut out = Vec::new();
    let mut reached = -100;
    for (position, event) in events.iter().enumerate() {
        let calls = i64::from(extra.get(position).copied().unwrap_or(0));
        for call in 1..=calls {
            engine.advance(reached + (event.time - reached) * call / calls, &mut out);
        }
        feed(&mut engine, position, event, &mut out);
        reached = event.time;
    }
    engine.advance(i64::MAX, &mut out);
    (out, engine.stats().dropped)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn findings_are_those_of_the_reference((plans, events) in any_case()) {
        let expected = reference::findings(&plans, &events);
        prop_assert_eq!(run(plans, &events), expected);
    }

    #[test]
    fn more_watermarks_change_nothing(
        (plans, events) in any_case(),
        limits in any_limits(),
        state_bytes_per_rule in prop_oneof![Just(usize::MAX), 0_usize..4_000],
        extra in prop::collection::vec(0_u8..5, 40),
    ) {
        let limits = Limits { state_bytes_per_rule, ..limits };
        let plain = run_with_watermarks(plans.clone(), limits, &events, &[]);
        let more = run_with_watermarks(plans, limits, &events, &extra);
        prop_assert_eq!(more, plain);
    }

    #[test]
    fn limits_hold_at_every_moment((plans, events) in any_case(), limits in any_limits()) {
        let mut engine = Engine::new(plans.clone(), limits);
        let mut out = Vec::new();
        for (position, event) in events.iter().enumerate() {
            feed(&mut engine, position, event, &mut out);
            for rule in 0..plans.len() {
                let stats = engine.rule_stats(rule).unwrap();
                prop_assert!(stats.partial_matches <= limits.partial_matches_per_rule);
                prop_assert!(stats.window_events <= limits.window_events_per_rule);
                prop_assert!(stats.keys <= limits.keys_per_rule);
                prop_assert!(stats.keys <= stats.partial_matches + stats.window_events);
            }
        }
    }

    #[test]
    fn windows_stay_within_their_bytes(
        plans in prop::collection::vec(any_window(), 1..3),
        events in any_events(2),
        state_bytes_per_rule in 0_usize..6_000,
        policy in prop_oneof![Just(Overflow::DropOldest), Just(Overflow::DropNewest)],
    ) {
        let rules = plans.len();
        let mut engine = Engine::new(plans, Limits { state_bytes_per_rule, policy, ..Limits::default() });
        let mut out = Vec::new();
        for (position, event) in events.iter().enumerate() {
            let event = Event { steps: event.steps[..rules].to_vec(), ..event.clone() };
            feed(&mut engine, position, &event, &mut out);
            for rule in 0..rules {
                let stats = engine.rule_stats(rule).unwrap();
                prop_assert!(stats.bytes <= state_bytes_per_rule, "{} bytes", stats.bytes);
            }
        }
        engine.advance(i64::MAX, &mut out);
        let stats = engine.stats();
        prop_assert_eq!(stats.bytes == 0, stats.window_events == 0);
    }

    #[test]
    fn limits_that_are_not_reached_change_nothing((plans, events) in any_case()) {
        // Of each event: an entry, two remembered values, and the event itself where windows hand it on.
        let most = events.len() * 4;
        let limits = Limits {
            partial_matches_per_rule: most,
            window_events_per_rule: most,
            keys_per_rule: 3,
            state_bytes_per_rule: usize::MAX,
            policy: Overflow::Fail,
        };
        let (found, dropped) = run_with_watermarks(plans.clone(), limits, &events, &[]);
        prop_assert_eq!((found, dropped), (run(plans, &events), 0));
    }

    #[test]
    fn under_limits_sequences_drop_as_the_reference_does(
        plan in any_sequence(),
        events in any_events(1),
        limits in any_limits(),
    ) {
        let Plan::Pattern(of) = &plan else { unreachable!() };
        prop_assume!(of.pattern.stages.len() > 1);
        let expected = reference::limited(&of.pattern, limits, &events);
        let (found, dropped) = run_with_watermarks(vec![plan], limits, &events, &[]);
        let found = found.into_iter().map(|finding| match finding.found {
            Found::Match { events } => events.iter().map(|taken| taken.event).collect(),
            _ => unreachable!(),
        });
        prop_assert_eq!((found.collect::<Vec<_>>(), dropped), expected);
    }

    #[test]
    fn the_number_of_partial_matches_and_window_events_is_exact(events in any_events(2), within in 1_i64..12) {
        let plans = vec![
            sequence(&[None, Some(within)], None),
            Plan::Window { window: WindowPlan::Sliding { size: within, every: None }, aggregates: vec![] },
        ];
        let mut engine = Engine::new(plans, Limits::default());
        let mut out = Vec::new();
        for (position, event) in events.iter().enumerate() {
            feed(&mut engine, position, event, &mut out);
            let fed = &events[..=position];
            let recent = |start: usize| event.time - fed[start].time < within;
            let open = (0..fed.len()).filter(|start| {
                fed[*start].steps[0] & 1 == 1
                    && recent(*start)
                    && !fed[start + 1..].iter().any(|later| later.key == fed[*start].key && later.steps[0] & 2 == 2)
            });
            prop_assert_eq!(engine.rule_stats(0).unwrap().partial_matches, open.count());
            let held = (0..fed.len()).filter(|start| fed[*start].steps[1] & 1 == 1 && recent(*start));
            prop_assert_eq!(engine.rule_stats(1).unwrap().window_events, held.count());
        }
        engine.advance(i64::MAX, &mut out);
        prop_assert_eq!(engine.stats().keys, 0);
    }
}

#[test]
fn a_timer_is_announced_whenever_a_finding_is_to_come() {
    let plans = vec![
        Plan::Window { window: WindowPlan::Sliding { size: 25, every: Some(10) }, aggregates: vec![] },
        Plan::Window { window: WindowPlan::Session(7), aggregates: vec![] },
    ];
    let mut engine = Engine::new(plans, Limits::default());
    let mut out = Vec::new();
    for rule in 0..2 {
        let row = Row { time: 3, steps: 1, inputs: &[], event: &0, keep: None };
        engine.process(rule, &key("a"), row, &mut out).unwrap();
    }
    let mut announced = Vec::new();
    while let Some(timer) = engine.next_timer() {
        engine.advance(timer - 1, &mut out);
        assert_eq!(out.len(), announced.len());
        engine.advance(timer, &mut out);
        announced.push(timer);
        assert_eq!(out.len(), announced.len());
    }
    assert_eq!(announced, [5, 10, 15, 25]);
}

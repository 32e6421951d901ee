//! Windows with more values than are told apart, against all their values.

use std::collections::BTreeSet;

use olocus_cep::{AggregateFunction, Engine, Found, Limits, Plan, Row, Scalar, WindowPlan};

use crate::harness::{Findings, key};

const EVENTS: i64 = 12_000;

/// The least and the greatest fraction are exact always.
const FRACTIONS: [u32; 5] = [0, 100_000_000, 500_000_000, 990_000_000, 1_000_000_000];

const WINDOWS: [WindowPlan; 7] = [
    WindowPlan::Count(3_000),
    WindowPlan::Tumbling(1_500),
    WindowPlan::Tumbling(5_000),
    WindowPlan::Sliding { size: 3_000, every: Some(1_000) },
    WindowPlan::Sliding { size: 6_000, every: Some(250) },
    WindowPlan::Sliding { size: 2_500, every: None },
    WindowPlan::Session(3),
];

fn plan(window: WindowPlan) -> Plan {
    let percentiles = FRACTIONS.map(|billionths| AggregateFunction::Percentile { billionths });
    let others = [AggregateFunction::CountDistinct, AggregateFunction::Sum, AggregateFunction::Min];
    Plan::Window { window, aggregates: percentiles.into_iter().chain(others).collect() }
}

/// Values over four decades, some of them more than once; every 5,000 events there is a pause.
fn events() -> Vec<(i64, f64)> {
    let mut state = 7_u64;
    let event = |index: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let unit = (state >> 40) as f64 / (1_u64 << 24) as f64;
        (index + index / 5_000 * 10, (10_f64.powf(4.0 * unit) * 4.0).round() / 4.0)
    };
    (0..EVENTS).map(event).collect()
}

fn run(window: WindowPlan, events: &[(i64, f64)], watermark_every: usize) -> Findings {
    let mut engine = Engine::new(vec![plan(window)], Limits::default());
    let mut out = Vec::new();
    for (position, (time, value)) in events.iter().enumerate() {
        engine.advance(*time, &mut out);
        let inputs = vec![Scalar::Float(*value); FRACTIONS.len() + 3];
        let row = Row { time: *time, steps: 1, inputs: &inputs, event: &position, keep: None };
        engine.process(0, &key("a"), row, &mut out).unwrap();
        if position % watermark_every == 0 {
            engine.advance(*time, &mut out);
        }
    }
    engine.advance(i64::MAX, &mut out);
    let is_empty = engine.stats().bytes == 0;
    assert_eq!(is_empty, !matches!(window, WindowPlan::Count(_)), "{window:?}");
    out
}

fn holds_events(window: WindowPlan) -> bool {
    matches!(window, WindowPlan::Count(_) | WindowPlan::Sliding { every: None, .. })
}

/// Checks what a window came to by all its values; returns how many of its aggregates are estimates.
fn check(window: WindowPlan, found: &Found<usize>, events: &[(i64, f64)]) -> usize {
    let Found::Window { first, last, count, aggregates, approximate, .. } = found else { unreachable!() };
    let mut values: Vec<f64> = events[*first..=*last].iter().map(|(_, value)| *value).collect();
    assert_eq!(*count, values.len() as u64, "{window:?}");
    let number = |position: usize| match &aggregates[position] {
        Scalar::Float(value) => *value,
        Scalar::Int(value) => *value as f64,
        other => panic!("{other:?}"),
    };
    // The values are quarters, so their sum is exact.
    assert_eq!(number(FRACTIONS.len() + 1), values.iter().sum::<f64>(), "{window:?}");
    values.sort_by(f64::total_cmp);
    assert_eq!(number(FRACTIONS.len() + 2), values[0], "{window:?}");
    let distinct = values.iter().map(|value| (value * 4.0) as i64).collect::<BTreeSet<_>>().len();
    let holds_events = holds_events(window);
    for (position, billionths) in FRACTIONS.iter().enumerate() {
        let steps = (values.len() - 1) * *billionths as usize;
        let (rank, way) = (steps / 1_000_000_000, (steps % 1_000_000_000) as f64 / 1e9);
        let (lower, upper) = (values[rank], values[(rank + 1).min(values.len() - 1)]);
        let exact = lower + (upper - lower) * way;
        let told = number(position);
        assert_eq!(approximate.contains(&position), !holds_events && distinct > 2_048, "{window:?}");
        if approximate.contains(&position) && ![0, 1_000_000_000].contains(billionths) {
            assert!((told - exact).abs() <= upper / 128.0, "{window:?}: {told} for {exact}");
        } else {
            assert_eq!(told, exact, "{window:?}");
        }
    }
    let of_distinct = FRACTIONS.len();
    assert_eq!(approximate.contains(&of_distinct), !holds_events && distinct > 1_000, "{window:?}");
    if approximate.contains(&of_distinct) {
        let error = (number(of_distinct) - distinct as f64).abs() / distinct as f64;
        assert!(error <= 0.03, "{window:?}: {} for {distinct}", number(of_distinct));
    } else {
        assert_eq!(number(of_distinct), distinct as f64, "{window:?}");
    }
    approximate.len()
}

#[test]
fn estimates_are_told_as_such_and_lie_within_their_bounds() {
    let events = events();
    for window in WINDOWS {
        let found = run(window, &events, 7);
        // Windows that are judged at each event are too many to look at all of them.
        let some = found.iter().step_by(if holds_events(window) { 97 } else { 1 });
        let estimates: usize = some.map(|finding| check(window, &finding.found, &events)).sum();
        assert!(!found.is_empty() && (estimates == 0) == holds_events(window), "{window:?}: {estimates}");
    }
}

#[test]
fn estimates_do_not_depend_on_watermarks() {
    let events = events();
    for window in WINDOWS {
        assert_eq!(run(window, &events, 1_000), run(window, &events, 1), "{window:?}");
    }
}

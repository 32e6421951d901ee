//! Windows with more values than are told apart go on from a snapshot as if nothing had happened.

use olocus_cep::{AggregateFunction, Engine, Limits, Overflow, Plan, Row, Scalar, WindowPlan};

use crate::harness::{Findings, key};
use crate::snapshots::Numbers;

const EVENTS: i64 = 9_000;

const AGGREGATES: [AggregateFunction; 3] = [
    AggregateFunction::CountDistinct,
    AggregateFunction::Percentile { billionths: 500_000_000 },
    AggregateFunction::StdDev,
];

const WINDOWS: [WindowPlan; 6] = [
    WindowPlan::Count(2_500),
    WindowPlan::Tumbling(4_000),
    WindowPlan::Sliding { size: 3_000, every: Some(1_500) },
    WindowPlan::Sliding { size: 6_000, every: Some(300) },
    WindowPlan::Sliding { size: 2_500, every: None },
    WindowPlan::Session(3),
];

/// Two keys; every 4,500 events there is a pause. Few values come again.
fn show(engine: &mut Engine<usize>, index: i64, out: &mut Findings) {
    let time = index + index / 4_500 * 10;
    engine.advance(time, out);
    let value = Scalar::Float((index * 7_919 % 20_011) as f64 / 4.0);
    let inputs = [
        if index % 3 == 0 { Scalar::Text(format!("{value:?}").into()) } else { value.clone() },
        value.clone(),
        value,
    ];
    let row = Row { time, steps: 1, inputs: &inputs, event: &(index as usize), keep: None };
    engine.process(0, &key(if index % 10 == 0 { "b" } else { "a" }), row, out).unwrap();
}

/// What an engine finds that is put aside after these events, each time for one that is restored.
fn run(window: WindowPlan, limits: Limits, cuts: &[i64]) -> Findings {
    let new = || Engine::new(vec![Plan::Window { window, aggregates: AGGREGATES.to_vec() }], limits);
    let (mut engine, mut out) = (new(), Vec::new());
    for index in 0..EVENTS {
        show(&mut engine, index, &mut out);
        if cuts.contains(&index) {
            let part = engine.snapshot(&Numbers);
            let mut restored = new().restore(&[&part], &Numbers).unwrap();
            assert_eq!(restored.stats(), engine.stats(), "{window:?} after {index}");
            assert!(restored.snapshot(&Numbers) == part, "{window:?} after {index}");
            engine = restored;
        }
    }
    engine.advance(i64::MAX, &mut out);
    out
}

#[test]
fn estimates_go_on_from_any_event() {
    let most = Limits::default();
    // Some of the nodes over panes are freed again, and what is oldest is dropped.
    let tight = Limits { state_bytes_per_rule: 300_000, policy: Overflow::DropOldest, ..most };
    for window in WINDOWS {
        for limits in [most, tight] {
            let found = run(window, limits, &[]);
            assert!(found == run(window, limits, &[700, 1_300, 1_600, 3_700, 7_000]), "{window:?}");
        }
    }
}

#[test]
fn the_same_rows_give_the_same_bytes_of_estimates() {
    for window in WINDOWS {
        let bytes = || {
            let plan = Plan::Window { window, aggregates: AGGREGATES.to_vec() };
            let (mut engine, mut out) = (Engine::new(vec![plan], Limits::default()), Vec::new());
            (0..4_400).for_each(|index| show(&mut engine, index, &mut out));
            engine.snapshot(&Numbers)
        };
        assert!(bytes() == bytes(), "{window:?}");
    }
}

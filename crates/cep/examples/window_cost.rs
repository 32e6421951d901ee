//! What windows cost per event: `cargo run --release -p olocus-cep --example window_cost [-- EVENTS]`.
//!
//! Events of one key come a millisecond apart. For every window and aggregate it tells nanoseconds per event, and the most
//! memory that the rule held.

#![allow(clippy::print_stdout)]

use std::time::Instant;

use olocus_cep::{AggregateFunction, Engine, Key, Limits, Plan, Row, Scalar, WindowPlan};

const MILLISECOND: i64 = 1_000_000;

fn main() {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(300_000);
    let sliding = |events: i64, every: Option<i64>| WindowPlan::Sliding {
        size: events * MILLISECOND,
        every: every.map(|events| events * MILLISECOND),
    };
    let windows = [
        ("each event over 100", sliding(100, None)),
        ("each event over 10,000", sliding(10_000, None)),
        ("last 10,000", WindowPlan::Count(10_000)),
        ("10,000 every 1,000", sliding(10_000, Some(1_000))),
        ("10,000 every 100", sliding(10_000, Some(100))),
        ("10,000 every 10", sliding(10_000, Some(10))),
        ("10,000 every 1", sliding(10_000, Some(1))),
        ("tumbling 10,000", WindowPlan::Tumbling(10_000 * MILLISECOND)),
    ];
    let aggregates = [
        ("sum", AggregateFunction::Sum),
        ("max", AggregateFunction::Max),
        ("distinct", AggregateFunction::CountDistinct),
        ("p95", AggregateFunction::Percentile { billionths: 950_000_000 }),
    ];
    for (of_aggregate, function) in aggregates {
        for (of_window, window) in windows {
            let plan = Plan::Window { window, aggregates: vec![function] };
            let (nanoseconds, bytes) = run(plan, count);
            println!("{of_aggregate:>9} {of_window:>24}: {nanoseconds:>9} ns/event, {} kB", bytes / 1_000);
        }
    }
}

fn run(plan: Plan, count: i64) -> (u128, usize) {
    let mut engine = Engine::new(vec![plan], Limits::default());
    let key = Key::none();
    let mut state = 42_u64;
    let (mut out, mut found, mut bytes) = (Vec::new(), 0, 0);
    let started = Instant::now();
    for index in 0..count {
        let time = index * MILLISECOND;
        engine.advance(time, &mut out);
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let inputs = [Scalar::Int((state >> 33) as i64 % 100_000)];
        let row = Row { time, steps: 1, inputs: &inputs, event: &index, keep: None };
        engine.process(0, &key, row, &mut out).expect("the limits are not reached");
        found += out.len();
        out.clear();
        if index % 1_000 == 0 {
            bytes = bytes.max(engine.stats().bytes);
        }
    }
    let elapsed = started.elapsed();
    assert!(found > 0, "no window was judged");
    (elapsed.as_nanos() / count.max(1) as u128, bytes)
}

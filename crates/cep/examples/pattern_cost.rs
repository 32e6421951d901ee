//! What patterns cost per event: `cargo run --release -p olocus-cep --example pattern_cost [-- WORKLOAD [EVENTS]]`.
//!
//! Every workload is a stream of events a millisecond apart, of which each is of type A, B or C with one in ten, as rows
//! that are made beforehand. Rows that satisfy no step are not shown, as in the runtime.
//!
//! * `seq3`: A, then B, then C of one of 10,000 users within 15 minutes; one event in 10,000 completes a match.
//! * `oneN`: the same for one user, with so many partial matches open, which no event concerns.
//! * `oneNgt`: A, then C with a larger value, with so many open; now and then a C is larger than some.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::Instant;

use olocus_cep::pattern::{
    AfterMatch, Body, Comparison, Condition, ConditionId, Contiguity, Cross, EvaluatorKind, Pattern,
    PatternOutputs, PatternPlan, Register, RegisterFunction, RegisterId, Repeat, Stage, Step, StepId,
};
use olocus_cep::{Engine, Key, Limits, Plan, Row, Scalar};

const MILLISECOND: i64 = 1_000_000;

struct Workload {
    pattern: Pattern,
    users: usize,
    event: fn(&mut Random, i64) -> (u64, i64),
}

struct Event {
    time: i64,
    user: u32,
    bits: u64,
    value: [Scalar; 1],
}

/// A linear congruential generator, so that runs can be compared.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next();
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(2_000_000);
    for name in ["seq3", "one10", "one100", "one1000", "one10000", "one1000gt", "one10000gt"] {
        if wanted.as_ref().is_none_or(|wanted| wanted == name) {
            run(name, &workload(name), count);
        }
    }
}

fn run(name: &str, workload: &Workload, count: usize) {
    let mut random = Random(42);
    let keys: Vec<Key> = (0..workload.users).map(|user| Key::single(&format!("\"user{user}\""))).collect();
    let events: Vec<Event> = (0..count as i64)
        .map(|index| {
            let user = random.below(workload.users as u64) as u32;
            let (bits, value) = (workload.event)(&mut random, index);
            Event { time: index * MILLISECOND, user, bits, value: [Scalar::Int(value)] }
        })
        .filter(|event| event.bits != 0)
        .collect();
    let evaluator = Some(EvaluatorKind::Runs);
    let plan = PatternPlan {
        pattern: Arc::new(workload.pattern.clone()),
        conditions: None,
        outputs: PatternOutputs::default(),
        evaluator,
    };
    let mut engine: Engine<u64> = Engine::new(vec![Plan::Pattern(plan)], Limits::default());
    let mut found = Vec::new();
    let mut matches = 0;
    let (warm, measured) = events.split_at(events.len() / 4);
    let mut feed = |events: &[Event], engine: &mut Engine<u64>| {
        for event in events {
            engine.advance(event.time, &mut found);
            let id = event.time as u64;
            let row =
                Row { time: event.time, steps: event.bits, inputs: &event.value, event: &id, keep: None };
            engine.process(0, &keys[event.user as usize], row, &mut found).expect("limits are not reached");
            matches += found.len();
            found.clear();
        }
    };
    feed(warm, &mut engine);
    let begin = Instant::now();
    feed(measured, &mut engine);
    let elapsed = begin.elapsed();
    let stats = engine.stats();
    let all = count as f64 * 0.75;
    println!(
        "{name:<11} {:>7.1} ns/row {:>7.2} M events/s, {matches} matches, {} partial matches of {} bytes",
        elapsed.as_nanos() as f64 / measured.len() as f64,
        all / elapsed.as_secs_f64() / 1e6,
        stats.partial_matches,
        stats.bytes / stats.partial_matches.max(1),
    );
}

fn workload(name: &str) -> Workload {
    let step = |index| Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(index)),
        repeat: Repeat::ONCE,
        within: None,
    };
    let names = ["a", "b", "c"];
    let mut pattern = Pattern {
        steps: names
            .iter()
            .zip(0..)
            .map(|(name, index)| Step { name: (*name).to_owned(), condition: ConditionId(index) })
            .collect(),
        conditions: (0..3).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages: vec![step(0), step(1), step(2)],
        within: Some(15 * 60_000 * MILLISECOND),
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    if name == "seq3" {
        // One A in 50 is of the wanted role, and one C in 20 large enough.
        let event = |random: &mut Random, _: i64| match random.below(10) {
            0 => (u64::from(random.below(50) == 0), 0),
            1 => (2, 0),
            2 => (4 * u64::from(random.below(20) == 0), 0),
            _ => (0, 0),
        };
        return Workload { pattern, users: 10_000, event };
    }
    let is_greater = name.ends_with("gt");
    let open: i64 = name.trim_start_matches("one").trim_end_matches("gt").parse().expect("one of the names");
    pattern.within = Some(open * 10 * MILLISECOND);
    if !is_greater {
        // What is of type B or C is never what is wanted, but its row is shown as it satisfies another rule's step.
        let event = |random: &mut Random, _: i64| match random.below(10) {
            0 => (1, 0),
            1 => (4, 0),
            2 => (8, 0),
            _ => (0, 0),
        };
        return Workload { pattern, users: 1, event };
    }
    pattern.stages.remove(1);
    pattern.registers = vec![Register { step: StepId(0), function: RegisterFunction::Last, input: Some(0) }];
    pattern.conditions[2].cross =
        vec![Cross::Compare { input: 0, operator: Comparison::Greater, register: RegisterId(0) }];
    let event = |random: &mut Random, index: i64| match random.below(10) {
        0 => (1, 1000 + random.below(1_000_000) as i64),
        1 => (4, if index % 500 == 0 { 3000 } else { random.below(1000) as i64 }),
        2 => (8, 0),
        _ => (0, 0),
    };
    Workload { pattern, users: 1, event }
}

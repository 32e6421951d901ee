//! What evaluation with sets costs: `cargo run --release -p olocus-cep --example sets -- WORKLOAD [EVENTS] [runs]`.
//!
//! Workloads: `kleene` (one or more A, then B, within a minute), `seq3any` (A, then any B, then any C, within 15 minutes),
//! both over 10,000 keys; `one` (as `seq3any`, 10,000 partial matches live on one key, hardly any completed) and `busy` (one
//! key, any choice of A and then any B within 2 seconds: far more partial matches than events).
//!
//! Every event has its own millisecond. One in ten is an A, one a B and one a C; others are not shown to the rule, as no
//! rule asks for them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "that is what it is for")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, EvaluatorKind, Pattern, PatternOutputs,
    PatternPlan, Repeat, Stage, Step, StepId,
};
use olocus_cep::{Engine, Finding, Key, Limits, Plan, Row};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MILLISECOND;

struct Workload {
    stages: Vec<Stage>,
    within: i64,
    keys: u64,
    /// Of so many events one is such that A, B or C of the pattern.
    rarity: [u64; 3],
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(workload) = arguments.next().as_deref().and_then(workload) else {
        eprintln!("kleene, seq3any, one or busy?");
        return ExitCode::FAILURE;
    };
    let count = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(1_000_000);
    let evaluator = if arguments.next().is_some() { EvaluatorKind::Runs } else { EvaluatorKind::Sets };
    run(&workload, count, evaluator);
    ExitCode::SUCCESS
}

fn workload(name: &str) -> Option<Workload> {
    let stage =
        |step, follows| Stage { follows, body: Body::Step(StepId(step)), repeat: Repeat::ONCE, within: None };
    let next = |step| stage(step, Contiguity::SkipTillNext);
    let any = |step| stage(step, Contiguity::SkipTillAny);
    let more = |of: Stage, inner| Stage { repeat: Repeat { max: None, inner, ..Repeat::ONCE }, ..of };
    Some(match name {
        "kleene" => Workload {
            stages: vec![more(next(0), Contiguity::SkipTillNext), next(1)],
            within: 60 * SECOND,
            keys: 10_000,
            rarity: [10, 10, 10],
        },
        "seq3any" => Workload {
            stages: vec![next(0), any(1), any(2)],
            within: 900 * SECOND,
            keys: 10_000,
            rarity: [100, 10, 3_000],
        },
        "one" => Workload {
            stages: vec![next(0), any(1), any(2)],
            within: 100 * SECOND,
            keys: 1,
            rarity: [10, 1_000, 1_000_000],
        },
        "busy" => Workload {
            stages: vec![more(next(0), Contiguity::SkipTillAny), any(1)],
            within: 2 * SECOND,
            keys: 1,
            rarity: [10, 10_000, 10],
        },
        _ => return None,
    })
}

fn run(workload: &Workload, count: u64, evaluator: EvaluatorKind) {
    let condition = |bit| Condition { bit: Some(bit), cross: Vec::new() };
    let pattern = Pattern {
        steps: (0..3).map(|step| Step { name: format!("s{step}"), condition: ConditionId(step) }).collect(),
        conditions: (0..3).map(condition).collect(),
        registers: Vec::new(),
        stages: workload.stages.clone(),
        within: Some(workload.within),
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    let plan = PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs::default(),
        evaluator: Some(evaluator),
    };
    let mut engine: Engine<u64> = Engine::new(vec![Plan::Pattern(plan)], Limits::default());
    let keys: Vec<Key> = (0..workload.keys).map(|key| Key::single(&key.to_string())).collect();
    let events = events(workload, count);
    let mut out: Vec<Finding<u64>> = Vec::new();
    let (mut matches, mut worst) = (0, 0);
    let started = Instant::now();
    for (index, (bits, key)) in (0..).zip(&events) {
        if *bits == 0 {
            continue;
        }
        let before = Instant::now();
        let time = index as i64 * MILLISECOND;
        engine.advance(time, &mut out);
        let row = Row { time, steps: *bits, inputs: &[], event: &index, keep: None };
        engine.process(0, &keys[*key], row, &mut out).expect("events come in order");
        matches += out.len();
        out.clear();
        worst = worst.max(before.elapsed().as_nanos());
    }
    let seconds = started.elapsed().as_secs_f64();
    let stats = engine.stats();
    println!(
        "{count} events in {seconds:.3} s: {:.2} M/s; {matches} matches, {} untold; at the end {} nodes or runs, {} keys, \
         {} bytes; worst event {} us",
        count as f64 / seconds / 1e6,
        stats.untold,
        stats.partial_matches,
        stats.keys,
        stats.bytes,
        worst / 1_000,
    );
}

/// Bits and key of each event.
fn events(workload: &Workload, count: u64) -> Vec<(u64, usize)> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    let event = |_| {
        let kind = random(10);
        let often = workload.rarity.get(kind as usize).map(|rarity| random((rarity / 10).max(1)) == 0);
        let bits = if often == Some(true) { 1 << kind } else { 0 };
        (bits, random(workload.keys) as usize)
    };
    (0..count).map(event).collect()
}

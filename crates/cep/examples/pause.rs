//! The longest that a single event takes when very much is over at once:
//! `cargo run --release -p olocus-cep --example pause`.
//!
//! A million events begin partial matches of A, then B, then C, of one key or of 100,000, all of which are over at the same
//! moment; after it events go on to come that concern none of them. Both evaluators are measured, with the time that each
//! row takes together with the wake-ups before it. Of three runs that with the shortest such time is told, as others may have
//! lost the processor meanwhile.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, EvaluatorKind, Pattern, PatternOutputs,
    PatternPlan, Repeat, Stage, Step, StepId,
};
use olocus_cep::{Engine, Key, Limits, Plan, Row};

const BEGUN: i64 = 1_000_000;
const WITHIN: i64 = 10 * BEGUN;

fn main() {
    for evaluator in [EvaluatorKind::Runs, EvaluatorKind::Sets] {
        for keys in [1, 100_000] {
            let runs: Vec<Worst> = (0..3).map(|_| run(evaluator, keys)).collect();
            let least = |of: fn(&Worst) -> Duration| runs.iter().map(of).min().unwrap_or_default();
            println!(
                "{evaluator:?}, {keys} keys: {} bytes for each partial match; worst row {:.0?} as they begin, {:.0?} in the {} \
                 rows in which all end",
                runs[0].bytes / BEGUN as usize,
                least(|run| run.beginning),
                least(|run| run.ending),
                runs[0].rows,
            );
        }
    }
}

/// The longest times that a row took.
struct Worst {
    beginning: Duration,
    ending: Duration,
    /// How many rows it took until nothing was held.
    rows: usize,
    /// What was held at most.
    bytes: usize,
}

fn run(evaluator: EvaluatorKind, keys: usize) -> Worst {
    let stage = |step| Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(step)),
        repeat: Repeat::ONCE,
        within: None,
    };
    let step = |at: u16| Step { name: format!("s{at}"), condition: ConditionId(at) };
    let pattern = Pattern {
        steps: (0..3).map(step).collect(),
        conditions: (0..3).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages: (0..3).map(stage).collect(),
        within: Some(WITHIN),
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    let plan = PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs::default(),
        evaluator: Some(evaluator),
    };
    let limits = Limits { partial_matches_per_rule: usize::MAX, ..Limits::default() };
    let mut engine: Engine<Arc<i64>> = Engine::new(vec![Plan::Pattern(plan)], limits);
    let names: Vec<Key> = (0..keys).map(|key| Key::single(&format!("\"key {key}\""))).collect();
    let mut feed = |time: i64, steps| {
        let row = Row { time, steps, inputs: &[], event: &Arc::new(time), keep: None };
        let begin = Instant::now();
        let mut found = Vec::new();
        engine.advance(time, &mut found);
        engine.process(0, &names[time as usize % keys], row, &mut found).expect("limits are not reached");
        (begin.elapsed(), engine.stats())
    };
    let mut worst = Worst { beginning: Duration::ZERO, ending: Duration::ZERO, rows: 0, bytes: 0 };
    for time in 0..BEGUN {
        let (took, stats) = feed(time, 1);
        worst.beginning = worst.beginning.max(took);
        worst.bytes = stats.bytes;
    }
    for time in BEGUN + WITHIN.. {
        // What no step asks for.
        let (took, stats) = feed(time, 8);
        worst.ending = worst.ending.max(took);
        worst.rows += 1;
        if stats.bytes == 0 {
            break;
        }
    }
    worst
}

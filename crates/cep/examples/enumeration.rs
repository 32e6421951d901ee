//! How quickly matches are put together: `cargo run --release -p olocus-cep --example enumeration`.
//!
//! One key has so many A's that one B completes thousands of matches, each with all its events: of some A's one after the
//! other (`kleene`), or of any choice of them (`any`), and one of two that follow each other (`pairs`), which is what
//! single partial matches are evaluated for. Events are counted references, as in the runtime.

#![allow(clippy::print_stdout)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Pattern, PatternOutputs, PatternPlan, Repeat,
    Stage, Step, StepId,
};
use olocus_cep::{Engine, Found, Key, Limits, Plan, Row};

fn main() {
    let more = |inner| Repeat { max: None, inner, ..Repeat::ONCE };
    run("kleene", more(Contiguity::SkipTillNext), 200, 20);
    run("any", more(Contiguity::SkipTillAny), 14, 50);
    run("pairs", Repeat::ONCE, 20_000, 20);
}

fn run(name: &str, repeat: Repeat, many: i64, rounds: i64) {
    let stage = |step, repeat| Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(step)),
        repeat,
        within: None,
    };
    let step = |(at, name): (u16, &str)| Step { name: name.to_owned(), condition: ConditionId(at) };
    let pattern = Pattern {
        steps: (0..).zip(["a", "b"]).map(step).collect(),
        conditions: (0..2).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages: vec![stage(0, repeat), stage(1, Repeat::ONCE)],
        within: Some(many + 1),
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    let plan = PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs { matches_per_event: usize::MAX, ..PatternOutputs::default() },
        evaluator: None,
    };
    let mut engine: Engine<Arc<i64>> = Engine::new(vec![Plan::Pattern(plan)], Limits::default());
    let key = Key::none();
    let (mut found, mut matches, mut references, mut took) = (Vec::new(), 0, 0, Duration::ZERO);
    for round in 0..rounds {
        for index in 0..=many {
            // What is left of a round is over before the next.
            let time = 2 * round * (many + 1) + index;
            let (event, steps) = (Arc::new(time), if index == many { 2 } else { 1 });
            let row = Row { time, steps, inputs: &[], event: &event, keep: None };
            engine.advance(time, &mut found);
            let begin = Instant::now();
            engine.process(0, &key, row, &mut found).expect("limits are not reached");
            took += if index == many { begin.elapsed() } else { Duration::ZERO };
        }
        matches += found.len();
        references += found.iter().map(|finding| events_of(&finding.found)).sum::<usize>();
        found.clear();
    }
    println!(
        "{name:<7} {matches} matches of {references} events in {took:.1?}: {:.1} M events a second",
        references as f64 / took.as_secs_f64() / 1e6
    );
}

fn events_of(found: &Found<Arc<i64>>) -> usize {
    match found {
        Found::Match { events } => events.len(),
        _ => 0,
    }
}

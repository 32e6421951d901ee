//! What is allocated: nothing for a row, once an engine has had about as much to hold as it will; and what is counted for
//! what is held.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, EvaluatorKind, Pattern, PatternOutputs,
    PatternPlan, Repeat, Stage, Step, StepId,
};
use olocus_cep::{Engine, KeyGroup, Limits, Plan, Row};

const USERS: u64 = 500;

/// `a`, then `b`, then `c`.
fn plan(follows: Contiguity, repeat: Repeat, evaluator: EvaluatorKind) -> Plan {
    let stage = |step, repeat| Stage { follows, body: Body::Step(StepId(step)), repeat, within: None };
    let step = |(name, at): (&str, u16)| Step { name: name.to_owned(), condition: ConditionId(at) };
    let pattern = Pattern {
        steps: ["a", "b", "c"].into_iter().zip(0..).map(step).collect(),
        conditions: (0..3).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages: vec![stage(0, repeat), stage(1, Repeat::ONCE), stage(2, Repeat::ONCE)],
        within: Some(2_000),
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    Plan::Pattern(PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs::default(),
        evaluator: Some(evaluator),
    })
}

/// Events a moment apart: of the users in turn, but for some irregularity; of ten one is an `a` and two are a `b`, and no
/// `c` comes, so that keys come and go and nothing is found.
fn feed(engine: &mut Engine<u64>, keys: &[String], times: std::ops::Range<u64>) {
    let mut out = Vec::new();
    for time in times {
        let drawn = time.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let steps = [1, 2, 2, 0, 0, 0, 0, 0, 0, 0][(drawn % 10) as usize];
        let user = (time + (drawn >> 8) % 3) % USERS;
        engine.advance(time as i64, &mut out);
        let key = engine.look_up(KeyGroup::default(), &keys[user as usize]);
        let row = Row { time: time as i64, steps, inputs: &[], event: &time, keep: None };
        engine.process_under(0, &key, row, &mut out).unwrap();
    }
    assert!(out.is_empty());
}

#[test]
fn rows_cost_no_allocation() {
    let keys: Vec<String> = (0..USERS).map(|user| format!("\"user{user}\"")).collect();
    let more = Repeat { max: None, ..Repeat::ONCE };
    for (follows, repeat, evaluator) in [
        (Contiguity::SkipTillNext, Repeat::ONCE, EvaluatorKind::Runs),
        (Contiguity::SkipTillNext, Repeat::ONCE, EvaluatorKind::Sets),
        (Contiguity::SkipTillNext, more, EvaluatorKind::Sets),
        (Contiguity::SkipTillAny, Repeat::ONCE, EvaluatorKind::Sets),
    ] {
        let mut engine = Engine::new(vec![plan(follows, repeat, evaluator)], Limits::default());
        feed(&mut engine, &keys, 0..100_000);
        let held = engine.stats();
        assert!(held.keys > 50 && held.partial_matches > 100, "{held:?}");
        let made = allocation_counter::measure(|| feed(&mut engine, &keys, 100_000..150_000));
        // The last buffers may still grow.
        assert!(made.count_total < 50, "{made:?} for {evaluator:?}, {follows:?}");
    }
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    const BEGUN: u64 = 40_000;
    for evaluator in [EvaluatorKind::Runs, EvaluatorKind::Sets] {
        for users in [1, BEGUN] {
            let plan = plan(Contiguity::SkipTillNext, Repeat::ONCE, evaluator);
            let mut engine = Engine::new(vec![plan], Limits::default());
            let keys: Vec<String> = (0..users).map(|user| format!("\"user{user}\"")).collect();
            let mut out = Vec::new();
            let made = allocation_counter::measure(|| {
                for index in 0..BEGUN {
                    let key = engine.look_up(KeyGroup::default(), &keys[(index % users) as usize]);
                    let row = Row { time: 0, steps: 1, inputs: &[], event: &index, keep: None };
                    engine.process_under(0, &key, row, &mut out).unwrap();
                }
            });
            let (counted, allocated) = (engine.stats().bytes as f64, made.bytes_current as f64);
            // Room that stands empty does not count: at most as much again, as vectors and tables double.
            assert!(
                (1.0..2.1).contains(&(allocated / counted)),
                "{allocated} bytes for {counted}: {evaluator:?}, {users} keys"
            );
        }
    }
}

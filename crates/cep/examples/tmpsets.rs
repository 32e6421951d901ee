//! Temporary.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::*;
use olocus_cep::*;
use olocus_reference::case::{self, Expected, Finding as F};
use std::collections::BTreeMap;

fn run(t: &case::Translation, plan: PatternPlan) -> Vec<F> {
    let mut engine: Engine<usize> = Engine::new(vec![Plan::Pattern(plan)], Limits::default());
    let mut found = vec![];
    let mut out = vec![];
    let key = Key::none();
    let mut take = |out: &mut Vec<Finding<usize>>, at: usize| {
        for f in out.drain(..) {
            if let Found::Match { events } = f.found {
                found.push(F::new(
                    &t.pattern,
                    at,
                    false,
                    &events.iter().map(|e| (e.step, e.event)).collect::<Vec<_>>(),
                ));
            }
        }
    };
    for (i, e) in t.events.iter().enumerate() {
        engine.advance(e.time, &mut out);
        take(&mut out, i);
        engine
            .process(
                0,
                &key,
                Row { time: e.time, steps: e.bits, inputs: &e.inputs, event: &i, keep: None },
                &mut out,
            )
            .unwrap();
        take(&mut out, i);
    }
    engine.advance(i64::MAX, &mut out);
    take(&mut out, t.events.len());
    if t.pattern.within.is_some() {
        assert_eq!(engine.stats().keys, 0, "all keys are freed at the end of time");
    }
    found
}

fn main() {
    let (mut passed, mut failed) = (0, 0);
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let verbose = std::env::var("V").is_ok();
    for path in std::env::args().skip(1) {
        for case in case::read(&std::fs::read_to_string(&path).unwrap()).unwrap() {
            let mut skip = |why: &str| *skipped.entry(why.to_string()).or_default() += 1;
            if let Ok(id) = std::env::var("ID")
                && case.id != id
            {
                continue;
            }
            let has = |tag: &str| case.tags.iter().any(|t| t == tag);
            if has("quantWithin")
                || has("groupRepeated")
                || has("previousCurrent") && has("optional")
                || case.time_sensitive
            {
                skip("tags");
                continue;
            }
            let Expected::Found(expected) = &case.expected else { continue };
            let Ok(t) = case.translate() else {
                skip("translation");
                continue;
            };
            let Ok(automaton) = Automaton::new(&t.pattern) else {
                skip("automaton");
                continue;
            };
            let plan = PatternPlan {
                pattern: t.pattern.clone(),
                conditions: t.opaque.clone(),
                outputs: PatternOutputs { timeouts: false, events: true, matches_per_event: usize::MAX },
                evaluator: Some(EvaluatorKind::Sets),
            };
            if let Err(reason) = sets::accepts(&plan, &automaton) {
                skip(&reason.to_string());
                continue;
            }
            let mut expected: Vec<_> = expected.iter().filter(|f| !f.timeout).cloned().collect();
            let mut found = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&t, plan))) {
                Ok(f) => f,
                Err(_) => {
                    println!("PANIC {}", case.id);
                    failed += 1;
                    continue;
                }
            };
            found.sort();
            expected.sort();
            expected.dedup();
            if found == expected {
                passed += 1
            } else {
                failed += 1;
                println!("FAIL {} {:?}", case.id, case.tags);
                if verbose {
                    println!("{automaton}");
                    for f in &found {
                        if !expected.contains(f) {
                            println!("  + {f}")
                        }
                    }
                    for f in &expected {
                        if !found.contains(f) {
                            println!("  - {f}")
                        }
                    }
                    if found.len() != expected.len() {
                        println!("{} {}", found.len(), expected.len())
                    }
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed, skipped {skipped:?}");
}

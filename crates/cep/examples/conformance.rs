//! Runs files of conformance cases on the reference matcher and on every evaluator that accepts them.
//!
//! `cargo run --release -p olocus-cep --example conformance -- FILE.jsonl|FILE.json …`
//!
//! A case passes if the reference and all evaluators find exactly what it expects, or, where it expects an error, if the
//! pattern is refused. Cases whose tags say that they hold on to accidents of where they were observed are skipped; what
//! such patterns mean here is tested elsewhere.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use olocus_cep::pattern::automaton::Automaton;
use olocus_cep::pattern::{EvaluatorKind, PatternOutputs, PatternPlan, sets};
use olocus_reference::case::{self, Case, CaseError, Expected, Finding, Translation};
use olocus_reference::{Outcome, run, run_engine};

/// What runs a case.
#[derive(Clone, Copy, Debug)]
enum Under {
    Reference,
    Engine(EvaluatorKind),
}

const ALL: [(&str, Under); 3] = [
    ("reference", Under::Reference),
    ("runs", Under::Engine(EvaluatorKind::Runs)),
    ("sets", Under::Engine(EvaluatorKind::Sets)),
];

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: BTreeMap<&'static str, u64>,
    /// Cases passed, failed and not accepted, for each of [`ALL`].
    by_evaluator: [(u64, u64, u64); ALL.len()],
    rejected: u64,
}

fn main() -> ExitCode {
    let mut tally = Tally::default();
    for path in std::env::args().skip(1) {
        let cases = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        match cases.and_then(|text| case::read(&text).map_err(|error| error.to_string())) {
            Ok(cases) => cases.iter().for_each(|case| tally.judge(case)),
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    tally.print();
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Tally {
    fn judge(&mut self, case: &Case) {
        let translation = case.translate().and_then(|translation| {
            let problems = translation.pattern.validate();
            let problem = problems.first().map(|problem| CaseError::new(problem.to_string()));
            problem.map_or(Ok(translation), Err)
        });
        let translation = match (translation, &case.expected) {
            (Err(_), Expected::Rejected(_)) => {
                self.rejected += 1;
                self.passed += 1;
                return;
            }
            (Ok(_), Expected::Rejected(reason)) => {
                println!("{}: accepted, but {reason}", case.id);
                self.failed += 1;
                return;
            }
            (Err(problem), Expected::Found(_)) => {
                println!("{}: refused, but has results: {problem}", case.id);
                self.failed += 1;
                return;
            }
            (Ok(translation), Expected::Found(_)) => translation,
        };
        if let Some(reason) = skipped(case) {
            *self.skipped.entry(reason).or_default() += 1;
            return;
        }
        let mut agreed = true;
        for ((name, under), counts) in ALL.iter().zip(&mut self.by_evaluator) {
            match under.differences(case, &translation) {
                None => counts.2 += 1,
                Some(differences) if differences.is_empty() => counts.0 += 1,
                Some(differences) => {
                    counts.1 += 1;
                    agreed = false;
                    println!("{} ({name}):", case.id);
                    differences.iter().for_each(|difference| println!("  {difference}"));
                }
            }
        }
        if agreed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    fn print(&self) {
        for ((name, _), (passed, failed, refused)) in ALL.iter().zip(&self.by_evaluator) {
            println!("{name}: {passed} passed, {failed} failed, {refused} not accepted");
        }
        println!("invalid patterns: {} rejected", self.rejected);
        for (reason, cases) in &self.skipped {
            println!("skipped: {reason}: {cases}");
        }
        let skipped: u64 = self.skipped.values().sum();
        println!("{} passed, {} failed, {skipped} skipped", self.passed, self.failed);
    }
}

/// Why a case is not run, if it is not.
fn skipped(case: &Case) -> Option<&'static str> {
    let has = |wanted: &str| case.tags.iter().any(|tag| tag == wanted);
    if case.time_sensitive {
        Some("wm_sensitive")
    } else if has("quantWithin") {
        Some("quantWithin")
    } else if has("groupRepeated") {
        Some("groupRepeated")
    } else if has("previousCurrent") && has("optional") {
        Some("previousCurrent with optional")
    } else {
        None
    }
}

impl Under {
    /// What is found but not expected (`+`) and expected but not found (`-`); `None` if this does not take the pattern.
    fn differences(self, case: &Case, translation: &Translation) -> Option<Vec<String>> {
        let Translation { pattern, opaque, events } = translation;
        let mut case = case.clone();
        let outcomes: Vec<Outcome> = match self {
            Under::Reference => run(pattern, opaque.as_deref(), events),
            Under::Engine(kind) => {
                let outputs = PatternOutputs { timeouts: true, events: true, matches_per_event: usize::MAX };
                let mut plan = PatternPlan {
                    pattern: pattern.clone(),
                    conditions: opaque.clone(),
                    outputs,
                    evaluator: Some(kind),
                };
                if kind == EvaluatorKind::Sets {
                    // Sets tell no timeouts, each of which would be told of by itself.
                    plan.outputs.timeouts = false;
                    case.without_timeouts();
                    // A match is found once there, however many ways lead to it.
                    case.repeats = true;
                    let automaton = Automaton::new(pattern).expect("the pattern is valid");
                    sets::accepts(&plan, &automaton).ok()?;
                }
                run_engine(plan, events)
            }
        };
        let found: Vec<Finding> = outcomes.iter().map(|outcome| Finding::of(pattern, outcome)).collect();
        Some(case.differences(found))
    }
}

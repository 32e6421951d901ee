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

use olocus_reference::case::{self, Case};
use olocus_reference::{Under, Verdict, judge};

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    rejected: u64,
    skipped: BTreeMap<&'static str, u64>,
    /// Cases passed and failed by what ran them.
    run: BTreeMap<&'static str, (u64, u64)>,
}

fn main() -> ExitCode {
    let mut tally = Tally::default();
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        match text.and_then(|text| case::read(&text).map_err(|error| error.to_string())) {
            Ok(cases) => cases.iter().for_each(|case| tally.count(case)),
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
    fn count(&mut self, case: &Case) {
        let passed = match judge(case) {
            Verdict::Skipped(reason) => {
                *self.skipped.entry(reason).or_default() += 1;
                return;
            }
            Verdict::Rejected => {
                self.rejected += 1;
                true
            }
            Verdict::Misjudged(how) => {
                println!("{}: {how}", case.id);
                false
            }
            Verdict::Run(results) => {
                for (under, differences) in &results {
                    let (passed, failed) = self.run.entry(under.name()).or_default();
                    if differences.is_empty() {
                        *passed += 1;
                        continue;
                    }
                    *failed += 1;
                    println!("{} ({}):", case.id, under.name());
                    differences.iter().for_each(|difference| println!("  {difference}"));
                }
                results.iter().all(|(_, differences)| differences.is_empty())
            }
        };
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    fn print(&self) {
        for under in Under::ALL {
            let (passed, failed) = self.run.get(under.name()).copied().unwrap_or_default();
            let all = self.run.values().map(|(passed, failed)| passed + failed).max().unwrap_or(0);
            let others = all - passed - failed;
            println!("{}: {passed} passed, {failed} failed, {others} not accepted", under.name());
        }
        println!("invalid patterns: {} rejected", self.rejected);
        for (reason, cases) in &self.skipped {
            println!("skipped: {reason}: {cases}");
        }
        let skipped: u64 = self.skipped.values().sum();
        println!("{} passed, {} failed, {skipped} skipped", self.passed, self.failed);
    }
}

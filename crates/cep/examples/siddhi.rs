//! Runs tests of Siddhi's patterns and sequences as far as they can be translated.
//!
//! `cargo run --release -p olocus-cep --example siddhi -- FILE.jsonl`
//!
//! What agrees, differs and is not translated is counted by reason; `crates/reference/SIDDHI.md` says why.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use olocus_reference::siddhi::{Outcome, run};

fn main() -> ExitCode {
    let (mut agree, mut differ) = (0, 0);
    let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
    for path in std::env::args().skip(1) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        };
        for line in text.lines() {
            let test: serde_json::Value = match serde_json::from_str(line) {
                Ok(test) => test,
                Err(error) => {
                    eprintln!("{path}: {error}");
                    return ExitCode::from(2);
                }
            };
            let id = test["id"].as_str().unwrap_or("");
            match run(&test) {
                Outcome::Agrees => agree += 1,
                Outcome::Differs(how) => {
                    differ += 1;
                    println!("{id}: {how}");
                }
                Outcome::NotTranslated(reason) => {
                    *reasons.entry(reason.reason).or_default() += 1;
                    println!("{id}: not translated: {reason}");
                }
            }
        }
    }
    for (reason, tests) in &reasons {
        println!("not translated: {reason}: {tests}");
    }
    println!("{agree} agree, {differ} differ, {} not translated", reasons.values().sum::<u64>());
    ExitCode::SUCCESS
}

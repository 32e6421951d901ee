//! `olocus rules test`: runs the tests that rule files carry.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use olocus_cep::rule::{
    ExpectedMatch, List, Rule, RuleFile, RuleTest, TEST_START, TestEvent, TestList, TypePattern,
};
use olocus_document::{Diagnostics, format_duration};
use olocus_event::{CloudEvent, Keyring, OutRecord, Record};
use olocus_expr::Schemas;
use olocus_runtime::{InputId, Match, Plan, SourceSpec, compile};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::Value;

use super::{RulePaths, load_schemas, print_diagnostics};
use crate::bounded::Bounded;
use crate::failure::Failure;
use crate::output;

/// Run the tests that rule files carry.
///
/// Each test feeds its events to its rule alone, in the order of their times, with a final watermark that closes every
/// window. The matches must be those that `expect` lists, in that order.
///
/// Exit codes: 0 all passed; 1 a test failed or a file has mistakes; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rules: RulePaths,

    /// Write the results to this file in JUnit's XML format
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let schemas = load_schemas(args.rules.schemas.as_deref())?;
    let (files, mut diagnostics) = olocus_server::load_rules(&args.rules.paths);
    compile(&files, &[SourceSpec::default_for(&files)], &schemas, &mut diagnostics);
    print_diagnostics(&diagnostics);
    if diagnostics.has_errors() {
        return Ok(ExitCode::FAILURE);
    }
    let lists: Vec<List> = files.iter().flat_map(|file| file.lists.iter().cloned()).collect();
    let mut out = output::stdout();
    let mut report = Report::new("olocus rules test");
    let (mut passed, mut failed) = (0, 0);
    for file in &files {
        let mut suite = TestSuite::new(file.file.name());
        for rule in &file.rules {
            for test in &rule.tests {
                let outcome = run_test(file, rule, test, &lists, &schemas)?;
                let (line, _) = file.file.line_column(test.span.start);
                let name = format!("{} / {}", rule.name.value, test.name);
                let written = match &outcome {
                    Ok(()) => writeln!(out, "ok     {name}"),
                    Err(why) => writeln!(
                        out,
                        "FAILED {name}\n       {}:{line}: {}",
                        file.file.name(),
                        why.replace('\n', "\n       ")
                    ),
                };
                written.map_err(output::failed)?;
                if outcome.is_ok() {
                    passed += 1;
                } else {
                    failed += 1;
                }
                suite.add_test_case(junit_case(&name, outcome.err()));
            }
        }
        report.add_test_suite(suite);
    }
    writeln!(out, "{passed} passed, {failed} failed").map_err(output::failed)?;
    if let Some(path) = &args.junit {
        let name = path.display();
        let xml = report.to_string().map_err(|cause| Failure::doing("make the JUnit report", cause))?;
        std::fs::write(path, xml).map_err(|cause| Failure::doing(format_args!("write {name}"), cause))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one test; the inner error says in words what differs.
fn run_test(
    file: &RuleFile,
    rule: &Rule,
    test: &RuleTest,
    lists: &[List],
    schemas: &Arc<Schemas>,
) -> Result<Result<(), String>, Failure> {
    let lists = lists.iter().map(|list| held_in(test, file, list)).collect();
    let plan = plan_of(file, rule, lists, schemas)?;
    let (timeouts, matches): (Vec<Match>, Vec<Match>) =
        matches_of(&plan, &test.events)?.into_iter().partition(|found| found.timed_out.is_some());
    let timeouts = test.timeouts.as_ref().map(|expected| compare("timeout", &timeouts, expected));
    Ok(match (compare("match", &matches, &test.expect), timeouts.unwrap_or(Ok(()))) {
        (Err(one), Err(other)) => Err(format!("{one}\n{other}")),
        (one, other) => one.and(other),
    })
}

/// A list as it is in a test: with the rows that the test gives it; without any, those of its file. No topic is read.
fn held_in(test: &RuleTest, file: &RuleFile, list: &List) -> List {
    let named = test.lists.iter().find(|held| held.name.value == list.name.value);
    let nothing = || TestList { name: list.name.clone(), rows: Vec::new() };
    let held = match (named, &list.content) {
        (Some(held), _) => held.content(&file.file, list),
        (None, Some(_)) => return list.clone(),
        (None, None) => nothing().content(&file.file, list),
    };
    List { content: held.map(Arc::new), ..list.clone() }
}

/// The plan of this rule alone; a disabled rule is tested like any other.
fn plan_of(
    file: &RuleFile,
    rule: &Rule,
    lists: Vec<List>,
    schemas: &Arc<Schemas>,
) -> Result<Arc<Plan>, Failure> {
    let alone = RuleFile {
        file: Arc::clone(&file.file),
        lists,
        rules: vec![Rule { enabled: true, tests: Vec::new(), ..rule.clone() }],
        drafts: Vec::new(),
    };
    let everything = TypePattern::everything();
    let mut diagnostics = Diagnostics::new();
    let plan = compile(&[alone], &[SourceSpec::of(vec![everything])], schemas, &mut diagnostics);
    plan.map(Arc::new).ok_or_else(|| Failure::new(format!("compile rule `{}` by itself", rule.name.value)))
}

fn matches_of(plan: &Arc<Plan>, events: &[TestEvent]) -> Result<Vec<Match>, Failure> {
    let input = InputId { topic: "test".into(), partition: 0 };
    let mut records = expand(events)
        .into_iter()
        .zip(0..)
        .map(|((time, event), offset)| record(event, time, offset))
        .collect();
    let mut run = Bounded::new(Arc::clone(plan), &Arc::new(Keyring::empty()), olocus_cep::Limits::default());
    run.add(&input)?;
    while let Some(prepared) = run.prepare(&input, &mut records)? {
        if let Some(dead) = prepared.dead_letters().first() {
            return Err(Failure::new(format!("read a test event: {}", dead.cause)));
        }
        run.feed(prepared)?;
    }
    run.finish()?;
    Ok(run.take_outputs().matches)
}

/// All repetitions of all events in the order of their times; equal times stay in the order of the file.
fn expand(events: &[TestEvent]) -> Vec<(i64, &TestEvent)> {
    let repetitions = |event: &TestEvent| 0..i64::try_from(event.repeat).unwrap_or(i64::MAX);
    let mut expanded: Vec<(i64, &TestEvent)> = events
        .iter()
        .flat_map(|event| {
            repetitions(event).map(move |at| (event.at.saturating_add(event.every.saturating_mul(at)), event))
        })
        .collect();
    expanded.sort_by_key(|(time, _)| *time);
    expanded
}

fn record(event: &TestEvent, time: i64, offset: i64) -> Record {
    let cloud = CloudEvent {
        id: format!("event-{offset}"),
        source: "/test".to_owned(),
        event_type: event.event_type.clone(),
        subject: None,
        time: Some(time),
        data_content_type: Some("application/json".to_owned()),
        data_schema: None,
        extensions: Default::default(),
        data: Some(Value::Object(event.fields.clone()).to_string().into()),
    };
    let OutRecord { key, headers, value, .. } = cloud.to_binary("test".into(), None);
    Record { offset, timestamp: time.div_euclid(1_000_000), key, value, headers }
}

/// Whether what was found, in this order, is what was expected; `what` it is.
fn compare(what: &str, matches: &[Match], expected: &[ExpectedMatch]) -> Result<(), String> {
    let mut differences = Vec::new();
    let data: Vec<Value> = matches.iter().map(|found| found.data.to_value()).collect();
    if matches.len() != expected.len() {
        differences.push(format!(
            "expected {}, found {}",
            super::findings(expected.len(), what),
            super::findings(matches.len(), what)
        ));
    }
    for (at, (found, expected)) in data.iter().zip(expected).enumerate() {
        if let Some(key) = &expected.key
            && !same(key, &found["key"])
        {
            differences.push(format!("{what} {}: expected key {key}, found {}", at + 1, found["key"]));
        }
        for (name, value) in expected.emit.iter().flatten() {
            match found["emit"].get(name) {
                Some(emitted) if same(value, emitted) => {}
                Some(emitted) => {
                    differences
                        .push(format!("{what} {}: expected {name} = {value}, found {emitted}", at + 1));
                }
                None => differences.push(format!("{what} {}: the rule emits no `{name}`", at + 1)),
            }
        }
    }
    if differences.is_empty() {
        return Ok(());
    }
    for (found, data) in matches.iter().zip(&data) {
        let end = format_duration(found.end.saturating_sub(TEST_START));
        differences.push(format!("found at {end}: key {}, emit {}", data["key"], data["emit"]));
    }
    Err(differences.join("\n"))
}

/// JSON equality, with numbers compared by value: `1` and `1.0` are the same.
fn same(expected: &Value, found: &Value) -> bool {
    match (expected, found) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64()))
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (expected, found) => expected == found,
    }
}

fn junit_case(name: &str, failure: Option<String>) -> TestCase {
    let status = match failure {
        None => TestCaseStatus::success(),
        Some(why) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(why);
            status
        }
    };
    TestCase::new(name, status)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_compared_by_value_and_other_types_apart() {
        assert!(same(&json!(1), &json!(1.0)));
        assert!(same(&json!({"a": [2]}), &json!({"a": [2.0]})));
        assert!(!same(&json!(1), &json!("1")));
        assert!(!same(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
    }
}

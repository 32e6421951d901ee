//! The sequence of `olocus bench` in memory: the automata alone on rows that are ready, and the whole way from JSON to
//! matches.
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

mod support;

use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use olocus_cep::pattern::{
    AfterMatch, Body, Condition, ConditionId, Contiguity, Pattern, PatternOutputs, PatternPlan, Repeat,
    Stage, Step, StepId,
};
use olocus_cep::rule::{TypePattern, parse_rule_file};
use olocus_cep::{Engine, Key, Limits, Row};
use olocus_document::{Diagnostics, Scalar, SourceFile};
use olocus_event::{Format, Keyring, Record};
use olocus_expr::Schemas;
use olocus_runtime::{InputId, Plan, Preparer, SourceSpec, Task, compile};
use serde_json::Value;

/// Records per batch, as `olocus run` reads them.
const BATCH: usize = 8_192;

/// Only the rows that satisfy some step reach the automata, so only they are counted here.
fn automata(criterion: &mut Criterion) {
    let (records, matches) = support::records(support::load(support::size(200_000, 5_000)));
    let rows: Vec<(Key, i64, u64)> = records.iter().filter_map(row).collect();
    let mut group = criterion.benchmark_group("matching");
    group.throughput(Throughput::Elements(rows.len() as u64));
    group.bench_function("automata", |bencher| {
        bencher.iter_batched(
            || Engine::new(vec![sequence()], Limits::default()),
            |mut engine| {
                let mut findings = Vec::new();
                for (key, time, steps) in &rows {
                    let row = Row { time: *time, steps: *steps, inputs: &[], event: time, keep: None };
                    engine.process(0, key, row, &mut findings).unwrap();
                }
                assert_eq!(findings.len() as u64, matches);
                engine
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn json_to_matches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("matching");
    group.sample_size(20);
    for rules in [1, 100] {
        let mut load = support::load(support::size(200_000, 5_000));
        load.rules = rules;
        let plan = plan(&load.rule_yaml(None));
        let (records, matches) = support::records(load);
        assert!(matches > 0);
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(format!("json_to_matches/{rules}"), |bencher| {
            bencher.iter_batched(
                || records.chunks(BATCH).map(<[Record]>::to_vec).collect::<Vec<_>>(),
                |batches| assert_eq!(run(&plan, batches), matches),
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

/// Prepares and evaluates batches of one partition, and returns the number of matches.
fn run(plan: &Arc<Plan>, batches: Vec<Vec<Record>>) -> u64 {
    let topic = support::topic();
    let mut preparer =
        Preparer::new(Arc::clone(plan), &Arc::new(Keyring::empty()), olocus_event::Limits::default());
    let mut task = Task::new(Arc::clone(plan), Limits::default());
    task.add_input(InputId { topic: Arc::clone(&topic), partition: 0 }, 0, None, false);
    let mut matches = 0;
    for records in batches {
        for prepared in preparer.prepare(0, &topic, 0, records) {
            task.feed(prepared).unwrap();
        }
        matches += task.take_outputs().matches.len() as u64;
    }
    task.finish().unwrap();
    matches + task.take_outputs().matches.len() as u64
}

/// The rules for one topic whose events tell their time and type in fields.
fn plan(rules: &str) -> Arc<Plan> {
    let mut diagnostics = Diagnostics::new();
    let files = [parse_rule_file(&SourceFile::new("rules.yaml", rules), &mut diagnostics)];
    let source = SourceSpec {
        format: Format::Json,
        time: Some(field("time")),
        event_type: Some(field("type")),
        ..SourceSpec::of(vec![TypePattern::parse(&support::topic()).unwrap()])
    };
    let plan = compile(&files, &[source], &Arc::new(Schemas::empty()), &mut diagnostics);
    Arc::new(plan.unwrap_or_else(|| panic!("{}", diagnostics.render(false))))
}

/// An expression that is one field, as a configuration file would hold it.
fn field(name: &str) -> Scalar {
    let file = SourceFile::new("source.yaml", format!("'\"{name}\"'"));
    olocus_document::parse(&file).unwrap().scalar().unwrap().clone()
}

fn sequence() -> olocus_cep::Plan {
    let within = Some(15 * 60 * 1_000_000_000);
    let stage = |(id, within): (u8, Option<i64>)| Stage {
        follows: Contiguity::SkipTillNext,
        body: Body::Step(StepId(id)),
        repeat: Repeat::ONCE,
        within,
    };
    let pattern = Pattern {
        steps: (0..3).map(|id: u16| Step { name: format!("s{id}"), condition: ConditionId(id) }).collect(),
        conditions: (0..3).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages: (0..).zip([None, within, within]).map(stage).collect(),
        within: None,
        preceded: None,
        after_match: AfterMatch::Nothing,
    };
    olocus_cep::Plan::Pattern(PatternPlan {
        pattern: Arc::new(pattern),
        conditions: None,
        outputs: PatternOutputs { matches_per_event: usize::MAX, ..PatternOutputs::default() },
        evaluator: None,
    })
}

/// Key, time and steps of an event that satisfies some step.
fn row(record: &Record) -> Option<(Key, i64, u64)> {
    let event: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
    let steps = match event["type"].as_str().unwrap() {
        "bench.a" => u64::from(event["role"] == "privileged"),
        "bench.b" => 1 << 1,
        "bench.c" => u64::from(event["v"].as_u64().unwrap() > 900) << 2,
        _ => 0,
    };
    (steps > 0).then(|| (Key::single(&event["user"].to_string()), record.timestamp * 1_000_000, steps))
}

criterion_group!(benches, automata, json_to_matches);
criterion_main!(benches);

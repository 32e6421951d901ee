//! The rows on which conditions hold: 1 to 1,000 different ones over one batch.
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use olocus_event::{Decoder, Format, Keyring, Limits};
use olocus_expr::{Compiler, EventScope, EventTypes, Found, MetaColumns, Schemas};
use serde_json::Value;

fn predicates(criterion: &mut Criterion) {
    let (records, _) = support::records(support::load(support::size(8_192, 500)));
    let events: Vec<Value> = records
        .iter()
        .map(|record| serde_json::from_slice(record.value.as_deref().unwrap()).unwrap())
        .collect();
    let mut group = criterion.benchmark_group("predicates");
    group.throughput(Throughput::Elements(records.len() as u64));
    for count in [1, 10, 100, 1_000] {
        let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
        for number in 0..count {
            compiler.predicate(&condition(number), &EventScope::default()).unwrap();
        }
        let program = compiler.finish();
        assert_eq!(program.predicate_count(), usize::try_from(count).unwrap());
        let index = program.index(&program.predicate_ids().collect::<Vec<_>>(), &[]);
        let mut found = Found::default();
        let decoder = Decoder::new(
            Format::Json,
            Arc::clone(program.projection()),
            Arc::new(Keyring::empty()),
            Limits::default(),
        );
        let batch = decoder.decode(&support::topic(), 0, records.clone()).batch;
        let meta = MetaColumns {
            time: (0..batch.len()).map(|row| batch.record_timestamp(row) * 1_000_000).collect(),
            event_types: EventTypes::one(support::topic(), batch.len()),
            ..MetaColumns::default()
        };
        let expected: usize =
            events.iter().map(|event| (0..count).filter(|&number| holds(number, event)).count()).sum();
        assert!(expected > 0);
        group.bench_function(count.to_string(), |bencher| {
            bencher.iter(|| {
                found.clear();
                index.find(&program.columns(&batch, &meta), None, &mut found);
                let found = black_box(&found);
                assert_eq!((found.hits.len(), found.failed), (expected, 0));
            });
        });
    }
    group.finish();
}

/// Half of them compare a text and a number, half a number alone.
fn condition(number: u64) -> String {
    match number % 2 {
        0 => format!("v > {}", 500 + number),
        _ => format!("role = 'standard' AND site = 'site-{number:03}'"),
    }
}

/// The same, said in another way.
fn holds(number: u64, event: &Value) -> bool {
    match number % 2 {
        0 => event["v"].as_u64().unwrap() > 500 + number,
        _ => event["role"] == "standard" && event["site"] == format!("site-{number:03}"),
    }
}

criterion_group!(benches, predicates);
criterion_main!(benches);

//! The rows on which conditions hold: 1 to 1,000 different ones over one batch, and what is looked up in lists.
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use olocus_event::{Batch, Decoder, Format, Keyring, Limits, Record};
use olocus_expr::{
    Compiler, EventScope, EventTypes, Found, List, ListDefinition, Lists, MetaColumns, Program, Schemas,
};
use serde_json::{Value, json};

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
        let (batch, meta) = decoded(&program, &records);
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

/// What is looked up in lists of so many rows: membership, and a column; of texts, and of networks.
fn lookups(criterion: &mut Criterion) {
    let rows = support::size(8_192, 500);
    let mut group = criterion.benchmark_group("lookups");
    group.throughput(Throughput::Elements(rows));
    for size in [1_000, 100_000] {
        let size = support::size(size, size / 100);
        let mut lists = Lists::default();
        for (name, key, networks) in [("hosts", "host", false), ("nets", "net", true)] {
            let row = |number: u64| match networks {
                true => json!({ "net": network(number), "tier": number % 5 }),
                false => json!({ "host": host(number), "tier": number % 5 }),
            };
            let rows: Vec<String> = (0..size).map(|number| row(number).to_string()).collect();
            let definition = ListDefinition { name, version: "1", key, networks, open: false };
            lists.insert(List::of_rows(definition, rows.iter().map(String::as_str), []).unwrap());
        }
        let lists = Arc::new(lists);
        // Every other row has a value that is in the list.
        let records: Vec<Record> = (0..rows)
            .map(|row| {
                let event =
                    json!({ "host": host(row * size * 2 / rows), "ip": address(row * size * 2 / rows) });
                Record { value: Some(event.to_string().into()), ..Record::default() }
            })
            .collect();
        for (name, text) in [
            ("member", "host IN list('hosts')"),
            ("column", "lookup('hosts', host).tier >= 0"),
            ("network", "ip IN list('nets')"),
        ] {
            let mut compiler = Compiler::new(Arc::new(Schemas::empty())).with_lists(Arc::clone(&lists));
            compiler.predicate(text, &EventScope::default()).unwrap();
            let program = compiler.finish();
            let index = program.index(&program.predicate_ids().collect::<Vec<_>>(), &[]);
            let mut found = Found::default();
            let (batch, meta) = decoded(&program, &records);
            group.bench_function(format!("{name}/{size}"), |bencher| {
                bencher.iter(|| {
                    found.clear();
                    index.find(&program.columns(&batch, &meta), None, &mut found);
                    let found = black_box(&found);
                    assert_eq!((found.hits.len() as u64, found.failed), (rows / 2, 0));
                });
            });
        }
    }
    group.finish();
}

fn host(number: u64) -> String {
    format!("host-{number:06}.example.com")
}

fn network(number: u64) -> String {
    format!("{}/24", address(number))
}

fn address(number: u64) -> String {
    format!("{}.{}.{}.0", 10 + (number >> 16), number >> 8 & 255, number & 255)
}

/// The records as columns, each of the one type at its own time.
fn decoded(program: &Program, records: &[Record]) -> (Batch, MetaColumns) {
    let projection = Arc::clone(program.projection());
    let decoder = Decoder::new(Format::Json, projection, Arc::new(Keyring::empty()), Limits::default());
    let batch = decoder.decode(&support::topic(), 0, records.to_vec()).batch;
    let meta = MetaColumns {
        time: (0..batch.len()).map(|row| batch.record_timestamp(row) * 1_000_000).collect(),
        event_types: EventTypes::one(support::topic(), batch.len()),
        ..MetaColumns::default()
    };
    (batch, meta)
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

criterion_group!(benches, predicates, lookups);
criterion_main!(benches);

//! Payloads → Arrow columns: four fields of 200-byte events, in JSON and in MessagePack.
#![allow(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

mod support;

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use olocus_event::{Decoder, FieldPath, Format, Headers, Keyring, Kind, Limits, Projection, Record};
use serde_json::Value;

fn decode(criterion: &mut Criterion) {
    let (json, _) = support::records(support::load(support::size(8_192, 500)));
    let packed: Vec<Record> = json.iter().map(packed).collect();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(json.len() as u64));
    for (name, format, records) in
        [("json", Format::Json, json), ("message_pack", Format::MessagePack, packed)]
    {
        let decoder = Decoder::new(format, projection(), Arc::new(Keyring::empty()), Limits::default());
        let topic = support::topic();
        let check = decoder.decode(&topic, 0, records.clone());
        assert_eq!((check.batch.len(), check.unconverted), (records.len(), 0));
        assert!(check.batch.columns().iter().all(|column| column.value(0) != olocus_event::Value::Null));
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || records.clone(),
                |records| {
                    let count = records.len();
                    let decoded = black_box(decoder.decode(&topic, 0, records));
                    assert_eq!(decoded.batch.len(), count);
                    decoded
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn projection() -> Arc<Projection> {
    let columns = [("user", Kind::Json), ("role", Kind::Text), ("site", Kind::Text), ("v", Kind::Number)];
    Arc::new(Projection { columns: columns.map(|(name, kind)| (FieldPath::new([name]), kind)).into() })
}

fn packed(record: &Record) -> Record {
    let event: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
    let value = rmp_serde::to_vec_named(&event).unwrap();
    Record { value: Some(value.into()), headers: Headers::new(), ..record.clone() }
}

criterion_group!(benches, decode);
criterion_main!(benches);

//! Expressions over events as the event crate decodes them.

mod conditions;
mod index;
mod kinds;
mod lists;
mod problems;
mod properties;
mod scopes;
mod sequences;
mod uses;

use std::sync::Arc;

use arrow::buffer::BooleanBuffer;
use olocus_event::{Batch, Decoder, Format, Keyring, Limits, Record, Value};
use serde_json::{Value as Json, json};

use crate::{Compiler, EventScope, EventTypes, Found, MetaColumns, PredicateId, Problem, Program, Schemas};

/// 2024-05-01T12:34:56.789Z.
const NOON: i64 = 1_714_566_896_789_000_000;

fn scope() -> EventScope {
    EventScope::default()
}

/// Decodes events, each the JSON text of one, as a program needs them.
fn decode<T: AsRef<str>>(program: &Program, events: &[T]) -> (Batch, MetaColumns) {
    let records = (0i64..)
        .zip(events)
        .map(|(offset, event)| Record {
            offset,
            timestamp: 0,
            key: Some("key".into()),
            value: Some(event.as_ref().as_bytes().to_vec().into()),
            ..Record::default()
        })
        .collect();
    let decoder = Decoder::new(
        Format::Json,
        Arc::clone(program.projection()),
        Arc::new(Keyring::empty()),
        Limits::default(),
    );
    let decoded = decoder.decode(&Arc::from("orders"), 3, records);
    assert!(decoded.rejected.is_empty());
    let rows = decoded.batch.len();
    let meta = MetaColumns {
        time: (0i64..).take(rows).map(|row| NOON + row).collect(),
        event_types: EventTypes::one("order.placed".into(), rows),
        key: None,
    };
    (decoded.batch, meta)
}

/// What all conditions of a program come to.
struct Predicates {
    /// By condition, the rows on which it holds; `None` for none.
    bits: Vec<Option<BooleanBuffer>>,
    failed: u64,
}

fn predicates(program: &Program, batch: &Batch, meta: &MetaColumns) -> Predicates {
    let all: Vec<PredicateId> = program.predicate_ids().collect();
    let mut found = Found::default();
    program.index(&all, &[]).find(&program.columns(batch, meta), None, &mut found);
    let bits = |id: &PredicateId| {
        let holds = |row: usize| found.hits.binary_search(&(row as u32, *id)).is_ok();
        found.hits.iter().any(|(_, own)| own == id).then(|| (0..batch.len()).map(holds).collect())
    };
    Predicates { bits: all.iter().map(bits).collect(), failed: found.failed }
}

/// On which events the condition holds, and on how many it failed.
fn holds_counted<T: AsRef<str>>(condition: &str, events: &[T]) -> (Vec<bool>, u64) {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    let id = compiler
        .predicate(condition, &scope())
        .unwrap_or_else(|problems| panic!("{condition}: {problems:#?}"));
    let program = compiler.finish();
    let (batch, meta) = decode(&program, events);
    let predicates = predicates(&program, &batch, &meta);
    let found = match &predicates.bits[id.index()] {
        Some(bits) => bits.iter().collect(),
        None => vec![false; events.len()],
    };
    (found, predicates.failed)
}

fn holds<T: AsRef<str>>(condition: &str, events: &[T]) -> Vec<bool> {
    holds_counted(condition, events).0
}

/// Each condition on one event.
fn check(event: &Json, cases: &[(&str, bool)]) {
    for (condition, expected) in cases {
        assert_eq!(holds(condition, &[event.to_string()]), [*expected], "{condition}");
    }
}

fn value(expr: &str, event: &str) -> Value {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    let id = compiler.value(expr, &scope()).unwrap_or_else(|problems| panic!("{expr}: {problems:#?}"));
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[event]);
    program.value(id, &batch, &meta).get(0)
}

fn problems(condition: &str) -> Vec<Problem> {
    match Compiler::new(Arc::new(schemas())).predicate(condition, &typed_scope()) {
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    }
}

/// A scope whose event type has a closed schema.
fn typed_scope() -> EventScope {
    EventScope { step: Some("login".to_owned()), types: vec!["t".to_owned()], ..EventScope::default() }
}

fn schemas() -> Schemas {
    let mut schemas = Schemas::empty();
    let schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "user_id": {"type": "string"},
            "volume": {"type": "integer"},
            "created": {"type": "string", "format": "date-time"},
            "took": {"type": "number"},
            "active": {"type": "boolean"},
            "tags": {"type": "array"},
            "actor": {"type": "object"},
        }
    });
    schemas.insert_json("t", &schema).unwrap();
    schemas
}

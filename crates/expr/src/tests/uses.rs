//! What one expression of a rule tells the others about fields.

use std::sync::Arc;

use olocus_event::Value;
use serde_json::json;

use super::{decode, schemas};
use crate::{Compiler, EventScope, PredicateId, Schemas, ValueId};

/// A compiler that has learned from `teachers`, and the scope that holds what it learned.
fn taught(teachers: &[&str]) -> (Compiler, EventScope) {
    let compiler = Compiler::new(Arc::new(Schemas::empty()));
    let mut scope = EventScope::default();
    teachers.iter().for_each(|text| compiler.learn_predicate(text, &mut scope));
    (compiler, scope)
}

/// The condition in normalised form, which names kinds.
fn normalized(teachers: &[&str], condition: &str) -> String {
    let (mut compiler, scope) = taught(teachers);
    let id: PredicateId = compiler.predicate(condition, &scope).unwrap();
    compiler.normalized(id).to_owned()
}

#[test]
fn what_is_left_open_is_decided_by_the_other_expressions() {
    assert_eq!(normalized(&[], "a = b"), r#""a:text" = "b:text""#);
    assert_eq!(normalized(&["a > 5"], "a = b"), r#""a:number" = "b:number""#);
    assert_eq!(normalized(&["a > 5m"], "a < b"), r#""a:duration" < "b:duration""#);
    assert_eq!(normalized(&["NOT a"], "a = b"), r#""a:bool" = "b:bool""#);
    // Within one expression too.
    assert_eq!(normalized(&["a = b AND a > 5"], "a = b"), r#""a:number" = "b:number""#);
    // Other fields, other occurrences of the name: nothing is known.
    assert_eq!(normalized(&["c > 5 AND x.a > 5"], "a = b"), r#""a:text" = "b:text""#);
}

#[test]
fn guesses_and_values_as_they_are_teach_nothing() {
    for teacher in ["a = b", "a < b", "a IS NULL", "'x' || a = 'x1'", "CAST(a AS INT) = 5"] {
        assert_eq!(normalized(&[teacher], "a = b"), r#""a:text" = "b:text""#, "{teacher}");
    }
}

#[test]
fn uses_that_contradict_each_other_stay_as_they_are() {
    for teachers in [["a > 5", "a LIKE '5%'"], ["a LIKE '5%'", "a > 5m"], ["lower(a) = 'x'", "a > 5"]] {
        assert_eq!(normalized(&teachers, "a = b"), r#""a:text" = "b:text""#, "{teachers:?}");
    }
    // What an expression asks for itself is what it gets.
    assert_eq!(normalized(&["a > 5"], "a LIKE '5%'"), normalized(&[], "a LIKE '5%'"));
    assert_eq!(normalized(&["a > 5"], "lower(a) = 'x'"), normalized(&[], "lower(a) = 'x'"));
    assert_eq!(normalized(&["a > 5"], "a = 'x'"), normalized(&[], "a = 'x'"));
    assert_eq!(normalized(&["a > 5"], "a IS NOT NULL"), normalized(&[], "a IS NOT NULL"));
    assert_eq!(normalized(&["a LIKE 'x'"], "a + 5 > b"), normalized(&[], "a + 5 > b"));
}

#[test]
fn a_schema_knows_better() {
    let mut compiler = Compiler::new(Arc::new(schemas()));
    let mut scope = EventScope { types: vec!["t".to_owned()], ..EventScope::default() };
    compiler.learn_predicate("took > 5m", &mut scope);
    let id = compiler.predicate("took = volume", &scope).unwrap();
    assert_eq!(compiler.normalized(id), r#""took:number" = "volume:number""#);
}

#[test]
fn the_expressions_of_a_window_read_a_field_alike() {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    let mut scope = EventScope::default();
    let having = Some("avg(duration) > 300s");
    let emit = ["avg(duration)", "max(duration)", "count(distinct duration)", "sum(size)"];
    compiler.learn_window_exprs(having, &emit, &[], &mut scope);
    let exprs = compiler.window_exprs(having, &emit, &[], &scope).unwrap();
    let inputs: Vec<ValueId> = exprs.aggregates.iter().filter_map(|(_, input)| *input).collect();
    assert_eq!(exprs.emit[0].normalized(), "avg(duration:duration):duration");
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[json!({"duration": "400s", "size": "3"}).to_string()]);
    let values: Vec<Value> = inputs.iter().map(|input| program.value(*input, &batch, &meta).get(0)).collect();
    let expected = [
        Value::Seconds(400.0),
        Value::Seconds(400.0),
        // Different values are told apart as they are written.
        Value::Json(r#""400s""#.into()),
        Value::Int(3),
    ];
    assert_eq!(values, expected);
}

#[test]
fn steps_are_apart() {
    let step = |name: &str| EventScope { step: Some(name.to_owned()), ..EventScope::default() };
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    let mut steps = [step("first"), step("second")];
    compiler.learn_predicate("took > 5m", &mut steps[0]);
    compiler.learn_sequence_exprs(None, &["second.size * 2 > 4"], &mut steps);
    let mut normalized =
        |text: &str| compiler.sequence_exprs(None, &[text], &steps).unwrap().emit[0].normalized().to_owned();
    let compared = normalized("first.took = first.other");
    assert!(compared.contains("took:duration"), "{compared}");
    let compared = normalized("second.took = second.other");
    assert!(compared.contains("took:text"), "{compared}");
    let compared = normalized("second.size = second.other");
    assert!(compared.contains("size:number"), "{compared}");
}

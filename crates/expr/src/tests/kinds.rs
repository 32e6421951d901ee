//! As what fields are read.

use std::sync::Arc;

use olocus_event::{Kind, Value};

use super::{schemas, scope, typed_scope, value};
use crate::{Compiler, Schemas};

fn kinds_with(condition: &str, typed: bool) -> Vec<(String, Kind)> {
    let (schemas, scope) = if typed { (schemas(), typed_scope()) } else { (Schemas::empty(), scope()) };
    let mut compiler = Compiler::new(Arc::new(schemas));
    compiler.predicate(condition, &scope).unwrap_or_else(|problems| panic!("{condition}: {problems:#?}"));
    let program = compiler.finish();
    program.projection().columns.iter().map(|(path, kind)| (path.to_string(), *kind)).collect()
}

#[test]
fn use_decides() {
    use Kind::{Bool, Duration, Json, Number, Text, Time};
    for (condition, expected) in [
        ("a = 1", vec![("a", Number)]),
        ("a = '1'", vec![("a", Text)]),
        ("a = b", vec![("a", Text), ("b", Text)]),
        ("a < b", vec![("a", Number), ("b", Number)]),
        ("a", vec![("a", Bool)]),
        ("a = true", vec![("a", Bool)]),
        ("a > 5m", vec![("a", Duration)]),
        ("a - b > 5m", vec![("a", Duration), ("b", Duration)]),
        ("a - 5m > meta.time", vec![("a", Time)]),
        ("a < meta.time", vec![("a", Time)]),
        ("meta.time - a > 1h", vec![("a", Time)]),
        ("a is null", vec![("a", Json)]),
        ("a = 1 and a = 'x'", vec![("a", Number), ("a", Text)]),
        ("a in (b, 3)", vec![("a", Number), ("b", Number)]),
        ("a between b and 'z'", vec![("a", Text), ("b", Text)]),
        ("case when a then b else 3 end > c", vec![("a", Bool), ("b", Number), ("c", Number)]),
        ("coalesce(a, b) = 5", vec![("a", Number), ("b", Number)]),
        ("nullif(a, '') = b", vec![("a", Text), ("b", Text)]),
        ("lower(a) = b", vec![("a", Text), ("b", Text)]),
        ("abs(a) > 1", vec![("a", Number)]),
        ("substr(a, b) = 'x'", vec![("a", Text), ("b", Number)]),
        ("date_part('hour', a) = 1", vec![("a", Time)]),
        ("extract(hour from a) = b", vec![("a", Time), ("b", Number)]),
        ("a + b = c", vec![("a", Number), ("b", Number), ("c", Number)]),
        ("-a > 3", vec![("a", Number)]),
        ("a || b = c", vec![("a", Text), ("b", Text), ("c", Text)]),
        ("cast(a as int) = 3", vec![("a", Number)]),
        ("greatest(a, 5m) > 6m", vec![("a", Duration)]),
        ("a * 2 > 5m", vec![("a", Duration)]),
        ("a / b > 0.5", vec![("a", Number), ("b", Number)]),
        ("a like b", vec![("a", Text), ("b", Text)]),
        ("greatest(a, b) is not null", vec![("a", Number), ("b", Number)]),
        ("a = 5 = b", vec![("a", Number), ("b", Bool)]),
        ("a = '2024-05-01T00:00:00Z'", vec![("a", Text)]),
    ] {
        let expected: Vec<(String, Kind)> =
            expected.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect();
        assert_eq!(kinds_with(condition, false), expected, "{condition}");
    }
}

#[test]
fn schemas_decide_first() {
    for (condition, expected) in [
        ("volume = took", Kind::Number),
        ("volume is null", Kind::Number),
        ("took > 5m", Kind::Duration),
        ("created > meta.time", Kind::Time),
        ("created like '2024%'", Kind::Text),
        ("volume || 'x' = '3x'", Kind::Text),
        ("active", Kind::Bool),
        ("tags is not null", Kind::Json),
        ("actor.name = 3", Kind::Number),
    ] {
        assert_eq!(kinds_with(condition, true)[0].1, expected, "{condition}");
    }
}

#[test]
fn values_keep_types() {
    let event = r#"{"i": 3, "f": 2.50, "t": "x", "b": true, "o": {"a": [1, 2]}, "w": 18446744073709551615, "n": null}"#;
    for (expr, expected) in [
        ("i", Value::Json("3".into())),
        ("f", Value::Json("2.5".into())),
        ("t", Value::Json("\"x\"".into())),
        ("w", Value::Json("18446744073709551615".into())),
        ("n", Value::Null),
        ("missing", Value::Null),
        ("i + 1", Value::Int(4)),
        ("i / 2", Value::Float(1.5)),
        ("w - 1", Value::Wide(u64::MAX - 1)),
        ("f * 2", Value::Float(5.0)),
        ("upper(t)", Value::Text("X".into())),
        ("i = 3", Value::Bool(true)),
        ("i = 3 and t = 'y'", Value::Bool(false)),
        ("n = 3", Value::Null),
        ("90s", Value::Seconds(90.0)),
        ("meta.type", Value::Text("order.placed".into())),
        ("meta.time", Value::Time(super::NOON)),
        ("meta.time + 1s", Value::Time(super::NOON + 1_000_000_000)),
        ("'win.' || i", Value::Text("win.3".into())),
        ("coalesce(n, i)", Value::Json("3".into())),
        ("length(t)", Value::Int(1)),
        ("cast(meta.time as date)", Value::Text("2024-05-01".into())),
        ("i / 0", Value::Null),
        ("greatest(i, 10)", Value::Int(10)),
        ("greatest(i, f)", Value::Float(3.0)),
        ("nvl(n, i)", Value::Json("3".into())),
        ("to_char(meta.time, '%Y')", Value::Text("2024".into())),
        ("date_part('epoch', meta.time)", Value::Float(1_714_566_896.789)),
        ("cast(f as bigint)", Value::Int(2)),
        ("lpad(i, 3, '0')", Value::Text("003".into())),
        ("abs(i - 5m)", Value::Seconds(297.0)),
        ("-(-9223372036854775808)", Value::Null),
    ] {
        assert_eq!(value(expr, event), expected, "{expr}");
    }
    assert_eq!(value("o", event).to_json().as_str(), "{\"a\":[1,2]}");
}

//! Expressions over matches and windows, and what programs share.

use std::sync::Arc;

use olocus_event::Value;

use super::{decode, scope};
use crate::{Aggregate, Compiler, Fraction, Problem, ScalarExpr, Schemas, WindowExprs};

fn compiler() -> Compiler {
    Compiler::new(Arc::new(Schemas::empty()))
}

#[test]
fn equal_conditions_share_an_id() {
    let mut compiler = compiler();
    let first = compiler.predicate("a  = 1 and (b like 'x%')", &scope()).unwrap();
    let second = compiler.predicate("((a=1) AND b LIKE 'x%')", &scope()).unwrap();
    assert_eq!(first, second);
    let third = compiler.predicate("a = '1' and b like 'x%'", &scope()).unwrap();
    assert_ne!(first, third);
    assert_ne!(
        compiler.predicate("a.b = 1", &scope()).unwrap(),
        compiler.predicate("\"a.b\" = 1", &scope()).unwrap()
    );
    assert_eq!(
        compiler.predicate("t > 60s", &scope()).unwrap(),
        compiler.predicate("t > 1m", &scope()).unwrap()
    );
    for (one, other) in [
        ("v > 10MB", "v > 10000000.0"),
        ("v > 10MB", "v > 1e7"),
        ("v > -10", "v > -10.00"),
        ("v in (1, 2.5)", "v in (1.0, 2.50)"),
        ("v between 0.5 and 2", "v between .5 and 2.0"),
        ("v is distinct from 10", "v is distinct from 10.0"),
        ("case v when 1 then true end", "case v when 1.0 then true end"),
    ] {
        assert_eq!(
            compiler.predicate(one, &scope()).unwrap(),
            compiler.predicate(other, &scope()).unwrap(),
            "{one}, {other}"
        );
    }
    // What is computed with a fraction has one, and doubles do not overflow.
    assert_ne!(
        compiler.predicate("v * 2 > 1", &scope()).unwrap(),
        compiler.predicate("v * 2.0 > 1", &scope()).unwrap()
    );
    let program = compiler.finish();
    assert_eq!(program.predicate_count(), 13);
    let columns = program.projection().columns.len();
    let distinct: std::collections::HashSet<_> = program.projection().columns.iter().collect();
    assert_eq!(distinct.len(), columns);
}

fn window(having: Option<&str>, emit: &[&str], by: &[&str]) -> (Compiler, WindowExprs) {
    let mut compiler = compiler();
    let exprs =
        compiler.window_exprs(having, emit, by, &scope()).unwrap_or_else(|found| panic!("{found:#?}"));
    (compiler, exprs)
}

#[test]
fn windows() {
    let (compiler, exprs) = window(
        Some("avg(duration) > 300s and count(*) >= 2"),
        &[
            "user",
            "count(*)",
            "sum(bytes) / 2",
            "count(distinct host)",
            "user || '!'",
            "max(meta.time)",
            "avg(duration)",
        ],
        &["user"],
    );
    let calls: Vec<Aggregate> = exprs.aggregates.iter().map(|(function, _)| *function).collect();
    assert_eq!(
        calls,
        [
            Aggregate::Avg,
            Aggregate::Count,
            Aggregate::Sum,
            Aggregate::CountDistinct,
            Aggregate::Max,
            Aggregate::Avg
        ]
    );
    assert_eq!(exprs.aggregates[1].1, None);
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[r#"{"duration": "6m", "bytes": "12", "host": 3, "user": "u"}"#]);
    let inputs: Vec<Value> = exprs
        .aggregates
        .iter()
        .map(|(_, argument)| argument.map_or(Value::Null, |id| program.value(id, &batch, &meta).get(0)))
        .collect();
    assert_eq!(inputs[0], Value::Seconds(360.0));
    assert_eq!(inputs[2], Value::Int(12));
    assert_eq!(inputs[3], Value::Json("3".into()));
    assert_eq!(inputs[4], Value::Time(meta.time[0]));

    let results =
        [Value::Float(301.0), Value::Int(2), Value::Int(25), Value::Int(9), Value::Int(5), Value::Null];
    let by = [Value::Json("\"ann\"".into())];
    let having = exprs.having.as_ref().unwrap();
    assert!(having.holds(&results, &by));
    assert!(!having.holds(&[Value::Float(300.0), Value::Int(2)], &by));
    assert!(!having.holds(&[Value::Null, Value::Int(2)], &by));
    let emitted: Vec<Value> = exprs.emit.iter().map(|expr| expr.evaluate(&results, &by)).collect();
    assert_eq!(
        emitted,
        [
            Value::Json("\"ann\"".into()),
            Value::Int(2),
            Value::Float(12.5),
            Value::Int(9),
            Value::Text("ann!".into()),
            Value::Time(5),
            Value::Null,
        ]
    );
}

#[test]
fn equal_windows_have_equal_text() {
    let having = |text: &str| {
        window(Some(text), &[], &["user"]).1.having.as_ref().map(ScalarExpr::normalized).unwrap().to_owned()
    };
    assert_eq!(having("avg( duration )>300s"), having("AVG(duration) > 5m"));
    assert_ne!(having("avg(duration) > 300s"), having("avg(duration) > 300"));
    assert_ne!(having("count(x) > 3"), having("count(distinct x) > 3"));
    let standard = "percentile_cont(0.950) WITHIN GROUP (ORDER BY took) > 3s";
    assert_eq!(having(standard), having("Percentile_Cont(took, .95) > 3s"));
    assert_eq!(having("percentile_cont(x, 0.5) > 3"), having("median(x) > 3"));
    assert_ne!(having("percentile_cont(x, 0.51) > 3"), having("median(x) > 3"));
}

#[test]
fn percentiles_have_fractions() {
    let texts = [
        "percentile_cont(0.95) within group (order by latency)",
        "percentile_cont(latency, 0.95)",
        "percentile_cont(latency + 1, 0.5)",
        "median(latency) * 2",
        "percentile_cont(latency, 1)",
    ];
    let (_, exprs) = window(Some("median(latency) > 1"), &texts, &[]);
    let fractions: Vec<String> = exprs
        .aggregates
        .iter()
        .map(|(aggregate, argument)| match aggregate {
            Aggregate::Percentile(fraction) if argument.is_some() => fraction.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(fractions, ["0.5", "0.95", "0.5", "1"]);
    assert_eq!(exprs.aggregates[0].0, Aggregate::Percentile(Fraction::HALF));
    let read: Vec<Vec<usize>> = exprs.emit.iter().map(|expr| expr.aggregates().collect()).collect();
    assert_eq!(read, [vec![1], vec![1], vec![2], vec![0], vec![3]]);
}

#[test]
fn first_and_last_values_keep_their_json() {
    let (compiler, exprs) =
        window(Some("last(volume) > 2 * first(volume)"), &["first(host)", "last(meta.time)"], &[]);
    let calls: Vec<Aggregate> = exprs.aggregates.iter().map(|(function, _)| *function).collect();
    assert_eq!(calls, [Aggregate::Last, Aggregate::First, Aggregate::First, Aggregate::Last]);
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[r#"{"host": {"name": "a"}, "volume": "9"}"#]);
    let value = |position: usize| program.value(exprs.aggregates[position].1.unwrap(), &batch, &meta).get(0);
    let mut values: Vec<Value> = (0..4).map(value).collect();
    assert_eq!(values[0], Value::Int(9));
    let told: Vec<String> =
        exprs.emit.iter().map(|expr| expr.evaluate(&values, &[]).to_json().to_value().to_string()).collect();
    assert_eq!(told[0], r#"{"name":"a"}"#);
    assert!(told[1].starts_with("\"2024"), "{}", told[1]);
    assert!(!exprs.having.as_ref().unwrap().holds(&values, &[]));
    values[1] = Value::Int(4);
    assert!(exprs.having.as_ref().unwrap().holds(&values, &[]));
}

#[test]
fn mistakes_in_percentiles_are_told() {
    for (text, code, slice, help) in [
        ("percentile_cont(x, 95)", "wrong-arguments", "95", "did you mean 0.95?"),
        ("percentile_cont(x, 5)", "wrong-arguments", "5", "did you mean 0.05?"),
        ("percentile_cont(x, 1.5)", "wrong-arguments", "1.5", "percentile_cont(x, 0.95)"),
        ("percentile_cont(x, user)", "wrong-arguments", "user", "percentile_cont(x, 0.95)"),
        ("percentile_cont(x)", "wrong-arguments", "percentile_cont", "percentile_cont(x, 0.95)"),
        (
            "percentile_cont(0.5) within group (order by x desc)",
            "unsupported",
            "percentile_cont",
            "ascending",
        ),
        ("percentile_cont(distinct x, 0.5)", "unsupported", "percentile_cont", ""),
        ("median(lower(x))", "type-mismatch", "lower(x)", ""),
        ("percentile(x, 95)", "unknown-function", "percentile", "did you mean `percentile_cont(x, 0.95)`?"),
        (
            "approx_percentile_cont(0.9) within group (order by x)",
            "unknown-function",
            "approx_percentile_cont",
            "did you mean `percentile_cont(x, 0.95)`?",
        ),
        ("approx_median(x)", "unknown-function", "approx_median", "did you mean `median(x)`?"),
        ("approx_distinct(x)", "unknown-function", "approx_distinct", "did you mean `count(distinct x)`?"),
        ("mean(x)", "unknown-function", "mean", "did you mean `avg(x)`?"),
        ("stddev_samp(x)", "unknown-function", "stddev_samp", "did you mean `stddev(x)`?"),
        ("first_value(x)", "unknown-function", "first_value", "did you mean `first(x)`?"),
        ("medain(x)", "unknown-function", "medain", "did you mean `median`?"),
    ] {
        let found = compiler().window_exprs(None, &[text], &[], &scope()).unwrap_err();
        let [(0 | 1, problem)] = &found[..] else { panic!("{text}: {found:?}") };
        let (start, end) = problem.range;
        assert_eq!((problem.code, &text[start..end]), (code, slice), "{text}: {problem:?}");
        assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{text}: {problem:?}");
    }
}

#[test]
fn kinds_of_aggregates() {
    for (having, results, expected) in [
        ("max(name) > 'b'", Value::Text("c".into()), true),
        ("min(created) < '2024-01-01T00:00:00Z' or max(created) < meta_limit", Value::Null, false),
        ("max(volume) > 18446744073709551614", Value::Wide(u64::MAX), true),
        ("sum(volume) = 9007199254740993", Value::Int(9_007_199_254_740_993), true),
        ("sum(volume) = 9007199254740993", Value::Int(9_007_199_254_740_992), false),
        ("max(took) - 5m > 0s", Value::Seconds(301.0), true),
        ("stddev(took) > 5m", Value::Float(301.0), true),
        ("median(took) > 5m", Value::Float(300.0), false),
        ("max(meta.time) > '1970-01-01T00:00:01Z'", Value::Int(2_000_000_000), true),
    ] {
        let (_, exprs) = window(Some(having), &[], &["meta_limit"]);
        let results = vec![results; exprs.aggregates.len()];
        assert_eq!(exprs.having.unwrap().holds(&results, &[Value::Null]), expected, "{having}");
    }
}

#[test]
fn keys_convert_as_events_do() {
    for (having, key, expected) in [
        ("k + 0 = 9", "\"9\"", true),
        ("k + 0 is null", "\" 9\"", true),
        ("k + 0 is null", "\"+9\"", true),
        ("k + 0 is null", "\".75e2\"", true),
        ("k > 29s", "\"30\"", true),
        ("k < 0s", "\"-30s\"", true),
        ("k > meta_limit and k < meta.time", "1", false),
        ("date_part('hour', k) = 12", "\"2024-05-01 12:00:00\"", true),
    ] {
        let (_, exprs) = window(Some(having), &[], &["k", "meta_limit", "meta.time"]);
        let by = [
            Value::Json(key.into()),
            Value::Json("\"1970-01-01T00:00:00Z\"".into()),
            Value::Json("\"2024-05-01T00:00:00Z\"".into()),
        ];
        assert_eq!(exprs.having.unwrap().holds(&[], &by), expected, "{having} {key}");
    }
}

#[test]
fn windows_group() {
    let having = "count(*) > 3 and host = 'x'";
    let found =
        compiler().window_exprs(Some(having), &["user", "sum(avg(x))"], &["user"], &scope()).unwrap_err();
    let places: Vec<(usize, &str, (usize, usize))> =
        found.iter().map(|(position, Problem { code, range, .. })| (*position, *code, *range)).collect();
    assert_eq!(places, [(0, "not-grouped", (17, 21)), (2, "misplaced-aggregate", (4, 7))]);
    assert!(found[0].1.help.as_ref().unwrap().contains("add `host` to `by`"));
    for (text, code) in [
        ("sum(distinct x)", "unsupported"),
        ("sum(*)", "wrong-arguments"),
        ("avg(lower(x))", "type-mismatch"),
        ("count(*) filter (where x)", "unsupported"),
        ("meta.time", "not-grouped"),
    ] {
        let found = compiler().window_exprs(None, &[text], &[], &scope()).unwrap_err();
        assert_eq!((found.len(), found[0].0, found[0].1.code), (1, 1, code), "{text}: {found:?}");
    }
}

#[test]
fn keys_keep_json_types() {
    let mut compiler = compiler();
    let ids = ["user", "meta.key", "a.b", "meta.time"].map(|text| compiler.field(text, &scope()).unwrap());
    assert_eq!(compiler.field(" user ", &scope()).unwrap(), ids[0]);
    assert_eq!(compiler.field("\"user\"", &scope()).unwrap(), ids[0]);
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[r#"{"user": "5"}"#, r#"{"user": 5, "a": {"b": null}}"#]);
    let values: Vec<Vec<Value>> =
        ids.iter().map(|id| (0..2).map(|row| program.value(*id, &batch, &meta).get(row)).collect()).collect();
    assert_eq!(values[0], [Value::Json("\"5\"".into()), Value::Json("5".into())]);
    assert_eq!(values[1][0], Value::Json("\"key\"".into()));
    assert_eq!(values[2], [Value::Null, Value::Null]);
    assert_eq!(values[3][0], Value::Json("\"2024-05-01T12:34:56.789Z\"".into()));
}

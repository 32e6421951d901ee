//! What holds for any text and any batch.

use std::sync::{Arc, LazyLock};

use arrow::buffer::BooleanBuffer;
use olocus_event::{Kind, Value as EventValue};
use proptest::prelude::*;

use super::{decode, predicates, schemas, scope, typed_scope};
use crate::{Compiler, Program, Schemas, Steps};

/// Texts that get past the lexer more often than chance would have it.
fn likely_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "a",
        "user_id",
        "volume",
        "meta.time",
        "meta.x",
        "login.a",
        "\"odd key\"",
        "'x'",
        "'2024-05-01'",
        "1",
        "2.5",
        "5m",
        "10MB",
        "18446744073709551615",
        "null",
        "true",
        "=",
        "<>",
        "<",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "||",
        "and",
        "or",
        "not",
        "in",
        "(",
        ")",
        ",",
        "like",
        "is null",
        "between",
        "case",
        "when",
        "then",
        "else",
        "end",
        "lower(",
        "abs(",
        "coalesce(",
        "substr(",
        "date_part(",
        "count(",
        "avg(",
        "distinct",
        "cast(",
        "as",
        "int",
        "::",
        "~",
        "&",
        ".",
        "interval",
        "extract(",
        "from",
        "hour",
        "over",
        "exists",
        "[",
        "]",
        "é",
    ]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.join(" "))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        (-5i64..5).prop_map(|n| n.to_string()),
        Just("0.5".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("\"3\"".to_owned()),
        Just("\"x\"".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
    ]
}

/// JSON texts of fields, with many that are nearly a number, a duration or a time. Numbers are in their canonical spelling,
/// which is all that a key keeps of them.
fn field() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        "[ +-]{0,2}[0-9]{0,2}[.]?[0-9]{0,2}(e[+-]?[0-9]{1,3})?(ms|s|m|h)?[ ]?",
        "P?T?[0-9]{0,2}[DHMS]?",
        "(2024-05-01|2024-02-30)[T ]12:34:56([.]5)?(Z|[+]01:00|)",
        prop::sample::select(vec![
            "true",
            "false",
            "True",
            "inf",
            "NaN",
            "18446744073709551615",
            "",
            "null",
            "a\\\"\n"
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        text.prop_map(|text| serde_json::Value::from(text).to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-1000i32..1000).prop_map(|number| (f64::from(number) / 8.0).to_string()),
        prop::sample::select(vec![
            "null",
            "true",
            "false",
            "18446744073709551615",
            "1e300",
            "[1]",
            "{\"b\":2}",
            "{}"
        ])
        .prop_map(str::to_owned),
    ]
}

/// For each kind, an expression that reads a field as that.
const READ: [(&str, Kind); 6] = [
    ("a", Kind::Json),
    ("a || ''", Kind::Text),
    ("a + 0", Kind::Number),
    ("a is true", Kind::Bool),
    ("a + 0s", Kind::Duration),
    ("date_part('epoch', a)", Kind::Time),
];

fn compile_everywhere(text: &str) {
    let steps = [typed_scope()];
    for schemas in [Schemas::empty(), schemas()] {
        let mut compiler = Compiler::new(Arc::new(schemas));
        let ranges = [
            compiler.predicate(text, &typed_scope()).err(),
            compiler.value(text, &typed_scope()).err(),
            compiler.field(text, &typed_scope()).err(),
            compiler.step_condition(text, &typed_scope(), Steps { all: &steps, visible: &[true] }).err(),
            compiler
                .sequence_exprs(Some(text), &[text], &steps)
                .err()
                .map(|found| found.into_iter().map(|(_, problem)| problem).collect()),
            compiler
                .window_exprs(Some(text), &[text], &["a"], &scope())
                .err()
                .map(|found| found.into_iter().map(|(_, problem)| problem).collect()),
        ];
        for problems in ranges.into_iter().flatten() {
            assert!(!problems.is_empty(), "{text}");
            for problem in problems {
                assert!(text.get(problem.range.0..problem.range.1).is_some(), "{text}: {problem:?}");
            }
        }
    }
}

/// AND, OR and NOT over comparisons, of which those of `s` with constants are looked up together when there are enough.
fn condition() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "s = 'x'",
        "'y' = s",
        "s = 'z'",
        "s in ('x', 'w', '')",
        "s <> 'y'",
        "a > 2",
        "1 / a > 0",
        "a = 0.5",
        "s is null",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (parts.clone(), Just(" and ")).prop_map(|(parts, join)| format!("({})", parts.join(join))),
            (parts, Just(" or ")).prop_map(|(parts, join)| format!("({})", parts.join(join))),
            inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

/// The rows on which a condition holds, and on how many it failed.
fn truth(program: &Program, texts: &[String], predicate: usize) -> (Vec<bool>, u64) {
    let (batch, meta) = decode(program, texts);
    let found = predicates(program, &batch, &meta);
    let bits = found.bits[predicate].as_ref();
    (bits.map_or_else(|| vec![false; texts.len()], |bits| bits.iter().collect()), found.failed)
}

/// Conditions that fail on some rows, over numbers of all types.
static PROGRAM: LazyLock<Program> = LazyLock::new(|| {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    for condition in [
        "a / b > 0 or a % b = 1",
        "a + b > 9223372036854775806",
        "a * b = 18446744073709551615 and not a - b < 0",
        "sqrt(a) >= b",
        "a is null or b || 'x' = '3x'",
        "substr('abcdef', a) = 'cdef' or power(a, b) > 2",
        "case when a > 0 then b else a end in (1, 2, 0.5)",
        "cast(a as text) = b or b",
    ] {
        compiler
            .predicate(condition, &scope())
            .unwrap_or_else(|problems| panic!("{condition}: {problems:?}"));
    }
    compiler.finish()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_compiles_or_says_why(text in "\\PC{0,60}") {
        compile_everywhere(&text);
    }

    #[test]
    fn any_pieces_compile_or_say_why(text in likely_text()) {
        compile_everywhere(&text);
    }

    #[test]
    fn a_key_is_read_like_the_column_it_came_from(field in field()) {
        for (text, kind) in READ {
            let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
            let column = compiler.value(text, &scope()).unwrap();
            let key = compiler.field("a", &scope()).unwrap();
            let exprs = compiler.window_exprs(None, &[text], &["a"], &scope()).unwrap();
            let program = compiler.finish();
            prop_assert!(program.projection().columns.iter().any(|(_, read)| *read == kind), "{}", text);
            let (batch, meta) = decode(&program, &[format!("{{\"a\": {field}}}")]);
            let value = |id| program.value(id, &batch, &meta).get(0);
            prop_assert_eq!(exprs.emit[0].evaluate(&[], &[value(key)]), value(column), "{}", text);
        }
    }

    #[test]
    fn rows_do_not_depend_on_their_batch(
        events in prop::collection::vec((number(), number()), 1..40),
        cut in 0usize..40,
    ) {
        let texts: Vec<String> = events.iter().map(|(a, b)| format!(r#"{{"a": {a}, "b": {b}}}"#)).collect();
        let evaluate = |texts: &[String]| {
            let (batch, meta) = decode(&PROGRAM, texts);
            let found = predicates(&PROGRAM, &batch, &meta);
            let value = |bits: &Option<BooleanBuffer>, row| bits.as_ref().is_some_and(|bits| bits.value(row));
            let rows: Vec<Vec<bool>> =
                (0..texts.len()).map(|row| found.bits.iter().map(|bits| value(bits, row)).collect()).collect();
            (rows, found.failed)
        };
        let (whole, failed) = evaluate(&texts);
        let (head, tail) = texts.split_at(cut.min(texts.len()));
        let ((mut rows, head_failed), (tail_rows, tail_failed)) = (evaluate(head), evaluate(tail));
        rows.extend(tail_rows);
        prop_assert_eq!(&whole, &rows);
        prop_assert_eq!(failed, head_failed + tail_failed);
        let alone: Vec<Vec<bool>> = texts.iter().flat_map(|text| evaluate(std::slice::from_ref(text)).0).collect();
        prop_assert_eq!(whole, alone);
    }

    #[test]
    fn conditions_hold_alike_alone_among_others_and_as_values(
        conditions in prop::collection::vec(condition(), 1..6),
        events in prop::collection::vec((number(), prop::sample::select(vec!["\"x\"", "\"y\"", "\"\"", "null", "3"])), 1..30),
    ) {
        let texts: Vec<String> = events.iter().map(|(a, s)| format!(r#"{{"a": {a}, "s": {s}}}"#)).collect();
        let mut together = Compiler::new(Arc::new(Schemas::empty()));
        let ids: Vec<_> = conditions.iter().map(|text| together.predicate(text, &scope()).unwrap()).collect();
        let together = together.finish();
        let mut failed = std::collections::HashMap::new();
        for (text, id) in conditions.iter().zip(ids) {
            let mut alone = Compiler::new(Arc::new(Schemas::empty()));
            alone.predicate(text, &scope()).unwrap();
            let value = alone.value(text, &scope()).unwrap();
            let alone = alone.finish();
            let (held, own_failed) = truth(&alone, &texts, 0);
            prop_assert_eq!(&truth(&together, &texts, id.index()).0, &held, "{}", text);
            failed.insert(id, own_failed);
            let (batch, meta) = decode(&alone, &texts);
            let values = alone.value(value, &batch, &meta);
            let as_values: Vec<bool> =
                (0..texts.len()).map(|row| values.get(row) == EventValue::Bool(true)).collect();
            prop_assert_eq!(as_values, held, "{}", text);
        }
        prop_assert_eq!(truth(&together, &texts, 0).1, failed.values().sum::<u64>());
    }
}

//! Conditions that are looked for together hold on the rows on which DataFusion says that they do.

use std::sync::Arc;

use olocus_event::Value;
use proptest::prelude::*;

use super::{decode, scope};
use crate::{Compiler, Found, FoundRow, PredicateId, Program, Schemas};

/// Comparisons of every sort that an index knows, and some that it does not.
fn leaf() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "0",
        "1",
        "-1",
        "2",
        "5",
        "0.5",
        "-0.5",
        "2.5",
        "9007199254740993",
        "9007199254740992.5",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e300",
    ]);
    let text =
        prop::sample::select(vec!["x", "y", "xy", "aXbYc", "", "é", "É", "a_c", "user-0123456789-abc", "K"]);
    let pattern = prop::sample::select(vec![
        "%",
        "x%",
        "%y",
        "%x%",
        "x%y",
        "%a%b%",
        "a_b%c",
        "_",
        "%é",
        "user-%-abc",
        "%%",
        "a\\_c",
        "k",
        "%b_c%",
    ]);
    let regex =
        prop::sample::select(vec!["x", "^x", "y$", "[xy]{2}", "^$", "é", "(?i)x", "a.*c", "\\w+", "k"]);
    let operator = prop::sample::select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let not = prop::sample::select(vec!["", "not "]);
    let seconds = prop::sample::select(vec!["1s", "90s", "1500ms", "0s"]);
    let time = prop::sample::select(vec!["2024-05-01T12:00:00Z", "2024-05-01", "2024-05-01T14:00:00+02:00"]);
    prop_oneof![
        3 => (operator.clone(), number.clone()).prop_map(|(operator, number)| format!("n {operator} {number}")),
        1 => (operator.clone(), number.clone()).prop_map(|(operator, number)| format!("{number} {operator} n")),
        1 => (not.clone(), number.clone(), number.clone())
            .prop_map(|(not, low, high)| format!("n {not}between {low} and {high}")),
        1 => (not.clone(), prop::collection::vec(number, 1..5))
            .prop_map(|(not, all)| format!("n {not}in ({})", all.join(", "))),
        1 => (operator.clone(), seconds).prop_map(|(operator, seconds)| format!("d {operator} {seconds}")),
        1 => (operator, time).prop_map(|(operator, time)| format!("t {operator} '{time}'")),
        3 => (prop::sample::select(vec!["=", "<>"]), text.clone())
            .prop_map(|(operator, text)| format!("s {operator} '{text}'")),
        1 => (not.clone(), prop::collection::vec(text.clone(), 1..5))
            .prop_map(|(not, all)| format!("s {not}in ('{}')", all.join("', '"))),
        2 => (not.clone(), prop::sample::select(vec!["like", "ilike"]), pattern)
            .prop_map(|(not, like, pattern)| format!("s {not}{like} '{pattern}'")),
        2 => (prop::sample::select(vec!["~", "~*", "!~", "!~*"]), regex.clone())
            .prop_map(|(operator, regex)| format!("s {operator} '{regex}'")),
        1 => (prop::sample::select(vec!["contains", "starts_with", "ends_with"]), text)
            .prop_map(|(function, text)| format!("{function}(s, '{text}')")),
        1 => regex.prop_map(|regex| format!("regexp_like(s, '{regex}')")),
        1 => prop::sample::select(vec![
            "s is null", "n is not null", "d is null", "b", "b = false", "b is true", "true <> b",
            "1 / n > 0", "n % 2 = 1", "sqrt(n) > 1", "upper(s) = 'XY'", "length(s) > 1", "n + 0 > 1 / n",
            "substr('abcdef', n) = 'cdef'",
        ]).prop_map(str::to_owned),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            3 => parts.clone().prop_map(|parts| format!("({})", parts.join(" and "))),
            1 => parts.prop_map(|parts| format!("({})", parts.join(" or "))),
            1 => inner.prop_map(|part| format!("not ({part})")),
        ]
    })
}

fn event() -> impl Strategy<Value = String> {
    let number = prop::sample::select(vec![
        "null",
        "0",
        "1",
        "-1",
        "2",
        "3",
        "5",
        "0.0",
        "-0.0",
        "0.5",
        "2.5",
        "2.0",
        "-0.5",
        "9007199254740993",
        "9007199254740992.0",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "1e300",
        "-9223372036854775808",
        "\"x\"",
        "\"5\"",
    ]);
    let text = prop::sample::select(vec![
        "null",
        "\"x\"",
        "\"y\"",
        "\"xy\"",
        "\"X\"",
        "\"aXbYc\"",
        "\"\"",
        "\"é\"",
        "\"É\"",
        "\"a_c\"",
        "\"abc\"",
        "\"axbc\"",
        "\"user-0123456789-abc\"",
        "\"\\n\"",
        "\"\u{212a}\"",
        "5",
    ]);
    let seconds = prop::sample::select(vec!["null", "1", "90", "1.5", "\"90s\"", "\"x\"", "0", "-0.0"]);
    let time = prop::sample::select(vec![
        "null",
        "\"2024-05-01T12:00:00Z\"",
        "\"2024-05-01T00:00:00.000000001Z\"",
        "\"x\"",
    ]);
    let bool = prop::sample::select(vec!["null", "true", "false", "3"]);
    (number, text, seconds, time, bool).prop_map(|(number, text, seconds, time, bool)| {
        format!(r#"{{"n": {number}, "s": {text}, "d": {seconds}, "t": {time}, "b": {bool}}}"#)
    })
}

/// `None` where DataFusion cannot plan one of the conditions, as where it makes decimals of bounds.
fn compile(conditions: &[String]) -> Option<(Program, Vec<PredicateId>)> {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    let ids = conditions.iter().map(|text| compiler.predicate(text, &scope()).ok()).collect::<Option<_>>()?;
    Some((compiler.finish(), ids))
}

/// Where DataFusion says that the condition is TRUE.
fn plainly(condition: &str, events: &[String]) -> Vec<bool> {
    let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
    let value = compiler.value(condition, &scope()).unwrap();
    let program = compiler.finish();
    let (batch, meta) = decode(&program, events);
    let values = program.value(value, &batch, &meta);
    // A field by itself is read as whatever it is.
    let holds = |row| values.get(row) == Value::Bool(true) || values.get(row) == Value::Json("true".into());
    (0..events.len()).map(holds).collect()
}

#[test]
fn both_zeros_are_one_in_every_comparison() {
    let events: Vec<String> =
        ["0", "-0", "0.0", "-0.0"].iter().map(|zero| format!(r#"{{"n": {zero}, "d": {zero}}}"#)).collect();
    let zeros = ["0", "0.0", "-0.0", "-0"];
    let mut conditions = Vec::new();
    for (operator, expected) in
        [("=", true), ("<>", false), ("<", false), ("<=", true), (">", false), (">=", true)]
    {
        conditions.extend(zeros.map(|zero| (format!("n {operator} {zero}"), expected)));
        conditions.extend(zeros.map(|zero| (format!("{zero} {operator} n"), expected)));
        conditions.push((format!("d {operator} 0s"), expected));
    }
    conditions.extend(zeros.map(|zero| (format!("n in ({zero}, 7)"), true)));
    conditions.extend(zeros.map(|zero| (format!("n not in ({zero}, 7)"), false)));
    conditions.extend(zeros.map(|zero| (format!("n in (9, 8, 7, {zero})"), true)));
    conditions.extend(zeros.map(|zero| (format!("n between {zero} and 7"), true)));
    conditions.extend(zeros.map(|zero| (format!("n between -7 and {zero}"), true)));
    for (condition, expected) in conditions {
        let (program, ids) = compile(std::slice::from_ref(&condition)).unwrap();
        let (batch, meta) = decode(&program, &events);
        let columns = program.columns(&batch, &meta);
        let mut found = Found::default();
        program.index(&ids, &[]).find(&columns, None, &mut found);
        let found: Vec<bool> =
            (0..events.len()).map(|row| found.hits.contains(&(row as u32, ids[0]))).collect();
        assert_eq!(found, vec![expected; events.len()], "{condition}");
        assert_eq!(plainly(&condition, &events), found, "{condition}, evaluated");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_index_finds_what_evaluation_finds(
        conditions in prop::collection::vec(condition(), 1..24),
        events in prop::collection::vec(event(), 1..24),
        chosen in any::<u32>(),
    ) {
        let Some((program, ids)) = compile(&conditions) else { return Ok(()) };
        let (batch, meta) = decode(&program, &events);
        let columns = program.columns(&batch, &meta);
        let (asked, wanted): (Vec<PredicateId>, Vec<PredicateId>) =
            ids.iter().partition(|id| chosen >> (id.index() % 32) & 1 == 1);
        let index = program.index(&wanted, &asked);
        let rows: Vec<u32> = (0..events.len() as u32).filter(|row| chosen.rotate_left(7) >> row & 1 == 1).collect();
        let mut found = Found::default();
        index.find(&columns, Some(&rows), &mut found);
        let told: Vec<FoundRow<'_>> = found.rows().collect();
        prop_assert!(found.hits.is_sorted_by(|a, b| a < b) && told.is_sorted_by(|a, b| a.row < b.row));
        let told_hits: Vec<(u32, PredicateId)> = told.iter().flat_map(|row| row.hits).copied().collect();
        prop_assert_eq!(&told_hits, &found.hits);
        prop_assert!(told.iter().all(|told| told.hits.iter().all(|(row, _)| *row == told.row)));
        prop_assert!(told.iter().all(|told| told.is_asked == found.is_asked(told.row)));
        let mut all = Found::default();
        program.index(&ids, &[]).find(&columns, None, &mut all);
        for (id, condition) in ids.iter().zip(&conditions) {
            let expected = plainly(condition, &events);
            for row in 0..events.len() {
                let hit = (row as u32, *id);
                prop_assert_eq!(all.hits.contains(&hit), expected[row], "{} on {}", condition, events[row]);
                if program.is_native(*id) {
                    prop_assert_eq!(columns.holds(*id, row), expected[row], "{} on {}", condition, events[row]);
                }
                let is_told = found.hits.contains(&hit);
                let is_asked = asked.contains(id) && program.is_native(*id);
                prop_assert_eq!(is_told, !is_asked && expected[row] && rows.contains(&hit.0), "{}", condition);
                if is_asked && expected[row] && rows.contains(&hit.0) {
                    prop_assert!(found.is_asked(hit.0), "{} on {}", condition, events[row]);
                }
            }
        }
        for told in told.iter().filter(|told| told.is_asked) {
            let holds = |id: &PredicateId| program.is_native(*id) && all.hits.contains(&(told.row, *id));
            prop_assert!(rows.contains(&told.row) && asked.iter().any(holds));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn failures_are_those_of_single_rows_and_single_conditions(
        conditions in prop::collection::vec(condition(), 1..8),
        events in prop::collection::vec(event(), 1..16),
    ) {
        let failed = |conditions: &[String], events: &[String]| {
            let (program, mut ids) = compile(conditions)?;
            let (batch, meta) = decode(&program, events);
            ids.sort_unstable();
            ids.dedup();
            let mut found = Found::default();
            program.index(&ids, &[]).find(&program.columns(&batch, &meta), None, &mut found);
            Some((found.failed, ids.len()))
        };
        let Some((together, distinct)) = failed(&conditions, &events) else { return Ok(()) };
        prop_assume!(distinct == conditions.len());
        let alone = |condition: &String, event: &String| {
            let failed = failed(std::slice::from_ref(condition), std::slice::from_ref(event));
            failed.map_or(0, |(failed, _)| failed)
        };
        let apart: u64 = conditions.iter().flat_map(|condition| events.iter().map(|event| alone(condition, event))).sum();
        prop_assert_eq!(together, apart);
    }
}

#[test]
fn the_way_to_a_condition_is_told() {
    let mut conditions: Vec<String> = (0..5).map(|n| format!("type = 'A' and role = 'r{n}'")).collect();
    conditions.extend((0..5).map(|n| format!("type = 'C' and v > {n}")));
    conditions.extend((0..3).map(|n| format!("type = 'D' and path like '%p{n}%'")));
    conditions.extend((0..3).map(|n| format!("type = 'E' and path ~ 'p{n}+'")));
    conditions.push("type = 'F' and length(path) > 3".to_owned());
    conditions.push("length(path) > 3".to_owned());
    conditions.push("w < 3 or type = 'G'".to_owned());
    let (program, ids) = compile(&conditions).unwrap();
    let told = |at: usize| program.access(ids[at]).to_string();
    assert_eq!(told(0), "a hash probe of `type`, then a hash probe of `role`");
    assert_eq!(told(7), "a hash probe of `type`, then a sorted search of `v`");
    assert_eq!(
        told(10),
        "a hash probe of `type`, then a search for all parts of texts in `path`, then a comparison row by row"
    );
    assert_eq!(told(13), "a hash probe of `type`, then a match of `path` with all regular expressions");
    assert_eq!(told(16), "a hash probe of `type`, then evaluation by itself");
    assert_eq!(told(17), "evaluation by itself");
    assert_eq!(told(18), "a hash probe of `type`; or a sorted search of `w`");
}

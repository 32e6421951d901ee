//! Expressions over the events that matches have taken.

use std::sync::Arc;

use olocus_event::Value;
use serde_json::{Value as Json, json};

use super::{decode, schemas};
use crate::{
    Aggregate, Comparison, Compiler, CrossCondition, CrossInput, EventScope, Fraction, Problem, Schemas,
    SequenceExprs, StepCondition, StepValue, Steps,
};

/// A login, accesses of which there may be many, an export.
fn steps() -> [EventScope; 3] {
    let step = |name: &str| EventScope { step: Some(name.to_owned()), ..EventScope::default() };
    [step("login"), EventScope { repeats: true, ..step("access") }, step("export")]
}

fn compiler() -> Compiler {
    Compiler::new(Arc::new(Schemas::empty()))
}

fn sequence(emit: &[&str]) -> (Compiler, SequenceExprs) {
    let mut compiler = compiler();
    let exprs =
        compiler.sequence_exprs(None, emit, &steps()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    (compiler, exprs)
}

/// The condition of the last step.
fn condition(text: &str) -> (Compiler, StepCondition) {
    let (mut compiler, all) = (compiler(), steps());
    let steps = Steps { all: &all, visible: &[true, true, true] };
    let condition = compiler
        .step_condition(text, &all[2], steps)
        .unwrap_or_else(|problems| panic!("{text}: {problems:#?}"));
    (compiler, condition)
}

/// Mistakes in a condition of a step `now` that stands before the last one.
fn problems(text: &str) -> Vec<Problem> {
    let all = steps();
    let now = EventScope { step: Some("now".to_owned()), ..EventScope::default() };
    let steps = Steps { all: &all, visible: &[true, true, false] };
    compiler().step_condition(text, &now, steps).err().unwrap_or_default()
}

#[test]
fn single_events_of_steps_keep_their_values() {
    let emit = [
        "login.user_id",
        "export.volume",
        "export.volume * 2",
        "login.user.name || '-' || export.user.name",
        "export.meta.time - login.meta.time",
        "export.meta.time",
        "login.meta.id",
        "export.volume > login.volume",
        "export.volume / 0",
        "export.tags",
        "coalesce(login.missing, 'none')",
        "login.missing",
    ];
    let (compiler, exprs) = sequence(&emit);
    assert!(exprs.values.iter().all(|value| value.function == Aggregate::First));
    let program = compiler.finish();
    let (batch, mut meta) = decode(
        &program,
        &[
            r#"{"user_id": 7, "volume": 1, "user": {"name": "ann"}}"#,
            r#"{"volume": 20000000, "user": {"name": "bob"}, "tags": ["a"]}"#,
        ],
    );
    meta.time = vec![0, 1_500_000_000];
    let value = |value: &StepValue| {
        program.value(value.argument.unwrap(), &batch, &meta).get(usize::from(value.step == 2))
    };
    let values: Vec<Value> = exprs.values.iter().map(value).collect();
    let results: Vec<Json> =
        exprs.emit.iter().map(|expr| expr.evaluate(&values, &[]).to_json().to_value()).collect();
    let expected = json!([
        7,
        20_000_000,
        40_000_000,
        "ann-bob",
        1.5,
        "1970-01-01T00:00:01.500Z",
        "orders/3/0",
        true,
        null,
        ["a"],
        "none",
        null
    ]);
    assert_eq!(Json::from(results), expected);
}

#[test]
fn events_of_a_step_are_told_by_aggregates() {
    let emit = [
        "count(access)",
        "sum(access.volume) / count(access.volume)",
        "last(access.host)",
        "last(access).host",
        "first(access).meta.time",
        "count(distinct access.host)",
        "max(access.volume - access.overhead)",
        "percentile_cont(0.5) within group (order by access.volume)",
    ];
    let (_, exprs) = sequence(&emit);
    let read: Vec<(usize, Aggregate, bool)> =
        exprs.values.iter().map(|value| (value.step, value.function, value.argument.is_some())).collect();
    let access = |function, argument| (1, function, argument);
    assert_eq!(
        read,
        [
            access(Aggregate::Count, false),
            access(Aggregate::Sum, true),
            access(Aggregate::Count, true),
            access(Aggregate::Last, true),
            access(Aggregate::First, true),
            access(Aggregate::CountDistinct, true),
            access(Aggregate::Max, true),
            access(Aggregate::Percentile(Fraction::HALF), true),
        ]
    );
    // Durations stay durations, and what is emitted alone stays as it is in the event.
    let (compiler, exprs) = sequence(&["first(access.meta.time)", "last(access.host)"]);
    let program = compiler.finish();
    let (batch, meta) = decode(&program, &[r#"{"host": {"name": "a"}}"#]);
    let values: Vec<Value> = exprs
        .values
        .iter()
        .map(|value| program.value(value.argument.unwrap(), &batch, &meta).get(0))
        .collect();
    let told: Vec<Json> =
        exprs.emit.iter().map(|expr| expr.evaluate(&values, &[]).to_json().to_value()).collect();
    assert_eq!(told, [json!("2024-05-01T12:34:56.789Z"), json!({ "name": "a" })]);
}

#[test]
fn having_judges_a_match() {
    let mut compiler = compiler();
    let exprs =
        compiler.sequence_exprs(Some("count(access) >= 3 AND export.volume > 5"), &[], &steps()).unwrap();
    let having = exprs.having.unwrap();
    assert!(having.holds(&[Value::Int(3), Value::Int(6)], &[]));
    assert!(!having.holds(&[Value::Int(2), Value::Int(6)], &[]));
    assert!(!having.holds(&[Value::Int(3), Value::Null], &[]));
}

#[test]
fn what_the_event_decides_alone_is_split_off() {
    let (compiler, found) = condition("volume > 10MB AND user = login.user AND kind = 'x'");
    let predicate = found.predicate.unwrap();
    assert_eq!(compiler.normalized(predicate), "(\"volume:number\" > 10000000 AND \"kind:text\" = 'x')");
    assert!(matches!(
        found.cross[..],
        [CrossCondition::Compare {
            operator: Comparison::Equal,
            value: StepValue { step: 0, function: Aggregate::First, .. },
            ..
        }]
    ));
    let (_, found) = condition("last(access).volume < volume OR volume > 5");
    assert!(found.predicate.is_none());
    assert!(matches!(found.cross[..], [CrossCondition::Expr(_)]));
    let (_, found) = condition("export.volume > 5");
    assert!(found.predicate.is_some() && found.cross.is_empty());
}

#[test]
fn comparisons_are_told_with_the_event_on_the_left() {
    for (text, operator, step, function) in [
        ("volume > login.volume", Comparison::Greater, 0, Aggregate::First),
        ("login.volume > export.volume", Comparison::Less, 0, Aggregate::First),
        ("sum(access.volume) <= volume", Comparison::GreaterOrEqual, 1, Aggregate::Sum),
        ("meta.time < last(access).meta.time", Comparison::Less, 1, Aggregate::Last),
        ("host <> login.host", Comparison::NotEqual, 0, Aggregate::First),
    ] {
        let (_, found) = condition(text);
        let [CrossCondition::Compare { operator: told, value, .. }] = found.cross[..] else {
            panic!("{text}: {found:?}");
        };
        assert_eq!((told, value.step, value.function), (operator, step, function), "{text}");
    }
    // Truth values have no order, and computed values are no columns.
    for text in ["active IS NOT TRUE AND active <> login.active IS TRUE", "volume > 2 * sum(access.volume)"] {
        let (_, found) = condition(text);
        assert!(found.cross.iter().any(|cross| matches!(cross, CrossCondition::Expr(_))), "{text}");
    }
}

#[test]
fn computed_conditions_hold_for_values() {
    let (_, found) = condition("volume > 2 * sum(access.volume) OR count(access) >= 10");
    let [CrossCondition::Expr(expr)] = &found.cross[..] else { panic!("{found:?}") };
    let holds = |volume: i64, sum: i64, count: i64| {
        let value = |input: &CrossInput| match input {
            CrossInput::Event(_) => Value::Int(volume),
            CrossInput::Taken(StepValue { function: Aggregate::Sum, .. }) => Value::Int(sum),
            CrossInput::Taken(_) => Value::Int(count),
        };
        expr.holds(&expr.inputs().iter().map(value).collect::<Vec<_>>())
    };
    assert!(holds(5, 2, 0) && !holds(4, 2, 9) && holds(4, 2, 10));
}

#[test]
fn uses_are_learned_across_steps() {
    let (mut compiler, mut all) = (compiler(), steps());
    let [.., export] = steps();
    let mut event = export;
    compiler.learn_step_condition("took > 5m AND took > login.took", &mut event, &mut all);
    compiler.learn_sequence_exprs(Some("login.took > 1s"), &[], &mut all);
    let steps = Steps { all: &all, visible: &[true; 3] };
    let found = compiler.step_condition("took = login.took", &event, steps).unwrap();
    assert!(found.normalized(&compiler).contains("took:duration Equal"), "{}", found.normalized(&compiler));
}

#[test]
fn mistakes_are_told() {
    for (text, code, slice, help) in [
        ("volume > access.volume", "several-events", "access.volume", "last(access.volume)"),
        ("volume > export.volume", "later-step", "export.volume", "having"),
        ("volume > sum(export.volume)", "later-step", "export.volume", "having"),
        ("volume > sum(volume)", "needs-step", "volume", "as in sum(login.field)"),
        ("volume > sum(login.volume + access.volume)", "two-steps", "access.volume", ""),
        ("volume > sum(login.volume + volume)", "needs-step", "volume", "login.volume"),
        ("volume > sum(access)", "not-a-value", "sum", "sum(access.field)"),
        ("count(*) > 2", "wrong-arguments", "count", ""),
        ("sum(count(access)) > 2", "misplaced-aggregate", "count", ""),
        ("volume > lst(access.volume)", "unknown-function", "lst", "`last`"),
    ] {
        let found = problems(text);
        let first = found.first().unwrap_or_else(|| panic!("{text}"));
        assert_eq!((first.code, &text[first.range.0..first.range.1]), (code, slice), "{text}: {found:?}");
        let told = format!("{} {}", first.message, first.help.as_deref().unwrap_or_default());
        assert!(told.contains(help), "{text}: {first:?}");
    }
    // The own step's name is no other step, and a field in quotes is none.
    assert!(problems("now.volume > 1 AND count(access) < 5").is_empty());
    assert!(problems("\"export\".volume > 1").is_empty());
}

#[test]
fn matches_need_steps() {
    for (text, code, slice, help) in [
        ("user_id", "needs-step", "user_id", "login.user_id; steps: login, access, export"),
        ("login", "not-a-value", "login", "login.field"),
        ("logn.user_id", "needs-step", "logn.user_id", "did you mean `login.user_id`?"),
        ("meta.time", "needs-step", "meta.time", "steps: login, access, export"),
        ("access.volume", "several-events", "access.volume", "last(access.volume)"),
    ] {
        let found = compiler().sequence_exprs(None, &[text], &steps()).unwrap_err();
        let [(1, problem)] = &found[..] else { panic!("{text}: {found:?}") };
        assert_eq!((problem.code, &text[problem.range.0..problem.range.1]), (code, slice), "{text}");
        assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{text}: {problem:?}");
    }
}

#[test]
fn schemas_are_heeded() {
    let typed = EventScope { types: vec!["t".to_owned()], ..steps()[0].clone() };
    let all = [typed, steps()[2].clone()];
    let mut compiler = Compiler::new(Arc::new(schemas()));
    let steps = Steps { all: &all, visible: &[true, true] };
    let found = compiler.step_condition("volume > login.volumes", &all[1], steps).unwrap_err();
    assert_eq!(found[0].code, "unknown-field");
    assert!(found[0].help.as_deref().unwrap().contains("volume"));
}

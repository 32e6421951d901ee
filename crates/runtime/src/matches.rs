//! Findings of the automata → matches: conditions over the whole, emitted values, identity.

use std::sync::Arc;

use olocus_cep::pattern::{RegisterFunction, RegisterId};
use olocus_cep::{Finding, Found, Key, Scalar, Taken};
use olocus_event::time::format_rfc3339;
use olocus_event::{JsonText, Value};
use olocus_expr::{ScalarExpr, Tables};
use serde_json::value::RawValue;

use self::data::{Frame, Members, Reference, SummaryData, Whole, WindowData};
use self::identity::Identity;
use crate::plan::{OutputPlan, Plan, RulePlan, SequenceValue, WindowValue};
use crate::prepare::{StoredEvent, scalar};

mod data;
mod identity;

pub use self::data::EMBEDDED_BYTES_MAX;

/// A match of a rule: a value that the edge turns into records, log lines and calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// Index of the rule in the plan.
    pub rule: usize,
    /// Deterministic id: the same events under the same rule version give the same id.
    pub id: String,
    /// The rule's key as canonical JSON text; `null` without `by`.
    pub key: Key,
    /// Event time of the last event in nanoseconds.
    pub end: i64,
    /// When its time was up, if it is a partial match that ran out of time.
    pub timed_out: Option<i64>,
    /// The data of the match record.
    pub data: JsonText,
}

/// Turns a finding into a match, or into nothing where `having` does not hold.
pub(crate) fn make_match(plan: &Plan, tables: &Tables, finding: Finding<Arc<StoredEvent>>) -> Option<Match> {
    let Finding { rule: index, key, found } = finding;
    let rule = &plan.rules[index];
    match (found, &rule.output) {
        (Found::Match { events }, OutputPlan::Sequence { .. }) => {
            sequence_match(rule, tables, (index, key), &events, None)
        }
        (Found::Timeout { events, at }, OutputPlan::Sequence { .. }) => {
            sequence_match(rule, tables, (index, key), &events, Some(at))
        }
        (
            Found::Summary { first, last, counts, registers, approximate: estimates, timed_out },
            OutputPlan::Sequence { steps, .. },
        ) => {
            let registers: Vec<Value> = registers.into_iter().map(value).collect();
            let Judged { emit, approximate, holds } = judge(rule, tables, |slot| {
                let Some(register) = slot.register.map(RegisterId::index) else {
                    return (Value::Null, false);
                };
                let value = registers.get(register).cloned().unwrap_or(Value::Null);
                (value, estimates.contains(&register))
            })?;
            if timed_out.is_none() && !holds {
                return None;
            }
            let mut identity = Identity::of(rule, &key);
            identity.event(&first);
            identity.event(&last);
            counts.iter().for_each(|count| identity.number(i64::try_from(*count).unwrap_or(i64::MAX)));
            let names = steps.iter().zip(counts).filter(|(_, count)| *count > 0);
            let counts = names.filter_map(|(name, count)| Some((name.as_deref()?, count))).collect();
            let summary = SummaryData {
                first: Reference::of(&first),
                last: Reference::of(&last),
                counts: Members(counts),
            };
            let (start, end) = (first.time, last.time);
            let frame = Frame { rule: index, key, start, end, timed_out, emit, approximate };
            Some(frame.finish(rule, identity, Whole::Summary(Box::new(summary))))
        }
        (window @ Found::Window { .. }, OutputPlan::Window { .. }) => {
            window_match(rule, tables, (index, key), window)
        }
        (
            Found::Match { .. } | Found::Timeout { .. } | Found::Summary { .. } | Found::Window { .. },
            OutputPlan::Window { .. } | OutputPlan::Sequence { .. },
        ) => {
            unreachable!("a machine and its output come from one body of one rule")
        }
    }
}

/// A match of a sequence, or a partial match that ran out of time, which is told whatever `having` says.
fn sequence_match(
    rule: &RulePlan,
    tables: &Tables,
    (index, key): (usize, Key),
    events: &[Taken<Arc<StoredEvent>>],
    timed_out: Option<i64>,
) -> Option<Match> {
    let OutputPlan::Sequence { steps, .. } = &rule.output else { return None };
    let Judged { emit, approximate, holds } = judge(rule, tables, |slot| value_of(slot, events))?;
    if timed_out.is_none() && !holds {
        return None;
    }
    let (start, end) = (events.first()?.event.time, events.last()?.event.time);
    let mut identity = Identity::of(rule, &key);
    let mut room = EMBEDDED_BYTES_MAX;
    let mut named = Vec::new();
    for (step, name) in steps.iter().enumerate() {
        let taken = events.iter().filter(|taken| taken.step.index() == step);
        let references: Vec<Reference<'_>> = taken
            .map(|taken| {
                identity.event(&taken.event);
                Reference::with_data(rule, &taken.event, &mut room)
            })
            .collect();
        if let (Some(name), false) = (name, references.is_empty()) {
            identity.text(name);
            named.push((name.as_str(), references));
        }
    }
    let frame = Frame { rule: index, key, start, end, timed_out, emit, approximate };
    Some(frame.finish(rule, identity, Whole::Events(Members(named))))
}

/// What a rule makes of the values of what was found.
struct Judged<'a> {
    emit: Members<'a, JsonText>,
    /// The emitted names whose values rest on estimates.
    approximate: Vec<&'a str>,
    /// Whether `having` holds.
    holds: bool,
}

impl<'a> Judged<'a> {
    fn new(
        having: Option<&ScalarExpr>,
        emit: &'a [(String, ScalarExpr)],
        (values, estimates): (&[Value], &[bool]),
        by: &[Value],
        tables: &Tables,
    ) -> Judged<'a> {
        let is_estimate = |position: usize| estimates.get(position).copied().unwrap_or(false);
        let rests = emit.iter().filter(|(_, expr)| expr.aggregates().any(is_estimate));
        let told =
            emit.iter().map(|(name, expr)| (name.as_str(), expr.evaluate_with(values, by, tables).to_json()));
        Judged {
            emit: Members(told.collect()),
            approximate: rests.map(|(name, _)| name.as_str()).collect(),
            holds: having.is_none_or(|having| having.holds_with(values, by, tables)),
        }
    }
}

/// Judges a match of a sequence by its values, of each of which is told whether it is an estimate.
fn judge<'a>(
    rule: &'a RulePlan,
    tables: &Tables,
    value: impl FnMut(&SequenceValue) -> (Value, bool),
) -> Option<Judged<'a>> {
    let OutputPlan::Sequence { values, having, emit, .. } = &rule.output else { return None };
    let (values, estimates): (Vec<Value>, Vec<bool>) = values.iter().map(value).unzip();
    Some(Judged::new(having.as_ref(), emit, (&values, &estimates), &[], tables))
}

/// A value of a match, from its events; and whether it is an estimate.
fn value_of(slot: &SequenceValue, events: &[Taken<Arc<StoredEvent>>]) -> (Value, bool) {
    let mut taken = events.iter().filter(|taken| taken.step == slot.step);
    let retained = |taken: &Taken<Arc<StoredEvent>>| {
        slot.retained
            .map_or(Value::Bool(true), |at| taken.event.retained.get(at).cloned().unwrap_or(Value::Null))
    };
    match slot.function {
        RegisterFunction::First => (taken.next().map_or(Value::Null, retained), false),
        RegisterFunction::Last => (taken.next_back().map_or(Value::Null, retained), false),
        RegisterFunction::Aggregate(function) => {
            let values: Vec<Scalar> = taken.map(|taken| scalar(retained(taken))).collect();
            let (result, is_estimate) = function.over(&values);
            (value(result), is_estimate)
        }
    }
}

fn window_match(
    rule: &RulePlan,
    tables: &Tables,
    (index, key): (usize, Key),
    window: Found<Arc<StoredEvent>>,
) -> Option<Match> {
    let Found::Window { start, end, count, first, last, events, aggregates, approximate } = window else {
        return None;
    };
    let OutputPlan::Window { values, having, emit } = &rule.output else { return None };
    let aggregates: Vec<Value> = aggregates.into_iter().map(value).collect();
    let of = |event: &StoredEvent, slot: Option<usize>| {
        slot.and_then(|slot| event.retained.get(slot)).cloned().unwrap_or(Value::Null)
    };
    let read = |value: &WindowValue| match *value {
        WindowValue::Aggregate(position) => {
            let result = aggregates.get(position).cloned().unwrap_or(Value::Null);
            (result, approximate.contains(&position))
        }
        WindowValue::First { retained } => (of(&first, retained), false),
        WindowValue::Last { retained } => (of(&last, retained), false),
    };
    let (values, estimates): (Vec<Value>, Vec<bool>) = values.iter().map(read).unzip();
    let by = key_values(rule, &key);
    if having.as_ref().is_some_and(|having| !having.holds_with(&values, &by, tables)) {
        return None;
    }
    let Judged { emit, approximate, .. } = Judged::new(None, emit, (&values, &estimates), &by, tables);
    let mut identity = Identity::of(rule, &key);
    identity.number(start);
    identity.number(end);
    identity.event(&first);
    identity.event(&last);
    let mut room = EMBEDDED_BYTES_MAX;
    let embedded = rule
        .include_events
        .then(|| events.iter().map(|event| Reference::with_data(rule, event, &mut room)).collect());
    let omitted = count.saturating_sub(events.len() as u64);
    let window = WindowData {
        start: format_rfc3339(start),
        end: format_rfc3339(end),
        count,
        first: Reference::of(&first),
        last: Reference::of(&last),
        events: embedded,
        events_omitted: Some(omitted).filter(|&omitted| rule.include_events && omitted > 0),
    };
    let whole = Whole::Window(Box::new(window));
    let (start, end) = (first.time, last.time);
    let frame = Frame { rule: index, key, start, end, timed_out: None, emit, approximate };
    Some(frame.finish(rule, identity, whole))
}

/// The values of the rule's `by` fields, from the key.
fn key_values(rule: &RulePlan, key: &Key) -> Vec<Value> {
    let json = |text: &str| Value::Json(text.into());
    match rule.key {
        None => Vec::new(),
        Some(_) if rule.key_is_list => {
            // The parts are not read, so neither their numbers nor their depth matter.
            let parts: Vec<&RawValue> = serde_json::from_str(key.as_json()).unwrap_or_default();
            parts.into_iter().map(|part| json(part.get())).collect()
        }
        Some(_) => vec![json(key.as_json())],
    }
}

pub(crate) fn value(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Int(value) => Value::Int(value),
        Scalar::Wide(value) => Value::Wide(value),
        Scalar::Float(value) => Value::Float(value),
        Scalar::Text(text) => Value::Text(text),
        Scalar::Bool(value) => Value::Bool(value),
    }
}

//! Findings of the automata → matches: conditions over the whole, emitted values, identity.

use std::sync::Arc;

use olocus_cep::{Finding, Found, Key, Scalar};
use olocus_event::Value;
use olocus_event::time::format_rfc3339;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};

use crate::plan::{OutputPlan, Plan, RulePlan};
use crate::prepare::{Hit, StoredEvent};

/// Bytes of events that a match embeds at most (`include: events`).
pub const EMBEDDED_BYTES_MAX: usize = olocus_cep::KEPT_BYTES_MAX;

/// What an embedded event counts for beside its payload, so that many small ones are bounded too.
const REFERENCE_BYTES: usize = 128;

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
    /// The data of the match record.
    pub data: Json,
}

/// Turns a finding into a match, or into nothing where `having` does not hold.
pub(crate) fn make_match(plan: &Plan, finding: Finding<Arc<StoredEvent>>) -> Option<Match> {
    let rule = &plan.rules[finding.rule];
    match (finding.found, &rule.output) {
        (Found::Sequence { events }, OutputPlan::Sequence { steps, emit }) => {
            let rows: Vec<&[Value]> = events.iter().map(|event| &*event.retained).collect();
            let emit = emit.iter().map(|(name, expr)| (name.clone(), expr.evaluate(&rows))).collect();
            let (start, end) = (events.first()?.time, events.last()?.time);
            let mut identity = Identity::of(rule, &finding.key);
            for event in &events {
                identity.event(event);
            }
            let mut room = EMBEDDED_BYTES_MAX;
            let mut named = Map::new();
            for (step, event) in steps.iter().zip(&events) {
                named.insert(step.clone(), Json::Array(vec![reference(rule, event, &mut room)]));
            }
            let frame = Frame { rule: finding.rule, key: finding.key, start, end, emit };
            Some(frame.finish(rule, identity, "events", Json::Object(named)))
        }
        (
            Found::Window { start, end, count, first, last, events, aggregates },
            OutputPlan::Window { having, emit, .. },
        ) => {
            let aggregates: Vec<Value> = aggregates.into_iter().map(value).collect();
            let by = key_values(rule, &finding.key);
            if having.as_ref().is_some_and(|having| !having.holds(&aggregates, &by)) {
                return None;
            }
            let emit = emit
                .iter()
                .map(|(name, expr)| (name.clone(), expr.evaluate(&aggregates, &by).to_json()))
                .collect();
            let mut identity = Identity::of(rule, &finding.key);
            identity.number(start);
            identity.number(end);
            identity.event(&first);
            identity.event(&last);
            let mut window = Map::new();
            window.insert("start".to_owned(), format_rfc3339(start).into());
            window.insert("end".to_owned(), format_rfc3339(end).into());
            window.insert("count".to_owned(), count.into());
            window.insert("first".to_owned(), coordinates(&first).into());
            window.insert("last".to_owned(), coordinates(&last).into());
            if rule.include_events {
                let omitted = count.saturating_sub(events.len() as u64);
                let mut room = EMBEDDED_BYTES_MAX;
                let embedded = events.iter().map(|event| reference(rule, event, &mut room)).collect();
                window.insert("events".to_owned(), Json::Array(embedded));
                if omitted > 0 {
                    window.insert("events_omitted".to_owned(), omitted.into());
                }
            }
            let frame =
                Frame { rule: finding.rule, key: finding.key, start: first.time, end: last.time, emit };
            Some(frame.finish(rule, identity, "window", Json::Object(window)))
        }
        (
            Found::Sequence { .. }
            | Found::Window { .. }
            | Found::Match { .. }
            | Found::Timeout { .. }
            | Found::Summary { .. },
            OutputPlan::Window { .. } | OutputPlan::Sequence { .. },
        ) => {
            unreachable!("a machine and its output come from one body of one rule")
        }
    }
}

impl RulePlan {
    /// The values that the rule's aggregates take from a row.
    pub(crate) fn inputs_of(&self, hit: &Hit) -> Vec<Scalar> {
        match &self.output {
            OutputPlan::Sequence { .. } => Vec::new(),
            OutputPlan::Window { inputs, .. } => {
                let take =
                    |input: &Option<usize>| input.map_or(Scalar::Bool(true), |at| hit.inputs[at].clone());
                inputs.iter().map(take).collect()
            }
        }
    }
}

/// What sequences and windows have in common.
struct Frame {
    rule: usize,
    key: Key,
    start: i64,
    end: i64,
    emit: Map<String, Json>,
}

impl Frame {
    fn finish(self, rule: &RulePlan, identity: Identity, what: &str, content: Json) -> Match {
        let id = identity.finish();
        let mut data = Map::new();
        data.insert("rule".to_owned(), rule.name.as_str().into());
        data.insert("version".to_owned(), rule.version.as_str().into());
        data.insert("id".to_owned(), id.as_str().into());
        data.insert("severity".to_owned(), rule.severity.as_str().into());
        data.insert("key".to_owned(), parse_key(&self.key));
        data.insert("start".to_owned(), format_rfc3339(self.start).into());
        data.insert("end".to_owned(), format_rfc3339(self.end).into());
        data.insert("emit".to_owned(), Json::Object(self.emit));
        data.insert(what.to_owned(), content);
        data.extend(rule.about.iter().map(|(name, value)| (name.clone(), value.clone())));
        Match { rule: self.rule, id, key: self.key, end: self.end, data: Json::Object(data) }
    }
}

impl StoredEvent {
    /// What the event counts for where a match embeds it.
    pub(crate) fn embedded_bytes(&self) -> usize {
        REFERENCE_BYTES + self.raw.as_ref().map_or(0, |raw| raw.len())
    }
}

/// Where an event stands in the log.
fn coordinates(event: &StoredEvent) -> Map<String, Json> {
    let mut reference = Map::new();
    reference.insert("topic".to_owned(), (&*event.topic).into());
    reference.insert("partition".to_owned(), event.partition.into());
    reference.insert("offset".to_owned(), event.offset.into());
    reference.insert("id".to_owned(), (&*event.id).into());
    reference.insert("time".to_owned(), format_rfc3339(event.time).into());
    reference
}

/// An event's coordinates, with the event itself where the rule includes events and there is room.
fn reference(rule: &RulePlan, event: &StoredEvent, room: &mut usize) -> Json {
    let mut reference = coordinates(event);
    if let Some(raw) = event.raw.as_ref().filter(|_| rule.include_events) {
        if let Some(rest) = room.checked_sub(event.embedded_bytes()) {
            *room = rest;
            let text = String::from_utf8_lossy(raw);
            let data = serde_json::from_str(&text).unwrap_or_else(|_| Json::String(text.into_owned()));
            reference.insert("data".to_owned(), data);
        } else {
            reference.insert(
                "data_omitted".to_owned(),
                format!("the events of a match may take {EMBEDDED_BYTES_MAX} bytes").into(),
            );
        }
    }
    Json::Object(reference)
}

fn parse_key(key: &Key) -> Json {
    serde_json::from_str(key.as_json()).expect("keys are canonical JSON text")
}

/// The values of the rule's `by` fields, from the key.
fn key_values(rule: &RulePlan, key: &Key) -> Vec<Value> {
    if rule.key.is_none() {
        return Vec::new();
    }
    let json = |value: &Json| Value::Json(value.to_string().into());
    match parse_key(key) {
        Json::Array(parts) if rule.key_is_list => parts.iter().map(json).collect(),
        single => vec![json(&single)],
    }
}

fn value(scalar: Scalar) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Int(value) => Value::Int(value),
        Scalar::Wide(value) => Value::Wide(value),
        Scalar::Float(value) => Value::Float(value),
        Scalar::Text(text) => Value::Text(text),
        Scalar::Bool(value) => Value::Bool(value),
    }
}

/// Hashes what makes a match this match: rule, version, key and the coordinates of its events.
struct Identity(Sha256);

impl Identity {
    fn of(rule: &RulePlan, key: &Key) -> Identity {
        let mut identity = Identity(Sha256::new());
        for text in [rule.name.as_str(), rule.version.as_str(), key.as_json()] {
            identity.text(text);
        }
        identity
    }

    fn event(&mut self, event: &StoredEvent) {
        self.text(&event.topic);
        self.number(i64::from(event.partition));
        self.number(event.offset);
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    fn finish(self) -> String {
        crate::hex(&self.0.finalize()[..16])
    }
}

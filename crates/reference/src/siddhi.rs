//! Tests of Siddhi's patterns and sequences, translated as far as they say what patterns here can say.
//!
//! What is compared is what a test expects to be put out: the rows where they are given, else how many.

use std::fmt;

use olocus_cep::pattern::{PatternOutputs, PatternPlan, StepId};
use olocus_cep::{Engine, Found, Key, Limits, Plan, Row, Scalar};
use serde_json::Value;

use self::expression::Resolved;
use self::syntax::{Index, Query, Reference};
use self::translate::Translated;

mod expression;
mod syntax;
mod tokens;
mod translate;

/// What came of a test.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The same is put out.
    Agrees,
    /// This is put out and that expected.
    Differs(String),
    /// It says what patterns here do not.
    NotTranslated(NotTranslated),
}

/// Why a test is not translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTranslated {
    /// In general.
    pub reason: &'static str,
    /// In particular.
    pub detail: String,
}

/// Without `every` there is one match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Once {
    /// The first one there is.
    FirstMatch,
    /// Only the first event that can begin one does.
    FirstStart,
}

type Events = Vec<(StepId, usize)>;

/// Runs a test of the file.
pub fn run(test: &Value) -> Outcome {
    match found(test) {
        Err(reason) => Outcome::NotTranslated(reason),
        Ok((expected, found)) if expected == found => Outcome::Agrees,
        Ok((expected, found)) => Outcome::Differs(format!("expected {expected}, found {found}")),
    }
}

/// What is expected and what is found, in one form.
fn found(test: &Value) -> Result<(String, String), NotTranslated> {
    let query = syntax::parse(test["app"].as_str().unwrap_or(""))?;
    let translated = translate::translate(&query)?;
    let (rows, matches) = fed(test, &query, &translated)?;
    let count = test["counts"]["success"].as_u64().unwrap_or(0) as usize;
    let expected: Option<Vec<&Value>> = match &test["outputs"][0] {
        output if output["rows"].is_array() => {
            Some(output["rows"].as_array().into_iter().flatten().collect())
        }
        output => output["asserts"].as_array().map(|asserts| asserts.iter().map(|one| &one["row"]).collect()),
    };
    let expected = expected.filter(|rows| rows.len() == count && rows.iter().all(|row| row.is_array()));
    let (Some(expected), Some(select)) = (expected, &query.select) else {
        return Ok((format!("{count} rows"), format!("{} rows", matches.len())));
    };
    let mut expected: Vec<String> = expected
        .iter()
        .map(|row| row.as_array().into_iter().flatten().map(told).collect::<Vec<_>>().join(" "))
        .collect();
    let mut found: Vec<String> = matches
        .iter()
        .map(|events| {
            select
                .iter()
                .map(|one| told(&selected(one, events, &translated, &query, &rows)))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    // In which order the matches of one event are told is no part of the meaning.
    expected.sort();
    found.sort();
    Ok((format!("{expected:?}"), format!("{found:?}")))
}

/// Feeds the events; tells them and the matches.
fn fed(
    test: &Value,
    query: &Query,
    translated: &Translated,
) -> Result<(Vec<Value>, Vec<Events>), NotTranslated> {
    let outputs = PatternOutputs { timeouts: false, events: true, matches_per_event: usize::MAX };
    let plan = PatternPlan {
        pattern: translated.pattern.clone(),
        conditions: translated.opaque.clone(),
        outputs,
        evaluator: None,
    };
    let mut engine: Engine<usize> = Engine::new(vec![Plan::Pattern(plan)], Limits::default());
    let mut out = Vec::new();
    let mut rows: Vec<Value> = Vec::new();
    let mut begun: Vec<(Key, usize)> = Vec::new();
    let mut now = test["start_t"].as_i64().unwrap_or(0);
    let count = test["counts"]["success"].as_u64().unwrap_or(0) as usize;
    for event in test["events"].as_array().into_iter().flatten() {
        if event.get("op").is_some() {
            // Time goes on until all is there, or for as long as the test waits.
            let (step, steps) =
                (event["step_ms"].as_i64().unwrap_or(0), event["max_steps"].as_i64().unwrap_or(0));
            let mut left = steps;
            while left > 0 && out.len() < count {
                now += step;
                left -= 1;
                engine.advance(now * 1_000_000, &mut out);
            }
            continue;
        }
        now = now.max(event["t"].as_i64().unwrap_or(0));
        let time = now * 1_000_000;
        engine.advance(time, &mut out);
        let stream = event["stream"].as_str().unwrap_or("");
        let Some((_, attributes)) = query.streams.iter().find(|(name, _)| name == stream) else { continue };
        let value = |name: &str| {
            let position = attributes.iter().position(|(attribute, _)| attribute == name)?;
            let value = &event["data"][position];
            Some(scalar(value, attributes[position].1))
        };
        let inputs: Vec<Scalar> =
            translated.inputs.iter().map(|name| value(name).unwrap_or(Scalar::Null)).collect();
        let used = translated.bits.iter().any(|(of, _)| of == stream);
        let holds = |filter: &Resolved| filter.value(&inputs, &[]) == Scalar::Bool(true);
        let bits = translated.bits.iter().enumerate().fold(0_u64, |bits, (bit, (of, filters))| {
            bits | u64::from(of == stream && filters.iter().all(holds)) << bit
        });
        let key = query.partition.iter().find(|(of, _)| of == stream).and_then(|(_, name)| value(name));
        let key = Key::single(&format!("{key:?}"));
        let index = rows.len();
        rows.push(event.clone());
        if !used {
            continue;
        }
        if bits & translated.first_bits != 0 && !begun.iter().any(|(of, _)| *of == key) {
            begun.push((key.clone(), index));
        }
        let row = Row { time, steps: bits, inputs: &inputs, event: &index, keep: None };
        engine
            .process(0, &key, row, &mut out)
            .map_err(|error| NotTranslated::because("refused").with(&error.to_string()))?;
    }
    engine.advance(test["end_t"].as_i64().unwrap_or(0).max(now) * 1_000_000, &mut out);
    let mut told: Vec<Key> = Vec::new();
    let mut matches = Vec::new();
    for finding in out {
        let Found::Match { events } = finding.found else { continue };
        let events: Events = events.into_iter().map(|taken| (taken.step, taken.event)).collect();
        if let Some(once) = translated.once {
            let first = events.first().map(|(_, event)| *event);
            let early = begun.iter().any(|(key, event)| *key == finding.key && Some(*event) == first);
            if told.contains(&finding.key) || once == Once::FirstStart && !early {
                continue;
            }
            told.push(finding.key);
        }
        matches.push(events);
    }
    Ok((rows, matches))
}

/// A value that is put out for a match.
fn selected(
    one: &Reference,
    events: &Events,
    translated: &Translated,
    query: &Query,
    rows: &[Value],
) -> Value {
    let step = translated.pattern.steps.iter().position(|step| Some(&step.name) == one.of.as_ref());
    let mut of_step = events.iter().filter(|(taken, _)| Some(taken.index()) == step).map(|(_, event)| *event);
    let event = match one.index {
        Index::Last => of_step.next_back(),
        Index::Single | Index::First => of_step.next(),
        Index::At(position) => of_step.nth(position),
        Index::Other => None,
    };
    let Some(event) = event.map(|event| &rows[event]) else { return Value::Null };
    let attributes = query.streams.iter().find(|(name, _)| event["stream"] == name.as_str());
    let position = attributes
        .and_then(|(_, attributes)| attributes.iter().position(|(attribute, _)| *attribute == one.attribute));
    position.map_or(Value::Null, |position| event["data"][position].clone())
}

/// Numbers are told with the precision that all of them have.
fn told(value: &Value) -> String {
    value.as_f64().map_or_else(|| value.to_string(), |number| format!("{number:.3}"))
}

fn scalar(value: &Value, single: bool) -> Scalar {
    match value {
        Value::String(text) => Scalar::Text(text.as_str().into()),
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) if !single => Scalar::Int(integer),
            (_, Some(float)) => Scalar::Float(if single { f64::from(float as f32) } else { float }),
            _ => Scalar::Null,
        },
        _ => Scalar::Null,
    }
}

impl NotTranslated {
    fn because(reason: &'static str) -> NotTranslated {
        NotTranslated { reason, detail: String::new() }
    }

    fn with(mut self, detail: &str) -> NotTranslated {
        self.detail = detail.to_string();
        self
    }
}

impl fmt::Display for NotTranslated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

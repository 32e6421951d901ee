//! Cases: a pattern, events, and what is to be found in them, in JSON.
//!
//! A case has an `id`, `tags`, a `pattern`, `events` as `[milliseconds, type, v?, key?]`, and either `expect.matches` and
//! `expect.timeouts` or `expect.error`. A pattern has stages in `seq` and a strategy in `skip`. Beside a `name` or a `group`,
//! a stage may have `anyOf` (lists of stages) or `allOf` (a list of steps).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use olocus_cep::pattern::{CrossConditions, Pattern, StepId};
use serde_json::Value;

use crate::matcher::{Event, Outcome};

mod condition;
mod stages;

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// What its pattern uses.
    pub tags: Vec<String>,
    /// Whether what is found depends on how often time is told.
    pub time_sensitive: bool,
    /// Whether the same match may be found more than once where it was observed.
    pub repeats: bool,
    /// What is expected.
    pub expected: Expected,
    pattern: Value,
    events: Vec<Value>,
}

/// What a case expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// These findings.
    Found(Vec<Finding>),
    /// That the pattern is rejected, with a reason.
    Rejected(String),
}

/// Something found, in the terms of cases; ordered, so that they can be compared as multisets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whether it is a partial match that ran out of time.
    pub timeout: bool,
    /// The event at whose arrival it was found, be it by its time or by itself.
    pub at: usize,
    /// For each step that has some, its events.
    pub events: BTreeMap<String, Vec<usize>>,
}

/// A case for an evaluator of patterns.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The pattern.
    pub pattern: Arc<Pattern>,
    /// What decides its opaque conditions, if it has any.
    pub opaque: Option<Arc<dyn CrossConditions>>,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// Why something is no case, or a case says what patterns cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseError {
    message: String,
}

/// The cases of a file: one a line, or all in the list `cases` of one object.
///
/// # Errors
/// If the text is neither, or something in it is no case.
pub fn read(text: &str) -> Result<Vec<Case>, CaseError> {
    if let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text)
        && let Some(cases) = object.get("cases")
    {
        return list(cases)?.iter().map(Case::read).collect();
    }
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let value = serde_json::from_str(line).map_err(|error| CaseError::new(error.to_string()))?;
            Case::read(&value)
        })
        .collect()
}

impl Case {
    fn read(value: &Value) -> Result<Case, CaseError> {
        let id = text(&value["id"])?.to_string();
        let tags = value["tags"].as_array().into_iter().flatten();
        let expect = &value["expect"];
        let expected = match expect["error"].as_str() {
            Some(error) => {
                Expected::Rejected(format!("{error}: {}", expect["message"].as_str().unwrap_or("")))
            }
            None => {
                let mut found = Vec::new();
                for (name, timeout) in [("matches", false), ("timeouts", true)] {
                    for told in list(&expect[name])? {
                        found.push(Finding::read(told, timeout)?);
                    }
                }
                Expected::Found(found)
            }
        };
        Ok(Case {
            id,
            tags: tags.map(|tag| text(tag).map(str::to_string)).collect::<Result<_, _>>()?,
            time_sensitive: value["wm_sensitive"] == Value::Bool(true),
            repeats: expect.get("dup").is_some(),
            expected,
            pattern: value["pattern"].clone(),
            events: list(&value["events"])?.clone(),
        })
    }

    /// The case as pattern and rows.
    ///
    /// # Errors
    /// If it uses what patterns do not have.
    pub fn translate(&self) -> Result<Translation, CaseError> {
        stages::translate(&self.pattern, &self.events)
    }

    /// Expects no timeouts any longer, for what tells none.
    pub fn without_timeouts(&mut self) {
        if let Expected::Found(expected) = &mut self.expected {
            expected.retain(|finding| !finding.timeout);
        }
    }

    /// What is found but not expected (`+`) and what is expected but not found (`-`): nothing if the same findings are
    /// there as often, or, where they may repeat, just the same ones.
    pub fn differences(&self, mut found: Vec<Finding>) -> Vec<String> {
        let mut missing = match &self.expected {
            Expected::Found(expected) => expected.clone(),
            Expected::Rejected(_) => Vec::new(),
        };
        if self.repeats {
            for findings in [&mut found, &mut missing] {
                findings.sort();
                findings.dedup();
            }
        }
        found.retain(|finding| {
            let expected = missing.iter().position(|missing| missing == finding);
            expected.map(|expected| missing.swap_remove(expected)).is_none()
        });
        let surplus = found.iter().map(|finding| format!("+ {finding}"));
        surplus.chain(missing.iter().map(|finding| format!("- {finding}"))).collect()
    }
}

impl Finding {
    fn read(value: &Value, timeout: bool) -> Result<Finding, CaseError> {
        let events = value["m"].as_object().ok_or_else(|| CaseError::new("`m` is no object"))?;
        let mut of_step = BTreeMap::new();
        for (step, indices) in events {
            let indices: Result<Vec<usize>, _> = list(indices)?.iter().map(index).collect();
            of_step.insert(step.clone(), indices?);
        }
        Ok(Finding { timeout, at: index(&value["at"])?, events: of_step })
    }

    /// A finding of an evaluator: events in the order in which they were taken.
    pub fn new(pattern: &Pattern, at: usize, timeout: bool, taken: &[(StepId, usize)]) -> Finding {
        let mut events: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (step, event) in taken {
            events.entry(pattern.steps[step.index()].name.clone()).or_default().push(*event);
        }
        Finding { timeout, at, events }
    }

    /// A finding of the reference matcher.
    pub fn of(pattern: &Pattern, outcome: &Outcome) -> Finding {
        Finding::new(pattern, outcome.at, outcome.timeout.is_some(), &outcome.events)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.timeout { "timeout" } else { "match" };
        write!(f, "{what} at {}:", self.at)?;
        for (step, events) in &self.events {
            write!(f, " {step}{events:?}")?;
        }
        Ok(())
    }
}

impl CaseError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> CaseError {
        CaseError { message: message.into() }
    }
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CaseError {}

fn list(value: &Value) -> Result<&Vec<Value>, CaseError> {
    value.as_array().ok_or_else(|| CaseError::new(format!("not a list: {value}")))
}

fn text(value: &Value) -> Result<&str, CaseError> {
    value.as_str().ok_or_else(|| CaseError::new(format!("not a text: {value}")))
}

fn index(value: &Value) -> Result<usize, CaseError> {
    let index = value.as_u64().and_then(|index| usize::try_from(index).ok());
    index.ok_or_else(|| CaseError::new(format!("not a position: {value}")))
}

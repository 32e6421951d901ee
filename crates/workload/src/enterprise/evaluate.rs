//! The scenario's two rules, evaluated straight from their sentences over the finished JSON objects.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value};

use crate::truth::{ExpectedEvent, ExpectedMatch};

/// `suspicious_access_pattern`: every privileged login starts a match of its own.
#[derive(Debug, Default)]
pub(super) struct InsiderThreat {
    /// Per user, what has begun, oldest login first.
    begun: HashMap<String, Vec<Begun>>,
}

/// A login, and the access that followed it.
#[derive(Debug)]
struct Begun {
    login: ExpectedEvent,
    access: Option<ExpectedEvent>,
}

impl InsiderThreat {
    /// Takes the next event; gives the matches that it completes.
    pub(super) fn accept(
        &mut self,
        event: &ExpectedEvent,
        event_type: &str,
        object: &Map<String, Value>,
    ) -> Vec<ExpectedMatch> {
        let mut found = Vec::new();
        let Some(user) = object.get("user_id").and_then(Value::as_str) else {
            return found;
        };
        let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
        let is_login = event_type == "auth.login" && text("user_role") == "privileged";
        let is_access = event_type == "data.access" && text("data_classification") == "confidential";
        let volume = object.get("volume").and_then(Value::as_u64).unwrap_or_default();
        let is_export = event_type == "data.export" && volume > 10_000_000;
        if !(is_login || is_access || is_export) {
            return found;
        }

        let begun = self.begun.entry(user.to_owned()).or_default();
        begun.retain_mut(|begun| match &begun.access {
            None if event.time - begun.login.time >= 5 * MINUTE => false,
            None => {
                if is_access {
                    begun.access = Some(named(event, "access"));
                }
                true
            }
            Some(access) if event.time - access.time >= 10 * MINUTE => false,
            Some(access) if is_export => {
                found.push(ExpectedMatch {
                    rule: "suspicious_access_pattern".into(),
                    key: Some(user.to_owned()),
                    injected: false,
                    events: vec![begun.login.clone(), access.clone(), named(event, "export")],
                });
                false
            }
            Some(_) => true,
        });
        if is_login {
            begun.push(Begun { login: named(event, "login"), access: None });
        }
        found
    }
}

/// `data_processing_pipeline_health`: the mean duration of the last 100 stages, judged at every stage.
#[derive(Debug, Default)]
pub(super) struct PipelineHealth {
    stages: VecDeque<(ExpectedEvent, f64)>,
}

impl PipelineHealth {
    /// Takes the next event; gives the match that it completes.
    pub(super) fn accept(
        &mut self,
        event: ExpectedEvent,
        event_type: &str,
        object: &Map<String, Value>,
    ) -> Option<ExpectedMatch> {
        if event_type != "pipeline.stage.completed" {
            return None;
        }
        let duration = object.get("duration").and_then(Value::as_f64)?;
        self.stages.push_back((event, duration));
        if self.stages.len() > STAGES {
            self.stages.pop_front();
        }
        let (first, last) = (self.stages.front()?, self.stages.back()?);
        // Durations are quarters of a second: their sums are exact, whatever the order.
        let sum: f64 = self.stages.iter().map(|(_, duration)| duration).sum();
        (self.stages.len() == STAGES && sum / STAGES as f64 > 300.0).then(|| ExpectedMatch {
            rule: "data_processing_pipeline_health".into(),
            key: None,
            injected: false,
            events: vec![named(&first.0, "first"), named(&last.0, "last")],
        })
    }
}

fn named(event: &ExpectedEvent, step: &str) -> ExpectedEvent {
    ExpectedEvent { step: step.to_owned(), ..event.clone() }
}

const STAGES: usize = 100;
const MINUTE: i64 = 60_000_000_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Runs events given as (seconds, type, fields) and gives the indices of the events of each match.
    fn check(events: &[(i64, &str, Value)], expected: &[[u64; 3]]) {
        let mut rule = InsiderThreat::default();
        let mut found = Vec::new();
        for (index, (seconds, event_type, fields)) in events.iter().enumerate() {
            let index = index as u64;
            let event = ExpectedEvent {
                step: String::new(),
                index,
                id: index.to_string(),
                time: seconds * 1_000_000_000,
            };
            found.extend(rule.accept(&event, event_type, fields.as_object().unwrap()));
        }
        let found: Vec<Vec<u64>> =
            found.iter().map(|one| one.events.iter().map(|event| event.index).collect()).collect();
        assert_eq!(found, expected);
    }

    fn login(at: i64) -> (i64, &'static str, Value) {
        (at, "auth.login", json!({"user_id": "u", "user_role": "privileged"}))
    }

    fn access(at: i64) -> (i64, &'static str, Value) {
        (at, "data.access", json!({"user_id": "u", "data_classification": "confidential"}))
    }

    fn export(at: i64, volume: u64) -> (i64, &'static str, Value) {
        (at, "data.export", json!({"user_id": "u", "volume": volume}))
    }

    #[test]
    fn bounds_are_exclusive() {
        check(&[login(0), access(299), export(898, 10_000_001)], &[[0, 1, 2]]);
        check(&[login(0), access(300), export(400, 10_000_001)], &[]);
        check(&[login(0), access(10), export(610, 10_000_001)], &[]);
        check(&[login(0), access(10), export(20, 10_000_000)], &[]);
        check(&[login(0), export(5, 20_000_000), access(10)], &[]);
    }

    #[test]
    fn every_login_starts_its_own_match_and_takes_the_first_that_fits() {
        let big = 20_000_000;
        check(
            &[login(0), login(1), access(2), access(3), export(4, big), export(5, big)],
            &[[0, 2, 4], [1, 2, 4]],
        );
    }
}

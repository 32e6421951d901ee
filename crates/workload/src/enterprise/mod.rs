//! A day of an enterprise: people who come and go with the hours of their site, their systems' background noise,
//! data pipelines, and a few insiders.
//!
//! - [`company`]: who works where and when;
//! - [`background`]: what they and their machines do all day, which never completes a match;
//! - [`plan`]: what is placed on purpose: chains, near misses and the pipelines' stages;
//! - [`evaluate`]: the two rules of the scenario, evaluated directly over the finished events.
//!
//! The day is written minute by minute, so that memory does not grow with the background.

mod background;
mod company;
mod evaluate;
mod plan;

use std::collections::HashSet;
use std::iter::Peekable;
use std::vec::IntoIter;

use jiff::Timestamp;
use serde_json::{Map, Value};

use self::background::Background;
use self::company::Company;
use self::evaluate::{InsiderThreat, PipelineHealth};
use self::plan::{Plan, PlannedKind};
use crate::Workload;
use crate::draw::Draw;
use crate::truth::{ExpectedEvent, ExpectedMatch, NearMiss, Truth};

/// Parameters of the scenario `enterprise`.
///
/// Its events satisfy the rules `suspicious_access_pattern` (a privileged login, an access to confidential data within
/// 5 minutes, an export of more than 10 MB within 10 minutes, all by one user) and `data_processing_pipeline_health`
/// (the mean duration of the last 100 pipeline stages above 300 s) at the places that the [`Truth`] names and at no
/// others. All event times differ, so that the result does not depend on how events are spread over topics.
#[derive(Clone, Debug)]
pub struct Enterprise {
    /// Seed of everything drawn.
    pub seed: u64,
    /// Time of the first moment of the day, in nanoseconds since the Unix epoch.
    pub start: i64,
    /// Number of events spread over the 24 hours from `start`.
    pub events: u64,
    /// Number of people.
    pub users: u32,
}

impl Enterprise {
    /// A day of 50,000 events of 300 people.
    pub fn new(seed: u64, start: i64) -> Self {
        Self { seed, start, events: 50_000, users: 300 }
    }

    /// Starts the day.
    pub fn generate(self) -> EnterpriseEvents {
        EnterpriseEvents::new(self)
    }
}

/// The events of an [`Enterprise`] in time order.
#[derive(Debug)]
pub struct EnterpriseEvents {
    parameters: Enterprise,
    company: Company,
    background: Background,
    plan: Plan,
    draw: Draw,
    /// Minutes of the day that were drawn.
    minutes: u64,
    current: Peekable<IntoIter<Draft>>,
    written: u64,
    threat: InsiderThreat,
    health: PipelineHealth,
    matches: Vec<ExpectedMatch>,
}

impl EnterpriseEvents {
    fn new(parameters: Enterprise) -> Self {
        let company = Company::new(parameters.users.max(20), minute_of_day(parameters.start));
        let plan = Plan::new(&parameters, &company);
        let background = Background::new(&company, parameters.events - plan.len());
        Self {
            draw: Draw::new(parameters.seed, 0),
            company,
            background,
            plan,
            minutes: 0,
            current: Vec::new().into_iter().peekable(),
            written: 0,
            threat: InsiderThreat::default(),
            health: PipelineHealth::default(),
            matches: Vec::new(),
            parameters,
        }
    }

    fn next_draft(&mut self) -> Option<Draft> {
        while self.current.peek().is_none() && self.minutes < MINUTES {
            let mut drafts = self.plan.take_until((self.minutes + 1) * MINUTE, &self.company);
            let mut taken: HashSet<u64> = drafts.iter().map(|draft| draft.at).collect();
            for _ in 0..self.background.count(self.minutes) {
                let mut at = self.minutes * MINUTE + self.draw.below(MINUTE);
                while !taken.insert(at) {
                    at = self.minutes * MINUTE + self.draw.below(MINUTE);
                }
                drafts.push(self.background.event(at, &self.company, &self.plan, &mut self.draw));
            }
            drafts.sort_unstable_by_key(|draft| draft.at);
            self.current = drafts.into_iter().peekable();
            self.minutes += 1;
        }
        self.current.next()
    }
}

impl Workload for EnterpriseEvents {
    fn next_line(&mut self, line: &mut Vec<u8>) -> bool {
        let Some(draft) = self.next_draft() else {
            return false;
        };
        let time = self.parameters.start.saturating_add_unsigned(draft.at * 1000);
        let event = ExpectedEvent {
            step: String::new(),
            index: self.written,
            id: format!("evt-{}-{:07}", self.parameters.seed, self.written),
            time,
        };
        self.written += 1;

        let mut object = Map::new();
        object.insert("id".into(), event.id.clone().into());
        object.insert("type".into(), draft.event_type.into());
        object.insert("source".into(), draft.source.into());
        object.insert("time".into(), format_time(time).into());
        object.extend(draft.fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let injection = draft.part.as_ref().map(|part| part.injection);
        if let Some(part) = draft.part {
            self.plan.seen(&part, &event);
        }
        for mut found in self.threat.accept(&event, draft.event_type, &object) {
            let chain = injection.and_then(|number| self.plan.chain(number));
            found.injected = chain == Some(found.events.as_slice());
            self.matches.push(found);
        }
        if let Some(mut found) = self.health.accept(event, draft.event_type, &object) {
            found.injected = true;
            self.matches.push(found);
        }

        line.extend_from_slice(Value::Object(object).to_string().as_bytes());
        line.push(b'\n');
        true
    }

    fn truth(&self) -> Truth {
        let near_misses = self.plan.injections().filter_map(|injection| match injection.kind {
            PlannedKind::Chain => None,
            PlannedKind::NearMiss(kind) => {
                Some(NearMiss { kind: kind.to_owned(), events: injection.events.clone() })
            }
        });
        Truth {
            scenario: "enterprise".into(),
            seed: self.parameters.seed,
            events: self.written,
            matches: self.matches.clone(),
            near_misses: near_misses.collect(),
        }
    }
}

/// An event before it has its number.
#[derive(Clone, Debug)]
struct Draft {
    /// Microseconds since the start.
    at: u64,
    event_type: &'static str,
    source: &'static str,
    fields: Vec<(&'static str, Value)>,
    part: Option<Part>,
}

/// The part of an event in something placed on purpose.
#[derive(Clone, Debug)]
struct Part {
    injection: usize,
    step: &'static str,
}

const SECOND: u64 = 1_000_000;
const MINUTE: u64 = 60 * SECOND;
const MINUTES: u64 = 24 * 60;

/// The UTC minute of the day of a time.
fn minute_of_day(time: i64) -> u64 {
    (time.div_euclid(60_000_000_000)).rem_euclid(MINUTES as i64) as u64
}

fn format_time(time: i64) -> String {
    let time =
        Timestamp::from_nanosecond(i128::from(time)).expect("nanoseconds in 64 bits are in jiff's range");
    format!("{time:.6}")
}

#[cfg(test)]
mod tests;

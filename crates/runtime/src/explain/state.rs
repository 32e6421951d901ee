//! What a rule holds, and what bounds it.

use std::sync::Arc;

use olocus_cep::pattern::EvaluatorKind;
use olocus_cep::{Limits, Overflow, Plan, WindowPlan};
use olocus_document::format_duration;
use olocus_expr::readable;

use super::names::{About, SequenceOf, quoted};
use super::{Bytes, State};
use crate::prepare::StoredEvent;

impl About<'_> {
    pub(super) fn key(&self) -> Vec<String> {
        let fields = self.rule.key.map(|key| self.plan.keys[key.0].fields.as_slice()).unwrap_or_default();
        fields.iter().map(|field| readable(self.plan.program.normalized_value(*field))).collect()
    }

    pub(super) fn state(&self, limits: &Limits) -> State {
        let bytes = self.rule.machine.footprint::<Arc<StoredEvent>>();
        let (unit, units_max) = match &self.sequence {
            Some(_) => ("partial matches", limits.partial_matches_per_rule),
            None => ("entries", limits.window_events_per_rule),
        };
        State {
            unit,
            growth: self.growth(),
            kept: self.kept(),
            bytes: Bytes { key: bytes.key, unit: bytes.entry, event: bytes.event },
            units_max,
            keys_max: limits.keys_per_rule,
            bytes_max: limits.state_bytes_per_rule,
            when_full: when_full(limits.policy, unit),
        }
    }

    fn growth(&self) -> Vec<String> {
        let mut growth = Vec::new();
        match (&self.sequence, &self.rule.machine) {
            (Some(sequence), _) => {
                let preceded = sequence.plan.pattern.preceded;
                if sequence.automaton.len() == 1 {
                    growth.push("no partial match is held: a single event is a match".to_owned());
                } else {
                    growth.extend(growth_of(sequence));
                }
                if let Some(preceded) = preceded {
                    growth.push(format!(
                        "what must not precede a match is remembered for {}, one event a key",
                        format_duration(preceded.within)
                    ));
                }
            }
            (None, Plan::Window { window, .. }) => growth.push(match *window {
                WindowPlan::Count(count) => format!("{count} entries a key, which stay"),
                WindowPlan::Sliding { size, every: None } => {
                    format!("an entry for each event of the last {}", format_duration(size))
                }
                WindowPlan::Sliding { size, every: Some(every) } => format!(
                    "an entry for each {} with an event, {} a key at most",
                    format_duration(every),
                    (size.max(1) as u64).div_ceil(every.max(1) as u64)
                ),
                WindowPlan::Tumbling(_) => "one entry a key".to_owned(),
                WindowPlan::Session(_) => "one entry a key".to_owned(),
            }),
            (None, Plan::Pattern(_)) => {}
        }
        if let Some(limit) = self.rule.limit {
            growth.push(format!(
                "for each key, when its last matches were told: {} at most, for {}",
                limit.matches,
                format_duration(limit.per)
            ));
        }
        growth
    }

    fn kept(&self) -> Vec<String> {
        match &self.rule.machine {
            Plan::Pattern(_) => self.registers().iter().map(|register| self.register(register)).collect(),
            Plan::Window { aggregates, .. } => {
                let kept = aggregates.iter().enumerate();
                kept.map(|(at, function)| format!("{function}({})", self.input(at))).collect()
            }
        }
    }
}

fn growth_of(sequence: &SequenceOf<'_>) -> [String; 2] {
    let with = match sequence.evaluator() {
        EvaluatorKind::Sets => "grows with the events taken, not with the number of partial matches",
        EvaluatorKind::Runs if sequence.plan.outputs.events => {
            "grows with each partial match, and with the events taken"
        }
        EvaluatorKind::Runs => "grows with each partial match",
    };
    let waits = sequence.endless_waits();
    let freed = match sequence.automaton.within() {
        Some(within) => format!("a partial match is freed {} after its first event", format_duration(within)),
        None if waits.is_empty() => {
            "a partial match is freed when the next event has not come in time".to_owned()
        }
        None => format!("a partial match that waits for {} is never freed", quoted(&waits)),
    };
    [with.to_owned(), freed]
}

fn when_full(policy: Overflow, unit: &str) -> String {
    let meaning = match (policy, unit) {
        (Overflow::DropOldest, "partial matches") => {
            "the partial match that began first is dropped, whatever its key"
        }
        (Overflow::DropOldest, _) => "the oldest entry is dropped, whatever its key",
        (Overflow::DropNewest, "partial matches") => "an event begins no further partial match",
        (Overflow::DropNewest, _) => "an event does not enter its window",
        (Overflow::Fail, _) => "the engine stops with an error",
    };
    format!("{}: {meaning}", policy.name())
}

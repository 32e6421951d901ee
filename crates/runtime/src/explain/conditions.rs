//! What is asked of events, and the predicates that it comes down to.

use std::collections::{BTreeMap, BTreeSet};

use olocus_cep::pattern::ConditionId;
use olocus_cep::rule::TypePattern;
use olocus_cep::{Plan, WindowPlan};
use olocus_document::format_duration;
use olocus_expr::readable;

use super::names::About;
use super::{Condition, Crossing, Machine, Predicate};
use crate::plan::{OutputPlan, Test};

/// Rules that are named where a predicate is shared: it may be by thousands.
const SHARED_WITH_MAX: usize = 8;

impl About<'_> {
    pub(super) fn pattern_lines(&self) -> Vec<String> {
        let mut pattern = match &self.rule.machine {
            Plan::Pattern(plan) => lines(&plan.pattern),
            Plan::Window { window, .. } => vec![window_line(*window)],
        };
        let (OutputPlan::Sequence { having, .. } | OutputPlan::Window { having, .. }) = &self.rule.output;
        pattern.extend(having.iter().map(|having| format!("having {}", readable(having.normalized()))));
        if let Some(limit) = self.rule.limit {
            pattern.push(format!(
                "told at most {} per {} for each key",
                limit.matches,
                format_duration(limit.per)
            ));
        }
        pattern
    }

    pub(super) fn machine(&self) -> Machine {
        Machine {
            states: self.sequence.as_ref().map_or(1, |sequence| sequence.automaton.len()),
            listing: lines(&self.rule.machine),
            dot: Plan::to_dot([(self.rule.name.as_str(), &self.rule.machine)]),
        }
    }

    pub(super) fn conditions(&self) -> Vec<Condition> {
        let Some(sequence) = &self.sequence else {
            let window = |(test, _): (&Test, u64)| Condition {
                name: "event".to_owned(),
                types: type_names(&test.types),
                predicate: test.predicate.map(|predicate| predicate.index()),
                in_turn: self.in_turn(test),
                across: Vec::new(),
            };
            return self.tests().map(window).collect();
        };
        let pattern = &sequence.plan.pattern;
        let asked = pattern.conditions.iter().enumerate().map(|(index, condition)| {
            let id = ConditionId(index as u16);
            let test = condition.bit.and_then(|bit| self.test_of_bit(bit));
            let steps = pattern.steps.iter().filter(|step| step.condition == id);
            let names: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
            Condition {
                name: if names.is_empty() { sequence.until_name(id) } else { names.join(", ") },
                types: test.map(|test| type_names(&test.types)).unwrap_or_default(),
                predicate: test.and_then(|test| test.predicate).map(|predicate| predicate.index()),
                in_turn: test.and_then(|test| self.in_turn(test)),
                across: condition
                    .cross
                    .iter()
                    .map(|cross| Crossing {
                        text: self.crossing(cross),
                        indexed: sequence.is_indexed(id, cross),
                    })
                    .collect(),
            }
        });
        asked.collect()
    }

    /// The part of a test that asks lists in topics.
    fn in_turn(&self, test: &Test) -> Option<String> {
        test.live.map(|live| readable(self.plan.live[live].condition.normalized()))
    }

    pub(super) fn predicates(&self) -> Vec<Predicate> {
        let own = self.tests().filter_map(|(test, _)| test.predicate);
        let mut rules: BTreeMap<_, BTreeSet<usize>> = own.map(|id| (id, BTreeSet::new())).collect();
        for test in &self.plan.tests {
            if let Some(rules) = test.predicate.and_then(|predicate| rules.get_mut(&predicate)) {
                rules.extend(test.rules().filter(|rule| *rule != self.index));
            }
        }
        let explained = rules.into_iter().map(|(id, others)| Predicate {
            id: id.index(),
            text: readable(self.plan.program.normalized(id)),
            access: self.plan.program.access(id).to_string(),
            sharing: others.len(),
            shared_with: others
                .into_iter()
                .take(SHARED_WITH_MAX)
                .map(|rule| self.plan.rules[rule].name.clone())
                .collect(),
        });
        explained.collect()
    }
}

fn window_line(window: WindowPlan) -> String {
    match window {
        WindowPlan::Count(count) => format!("the last {count} events, at each event once there are so many"),
        WindowPlan::Tumbling(size) => format!("the events of each {}", format_duration(size)),
        WindowPlan::Sliding { size, every: None } => {
            format!("the events of the last {}, at each event", format_duration(size))
        }
        WindowPlan::Sliding { size, every: Some(every) } => {
            format!("the events of {}, every {}", format_duration(size), format_duration(every))
        }
        WindowPlan::Session(gap) => {
            format!("events each less than {} after the one before", format_duration(gap))
        }
    }
}

pub(super) fn type_names(types: &[TypePattern]) -> Vec<String> {
    types.iter().map(|pattern| pattern.as_str().to_owned()).collect()
}

fn lines(text: &impl std::fmt::Display) -> Vec<String> {
    text.to_string().lines().map(str::to_owned).collect()
}

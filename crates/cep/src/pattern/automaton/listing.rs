//! Automata as text.

use std::fmt;

use olocus_document::format_duration;

use super::{Action, Automaton, Guard, Move, State, StateId};
use crate::pattern::{ConditionId, Pattern, StepId};

/// What steps and conditions are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    steps: Vec<String>,
    /// The condition of each step.
    pub(super) of_steps: Vec<ConditionId>,
    conditions: Vec<String>,
}

impl Names {
    /// A condition is called after the first step that has it.
    pub(super) fn of(pattern: &Pattern) -> Names {
        let name = |index: usize| {
            let step = pattern.steps.iter().find(|step| step.condition.index() == index);
            step.map_or_else(|| format!("#{index}"), |step| step.name.clone())
        };
        Names {
            steps: pattern.steps.iter().map(|step| step.name.clone()).collect(),
            of_steps: pattern.steps.iter().map(|step| step.condition).collect(),
            conditions: (0..pattern.conditions.len()).map(name).collect(),
        }
    }

    pub(super) fn step(&self, step: StepId) -> &str {
        &self.steps[step.index()]
    }

    /// `when b and not a`, or nothing if it always holds.
    pub(super) fn when(&self, guards: &[Guard], known: Option<ConditionId>) -> String {
        let alternatives: Vec<String> = guards.iter().map(|guard| self.guard(guard, known)).collect();
        if alternatives.iter().any(String::is_empty) {
            return String::new();
        }
        format!(" when {}", alternatives.join(" or "))
    }

    fn guard(&self, guard: &Guard, known: Option<ConditionId>) -> String {
        let mut parts: Vec<String> = guard
            .literals
            .iter()
            .filter(|(condition, wanted)| !(*wanted && known == Some(*condition)))
            .map(|(condition, wanted)| {
                let name = &self.conditions[condition.index()];
                if *wanted { name.clone() } else { format!("not {name}") }
            })
            .collect();
        if let Some(within) = guard.within {
            parts.push(format!("within {} of the last event", format_duration(within)));
        }
        if let Some(after) = guard.after {
            parts.push(format!("{} after the last event", format_duration(after)));
        }
        parts.join(" and ")
    }
}

impl Automaton {
    fn list_state(&self, id: StateId, state: &State, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if id == Automaton::START { '^' } else { ' ' };
        write!(f, "{mark} {id}:")?;
        for (index, way) in state.moves.iter().enumerate() {
            f.write_str(if index == 0 { " " } else { "; " })?;
            self.list_move(id, way, f)?;
        }
        if let Some(within) = state.within {
            write!(f, "; until {} after the last event", format_duration(within))?;
        }
        if state.pending {
            write!(f, ", then {}", self.len())?;
        }
        writeln!(f)
    }

    fn list_move(&self, id: StateId, way: &Move, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &way.action {
            Action::Take { step, to, completes } => {
                let known = self.names.of_steps[step.index()];
                write!(f, "{}{} => ", self.names.step(*step), self.names.when(&way.guards, Some(known)))?;
                if let Some(to) = to {
                    write!(f, "{to}")?;
                }
                if completes.is_empty() {
                    return Ok(());
                }
                let and = if to.is_some() { " and " } else { "" };
                write!(f, "{and}{}{}", self.len(), self.names.when(completes, Some(known)))
            }
            Action::Skip { to } if *to == id => write!(f, "stay{}", self.names.when(&way.guards, None)),
            Action::Skip { to } => write!(f, "skip{} => {to}", self.names.when(&way.guards, None)),
            Action::Complete => write!(f, "skip{} => {}", self.names.when(&way.guards, None), self.len()),
            Action::Stop { step } => {
                let known = self.names.of_steps[step.index()];
                write!(f, "stop at {}{}", self.names.step(*step), self.names.when(&way.guards, Some(known)))
            }
        }
    }
}

impl fmt::Display for Automaton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, state) in self.states() {
            self.list_state(id, state, f)?;
        }
        write!(f, "> {}: match", self.len())?;
        if let Some(within) = self.within {
            write!(f, ", within {} of the first event", format_duration(within))?;
        }
        writeln!(f)
    }
}

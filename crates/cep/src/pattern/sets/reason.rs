//! Which patterns can be evaluated with sets, and why others cannot.

use std::fmt;

use super::determined::Determined;
use crate::pattern::automaton::Automaton;
use crate::pattern::{AfterMatch, EvaluatorKind, PatternPlan};

/// Why a pattern cannot be evaluated with sets of partial matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A condition compares an event with earlier ones, so that partial matches differ in what they can take.
    CrossConditions,
    /// A match ends other partial matches.
    AfterMatch,
    /// Partial matches that run out of time are told, each by itself.
    Timeouts,
    /// Findings carry counts and registers, which each partial match has of its own.
    NoEvents,
    /// Absence is decided by the first event's time, or not for all that wait together at once.
    Absence,
    /// More sets of states, or of conditions that hold at once, than are worth it.
    TooLarge,
}

/// Whether sets can evaluate a pattern.
///
/// # Errors
/// The reason why they cannot.
pub fn accepts(plan: &PatternPlan, automaton: &Automaton) -> Result<(), Reason> {
    determine(plan, automaton).map(|_| ())
}

/// What evaluates a pattern: what the plan asks for; else sets where they can and partial matches can come to be more than
/// the events with which they began, and runs everywhere else.
///
/// # Errors
/// If the plan asks for sets but they do not [accept](accepts) it: the reason.
pub fn choose(plan: &PatternPlan, automaton: &Automaton) -> Result<EvaluatorKind, Reason> {
    match (plan.evaluator, determine(plan, automaton)) {
        (Some(kind), Ok(_)) => Ok(kind),
        (Some(EvaluatorKind::Sets), Err(reason)) => Err(reason),
        (None, Ok(determined)) if determined.multiplies() => Ok(EvaluatorKind::Sets),
        _ => Ok(EvaluatorKind::Runs),
    }
}

pub(super) fn determine(plan: &PatternPlan, automaton: &Automaton) -> Result<Determined, Reason> {
    if plan.outputs.timeouts {
        return Err(Reason::Timeouts);
    }
    if !plan.outputs.events {
        return Err(Reason::NoEvents);
    }
    if plan.pattern.after_match != AfterMatch::Nothing {
        return Err(Reason::AfterMatch);
    }
    Determined::new(automaton.clone())
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::CrossConditions => "a condition compares an event with earlier ones",
            Reason::AfterMatch => "a match ends other partial matches",
            Reason::Timeouts => "partial matches that run out of time are told",
            Reason::NoEvents => "findings carry counts and registers in place of events",
            Reason::Absence => "absence is not decided for all that wait together at once",
            Reason::TooLarge => "too many sets of states, or of conditions that hold at once",
        })
    }
}

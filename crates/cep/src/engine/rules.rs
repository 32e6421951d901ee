//! The rules of an engine, whatever evaluates them.

use super::{Finding, Output, Registry};
use crate::agenda::{Confirm, Entry, Wake};
use crate::keyed::Keyed;
use crate::keys::{KeyGroup, KeyId};
use crate::limits::Limits;
use crate::pattern::automaton::Automaton;
use crate::pattern::keyed::KeyedPattern;
use crate::pattern::runs::Runs;
use crate::pattern::sets::{self, Sets};
use crate::pattern::{EvaluatorKind, PatternPlan};
use crate::plan::{Plan, WindowPlan};
use crate::slots::SlotId;
use crate::stats::Stats;
use crate::window::{Aligned, AlignedPlan, Count, CountPlan, Session, SessionPlan, Trailing, TrailingPlan};

#[derive(Debug)]
pub(super) struct Rules<E: Clone>(pub(super) Vec<Rule<E>>);

#[derive(Debug)]
pub(super) struct Rule<E: Clone> {
    pub(super) group: KeyGroup,
    /// Tells its plan from others.
    pub(super) fingerprint: u32,
    pub(super) evaluator: Evaluator<E>,
}

#[derive(Debug)]
pub(super) enum Evaluator<E: Clone> {
    Runs(Box<KeyedPattern<Runs<E>>>),
    Sets(Box<KeyedPattern<Sets<E>>>),
    Count(Keyed<Count<E>>),
    Trailing(Keyed<Trailing<E>>),
    Aligned(Keyed<Aligned<E>>),
    Session(Keyed<Session<E>>),
}

/// Does the same with every kind of evaluator.
macro_rules! each {
    ($evaluator:expr, $keyed:ident => $what:expr) => {
        match $evaluator {
            Evaluator::Runs($keyed) => $what,
            Evaluator::Sets($keyed) => $what,
            Evaluator::Count($keyed) => $what,
            Evaluator::Trailing($keyed) => $what,
            Evaluator::Aligned($keyed) => $what,
            Evaluator::Session($keyed) => $what,
        }
    };
}

pub(super) use each;

impl<E: Clone> Rules<E> {
    /// The key whose slot this is.
    pub(super) fn key(&self, rule: usize, slot: SlotId) -> KeyId {
        each!(&self.0[rule].evaluator, keyed => keyed.key(slot))
    }

    /// Wakes one key of a rule, or the rule for all its keys.
    pub(super) fn wake(
        &mut self,
        rule: usize,
        slot: Option<SlotId>,
        at: i64,
        registry: &mut Registry,
        findings: &mut Vec<Finding<E>>,
    ) {
        let out = &mut Output { rule, registry, findings };
        each!(&mut self.0[rule].evaluator, keyed => match slot {
            Some(slot) => keyed.wake(slot, at, out),
            None => keyed.wake_all(at, out),
        });
    }
}

impl<E: Clone> Confirm for Rules<E> {
    fn confirm(&mut self, wake: Wake, entry: Entry) -> Option<i64> {
        each!(&mut self.0[entry.rule as usize].evaluator, keyed => keyed.confirm(wake, entry))
    }

    fn stands(&self, wake: Wake, entry: Entry) -> bool {
        each!(&self.0[entry.rule as usize].evaluator, keyed => keyed.stands(wake, entry))
    }
}

impl<E: Clone> Rule<E> {
    pub(super) fn new(index: usize, plan: Plan, limits: &Limits, group: KeyGroup) -> Rule<E> {
        Rule { group, fingerprint: fingerprint(&plan), evaluator: Evaluator::new(index, plan, limits) }
    }

    pub(super) fn stats(&self) -> Stats {
        each!(&self.evaluator, keyed => keyed.stats())
    }
}

impl<E: Clone> Evaluator<E> {
    fn new(rule: usize, plan: Plan, limits: &Limits) -> Evaluator<E> {
        match plan {
            Plan::Pattern(plan) => {
                let automaton =
                    Automaton::new(&plan.pattern).expect("whoever makes a plan has checked its pattern");
                let evaluator = sets::choose(&plan, &automaton).expect(
                    "whoever makes a plan that asks for an evaluator has asked whether it accepts it",
                );
                match evaluator {
                    EvaluatorKind::Runs => {
                        Evaluator::Runs(Box::new(KeyedPattern::new(rule, plan, automaton, limits)))
                    }
                    EvaluatorKind::Sets => {
                        Evaluator::Sets(Box::new(KeyedPattern::new(rule, plan, automaton, limits)))
                    }
                }
            }
            Plan::Window { window, aggregates } => match window {
                WindowPlan::Count(size) => {
                    Evaluator::Count(Keyed::new(rule, CountPlan::new(size, aggregates), limits))
                }
                WindowPlan::Tumbling(size) => {
                    Evaluator::Aligned(Keyed::new(rule, AlignedPlan::new(size, size, aggregates), limits))
                }
                WindowPlan::Sliding { size, every: Some(every) } => {
                    Evaluator::Aligned(Keyed::new(rule, AlignedPlan::new(size, every, aggregates), limits))
                }
                WindowPlan::Sliding { size, every: None } => {
                    Evaluator::Trailing(Keyed::new(rule, TrailingPlan::new(size, aggregates), limits))
                }
                WindowPlan::Session(gap) => {
                    Evaluator::Session(Keyed::new(rule, SessionPlan::new(gap, aggregates), limits))
                }
            },
        }
    }
}

/// Tells plans apart that mean something else, but for what opaque conditions say.
fn fingerprint(plan: &Plan) -> u32 {
    let text = match plan {
        Plan::Pattern(PatternPlan { pattern, outputs, evaluator, .. }) => {
            format!("{pattern:?} {outputs:?} {evaluator:?}")
        }
        Plan::Window { .. } => format!("{plan:?}"),
    };
    crc32fast::hash(text.as_bytes())
}

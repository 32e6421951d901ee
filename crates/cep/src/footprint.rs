//! What it takes in memory to hold something.

use crate::keyed::{Keyed, State};
use crate::pattern::automaton::Automaton;
use crate::pattern::keyed::KeyedPattern;
use crate::pattern::matcher::Matcher;
use crate::pattern::runs::Runs;
use crate::pattern::sets::{self, Sets};
use crate::pattern::{EvaluatorKind, PatternPlan};
use crate::plan::{Plan, WindowPlan};
use crate::window::{Aligned, AlignedPlan, Count, CountPlan, Session, SessionPlan, Trailing, TrailingPlan};

/// What it takes in memory to hold something of a plan, in bytes: the sizes by which [`Stats`](crate::Stats) estimate,
/// without the texts of keys and values and without what events own elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// Each key for which anything is held.
    pub key: usize,
    /// Each partial match, where partial matches are held one by one; each entry of a window.
    pub entry: usize,
    /// Each event that partial matches have taken; those that several share count once.
    pub event: usize,
}

impl Footprint {
    pub(crate) fn of<E: Clone>(plan: &Plan) -> Footprint {
        match plan {
            Plan::Pattern(plan) => of_pattern::<E>(plan),
            Plan::Window { window, aggregates } => {
                let aggregates = aggregates.clone();
                match *window {
                    WindowPlan::Count(size) => of_window::<Count<E>>(&CountPlan::new(size, aggregates)),
                    WindowPlan::Tumbling(size) => {
                        of_window::<Aligned<E>>(&AlignedPlan::new(size, size, aggregates))
                    }
                    WindowPlan::Sliding { size, every: Some(every) } => {
                        of_window::<Aligned<E>>(&AlignedPlan::new(size, every, aggregates))
                    }
                    WindowPlan::Sliding { size, every: None } => {
                        of_window::<Trailing<E>>(&TrailingPlan::new(size, aggregates))
                    }
                    WindowPlan::Session(gap) => of_window::<Session<E>>(&SessionPlan::new(gap, aggregates)),
                }
            }
        }
    }
}

fn of_pattern<E: Clone>(plan: &PatternPlan) -> Footprint {
    fn of<M: Matcher>(plan: &PatternPlan, automaton: Automaton) -> Footprint {
        let (entry, event) = M::sizes(&M::share(plan.clone(), automaton, usize::MAX));
        Footprint { key: KeyedPattern::<M>::bytes_per_key(), entry, event }
    }
    let Ok(automaton) = Automaton::new(&plan.pattern) else { return Footprint::default() };
    match sets::choose(plan, &automaton) {
        Ok(EvaluatorKind::Runs) => of::<Runs<E>>(plan, automaton),
        Ok(EvaluatorKind::Sets) => of::<Sets<E>>(plan, automaton),
        Err(_) => Footprint::default(),
    }
}

fn of_window<S: State>(plan: &S::Plan) -> Footprint {
    Footprint { key: Keyed::<S>::bytes_per_key(plan), entry: Keyed::<S>::bytes_per_entry(plan), event: 0 }
}

//! From a pattern to a graph, from its end to its beginning, as each stage leads to the one that follows it.
//!
//! What a stage becomes is what Flink CEP makes of it, since that is the meaning of patterns:
//!
//! * A stage waits in a place of its own. While it waits relaxed, it ignores what is not waited for, so that it stays.
//! * What is optional can be proceeded past. Once it has ignored an event, a copy of the place waits on, which cannot be
//!   proceeded past: the place that was proceeded to waits on already, and would find the same matches again.
//! * A repetition is unrolled up to its least count; what comes beyond is optional, or a loop.
//! * A relaxed `not` is no place but stops in all places in which it counts.

use super::AutomatonError;
use super::graph::{EdgeKind, Graph, Keeping, Literals, PlaceId};
use crate::pattern::{Body, ConditionId, Contiguity, Pattern, Stage, StepId};

mod body;
mod heads;
mod stage;

/// The graph, and where it begins.
pub(super) struct Lowered {
    pub(super) graph: Graph,
    pub(super) start: PlaceId,
}

pub(super) fn lower(pattern: &Pattern) -> Result<Lowered, AutomatonError> {
    let mut lowering = Lowering { pattern, graph: Graph::new() };
    let entry = Entry::at_once();
    let start = lowering.sequence(&pattern.stages, &entry, Graph::FINAL, &Around::default())?.first;
    super::greedy::keep(&mut lowering.graph)?;
    Ok(Lowered { graph: lowering.graph, start })
}

struct Lowering<'p> {
    pattern: &'p Pattern,
    graph: Graph,
}

/// How the first event of something comes.
#[derive(Clone, Debug)]
struct Entry {
    follows: Contiguity,
    /// Where it can be proceeded to without any event; if anywhere, it is optional.
    skips: Vec<Skip>,
    /// From the last event taken.
    within: Option<i64>,
    /// It is no longer waited for once one of these holds.
    untils: Vec<ConditionId>,
    /// What must not come instead: as the first event, and once it has been waited for what is optional.
    stops: Vec<Stop>,
    waiting_stops: Vec<Stop>,
}

/// What must not come, and when an event is it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stop {
    guard: Literals,
    step: StepId,
}

/// What an event must satisfy that something begins with, and how long after the last event taken it may come.
#[derive(Clone, Copy, Debug)]
struct Head {
    condition: ConditionId,
    within: Option<i64>,
}

/// Where something that is optional can be proceeded to.
#[derive(Clone, Debug)]
struct Skip {
    guard: Literals,
    to: PlaceId,
    /// Whether a repetition is left that could go on.
    leaves: bool,
}

/// What counts within a sequence because of what it is part of.
#[derive(Clone, Debug, Default)]
struct Around {
    /// Nothing is taken any longer once one of these holds.
    untils: Vec<ConditionId>,
    /// A relaxed `not` that follows the sequence.
    not_next: Option<StepId>,
}

/// A body, once: the place it begins in, and the one that waits on if it is optional.
#[derive(Clone, Copy, Debug)]
struct Unit {
    first: PlaceId,
    waiting: Option<PlaceId>,
}

impl Entry {
    /// Like the first event of a pattern, or what another place waits for.
    fn at_once() -> Entry {
        Entry {
            follows: Contiguity::Strict,
            skips: Vec::new(),
            within: None,
            untils: Vec::new(),
            stops: Vec::new(),
            waiting_stops: Vec::new(),
        }
    }

    /// The same with another bound on its time, too.
    fn and_within(&self, within: Option<i64>) -> Entry {
        Entry { within: self.within.into_iter().chain(within).min(), ..self.clone() }
    }
}

impl Around {
    /// What counts within a repetition; what follows the repetitions follows the last one only.
    fn within_body(&self, is_last: bool) -> Around {
        Around { untils: self.untils.clone(), not_next: self.not_next.filter(|_| is_last) }
    }
}

impl Lowering<'_> {
    /// Stages one after the other. `entry` overrides how the first follows what is before.
    fn sequence(
        &mut self,
        stages: &[Stage],
        entry: &Entry,
        sink: PlaceId,
        around: &Around,
    ) -> Result<Unit, AutomatonError> {
        match stages.first() {
            None => return Err(AutomatonError::empty()),
            Some(stage) if matches!(stage.body, Body::Not(_)) => {
                return Err(AutomatonError::begins_with_not());
            }
            Some(_) => {}
        }
        // As long as nothing of the sequence has been taken, what comes in place of optional first stages must come as the
        // first would: it has places of its own where that makes a difference.
        let needed = stages.iter().position(|stage| !stage.repeat.optional).unwrap_or(stages.len());
        let differs = entry.within.is_some() || entry.untils != around.untils || !entry.stops.is_empty();
        let (mut sink, mut untouched) = (sink, sink);
        let mut not_next = around.not_next;
        for (index, stage) in stages.iter().enumerate().rev() {
            let around = Around { untils: around.untils.clone(), not_next };
            not_next = None;
            match (&stage.body, stage.follows) {
                (Body::Not(step), Contiguity::Strict) => {
                    sink = self.strict_not(stage, *step, sink, &around)?;
                }
                (Body::Not(step), _) => {
                    not_next = Some(*step);
                    if sink == Graph::FINAL {
                        sink = self.trailing_not(stage, *step, &around)?;
                    }
                }
                _ => {
                    let nots = nots_before(stages, index);
                    let passed = if index < needed && differs { untouched } else { sink };
                    if index == 0 {
                        let entry = entry.and_within(stage.within);
                        return self.stage(stage, &entry, &nots, [sink, passed], &around);
                    }
                    let stops = self.stops(&nots, &around);
                    let mut own = Entry {
                        follows: stage.follows,
                        skips: Vec::new(),
                        within: stage.within,
                        untils: around.untils.clone(),
                        stops: stops.clone(),
                        waiting_stops: stops,
                    };
                    let first = self.stage(stage, &own, &nots, [sink, sink], &around)?.first;
                    if index <= needed && differs {
                        own = Entry { untils: entry.untils.clone(), ..own.and_within(entry.within) };
                        own.stops.extend(entry.stops.iter().cloned());
                        own.waiting_stops.extend(entry.waiting_stops.iter().cloned());
                        untouched = self.stage(stage, &own, &nots, [sink, passed], &around)?.first;
                    }
                    sink = first;
                }
            }
        }
        Err(AutomatonError::begins_with_not())
    }

    /// The very next event must not be it, and is then offered to what follows.
    fn strict_not(
        &mut self,
        stage: &Stage,
        step: StepId,
        sink: PlaceId,
        around: &Around,
    ) -> Result<PlaceId, AutomatonError> {
        let place = self.graph.add(stage.within.filter(|_| sink == Graph::FINAL))?;
        self.graph.place_mut(place).keeping = Keeping::First;
        let absent = Literals::always().and(self.condition(step), false);
        // A match needs the event that shows the absence, so it is not proceeded to.
        let kind = if sink == Graph::FINAL {
            EdgeKind::Ignore { to: sink }
        } else {
            EdgeKind::Proceed { to: sink, later: true }
        };
        self.graph.edge(place, absent, kind);
        let stops = self.stops(&[step], around);
        self.stop(place, &stops);
        Ok(place)
    }

    /// At the end of a pattern, absence is decided by time.
    fn trailing_not(
        &mut self,
        stage: &Stage,
        step: StepId,
        around: &Around,
    ) -> Result<PlaceId, AutomatonError> {
        let place = self.graph.add(stage.within)?;
        self.graph.place_mut(place).pending = true;
        let stops = self.stops(&[step], around);
        self.stop(place, &stops);
        let absent = Literals::always().and(self.condition(step), false);
        self.graph.edge(place, absent, EdgeKind::Ignore { to: place });
        Ok(place)
    }

    /// When an event is taken for a step.
    fn taking(&self, step: StepId, around: &Around) -> Literals {
        Literals::always().and(self.condition(step), true).and_none(&around.untils)
    }

    /// What these steps forbid.
    fn stops(&self, steps: &[StepId], around: &Around) -> Vec<Stop> {
        steps.iter().map(|step| Stop { guard: self.taking(*step, around), step: *step }).collect()
    }

    /// Ends what is in this place when something comes that must not.
    fn stop(&mut self, place: PlaceId, stops: &[Stop]) {
        for Stop { guard, step } in stops {
            self.graph.edge(place, guard.clone(), EdgeKind::Stop { step: *step });
        }
    }

    fn condition(&self, step: StepId) -> ConditionId {
        self.pattern.steps[step.index()].condition
    }
}

/// The relaxed `not`s that count while a stage is waited for: those before it, also before optional stages before it.
fn nots_before(stages: &[Stage], index: usize) -> Vec<StepId> {
    let mut nots = Vec::new();
    for stage in stages[..index].iter().rev() {
        match stage.body {
            Body::Not(step) if stage.follows != Contiguity::Strict => nots.push(step),
            _ if stage.repeat.optional => {}
            _ => break,
        }
    }
    nots
}

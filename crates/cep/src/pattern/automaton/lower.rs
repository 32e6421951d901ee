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

/// Steps that may be taken in any order: there is a place for each set of them.
const ANY_ORDER_MAX: usize = 8;

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

    /// A stage with all its repetitions, and what follows them, and what follows instead.
    fn stage(
        &mut self,
        stage: &Stage,
        entry: &Entry,
        nots: &[StepId],
        [sink, passed]: [PlaceId; 2],
        around: &Around,
    ) -> Result<Unit, AutomatonError> {
        let repeat = &stage.repeat;
        let (min, max) = (repeat.min.max(1), repeat.max);
        let looping = max.is_none();
        let more = max.map_or(0, |max| max.saturating_sub(min));

        let mut inside = Around { untils: around.untils.clone(), not_next: around.not_next };
        inside.untils.extend(repeat.until);

        let mut leave = |sink: PlaceId| {
            if repeat.greedy && (looping || more > 0) {
                self.leave_greedily(&stage.body, repeat.until, sink)
            } else {
                Ok((vec![Skip { guard: Literals::always(), to: sink, leaves: true }], sink))
            }
        };
        let passing = if passed == sink { None } else { Some(leave(passed)?.0) };
        let (leaving, sink) = leave(sink)?;
        // What is taken here ends what a `not` before an optional stage forbids.
        let forgotten: &[StepId] = if repeat.optional { nots } else { &[] };

        let mut is_last = !looping;
        let mut last = if looping { self.looping(stage, &leaving, forgotten, &inside)? } else { sink };
        for optional in
            std::iter::repeat_n(true, more as usize).chain(std::iter::repeat_n(false, min as usize - 1))
        {
            let skips = if optional { leaving.clone() } else { Vec::new() };
            let stops = self.stops(inside.not_next.as_slice(), &inside);
            // Observed of steps: what waits for a repetition that need not come knows what is before the stage instead.
            let of_step = optional && matches!(stage.body, Body::Step(_));
            let waiting_stops = if of_step { self.stops(nots, around) } else { stops.clone() };
            let entry = Entry {
                follows: repeat.inner,
                skips,
                within: repeat.gap,
                untils: inside.untils.clone(),
                stops,
                waiting_stops,
            };
            let to = self.graph.without_stops(last, forgotten)?;
            let unit = self.unit(&stage.body, &entry, to, &inside.within_body(is_last))?;
            is_last = false;
            last = unit.first;
        }

        let mut entry = entry.clone();
        if repeat.optional {
            let passing = passing.unwrap_or(leaving);
            entry.skips.extend(passing.into_iter().map(|skip| Skip { leaves: false, ..skip }));
        }
        let to = self.graph.without_stops(last, forgotten)?;
        let unit = self.unit(&stage.body, &entry, to, &inside.within_body(is_last))?;
        if repeat.optional {
            self.graph.place_mut(unit.first).keeping = Keeping::FirstOfOptional;
        }
        Ok(unit)
    }

    /// Where a greedy repetition can be left to, and where its last event leads: what follows must not take what would be
    /// taken here.
    fn leave_greedily(
        &mut self,
        body: &Body,
        until: Option<ConditionId>,
        sink: PlaceId,
    ) -> Result<(Vec<Skip>, PlaceId), AutomatonError> {
        if sink == Graph::FINAL {
            return Ok((vec![Skip { guard: Literals::always(), to: sink, leaves: true }], sink));
        }
        let kept = self.graph.add(None)?;
        self.graph.place_mut(kept).like = Some((sink, self.heads(body)));
        let Some(until) = until else {
            return Ok((vec![Skip { guard: Literals::always(), to: kept, leaves: true }], kept));
        };
        // Once nothing more is taken here, all is left to what follows.
        let ways =
            [(Literals::always().and(until, true), sink), (Literals::always().and(until, false), kept)];
        let both = self.graph.add(None)?;
        for (guard, to) in &ways {
            self.graph.edge(both, guard.clone(), EdgeKind::Proceed { to: *to, later: false });
        }
        Ok((ways.map(|(guard, to)| Skip { guard, to, leaves: true }).to_vec(), both))
    }

    /// Any number of further repetitions; returns where one is once there have been enough.
    fn looping(
        &mut self,
        stage: &Stage,
        leaving: &[Skip],
        forgotten: &[StepId],
        around: &Around,
    ) -> Result<PlaceId, AutomatonError> {
        let mut skips = leaving.to_vec();
        for skip in &mut skips {
            skip.to = self.graph.without_stops(skip.to, forgotten)?;
        }
        let stops = self.stops(around.not_next.as_slice(), around);
        let entry = Entry {
            follows: stage.repeat.inner,
            skips,
            within: stage.repeat.gap,
            untils: around.untils.clone(),
            stops: stops.clone(),
            waiting_stops: stops,
        };
        // The last event of a repetition leads to where the next one begins, which is not there yet.
        let back = self.graph.add(None)?;
        let unit = self.unit(&stage.body, &entry, back, &around.within_body(false))?;
        self.graph.edge(back, Literals::always(), EdgeKind::Proceed { to: unit.first, later: false });
        Ok(back)
    }

    /// A body, once, that leads to `sink`.
    fn unit(
        &mut self,
        body: &Body,
        entry: &Entry,
        sink: PlaceId,
        around: &Around,
    ) -> Result<Unit, AutomatonError> {
        match body {
            Body::Step(step) | Body::Not(step) => {
                let guard = self.taking(*step, around);
                self.choice(
                    &[(guard, EdgeKind::Take { step: *step, to: sink })],
                    &[Head { condition: self.condition(*step), within: None }],
                    entry,
                )
            }
            Body::Group(stages) => self.sequence(stages, entry, sink, around),
            Body::AnyOf(alternatives) => {
                let mut edges = Vec::with_capacity(alternatives.len());
                let mut heads = Vec::new();
                for stages in alternatives {
                    if stages.first().is_some_and(|stage| stage.repeat.optional) {
                        return Err(AutomatonError::begins_with_optional());
                    }
                    let first = self.sequence(stages, &Entry::at_once(), sink, around)?.first;
                    edges.push((Literals::always(), EdgeKind::Proceed { to: first, later: false }));
                    let within = stages.first().and_then(|stage| stage.within);
                    let mut of_stages = Vec::new();
                    self.add_sequence_heads(stages, &mut of_stages);
                    heads.extend(of_stages.into_iter().map(|condition| Head { condition, within }));
                }
                let unit = self.choice(&edges, &heads, entry)?;
                for place in [Some(unit.first), unit.waiting].into_iter().flatten() {
                    self.graph.place_mut(place).leading = edges.len();
                }
                Ok(unit)
            }
            Body::AllOf(steps) => self.all_of(steps, entry, sink, around),
        }
    }

    /// Steps in any order: a place for each set of steps that are left.
    fn all_of(
        &mut self,
        steps: &[StepId],
        entry: &Entry,
        sink: PlaceId,
        around: &Around,
    ) -> Result<Unit, AutomatonError> {
        if steps.is_empty() {
            return Err(AutomatonError::empty());
        }
        if steps.len() > ANY_ORDER_MAX {
            return Err(AutomatonError::too_many_in_any_order(steps.len(), ANY_ORDER_MAX));
        }
        let later =
            Entry { follows: Contiguity::SkipTillNext, untils: around.untils.clone(), ..Entry::at_once() };
        let all = (1_usize << steps.len()) - 1;
        let mut places = vec![sink];
        // A set is larger than its subsets, so those are there already.
        for left in 1..=all {
            let left_steps = || steps.iter().enumerate().filter(move |(index, _)| left >> index & 1 == 1);
            let edges: Vec<_> = left_steps()
                .map(|(index, step)| {
                    let to = places[left & !(1 << index)];
                    (self.taking(*step, around), EdgeKind::Take { step: *step, to })
                })
                .collect();
            let heads: Vec<_> = left_steps()
                .map(|(_, step)| Head { condition: self.condition(*step), within: None })
                .collect();
            let unit = self.choice(&edges, &heads, if left == all { entry } else { &later })?;
            if left == all {
                return Ok(unit);
            }
            places.push(unit.first);
        }
        Err(AutomatonError::empty())
    }

    /// A place that waits for one of these edges, the way that `entry` says.
    fn choice(
        &mut self,
        edges: &[(Literals, EdgeKind)],
        heads: &[Head],
        entry: &Entry,
    ) -> Result<Unit, AutomatonError> {
        let optional = !entry.skips.is_empty();
        // What is optional is not over when it is too late for it, but can still be proceeded past.
        // Where each of them has a bound of its own, nothing is left after the last.
        let of_heads =
            heads.iter().map(|head| head.within).reduce(|one, other| Some(one?.max(other?))).flatten();
        let within = entry.within.into_iter().chain(of_heads).min();
        let (of_place, limit) = if optional { (None, within) } else { (within, None) };
        let first = self.graph.add(of_place)?;
        for (guard, kind) in edges {
            self.graph.edge(first, guard.clone().and_within(limit), *kind);
        }
        let ignoring: Vec<Literals> = match entry.follows {
            Contiguity::Strict => Vec::new(),
            Contiguity::SkipTillNext => ignoring(heads),
            Contiguity::SkipTillAny => vec![Literals::always()],
        }
        .into_iter()
        .map(|guard| guard.and_none(&entry.untils))
        .collect();
        self.stop(first, &entry.stops);
        if !optional {
            for guard in ignoring {
                self.graph.edge(first, guard, EdgeKind::Ignore { to: first });
            }
            return Ok(Unit { first, waiting: None });
        }
        let mut waiting = None;
        if !ignoring.is_empty() {
            let place = self.graph.add(within)?;
            for (guard, kind) in edges {
                self.graph.edge(place, guard.clone(), *kind);
            }
            for guard in ignoring {
                self.graph.edge(place, guard.clone(), EdgeKind::Ignore { to: place });
                self.graph.edge(first, guard.and_within(limit), EdgeKind::Ignore { to: place });
            }
            self.stop(place, &entry.waiting_stops);
            waiting = Some(place);
        }
        for Skip { guard, to, leaves } in &entry.skips {
            self.graph.edge(first, guard.clone(), EdgeKind::Proceed { to: *to, later: *leaves });
        }
        Ok(Unit { first, waiting })
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

    /// The conditions of all events that a body can begin with.
    fn heads(&self, body: &Body) -> Vec<ConditionId> {
        let mut heads = Vec::new();
        self.add_heads(body, &mut heads);
        heads
    }

    fn add_heads(&self, body: &Body, heads: &mut Vec<ConditionId>) {
        match body {
            Body::Step(step) => heads.push(self.condition(*step)),
            Body::Not(_) => {}
            Body::Group(stages) => self.add_sequence_heads(stages, heads),
            Body::AnyOf(alternatives) => {
                for stages in alternatives {
                    self.add_sequence_heads(stages, heads);
                }
            }
            Body::AllOf(steps) => heads.extend(steps.iter().map(|step| self.condition(*step))),
        }
    }

    fn add_sequence_heads(&self, stages: &[Stage], heads: &mut Vec<ConditionId>) {
        for stage in stages {
            self.add_heads(&stage.body, heads);
            if !stage.repeat.optional {
                return;
            }
        }
    }

    fn condition(&self, step: StepId) -> ConditionId {
        self.pattern.steps[step.index()].condition
    }
}

/// When an event is ignored that is none of those waited for: one for which it is too late is not waited for.
fn ignoring(heads: &[Head]) -> Vec<Literals> {
    let mut afters: Vec<Option<i64>> = heads.iter().map(|head| head.within).collect();
    afters.push(None);
    afters.sort_unstable();
    afters.dedup();
    let guard = |after: &Option<i64>| {
        let is_open = |head: &&Head| head.within.is_none() || head.within > *after;
        let open: Vec<ConditionId> = heads.iter().filter(is_open).map(|head| head.condition).collect();
        Literals::always().and_none(&open).and_after(*after)
    };
    afters.iter().map(guard).collect()
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

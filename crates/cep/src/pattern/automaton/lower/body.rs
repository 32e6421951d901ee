//! A body, once: places that wait for its events.

use super::{Around, Entry, Head, Lowering, Skip, Unit};
use crate::pattern::automaton::AutomatonError;
use crate::pattern::automaton::graph::{EdgeKind, Literals, PlaceId};
use crate::pattern::{Body, ConditionId, Contiguity, StepId};

/// Steps that may be taken in any order: there is a place for each set of them.
const ANY_ORDER_MAX: usize = 8;

impl Lowering<'_> {
    /// A body, once, that leads to `sink`.
    pub(super) fn unit(
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

//! What of runs is in a part of a snapshot.
//!
//! Whatever is read is checked, so that no bytes lead to a run that is listed twice, or refers to what is not there.

use std::marker::PhantomData;

use super::arena::{Arena, InKey, InState, Nodes, Run, RunId};
use super::held::{Held, What};
use super::order::Slot;
use super::slab::{Linked, Links, List};
use super::{Group, Groups, Ordered, Runs, RunsPlan, RunsShared, spilled};
use crate::pattern::automaton::StateId;
use crate::pattern::claims::Claims;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};

/// A group without its index, and whether it has one.
type SavedGroup = (StateId, u32, bool, List<Run>);

/// What has been read so far.
#[derive(Debug)]
pub(crate) struct Loading {
    claims: Claims,
    /// By run.
    found: Vec<Found>,
}

/// Where a run was found, one place after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// There is no such run.
    Nowhere,
    InArena,
    InKey,
    InState,
    InOrder,
}

impl Loading {
    /// That all runs were found wherever they must be.
    pub(super) fn end(self) -> Read<()> {
        check(self.found.iter().all(|found| !matches!(found, Found::InArena | Found::InKey)))?;
        self.claims.end()
    }

    /// Notes that a run was found in the next place.
    fn find(&mut self, run: RunId, before: Found, now: Found) -> Read<()> {
        let found = self.found.get_mut(run.index()).ok_or(Damaged)?;
        check(*found == before)?;
        *found = now;
        Ok(())
    }

    /// Takes what a match held back owns.
    fn claim(&mut self, held: &Held, plan: &RunsPlan) -> Read<()> {
        match &held.what {
            What::Path { first, node, and: None } => {
                check(plan.outputs.events && first.0.index() < plan.steps)?;
                self.claims.event(first.1)?;
                node.map_or(Ok(()), |node| self.claims.node(node))
            }
            What::Path { and: Some(_), .. } => Err(Damaged),
            What::Summary(summary) => {
                check(!plan.outputs.events && summary.counts.len() == plan.steps)?;
                check(summary.registers.len() == plan.registers)?;
                check(summary.approximate.iter().all(|at| *at < plan.registers))?;
                self.claims.event(summary.first)?;
                self.claims.event(summary.ends.last)
            }
        }
    }
}

impl<E: Clone> Arena<E> {
    pub(super) fn save(&self, writer: &mut Writer<'_, E>) {
        self.nodes.save(writer);
        writer.put(&(&self.runs, &self.order, self.arrived));
        writer.put(&(&self.clocks.values, &self.came.values));
        self.registers.save(writer);
        writer.put(&self.summaries.as_ref().map(|summaries| summaries.saved()));
        writer.put(&self.paths.as_ref().map(|paths| paths.saved()));
    }

    pub(super) fn load(
        &mut self,
        plan: &RunsPlan,
        new: &mut [Reader<'_, '_, E>],
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<Loading> {
        let claims;
        (self.nodes, claims) = Nodes::load(plan.steps, new, reader)?;
        (self.runs, self.order, self.arrived) = reader.take()?;
        check(self.arrived < u64::MAX / 2)?;
        (self.clocks.values, self.came.values) = reader.take()?;
        self.registers.load(reader)?;
        let (summaries, paths) = (reader.take()?, reader.take()?);
        match (&mut self.summaries, summaries) {
            (Some(summaries), Some(saved)) => summaries.restore(saved),
            (None, None) => {}
            _ => return Err(Damaged),
        }
        match (&mut self.paths, paths) {
            (Some(paths), Some(saved)) => paths.restore(saved),
            (None, None) => {}
            _ => return Err(Damaged),
        }
        let live = self.runs.live().ok_or(Damaged)?;
        let places = live.iter().rposition(|live| *live).map_or(0, |last| last + 1);
        check(self.clocks.reaches(places) && self.came.reaches(places) && self.registers.reaches(places))?;
        check(self.summaries.as_ref().is_none_or(|summaries| summaries.is_of(&live)))?;
        check(self.paths.as_ref().is_none_or(|paths| paths.reaches(places)))?;
        let found = live.iter().map(|live| if *live { Found::InArena } else { Found::Nowhere });
        let mut loading = Loading { claims, found: found.collect() };
        let live = self.runs.all().zip(live).filter_map(|(run, live)| live.then_some(run));
        for run in live {
            check(run.state.index() < plan.automaton.len() && run.first_step.index() < plan.steps)?;
            check(run.node.is_none() || plan.outputs.events)?;
            loading.claims.event(run.first)?;
            run.node.map_or(Ok(()), |node| loading.claims.node(node))?;
        }
        let of_summaries = self.summaries.iter().flat_map(|summaries| summaries.events());
        of_summaries.into_iter().try_for_each(|event| loading.claims.event(event))?;
        Ok(loading)
    }

    /// Walks through a list that was read; returns how long it is.
    fn walk<L>(&mut self, list: List<Run>, mut look: impl FnMut(RunId, &Arena<E>) -> Read<()>) -> Read<usize>
    where
        Run: Linked<L>,
    {
        let (mut before, mut next, mut length) = (None, list.head, 0);
        while let Some(id) = next {
            look(id, self)?;
            let links: &Links<Run> = Linked::<L>::links(&mut self.runs[id]);
            check(links.previous == before)?;
            (before, next) = (next, links.next);
            length += 1;
        }
        check(list.tail == before)?;
        Ok(length)
    }
}

impl<E: Clone> Runs<E> {
    pub(super) fn write(&self, writer: &mut Writer<'_, E>) {
        let groups = self.groups.iter();
        let groups: Vec<SavedGroup> =
            groups.map(|group| (group.state, group.len, group.index.is_some(), group.runs)).collect();
        writer.put(&(self.runs, groups, &self.ordered));
    }

    pub(super) fn read(
        shared: &mut RunsShared<E>,
        loading: &mut Loading,
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<Runs<E>> {
        let RunsShared { plan, arena, .. } = shared;
        let (of_key, saved, ordered): (_, Vec<SavedGroup>, Option<Box<Ordered>>) = reader.take()?;
        let mut row = 0;
        let count = arena.walk::<InKey>(of_key, |id, arena| {
            loading.find(id, Found::InArena, Found::InKey)?;
            let begun = arena.at(id).row;
            check(std::mem::replace(&mut row, begun) <= begun)
        })?;
        let mut groups = Groups::with_capacity(saved.len().min(plan.automaton.len()));
        let mut grouped = 0;
        for (state, len, is_indexed, runs) in saved {
            check(groups.last().is_none_or(|last: &Group| last.state < state))?;
            let length = arena.walk::<InState>(runs, |id, arena| {
                loading.find(id, Found::InKey, Found::InState)?;
                check(arena.runs[id].state == state)
            })?;
            check(length == len as usize && length > 0)?;
            grouped += length;
            let mut group = Group { state, len, index: None, runs };
            if let (Some(probe), Some(first), true) = (&plan.probes[state.index()], runs.head, is_indexed) {
                group.fill_index(first, probe, arena);
            }
            groups.push(group);
        }
        check(grouped == count)?;
        let runs = Runs { event: PhantomData, runs: of_key, groups, ordered };
        runs.check_ordered(plan, loading, if plan.is_ordered { count } else { 0 })?;
        arena.spilled += spilled(&runs.groups);
        arena.ordered += usize::from(runs.ordered.is_some());
        arena.held += runs.all_held().count();
        arena.held_heap += runs.all_held().map(Held::heap_bytes).sum::<usize>();
        Ok(runs)
    }

    /// That so many runs stand in the order, each once.
    fn check_ordered(&self, plan: &RunsPlan, loading: &mut Loading, count: usize) -> Read<()> {
        let Some(ordered) = &self.ordered else { return check(count == 0) };
        let (mut runs, mut starts) = (0, 0);
        for Slot { run, .. } in ordered.order.iter() {
            match run {
                Some(run) => {
                    loading.find(*run, Found::InState, Found::InOrder)?;
                    runs += 1;
                }
                None => starts += 1,
            }
        }
        check(runs == count && starts <= 1)?;
        ordered.held.iter().try_for_each(|held| loading.claim(held, plan))
    }
}

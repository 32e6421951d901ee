//! What an event does to runs.

use super::arena::{Arena, Begun, Clock, InKey, RunId};
use super::heap::Heap;
use super::held::{Held, What, append};
use super::order::Slot;
use super::time::{over_at, path_of, summarised};
use super::{Group, Runs, RunsPlan, RunsShared};
use crate::aggregate::Scalar;
use crate::engine::Row;
use crate::pattern::StepId;
use crate::pattern::automaton::{Action, Automaton, State, StateId, any_holds};
use crate::pattern::events::Start;

/// What is needed only while an event is looked at, kept to save allocations.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Matches that are not told yet.
    pub(super) completed: Vec<Held>,
    /// The same on their way to those held back.
    pub(super) ready: Heap<Held>,
    /// The order of the runs before the present event.
    pub(super) slots: Vec<Slot>,
    /// Runs that the present event can concern, by when they came.
    candidates: Vec<(u64, RunId)>,
    /// Where the run looked at goes on, in order.
    successors: Vec<RunId>,
    /// Runs on their way to another state, which must not see this event again.
    arrivals: Vec<RunId>,
    ways: Vec<Way>,
    completions: Vec<Completion>,
}

/// Where a run goes on.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The step that takes the event, if one does.
    take: Option<StepId>,
    to: StateId,
    /// Whether its time counts from now on.
    counts_anew: bool,
}

/// How an event completes a match.
#[derive(Clone, Copy, Debug)]
enum Completion {
    /// With the event, under this step.
    Taking(StepId),
    /// Without it.
    Passing,
}

/// An event, and what all runs see of it.
struct Shown<'s, 'r, E> {
    plan: &'s RunsPlan,
    row: &'s Row<'r, E>,
    at: Start,
    /// Whether it begins something.
    begins: bool,
    /// Whether some runs may be over that have not ended yet.
    passes: bool,
}

impl<E: Clone> Runs<E> {
    /// Shows a row to all runs that it can concern, then begins with it if that may be.
    pub(super) fn show(&mut self, shared: &mut RunsShared<E>, row: &Row<'_, E>, at: Start, may_begin: bool) {
        let RunsShared { plan, arena, scratch, .. } = shared;
        let begins = may_begin && plan.automaton.begins(row.steps);
        let first = plan.automaton.within().zip(arena.order.front());
        let is_over =
            |within, begun: Begun| begun.at().time.checked_add(within).is_some_and(|over| over <= at.time);
        let passes = plan.passes_over && first.is_some_and(|(within, begun)| is_over(within, *begun));
        let shown = Shown { plan, row, at, begins, passes };
        if plan.is_ordered {
            self.show_in_order(&shown, arena, scratch);
        } else {
            self.show_by_state(&shown, arena, scratch);
        }
        arena.end_row();
    }

    /// Shows a row to the runs of each state, if it concerns any.
    fn show_by_state(&mut self, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>, scratch: &mut Scratch) {
        let Shown { plan, row, .. } = shown;
        for index in 0..self.groups.len() {
            let state = plan.automaton.state(self.groups[index].state);
            if !state.stirs(row.steps) {
                continue;
            }
            if self.probe(index, shown, &mut scratch.candidates) {
                for candidate in 0..scratch.candidates.len() {
                    let (_, run) = scratch.candidates[candidate];
                    self.advance(run, state, shown, arena, scratch);
                }
                continue;
            }
            let mut next = self.groups[index].runs.head;
            while let Some(run) = next {
                next = arena.next_in_state(run);
                self.advance(run, state, shown, arena, scratch);
            }
        }
        if shown.begins {
            self.begin(shown, arena, scratch);
        }
        for run in scratch.arrivals.drain(..) {
            self.enter_state(run, plan, arena);
        }
    }

    /// Finds the runs of a group that a row can concern; whether that is so for these at most.
    fn probe(&self, group: usize, shown: &Shown<'_, '_, E>, candidates: &mut Vec<(u64, RunId)>) -> bool {
        let Group { state, index: Some(index), .. } = &self.groups[group] else { return false };
        let Some(probe) = &shown.plan.probes[state.index()] else { return false };
        if !probe.suffices(&shown.plan.automaton, shown.row.steps) {
            return false;
        }
        candidates.clear();
        index.find(probe, shown.row.inputs, candidates);
        true
    }

    /// Shows a row to all runs in the order in which they stand, if it concerns any.
    fn show_in_order(&mut self, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>, scratch: &mut Scratch) {
        let automaton = &shown.plan.automaton;
        let bits = shown.row.steps;
        let stirs = |group: &Group| automaton.state(group.state).stirs(bits);
        if !shown.begins && !self.groups.iter().any(stirs) {
            return;
        }
        self.ordered(arena).order.take_all(&mut scratch.slots);
        for index in 0..scratch.slots.len() {
            let Slot { run, row } = scratch.slots[index];
            scratch.successors.clear();
            let row = match run {
                Some(run) => {
                    let state = automaton.state(arena.runs[run].state);
                    if state.stirs(bits) {
                        self.advance(run, state, shown, arena, scratch);
                    } else {
                        scratch.successors.push(run);
                    }
                    row
                }
                None => {
                    if shown.begins {
                        self.begin(shown, arena, scratch);
                    }
                    shown.at.row
                }
            };
            let order = &mut self.ordered(arena).order;
            for successor in &scratch.successors {
                order.push(Slot { run: Some(*successor), row });
            }
            if run.is_none() {
                order.push(Slot::START);
            }
        }
        for run in scratch.arrivals.drain(..) {
            self.enter_state(run, shown.plan, arena);
        }
    }

    /// Shows a row to one run.
    fn advance(
        &mut self,
        id: RunId,
        state: &State,
        shown: &Shown<'_, '_, E>,
        arena: &mut Arena<E>,
        scratch: &mut Scratch,
    ) {
        let run = arena.runs[id];
        if shown.passes && over_at(id, shown.plan, arena).is_some_and(|over| over <= shown.at.time) {
            self.end(id, shown.plan, arena);
            return;
        }
        scratch.ways.clear();
        let registers = arena.registers.of(id.index());
        scratch.completions.clear();
        let goes_on = shown.follow(
            state,
            arena.clocks.get(id).since_last(shown.at.time),
            registers,
            &mut scratch.ways,
            &mut scratch.completions,
        );
        for completion in &scratch.completions {
            scratch.completed.extend(completed(id, *completion, shown, arena));
        }
        if !goes_on {
            scratch.ways.clear();
        }
        if scratch.ways.iter().any(|way| way.take.is_some()) && !arena.admits(shown.row, shown.at) {
            scratch.ways.retain(|way| way.take.is_none());
        }
        // Whoever stays keeps its place; else the last one goes in the run itself, the others in copies of it.
        let staying = scratch.ways.iter().position(|way| way.take.is_none() && way.to == run.state);
        let itself = staying.or(scratch.ways.len().checked_sub(1));
        scratch.successors.clear();
        for (index, way) in scratch.ways.iter().enumerate() {
            if Some(index) == itself {
                scratch.successors.push(id);
            } else {
                let copy = fork(id, *way, shown, arena);
                self.runs.insert_after::<InKey>(&mut arena.runs, Some(id), copy);
                scratch.arrivals.push(copy);
                scratch.successors.push(copy);
            }
        }
        if staying.is_some() {
            return;
        }
        self.leave_state(id, shown.plan, arena);
        let Some(way) = itself.map(|index| scratch.ways[index]) else {
            self.remove(id, arena);
            return;
        };
        go(id, way, shown, arena);
        scratch.arrivals.push(id);
    }

    /// Begins what the row begins.
    fn begin(&mut self, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>, scratch: &mut Scratch) {
        let start = shown.plan.automaton.state(Automaton::START);
        scratch.ways.clear();
        scratch.completions.clear();
        shown.follow(start, 0, arena.registers.initial(), &mut scratch.ways, &mut scratch.completions);
        if scratch.ways.is_empty() && scratch.completions.is_empty() {
            return;
        }
        for completion in &scratch.completions {
            let Completion::Taking(step) = *completion else { continue };
            let alone = begin_run(step, Automaton::START, shown, arena);
            scratch.completed.extend(completed(alone, Completion::Passing, shown, arena));
            arena.free(alone);
        }
        if !scratch.ways.is_empty() && !arena.admits(shown.row, shown.at) {
            scratch.ways.clear();
        }
        for way in &scratch.ways {
            let Some(step) = way.take else { continue };
            let run = begin_run(step, way.to, shown, arena);
            self.runs.push_back::<InKey>(&mut arena.runs, run);
            scratch.arrivals.push(run);
            scratch.successors.push(run);
        }
    }
}

impl<E> Shown<'_, '_, E> {
    /// Collects what the event does to a run; whether the run may go on, which it may not if it was stopped.
    fn follow(
        &self,
        state: &State,
        since_last: i64,
        registers: &[Scalar],
        ways: &mut Vec<Way>,
        completions: &mut Vec<Completion>,
    ) -> bool {
        let bits = self.row.steps;
        let mut cross = |condition| self.plan.conditions.hold(condition, bits, self.row.inputs, registers);
        let mut goes_on = true;
        for way in &state.moves {
            if !way.holds(bits, since_last, &mut cross) {
                continue;
            }
            match &way.action {
                Action::Take { step, to, completes } => {
                    if let Some(to) = to {
                        ways.push(Way { take: Some(*step), to: *to, counts_anew: true });
                    }
                    if any_holds(completes, bits, since_last, &mut cross) {
                        completions.push(Completion::Taking(*step));
                    }
                }
                Action::Skip { to } => {
                    ways.push(Way { take: None, to: *to, counts_anew: way.counts_anew });
                }
                Action::Complete => completions.push(Completion::Passing),
                Action::Stop { .. } => goes_on = false,
            }
        }
        goes_on
    }
}

/// A match that a run and this event make, unless another run has made it.
fn completed<E: Clone>(
    id: RunId,
    completion: Completion,
    shown: &Shown<'_, '_, E>,
    arena: &mut Arena<E>,
) -> Option<Held> {
    let taking = match completion {
        Completion::Taking(step) => Some((step, shown.at.row)),
        Completion::Passing => None,
    };
    if arena.paths.as_mut().is_some_and(|paths| !paths.is_new(id.index(), taking)) {
        return None;
    }
    let begun = arena.at(id);
    if arena.summaries.is_some() {
        let what = match completion {
            Completion::Passing => summarised(id, None, arena),
            Completion::Taking(step) => {
                let copy = arena.copy(id);
                remember(copy, step, shown, arena);
                let what = summarised(copy, None, arena);
                arena.free(copy);
                what
            }
        };
        return what.map(|summary| Held { begun, what: What::Summary(Box::new(summary)) });
    }
    let and = match completion {
        Completion::Taking(step) => Some((step, arena.take(shown.row, shown.at))),
        Completion::Passing => None,
    };
    Some(Held { begun, what: path_of(id, and, arena) })
}

fn begin_run<E: Clone>(step: StepId, to: StateId, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>) -> RunId {
    let first = arena.take(shown.row, shown.at);
    let id = arena.add(to, (step, first), Clock::at(shown.at.time));
    arena.registers.begin(id.index());
    if let Some(paths) = &mut arena.paths {
        paths.begin(id.index());
    }
    remember(id, step, shown, arena);
    id
}

/// A copy of a run that goes another way.
fn fork<E: Clone>(id: RunId, way: Way, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>) -> RunId {
    let copy = arena.copy(id);
    go(copy, way, shown, arena);
    copy
}

/// Lets a run that is in no state's list go a way.
fn go<E: Clone>(id: RunId, way: Way, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>) {
    if let Some(step) = way.take {
        if arena.summaries.is_none() {
            let event = arena.take(shown.row, shown.at);
            let path = arena.runs[id].node;
            arena.runs[id].node = Some(append(&mut arena.nodes, path, (step, event)));
        }
        remember(id, step, shown, arena);
    }
    arena.runs[id].state = way.to;
    if way.counts_anew {
        arena.clocks.set(id, Clock { since: shown.at.time, ..arena.clocks.get(id) });
    }
}

/// Adds the event to all that a run remembers.
fn remember<E: Clone>(id: RunId, step: StepId, shown: &Shown<'_, '_, E>, arena: &mut Arena<E>) {
    arena.clocks.set(id, Clock { last: shown.at.time, ..arena.clocks.get(id) });
    arena.registers.take(id.index(), step, shown.row.inputs);
    if let Some(paths) = &mut arena.paths {
        paths.take(id.index(), step, shown.at.row);
    }
    if arena.summaries.is_some() {
        let event = arena.take(shown.row, shown.at);
        let Some(summaries) = &mut arena.summaries else { return };
        summaries.take(id.index(), step, event, shown.at.row, &mut arena.nodes.events);
    }
}

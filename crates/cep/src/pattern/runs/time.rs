//! What time does to runs.

use super::arena::{Arena, Run, RunId, Taking};
use super::held::{self, Held, Summary, What};
use super::step::Scratch;
use super::{Runs, RunsPlan, RunsShared};
use crate::agenda::Wake;
use crate::engine::Found;
use crate::pattern::matcher::Told;

/// Runs of a key that end at once, of those that may end at any time.
const ENDED_AT_ONCE: usize = 4;

impl<E: Clone> Runs<E> {
    /// Ends the runs whose time is up at `now`; of those that are [passed over](RunsPlan::passes_over) some.
    pub(super) fn end_over(&mut self, shared: &mut RunsShared<E>, now: i64, told: &mut Told<E>) {
        let RunsShared { plan, arena, scratch, .. } = shared;
        if plan.is_ordered {
            self.expire_in_order(plan, arena, scratch, now, told);
            return;
        }
        let most = if plan.passes_over { ENDED_AT_ONCE } else { usize::MAX };
        for _ in 0..most {
            let Some(first) = self.runs.head else { break };
            let Some(at) = over_at(first, plan, arena).filter(|at| *at <= now) else { break };
            self.time_out(first, at, plan, arena, scratch, told);
        }
        for index in 0..self.groups.len() {
            let within = plan.automaton.state(self.groups[index].state).within;
            while let Some(first) = self.groups[index].runs.head
                && let Some(at) = arena.clocks.get(first).due(within)
                && at <= now
            {
                self.time_out(first, at, plan, arena, scratch, told);
            }
        }
    }

    /// The same, in the order in which runs stand.
    fn expire_in_order(
        &mut self,
        plan: &RunsPlan,
        arena: &mut Arena<E>,
        scratch: &mut Scratch,
        now: i64,
        told: &mut Told<E>,
    ) {
        // Without an order there are no runs, and none is made for that: a restored engine would hold more.
        let Some(ordered) = &mut self.ordered else { return };
        let mut slots = std::mem::take(&mut scratch.slots);
        ordered.order.take_all(&mut slots);
        for slot in &slots {
            let over = slot.run.and_then(|id| {
                let run = arena.runs[id];
                let of_all = over_at(id, plan, arena);
                let of_state = arena.clocks.get(id).due(plan.automaton.state(run.state).within);
                of_all.into_iter().chain(of_state).min().filter(|at| *at <= now).map(|at| (id, at))
            });
            match over {
                Some((id, at)) => self.time_out(id, at, plan, arena, scratch, told),
                None => self.ordered(arena).order.push(*slot),
            }
        }
        scratch.slots = slots;
    }

    pub(super) fn next_wake(&self, shared: &RunsShared<E>) -> Option<(Wake, i64)> {
        let RunsShared { plan, arena, .. } = shared;
        let mut at = None;
        let mut tells = plan.outputs.timeouts || self.first_held().is_some();
        if plan.is_timed {
            for group in &self.groups {
                let state = plan.automaton.state(group.state);
                tells |= state.pending;
                let end = group.runs.head.and_then(|run| arena.clocks.get(run).due(state.within));
                at = at.into_iter().chain(end).min();
            }
        }
        if tells {
            let end = self.runs.head.and_then(|id| over_at(id, plan, arena));
            at = at.into_iter().chain(end).min();
        }
        Some((if tells { Wake::Timer } else { Wake::Expiry }, at?))
    }

    /// Ends a run whose time was up at `at`.
    fn time_out(
        &mut self,
        id: RunId,
        at: i64,
        plan: &RunsPlan,
        arena: &mut Arena<E>,
        scratch: &mut Scratch,
        told: &mut Told<E>,
    ) {
        let run = arena.runs[id];
        let is_pending = plan.automaton.state(run.state).pending;
        let is_new = is_pending && arena.paths.as_mut().is_none_or(|paths| paths.is_new(id.index(), None));
        if is_new {
            let begun = arena.at(id);
            let what = match summarised(id, None, arena) {
                Some(summary) => What::Summary(Box::new(summary)),
                None => path_of(id, None, arena),
            };
            scratch.completed.push(Held { begun, what });
        } else if plan.outputs.timeouts && !is_pending {
            told.tell_timeout(match summarised(id, Some(at), arena) {
                Some(summary) => summary.into_found(&mut arena.nodes.events),
                None => {
                    let first = (run.first_step, run.first);
                    Found::Timeout { events: held::events(first, run.node, None, &arena.nodes), at }
                }
            });
        }
        self.leave_state(id, plan, arena);
        self.remove(id, arena);
    }
}

/// The events of a run, and perhaps one more, the reference to which goes over.
pub(super) fn path_of<E: Clone>(id: RunId, and: Option<Taking>, arena: &mut Arena<E>) -> What {
    let Run { first_step, first, node, .. } = arena.runs[id];
    let first = (first_step, arena.nodes.events.retain(first));
    What::Path { first, node: node.map(|node| arena.nodes.retain(node)), and }
}

/// What is told of a run, where findings carry no events.
pub(super) fn summarised<E: Clone>(
    id: RunId,
    timed_out: Option<i64>,
    arena: &mut Arena<E>,
) -> Option<Summary> {
    let (ends, counts) = arena.summaries.as_ref()?.of(id.index());
    let first = arena.nodes.events.retain(arena.runs[id].first);
    arena.nodes.events.retain(ends.last);
    let registers = arena.registers.of(id.index()).to_vec();
    let approximate = arena.registers.approximate(id.index());
    Some(Summary { first, ends, counts: counts.to_vec(), registers, approximate, timed_out })
}

/// When a run is over because it began too long ago for the pattern; a time beyond all event times never comes.
pub(super) fn over_at<E: Clone>(id: RunId, plan: &RunsPlan, arena: &Arena<E>) -> Option<i64> {
    let within = plan.automaton.within()?;
    arena.at(id).time.checked_add(within)
}

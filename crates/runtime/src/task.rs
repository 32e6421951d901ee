//! The evaluating loop as a pure state machine: batches and decisions in, matches out.
//!
//! It reads no clock, does no I/O and draws no random numbers. The same records and the same decisions give
//! the same outputs, byte for byte, however the records were cut into batches or interleaved between
//! partitions; only how many records of each input lie before a decision matters.

mod evaluate;
mod lists;
mod outputs;
mod stats;

use std::sync::Arc;

use olocus_cep::{Engine, Limiter, Stats};
use olocus_expr::{ListSize, Tables};

use self::evaluate::{Evaluation, Shown, group_of};
use self::lists::{Item, apply, update};
use crate::Error;
use crate::merge::{InputId, InputIndex, Merge, Offer, Place};
use crate::plan::{Plan, RulePlan};
use crate::position::{Again, Position, Resume, Terms, continue_terms};
use crate::prepare::{Prepared, Rows};

pub use self::outputs::{Late, Outputs};
pub use self::stats::{InputView, Missed, TaskStats};

/// Evaluates the rules of a plan over all inputs of an application.
#[derive(Debug)]
pub struct Task {
    plan: Arc<Plan>,
    merge: Merge<Item>,
    /// The lists in topics, as they are at the time up to which everything has been released.
    tables: Tables,
    evaluation: Evaluation,
    inputs: Vec<InputState>,
    outputs: Outputs,
}

/// What only the world outside can know, handed to the task as a value.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Decision {
    /// New floors: no record of these inputs before these event times is awaited any longer. They are raised only
    /// as far as that makes a difference, which is no further than the slowest input has got.
    pub floors: Vec<(InputId, i64)>,
}

#[derive(Debug, Default)]
struct InputState {
    /// The offset after the last record delivered, once there was one.
    next: Option<i64>,
    /// By which terms the records that may still wait, and those that follow, are judged.
    terms: Vec<Terms>,
    resume: Option<Resume>,
    /// Whether records from before a restart are still to be read again. Until all of them are held again, nothing
    /// may be released: time has passed them already.
    rereading: bool,
    /// Of an input that feeds a table: the offset before which its records had been delivered before a restart. They are
    /// all read again, from the first one on.
    table: Option<i64>,
}

impl Task {
    /// A task without inputs.
    pub fn new(plan: Arc<Plan>, limits: olocus_cep::Limits) -> Task {
        let machine = |rule: &RulePlan| (rule.machine.clone(), rule.limits(limits), group_of(rule.key));
        let engine = Engine::with_groups(plan.rules.iter().map(machine));
        let limiter = |rule: &RulePlan| {
            let keys_max = rule.limits(limits).keys_per_rule;
            rule.limit.map(|limit| Limiter::new(limit.matches, limit.per, keys_max))
        };
        let limiters = plan.rules.iter().map(limiter).collect();
        Task {
            evaluation: Evaluation::new(&plan, engine, limiters),
            tables: Tables::new(&plan.tables),
            plan,
            merge: Merge::default(),
            inputs: Vec::new(),
            outputs: Outputs::default(),
        }
    }

    /// Adds an input with the out-of-orderness bound of its source in nanoseconds.
    ///
    /// `saved` is what was committed of it before a restart: records that it covers may be delivered again
    /// and are recognised. An input that `joins_running` starts no earlier than the others have got to.
    pub fn add_input(&mut self, id: InputId, bound: i64, saved: Option<Position>, joins_running: bool) {
        if self.has_input(&id) {
            return;
        }
        let next = saved.as_ref().map(|saved| saved.next);
        let saved = saved.unwrap_or_else(|| Position::at(0));
        let table = self.plan.table_of_topic(&id.topic).map(|_| saved.next);
        let floor = saved.progress.floor;
        let again = saved.again.as_ref();
        // A bound that cannot be remembered beside those before it does not hold yet.
        let terms = continue_terms(again, saved.next, bound, None);
        let bound = terms.last().map_or(bound, |terms| terms.bound);
        let index = self.merge.add(id, bound, saved.progress, joins_running);
        let joined = self.merge.saved(index).floor.filter(|_| joins_running);
        let terms = match joined.filter(|&joined| Some(joined) > floor) {
            None => terms,
            joined => continue_terms(again, saved.next, bound, joined),
        };
        let resume = Resume::of(saved);
        let rereading = resume.is_some() || table.is_some_and(|delivered| delivered > 0);
        self.inputs.push(InputState { next, terms, resume, rereading, table });
    }

    /// Whether the task has this input.
    pub fn has_input(&self, id: &InputId) -> bool {
        self.merge.index(id).is_some()
    }

    /// Takes the next batch of one input and releases whatever is in order by then.
    ///
    /// # Errors
    /// An input that was never added, or a limit of a rule whose policy is to fail.
    pub fn feed(&mut self, prepared: Prepared) -> Result<(), Error> {
        let Some(index) = self.merge.index(&prepared.input) else {
            return Err(Error::unknown_input(&prepared.input));
        };
        let may_release = !self.is_rereading();
        let Task { plan, merge, tables, evaluation, inputs, outputs } = self;
        let Prepared { input, next, batch, meta, hits, updates, dead, .. } = prepared;
        let state = &mut inputs[index.get()];
        let before = state.table;
        let seen = |offset: i64| {
            before.is_some_and(|before| offset < before)
                || state.resume.as_ref().is_some_and(|resume| resume.covers(offset))
        };
        for dead in dead.into_iter().filter(|dead| !seen(dead.record.offset)) {
            outputs.add_dead(dead);
        }
        let rows = Rows::new(plan, &batch, &meta, &hits);
        let mut updates = updates.into_iter().peekable();
        let mut hits = hits.rows.iter().copied().peekable();
        let mut evaluated = Ok(());
        for (row, &time) in meta.time.iter().enumerate() {
            let hit = hits.next_if(|hit| hit.row as usize == row);
            let offset = batch.offset(row);
            if let Some(before) = before {
                let place = Place { time, input: input.clone(), offset };
                let own = updates.next_if(|(at, _)| *at == row).map(|(_, update)| update);
                update(merge, tables, (index, before), state.resume.as_mut(), place, own);
                continue;
            }
            if let Some(resume) = state.resume.as_mut().filter(|resume| resume.covers(offset)) {
                let judged = resume.was_held(&input, offset, time);
                if let (Some(judged), Some(hit)) = (judged, hit) {
                    merge.hold_again(index, time, offset, judged, Item::hit(&rows, hit));
                }
                continue;
            }
            let offer = match hit {
                Some(hit) => merge.offer(index, time, offset, may_release, || Item::hit(&rows, hit)),
                None => merge.deliver(index, time, offset, None).into(),
            };
            match (offer, hit) {
                (Offer::Due, Some(hit)) if evaluated.is_ok() => {
                    evaluated = evaluation.show(plan, tables, Shown::passing(&rows, hit), outputs);
                }
                (Offer::Due | Offer::Held, _) => {}
                (Offer::Late { progress }, _) => {
                    let (input, record) = (input.clone(), batch.record(row).detached());
                    outputs.add_late(Late { input, record, time, progress });
                }
            }
        }
        evaluated?;
        state.next = state.next.max(Some(next));
        if state.resume.as_ref().is_some_and(|resume| next >= resume.next)
            || before.is_some_and(|before| next >= before)
        {
            state.rereading = false;
        }
        self.release()
    }

    /// The input was read to the end of its log: whatever a restart reads again has come, or is gone for good.
    ///
    /// # Errors
    /// An input that was never added, or a limit of a rule whose policy is to fail.
    pub fn reached_end(&mut self, id: &InputId) -> Result<(), Error> {
        let index = self.merge.index(id).ok_or_else(|| Error::unknown_input(id))?;
        if std::mem::take(&mut self.inputs[index.get()].rereading) { self.release() } else { Ok(()) }
    }

    /// Whether records from before a restart are still being read again.
    pub fn is_rereading(&self) -> bool {
        self.inputs.iter().any(|input| input.rereading)
    }

    /// Takes a decision. Its effect lies after all records fed so far and before all that follow. While records from
    /// before a restart are still to be read again it has none: nothing can be released then.
    ///
    /// # Errors
    /// An input that was never added, or a limit of a rule whose policy is to fail.
    pub fn decide(&mut self, decision: &Decision) -> Result<(), Error> {
        let floors = self.indexed(decision)?;
        if self.is_rereading() {
            return Ok(());
        }
        self.merge.raise_floors(&floors);
        self.release()
    }

    /// What a decision would really do, without the floors that would change nothing.
    ///
    /// # Errors
    /// An input that was never added.
    pub fn effective(&self, decision: &Decision) -> Result<Decision, Error> {
        if self.is_rereading() {
            return Ok(Decision::default());
        }
        let ids: Vec<&InputId> = self.merge.inputs().map(|(_, id)| id).collect();
        let floors = self.merge.effective(&self.indexed(decision)?);
        Ok(Decision {
            floors: floors.into_iter().map(|(index, floor)| (ids[index.get()].clone(), floor)).collect(),
        })
    }

    /// No record of this input will come any more.
    ///
    /// # Errors
    /// An input that was never added, or a limit of a rule whose policy is to fail.
    pub fn end(&mut self, id: &InputId) -> Result<(), Error> {
        let index = self.merge.index(id).ok_or_else(|| Error::unknown_input(id))?;
        self.merge.end(index);
        self.release()
    }

    /// Ends a bounded run: a final watermark releases every record and closes every window.
    ///
    /// # Errors
    /// A limit of a rule whose policy is to fail.
    pub fn finish(&mut self) -> Result<(), Error> {
        let inputs: Vec<InputIndex> = self.merge.inputs().map(|(index, _)| index).collect();
        for index in inputs {
            self.merge.end(index);
        }
        self.release()
    }

    /// What has been produced since the last call.
    pub fn take_outputs(&mut self) -> Outputs {
        let mut outputs = std::mem::take(&mut self.outputs);
        // The order of arrival depends on how partitions were interleaved; this one does not.
        outputs.late.sort_by(|a, b| (&a.input, a.record.offset).cmp(&(&b.input, b.record.offset)));
        outputs.dead.sort_by(|a, b| (&a.input, a.record.offset).cmp(&(&b.input, b.record.offset)));
        outputs
    }

    /// Number of outputs waiting to be taken.
    pub fn pending_outputs(&self) -> usize {
        self.outputs.matches.len() + self.outputs.late.len() + self.outputs.dead.len()
    }

    /// What these take in memory, in bytes.
    pub fn pending_bytes(&self) -> usize {
        self.outputs.bytes
    }

    /// What a restart must know of each input from which something was read.
    pub fn positions(&mut self) -> Vec<(InputId, Position)> {
        let Task { merge, inputs, .. } = self;
        let position = |(index, id): (InputIndex, &InputId)| {
            let state = &mut inputs[index.get()];
            let next = state.next?;
            let progress = merge.saved(index);
            if let Some(resume) = state.resume.as_ref().filter(|_| state.rereading) {
                let again = Again { terms: state.terms.clone(), ..resume.again.clone() };
                let (offset, next) = (resume.offset, next.max(resume.next));
                return Some((id.clone(), Position { offset, next, progress, again: Some(again) }));
            }
            let held = merge.oldest_held(index);
            let offset = held.map_or(next, |(offset, _)| offset);
            // Only the last terms that began before it matter of those.
            let past = state.terms.partition_point(|terms| terms.from <= offset).saturating_sub(1);
            state.terms.drain(..past);
            let again = held.map(|(_, progress)| {
                let before = state.resume.as_ref().and_then(|resume| resume.again.frontier.clone());
                let frontier = merge.frontier().cloned().max(before);
                Again { progress, frontier, terms: state.terms.clone() }
            });
            Some((id.clone(), Position { offset, next, progress, again }))
        };
        merge.inputs().filter_map(position).collect()
    }

    /// The earliest event time at which something can happen: a held record's, or a window's end. Floors below
    /// it make no difference, so nothing waits for time where there is none.
    pub fn next_due(&self) -> Option<i64> {
        let timer = self.evaluation.engine.next_timer();
        timer.into_iter().chain(self.merge.earliest_held()).min()
    }

    /// The decision that releases just so many records that no more than `limit` are held, and no more than `bytes`.
    pub fn floors_to_hold(&self, limit: usize, bytes: usize) -> Decision {
        let Some(time) = self.merge.time_to_hold(limit, bytes) else { return Decision::default() };
        // One more nanosecond, so that no tie is left waiting for an input that sorts before it.
        let floor = time.saturating_add(1);
        Decision { floors: self.merge.inputs().map(|(_, id)| (id.clone(), floor)).collect() }
    }

    /// How far each input has got.
    pub fn inputs(&self) -> impl Iterator<Item = InputView<'_>> {
        self.merge.inputs().map(|(index, id)| InputView {
            id,
            progress: self.merge.progress_of(index),
            bound: self.merge.bound(index),
            rereading: self.inputs[index.get()].rereading,
        })
    }

    /// The event time that all inputs have reached: no record before it is still to come.
    pub fn progress(&self) -> Option<i64> {
        self.merge.progress()
    }

    /// The largest event time among the on-time records of all inputs.
    pub fn largest(&self) -> Option<i64> {
        self.merge.largest()
    }

    /// The inputs that hold records and are ahead of the slowest, furthest ahead first.
    pub fn furthest_ahead(&self) -> Vec<InputId> {
        let ids: Vec<&InputId> = self.merge.inputs().map(|(_, id)| id).collect();
        self.merge.furthest_ahead().into_iter().map(|index| ids[index.get()].clone()).collect()
    }

    /// How many records are held for their turn, and what they take in memory.
    pub fn held(&self) -> (usize, usize) {
        (self.merge.held(), self.merge.held_bytes())
    }

    /// Sizes of the lists in topics, with how many of their rows did not fit.
    pub fn tables(&self) -> impl Iterator<Item = (ListSize, u64)> {
        self.tables.iter().map(|table| (table.size(), table.refused()))
    }

    /// Sizes of the state.
    pub fn stats(&self) -> TaskStats {
        let engine = self.evaluation.engine.stats();
        let told: usize = self.evaluation.limiters.iter().flatten().map(Limiter::bytes).sum();
        TaskStats {
            held: self.merge.held(),
            held_bytes: self.merge.held_bytes(),
            partial_matches: engine.partial_matches,
            window_events: engine.window_events,
            keys: engine.keys,
            bytes: engine.bytes + self.merge.held_bytes() + told,
            dropped: engine.dropped,
            missing_keys: self.evaluation.missing_keys.iter().sum(),
        }
    }

    /// What each rule did not take into account, in the order of the plan's rules.
    pub fn missed(&self) -> impl Iterator<Item = Missed> {
        self.evaluation.missing_keys.iter().enumerate().map(|(rule, &missing_keys)| {
            let stats = self.evaluation.engine.rule_stats(rule).unwrap_or_default();
            let limited = self.evaluation.limited[rule];
            let Stats { dropped, dropped_at, untold, .. } = stats;
            Missed { dropped, dropped_at, missing_keys, untold, limited }
        })
    }

    fn indexed(&self, decision: &Decision) -> Result<Vec<(InputIndex, i64)>, Error> {
        let index = |(id, floor): &(InputId, i64)| {
            self.merge.index(id).map(|index| (index, *floor)).ok_or_else(|| Error::unknown_input(id))
        };
        decision.floors.iter().map(index).collect()
    }

    fn release(&mut self) -> Result<(), Error> {
        if self.is_rereading() {
            return Ok(());
        }
        let Task { plan, merge, tables, evaluation, outputs, .. } = self;
        let mut evaluated = Ok(());
        merge.release(|place, item| match item {
            _ if evaluated.is_err() => {}
            Item::Hit(hit) => evaluated = evaluation.show(plan, tables, Shown::waited(&hit), outputs),
            Item::Update(update) => {
                evaluation.fire(plan, tables, place.time, outputs);
                apply(tables, *update, &place);
            }
        });
        evaluated?;
        if let Some(progress) = merge.progress() {
            evaluation.advance(plan, tables, progress, outputs);
        }
        Ok(())
    }
}

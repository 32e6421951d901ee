//! The evaluating loop as a pure state machine: batches and decisions in, matches out.
//!
//! It reads no clock, does no I/O and draws no random numbers. The same records and the same decisions give
//! the same outputs, byte for byte, however the records were cut into batches or interleaved between
//! partitions; only how many records of each input lie before a decision matters.

mod lists;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use olocus_cep::{Engine, Finding, Key, KeyGroup, Limiter, Row, Weighing};

use crate::Error;
use crate::matches::{Match, make_match};
use crate::merge::{Delivery, InputId, InputIndex, Merge, Place};
use crate::plan::{KeyIndex, Plan, RulePlan, Test};
use crate::position::{Again, Position, Resume, Terms, continue_terms};
use crate::prepare::{DeadLetter, Hit, Item, Prepared, StoredEvent};
use crate::weight;
use olocus_event::Record;
use olocus_expr::{ListSize, Tables};

use self::lists::{apply, standing, update};

/// Evaluates the rules of a plan over all inputs of an application.
#[derive(Debug)]
pub struct Task {
    plan: Arc<Plan>,
    merge: Merge<Item>,
    /// The lists in topics, as they are at the time up to which everything has been released.
    tables: Tables,
    engine: Engine<Arc<StoredEvent>>,
    /// By rule: how many of its matches are told.
    limiters: Vec<Option<Limiter>>,
    inputs: Vec<InputState>,
    /// Scratch of the evaluation of one row.
    asked: Vec<(usize, u64)>,
    findings: Vec<Finding<Arc<StoredEvent>>>,
    outputs: Outputs,
    /// By rule, how often an event had no key.
    missing_keys: Vec<u64>,
}

/// What only the world outside can know, handed to the task as a value.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Decision {
    /// New floors: no record of these inputs before these event times is awaited any longer. They are raised only
    /// as far as that makes a difference, which is no further than the slowest input has got.
    pub floors: Vec<(InputId, i64)>,
}

/// What a task has produced since it was last asked.
#[derive(Debug, Default)]
pub struct Outputs {
    /// Matches in the order in which they came about.
    pub matches: Vec<Match>,
    /// Late records, by topic, partition and offset.
    pub late: Vec<Late>,
    /// Undecodable records, by topic, partition and offset.
    pub dead: Vec<DeadLetter>,
    bytes: usize,
}

/// A record that came after its partition had passed its time.
#[derive(Debug, Clone)]
pub struct Late {
    /// Where the record came from.
    pub input: InputId,
    /// The record as it was received.
    pub record: Record,
    /// Its event time.
    pub time: i64,
    /// The progress that its partition had reached.
    pub progress: i64,
}

/// Sizes of a task's state, for metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct TaskStats {
    /// Records held until their turn in event-time order comes.
    pub held: usize,
    /// What these take in memory, in bytes.
    pub held_bytes: usize,
    /// Partial matches of all sequence rules.
    pub partial_matches: usize,
    /// Events in windows.
    pub window_events: usize,
    /// Keys with state, summed over rules.
    pub keys: usize,
    /// Estimate of the memory that all of this takes, in bytes.
    pub bytes: usize,
    /// Partial matches and window events dropped by a limit so far.
    pub dropped: u64,
    /// Times that an event took no part in a rule because its key was missing or NULL.
    pub missing_keys: u64,
}

/// What one rule did not take into account so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Partial matches and window events dropped or refused by a limit.
    pub dropped: u64,
    /// The limit because of which that last happened.
    pub dropped_at: Option<olocus_cep::Limit>,
    /// Events whose key was missing or NULL.
    pub missing_keys: u64,
}

/// How far one input has got.
#[derive(Debug, Clone, Copy)]
pub struct InputView<'a> {
    /// The partition.
    pub id: &'a InputId,
    /// Its watermark or floor, whichever is larger; `None` before the first record.
    pub progress: Option<i64>,
    /// Its out-of-orderness bound in nanoseconds.
    pub bound: i64,
    /// Whether records from before a restart are still to be read again. Nothing is released before they are.
    pub rereading: bool,
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

impl Outputs {
    fn add_match(&mut self, found: Match) {
        self.bytes +=
            size_of::<Match>() + weight::json(&found.data) + found.id.len() + weight::key(&found.key);
        self.matches.push(found);
    }

    fn add_late(&mut self, late: Late) {
        self.bytes += size_of::<Late>() + weight::record(&late.record);
        self.late.push(late);
    }

    fn add_dead(&mut self, dead: DeadLetter) {
        self.bytes += size_of::<DeadLetter>() + weight::record(&dead.record) + dead.cause.len();
        self.dead.push(DeadLetter { record: dead.record.detached(), ..dead });
    }
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
            missing_keys: vec![0; plan.rules.len()],
            tables: Tables::new(&plan.tables),
            plan,
            merge: Merge::default(),
            engine,
            limiters,
            inputs: Vec::new(),
            asked: Vec::new(),
            findings: Vec::new(),
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
        let state = &mut self.inputs[index.get()];
        let before = state.table;
        let seen = |offset: i64| {
            before.is_some_and(|before| offset < before)
                || state.resume.as_ref().is_some_and(|resume| resume.covers(offset))
        };
        for dead in prepared.dead.into_iter().filter(|dead| !seen(dead.record.offset)) {
            self.outputs.add_dead(dead);
        }
        let mut hits = prepared.hits.into_iter().peekable();
        for row in 0..prepared.times.len() {
            let hit = hits.next_if(|(at, _)| *at == row).map(|(_, hit)| hit);
            let (offset, time) = (prepared.batch.offset(row), prepared.times[row]);
            if let Some(before) = before {
                let place = Place { time, input: prepared.input.clone(), offset };
                update(&mut self.merge, &mut self.tables, (index, before), state.resume.as_mut(), place, hit);
                continue;
            }
            if let Some(resume) = state.resume.as_mut().filter(|resume| resume.covers(offset)) {
                let judged = resume.was_held(&prepared.input, offset, time);
                if let (Some(judged), Some(hit)) = (judged, hit) {
                    self.merge.hold_again(index, time, offset, judged, hit);
                }
                continue;
            }
            if let Delivery::Late { progress } = self.merge.deliver(index, time, offset, hit) {
                let (input, record) = (prepared.input.clone(), prepared.batch.record(row).detached());
                self.outputs.add_late(Late { input, record, time, progress });
            }
        }
        state.next = state.next.max(Some(prepared.next));
        if state.resume.as_ref().is_some_and(|resume| prepared.next >= resume.next)
            || before.is_some_and(|before| prepared.next >= before)
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
        let timer = self.engine.next_timer();
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
        let engine = self.engine.stats();
        TaskStats {
            held: self.merge.held(),
            held_bytes: self.merge.held_bytes(),
            partial_matches: engine.partial_matches,
            window_events: engine.window_events,
            keys: engine.keys,
            bytes: engine.bytes + self.merge.held_bytes(),
            dropped: engine.dropped,
            missing_keys: self.missing_keys.iter().sum(),
        }
    }

    /// What each rule did not take into account, in the order of the plan's rules.
    pub fn missed(&self) -> impl Iterator<Item = Missed> {
        self.missing_keys.iter().enumerate().map(|(rule, &missing_keys)| {
            let stats = self.engine.rule_stats(rule).unwrap_or_default();
            Missed { dropped: stats.dropped, dropped_at: stats.dropped_at, missing_keys }
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
        let Task { plan, merge, tables, engine, limiters, asked, findings, outputs, missing_keys, .. } = self;
        let mut failure = None;
        merge.release(|place, item| {
            if failure.is_some() {
                return;
            }
            if engine.next_timer().is_some_and(|timer| timer <= place.time) {
                engine.advance(place.time, findings);
                emit(plan, tables, limiters, findings, outputs);
            }
            let hit = match item {
                Item::Hit(hit) => hit,
                Item::Update(update) => return apply(tables, *update, &place),
            };
            let tests = standing(plan, tables, &hit);
            count_missing_keys(plan, &hit, &tests, missing_keys);
            if let Err(error) = evaluate(plan, engine, &hit, &tests, asked, findings) {
                failure = Some(error);
            }
            emit(plan, tables, limiters, findings, outputs);
        });
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(progress) = merge.progress() {
            engine.advance(progress, findings);
            emit(plan, tables, limiters, findings, outputs);
        }
        Ok(())
    }
}

/// Offers a row to every rule to which one of these tests means something.
fn evaluate(
    plan: &Plan,
    engine: &mut Engine<Arc<StoredEvent>>,
    hit: &Hit,
    tests: &[u32],
    asked: &mut Vec<(usize, u64)>,
    findings: &mut Vec<Finding<Arc<StoredEvent>>>,
) -> Result<(), Error> {
    asked.clear();
    collect_asked(plan, engine, hit, tests, asked);
    for &(rule, steps) in &*asked {
        let rule_plan = &plan.rules[rule];
        let Some(key) = key_of(rule_plan, hit) else { continue };
        let inputs = rule_plan.inputs_of(hit);
        let keep = rule_plan.include_events.then(|| hit.event.embedded_bytes());
        let row = Row {
            time: hit.event.time,
            steps,
            inputs: &inputs,
            event: &Weighing(Arc::clone(&hit.event), hit.event.weight),
            keep,
        };
        engine.process(rule, key, row, findings).map_err(|cause| Error::limit(&rule_plan.name, cause))?;
    }
    Ok(())
}

/// The rules to show a row to, ascending, each with the bits that its tests set: those in which it may begin something, and
/// of those to which it means something else the ones that hold something under the row's key. With many rules over one
/// kind of event, the latter are few.
fn collect_asked(
    plan: &Plan,
    engine: &Engine<Arc<StoredEvent>>,
    hit: &Hit,
    tests: &[u32],
    asked: &mut Vec<(usize, u64)>,
) {
    let tests = || tests.iter().map(|&test| &plan.tests[test as usize]);
    let bits = |rule: usize| tests().filter_map(|test| test.bits(rule)).reduce(|bits, more| bits | more);
    asked.extend(tests().flat_map(|test| &test.begins).map(|&rule| (rule, 0)));
    if tests().any(Test::has_later) {
        let keys = (0..)
            .map(KeyIndex)
            .map(Some)
            .zip(&hit.keys)
            .filter_map(|(index, key)| key.as_ref().map(|key| (index, key)));
        for (index, key) in keys.chain([(None, &Key::none())]) {
            let active = engine.active(&engine.look_up(group_of(index), key.as_json()));
            asked.extend(active.filter(|&rule| bits(rule).is_some()).map(|rule| (rule, 0)));
        }
    }
    asked.sort_unstable();
    asked.dedup();
    for (rule, of_rule) in asked {
        *of_rule = bits(*rule).unwrap_or(0);
    }
}

/// Counts the row for each rule that would look at it if it had the rule's key.
fn count_missing_keys(plan: &Plan, hit: &Hit, tests: &[u32], missing: &mut [u64]) {
    let tests = || tests.iter().map(|&test| &plan.tests[test as usize]);
    if tests().all(|test| test.keys.iter().all(|&key| hit.keys[key].is_some())) {
        return;
    }
    let keyless = |rule: &usize| plan.rules[*rule].key.is_some_and(|key| hit.keys[key.0].is_none());
    for rule in tests().flat_map(Test::rules).filter(keyless).collect::<BTreeSet<_>>() {
        missing[rule] += 1;
    }
}

/// The engine's name for what rules group events by.
fn group_of(key: Option<KeyIndex>) -> KeyGroup {
    KeyGroup(key.map_or(0, |index| index.0 as u32 + 1))
}

/// The key of a row for a rule; `None` where a field of it is missing.
fn key_of<'a>(rule: &RulePlan, hit: &'a Hit) -> Option<&'a Key> {
    static NONE: LazyLock<Key> = LazyLock::new(Key::none);
    match rule.key {
        None => Some(&NONE),
        Some(index) => hit.keys[index.0].as_ref(),
    }
}

fn emit(
    plan: &Plan,
    tables: &Tables,
    limiters: &mut [Option<Limiter>],
    findings: &mut Vec<Finding<Arc<StoredEvent>>>,
    outputs: &mut Outputs,
) {
    for found in findings.drain(..).filter_map(|finding| make_match(plan, tables, finding)) {
        let told = match &mut limiters[found.rule] {
            Some(limiter) if found.timed_out.is_none() => limiter.admits(&found.key, found.end),
            Some(_) | None => true,
        };
        if told {
            outputs.add_match(found);
        }
    }
}

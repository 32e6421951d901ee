//! The evaluator thread: owns the task, makes its decisions, and hands over what is to be committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, never, select, tick, unbounded};
use olocus_bus::{Ends, GroupOffset, TopicPartition};

use super::commit::{self, Done, Pending};
use super::drops::Drops;
use super::idle::{Idleness, Verdict};
use super::pressure::{self, Bounds};
use super::read::{self, FromReader, ToReader};
use super::start::Start;
use super::watch::{self, FromWatcher, Question};
use super::{Shared, metrics, spawn};
use crate::Error;
use crate::merge::InputId;
use crate::position::Position;
use crate::task::Task;

/// Prepared batches that may wait for the evaluator.
const BATCHES_QUEUED: usize = 4;
/// Outputs that may wait for a commit in flight before no more input is taken.
const OUTPUTS_PENDING_MAX: usize = 20_000;
/// What these may take in memory.
const OUTPUTS_BYTES_MAX: usize = 32 << 20;
/// How often decisions and commits are considered when nothing else happens.
const TICK: Duration = Duration::from_millis(20);
/// How often sizes are published as metrics.
const GAUGES: Duration = Duration::from_secs(1);

/// Runs a processor until it is asked to stop or can't go on.
pub(super) fn run(shared: &Shared) -> Result<(), Error> {
    let outcome = run_threads(shared);
    // Whatever ended this thread ends the others.
    shared.stop.set();
    outcome
}

fn run_threads(shared: &Shared) -> Result<(), Error> {
    // The writer comes first: it fences a predecessor, so that what is read afterwards as committed is final.
    let Some(writer) = shared.open_writer()? else { return Ok(()) };
    let Some(starts) = shared.find_inputs()? else { return Ok(()) };
    let (to_reader, commands) = unbounded();
    let (batches_in, batches) = bounded(BATCHES_QUEUED);
    let (to_watcher, questions) = unbounded();
    let (watched_in, watched) = unbounded();
    let (to_commit, pending) = bounded::<Pending>(1);
    let (done_in, done) = bounded::<Result<Done, Error>>(1);
    let known: BTreeSet<_> = starts.iter().map(|start| partition(&start.id)).collect();
    let threads = [
        spawn("reader", {
            let shared = shared.clone();
            move || read::run(&shared, &commands, &batches_in)
        }),
        spawn("watcher", {
            let shared = shared.clone();
            move || watch::run(&shared, known, &questions, &watched_in)
        }),
        spawn("committer", {
            let shared = shared.clone();
            move || commit::run(&shared, writer, &pending, &done_in)
        }),
    ];
    let mut evaluator = Evaluator::new(shared, to_reader, to_watcher, to_commit);
    evaluator.join(starts, false)?;
    shared.status.clear("start");
    let outcome = evaluator.run(&batches, &watched, &done);
    shared.stop.set();
    // Ending the channels' other ends lets the threads end; a reader that waits to deliver sees it too.
    drop((evaluator, batches, watched, done));
    for thread in threads {
        thread.join().map_err(|_| Error::thread("worker"))?;
    }
    outcome
}

struct Evaluator<'a> {
    shared: &'a Shared,
    task: Task,
    idleness: Idleness,
    to_reader: Sender<ToReader>,
    to_watcher: Sender<Question>,
    /// Whether the watcher has been asked something that it has not answered yet.
    asking: bool,
    /// The ends of the partitions, as the watcher last told them.
    ends: BTreeMap<TopicPartition, Ends>,
    to_commit: Sender<Pending>,
    committing: bool,
    last_commit: Instant,
    last_gauges: Instant,
    last_renewal: Instant,
    committed: BTreeMap<InputId, Position>,
    /// Inputs that the committer does not know yet, with what an earlier run committed of them.
    joined: Vec<(InputId, Option<GroupOffset>)>,
    paused: BTreeSet<InputId>,
    drops: Drops,
}

impl<'a> Evaluator<'a> {
    fn new(
        shared: &'a Shared,
        to_reader: Sender<ToReader>,
        to_watcher: Sender<Question>,
        to_commit: Sender<Pending>,
    ) -> Evaluator<'a> {
        Evaluator {
            shared,
            task: Task::new(shared.plan.clone(), shared.options.limits),
            idleness: Idleness::default(),
            to_reader,
            to_watcher,
            asking: false,
            ends: BTreeMap::new(),
            to_commit,
            committing: false,
            last_commit: Instant::now(),
            last_gauges: Instant::now(),
            last_renewal: Instant::now(),
            committed: BTreeMap::new(),
            joined: Vec::new(),
            paused: BTreeSet::new(),
            drops: Drops::default(),
        }
    }

    fn run(
        &mut self,
        batches: &Receiver<FromReader>,
        watched: &Receiver<FromWatcher>,
        done: &Receiver<Result<Done, Error>>,
    ) -> Result<(), Error> {
        let ticks = tick(TICK);
        let nothing = never();
        while !self.shared.stop.is_set() {
            let room = self.task.pending_outputs() < OUTPUTS_PENDING_MAX
                && self.task.pending_bytes() < OUTPUTS_BYTES_MAX;
            let batches = if room { batches } else { &nothing };
            select! {
                recv(batches) -> message => match message {
                    Ok(message) => self.take(message)?,
                    Err(_) => self.ended("reader")?,
                },
                recv(watched) -> message => if let Ok(message) = message { self.learn(message)? },
                recv(done) -> result => self.committed(result.map_err(|_| Error::thread("committer"))??),
                recv(ticks) -> _ => {}
            }
            self.decide()?;
            self.relieve()?;
            self.commit();
            self.gauges();
        }
        self.finish(done)
    }

    /// Adds inputs to the task and has the reader read them.
    fn join(&mut self, mut starts: Vec<Start>, started: bool) -> Result<(), Error> {
        // Inputs that were read before set the pace which new ones start at.
        starts.sort_by_key(|start| start.committed.is_none());
        let mut read = Vec::new();
        for Start { id, position, read_from, committed } in starts {
            let Some(source) = self.shared.plan.source_of(&id.topic) else { continue };
            let Some(spec) = self.shared.plan.sources().nth(source) else { continue };
            let running = (started || committed.is_none()) && self.task.progress().is_some();
            read.push((partition(&id), read_from));
            self.idleness.add(id.clone(), spec.idle_after);
            self.joined.push((id.clone(), committed));
            self.task.add_input(id, spec.out_of_order, Some(position), running);
        }
        self.to_reader.send(ToReader::Add(read)).or_else(|_| self.ended("reader"))
    }

    fn take(&mut self, message: FromReader) -> Result<(), Error> {
        let now = self.shared.options.clock.now();
        match message {
            FromReader::Batch(prepared) => {
                self.idleness.records(prepared.input(), prepared.latest(), now);
                self.task.feed(*prepared)
            }
            FromReader::End { id, end } => {
                self.idleness.end(&id, end, now);
                self.task.reached_end(&id)
            }
            FromReader::Failed(error) => Err(error),
        }
    }

    fn learn(&mut self, message: FromWatcher) -> Result<(), Error> {
        match message {
            FromWatcher::Joined(starts) => return self.join(starts, true),
            FromWatcher::Ends { asked, largest, ends } => {
                if largest.is_some() {
                    self.asking = false;
                }
                for (partition, ends) in ends {
                    let id = InputId { topic: Arc::clone(&partition.topic), partition: partition.partition };
                    self.idleness.ends(&id, ends, asked, largest);
                    self.ends.insert(partition, ends);
                }
            }
            FromWatcher::Away => self.idleness.away(),
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), Error> {
        match self.idleness.decide(&self.task, self.shared.options.clock.now())? {
            Verdict::Decide(decision) => self.task.decide(&decision),
            Verdict::Ask { inputs, largest } if !self.asking => {
                self.asking = true;
                let partitions = inputs.iter().map(partition).collect();
                let question = Question { partitions, largest };
                self.to_watcher.send(question).or_else(|_| self.ended("watcher"))
            }
            Verdict::Ask { .. } | Verdict::Wait => Ok(()),
        }
    }

    /// Pauses inputs while the merge holds too much. If only inputs that hold time back are left, lets time go on.
    fn relieve(&mut self) -> Result<(), Error> {
        let options = &self.shared.options;
        let bounds = Bounds { records: options.held_max, bytes: options.held_bytes_max };
        let relief = pressure::relief(&self.task, bounds, !self.paused.is_empty());
        if relief.force {
            let (held, held_bytes) = self.task.held();
            tracing::warn!(
                held,
                held_bytes,
                "records wait for time to pass, more than fit: time is moved on without them"
            );
            metrics::forced();
            self.task.decide(&self.task.floors_to_hold(bounds.records, bounds.bytes))?;
        }
        self.pause_exactly(relief.pause)
    }

    fn pause_exactly(&mut self, pause: BTreeSet<InputId>) -> Result<(), Error> {
        let newly: Vec<_> = pause.difference(&self.paused).map(partition).collect();
        let no_longer: Vec<_> = self.paused.difference(&pause).map(partition).collect();
        for input in pause.difference(&self.paused) {
            self.idleness.paused(input, true);
        }
        for input in self.paused.difference(&pause) {
            self.idleness.paused(input, false);
        }
        self.paused = pause;
        let send = |command| self.to_reader.send(command).or_else(|_| self.ended("reader"));
        if !newly.is_empty() {
            send(ToReader::Pause(newly))?;
        }
        if !no_longer.is_empty() {
            send(ToReader::Resume(no_longer))?;
        }
        Ok(())
    }

    /// Another thread has ended: a mistake, unless it saw the wish to stop before this one did.
    fn ended(&self, thread: &'static str) -> Result<(), Error> {
        if self.shared.stop.is_set() { Ok(()) } else { Err(Error::thread(thread)) }
    }

    /// Hands everything new to the committer, if it is free and the interval has passed.
    fn commit(&mut self) {
        let due = self.last_commit.elapsed() >= self.shared.options.commit_interval;
        if self.committing || !due {
            return;
        }
        if let Some(pending) = self.pending() {
            self.last_commit = Instant::now();
            self.committing = self.to_commit.send(pending).is_ok();
        }
    }

    fn pending(&mut self) -> Option<Pending> {
        let mut positions = self.task.positions();
        let renewal = self.shared.options.renew_interval;
        if renewal.is_some_and(|interval| self.last_renewal.elapsed() >= interval) {
            self.last_renewal = Instant::now();
        } else {
            positions.retain(|(id, position)| self.committed.get(id) != Some(position));
        }
        if positions.is_empty() && self.task.pending_outputs() == 0 {
            return None;
        }
        let joined = std::mem::take(&mut self.joined);
        Some(Pending { outputs: self.task.take_outputs(), positions, joined })
    }

    fn committed(&mut self, done: Done) {
        self.committing = false;
        metrics::positions(&done.positions);
        self.committed.extend(done.positions);
    }

    /// The last commit: whatever has been evaluated so far.
    fn finish(&mut self, done: &Receiver<Result<Done, Error>>) -> Result<(), Error> {
        for _ in 0..2 {
            if self.committing {
                let result = done.recv().map_err(|_| Error::thread("committer"))??;
                self.committed(result);
            }
            match self.pending() {
                Some(pending) => self.committing = self.to_commit.send(pending).is_ok(),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn gauges(&mut self) {
        if self.last_gauges.elapsed() >= GAUGES {
            self.last_gauges = Instant::now();
            metrics::gauges(self.shared.options.clock.now(), &self.task, &self.committed, &self.ends);
            let missed: Vec<_> = self.task.missed().collect();
            metrics::missed(&self.shared.plan, &missed);
            self.drops.warn(&self.shared.plan, self.shared.options.limits.policy, &missed);
        }
    }
}

fn partition(id: &InputId) -> TopicPartition {
    TopicPartition { topic: id.topic.clone(), partition: id.partition }
}

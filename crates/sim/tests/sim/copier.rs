//! A small application that rests on everything: processes that share tasks, each of which copies one partition exactly once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use olocus_bus::{
    Commit, Error, JoinOptions, Membership, MembershipEvent, Reader, ReaderOptions, TopicSpec, Transport,
    Writer, WriterOptions,
};
use olocus_event::OutRecord;
use olocus_sim::{Faults, World};

use crate::{offset, place, record, text};

pub(crate) const TASKS: i32 = 3;
const PROCESSES: usize = 3;
const RECORDS: i64 = 40;
const GROUP: &str = "copier";
const WRITER: &str = "writer";

/// What is done right, or left out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Right,
    /// Offsets are committed without a proof of membership.
    Unfenced,
    /// A task begins where its decision topic ends, without asking for its committed offset.
    Ungated,
}

/// One life of one process.
struct Copier {
    world: World,
    transport: Arc<dyn Transport>,
    protocol: Protocol,
    id: String,
    member: Box<dyn Membership>,
    reader: Box<dyn Reader>,
    writer: Option<Box<dyn Writer>>,
    tasks: BTreeMap<i32, Task>,
}

/// A task that this process has; without a position, it is still behind the gate.
#[derive(Default)]
struct Task {
    next: Option<i64>,
    /// What was read and is not committed.
    pending: Vec<OutRecord>,
    after: i64,
    refused: u32,
}

/// Why a process ends.
struct Ended;

impl Copier {
    fn start(world: &World, name: &str, slot: usize, protocol: Protocol) -> Self {
        let transport = world.transport(name);
        let options = JoinOptions { session_timeout: Some(Duration::from_secs(6)), ..JoinOptions::default() };
        Self {
            world: world.clone(),
            protocol,
            id: format!("copier-{slot}"),
            member: transport.join(GROUP, &["decisions".to_owned()], options).unwrap(),
            reader: transport.reader(ReaderOptions::default()).unwrap(),
            transport,
            writer: None,
            tasks: BTreeMap::new(),
        }
    }

    /// Does what is next.
    fn step(&mut self) -> Result<(), Ended> {
        for event in self.member.poll(Duration::ZERO).map_err(|_| Ended)? {
            match event {
                MembershipEvent::Assigned(parts) => {
                    self.tasks.extend(parts.iter().map(|part| (part.partition, Task::default())));
                }
                MembershipEvent::Revoked(parts) | MembershipEvent::Lost(parts) => {
                    for part in &parts {
                        self.tasks.remove(&part.partition);
                    }
                    self.assign()?;
                }
            }
        }
        self.pass_gates()?;
        self.read()?;
        self.commit()
    }

    fn pass_gates(&mut self) -> Result<(), Ended> {
        let waiting: Vec<i32> =
            self.tasks.iter().filter(|(_, task)| task.next.is_none()).map(|(id, _)| *id).collect();
        for id in waiting {
            let at = place("decisions", id);
            let found = match self.protocol {
                Protocol::Ungated => {
                    let decisions = &self.world.committed_records("decisions")[id as usize];
                    Ok(decisions.last().map_or(0, |decision| text(decision).parse().unwrap()))
                }
                _ => self
                    .member
                    .committed(std::slice::from_ref(&at), Duration::from_millis(100))
                    .map(|found| found[0].as_ref().map_or(0, |found| found.offset)),
            };
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            match found {
                Ok(next) => {
                    *task = Task { next: Some(next), after: next, ..Task::default() };
                    self.assign()?;
                }
                Err(error) if error.retryable() => {
                    task.refused += 1;
                    if task.refused > 5 {
                        self.end_undecided(id)?;
                    }
                }
                Err(_) => return Err(Ended),
            }
        }
        Ok(())
    }

    /// Takes over the id that holds a task back.
    fn end_undecided(&self, id: i32) -> Result<(), Ended> {
        let found = match self.transport.undecided(&place("decisions", id)) {
            Ok(found) => found,
            Err(error) if error.retryable() => return Ok(()),
            Err(_) => return Err(Ended),
        };
        let named = found.first().and_then(|decision| {
            decision.headers.iter().find(|(name, _)| *name == WRITER).map(|(_, id)| id.clone())
        });
        let Some(named) = named.filter(|named| named != self.id.as_bytes()) else {
            return Ok(());
        };
        let transactional_id = Some(String::from_utf8(named.to_vec()).unwrap());
        match self.transport.writer(WriterOptions { transactional_id, ..WriterOptions::default() }) {
            Err(error) if !error.retryable() => Err(Ended),
            _ => Ok(()),
        }
    }

    fn assign(&mut self) -> Result<(), Ended> {
        let positions: Vec<_> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.next.is_some())
            .map(|(id, task)| (place("in", *id), task.after))
            .collect();
        self.reader.assign(&positions).map_err(|_| Ended)
    }

    fn read(&mut self) -> Result<(), Ended> {
        let fetched = match self.reader.poll(5, Duration::ZERO) {
            Ok(fetched) => fetched,
            Err(error) if error.retryable() => return Ok(()),
            Err(_) => return Err(Ended),
        };
        for fetched in fetched {
            let Some(task) = self.tasks.get_mut(&fetched.partition) else { continue };
            for found in &fetched.records {
                task.pending.push(record("out", fetched.partition, text(found)));
                task.after = found.offset + 1;
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Ended> {
        let mut commit = Commit::default();
        for (id, task) in self.tasks.iter().filter(|(_, task)| !task.pending.is_empty()) {
            let mut decision = record("decisions", *id, task.after.to_string());
            decision.headers.push(WRITER, Bytes::from(self.id.clone()));
            commit.records.push(decision);
            commit.records.extend(task.pending.iter().cloned());
            commit.offsets.push(offset(GROUP, "decisions", *id, task.after));
        }
        if commit.offsets.is_empty() {
            return Ok(());
        }
        let result = match &mut self.writer {
            Some(writer) => writer.commit(&commit),
            None => return self.take_writer(),
        };
        match result {
            Ok(()) => {
                for task in self.tasks.values_mut().filter(|task| !task.pending.is_empty()) {
                    task.pending.clear();
                    task.next = Some(task.after);
                }
                Ok(())
            }
            Err(error) if error.retryable() || error.not_member() => Ok(()),
            Err(error) => self.begin_anew(&error),
        }
    }

    fn take_writer(&mut self) -> Result<(), Ended> {
        let member = (self.protocol != Protocol::Unfenced).then(|| self.member.token());
        let transactional_id = Some(self.id.clone());
        match self.transport.writer(WriterOptions { transactional_id, member, ..WriterOptions::default() }) {
            Ok(writer) => self.writer = Some(writer),
            Err(error) if error.retryable() => {}
            Err(_) => return Err(Ended),
        }
        Ok(())
    }

    /// What has been written is not known: everything goes through its gate again.
    fn begin_anew(&mut self, error: &Error) -> Result<(), Ended> {
        if !(error.fenced() || error.outcome_unknown() || error.writer_lost()) {
            return Err(Ended);
        }
        self.writer = None;
        // Ends what the old one may have left open, so that its own gates open.
        self.take_writer()?;
        self.tasks.values_mut().for_each(|task| *task = Task::default());
        self.assign()
    }
}

/// All processes, of which those that wait in a call are borrowed.
struct Processes {
    world: World,
    protocol: Protocol,
    slots: Vec<RefCell<Option<(String, Copier)>>>,
    lives: RefCell<u32>,
}

impl Processes {
    /// Lets some process do a step, or die, or be born.
    fn step(&self, deadly: bool) {
        let slot = self.world.draw(PROCESSES as u64) as usize;
        let Ok(mut process) = self.slots[slot].try_borrow_mut() else {
            // It waits in a call, in which it may die.
            if deadly && self.world.draw(300) == 0 {
                self.world.kill(&name(slot, *self.lives.borrow()));
            }
            return;
        };
        match &mut *process {
            Some((name, copier)) => {
                if deadly && self.world.draw(300) == 0 {
                    self.world.kill(name);
                }
                if copier.step().is_err() {
                    self.world.kill(name);
                    *process = None;
                }
            }
            None => {
                *self.lives.borrow_mut() += 1;
                let name = name(slot, *self.lives.borrow());
                let copier = Copier::start(&self.world, &name, slot, self.protocol);
                *process = Some((name, copier));
            }
        }
    }
}

fn name(slot: usize, life: u32) -> String {
    format!("process-{slot}-{life}")
}

/// Runs a seed. What was copied, per task, and how it should be.
pub(crate) fn run(seed: u64, protocol: Protocol) -> Result<(), String> {
    let world = World::new(seed, Faults::none());
    let topics = ["in", "decisions", "out"].map(|name| TopicSpec::new(name).partitions(TASKS as u32));
    let producer = world.transport("producer");
    producer.create_topics(&topics).unwrap();
    let slots = (0..PROCESSES).map(|_| RefCell::new(None)).collect();
    let processes = Rc::new(Processes { world: world.clone(), protocol, slots, lives: RefCell::new(0) });
    let others = Rc::clone(&processes);
    let scheduled = world.set_scheduler(move |_, length| {
        let until = others.world.clock().monotonic() + length;
        // Others run for a part of the time, and as often as not they do nothing.
        while others.world.clock().monotonic() < until && others.world.draw(4) > 0 {
            others.step(true);
            others.world.advance(Duration::from_millis(1 + others.world.draw(200)));
        }
    });
    let mut input = producer.writer(WriterOptions::default()).unwrap();
    for number in 0..RECORDS {
        let records: Vec<_> = (0..TASKS).map(|task| record("in", task, number.to_string())).collect();
        while let Err(error) = input.send(&records) {
            assert!(error.retryable(), "{error:?}");
        }
        world.set_faults(Faults::all());
        for _ in 0..20 {
            processes.step(true);
            world.advance(Duration::from_millis(1 + world.draw(100)));
        }
        world.set_faults(Faults::none());
    }
    // Then everything heals, and has to be finished.
    let expected: Vec<String> = (0..RECORDS).map(|number| number.to_string()).collect();
    let mut copied = Vec::new();
    for _ in 0..20_000 {
        processes.step(false);
        world.advance(Duration::from_millis(20));
        copied = world.committed_records("out").iter().map(|part| part.iter().map(text).collect()).collect();
        if copied.iter().all(|part: &Vec<String>| part.len() >= expected.len()) {
            break;
        }
    }
    drop(scheduled);
    match copied.iter().position(|part| *part != expected) {
        None => Ok(()),
        Some(task) => Err(format!("seed {seed}: task {task} copied {:?}", copied[task])),
    }
}

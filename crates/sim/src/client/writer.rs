use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Commit, Error, OffsetCommit, TopicPartition, Writer, WriterOptions, check_topic};
use olocus_event::OutRecord;

use crate::broker::{Died, MemberId, Standing};
use crate::world::{STEP, World};

/// How long records may take to be written.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// How long it is tried to learn whether a transaction is committed.
const DECISION_TIMEOUT: Duration = Duration::from_secs(45);

/// How long it is tried to abort.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// Records take a moment to be written, so that those of two calls differ in time.
const MOMENT: Duration = Duration::from_millis(1);

/// Into how many parts the records of a commit are cut at most, between which others run.
const MOST_PARTS: u64 = 3;

pub(super) struct SimWriter {
    world: World,
    process: Arc<str>,
    id: Option<(String, u32)>,
    member: Option<(String, Arc<Standing>)>,
    state: State,
}

enum State {
    Ready,
    MustAbort,
    Dead(Died),
}

/// Where a commit fails that is to fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Records,
    Offsets,
    End,
}

/// Why a commit has not gone through.
enum Failure {
    /// The transaction has to be aborted.
    Abort(Error),
    /// The writer is of no use any more.
    Fatal(Error),
}

impl SimWriter {
    pub(super) fn new(world: World, process: Arc<str>, options: WriterOptions) -> Result<Self, Error> {
        let member = match options.member {
            None => None,
            Some(token) => {
                let standing = token.proof().ok_or_else(|| {
                    Error::misuse(format!("the member of group `{}` is one of another log", token.group()))
                })?;
                Some((token.group().to_owned(), standing))
            }
        };
        let mut id = None;
        if let Some(name) = options.transactional_id {
            let epoch = take_over(&world, &process, &name)?;
            id = Some((name, epoch));
        }
        Ok(Self { world, process, id, member, state: State::Ready })
    }

    fn write(
        &self,
        (id, epoch): (&str, u32),
        commit: &Commit,
        member: Option<&MemberId>,
    ) -> Result<(), Failure> {
        let (fails, lost) = self.world.with(|broker| {
            let (failed, lost) = (broker.faults.failed_commit, broker.faults.lost_writer);
            let steps = [Step::Records, Step::Offsets, Step::End];
            let fails = broker.dice.chance(failed).then(|| steps[broker.dice.below(3) as usize]);
            (fails, broker.dice.chance(lost))
        });
        if lost {
            return Err(Failure::Fatal(Error::lost(format!("the brokers do not know the id `{id}`"))));
        }
        let fail = |step: Step| match fails == Some(step) {
            true => Err(Failure::Abort(Error::retry("the brokers do not answer"))),
            false => Ok(()),
        };
        self.write_records(id, epoch, &commit.records)?;
        fail(Step::Records)?;
        self.write_offsets(id, epoch, &commit.offsets, member)?;
        fail(Step::Offsets)?;
        self.reach("committing", DELIVERY_TIMEOUT)?;
        fail(Step::End)?;
        self.end(id, epoch)
    }

    fn write_records(&self, id: &str, epoch: u32, records: &[OutRecord]) -> Result<(), Failure> {
        let places = self.world.with(|broker| broker.topics.place(records)).map_err(Failure::Abort)?;
        let parts = self.world.with(|broker| match broker.faults.longest_delay.is_zero() {
            true => 1,
            false => 1 + broker.dice.below(MOST_PARTS),
        });
        let size = records.len().div_ceil(parts as usize).max(1);
        for (records, places) in records.chunks(size).zip(places.chunks(size)) {
            self.reach("writing records", DELIVERY_TIMEOUT)?;
            self.world
                .with(|broker| {
                    let wall_ms = broker.wall_ms(Some(&self.process));
                    broker.append_in(id, epoch, wall_ms, records, places)
                })
                .map_err(Failure::of)?;
        }
        Ok(())
    }

    fn write_offsets(
        &self,
        id: &str,
        epoch: u32,
        offsets: &[OffsetCommit],
        member: Option<&MemberId>,
    ) -> Result<(), Failure> {
        let mut groups: Vec<&str> = offsets.iter().map(|commit| commit.group.as_str()).collect();
        groups.dedup();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            self.reach("adding offsets", DELIVERY_TIMEOUT)?;
            let theirs: Vec<OffsetCommit> =
                offsets.iter().filter(|commit| commit.group == group).cloned().collect();
            let is_members = self.member.as_ref().is_some_and(|(own, _)| own == group);
            let member = member.filter(|_| is_members);
            self.world
                .with(|broker| broker.add_offsets(id, epoch, member, group, &theirs))
                .map_err(Failure::of)?;
        }
        Ok(())
    }

    /// The end is asked for once; what may be lost is the question or the answer.
    fn end(&self, id: &str, epoch: u32) -> Result<(), Failure> {
        let (unknown, arrives) = self.world.with(|broker| {
            let probability = broker.faults.unknown_outcome;
            let unknown = broker.dice.chance(probability);
            (unknown, !unknown || broker.dice.chance(0.5))
        });
        if arrives {
            self.world.with(|broker| broker.end(id, epoch, true)).map_err(Failure::of)?;
        }
        if unknown {
            let waited = self.world.with(|broker| broker.dice.up_to(DECISION_TIMEOUT));
            self.world.elapse(&self.process, waited).map_err(Failure::Fatal)?;
            return Err(Failure::Fatal(Error::unknown_outcome(
                "the broker has not said whether it has committed",
            )));
        }
        // The answer is on its way, and the process may not live to hear it.
        self.world.step(&self.process).map_err(Failure::Fatal)
    }

    /// Waits until the brokers are there.
    fn reach(&self, doing: &str, patience: Duration) -> Result<(), Failure> {
        self.world
            .reach_within(&self.process, doing, patience)
            .map_err(|error| if error.retryable() { Failure::Abort(error) } else { Failure::Fatal(error) })
    }

    fn abort(&mut self) -> Result<(), Error> {
        let Some((id, epoch)) = self.id.clone() else {
            return Ok(());
        };
        let fails = self.world.with(|broker| {
            let probability = broker.faults.failed_abort;
            broker.dice.chance(probability)
        });
        self.world.reach_within(&self.process, "aborting", ABORT_TIMEOUT)?;
        if fails {
            return Err(Error::retry("aborting: the brokers do not answer"));
        }
        self.world.with(|broker| broker.end(&id, epoch, false))?;
        self.state = State::Ready;
        Ok(())
    }

    fn settle(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Fatal(error) => self.die(error),
            Failure::Abort(error) => {
                self.state = State::MustAbort;
                match self.abort() {
                    Ok(()) => error,
                    Err(again) if again.retryable() => error,
                    Err(fatal) => self.die(fatal),
                }
            }
        }
    }

    fn die(&mut self, error: Error) -> Error {
        let cause = error.to_string();
        self.state = State::Dead(if error.fenced() { Died::Fenced(cause) } else { Died::Lost(cause) });
        error
    }

    /// Waits until the marker of the last transaction is everywhere.
    fn begin(&mut self, id: &str, epoch: u32) -> Result<(), Error> {
        let deadline = self.world.with(|broker| broker.now()) + DELIVERY_TIMEOUT;
        loop {
            self.world.with(|broker| broker.check_epoch(id, epoch)).map_err(|error| self.die(error))?;
            if !self.world.with(|broker| broker.is_ending(id)) {
                return Ok(());
            }
            if self.world.with(|broker| broker.now()) >= deadline {
                return Err(Error::retry("the last transaction has not ended everywhere"));
            }
            self.world.elapse(&self.process, STEP)?;
        }
    }
}

impl Writer for SimWriter {
    fn commit(&mut self, commit: &Commit) -> Result<(), Error> {
        let Some((id, epoch)) = self.id.clone() else {
            return Err(Error::misuse("a writer without a transactional id cannot commit"));
        };
        self.world.with(|broker| broker.alive(&self.process))?;
        commit.records.iter().try_for_each(|record| check_topic(&record.topic))?;
        commit.offsets.iter().try_for_each(|offset| check_topic(&offset.topic))?;
        match &self.state {
            State::Ready => {}
            State::MustAbort => {
                self.abort().map_err(|error| if error.retryable() { error } else { self.die(error) })?;
            }
            State::Dead(died) => return Err(died.error()),
        }
        if commit.records.is_empty() && commit.offsets.is_empty() {
            return Ok(());
        }
        // As it is when the commit begins: what a rebalance tells later is of a time in which the member may have less.
        let mut member = None;
        if let Some((group, standing)) = &self.member
            && commit.offsets.iter().any(|offset| offset.group == *group)
        {
            self.world.with(|broker| broker.check_owner(standing, &commit.offsets))?;
            let known = standing.member();
            member =
                Some(known.ok_or_else(|| Error::expelled(format!("this is no member of group `{group}`")))?);
        }
        self.begin(&id, epoch)?;
        self.write((&id, epoch), commit, member.as_ref()).map_err(|failure| self.settle(failure))
    }

    fn send(&mut self, records: &[OutRecord]) -> Result<(), Error> {
        if self.id.is_some() {
            return Err(Error::misuse("a transactional writer can only commit"));
        }
        self.world.reach(&self.process, "writing")?;
        self.world.elapse(&self.process, MOMENT)?;
        self.world.with(|broker| {
            let places: Vec<TopicPartition> = broker.topics.place(records)?;
            let wall_ms = broker.wall_ms(Some(&self.process));
            for (record, place) in records.iter().zip(places) {
                if let Some(partition) = broker.topics.partition_mut(&place) {
                    partition.append(None, wall_ms, record);
                }
            }
            Ok(())
        })
    }
}

impl Failure {
    fn of(error: Error) -> Self {
        if error.fenced() { Self::Fatal(error) } else { Self::Abort(error) }
    }
}

/// Fences every earlier writer with this id, and waits until what they left open is aborted.
fn take_over(world: &World, process: &Arc<str>, id: &str) -> Result<u32, Error> {
    let deadline = world.with(|broker| broker.now()) + DELIVERY_TIMEOUT;
    loop {
        world.reach_within(process, "taking over a transactional id", DELIVERY_TIMEOUT)?;
        if let Some(epoch) = world.with(|broker| broker.take_over(id)) {
            return Ok(epoch);
        }
        if world.with(|broker| broker.now()) >= deadline {
            return Err(Error::retry(format!("the transaction of `{id}` has not ended everywhere")));
        }
        world.elapse(process, STEP)?;
    }
}

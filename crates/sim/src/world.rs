use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use olocus_bus::{Error, Transport};
use olocus_event::Record;

use crate::broker::Broker;
use crate::client::SimTransport;
use crate::{Clock, Faults};

/// How long a question to brokers that are away waits for them.
const PATIENCE: Duration = Duration::from_secs(10);

/// A wait for something that may happen at any time looks this often.
pub(crate) const STEP: Duration = Duration::from_millis(10);

/// Runs other processes while one waits for so long.
type Scheduler = Rc<dyn Fn(&str, Duration)>;

thread_local! {
    /// Beside the world, and not in it: a scheduler belongs to one thread, a transport can be sent to others.
    static SCHEDULERS: RefCell<HashMap<u64, Scheduler>> = RefCell::default();
}

static NEXT_WORLD: AtomicU64 = AtomicU64::new(0);

/// A simulated world. Clones are the same world.
#[derive(Clone)]
pub struct World(Arc<Shared>);

/// A world has a scheduler while this lives. It stays on the thread that set it.
pub struct Scheduled {
    number: u64,
    _here: PhantomData<Rc<()>>,
}

impl Drop for Scheduled {
    fn drop(&mut self) {
        let removed = SCHEDULERS.with_borrow_mut(|all| all.remove(&self.number));
        // What it captured may call the world while it is dropped.
        drop(removed);
    }
}

struct Shared {
    number: u64,
    broker: Mutex<Broker>,
}

impl World {
    /// A world without topics.
    #[must_use]
    pub fn new(seed: u64, faults: Faults) -> Self {
        let number = NEXT_WORLD.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Shared { number, broker: Mutex::new(Broker::new(seed, faults)) }))
    }

    /// The time of the world, which is that of the brokers.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone(), None)
    }

    /// The time as a process sees it.
    #[must_use]
    pub fn clock_of(&self, process: &str) -> Clock {
        Clock::new(self.clone(), Some(process.into()))
    }

    /// Sets how far the wall clock of a process is ahead of that of the world, in milliseconds.
    pub fn set_clock(&self, process: &str, ahead_ms: i64) {
        self.with(|broker| broker.process(&process.into()).skew_ms = ahead_ms);
    }

    /// The connection of a process. The process lives from now on; one of that name that is dead begins anew.
    #[must_use]
    pub fn transport(&self, process: &str) -> Arc<dyn Transport> {
        let process: Arc<str> = process.into();
        self.with(|broker| broker.process(&process).dead = false);
        Arc::new(SimTransport::new(self.clone(), process))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.with(|broker| broker.advance(broker.now() + by));
    }

    /// Sets who runs while a process waits in a call; it is told which process waits and for how long. When it returns, what
    /// is left of that time passes. This is so until the answer is dropped.
    #[must_use]
    pub fn set_scheduler(&self, scheduler: impl Fn(&str, Duration) + 'static) -> Scheduled {
        let number = self.0.number;
        SCHEDULERS.with_borrow_mut(|all| all.insert(number, Rc::new(scheduler)));
        Scheduled { number, _here: PhantomData }
    }

    /// Whether a process waits in a call, so that it can do nothing else.
    #[must_use]
    pub fn in_call(&self, process: &str) -> bool {
        self.with(|broker| broker.process(&process.into()).calls > 0)
    }

    /// Kills a process: all its calls fail from now on, and nothing is heard of it any more. What it has left open stays
    /// open until somebody ends it.
    pub fn kill(&self, process: &str) {
        self.with(|broker| broker.process(&process.into()).dead = true);
    }

    /// Stops a process: nothing is heard of it, and the call that it is in does not go on, until it is resumed.
    pub fn pause(&self, process: &str) {
        self.with(|broker| broker.process(&process.into()).paused = true);
    }

    /// Lets a process that was paused go on.
    pub fn resume(&self, process: &str) {
        self.with(|broker| broker.process(&process.into()).paused = false);
    }

    /// Takes the brokers away for so long.
    pub fn take_brokers_away(&self, length: Duration) {
        self.with(|broker| broker.go_away(length));
    }

    /// Whether writers refuse offsets of partitions that their member does not have, as the transports do. Brokers do not,
    /// and neither does a new world: what rests on it shows.
    pub fn check_owners(&self, check: bool) {
        self.with(|broker| broker.checks_owners = check);
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.with(|broker| broker.faults = faults);
    }

    /// Deletes a topic with all that is in it. One of the same name that is created later is another one.
    pub fn delete_topic(&self, topic: &str) {
        self.with(|broker| {
            broker.topics.delete(topic);
            broker.settle();
        });
    }

    /// Adds partitions to a topic until it has so many.
    pub fn add_partitions(&self, topic: &str, partitions: u32) {
        self.with(|broker| {
            broker.topics.grow(topic, partitions);
            broker.settle();
        });
    }

    /// The committed records of a topic as a reader sees them now, by partition.
    #[must_use]
    pub fn committed_records(&self, topic: &str) -> Vec<Vec<Record>> {
        self.with(|broker| match broker.topics.topic(topic) {
            Ok(topic) => topic.partitions.iter().map(|partition| partition.committed()).collect(),
            Err(_) => Vec::new(),
        })
    }

    /// A number below `bound` from the world's seed, for whoever drives it.
    #[must_use]
    pub fn draw(&self, bound: u64) -> u64 {
        self.with(|broker| broker.dice.below(bound))
    }

    /// Looks at the world or changes it. Nobody else runs meanwhile.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Broker) -> T) -> T {
        act(&mut self.0.broker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets time pass in a call of a process, and others run.
    ///
    /// # Errors
    /// If the process is dead then.
    pub(crate) fn elapse(&self, process: &Arc<str>, length: Duration) -> Result<(), Error> {
        self.wait(process, length, false)
    }

    /// One step of a call: it takes some time, and the process may stand still in it.
    ///
    /// # Errors
    /// If the process is dead then.
    pub(crate) fn step(&self, process: &Arc<str>) -> Result<(), Error> {
        let (length, stall) = self.with(|broker| {
            let Faults { longest_delay, longest_stall, stall, .. } = broker.faults;
            let stall = broker.dice.chance(stall).then(|| broker.dice.up_to(longest_stall));
            (broker.dice.up_to(longest_delay), stall)
        });
        self.elapse(process, length)?;
        stall.map_or(Ok(()), |stall| self.wait(process, stall, true))
    }

    fn wait(&self, process: &Arc<str>, length: Duration, stalled: bool) -> Result<(), Error> {
        let until = self.with(|broker| {
            let now = broker.now();
            let process = broker.process(process);
            process.calls += 1;
            process.stalled |= stalled;
            now + length
        });
        self.run_others(process, length);
        self.with(|broker| broker.advance(until));
        if stalled {
            self.with(|broker| broker.process(process).stalled = false);
        }
        while self.is_held(process) {
            self.run_others(process, STEP);
        }
        self.with(|broker| {
            broker.process(process).calls -= 1;
            broker.alive(process)
        })
    }

    /// Makes sure that the brokers can be asked, waiting for them if need be. A question takes some time.
    ///
    /// # Errors
    /// If they are away for too long, the question fails, or the process is dead.
    pub(crate) fn reach(&self, process: &Arc<str>, doing: &str) -> Result<(), Error> {
        self.reach_within(process, doing, PATIENCE)?;
        let failed = self.with(|broker| {
            let probability = broker.faults.failed_call;
            broker.dice.chance(probability)
        });
        if failed { Err(Error::retry(format!("{doing}: the answer is lost"))) } else { Ok(()) }
    }

    /// Makes sure that the brokers are there, waiting up to so long.
    ///
    /// # Errors
    /// If they are away for longer, or the process is dead.
    pub(crate) fn reach_within(
        &self,
        process: &Arc<str>,
        doing: &str,
        patience: Duration,
    ) -> Result<(), Error> {
        self.with(|broker| broker.alive(process))?;
        self.step(process)?;
        let deadline = self.with(|broker| broker.now()) + patience;
        while self.with(|broker| broker.is_away()) {
            if self.with(|broker| broker.now()) >= deadline {
                return Err(Error::retry(format!("{doing}: the brokers are away")));
            }
            self.elapse(process, 10 * STEP)?;
        }
        Ok(())
    }

    /// Without a scheduler, whoever waits lets time pass.
    pub(crate) fn idle(&self, process: &Arc<str>, timeout: Duration) -> Result<(), Error> {
        let scheduled = SCHEDULERS.with_borrow(|all| all.contains_key(&self.0.number));
        if scheduled || timeout.is_zero() { Ok(()) } else { self.elapse(process, timeout) }
    }

    fn run_others(&self, process: &Arc<str>, length: Duration) {
        let scheduler = SCHEDULERS.with_borrow(|all| all.get(&self.0.number).cloned());
        match scheduler {
            Some(scheduler) => scheduler(process, length),
            None => self.advance(length),
        }
    }

    /// Whether a call of a process must not go on yet.
    fn is_held(&self, process: &Arc<str>) -> bool {
        self.with(|broker| {
            let found = broker.process(process);
            found.paused && !found.dead
        })
    }
}

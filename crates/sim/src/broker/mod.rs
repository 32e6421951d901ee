//! The log and its groups, as the brokers keep them, and what the clients' own threads do in the background.

mod assignment;
mod client;
mod groups;
mod partition;
mod topics;
mod transactions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::Error;

use client::Client;
pub(crate) use client::Standing;
use groups::Group;
pub(crate) use topics::{Topic, Topics};
pub(crate) use transactions::{Died, MemberId};

use crate::Faults;
use crate::dice::Dice;
use transactions::Producer;

/// Time passes in steps of at most this, after each of which whatever is due happens.
const STEP: Duration = Duration::from_millis(100);

const SECOND: Duration = Duration::from_secs(1);

/// The wall clock at the beginning: 2026-01-01.
const BEGINNING_MS: i64 = 1_767_225_600_000;

/// Everything there is.
#[derive(Debug)]
pub(crate) struct Broker {
    now: Duration,
    pub(crate) dice: Dice,
    pub(crate) faults: Faults,
    pub(crate) topics: Topics,
    producers: BTreeMap<String, Producer>,
    next_transaction: u64,
    groups: BTreeMap<String, Group>,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    processes: BTreeMap<Arc<str>, Process>,
    away_until: Option<Duration>,
    /// Whether clients refuse offsets of what they do not have.
    pub(crate) checks_owners: bool,
    next_second: Duration,
}

/// A process, as the world knows it.
#[derive(Debug, Default)]
pub(crate) struct Process {
    pub(crate) dead: bool,
    pub(crate) paused: bool,
    /// Whether it stands still by itself.
    pub(crate) stalled: bool,
    /// How many calls it is in.
    pub(crate) calls: u32,
    /// How far its wall clock is ahead.
    pub(crate) skew_ms: i64,
}

impl Process {
    /// Whether its background threads run.
    pub(crate) fn runs(&self) -> bool {
        !self.dead && !self.paused && !self.stalled
    }
}

impl Broker {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        Self {
            now: Duration::ZERO,
            dice: Dice::new(seed),
            faults,
            topics: Topics::default(),
            producers: BTreeMap::new(),
            next_transaction: 0,
            groups: BTreeMap::new(),
            clients: BTreeMap::new(),
            next_client: 0,
            processes: BTreeMap::new(),
            away_until: None,
            checks_owners: false,
            next_second: SECOND,
        }
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    /// The wall clock of a process, or of the brokers.
    pub(crate) fn wall_ms(&self, process: Option<&str>) -> i64 {
        let skew =
            process.and_then(|process| self.processes.get(process)).map_or(0, |process| process.skew_ms);
        BEGINNING_MS + self.now.as_millis() as i64 + skew
    }

    pub(crate) fn process(&mut self, name: &Arc<str>) -> &mut Process {
        self.processes.entry(Arc::clone(name)).or_default()
    }

    /// Whether a process is alive and not standing still, so that its background threads run.
    pub(crate) fn runs(&self, process: &str) -> bool {
        self.processes.get(process).is_some_and(Process::runs)
    }

    /// # Errors
    /// If the process is dead.
    pub(crate) fn alive(&self, process: &str) -> Result<(), Error> {
        match self.processes.get(process) {
            Some(found) if !found.dead => Ok(()),
            _ => Err(Error::other(format!("process {process} is dead"))),
        }
    }

    pub(crate) fn is_away(&self) -> bool {
        self.away_until.is_some()
    }

    /// Takes the brokers away for a while.
    pub(crate) fn go_away(&mut self, length: Duration) {
        if !length.is_zero() {
            self.away_until = Some(self.now + length);
        }
    }

    /// Lets time pass, and whatever is due happen.
    pub(crate) fn advance(&mut self, to: Duration) {
        while self.now < to {
            self.now = (self.now + STEP).min(to);
            self.settle();
        }
        self.settle();
    }

    /// Lets happen whatever is due now.
    pub(crate) fn settle(&mut self) {
        while self.next_second <= self.now {
            self.next_second += SECOND;
            if !self.is_away() && self.dice.chance(self.faults.outage) {
                let length = self.dice.up_to(self.faults.longest_outage);
                self.go_away(length);
            }
            let now_ms = self.wall_ms(None);
            self.topics.expire(now_ms);
        }
        if self.away_until.is_some_and(|until| until <= self.now) {
            self.away_until = None;
            self.welcome_back();
        }
        if !self.is_away() {
            self.settle_transactions();
        }
        self.settle_groups();
    }
}

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use olocus_bus::{JoinOptions, MembershipEvent, TopicPartition};

use super::MemberId;

/// A client that shares the partitions of topics with others, as its own threads see it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) process: Arc<str>,
    pub(crate) group: String,
    pub(crate) topics: BTreeSet<String>,
    pub(crate) options: JoinOptions,
    /// The id under which the group knows it, and the generation of its last rebalance.
    pub(crate) member: Option<MemberId>,
    /// What it has given to its owner, and has not taken back.
    pub(crate) owned: BTreeSet<TopicPartition>,
    /// What the group has told, and the owner has not polled yet.
    pub(crate) queue: VecDeque<Told>,
    /// What the owner was told to give up, and gives up by polling.
    pub(crate) leaving: Option<Vec<TopicPartition>>,
    /// What comes once that is given up.
    pub(crate) following: Vec<TopicPartition>,
    pub(crate) last_poll: Duration,
    /// When the brokers were last heard of.
    pub(crate) heard: Duration,
    /// Whether it was expelled for not polling: then it joins again by being polled.
    pub(crate) waits_for_poll: bool,
    /// Another client has joined under its instance.
    pub(crate) fenced: bool,
    pub(crate) standing: Arc<Standing>,
}

/// A rebalance, on its way to the owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Assign(Vec<TopicPartition>),
    Revoke(Vec<TopicPartition>),
    Lost(Vec<TopicPartition>),
}

/// What the tokens of a member hold: under which id and generation its offsets are committed. As on Kafka, that of the last
/// rebalance that its owner was told of, and none after a loss.
#[derive(Debug, Default)]
pub(crate) struct Standing(Mutex<Option<MemberId>>);

impl Client {
    /// Whether nothing keeps it from joining the next rebalance.
    pub(crate) fn is_ready(&self) -> bool {
        self.queue.is_empty() && self.leaving.is_none()
    }

    /// It is no member any more, and everything it had belongs to others.
    pub(crate) fn lose(&mut self) {
        self.member = None;
        self.queue.clear();
        self.following.clear();
        let leaving = self.leaving.take().unwrap_or_default();
        let lost: Vec<TopicPartition> =
            self.owned.iter().filter(|part| !leaving.contains(part)).cloned().collect();
        self.owned.clear();
        if !lost.is_empty() {
            self.queue.push_back(Told::Lost(lost));
        }
    }

    /// Takes what a rebalance gives.
    pub(crate) fn take(&mut self, member: MemberId, assigned: &BTreeSet<TopicPartition>) {
        self.member = Some(member);
        let revoked: Vec<TopicPartition> = self.owned.difference(assigned).cloned().collect();
        let added: Vec<TopicPartition> = assigned.difference(&self.owned).cloned().collect();
        if revoked.is_empty() {
            self.queue.push_back(Told::Assign(added));
        } else {
            self.queue.push_back(Told::Revoke(revoked));
            self.following = added;
        }
    }

    /// The owner has dealt with what it was told. Says whether that was to give something up, so that the group has to know.
    pub(crate) fn polled(&mut self, now: Duration) -> bool {
        self.last_poll = now;
        self.waits_for_poll = false;
        let Some(given_up) = self.leaving.take() else {
            return false;
        };
        for part in &given_up {
            self.owned.remove(part);
        }
        if !self.following.is_empty() {
            let following = std::mem::take(&mut self.following);
            self.queue.push_back(Told::Assign(following));
        }
        true
    }

    /// Tells the owner the next thing.
    pub(crate) fn tell(&mut self) -> Option<MembershipEvent> {
        loop {
            match self.queue.pop_front()? {
                Told::Assign(parts) => {
                    self.owned.extend(parts.iter().cloned());
                    self.standing.capture(self.member.clone());
                    if !parts.is_empty() {
                        return Some(MembershipEvent::Assigned(parts));
                    }
                }
                Told::Revoke(parts) => {
                    self.standing.capture(self.member.clone());
                    self.leaving = Some(parts.clone());
                    return Some(MembershipEvent::Revoked(parts));
                }
                Told::Lost(parts) => {
                    self.standing.capture(None);
                    return Some(MembershipEvent::Lost(parts));
                }
            }
        }
    }
}

impl Standing {
    /// What offsets are committed under now, if they can be.
    pub(crate) fn member(&self) -> Option<MemberId> {
        self.lock().clone()
    }

    pub(crate) fn capture(&self, member: Option<MemberId>) {
        *self.lock() = member;
    }

    fn lock(&self) -> MutexGuard<'_, Option<MemberId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Groups whose members are all in this process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::log::{Log, lock};
use crate::deadline::Deadline;
use crate::{Error, GroupOffset, MemberToken, Membership, MembershipEvent, OffsetCommit, TopicPartition};

/// All groups of a log.
#[derive(Default)]
pub(super) struct Groups {
    state: Mutex<State>,
    changed: Condvar,
}

/// What the token of a member holds.
#[derive(Debug)]
pub(super) struct MemberId {
    group: String,
    id: u64,
}

/// Holds all groups as they are.
pub(super) struct Held<'a> {
    _state: MutexGuard<'a, State>,
}

#[derive(Default)]
struct State {
    groups: HashMap<String, Group>,
    next_member: u64,
}

#[derive(Default)]
struct Group {
    members: BTreeMap<u64, Member>,
}

#[derive(Default)]
struct Member {
    topics: BTreeSet<String>,
    instance: Option<String>,
    owned: BTreeSet<TopicPartition>,
    /// Taken away; free for others once the member has heard of it and polled again.
    leaving: BTreeSet<TopicPartition>,
    /// Whether the member has heard of what is leaving.
    told: bool,
    events: Vec<MembershipEvent>,
}

/// One member of a group.
pub(super) struct EmbeddedMember {
    log: Arc<Log>,
    member: Arc<MemberId>,
}

impl Groups {
    /// Makes sure that offsets may be committed by a member, for as long as the answer is held.
    pub(super) fn admit(&self, member: &MemberId, offsets: &[OffsetCommit]) -> Result<Held<'_>, Error> {
        let state = lock(&self.state);
        for commit in offsets.iter().filter(|commit| commit.group == member.group) {
            let Some(found) = state.member(member) else {
                let message = format!("this is no member of group `{}` any more", member.group);
                return Err(Error::expelled(message));
            };
            let partition = TopicPartition::new(Arc::clone(&commit.topic), commit.partition);
            if found.topics.contains(&*commit.topic) && !found.knows(&partition) {
                return Err(Error::expelled(format!(
                    "{partition} is not, or no longer, this member's of group `{}`",
                    member.group
                )));
            }
        }
        Ok(Held { _state: state })
    }

    /// Spreads the partitions of all topics over the members of all groups anew, moving as few as possible.
    pub(super) fn rebalance(&self, topics: &BTreeMap<String, u32>) {
        let mut state = lock(&self.state);
        for group in state.groups.values_mut() {
            group.rebalance(topics);
        }
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    fn member(&self, of: &MemberId) -> Option<&Member> {
        self.groups.get(&of.group)?.members.get(&of.id)
    }

    fn member_mut(&mut self, of: &MemberId) -> Option<&mut Member> {
        self.groups.get_mut(&of.group)?.members.get_mut(&of.id)
    }
}

impl EmbeddedMember {
    pub(super) fn join(log: Arc<Log>, group: &str, topics: &[String], instance: Option<String>) -> Self {
        let known = log.topics();
        let mut state = lock(&log.groups.state);
        state.next_member += 1;
        let id = state.next_member;
        let members = state.groups.entry(group.to_owned()).or_default();
        let mut member = Member { topics: topics.iter().cloned().collect(), instance, ..Member::default() };
        member.inherit(members.take_instance(member.instance.as_deref()));
        members.members.insert(id, member);
        members.rebalance(&known);
        drop(state);
        log.groups.changed.notify_all();
        Self { log, member: Arc::new(MemberId { group: group.to_owned(), id }) }
    }
}

impl Membership for EmbeddedMember {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<MembershipEvent>, Error> {
        let known = self.log.topics();
        let deadline = Deadline::after(timeout);
        let groups = &self.log.groups;
        let mut state = lock(&groups.state);
        if let Some(member) = state.member_mut(&self.member)
            && member.told
        {
            member.told = false;
            member.leaving.clear();
            if let Some(group) = state.groups.get_mut(&self.member.group) {
                group.rebalance(&known);
            }
            groups.changed.notify_all();
        }
        loop {
            let Some(member) = state.member_mut(&self.member) else {
                return Err(Error::fence(format!(
                    "another member of group `{}` has joined under this one's instance",
                    self.member.group
                )));
            };
            if !member.events.is_empty() {
                member.told = !member.leaving.is_empty();
                return Ok(std::mem::take(&mut member.events));
            }
            let left = deadline.left();
            if left.is_zero() {
                return Ok(Vec::new());
            }
            state = groups.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn token(&self) -> MemberToken {
        let proof = Arc::clone(&self.member);
        MemberToken::new(self.member.group.as_str(), proof)
    }

    fn committed(&mut self, of: &[TopicPartition], _: Duration) -> Result<Vec<Option<GroupOffset>>, Error> {
        let group = &self.member.group;
        of.iter().map(|of| self.log.store.group_offset(group, &of.topic, of.partition)).collect()
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        // Dropping leaves the group.
        Ok(())
    }
}

impl Drop for EmbeddedMember {
    fn drop(&mut self) {
        let known = self.log.topics();
        let groups = &self.log.groups;
        let mut state = lock(&groups.state);
        if let Some(group) = state.groups.get_mut(&self.member.group) {
            group.members.remove(&self.member.id);
            group.rebalance(&known);
            if group.members.is_empty() {
                state.groups.remove(&self.member.group);
            }
        }
        drop(state);
        groups.changed.notify_all();
    }
}

impl Group {
    /// Removes the member with this instance, if there is one.
    fn take_instance(&mut self, instance: Option<&str>) -> Option<Member> {
        let instance = instance?;
        let id = *self.members.iter().find(|(_, member)| member.instance.as_deref() == Some(instance))?.0;
        self.members.remove(&id)
    }

    /// Gives what nobody has to those who have least, and takes from those who have more than their share.
    fn rebalance(&mut self, topics: &BTreeMap<String, u32>) {
        for (topic, count) in topics {
            let interested: Vec<u64> = self
                .members
                .iter()
                .filter(|(_, member)| member.topics.contains(topic))
                .map(|(id, _)| *id)
                .collect();
            if interested.is_empty() {
                continue;
            }
            let name: Arc<str> = topic.as_str().into();
            let partitions = (0..*count as i32)
                .map(|partition| TopicPartition::new(Arc::clone(&name), partition))
                .collect();
            self.spread(&interested, &partitions);
        }
    }

    fn spread(&mut self, interested: &[u64], partitions: &BTreeSet<TopicPartition>) {
        let share = partitions.len().div_ceil(interested.len());
        let least = partitions.len() / interested.len();
        // How many may have one more than the others.
        let mut larger = partitions.len() % interested.len();
        let mut by_load: Vec<(usize, u64)> =
            interested.iter().map(|id| (self.members[id].of(partitions), *id)).collect();
        by_load.sort_by_key(|(load, id)| (std::cmp::Reverse(*load), *id));
        let mut rooms = Vec::new();
        for (load, id) in by_load {
            let room = if larger > 0 && load >= share {
                larger -= 1;
                share
            } else {
                least
            };
            rooms.push((id, room));
        }
        // Those who had less than the larger share take it if it is left.
        for (_, room) in &mut rooms {
            if larger > 0 && *room == least {
                *room += 1;
                larger -= 1;
            }
        }
        for (id, room) in &rooms {
            if let Some(member) = self.members.get_mut(id) {
                member.shrink(partitions, *room);
            }
        }
        let taken: BTreeSet<TopicPartition> = self
            .members
            .values()
            .flat_map(|member| member.owned.iter().chain(&member.leaving))
            .cloned()
            .collect();
        let mut free: Vec<TopicPartition> = partitions.difference(&taken).cloned().collect();
        for (id, room) in rooms {
            if let Some(member) = self.members.get_mut(&id) {
                let wanted = room.saturating_sub(member.of(partitions)).min(free.len());
                member.grow(free.drain(..wanted).collect());
            }
        }
    }
}

impl Member {
    /// Takes what an earlier member had, unless it is of no interest any more.
    fn inherit(&mut self, earlier: Option<Member>) {
        let owned = earlier.map(|earlier| earlier.owned).unwrap_or_default();
        let wanted = owned.into_iter().filter(|partition| self.topics.contains(&*partition.topic));
        self.grow(wanted.collect());
    }

    /// Whether a partition is its own as far as it has heard.
    fn knows(&self, partition: &TopicPartition) -> bool {
        let untold = |event: &MembershipEvent| matches!(event, MembershipEvent::Assigned(partitions) if partitions.contains(partition));
        (self.owned.contains(partition) || self.leaving.contains(partition))
            && !self.events.iter().any(untold)
    }

    /// How many of these partitions it has.
    fn of(&self, partitions: &BTreeSet<TopicPartition>) -> usize {
        self.owned.intersection(partitions).count()
    }

    fn grow(&mut self, partitions: Vec<TopicPartition>) {
        if !partitions.is_empty() {
            self.owned.extend(partitions.iter().cloned());
            self.events.push(MembershipEvent::Assigned(partitions));
        }
    }

    fn shrink(&mut self, partitions: &BTreeSet<TopicPartition>, room: usize) {
        let mine: Vec<TopicPartition> = self.owned.intersection(partitions).cloned().collect();
        let revoked = mine.get(room..).unwrap_or_default().to_vec();
        if !revoked.is_empty() {
            for partition in &revoked {
                self.owned.remove(partition);
            }
            self.leaving.extend(revoked.iter().cloned());
            // What was told before this has to be told again, or it would be free too early.
            self.told = false;
            self.events.push(MembershipEvent::Revoked(revoked));
        }
    }
}

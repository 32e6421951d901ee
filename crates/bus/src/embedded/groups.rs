//! Groups whose members are all in this process.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::log::{Log, lock};
use crate::deadline::Deadline;
use crate::{Error, GroupOffset, Membership, MembershipEvent, TopicPartition};

/// All groups of a log.
#[derive(Default)]
pub(super) struct Groups {
    state: Mutex<State>,
    changed: Condvar,
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
    group: String,
    id: u64,
}

impl Groups {
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

impl EmbeddedMember {
    pub(super) fn join(log: Arc<Log>, group: &str, topics: &[String]) -> Self {
        let known = log.topics();
        let mut state = lock(&log.groups.state);
        state.next_member += 1;
        let id = state.next_member;
        let members = state.groups.entry(group.to_owned()).or_default();
        members.members.insert(id, Member { topics: topics.iter().cloned().collect(), ..Member::default() });
        members.rebalance(&known);
        drop(state);
        log.groups.changed.notify_all();
        Self { log, group: group.to_owned(), id }
    }
}

impl Membership for EmbeddedMember {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<MembershipEvent>, Error> {
        let known = self.log.topics();
        let deadline = Deadline::after(timeout);
        let groups = &self.log.groups;
        let mut state = lock(&groups.state);
        if let Some(group) = state.groups.get_mut(&self.group)
            && let Some(member) = group.members.get_mut(&self.id)
            && member.told
        {
            member.told = false;
            member.leaving.clear();
            group.rebalance(&known);
            groups.changed.notify_all();
        }
        loop {
            let member = state.groups.get_mut(&self.group).and_then(|group| group.members.get_mut(&self.id));
            if let Some(member) = member
                && !member.events.is_empty()
            {
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

    fn committed(&mut self, of: &[TopicPartition]) -> Result<Vec<Option<GroupOffset>>, Error> {
        of.iter().map(|of| self.log.store.group_offset(&self.group, &of.topic, of.partition)).collect()
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
        if let Some(group) = state.groups.get_mut(&self.group) {
            group.members.remove(&self.id);
            group.rebalance(&known);
            if group.members.is_empty() {
                state.groups.remove(&self.group);
            }
        }
        drop(state);
        groups.changed.notify_all();
    }
}

impl Group {
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

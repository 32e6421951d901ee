//! Groups, and the rebalances of their members.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Error, GroupOffset, JoinOptions, MembershipEvent, OffsetCommit, TopicPartition};

use super::assignment::{Share, cooperative};
use super::client::{Client, Standing};
use super::{Broker, MemberId};

/// How long a session is if nobody says.
const SESSION: Duration = Duration::from_secs(10);

/// How long a client may go without being polled, and how long a rebalance waits for members.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(60);

/// A group, as its coordinator keeps it.
#[derive(Debug, Default)]
pub(crate) struct Group {
    generation: i32,
    members: BTreeMap<String, Member>,
    next_member: u64,
    /// Until when a rebalance waits for members, while there is one.
    rebalance: Option<Duration>,
    /// What was shared by the last one.
    counts: BTreeMap<String, u32>,
    /// Up to which change of the topics that is known to be all there is.
    version: u64,
    offsets: BTreeMap<TopicPartition, GroupOffset>,
}

#[derive(Debug)]
struct Member {
    client: u64,
    instance: Option<String>,
    topics: BTreeSet<String>,
    session: Duration,
    /// When it was last heard of.
    seen: Duration,
    /// What it says it has, once it has joined the rebalance.
    rejoined: Option<BTreeSet<TopicPartition>>,
    /// When its client notices that there is a rebalance.
    notices: Duration,
    assigned: BTreeSet<TopicPartition>,
}

impl Group {
    pub(crate) fn commit(&mut self, commit: OffsetCommit) {
        let place = TopicPartition::new(commit.topic, commit.partition);
        self.offsets.insert(place, GroupOffset { offset: commit.offset, metadata: commit.metadata });
    }
}

impl Broker {
    pub(crate) fn committed(&self, group: &str, of: &TopicPartition) -> Option<GroupOffset> {
        self.groups.get(group)?.offsets.get(of).cloned()
    }

    /// # Errors
    /// If this is no member of the group, or one of another generation.
    pub(super) fn check_member(&self, group: &str, (id, generation): &MemberId) -> Result<(), Error> {
        let found = self.groups.get(group).filter(|found| found.members.contains_key(id));
        match found {
            None => Err(Error::expelled(format!("group `{group}` has no member {id}"))),
            Some(found) if found.generation != *generation => Err(Error::expelled(format!(
                "group `{group}` is in generation {}, not {generation}",
                found.generation
            ))),
            Some(_) => Ok(()),
        }
    }

    /// Starts a client of a group, which joins by itself.
    pub(crate) fn join(
        &mut self,
        process: &Arc<str>,
        group: &str,
        topics: &[String],
        options: JoinOptions,
    ) -> (u64, Arc<Standing>) {
        self.next_client += 1;
        let standing = Arc::<Standing>::default();
        let client = Client {
            process: Arc::clone(process),
            group: group.to_owned(),
            topics: topics.iter().cloned().collect(),
            options,
            member: None,
            owned: BTreeSet::new(),
            queue: std::collections::VecDeque::new(),
            leaving: None,
            following: Vec::new(),
            last_poll: self.now,
            heard: self.now,
            waits_for_poll: false,
            fenced: false,
            standing: Arc::clone(&standing),
        };
        self.clients.insert(self.next_client, client);
        self.settle_groups();
        (self.next_client, standing)
    }

    /// # Errors
    /// If a client does not have a partition of its topics, and it matters.
    pub(crate) fn check_owner(
        &self,
        standing: &Arc<Standing>,
        offsets: &[OffsetCommit],
    ) -> Result<(), Error> {
        if !self.checks_owners {
            return Ok(());
        }
        let client = self.clients.values().find(|client| Arc::ptr_eq(&client.standing, standing));
        for commit in offsets {
            let place = TopicPartition::new(Arc::clone(&commit.topic), commit.partition);
            let strange = client.is_none_or(|client| {
                client.group == commit.group
                    && client.topics.contains(&*commit.topic)
                    && !client.owned.contains(&place)
            });
            if strange {
                return Err(Error::expelled(format!("{place} is not, or no longer, this member's")));
            }
        }
        Ok(())
    }

    /// What a poll of a client tells.
    ///
    /// # Errors
    /// If another one has its instance.
    pub(crate) fn poll_client(&mut self, id: u64) -> Result<Option<MembershipEvent>, Error> {
        let now = self.now;
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(None);
        };
        if client.polled(now) {
            let group = client.group.clone();
            self.rebalance(&group);
        }
        self.settle_groups();
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(None);
        };
        if client.fenced {
            return Err(Error::fence(format!(
                "another member of group `{}` has joined under this one's instance",
                client.group
            )));
        }
        let event = client.tell();
        self.settle_groups();
        Ok(event)
    }

    /// Ends a client. Its group hears of it unless it is a static member or its process is dead.
    pub(crate) fn leave(&mut self, id: u64) {
        let Some(client) = self.clients.remove(&id) else {
            return;
        };
        client.standing.capture(None);
        let tells = client.options.instance.is_none() && self.runs(&client.process) && !self.is_away();
        if let Some((member, _)) = client.member.filter(|_| tells) {
            self.expel(&client.group, &member);
        }
        self.settle_groups();
    }

    /// The brokers have come back: whoever was there gets a new session.
    pub(super) fn welcome_back(&mut self) {
        for group in self.groups.values_mut() {
            group.rebalance = group.rebalance.map(|_| self.now + MAX_POLL_INTERVAL);
            group.members.values_mut().for_each(|member| member.seen = self.now);
        }
    }

    /// Lets clients and coordinators do what is due.
    pub(super) fn settle_groups(&mut self) {
        let clients: Vec<u64> = self.clients.keys().copied().collect();
        for id in clients {
            self.settle_client(id);
        }
        if self.is_away() {
            return;
        }
        let names: Vec<String> = self.groups.keys().cloned().collect();
        for name in names {
            self.settle_group(&name);
        }
    }

    /// What the threads of a client do without being asked.
    fn settle_client(&mut self, id: u64) {
        let (now, away) = (self.now, self.is_away());
        let Some(client) = self.clients.get(&id) else { return };
        if client.fenced || !self.runs(&client.process) {
            return;
        }
        let group = client.group.clone();
        let member = client.member.as_ref().map(|(member, _)| member.clone());
        if member.is_some() && client.last_poll + MAX_POLL_INTERVAL < now {
            if let Some(member) = member.filter(|_| !away) {
                self.expel(&group, &member);
            }
            if let Some(client) = self.clients.get_mut(&id) {
                client.waits_for_poll = true;
                client.lose();
            }
            return;
        }
        let session = client.options.session_timeout.unwrap_or(SESSION);
        let too_long_away = away && client.heard + session < now;
        let replaced = client.options.instance.as_ref().is_some_and(|instance| {
            let members = self.groups.get(&group).into_iter().flat_map(|group| group.members.values());
            members
                .filter(|member| member.instance.as_ref() == Some(instance))
                .any(|member| member.client > id)
        });
        let known = member.as_ref().is_some_and(|member| {
            self.groups.get(&group).is_some_and(|group| group.members.contains_key(member))
        });
        let Some(client) = self.clients.get_mut(&id) else { return };
        if away {
            if too_long_away && client.member.is_some() {
                client.lose();
            }
            return;
        }
        client.heard = now;
        if replaced {
            client.lose();
            client.fenced = true;
        } else if let Some(member) = member {
            if known {
                let group = self.groups.get_mut(&group);
                if let Some(found) = group.and_then(|group| group.members.get_mut(&member)) {
                    found.seen = now;
                }
            } else {
                client.lose();
            }
        } else if client.is_ready() && !client.waits_for_poll {
            self.enter(id);
        }
    }

    /// Makes a client a member.
    fn enter(&mut self, id: u64) {
        let now = self.now;
        let Some(client) = self.clients.get_mut(&id) else { return };
        let name = client.group.clone();
        let group = self.groups.entry(name.clone()).or_default();
        group.next_member += 1;
        let member_id = format!("member-{}", group.next_member);
        let mut member = Member {
            client: id,
            instance: client.options.instance.clone(),
            topics: client.topics.clone(),
            session: client.options.session_timeout.unwrap_or(SESSION),
            seen: now,
            rejoined: None,
            notices: now,
            assigned: BTreeSet::new(),
        };
        let earlier = group
            .members
            .iter()
            .find(|(_, earlier)| member.instance.is_some() && earlier.instance == member.instance);
        let earlier = earlier.map(|(earlier, _)| earlier.clone());
        let earlier = earlier.and_then(|earlier| group.members.remove(&earlier));
        let stays = match earlier {
            Some(earlier) if earlier.topics == member.topics => {
                member.assigned = earlier.assigned;
                group.rebalance.is_none()
            }
            _ => false,
        };
        if stays {
            client.take((member_id.clone(), group.generation), &member.assigned);
            group.members.insert(member_id, member);
        } else {
            client.member = Some((member_id.clone(), group.generation));
            member.rejoined = Some(client.owned.clone());
            group.members.insert(member_id, member);
            self.rebalance(&name);
        }
    }

    fn expel(&mut self, group: &str, member: &str) {
        let found = self.groups.get_mut(group).and_then(|found| found.members.remove(member));
        if found.is_some() {
            self.rebalance(group);
        }
    }

    /// Begins a rebalance, if there is none.
    fn rebalance(&mut self, name: &str) {
        let (now, longest) = (self.now, self.faults.longest_notice);
        let Some(group) = self.groups.get_mut(name) else { return };
        if group.rebalance.is_some() || group.members.is_empty() {
            return;
        }
        group.rebalance = Some(now + MAX_POLL_INTERVAL);
        for member in group.members.values_mut() {
            member.notices = now + self.dice.up_to(longest.min(member.session / 3));
        }
    }

    fn settle_group(&mut self, name: &str) {
        let now = self.now;
        let Some(group) = self.groups.get(name) else { return };
        let silent: Vec<String> = group
            .members
            .iter()
            .filter(|(_, member)| member.seen + member.session < now)
            .map(|(id, _)| id.clone())
            .collect();
        for member in silent {
            self.expel(name, &member);
        }
        let version = self.topics.version();
        if self.groups.get(name).is_some_and(|group| group.version != version) {
            let counts = self.shared_by(name);
            if self.groups.get(name).is_some_and(|group| group.counts != counts) {
                self.rebalance(name);
            }
        }
        let Some(group) = self.groups.get_mut(name) else { return };
        group.version = version;
        let Some(deadline) = group.rebalance else { return };
        for (id, member) in &mut group.members {
            let client = self.clients.get(&member.client).filter(|client| {
                client.is_ready() && client.member.as_ref().is_some_and(|(known, _)| known == id)
            });
            let runs = client
                .is_some_and(|client| self.processes.get(&client.process).is_some_and(super::Process::runs));
            if let Some(client) =
                client.filter(|_| runs && member.rejoined.is_none() && member.notices <= now)
            {
                member.rejoined = Some(client.owned.clone());
            }
        }
        if now >= deadline {
            group.members.retain(|_, member| member.rejoined.is_some());
        }
        if group.members.values().all(|member| member.rejoined.is_some()) {
            self.complete(name);
        }
    }

    /// How many partitions there are of each topic that a group shares.
    fn shared_by(&self, name: &str) -> BTreeMap<String, u32> {
        let members = self.groups.get(name).into_iter().flat_map(|group| group.members.values());
        let wanted: BTreeSet<&String> = members.flat_map(|member| &member.topics).collect();
        self.topics
            .iter()
            .filter(|(topic, _)| wanted.iter().any(|wanted| wanted == topic))
            .map(|(name, topic)| (name.to_owned(), topic.partitions.len() as u32))
            .collect()
    }

    /// All members have joined: the next generation begins.
    fn complete(&mut self, name: &str) {
        let counts = self.shared_by(name);
        let Some(group) = self.groups.get_mut(name) else { return };
        group.rebalance = None;
        group.generation += 1;
        group.counts = counts;
        let shares: BTreeMap<String, Share> = group
            .members
            .iter_mut()
            .map(|(id, member)| {
                let owned = member.rejoined.take().unwrap_or_default();
                (id.clone(), Share { topics: member.topics.clone(), owned })
            })
            .collect();
        for (id, assigned) in cooperative(&shares, &group.counts) {
            let Some(member) = group.members.get_mut(&id) else { continue };
            member.assigned = assigned;
            if let Some(client) = self.clients.get_mut(&member.client) {
                client.take((id, group.generation), &member.assigned);
            }
        }
    }
}

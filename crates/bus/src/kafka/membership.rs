use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, ConsumerGroupMetadata, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::context::log;
use super::options::{KafkaOptions, refused};
use super::probe::{group_offsets, stable_offsets};
use super::standing::Standing;
use super::{errors, native};
use crate::deadline::Deadline;
use crate::{Error, GroupOffset, JoinOptions, MemberToken, Membership, MembershipEvent, TopicPartition};

/// How often the brokers hear of a member unless its session is short: three times in a session.
const HEARTBEAT: Duration = Duration::from_secs(3);

/// How long a member may go without polling, unless the user says otherwise: longer than any commit takes to be decided.
/// The group waits as long for those who do not give up what they should.
const MAX_POLL_INTERVAL: Duration = Duration::from_secs(60);

/// How long one wait inside [`Membership::poll`] may be before what has happened is looked at.
const STEP: Duration = Duration::from_millis(100);

/// How long to wait before asking again for offsets that are not decided yet.
const PAUSE: Duration = Duration::from_millis(20);

/// A member of a group. It owns partitions and reads nothing.
pub(super) struct GroupMember {
    group: String,
    consumer: BaseConsumer<Rebalances>,
    standing: Arc<MemberStanding>,
}

/// What the token of a member of a Kafka group holds.
pub(super) type MemberStanding = Standing<ConsumerGroupMetadata>;

impl GroupMember {
    pub(super) fn new(
        options: &KafkaOptions,
        group: &str,
        topics: &[String],
        join: &JoinOptions,
    ) -> Result<Self, Error> {
        let mut config = options.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("partition.assignment.strategy", "cooperative-sticky")
            // What is fetched before a new partition is paused is thrown away, so keep it small.
            .set("queued.max.messages.kbytes", "64");
        let mut longest = MAX_POLL_INTERVAL;
        if let Some(timeout) = join.session_timeout {
            config
                .set("session.timeout.ms", timeout.as_millis().to_string())
                .set("heartbeat.interval.ms", (timeout / 3).min(HEARTBEAT).as_millis().to_string());
            longest = longest.max(timeout);
        }
        if !options.names("max.poll.interval.ms") {
            config.set("max.poll.interval.ms", longest.as_millis().to_string());
        }
        if let Some(instance) = &join.instance {
            config.set("group.instance.id", instance);
        }
        let standing = Arc::new(Standing::new(group, topics));
        let rebalances = Rebalances { standing: Arc::clone(&standing), state: Mutex::default() };
        let consumer: BaseConsumer<Rebalances> =
            BaseConsumer::from_config_and_context(&config, rebalances).map_err(|error| refused(&error))?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(|error| errors::wrapped(&format!("joining group `{group}`"), &error))?;
        Ok(Self { group: group.to_owned(), consumer, standing })
    }

    /// Gives up the partitions whose revocation was told.
    fn finish_revocation(&self) -> Result<(), Error> {
        let pending = self.consumer.context().state().revoking.take();
        let Some(list) = pending else {
            return Ok(());
        };
        self.standing.released(&partitions(&list));
        release(&self.consumer, &list).map_err(|error| errors::wrapped("giving up partitions", &error))
    }
}

impl Membership for GroupMember {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<MembershipEvent>, Error> {
        self.standing.polled();
        self.finish_revocation()?;
        let deadline = Deadline::after(timeout);
        loop {
            let left = deadline.left();
            // Messages that come before a new partition is paused are not for us.
            if let Some(Err(error)) = self.consumer.poll(left.min(STEP)) {
                let meant = errors::wrapped(&format!("group `{}`", self.group), &error);
                if let KafkaError::MessageConsumptionFatal(_) = error {
                    return Err(meant);
                }
                if meant.denied() || meant.fenced() || meant.invalid() {
                    return Err(meant);
                }
                tracing::debug!(%error, "the group is held up");
            }
            let events = std::mem::take(&mut self.consumer.context().state().events);
            if !events.is_empty() || left.is_zero() {
                return Ok(events);
            }
        }
    }

    fn token(&self) -> MemberToken {
        let standing = Arc::clone(&self.standing);
        MemberToken::new(self.group.as_str(), standing)
    }

    fn committed(
        &mut self,
        of: &[TopicPartition],
        timeout: Duration,
    ) -> Result<Vec<Option<GroupOffset>>, Error> {
        let what = format!("the offsets of group `{}`", self.group);
        let deadline = Deadline::after(timeout);
        let answer = loop {
            match stable_offsets(&self.consumer, of, deadline.left()) {
                Ok(answer) => break answer,
                Err(error) => {
                    let meant = errors::wrapped(&format!("asking for {what}"), &error);
                    if !meant.retryable() || deadline.passed() {
                        return Err(meant);
                    }
                }
            }
            std::thread::sleep(PAUSE.min(deadline.left()));
        };
        group_offsets(&what, of, &answer)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        // Dropping leaves the group.
        Ok(())
    }
}

impl Drop for GroupMember {
    fn drop(&mut self) {
        self.consumer.context().state().closing = true;
        self.standing.lost();
        if let Err(error) = self.finish_revocation() {
            tracing::debug!(%error, "partitions could not be given up while leaving");
        }
    }
}

/// Turns rebalances into events. A revocation is told first and done at the next poll, so that its owner can finish what
/// it has begun.
struct Rebalances {
    standing: Arc<MemberStanding>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<MembershipEvent>,
    revoking: Option<TopicPartitionList>,
    closing: bool,
}

impl Rebalances {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        // Never read from, but a start has to be named: the end of a log always exists.
        let mut ends = list.clone();
        ends.set_all_offsets(Offset::End)?;
        match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(&ends)?,
            _ => consumer.assign(&ends)?,
        }
        consumer.pause(&ends)?;
        let partitions = partitions(list);
        self.standing.assigned(&partitions, metadata(consumer));
        if !partitions.is_empty() {
            self.state().events.push(MembershipEvent::Assigned(partitions));
        }
        Ok(())
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        let lost = consumer.assignment_lost();
        let mut state = self.state();
        if lost || state.closing {
            self.standing.lost();
            let event = MembershipEvent::Lost(partitions(list));
            state.events.push(event);
            drop(state);
            return release(consumer, list);
        }
        self.standing.revoking(metadata(consumer));
        state.events.push(MembershipEvent::Revoked(partitions(list)));
        state.revoking = Some(list.clone());
        Ok(())
    }
}

impl ClientContext for Rebalances {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "the connection of a group member: {reason}");
    }
}

impl ConsumerContext for Rebalances {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let done = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assigned(consumer, list)
        } else {
            self.revoked(consumer, list)
        };
        if let Err(error) = done {
            // The group notices and starts another rebalance.
            tracing::warn!(%error, "a rebalance could not be finished");
        }
    }
}

/// What the group knows this member by, now. `None` if it does not know it: under such metadata, offsets would be committed
/// unchecked.
fn metadata(consumer: &BaseConsumer<Rebalances>) -> Option<ConsumerGroupMetadata> {
    let before = native::group_member(consumer.client())?;
    let metadata = consumer.group_metadata()?;
    // Generations only go up, and a member that joins anew gets another id.
    let after = native::group_member(consumer.client())?;
    (before == after).then_some(metadata)
}

fn release(consumer: &BaseConsumer<Rebalances>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        _ => consumer.unassign(),
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    native::entries(list).into_iter().map(|entry| TopicPartition::new(entry.topic, entry.partition)).collect()
}

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use super::context::log;
use super::options::{KafkaOptions, refused};
use super::probe::{group_offsets, partition_list};
use super::{errors, native};
use crate::deadline::Deadline;
use crate::{Error, GroupOffset, Membership, MembershipEvent, TopicPartition};

const COMMITTED_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one wait inside [`Membership::poll`] may be before what has happened is looked at.
const STEP: Duration = Duration::from_millis(100);

/// A member of a group. It owns partitions and reads nothing.
pub(super) struct GroupMember {
    group: String,
    consumer: BaseConsumer<Rebalances>,
}

impl GroupMember {
    pub(super) fn new(options: &KafkaOptions, group: &str, topics: &[String]) -> Result<Self, Error> {
        let mut config = options.client();
        config
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("isolation.level", "read_committed")
            .set("partition.assignment.strategy", "cooperative-sticky")
            // What is fetched before a new partition is paused is thrown away, so keep it small.
            .set("queued.max.messages.kbytes", "64");
        let consumer: BaseConsumer<Rebalances> =
            BaseConsumer::from_config_and_context(&config, Rebalances::default())
                .map_err(|error| refused(&error))?;
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(|error| errors::wrapped(&format!("joining group `{group}`"), &error))?;
        Ok(Self { group: group.to_owned(), consumer })
    }

    /// Gives up the partitions whose revocation was told.
    fn finish_revocation(&self) -> Result<(), Error> {
        let pending = self.consumer.context().state().revoking.take();
        match pending {
            Some(list) => release(&self.consumer, &list)
                .map_err(|error| errors::wrapped("giving up partitions", &error)),
            None => Ok(()),
        }
    }
}

impl Membership for GroupMember {
    fn poll(&mut self, timeout: Duration) -> Result<Vec<MembershipEvent>, Error> {
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
                if meant.denied() || meant.fenced() {
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

    fn committed(&mut self, of: &[TopicPartition]) -> Result<Vec<Option<GroupOffset>>, Error> {
        let what = format!("the offsets of group `{}`", self.group);
        let answer = self
            .consumer
            .committed_offsets(partition_list(of), COMMITTED_TIMEOUT)
            .map_err(|error| errors::wrapped(&format!("asking for {what}"), &error))?;
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
        if let Err(error) = self.finish_revocation() {
            tracing::debug!(%error, "partitions could not be given up while leaving");
        }
    }
}

/// Turns rebalances into events. A revocation is told first and done at the next poll, so that its owner can finish what
/// it has begun.
#[derive(Default)]
struct Rebalances {
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
        self.state().events.push(MembershipEvent::Assigned(partitions(list)));
        Ok(())
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> KafkaResult<()> {
        let lost = consumer.assignment_lost();
        let mut state = self.state();
        if lost || state.closing {
            let event = MembershipEvent::Lost(partitions(list));
            state.events.push(event);
            drop(state);
            return release(consumer, list);
        }
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

fn release(consumer: &BaseConsumer<Rebalances>, list: &TopicPartitionList) -> KafkaResult<()> {
    match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
        _ => consumer.unassign(),
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<TopicPartition> {
    native::entries(list).into_iter().map(|entry| TopicPartition::new(entry.topic, entry.partition)).collect()
}

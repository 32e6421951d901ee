use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use olocus_event::OutRecord;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::errors;
use super::membership::MemberStanding;
use super::options::{KafkaOptions, refused};
use super::producer::Deliveries;
use crate::deadline::Deadline;
use crate::name::check_topic;
use crate::{Commit, Error, MemberToken, OffsetCommit, Writer};

/// How long to wait for the predecessor to be fenced, and for its transaction to be aborted.
const FENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to try to add offsets, once all records are written.
const OFFSETS_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to try to learn whether a transaction was committed.
const DECISION_TIMEOUT: Duration = Duration::from_secs(45);

/// How long to try to abort. A transaction that could not be aborted is so before the next one begins.
const ABORT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one call of librdkafka may take before its events are served again.
const STEP: Duration = Duration::from_secs(1);

/// Writes records and offsets in transactions under an id of its own.
pub(super) struct TransactionalWriter {
    options: KafkaOptions,
    deliveries: Deliveries,
    /// The group whose offsets come from a member, and the member.
    member: Option<(String, Arc<MemberStanding>)>,
    /// The other groups whose offsets were committed.
    groups: HashMap<String, Arc<ConsumerGroupMetadata>>,
    state: State,
    /// Whether the last commit was refused for good. The broker then misses a sequence number, which librdkafka finds
    /// out only by the next transaction, and makes good by aborting that one.
    gap: bool,
}

#[derive(Clone, PartialEq, Eq)]
enum State {
    /// No transaction is open.
    Ready,
    /// A transaction has failed and is not yet aborted.
    MustAbort,
    /// Nothing can be written by this writer any more, for this cause.
    Dead(Death),
}

#[derive(Clone, PartialEq, Eq)]
enum Death {
    /// Another writer has the id.
    Fenced(String),
    Lost(String),
}

/// What is to be done about an error of a transaction.
enum Failure {
    /// The same call may succeed.
    Again(Error),
    /// The transaction has to be aborted; then nothing of it was written.
    Abort(Error),
    /// The writer is of no use any more.
    Fatal(Error),
}

impl TransactionalWriter {
    /// Fences every earlier writer with this id, and waits until what they left open is aborted.
    pub(super) fn new(options: &KafkaOptions, id: &str, member: Option<&MemberToken>) -> Result<Self, Error> {
        let member = match member {
            None => None,
            Some(token) => {
                let standing = token.proof().ok_or_else(|| {
                    Error::misuse(format!("the member of group `{}` is one of another log", token.group()))
                })?;
                Some((token.group().to_owned(), standing))
            }
        };
        let own = [("transactional.id", id), ("enable.idempotence", "true"), ("acks", "all")];
        let deliveries = Deliveries::new(options, &own)?;
        // Without a connection, librdkafka would look for the coordinator half a second later. What is wrong with it is told
        // by the call that needs it.
        let connected = deliveries.producer().client().fetch_metadata(Some("__consumer_offsets"), STEP);
        if let Err(error) = connected {
            tracing::debug!(%error, "no connection yet for the transactional id `{id}`");
        }
        let doing = format!("taking over the transactional id `{id}`");
        repeat(&deliveries, &doing, FENCE_TIMEOUT, Refusal::Final, |timeout| {
            deliveries.producer().init_transactions(timeout)
        })
        .map_err(Failure::into_error)?;
        Ok(Self {
            options: options.clone(),
            deliveries,
            member,
            groups: HashMap::new(),
            state: State::Ready,
            gap: false,
        })
    }

    fn write(&mut self, commit: &Commit, member: Option<&Arc<ConsumerGroupMetadata>>) -> Result<(), Failure> {
        self.deliveries
            .producer()
            .begin_transaction()
            .map_err(|error| failure("beginning a transaction", &error))?;
        self.deliveries.deliver(&commit.records).map_err(Failure::from)?;
        if let Some(error) = self.deliveries.failure() {
            return Err(match self.deliveries.producer().client().fatal_error() {
                Some((code, reason)) => Failure::Fatal(errors::meaning(code, reason)),
                None => self.transaction_error().filter(Error::writer_lost).unwrap_or(error).into(),
            });
        }
        self.add_offsets(&commit.offsets, member)?;
        self.decide()
    }

    /// Why the transaction that is open can only be aborted, where the records' reports do not tell: they were not sent.
    fn transaction_error(&self) -> Option<Error> {
        // Another one cannot begin before, and this is what the refusal says.
        match self.deliveries.producer().begin_transaction() {
            Err(KafkaError::Transaction(cause)) => {
                Some(errors::meaning(cause.code(), format!("writing in a transaction: {cause}")))
            }
            _ => None,
        }
    }

    /// The metadata under which the offsets of the member's group are committed, as it is when the commit begins: what a
    /// rebalance tells later is of a time in which the member may have less.
    fn admit(&self, offsets: &[OffsetCommit]) -> Result<Option<Arc<ConsumerGroupMetadata>>, Error> {
        let Some((group, standing)) = &self.member else {
            return Ok(None);
        };
        let mut theirs = offsets.iter().filter(|commit| commit.group == *group).peekable();
        if theirs.peek().is_none() { Ok(None) } else { standing.admit(theirs).map(Some) }
    }

    fn add_offsets(
        &mut self,
        offsets: &[OffsetCommit],
        member: Option<&Arc<ConsumerGroupMetadata>>,
    ) -> Result<(), Failure> {
        let mut by_group: Vec<(&str, TopicPartitionList)> = Vec::new();
        for commit in offsets {
            let position = by_group.iter().position(|(group, _)| *group == commit.group);
            let position = position.unwrap_or_else(|| {
                by_group.push((&commit.group, TopicPartitionList::new()));
                by_group.len() - 1
            });
            let mut entry = by_group[position].1.add_partition(&commit.topic, commit.partition);
            entry
                .set_offset(Offset::Offset(commit.offset))
                .map_err(|error| Failure::Abort(errors::wrapped("adding offsets", &error)))?;
            entry.set_metadata(&commit.metadata);
        }
        for (group, list) in by_group {
            let doing = format!("adding the offsets of group `{group}`");
            let is_members = self.member.as_ref().is_some_and(|(own, _)| own == group);
            let metadata = match member.filter(|_| is_members) {
                Some(metadata) => Arc::clone(metadata),
                None => self.metadata(group).map_err(Failure::Abort)?,
            };
            let producer = self.deliveries.producer();
            let added = repeat(&self.deliveries, &doing, OFFSETS_TIMEOUT, Refusal::Passing, |timeout| {
                producer.send_offsets_to_transaction(&list, &metadata, timeout)
            });
            added.map_err(|failure| match failure {
                // Nothing is decided yet, so that giving up is safe.
                Failure::Again(error) => Failure::Abort(error),
                other => other,
            })?;
        }
        Ok(())
    }

    /// The metadata of a group whose members are not asked.
    fn metadata(&mut self, group: &str) -> Result<Arc<ConsumerGroupMetadata>, Error> {
        if let Some(metadata) = self.groups.get(group) {
            return Ok(Arc::clone(metadata));
        }
        let metadata = Arc::new(group_metadata(&self.options, group)?);
        self.groups.insert(group.to_owned(), Arc::clone(&metadata));
        Ok(metadata)
    }

    /// Asks for the commit until it is decided. Asking again is safe: it is the same transaction.
    fn decide(&mut self) -> Result<(), Failure> {
        let producer = self.deliveries.producer();
        repeat(&self.deliveries, "committing", DECISION_TIMEOUT, Refusal::Passing, |timeout| {
            producer.commit_transaction(timeout)
        })
        .map_err(|failure| match failure {
            Failure::Again(error) => Failure::Fatal(Error::unknown_outcome(format!(
                "the broker has not said whether it has committed: {error}"
            ))),
            other => other,
        })
    }

    /// Aborts what is open, so that a new transaction can begin.
    fn abort(&mut self) -> Result<(), Failure> {
        let deliveries = &self.deliveries;
        // Aborting waits for records that are on their way, whose reports have to be polled meanwhile.
        let done = AtomicBool::new(false);
        let aborted = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    deliveries.producer().poll(Duration::from_millis(10));
                }
            });
            let aborted =
                repeat(deliveries, "aborting a transaction", ABORT_TIMEOUT, Refusal::Passing, |timeout| {
                    deliveries.producer().abort_transaction(timeout)
                });
            done.store(true, Ordering::Release);
            aborted
        });
        aborted?;
        self.state = State::Ready;
        Ok(())
    }

    fn settle(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Fatal(error) => self.die(error),
            Failure::Again(error) | Failure::Abort(error) => {
                self.state = State::MustAbort;
                match self.abort() {
                    Ok(()) | Err(Failure::Again(_) | Failure::Abort(_)) => error,
                    Err(Failure::Fatal(fatal)) => self.die(fatal),
                }
            }
        }
    }

    /// Remembers why nothing can be written any more, and says so in a way that tells what can be done about it.
    fn die(&mut self, error: Error) -> Error {
        let cause = error.to_string();
        if error.fenced() {
            self.state = State::Dead(Death::Fenced(cause));
            return error;
        }
        self.state = State::Dead(Death::Lost(cause.clone()));
        if error.outcome_unknown() { error } else { Error::lost(cause) }
    }
}

impl Writer for TransactionalWriter {
    fn commit(&mut self, commit: &Commit) -> Result<(), Error> {
        for record in &commit.records {
            check_topic(&record.topic)?;
        }
        for offset in &commit.offsets {
            check_topic(&offset.topic)?;
        }
        match &self.state {
            State::Ready => {}
            State::MustAbort => self.abort().map_err(|failure| self.settle_abort(failure))?,
            State::Dead(Death::Fenced(cause)) => return Err(Error::fence(cause)),
            State::Dead(Death::Lost(cause)) => return Err(Error::lost(cause)),
        }
        if commit.records.is_empty() && commit.offsets.is_empty() {
            return Ok(());
        }
        let member = self.admit(&commit.offsets)?;
        loop {
            let error = match self.write(commit, member.as_ref()) {
                Ok(()) => {
                    self.gap = false;
                    return Ok(());
                }
                Err(failure) => self.settle(failure),
            };
            let made_good = self.gap && error.retryable() && self.state == State::Ready;
            self.gap = !made_good && !error.retryable() && !error.not_member();
            if !made_good {
                return Err(error);
            }
        }
    }

    fn send(&mut self, _: &[OutRecord]) -> Result<(), Error> {
        Err(Error::misuse("a transactional writer can only commit"))
    }
}

impl TransactionalWriter {
    /// An abort that fails is no reason to abort.
    fn settle_abort(&mut self, failure: Failure) -> Error {
        match failure {
            Failure::Fatal(error) => self.die(error),
            other => other.into_error(),
        }
    }
}

impl From<Error> for Failure {
    /// An error that does not say by itself whether the writer is still of use.
    fn from(error: Error) -> Failure {
        if error.writer_lost() { Failure::Fatal(error) } else { Failure::Abort(error) }
    }
}

impl Failure {
    fn into_error(self) -> Error {
        match self {
            Self::Again(error) | Self::Abort(error) | Self::Fatal(error) => error,
        }
    }
}

/// What it means that a connection is refused.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The settings are wrong.
    Final,
    /// They were right before, so that it may pass.
    Passing,
}

/// Repeats a call of librdkafka while it may be repeated and there is time.
fn repeat(
    deliveries: &Deliveries,
    doing: &str,
    timeout: Duration,
    refusal: Refusal,
    call: impl Fn(Duration) -> KafkaResult<()>,
) -> Result<(), Failure> {
    let deadline = Deadline::after(timeout);
    loop {
        let error = match call(deadline.left().min(STEP)) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        deliveries.serve();
        let failure = match failure(doing, &error) {
            Failure::Again(error) => error,
            other => return Err(other),
        };
        let cause = deliveries.producer().context().connection.last_error();
        let failure = match cause {
            Some((code, reason)) => {
                let meant = errors::meaning(code, format!("{doing}: {reason}"));
                if meant.denied() && refusal == Refusal::Final {
                    return Err(Failure::Fatal(meant));
                }
                failure.context(reason)
            }
            None => failure,
        };
        if deadline.passed() {
            return Err(Failure::Again(failure));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn failure(doing: &str, error: &KafkaError) -> Failure {
    let KafkaError::Transaction(cause) = error else {
        // Flushing takes longer than a step.
        let meant = errors::wrapped(doing, error);
        return if meant.retryable() { Failure::Again(meant) } else { meant.into() };
    };
    let text = format!("{doing}: {cause}");
    if cause.txn_requires_abort() && errors::is_expulsion(cause.code()) {
        return Failure::Abort(Error::expelled(text));
    }
    if cause.is_fatal() {
        let meant = errors::meaning(cause.code(), &text);
        return Failure::Fatal(if meant.retryable() { Error::other(text) } else { meant });
    }
    if cause.txn_requires_abort() {
        let meant = errors::meaning(cause.code(), &text);
        // Once aborted, whatever passes by itself may be tried again.
        return meant.into();
    }
    if cause.is_retriable() {
        return Failure::Again(Error::retry(text));
    }
    Failure::Fatal(errors::meaning(cause.code(), text))
}

/// The metadata of a group by which offsets are added to a transaction. It comes from a consumer that has never joined,
/// and outlives it.
fn group_metadata(options: &KafkaOptions, group: &str) -> Result<ConsumerGroupMetadata, Error> {
    let mut config = options.client();
    config.set("group.id", group).set("enable.auto.commit", "false");
    let consumer = BaseConsumer::from_config(&config).map_err(|error| refused(&error))?;
    consumer.group_metadata().ok_or_else(|| Error::misuse("a group needs a name"))
}

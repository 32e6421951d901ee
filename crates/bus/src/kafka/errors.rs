//! What librdkafka's errors mean to a caller.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use crate::Error;

/// The meaning of an error of librdkafka or a broker; `text` tells it.
pub(super) fn meaning(code: RDKafkaErrorCode, text: impl Into<String>) -> Error {
    use RDKafkaErrorCode as Code;
    match code {
        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId => Error::no_topic(text),
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize => {
            Error::large(text)
        }
        Code::Fenced
        | Code::ProducerFenced
        | Code::InvalidProducerEpoch
        | Code::TransactionCoordinatorFenced
        | Code::FencedInstanceId => Error::fence(text),
        // The broker has forgotten the transactional id, as it does after a time without transactions.
        Code::InvalidProducerIdMapping | Code::UnknownProducerId => Error::lost(text),
        code if is_connection(code) => Error::deny(text),
        Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState
        | Code::SecurityDisabled
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => Error::deny(text),
        Code::InvalidArgument
        | Code::InvalidTopic
        | Code::InvalidGroupId
        | Code::InvalidConfig
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidReplicaAssignment
        | Code::InvalidTransactionTimeout
        | Code::InvalidSessionTimeout
        | Code::InconsistentGroupProtocol
        | Code::OffsetMetadataTooLarge
        | Code::PolicyViolation => Error::misuse(text),
        code if is_transient(code) => Error::retry(text),
        _ => Error::other(text),
    }
}

/// The meaning of an error as the client library wraps it; `doing` says what failed.
pub(super) fn wrapped(doing: &str, error: &KafkaError) -> Error {
    match error.rdkafka_error_code() {
        Some(code) => meaning(code, format!("{doing}: {code}")),
        None => Error::other(format!("{doing}: {error}")),
    }
}

/// Whether a connection was refused while it was made. Where others were made before, the cause may pass: a certificate
/// or a password is being replaced.
pub(super) fn is_connection(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Authentication | Code::SSL | Code::SaslAuthenticationFailed)
}

/// Whether offsets are refused because of who commits them: the group has moved on, or does not know the member. A
/// transaction hears of no instance but its member's.
pub(super) fn is_expulsion(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId | Code::RebalanceInProgress
    )
}

/// Whether the cause passes by itself: a broker that is away, a leader that moves, a coordinator that loads.
pub(super) fn is_transient(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::BrokerTransportFailure
            | Code::BrokerDestroy
            | Code::DestroyBroker
            | Code::Resolve
            | Code::MessageTimedOut
            | Code::AllBrokersDown
            | Code::OperationTimedOut
            | Code::QueueFull
            | Code::ISRInsufficient
            | Code::NodeUpdate
            | Code::WaitingForCoordinator
            | Code::InProgress
            | Code::PreviousInProgress
            | Code::Outdated
            | Code::TimedOutQueue
            | Code::WaitCache
            | Code::Retry
            | Code::PurgeQueue
            | Code::PurgeInflight
            | Code::LeaderNotAvailable
            | Code::NotLeaderForPartition
            | Code::RequestTimedOut
            | Code::BrokerNotAvailable
            | Code::ReplicaNotAvailable
            | Code::NetworkException
            | Code::CoordinatorLoadInProgress
            | Code::CoordinatorNotAvailable
            | Code::NotCoordinator
            | Code::NotEnoughReplicas
            | Code::NotEnoughReplicasAfterAppend
            | Code::NotController
            | Code::ConcurrentTransactions
            | Code::KafkaStorageError
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::UnstableOffsetCommit
            | Code::ThrottlingQuotaExceeded
            | Code::RebalanceInProgress
            | Code::StaleBrokerEpoch
            | Code::EligibleLeadersNotAvailable
            | Code::PreferredLeaderNotAvailable
    )
}

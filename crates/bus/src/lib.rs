//! Topics: the [`Transport`] trait and its two implementations.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod embedded;
mod error;
mod kafka;
mod name;
mod partitioner;
mod transport;

pub use kafka::{Kafka, KafkaOptions};
pub use embedded::{Clock, Embedded, EmbeddedOptions};
pub use error::{Error, OutOfRange};
pub use transport::{
    Commit, Durability, End, Fetched, GroupOffset, Membership, MembershipEvent, OffsetCommit,
    OffsetRange, Reader, ReaderOptions, TopicPartition, TopicSettings, TopicSpec, Transport,
    Writer, WriterOptions,
};

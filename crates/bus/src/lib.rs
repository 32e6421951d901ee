//! Topics of records, and the two places where they can be: Apache Kafka and an embedded log.
//!
//! [`Transport`] is the one interface to both. Everything above it reads partitions by explicit assignment
//! ([`Reader`]), learns from a group which partitions are its own ([`Membership`]), and writes records and group
//! offsets as one ([`Writer::commit`]); so a record that was read, what came of it, and the note that it was read are
//! there together or not at all, on either transport. A member's proof ([`MemberToken`]) makes a commit fail that comes too
//! late, from one who no longer has what it read.
//!
//! - [`Kafka`] reads in batches and writes in transactions through librdkafka.
//! - [`Embedded`] keeps everything in one database file of a folder, for one process, with the same model: topics,
//!   partitions, offsets, keys, headers, timestamps, groups.
//!
//! Records that are written get the wall clock as their timestamp; the time of what they tell about travels in their
//! headers. Nothing here knows what is in a record.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod deadline;
mod embedded;
mod error;
mod header_names;
mod kafka;
mod member_token;
mod name;
mod partitioner;
mod transport;

pub use embedded::{Clock, Embedded, EmbeddedOptions};
pub use error::{Error, OutOfRange};
pub use kafka::{Kafka, KafkaOptions};
pub use member_token::MemberToken;
pub use name::check_topic;
pub use partitioner::for_key as partition_of_key;
pub use transport::{
    Commit, Durability, End, Ends, Fetched, GroupOffset, JoinOptions, Membership, MembershipEvent,
    OffsetCommit, OffsetRange, Reader, ReaderOptions, TopicPartition, TopicSettings, TopicSpec, Transport,
    Writer, WriterOptions,
};

//! Topics: the [`Transport`] trait and its two implementations.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod transport;

pub use error::{Error, OutOfRange};
pub use transport::{
    Commit, Durability, End, Fetched, GroupOffset, Membership, MembershipEvent, OffsetCommit,
    OffsetRange, Reader, ReaderOptions, TopicPartition, TopicSettings, TopicSpec, Transport,
    Writer, WriterOptions,
};

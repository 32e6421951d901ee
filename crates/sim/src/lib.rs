//! A world from a seed: a log of topics as Kafka has them, in virtual time, on one thread, with faults.
//!
//! [`World::transport`] gives each simulated process its connection. Whatever happens depends on the seed, the [`Faults`]
//! and the order of calls alone, so a run that has failed can be had again.
//!
//! # What is modelled
//! - Transactions leave control records, so offsets have gaps; readers see committed records up to the last stable offset.
//!   The markers of a decided transaction reach its partitions one by one. An open transaction holds back every reader,
//!   until it is decided, another writer takes its transactional id over, or it times out.
//! - Groups have generations. A rebalance waits for the members, moves partitions cooperatively, and expels whom it has not
//!   heard of for a session. Offsets are checked against member and generation, and not against who has a partition.
//!   Static members come back to what they had. Those that do not poll lose everything.
//! - Committed offsets that an open transaction holds are waited for.
//! - Retention, purging, topics that are deleted and made again, brokers that are away, commits whose outcome is not told,
//!   processes that stand still, die, or have a wrong clock.
//!
//! # Time and order
//! Calls that would block take virtual time in steps. With a scheduler ([`World::set_scheduler`]) each step lets it run
//! other processes meanwhile, also in the middle of a commit: the scheduler gets the process that waits and for how long,
//! may call into the world, and must not call for a process that is in a call ([`World::in_call`]). Polls return at once.
//! Without a scheduler every wait, that of a poll too, lets its time pass.
//!
//! A topic has no replicas here, is not compacted, and its records are not deleted by size.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod broker;
mod client;
mod clock;
mod dice;
mod faults;
mod world;

pub use clock::Clock;
pub use faults::Faults;
pub use world::{Scheduled, World};

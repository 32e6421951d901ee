//! What a process has of the log: its connection, readers, writers, memberships.

mod member;
mod reader;
mod transport;
mod writer;

pub(crate) use transport::SimTransport;

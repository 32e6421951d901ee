//! Stub.
pub mod rule;

#![cfg_attr(test, allow(clippy::unwrap_used))]
//! Stub.
pub mod rule;

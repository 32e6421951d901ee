//! The task as a pure function of its records and decisions.
#![allow(clippy::unwrap_used)]

mod allocations;
mod bounds;
mod containers;
mod determinism;
mod evaluation;
mod lists;
mod restart;
mod support;

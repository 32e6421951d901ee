//! The engine from outside: each sentence of its semantics, and random rules against a plain reference.

#![allow(clippy::unwrap_used)]

mod agreement;
mod builder;
mod builder_wholes;
mod bytes;
mod conformance;
mod estimates;
mod expiry;
mod harness;
mod hostile;
mod keys;
mod limits;
mod pattern_limits;
mod pattern_random;
mod patterns;
mod preceded;
mod random;
mod reference;
mod registers;
mod snapshots;
mod snapshots_of_estimates;
mod steps;
mod timers;
mod validation;
mod windows;

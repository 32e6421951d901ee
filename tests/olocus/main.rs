//! The command as a user runs it.
#![allow(clippy::unwrap_used)]

mod engine;
mod equality;
mod rules;
mod run;
mod support;
mod world;

//! The command as a user runs it.
#![allow(clippy::unwrap_used)]

mod check;
mod rules;
mod schemas;
mod support;

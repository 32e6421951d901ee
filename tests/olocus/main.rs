//! The command as a user runs it.
#![allow(clippy::unwrap_used)]

mod rules;
mod support;

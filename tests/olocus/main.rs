//! The command as a user runs it.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod bad_input;
mod broken_log;
mod check;
mod command_line;
mod crash;
mod discovery;
mod documents;
mod engine;
mod equality;
mod fencing;
mod http;
mod idle;
mod late;
mod login;
mod outage;
mod promises;
mod renewal;
mod retention;
mod rules;
mod run;
mod schemas;
mod support;
mod world;

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
mod late;
mod letters;
mod login;
mod outage;
mod pipes;
mod promises;
mod retention;
mod rules;
mod run;
mod schemas;
mod secrets;
mod specification;
mod support;
mod world;

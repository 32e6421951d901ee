//! An engine, assembled: configuration, rule files, a transport, the processor, HTTP and webhooks.
//!
//! - [`config`]: the YAML configuration, with every mistake reported at its place;
//! - [`load_rules`], [`load_schemas`]: rule files and event schemas from the file system; [`format_rules`]: one layout for
//!   all rule files;
//! - [`Engine`]: all parts, started in an order in which a failure leaves nothing behind.
//!
//! This is the only crate that knows HTTP. What a rule means (`olocus-cep`, `olocus-expr`) and how events are
//! processed (`olocus-runtime`) is none of its business.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod config;

mod engine;
mod error;
mod http;
mod lists_loader;
mod metrics;
mod record_line;
mod redact;
mod rules_format;
mod rules_loader;
mod topic_name;
mod webhook;

pub use self::engine::{Engine, Overrides};
pub use self::error::StartError;
pub use self::record_line::record_line;
pub use self::rules_format::format_rules;
pub use self::rules_loader::{find_rule_files, load_rules, load_schemas};

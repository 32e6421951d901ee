//! Complex event processing over bits, times, keys and scalars.
//!
//! The path of a rule through this crate:
//!
//! * a [`Plan`] says what is looked for: a [`pattern`] or a window with aggregates; its
//!   [`Display`](std::fmt::Display) form lists the machine, one state a line;
//! * an [`EventPattern`](pattern::EventPattern) is such a pattern written in Rust, over events of any type;
//! * [`rule`] reads rule files into a model and reports every mistake in them;
//! * an [`Engine`] runs many plans. It is fed with [`Row`]s in event-time order (which steps an event satisfies, its
//!   time, its arguments of aggregates) and with watermarks, and answers with [`Finding`]s;
//! * [`Limits`] bound what a rule may hold, [`Stats`] tell what it does hold; [snapshots](Engine::snapshot) are all of it as
//!   bytes.
//!
//! What is deliberately absent: this crate knows nothing of topics, brokers, Arrow or expressions, does no I/O, reads no
//! clock and draws no random number. The same rows and watermarks give the same findings in the same order.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod aggregate;
pub mod pattern;
pub mod rule;

mod agenda;
mod engine;
mod error;
mod event;
mod footprint;
mod key;
mod keyed;
mod keys;
mod limiter;
mod limits;
mod plan;
mod slots;
mod snapshot;
mod stats;
mod window;

pub use aggregate::{AggregateFunction, Scalar};
pub use engine::{Engine, Finding, Found, KEPT_BYTES_MAX, Row, Taken};
pub use error::{Error, Limit};
pub use event::{MakeEvent, Weighing};
pub use footprint::Footprint;
pub use key::Key;
pub use keys::{KeyGroup, KeyRef};
pub use limiter::Limiter;
pub use limits::{Limits, Overflow};
pub use plan::{MAX_STEPS, Plan, WindowPlan};
pub use snapshot::{EventCodec, SnapshotError};
pub use stats::Stats;

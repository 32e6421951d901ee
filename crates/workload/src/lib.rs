//! Seeded event streams that know what rules must find in them.
//!
//! - [`Enterprise`]: a working day of a company, with insider-threat chains, near misses of them, and pipelines
//!   that turn slow;
//! - [`SequenceLoad`]: the load of the benches, a keyed three-step sequence in a uniform stream.
//!
//! Both are [`Workload`]s: they write one line of JSON per event, in time order, and then tell the [`Truth`]: the
//! matches that a correct engine finds. Each truth comes from an evaluator written for one rule alone, over the
//! same JSON that an engine reads, so that engine and truth share no code.
//!
//! Nothing here reads a clock, does I/O or draws from a global source of randomness: the same parameters give the
//! same bytes, on every platform.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod draw;
mod enterprise;
mod sequence;
mod truth;

pub use enterprise::{Enterprise, EnterpriseEvents};
pub use sequence::{SequenceEvents, SequenceLoad};
pub use truth::{ExpectedEvent, ExpectedMatch, NearMiss, Truth};

/// A stream of events in time order that knows what is to be found in it.
pub trait Workload {
    /// Appends the next event to `line` as one line of JSON with its line end; `false` when there is none left.
    fn next_line(&mut self, line: &mut Vec<u8>) -> bool;

    /// What rules must find in the events written so far: complete once [`Workload::next_line`] returned `false`.
    fn truth(&self) -> Truth;
}

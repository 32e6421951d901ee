//! What evaluators of patterns are held against.
//!
//! - [`Matcher`]: finds the matches of a [`Pattern`](olocus_cep::pattern::Pattern) by brute force. Each partial match is a
//!   value of its own that is looked at on every event; nothing is shared, indexed or bounded, so that what it does can be
//!   read off the meaning of patterns;
//! - [`case`](mod@case): cases of patterns, events and expected findings in JSON, as patterns and rows;
//! - [`random`]: random patterns and streams;
//! - [`siddhi`]: tests of another engine, as far as they can be said here.
//!
//! For one key and one pattern; used by tests, examples and fuzzing only.

pub mod case;
pub mod random;
pub mod siddhi;

mod conditions;
mod engine;
mod heap;
mod judge;
mod matcher;
mod notation;
mod place;

pub use engine::{outcome, run_engine};
pub use judge::{Under, Verdict, judge};
pub use matcher::{Event, Matcher, Outcome, run, run_bounded};
pub use notation::Notation;

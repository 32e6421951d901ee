//! The streaming runtime: rules become a plan, a plan becomes a task, and a processor feeds the task from
//! topics and commits what it produces.
//!
//! The path of an event:
//!
//! 1. [`Preparer`]: records of one partition → Arrow columns, event times, one boolean column per distinct
//!    predicate, and the rows on which some rule's condition holds. Stateless.
//! 2. [`Merge`]: those rows in event-time order over all partitions; late records are set apart.
//! 3. [`Task`]: the automata and windows of all rules, fed row by row. A pure state machine: what it cannot
//!    know (that a partition is idle, that time passes) reaches it as a [`Decision`].
//! 4. [`Processor`]: the only part that does I/O, through the transport it is given. Reads, decides, commits
//!    outputs and offsets in one transaction.
//!
//! Deliberately absent: Kafka (behind `olocus-bus`), HTTP and configuration files (in `olocus-server`), SQL
//! (in `olocus-expr`) and the automata themselves (in `olocus-cep`).

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod error;
mod explain;
mod matches;
mod merge;
mod plan;
mod position;
mod prepare;
mod processor;
mod slots;
mod source;
mod task;
mod weight;

pub use self::error::Error;
pub use self::explain::{
    Advice, Bytes, Condition, Crossing, Evaluation, Explanation, FieldUse, ListUse, LookUp, Machine,
    Predicate, Reads, State,
};
pub use self::matches::{EMBEDDED_BYTES_MAX, Match};
pub use self::merge::{Delivery, InputId, InputIndex, Mark, Merge, Offer, Place, Progress};
pub use self::plan::{Plan, compile};
pub use self::position::{Again, Position, Terms};
pub use self::prepare::{Counts, DeadLetter, Prepared, Preparer};
pub use self::processor::{
    Clock, Handle, Options, OutputTopics, Processor, Serialization, StartAt, Status, SystemClock, WebhookCall,
};
pub use self::source::{MAX_FUTURE, SourceSpec};
pub use self::task::{Decision, InputView, Late, Missed, Outputs, Task, TaskStats};
pub use self::weight::Weigh;

/// Lower-case hexadecimal digits of some bytes.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string never fails");
        text
    })
}

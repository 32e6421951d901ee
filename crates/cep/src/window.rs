//! Windows, one file per kind.
//!
//! [`Count`] and [`Trailing`] are judged at each event and hold the events in a queue with sliding aggregates;
//! [`Aligned`] (tumbling and hopping) and [`Session`] are judged by a timer and hold running aggregates in panes.

mod aligned;
mod count;
mod kept;
mod merged;
mod pane;
mod queue;
mod session;
mod totals;
mod trailing;

pub(crate) use aligned::{Aligned, AlignedPlan};
pub(crate) use count::{Count, CountPlan};
pub(crate) use session::{Session, SessionPlan};
pub(crate) use trailing::{Trailing, TrailingPlan};

#[cfg(test)]
mod tests;

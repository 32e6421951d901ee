//! Evaluation with sets of partial matches, for patterns whose conditions look at single events.
//!
//! What partial matches of one key have in common decides how an event changes them: the set (`determined`) of automaton
//! states in which they wait. So all that wait in one set are kept as one node, or a short list of nodes, and change
//! together: an event costs time in the number of sets that are alive for its key, whatever the number of partial matches.
//! A match is put together only when it is told.
//!
//! The algorithm is that of the compact sets described in `nodes`, with lists of nodes by start
//! (`union`); where time since the last event matters, nodes are kept by last event instead (`queue`). What began too
//! long ago is passed over wherever it is met; nodes of which nothing is left are emptied by a sweep that goes around all
//! nodes as new ones are made.

mod complete;
mod determined;
mod evaluator;
mod held;
mod key;
mod queue;
mod reason;
mod states;
mod union;
mod walk;
mod without;

pub(crate) use key::Sets;
pub use reason::{Reason, accepts, choose};

//! Evaluation with sets of partial matches.

mod determined;
mod queue;
mod union;
mod walk;

//! Sets of partial matches against runs, which keep each by itself, and against the reference matcher.

#![allow(clippy::unwrap_used)]

mod agreement;
mod choice;
mod limits;
mod patterns;
mod running;

//! YAML documents that remember where everything was written, and problems that point into them.
//!
//! The way through this crate: a [`SourceFile`] is [`parse`]d into a tree of [`Node`]s, each with
//! its [`Span`] in bytes; [`Fields`] reads mappings key by key and reports what is unknown, missing
//! or of the wrong type; what is wrong becomes a [`Diagnostic`], rendered like the messages of
//! rustc. [`Scalar::locate`] finds the place of a part of a text, so that a mistake inside an
//! expression is shown where it stands, whatever the quoting.
//!
//! Nothing here does I/O: text comes in, values and diagnostics go out.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod diagnostic;
mod duration;
mod fields;
mod node;
mod parse;
pub mod read;
mod scalar;
mod source;
mod suggest;

pub use diagnostic::{Diagnostic, Diagnostics, Level};
pub use duration::{format_duration, parse_duration};
pub use fields::Fields;
pub use node::{Mapping, Node, Value};
pub use parse::{MAX_BYTES, MAX_DEPTH, parse};
pub use scalar::Scalar;
pub use source::{SourceFile, Span, Spanned};
pub use suggest::suggest;

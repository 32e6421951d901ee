//! Events as bytes and as columns.
//!
//! A [`Record`] is what a topic hands out. A [`Decoder`] turns a run of records into a [`Batch`]:
//!
//! - [`open`] undoes the payload envelope (AES-256-GCM, LZ4),
//! - the headers say whether the record is a [`CloudEvent`],
//! - one validating pass over the JSON or MessagePack finds the fields that the [`Projection`] names,
//! - each of them lands in an Arrow [`Column`]; everything else stays bytes.
//!
//! The other way, a [`CloudEvent`] becomes an [`OutRecord`], [`seal`] puts it into the envelope, and
//! [`dead_letter`] and [`late_record`] wrap records that could not be used.
//!
//! This crate does no I/O, reads no clock and draws no random number: bytes go in, values come out.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod time;

mod batch;
mod builder;
mod cloud_event;
mod column;
mod content;
mod convert;
mod decode;
mod duration;
mod envelope;
mod error;
mod field_tree;
mod json;
mod json_text;
mod keyring;
mod letters;
mod limits;
mod message_pack;
mod number;
mod projection;
mod raw;
mod record;
mod text_table;
mod value;
mod view;

pub use batch::Batch;
pub use cloud_event::CloudEvent;
pub use column::{Column, NumberColumn};
pub use decode::{Decoded, Decoder, Format, Rejected};
pub use envelope::{Sealing, associated_data, is_sealed, open, seal};
pub use error::Error;
pub use json_text::JsonText;
pub use keyring::Keyring;
pub use letters::{dead_letter, late_record};
pub use limits::Limits;
pub use projection::{FieldPath, Kind, Projection};
pub use record::{Headers, OutRecord, Record};
pub use text_table::TextTable;
pub use value::Value;
pub use view::record_to_json;

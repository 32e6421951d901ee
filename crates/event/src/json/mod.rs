//! JSON text without a tree: a scanner that validates everything and hands out the places of
//! members, and the conversions of the text between those places.

mod document;
mod scanner;
mod text;

pub(crate) use document::JsonDocument;
pub(crate) use scanner::is_number;
pub(crate) use text::{quote, unescape, write_compact};

#[cfg(test)]
mod tests;

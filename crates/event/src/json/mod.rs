//! JSON text without a tree: a scanner that validates everything and hands out the places of
//! members, and the conversions of the text between those places.

mod canonical;
mod document;
mod scanner;
mod text;
mod tokens;

pub(crate) use canonical::canonical;
pub(crate) use document::JsonDocument;
pub(crate) use scanner::is_number;
pub(crate) use text::{quote, unescape, write_compact};
pub(crate) use tokens::{Token, Tokens};

#[cfg(test)]
mod tests;

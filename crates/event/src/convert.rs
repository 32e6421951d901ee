//! Values as the kinds of columns. How they convert is told at [`Column`](crate::Column); `None`: not at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::duration::parse_seconds;
use crate::json;
use crate::message_pack;
use crate::number::Number;
use crate::raw::{Raw, unquoted};
use crate::time::{parse_timestamp, write_rfc3339};

pub(crate) fn as_text<'a>(raw: Raw<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw {
        Raw::Missing | Raw::Null | Raw::Unsupported => return None,
        Raw::Text(text) | Raw::JsonNumber(text) => return Some(text),
        Raw::Quoted(quoted) => return Some(unquoted(quoted)),
        Raw::Bool(value) => return Some(if value { "true" } else { "false" }),
        Raw::Float(float) if !float.is_finite() => return None,
        Raw::Float(float) => Number::Float(float).write_plain(scratch),
        Raw::Int(int) => Number::Int(int).write_plain(scratch),
        Raw::Wide(wide) => Number::Wide(wide).write_plain(scratch),
        Raw::Escaped(body) => json::unescape(body, scratch),
        Raw::Binary(bytes) => STANDARD.encode_string(bytes, scratch),
        Raw::Time(time) => write_rfc3339(time, scratch),
        Raw::JsonContainer(text) => json::write_compact(text, scratch),
        Raw::PackedContainer(bytes) => message_pack::write_json(bytes, scratch),
    }
    Some(scratch)
}

pub(crate) fn as_json<'a>(raw: Raw<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw {
        Raw::Missing | Raw::Null | Raw::Unsupported => return None,
        Raw::Bool(value) => return Some(if value { "true" } else { "false" }),
        // Most numbers are written in their canonical form.
        Raw::JsonNumber(text) if Number::short_integer(text).is_some() => return Some(text),
        Raw::JsonNumber(_) | Raw::Int(_) | Raw::Wide(_) | Raw::Float(_) => {
            as_number(raw, &mut String::new())?.write_canonical(scratch);
        }
        Raw::Quoted(quoted) => return Some(quoted),
        Raw::Text(text) => json::quote(text, scratch),
        Raw::Escaped(body) => {
            let mut text = String::with_capacity(body.len());
            json::unescape(body, &mut text);
            json::quote(&text, scratch);
        }
        Raw::Binary(bytes) => {
            scratch.push('"');
            STANDARD.encode_string(bytes, scratch);
            scratch.push('"');
        }
        Raw::Time(time) => {
            scratch.push('"');
            write_rfc3339(time, scratch);
            scratch.push('"');
        }
        Raw::JsonContainer(text) => json::write_compact(text, scratch),
        Raw::PackedContainer(bytes) => message_pack::write_json(bytes, scratch),
    }
    Some(scratch)
}

/// Both zeros are one number, which is not left to whoever compares: some compare bits.
pub(crate) fn as_number(raw: Raw<'_>, scratch: &mut String) -> Option<Number> {
    let number = match raw {
        Raw::JsonNumber(text) => Number::from_json(text),
        Raw::Int(int) => Some(Number::Int(int)),
        Raw::Wide(wide) => Some(Number::Wide(wide)),
        Raw::Float(float) => Some(Number::Float(float)).filter(|_| float.is_finite()),
        _ => string(raw, scratch).and_then(Number::from_text),
    };
    number.map(Number::with_one_zero)
}

pub(crate) fn as_bool(raw: Raw<'_>, scratch: &mut String) -> Option<bool> {
    match raw {
        Raw::Bool(value) => Some(value),
        _ => match string(raw, scratch)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
    }
}

pub(crate) fn as_seconds(raw: Raw<'_>, scratch: &mut String) -> Option<f64> {
    let number = match raw {
        Raw::Text(_) | Raw::Quoted(_) | Raw::Escaped(_) => {
            let text = string(raw, scratch)?;
            if let Some(seconds) = parse_seconds(text) {
                return Some(seconds);
            }
            Number::from_text(text)
        }
        _ => as_number(raw, scratch),
    };
    number.map(|number| number.with_one_zero().as_f64())
}

pub(crate) fn as_time(raw: Raw<'_>, scratch: &mut String) -> Option<i64> {
    match raw {
        Raw::Time(time) => Some(time),
        _ => string(raw, scratch).and_then(parse_timestamp),
    }
}

/// The characters of a string; other values have none.
fn string<'a>(raw: Raw<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw {
        Raw::Text(text) => Some(text),
        Raw::Quoted(quoted) => Some(unquoted(quoted)),
        Raw::Escaped(body) => {
            json::unescape(body, scratch);
            Some(scratch)
        }
        _ => None,
    }
}

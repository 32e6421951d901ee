//! Conversions of JSON text that a scanner has found valid.

use std::fmt::Write;

/// Appends the characters of a string, given what stands between its quotes.
pub(crate) fn unescape(body: &str, out: &mut String) {
    let mut rest = body;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let (character, length) = match escape.as_bytes().first() {
            Some(b'b') => ('\u{8}', 1),
            Some(b'f') => ('\u{c}', 1),
            Some(b'n') => ('\n', 1),
            Some(b'r') => ('\r', 1),
            Some(b't') => ('\t', 1),
            Some(b'u') => code_point(escape),
            Some(other) if other.is_ascii() => (char::from(*other), 1),
            _ => (char::REPLACEMENT_CHARACTER, 0),
        };
        out.push(character);
        rest = &escape[length..];
    }
    out.push_str(rest);
}

/// Appends `text` in quotes, with as few escapes as JSON allows.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(place) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(&rest[..place]);
        match rest.as_bytes()[place] {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            special @ (b'"' | b'\\') => {
                out.push('\\');
                out.push(char::from(special));
            }
            // Writing to a string cannot fail.
            control => drop(write!(out, "\\u{control:04x}")),
        }
        rest = &rest[place + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Appends JSON text without the blanks between its tokens.
pub(crate) fn write_compact(json: &str, out: &mut String) {
    let bytes = json.as_bytes();
    let (mut start, mut at) = (0, 0);
    let mut in_string = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if in_string => at += 1,
            b'"' => in_string = !in_string,
            b' ' | b'\t' | b'\n' | b'\r' if !in_string => {
                out.push_str(&json[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    out.push_str(&json[start..]);
}

/// The character of a `\u` escape or of two that form a surrogate pair, and how many bytes after
/// the backslash it takes.
fn code_point(escape: &str) -> (char, usize) {
    let unit = |from: usize| escape.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    match (unit(1), unit(7)) {
        (Some(high @ 0xD800..=0xDBFF), Some(low @ 0xDC00..=0xDFFF)) => {
            let point = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), 11)
        }
        (Some(unit), _) => (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), 5),
        (None, _) => (char::REPLACEMENT_CHARACTER, 1),
    }
}

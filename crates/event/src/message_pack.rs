//! MessagePack read in place: one validating pass, then values by their places.
//!
//! The whole payload must be one value with nothing after it; strings must be UTF-8, map keys must be
//! strings, nesting is bounded. Nothing here recurses. The small steps are inlined by force, as in the
//! JSON scanner.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rmp::Marker;

use crate::error::{Error, ErrorKind};
use crate::json;
use crate::number::Number;
use crate::raw::{Class, Document, Name, Raw, Slot};
use crate::time::write_rfc3339;

mod from_json;

pub(crate) use self::from_json::of_json;

/// A MessagePack payload that was validated as a whole.
pub(crate) struct PackedDocument<'a> {
    bytes: &'a [u8],
}

impl<'a> PackedDocument<'a> {
    /// Validates `bytes` as one map and reports its members on the way. Members are reported before
    /// the rest is known to be valid: after an error, forget them.
    pub(crate) fn object(
        bytes: &'a [u8],
        depth: usize,
        member: impl FnMut(Name<'_>, Slot),
    ) -> Result<Self, Error> {
        let found = match (Reader { bytes, at: 0 }).head()? {
            Head::Map(_) => return Self::any(bytes, depth, member),
            Head::Array(_) => "an array",
            Head::Str(_) => "a string",
            Head::Int(_) | Head::Wide(_) | Head::Float(_) => "a number",
            Head::Bool(_) => "a boolean",
            Head::Nil => "nil",
            Head::Bin(_) => "binary",
            Head::Time(_) | Head::Extension => "an extension",
        };
        Self::any(bytes, depth, |_, _| ())?;
        Err(ErrorKind::NotAnObject { found }.into())
    }

    /// Validates `bytes` as one value and reports its members if it is a map.
    pub(crate) fn any(
        bytes: &'a [u8],
        depth: usize,
        mut member: impl FnMut(Name<'_>, Slot),
    ) -> Result<Self, Error> {
        let mut reader = Reader { bytes, at: 0 };
        match reader.head()? {
            Head::Map(entries) => {
                if depth == 0 {
                    return Err(ErrorKind::TooDeep { limit: 0 }.into());
                }
                reader.members(entries, depth - 1, &mut member).map_err(|fault| match fault {
                    ErrorKind::TooDeep { .. } => ErrorKind::TooDeep { limit: depth },
                    other => other,
                })?;
            }
            _ => {
                reader.at = 0;
                reader.skip(depth)?;
            }
        }
        if reader.at != bytes.len() {
            return Err(ErrorKind::TrailingData { at: reader.at }.into());
        }
        Ok(Self { bytes })
    }

    /// Appends the whole payload as JSON.
    pub(crate) fn write_json(&self, out: &mut String) {
        write_json(self.bytes, out);
    }
}

impl Document for PackedDocument<'_> {
    fn members(&self, slot: Slot, mut member: impl FnMut(Name<'_>, Slot)) {
        if slot.class != Class::Packed {
            return;
        }
        let mut reader = Reader { bytes: self.bytes, at: slot.start };
        if let Ok(Head::Map(entries)) = reader.head() {
            // The map was validated with the record around it, so reading it again cannot fail.
            let _ = reader.members(entries, usize::MAX, &mut member);
        }
    }

    fn raw(&self, slot: Slot) -> Raw<'_> {
        if slot.class != Class::Packed {
            return Raw::Missing;
        }
        match (Reader { bytes: self.bytes, at: slot.start }).head() {
            Ok(Head::Nil) => Raw::Null,
            Ok(Head::Bool(value)) => Raw::Bool(value),
            Ok(Head::Int(value)) => Raw::Int(value),
            Ok(Head::Wide(value)) => Raw::Wide(value),
            Ok(Head::Float(value)) => Raw::Float(value),
            Ok(Head::Str(text)) => Raw::Text(text),
            Ok(Head::Bin(bytes)) => Raw::Binary(bytes),
            Ok(Head::Time(time)) => Raw::Time(time),
            Ok(Head::Array(_) | Head::Map(_)) => Raw::PackedContainer(&self.bytes[slot.start..slot.end]),
            Ok(Head::Extension) | Err(_) => Raw::Unsupported,
        }
    }
}

/// Appends a valid value as JSON text: binary in base64, times in RFC 3339; numbers that JSON does
/// not know and unknown extensions as null.
pub(crate) fn write_json(bytes: &[u8], out: &mut String) {
    let mut reader = Reader { bytes, at: 0 };
    let mut open: Vec<Frame> = Vec::new();
    loop {
        // The bytes were validated, so there is always a value to read here.
        let Ok(head) = reader.head() else { return };
        match head {
            Head::Nil | Head::Extension => out.push_str("null"),
            Head::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Head::Int(value) => Number::Int(value).write_plain(out),
            Head::Wide(value) => Number::Wide(value).write_plain(out),
            Head::Float(value) if value.is_finite() => Number::Float(value).write_plain(out),
            Head::Float(_) => out.push_str("null"),
            Head::Str(text) => json::quote(text, out),
            Head::Bin(bytes) => {
                out.push('"');
                STANDARD.encode_string(bytes, out);
                out.push('"');
            }
            Head::Time(time) => {
                out.push('"');
                write_rfc3339(time, out);
                out.push('"');
            }
            Head::Array(0) => out.push_str("[]"),
            Head::Map(0) => out.push_str("{}"),
            Head::Array(items) => {
                out.push('[');
                open.push(Frame { left: items, is_map: false });
                continue;
            }
            Head::Map(entries) => {
                out.push('{');
                open.push(Frame { left: entries * 2, is_map: true });
                continue;
            }
        }
        loop {
            let Some(innermost) = open.last_mut() else {
                return;
            };
            innermost.left -= 1;
            if innermost.left > 0 {
                out.push(if innermost.is_map && innermost.left % 2 == 1 { ':' } else { ',' });
                break;
            }
            out.push(if innermost.is_map { '}' } else { ']' });
            open.pop();
        }
    }
}

/// The first bytes of a value, with its content where it is no container.
enum Head<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Wide(u64),
    Float(f64),
    Str(&'a str),
    Bin(&'a [u8]),
    Time(i64),
    Extension,
    /// Number of items.
    Array(u64),
    /// Number of pairs.
    Map(u64),
}

/// A container that is being read.
struct Frame {
    /// Values to come; in a map, keys count too.
    left: u64,
    is_map: bool,
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads the pairs of a map, whose head was read; values may nest `depth` deep.
    fn members(
        &mut self,
        entries: u64,
        depth: usize,
        member: &mut impl FnMut(Name<'_>, Slot),
    ) -> Result<(), ErrorKind> {
        for _ in 0..entries {
            let text = self.key()?;
            let start = self.at;
            let name = Name { text, buffer: self.bytes, start: start - text.len() };
            self.skip(depth)?;
            member(name, Slot { start, end: self.at, class: Class::Packed });
        }
        Ok(())
    }

    /// Reads a value with everything in it.
    fn skip(&mut self, depth: usize) -> Result<(), ErrorKind> {
        // Only containers need the stack, so that plain values do not allocate.
        let mut open: Vec<Frame> = Vec::new();
        loop {
            if open.last().is_some_and(|frame| frame.is_map && frame.left % 2 == 0) {
                self.key()?;
                Self::count_down(&mut open);
            }
            let frame = match self.head()? {
                Head::Array(items) => Some(Frame { left: items, is_map: false }),
                Head::Map(entries) => Some(Frame { left: entries * 2, is_map: true }),
                _ => None,
            };
            match frame {
                Some(_) if open.len() >= depth => return Err(ErrorKind::TooDeep { limit: depth }),
                Some(frame) if frame.left > 0 => open.push(frame),
                _ => Self::count_down(&mut open),
            }
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Notes that a value has ended, and with it every container of which it was the last.
    fn count_down(open: &mut Vec<Frame>) {
        while let Some(innermost) = open.last_mut() {
            innermost.left -= 1;
            if innermost.left > 0 {
                return;
            }
            open.pop();
        }
    }

    #[inline(always)]
    fn key(&mut self) -> Result<&'a str, ErrorKind> {
        let at = self.at;
        match self.head()? {
            Head::Str(key) => Ok(key),
            _ => Err(ErrorKind::InvalidMessagePack { at, problem: "a map key is no string" }),
        }
    }

    fn head(&mut self) -> Result<Head<'a>, ErrorKind> {
        let start = self.at;
        let [marker] = self.take()?;
        Ok(match Marker::from_u8(marker) {
            Marker::Null => Head::Nil,
            Marker::True => Head::Bool(true),
            Marker::False => Head::Bool(false),
            Marker::FixPos(value) => Head::Int(value.into()),
            Marker::FixNeg(value) => Head::Int(value.into()),
            Marker::U8 => Head::Int(u8::from_be_bytes(self.take()?).into()),
            Marker::U16 => Head::Int(u16::from_be_bytes(self.take()?).into()),
            Marker::U32 => Head::Int(u32::from_be_bytes(self.take()?).into()),
            Marker::U64 => match Number::from_unsigned(u64::from_be_bytes(self.take()?)) {
                Number::Int(value) => Head::Int(value),
                Number::Wide(value) => Head::Wide(value),
                Number::Float(value) => Head::Float(value),
            },
            Marker::I8 => Head::Int(i8::from_be_bytes(self.take()?).into()),
            Marker::I16 => Head::Int(i16::from_be_bytes(self.take()?).into()),
            Marker::I32 => Head::Int(i32::from_be_bytes(self.take()?).into()),
            Marker::I64 => Head::Int(i64::from_be_bytes(self.take()?)),
            Marker::F32 => Head::Float(f32::from_be_bytes(self.take()?).into()),
            Marker::F64 => Head::Float(f64::from_be_bytes(self.take()?)),
            Marker::FixStr(length) => self.string(length.into())?,
            Marker::Str8 => self.long_string::<1>()?,
            Marker::Str16 => self.long_string::<2>()?,
            Marker::Str32 => self.long_string::<4>()?,
            Marker::Bin8 => self.binary::<1>()?,
            Marker::Bin16 => self.binary::<2>()?,
            Marker::Bin32 => self.binary::<4>()?,
            Marker::FixArray(items) => Head::Array(items.into()),
            Marker::Array16 => Head::Array(self.length::<2>()?),
            Marker::Array32 => Head::Array(self.length::<4>()?),
            Marker::FixMap(entries) => Head::Map(entries.into()),
            Marker::Map16 => Head::Map(self.length::<2>()?),
            Marker::Map32 => Head::Map(self.length::<4>()?),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.long_extension::<1>()?,
            Marker::Ext16 => self.long_extension::<2>()?,
            Marker::Ext32 => self.long_extension::<4>()?,
            Marker::Reserved => {
                return Err(ErrorKind::InvalidMessagePack { at: start, problem: "the reserved byte 0xc1" });
            }
        })
    }

    #[inline(always)]
    fn string(&mut self, length: u64) -> Result<Head<'a>, ErrorKind> {
        let bytes = self.slice(length)?;
        simdutf8::basic::from_utf8(bytes).map(Head::Str).map_err(|_| ErrorKind::InvalidUtf8)
    }

    fn long_string<const N: usize>(&mut self) -> Result<Head<'a>, ErrorKind> {
        let length = self.length::<N>()?;
        self.string(length)
    }

    fn binary<const N: usize>(&mut self) -> Result<Head<'a>, ErrorKind> {
        let length = self.length::<N>()?;
        self.slice(length).map(Head::Bin)
    }

    fn long_extension<const N: usize>(&mut self) -> Result<Head<'a>, ErrorKind> {
        let length = self.length::<N>()?;
        self.extension(length)
    }

    /// An extension of so many bytes; the one that is predefined is the timestamp, type −1.
    fn extension(&mut self, length: u64) -> Result<Head<'a>, ErrorKind> {
        let [kind] = self.take()?;
        let content = self.slice(length)?;
        let time = if kind as i8 == -1 { timestamp(content) } else { None };
        Ok(time.map_or(Head::Extension, Head::Time))
    }

    /// A length in `N` bytes, big-endian.
    #[inline(always)]
    fn length<const N: usize>(&mut self) -> Result<u64, ErrorKind> {
        Ok(self.take::<N>()?.into_iter().fold(0, |length, byte| (length << 8) | u64::from(byte)))
    }

    #[inline(always)]
    fn slice(&mut self, length: u64) -> Result<&'a [u8], ErrorKind> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let slice = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.truncated())?;
        self.at += slice.len();
        Ok(slice)
    }

    #[inline(always)]
    fn take<const N: usize>(&mut self) -> Result<[u8; N], ErrorKind> {
        let taken =
            *self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).ok_or_else(|| self.truncated())?;
        self.at += N;
        Ok(taken)
    }

    #[cold]
    fn truncated(&self) -> ErrorKind {
        ErrorKind::TruncatedMessagePack { at: self.at }
    }
}

/// The three forms of the timestamp extension; `None` outside of what nanoseconds in 64 bits reach.
fn timestamp(content: &[u8]) -> Option<i64> {
    let (seconds, nanos) = match content.len() {
        4 => (i64::from(u32::from_be_bytes(content.try_into().ok()?)), 0),
        8 => {
            let packed = u64::from_be_bytes(content.try_into().ok()?);
            ((packed & ((1 << 34) - 1)) as i64, packed >> 34)
        }
        12 => {
            let (nanos, seconds) = content.split_first_chunk::<4>()?;
            (i64::from_be_bytes(seconds.try_into().ok()?), u32::from_be_bytes(*nanos).into())
        }
        _ => return None,
    };
    if nanos >= 1_000_000_000 {
        return None;
    }
    i64::try_from(i128::from(seconds) * 1_000_000_000 + i128::from(nanos)).ok()
}

#[cfg(test)]
pub(crate) mod tests;

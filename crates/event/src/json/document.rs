//! An event in JSON, as the decoder sees it.

use crate::error::{Error, ErrorKind};
use crate::raw::{Class, Document, Name, Raw, Slot};

use super::scanner::{Key, Scanner};
use super::text::unescape;

/// JSON text that was validated as a whole.
pub(crate) struct JsonDocument<'a> {
    text: &'a str,
    root: Slot,
}

impl<'a> JsonDocument<'a> {
    /// Validates `bytes` as one JSON object and reports its members on the way. Members are reported
    /// before the rest is known to be valid: after an error, forget them.
    pub(crate) fn object(
        bytes: &'a [u8],
        depth: usize,
        member: impl FnMut(Name<'_>, Slot),
    ) -> Result<Self, Error> {
        let document = Self::any(bytes, depth, member)?;
        let found = match document.root.class {
            Class::Object => return Ok(document),
            Class::Array => "an array",
            Class::Text | Class::Escaped => "a string",
            Class::Number => "a number",
            Class::True | Class::False => "a boolean",
            _ => "null",
        };
        Err(ErrorKind::NotAnObject { found }.into())
    }

    /// Validates `bytes` as one JSON value and reports its members if it is an object.
    pub(crate) fn any(
        bytes: &'a [u8],
        depth: usize,
        mut member: impl FnMut(Name<'_>, Slot),
    ) -> Result<Self, Error> {
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| ErrorKind::InvalidUtf8)?;
        let mut scanner = Scanner::new(text, 0, depth);
        let root = if scanner.first() == Some(b'{') {
            scanner.object(|key, slot| with_name(text, key, |name| member(name, slot)))?;
            Slot { start: 0, end: text.len(), class: Class::Object }
        } else {
            scanner.value()?
        };
        scanner.end()?;
        Ok(Self { text, root })
    }

    /// The text between two places.
    pub(crate) fn text(&self, slot: Slot) -> &'a str {
        &self.text[slot.start..slot.end]
    }

    /// The place of the whole value.
    pub(crate) fn root(&self) -> Slot {
        self.root
    }
}

impl Document for JsonDocument<'_> {
    fn members(&self, slot: Slot, mut member: impl FnMut(Name<'_>, Slot)) {
        if slot.class != Class::Object {
            return;
        }
        let mut scanner = Scanner::new(self.text, slot.start, usize::MAX);
        // The object was validated with the record around it, so reading it again cannot fail.
        let _ = scanner.object(|key, slot| with_name(self.text, key, |name| member(name, slot)));
    }

    fn raw(&self, slot: Slot) -> Raw<'_> {
        let text = || &self.text[slot.start..slot.end];
        let body = || &self.text[slot.start + 1..slot.end - 1];
        match slot.class {
            Class::Missing => Raw::Missing,
            Class::Null => Raw::Null,
            Class::True => Raw::Bool(true),
            Class::False => Raw::Bool(false),
            Class::Number => Raw::JsonNumber(text()),
            Class::Text => Raw::Quoted(text()),
            Class::Escaped => Raw::Escaped(body()),
            Class::Object | Class::Array => Raw::JsonContainer(text()),
            Class::Packed => Raw::Unsupported,
        }
    }
}

#[inline(always)]
fn with_name(text: &str, key: Key<'_>, use_name: impl FnOnce(Name<'_>)) {
    if key.escaped {
        let mut name = String::new();
        unescape(key.body, &mut name);
        use_name(Name::alone(&name));
    } else {
        use_name(Name { text: key.body, buffer: text.as_bytes(), start: key.start });
    }
}

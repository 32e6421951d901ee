//! Values where they stand in a payload, between finding and converting them.

/// The place of a value in a payload, and what it is as far as that was seen in passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) class: Class,
}

impl Slot {
    /// No value.
    pub(crate) const MISSING: Self = Self { start: 0, end: 0, class: Class::Missing };
}

/// What stands at a [`Slot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Missing,
    Null,
    True,
    False,
    Number,
    /// A JSON string without escapes.
    Text,
    /// A JSON string with escapes.
    Escaped,
    Object,
    Array,
    /// A MessagePack value, whose first byte tells the rest.
    Packed,
}

/// A value on its way into a column, borrowed from the payload.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Raw<'a> {
    Missing,
    Null,
    Bool(bool),
    /// A number as written in JSON.
    JsonNumber(&'a str),
    Int(i64),
    Wide(u64),
    /// May be NaN or infinite.
    Float(f64),
    /// A string.
    Text(&'a str),
    /// What stands between the quotes of a JSON string with escapes.
    Escaped(&'a str),
    Binary(&'a [u8]),
    Time(i64),
    /// An object or array as JSON text.
    JsonContainer(&'a str),
    /// A map or array in MessagePack.
    PackedContainer(&'a [u8]),
    /// A value that converts to nothing.
    Unsupported,
}

/// A payload that was validated as a whole.
pub(crate) trait Document {
    /// Reports the members of the object at `slot` in order; none if it is no object.
    fn members(&self, slot: Slot, member: impl FnMut(&str, Slot));

    /// The value at `slot`.
    fn raw(&self, slot: Slot) -> Raw<'_>;
}

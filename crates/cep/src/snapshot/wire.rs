//! The bytes of snapshots.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::EventCodec;

/// Appends values one after the other.
pub(crate) struct Writer<'c, E> {
    bytes: Vec<u8>,
    codec: &'c dyn EventCodec<E>,
}

/// Takes what a [`Writer`] has appended, in the same order.
pub(crate) struct Reader<'b, 'c, E> {
    bytes: &'b [u8],
    codec: &'c dyn EventCodec<E>,
}

/// Bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

pub(crate) type Read<T> = Result<T, Damaged>;

impl<'c, E> Writer<'c, E> {
    pub(crate) fn new(codec: &'c dyn EventCodec<E>) -> Writer<'c, E> {
        Writer { bytes: Vec::new(), codec }
    }

    /// Another one for a part of its own.
    pub(crate) fn part(&self) -> Writer<'c, E> {
        Writer::new(self.codec)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn put(&mut self, value: &(impl Serialize + ?Sized)) {
        rmp_serde::encode::write(&mut self.bytes, value).expect("a vector takes all that is written");
    }

    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) {
        self.put(&(bytes.len() as u64));
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn put_event(&mut self, event: &E) {
        let mut bytes = Vec::new();
        self.codec.write(event, &mut bytes);
        self.put_bytes(&bytes);
    }
}

impl<'b, 'c, E> Reader<'b, 'c, E> {
    pub(crate) fn new(bytes: &'b [u8], codec: &'c dyn EventCodec<E>) -> Reader<'b, 'c, E> {
        Reader { bytes, codec }
    }

    /// One for a part of its own.
    pub(crate) fn part(&mut self) -> Read<Reader<'b, 'c, E>> {
        Ok(Reader::new(self.take_bytes()?, self.codec))
    }

    pub(crate) fn take<T: DeserializeOwned>(&mut self) -> Read<T> {
        rmp_serde::decode::from_read(&mut self.bytes).map_err(|_| Damaged)
    }

    pub(crate) fn take_bytes(&mut self) -> Read<&'b [u8]> {
        let length: u64 = self.take()?;
        let length = usize::try_from(length).map_err(|_| Damaged)?;
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Damaged)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub(crate) fn take_event(&mut self) -> Read<E> {
        let bytes = self.take_bytes()?;
        self.event(bytes)
    }

    /// The event that was written as these bytes.
    pub(crate) fn event(&self, bytes: &[u8]) -> Read<E> {
        self.codec.read(bytes).ok_or(Damaged)
    }

    /// That nothing is left.
    pub(crate) fn end(self) -> Read<()> {
        check(self.bytes.is_empty())
    }
}

/// That something is as it must be.
pub(crate) fn check(holds: bool) -> Read<()> {
    if holds { Ok(()) } else { Err(Damaged) }
}

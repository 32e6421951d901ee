//! What an engine holds, as bytes.
//!
//! A snapshot is a chain of parts: a whole one, then increments, each of which names the one before by its checksum. Events
//! and the nodes of partial matches never change, so an increment has only those that are new, beside all that does change:
//! the runs and sets of each key, windows, counters. An engine restored from a chain goes on exactly as the one from which
//! it was taken.
//!
//! A part is the text `olocus-cep`, the version of the format, the checksum of the part before (0 for none), all that
//! follows from the engine in MessagePack, and the CRC-32 of all this.

use std::fmt;

use crate::engine::Engine;
use crate::keys::KeyGroup;

pub(crate) mod wire;

use wire::{Damaged, Reader, Writer};

/// Writes and reads what findings carry of an event.
pub trait EventCodec<E> {
    /// Appends an event.
    fn write(&self, event: &E, out: &mut Vec<u8>);

    /// The event that was written as all of these bytes; `None` if none was.
    fn read(&self, bytes: &[u8]) -> Option<E>;
}

/// Why a snapshot cannot be restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotError {
    kind: SnapshotErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SnapshotErrorKind {
    NoParts,
    Damaged { part: usize },
    Version { part: usize, version: u16 },
    Order { part: usize },
    Rules { expected: usize, found: usize },
    Rule { rule: usize },
}

const MAGIC: &[u8] = b"olocus-cep";
const VERSION: u16 = 2;
const CHECKSUM_BYTES: usize = size_of::<u32>();
const HEADER_BYTES: usize = MAGIC.len() + size_of::<u16>() + CHECKSUM_BYTES;

impl<E: Clone> Engine<E> {
    /// All that is held, as the first part of a snapshot.
    pub fn snapshot(&mut self, codec: &dyn EventCodec<E>) -> Vec<u8> {
        self.forget_snapshot();
        self.snapshot_increment(codec)
    }

    /// What must be appended to the parts taken last to make them a snapshot of what is held now; the first part if there are
    /// none.
    pub fn snapshot_increment(&mut self, codec: &dyn EventCodec<E>) -> Vec<u8> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(self.last_part().unwrap_or(0).to_le_bytes());
        let mut writer = Writer::new(codec);
        self.save(&mut writer);
        bytes.extend(writer.into_bytes());
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        self.set_last_part(checksum);
        bytes
    }

    /// This engine, which is new, with what one held that was made of the same plans in the same groups. Limits may be
    /// others; they count from the next row on.
    ///
    /// # Errors
    /// If the parts are not all those of a snapshot in their order, or of other plans.
    pub fn restore(
        mut self,
        parts: &[impl AsRef<[u8]>],
        codec: &dyn EventCodec<E>,
    ) -> Result<Engine<E>, SnapshotError> {
        let mut before = 0;
        let mut readers = Vec::with_capacity(parts.len());
        for (part, bytes) in parts.iter().enumerate() {
            let (body, checksum) = open(bytes.as_ref(), part, before)?;
            readers.push(Reader::new(body, codec));
            before = checksum;
        }
        let last = parts.len().checked_sub(1).ok_or(SnapshotErrorKind::NoParts)?;
        self.load(readers, last)?;
        self.set_last_part(before);
        Ok(self)
    }
}

/// The body of a part, and its checksum.
fn open(bytes: &[u8], part: usize, before: u32) -> Result<(&[u8], u32), SnapshotErrorKind> {
    let damaged = SnapshotErrorKind::Damaged { part };
    let end = bytes.len().checked_sub(CHECKSUM_BYTES).filter(|end| *end >= HEADER_BYTES);
    let (signed, checksum) = bytes.split_at(end.ok_or(damaged.clone())?);
    let checksum = u32::from_le_bytes(checksum.try_into().expect("these are its bytes"));
    if !signed.starts_with(MAGIC) || crc32fast::hash(signed) != checksum {
        return Err(damaged);
    }
    let header = &signed[MAGIC.len()..HEADER_BYTES];
    let version = u16::from_le_bytes([header[0], header[1]]);
    if version != VERSION {
        return Err(SnapshotErrorKind::Version { part, version });
    }
    if header[size_of::<u16>()..] != before.to_le_bytes() {
        return Err(SnapshotErrorKind::Order { part });
    }
    Ok((&signed[HEADER_BYTES..], checksum))
}

impl SnapshotError {
    pub(crate) fn damaged(part: usize) -> impl FnOnce(Damaged) -> SnapshotError {
        move |Damaged| SnapshotErrorKind::Damaged { part }.into()
    }

    pub(crate) fn rules(expected: usize, found: usize) -> SnapshotError {
        SnapshotErrorKind::Rules { expected, found }.into()
    }

    pub(crate) fn rule(rule: usize) -> SnapshotError {
        SnapshotErrorKind::Rule { rule }.into()
    }
}

impl From<SnapshotErrorKind> for SnapshotError {
    fn from(kind: SnapshotErrorKind) -> SnapshotError {
        SnapshotError { kind }
    }
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SnapshotErrorKind::NoParts => f.write_str("a snapshot has at least one part"),
            SnapshotErrorKind::Damaged { part } => write!(f, "part {part} of the snapshot is damaged"),
            SnapshotErrorKind::Version { part, version } => {
                write!(f, "part {part} of the snapshot has format {version}, not {VERSION}")
            }
            SnapshotErrorKind::Order { part } => {
                write!(f, "part {part} of the snapshot does not follow the one before it")
            }
            SnapshotErrorKind::Rules { expected, found } => {
                write!(f, "the snapshot is of {found} rules, not of {expected}")
            }
            SnapshotErrorKind::Rule { rule } => write!(f, "the snapshot is of another rule {rule}"),
        }
    }
}

impl std::error::Error for SnapshotError {}

/// The keys for which anything is held, each with its group.
pub(crate) type SavedKeys = Vec<(KeyGroup, String)>;

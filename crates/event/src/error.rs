//! What can be wrong with a record, an envelope or a keyring.

use std::fmt;

/// Why a record, an envelope or a keyring could not be used.
///
/// Messages are fragments that fit after "failed to decode the record: ". They never contain key
/// material or payload bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
}

impl Error {
    /// A short, stable name of the cause, for dead letters and metrics.
    pub fn code(&self) -> &'static str {
        match &self.kind {
            ErrorKind::TruncatedJson { .. } => "truncated-json",
            ErrorKind::InvalidJson { .. } => "invalid-json",
            ErrorKind::TruncatedMessagePack { .. } => "truncated-messagepack",
            ErrorKind::InvalidMessagePack { .. } => "invalid-messagepack",
            ErrorKind::TrailingData { .. } => "trailing-data",
            ErrorKind::InvalidUtf8 => "invalid-utf8",
            ErrorKind::TooDeep { .. } => "too-deep",
            ErrorKind::NotAnObject { .. } => "not-an-object",
            ErrorKind::NoPayload => "no-payload",
            ErrorKind::TooLarge { .. } => "too-large",
            ErrorKind::InflatesTooFar { .. } => "inflates-too-far",
            ErrorKind::UnknownEncoding { .. } => "unknown-encoding",
            ErrorKind::UnknownKey { .. } => "unknown-key",
            ErrorKind::Tampered => "tampered",
            ErrorKind::BadEnvelope { .. } => "bad-envelope",
            ErrorKind::BadCompression { .. } => "bad-compression",
            ErrorKind::BadTime { .. } => "bad-time",
            ErrorKind::BadCloudEvent { .. } => "bad-cloudevent",
            ErrorKind::NotACloudEvent => "not-a-cloudevent",
            ErrorKind::AlreadySealed => "already-sealed",
            ErrorKind::NoActiveKey => "no-active-key",
            ErrorKind::BadKeyring { .. } => "bad-keyring",
        }
    }
}

/// The causes, with what a person needs to find the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    TruncatedJson { at: usize },
    InvalidJson { at: usize, expected: &'static str },
    TruncatedMessagePack { at: usize },
    InvalidMessagePack { at: usize, problem: &'static str },
    TrailingData { at: usize },
    InvalidUtf8,
    TooDeep { limit: usize },
    NotAnObject { found: &'static str },
    NoPayload,
    TooLarge { bytes: usize, limit: usize },
    InflatesTooFar { limit: usize },
    UnknownEncoding { name: String },
    UnknownKey { id: String },
    Tampered,
    BadEnvelope { problem: &'static str },
    BadCompression { problem: &'static str },
    BadTime { text: String },
    BadCloudEvent { problem: String },
    NotACloudEvent,
    AlreadySealed,
    NoActiveKey,
    BadKeyring { entry: Option<usize>, problem: &'static str },
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::TruncatedJson { at } => {
                write!(f, "the JSON ends too early, after {at} bytes")
            }
            ErrorKind::InvalidJson { at, expected } => {
                write!(f, "the JSON is malformed at byte {at}: expected {expected}")
            }
            ErrorKind::TruncatedMessagePack { at } => {
                write!(f, "the MessagePack ends too early, within the value at byte {at}")
            }
            ErrorKind::InvalidMessagePack { at, problem } => {
                write!(f, "the MessagePack is malformed at byte {at}: {problem}")
            }
            ErrorKind::TrailingData { at } => {
                write!(f, "the value ends at byte {at}, but more data follows")
            }
            ErrorKind::InvalidUtf8 => write!(f, "the text is not valid UTF-8"),
            ErrorKind::TooDeep { limit } => {
                write!(f, "objects and arrays nest deeper than {limit} levels")
            }
            ErrorKind::NotAnObject { found } => write!(f, "expected an object, found {found}"),
            ErrorKind::NoPayload => write!(f, "the record has no payload"),
            ErrorKind::TooLarge { bytes, limit } => {
                write!(f, "the payload has {bytes} bytes, more than the {limit} allowed")
            }
            ErrorKind::InflatesTooFar { limit } => {
                write!(f, "the payload inflates to more than the {limit} bytes allowed")
            }
            ErrorKind::UnknownEncoding { name } => write!(f, "unknown encoding {name:?}"),
            ErrorKind::UnknownKey { id } => write!(f, "the keyring has no key with the id {id:?}"),
            ErrorKind::Tampered => write!(
                f,
                "authentication failed: payload, topic, record key or encoding were changed, \
                 or it was sealed with another key of this id"
            ),
            ErrorKind::BadEnvelope { problem } => {
                write!(f, "the payload envelope is malformed: {problem}")
            }
            ErrorKind::BadCompression { problem } => {
                write!(f, "the LZ4 frame is malformed: {problem}")
            }
            ErrorKind::BadTime { text } => {
                write!(f, "not a time, or outside the years 1677 to 2262: {text}")
            }
            ErrorKind::BadCloudEvent { problem } => write!(f, "not a valid CloudEvent: {problem}"),
            ErrorKind::NotACloudEvent => {
                write!(f, "the record is not a CloudEvent, which its source asks for")
            }
            ErrorKind::AlreadySealed => write!(f, "the record is still in its payload envelope"),
            ErrorKind::NoActiveKey => {
                write!(f, "encryption was asked for, but the keyring has no active key")
            }
            ErrorKind::BadKeyring { entry: Some(entry), problem } => {
                write!(f, "keyring entry {entry}: {problem}")
            }
            ErrorKind::BadKeyring { entry: None, problem } => write!(f, "keyring: {problem}"),
        }
    }
}

impl std::error::Error for Error {}

/// Text of a record shortened for a message, so that a message cannot grow with its record.
pub(crate) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 64;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

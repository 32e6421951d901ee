use std::fmt;

use crate::TopicPartition;

/// What went wrong with a transport.
///
/// The message is a lowercase fragment that fits after "failed to …: ". The query methods say what a caller may do
/// about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// An offset that was asked for and is not (or no longer) in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    /// The partition that was read.
    pub partition: TopicPartition,
    /// The offset that was asked for.
    pub wanted: i64,
    /// The first offset that the log still has.
    pub start: i64,
    /// One past the last offset of the log.
    pub end: i64,
}

#[derive(Clone, Debug)]
enum ErrorKind {
    Retryable,
    Fenced,
    NotMember,
    OutcomeUnknown,
    WriterLost,
    UnknownTopic,
    TooLarge,
    Denied,
    OutOfRange(Box<OutOfRange>),
    Invalid,
    Storage,
    Other,
}

impl Error {
    /// Whether the same call may succeed later. For a commit this says that nothing of it was written, so that the
    /// same commit may be made again.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Retryable)
    }

    /// Whether another writer with the same transactional id has taken over. This writer can never write again.
    #[must_use]
    pub fn fenced(&self) -> bool {
        matches!(self.kind, ErrorKind::Fenced)
    }

    /// Whether offsets were refused because whoever commits them is not, or no longer, the member of the group that may:
    /// another generation of the group has begun, the assignment was lost, or another member has the partition. Nothing
    /// was written. Once the membership has been polled, the same commit may be made again for what is still owned.
    #[must_use]
    pub fn not_member(&self) -> bool {
        matches!(self.kind, ErrorKind::NotMember)
    }

    /// Whether a commit may or may not have been written: the deadline passed before the log said so. The log has to
    /// be asked.
    #[must_use]
    pub fn outcome_unknown(&self) -> bool {
        matches!(self.kind, ErrorKind::OutcomeUnknown)
    }

    /// Whether the writer can write nothing any more, although no other is known to have its id: a new one may. Whether
    /// the commit that found it out was written has to be asked of the log.
    #[must_use]
    pub fn writer_lost(&self) -> bool {
        matches!(self.kind, ErrorKind::WriterLost)
    }

    /// Whether a topic or partition does not exist.
    #[must_use]
    pub fn unknown_topic(&self) -> bool {
        matches!(self.kind, ErrorKind::UnknownTopic)
    }

    /// Whether a record is larger than its topic takes.
    #[must_use]
    pub fn too_large(&self) -> bool {
        matches!(self.kind, ErrorKind::TooLarge)
    }

    /// Whether the log refuses this client: a wrong password or certificate, or a missing permission.
    #[must_use]
    pub fn denied(&self) -> bool {
        matches!(self.kind, ErrorKind::Denied)
    }

    /// Whether the caller asked for something that can never work: a refused option, a writer of the wrong sort.
    #[must_use]
    pub fn invalid(&self) -> bool {
        matches!(self.kind, ErrorKind::Invalid)
    }

    /// Whether the disk is the cause: full, not writable, corrupt or not ours.
    #[must_use]
    pub fn storage(&self) -> bool {
        matches!(self.kind, ErrorKind::Storage)
    }

    /// The offset that was asked for and what there is, when that is the cause.
    #[must_use]
    pub fn out_of_range(&self) -> Option<&OutOfRange> {
        match &self.kind {
            ErrorKind::OutOfRange(range) => Some(range),
            _ => None,
        }
    }

    pub(crate) fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same error with `context: ` before its message.
    pub(crate) fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }
}

/// For those who implement a transport: one of each kind.
impl Error {
    /// An error after which the same call may succeed later.
    pub fn retry(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Retryable, message)
    }

    /// The error of a writer whose id another one has.
    pub fn fence(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Fenced, message)
    }

    /// The error of a commit whose offsets are not from a member of their group that may commit them.
    pub fn expelled(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotMember, message)
    }

    /// The error of a commit that may or may not have been written.
    pub fn unknown_outcome(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::OutcomeUnknown, message)
    }

    /// The error of a writer that can write nothing any more, though no other has its id.
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::WriterLost, message)
    }

    /// The error of a topic or partition that does not exist.
    pub fn no_topic(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::UnknownTopic, message)
    }

    /// The error of a record that is larger than its topic takes.
    pub fn large(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::TooLarge, message)
    }

    /// The error of a client that the log refuses.
    pub fn deny(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// The error of a call that can never work.
    pub fn misuse(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The error of a disk.
    pub fn on_disk(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Storage, message)
    }

    /// The error of an offset that is not in the log.
    #[must_use]
    pub fn gone(range: OutOfRange) -> Self {
        let message = format!(
            "offset {} of {} is not in the log, which has the offsets {} to {}",
            range.wanted, range.partition, range.start, range.end
        );
        Self::new(ErrorKind::OutOfRange(Box::new(range)), message)
    }

    /// Any other error.
    pub fn other(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Other, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source.as_ref() as _)
    }
}

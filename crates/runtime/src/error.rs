//! The error of this crate.

use std::fmt;

use crate::merge::InputId;

/// Why a task or processor could not go on.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
}

#[derive(Debug)]
enum ErrorKind {
    UnknownInput(InputId),
    Limit { rule: String, cause: olocus_cep::Error },
    Metadata { text: String, cause: String },
    Bus { what: String, cause: olocus_bus::Error },
    Encoding(olocus_event::Error),
    Fenced { application: String },
    Gone { cause: olocus_bus::Error },
    Unclear { what: String },
    Thread { name: &'static str },
}

impl Error {
    pub(crate) fn unknown_input(input: &InputId) -> Error {
        Error { kind: ErrorKind::UnknownInput(input.clone()) }
    }

    pub(crate) fn limit(rule: &str, cause: olocus_cep::Error) -> Error {
        Error { kind: ErrorKind::Limit { rule: rule.to_owned(), cause } }
    }

    pub(crate) fn metadata(text: &str, cause: &str) -> Error {
        let shown: String = text.chars().take(120).collect();
        Error { kind: ErrorKind::Metadata { text: shown, cause: cause.to_owned() } }
    }

    pub(crate) fn bus(what: impl Into<String>, cause: olocus_bus::Error) -> Error {
        Error { kind: ErrorKind::Bus { what: what.into(), cause } }
    }

    pub(crate) fn encoding(cause: olocus_event::Error) -> Error {
        Error { kind: ErrorKind::Encoding(cause) }
    }

    pub(crate) fn fenced(application: &str) -> Error {
        Error { kind: ErrorKind::Fenced { application: application.to_owned() } }
    }

    /// The log does not have (any longer) what was to be read next.
    pub(crate) fn gone(cause: olocus_bus::Error) -> Error {
        Error { kind: ErrorKind::Gone { cause } }
    }

    pub(crate) fn unclear(what: String) -> Error {
        Error { kind: ErrorKind::Unclear { what } }
    }

    pub(crate) fn thread(name: &'static str) -> Error {
        Error { kind: ErrorKind::Thread { name } }
    }

    /// Whether another process has taken over the application id.
    pub fn is_fenced(&self) -> bool {
        matches!(self.kind, ErrorKind::Fenced { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::UnknownInput(input) => {
                write!(
                    f,
                    "partition {} of topic `{}` was never added to the task",
                    input.partition, input.topic
                )
            }
            ErrorKind::Limit { rule, cause } => write!(f, "rule `{rule}` reached a limit: {cause}"),
            ErrorKind::Metadata { text, cause } => write!(
                f,
                "the metadata of a committed offset can't be read: {cause}; found `{text}`. Another program may be \
                 committing under this application id: choose another one, or reset the group's offsets"
            ),
            ErrorKind::Bus { what, cause } => write!(f, "{what}: {cause}"),
            ErrorKind::Encoding(cause) => write!(f, "an output can't be sealed: {cause}"),
            ErrorKind::Fenced { application } => write!(
                f,
                "another process runs under the application id `{application}` and has taken over; give this one \
                 an id of its own (--application-id) if both are meant to run"
            ),
            ErrorKind::Gone { cause } => {
                write!(f, "read: {cause}. ")?;
                match cause.out_of_range() {
                    Some(range) => write!(
                        f,
                        "Topic `{}` was deleted, perhaps made anew, or records of it were deleted before they were \
                         read. Start again to go on from its offset {}, the first that is left; what was not read by \
                         now is lost",
                        range.partition.topic, range.start
                    ),
                    None => f.write_str(
                        "The topic was deleted while it was read. Start again to go on with what there is: a topic \
                         that a source names is then created if it is missing; what was not read by now is lost",
                    ),
                }
            }
            ErrorKind::Unclear { what } => f.write_str(what),
            ErrorKind::Thread { name } => write!(f, "the {name} thread ended without a word"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Limit { cause, .. } => Some(cause),
            ErrorKind::Bus { cause, .. } | ErrorKind::Gone { cause } => Some(cause),
            ErrorKind::Encoding(cause) => Some(cause),
            ErrorKind::UnknownInput(_)
            | ErrorKind::Metadata { .. }
            | ErrorKind::Fenced { .. }
            | ErrorKind::Unclear { .. }
            | ErrorKind::Thread { .. } => None,
        }
    }
}

//! Why an engine did not start.

use std::fmt;
use std::path::PathBuf;

use olocus_document::Diagnostics;

use crate::http::BindError;

/// Why an engine did not start. Nothing of it is running then.
#[derive(Debug)]
pub struct StartError {
    kind: ErrorKind,
}

#[derive(Debug)]
enum ErrorKind {
    Mistakes(Diagnostics),
    Bind(BindError),
    Open { directory: PathBuf, cause: olocus_bus::Error },
    Connect { brokers: String, cause: olocus_bus::Error },
    Publisher(olocus_bus::Error),
    Http(std::io::Error),
    Random(getrandom::Error),
}

impl StartError {
    pub(crate) fn mistakes(diagnostics: Diagnostics) -> StartError {
        StartError { kind: ErrorKind::Mistakes(diagnostics) }
    }

    pub(crate) fn open(directory: PathBuf, cause: olocus_bus::Error) -> StartError {
        StartError { kind: ErrorKind::Open { directory, cause } }
    }

    pub(crate) fn connect(brokers: String, cause: olocus_bus::Error) -> StartError {
        StartError { kind: ErrorKind::Connect { brokers, cause } }
    }

    pub(crate) fn publisher(cause: olocus_bus::Error) -> StartError {
        StartError { kind: ErrorKind::Publisher(cause) }
    }

    pub(crate) fn http(cause: std::io::Error) -> StartError {
        StartError { kind: ErrorKind::Http(cause) }
    }

    pub(crate) fn random(cause: getrandom::Error) -> StartError {
        StartError { kind: ErrorKind::Random(cause) }
    }

    /// The mistakes in configuration, rules or schemas, when these are the cause. They say more than the message.
    pub fn diagnostics(&self) -> Option<&Diagnostics> {
        match &self.kind {
            ErrorKind::Mistakes(diagnostics) => Some(diagnostics),
            _ => None,
        }
    }
}

impl From<BindError> for StartError {
    fn from(error: BindError) -> StartError {
        StartError { kind: ErrorKind::Bind(error) }
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ErrorKind::Mistakes(diagnostics) => match diagnostics.error_count() {
                1 => write!(f, "there is a mistake in the configuration or the rules"),
                count => write!(f, "there are {count} mistakes in the configuration or the rules"),
            },
            ErrorKind::Bind(error) => error.fmt(f),
            ErrorKind::Open { directory, cause } => {
                write!(f, "failed to open the embedded log in {}: {cause}", directory.display())
            }
            ErrorKind::Connect { brokers, cause } => {
                write!(f, "failed to set up the connection to {brokers}: {cause}")
            }
            ErrorKind::Publisher(cause) => write!(f, "failed to open a writer of the log: {cause}"),
            ErrorKind::Http(cause) => write!(f, "failed to start the HTTP server: {cause}"),
            ErrorKind::Random(cause) => {
                write!(f, "failed to draw random numbers, which encryption needs, from the system: {cause}")
            }
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            ErrorKind::Mistakes(_) => None,
            ErrorKind::Bind(error) => Some(error),
            ErrorKind::Open { cause, .. }
            | ErrorKind::Connect { cause, .. }
            | ErrorKind::Publisher(cause) => Some(cause),
            ErrorKind::Http(cause) => Some(cause),
            ErrorKind::Random(cause) => Some(cause),
        }
    }
}

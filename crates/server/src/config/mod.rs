//! The configuration file: YAML under the key `orchestration`.
//!
//! The way of a file: text → nodes with places (`olocus-document`) → [`Config`], with every mistake reported at
//! its place. Nothing is looked up on the way: secrets stay references ([`SecretRef`]) until the engine starts,
//! so a file can be checked on a machine that does not have them.
//!
//! - `reader`: getters that `Fields` does not have;
//! - `root`, `events`, `sources`, `sections`: one module per part of the file;
//! - `later`: sections of the specification that are recognised and not yet active.

mod events;
mod later;
mod reader;
mod root;
mod secret;
mod sections;
mod sources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use olocus_bus::{Durability, TopicSpec};
use olocus_document::{Diagnostic, Diagnostics, SourceFile, Span};
use olocus_runtime::{Serialization, SourceSpec};

pub use self::secret::{Environment, Secret, SecretRef};

/// What an engine is to do, as a configuration file says it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Names the application: its consumer group, its transactional id and the prefix of its own topics.
    pub application_id: String,
    /// The log that events come from and matches go to.
    pub transport: TransportConfig,
    /// How match data is encoded.
    pub serialization: Serialization,
    /// Whether payloads that the engine writes are compressed.
    pub compress: bool,
    /// The keyring; where there is one, payloads that the engine writes are encrypted.
    pub encryption: Option<SecretRef>,
    /// What an event that is published through HTTP has survived when it is acknowledged. What the engine itself
    /// writes is always persistent.
    pub durability: Durability,
    /// Which events keep their order.
    pub ordering: Ordering,
    /// Rule files and folders of them.
    pub rules: Vec<PathBuf>,
    /// The folder of event schemas, where one is named.
    pub schemas: Option<PathBuf>,
    /// The folder that the configuration file stands in.
    pub directory: PathBuf,
    /// What is read and how; without any, the topics named like the rules' event types.
    pub sources: Vec<SourceSpec>,
    /// Settings of topics that are created when missing, by name.
    pub topics: BTreeMap<String, TopicSpec>,
    /// Names of the engine's own topics, where they differ from the default.
    pub outputs: OutputNames,
    /// Bounds of memory.
    pub limits: Limits,
    /// Where the engine listens.
    pub http: HttpConfig,
    /// Longest time between a result and its commit.
    pub commit_interval: Duration,
}

/// The log to use.
#[derive(Debug, Clone)]
pub enum TransportConfig {
    /// Apache Kafka.
    Kafka {
        /// The brokers to ask first: `host:port`, with commas between them.
        brokers: String,
        /// Properties of librdkafka.
        properties: BTreeMap<String, Property>,
    },
    /// The embedded log.
    Embedded {
        /// Its folder.
        directory: PathBuf,
    },
}

/// The value of a property.
#[derive(Debug, Clone)]
pub enum Property {
    /// Written in the file.
    Text(String),
    /// Looked up when the engine starts.
    Secret(SecretRef),
}

/// Which events keep their order in the topics that the engine creates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ordering {
    /// Those of one key.
    #[default]
    Key,
    /// All events of a topic, which then has one partition.
    Global,
}

/// Names of the engine's own topics; `None` is `<application id>.<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputNames {
    /// Matches of rules that name no action.
    pub matches: Option<String>,
    /// Records that could not be decoded.
    pub dead_letter: Option<String>,
    /// Records that came too late.
    pub late: Option<String>,
}

/// Bounds of what the engine keeps in memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bounds of the rules' state.
    pub state: olocus_cep::Limits,
    /// Bounds of decoding a record.
    pub decoding: olocus_event::Limits,
    /// Records that may wait for their turn in event-time order.
    pub held_records: usize,
    /// Bytes that these may take together.
    pub held_bytes: usize,
    /// Records per batch.
    pub batch_records: usize,
    /// Bytes that the body of an HTTP request may have.
    pub body_bytes: usize,
}

/// Where the engine listens.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `host:port` of health checks and, on the embedded log, topics.
    pub listen: String,
    /// `host:port` of metrics.
    pub metrics_listen: String,
    /// The bearer token that clients must send, without which the engine listens on loopback addresses only.
    pub token: Option<SecretRef>,
}

impl Config {
    /// Reads a file. Relative paths in it are relative to its folder. Without a mistake there is a configuration;
    /// the diagnostics then are notes, such as sections that are not yet active.
    pub fn load(path: &Path) -> (Option<Config>, Diagnostics) {
        let name = path.display().to_string();
        match std::fs::read(path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => {
                    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                    Config::parse(&SourceFile::new(name, text), directory.unwrap_or(Path::new(".")))
                }
                Err(error) => {
                    let at = error.utf8_error().valid_up_to();
                    (
                        None,
                        unusable(name, "invalid-utf8", &format!("the file is not UTF-8, from byte {at} on")),
                    )
                }
            },
            Err(error) => {
                (None, unusable(name, "unreadable", &format!("the configuration can't be read: {error}")))
            }
        }
    }

    /// Reads the text of a file that stands in `directory`; otherwise as [`Config::load`].
    pub fn parse(file: &Arc<SourceFile>, directory: &Path) -> (Option<Config>, Diagnostics) {
        let file = crate::redact::configuration(file);
        let mut diagnostics = Diagnostics::new();
        let config = match olocus_document::parse(&file) {
            Ok(root) => root::config(&root, &file, directory, &mut diagnostics),
            Err(problems) => {
                diagnostics.extend(problems);
                None
            }
        };
        (config.filter(|_| !diagnostics.has_errors()), diagnostics)
    }
}

impl Default for Config {
    /// What holds without a file: the embedded log in `olocus-data`, and everything else at its default.
    fn default() -> Config {
        Config {
            application_id: "olocus".to_owned(),
            transport: TransportConfig::Embedded { directory: PathBuf::from("olocus-data") },
            serialization: Serialization::Json,
            compress: false,
            encryption: None,
            durability: Durability::default(),
            ordering: Ordering::default(),
            rules: Vec::new(),
            schemas: None,
            directory: PathBuf::from("."),
            sources: Vec::new(),
            topics: BTreeMap::new(),
            outputs: OutputNames::default(),
            limits: Limits::default(),
            http: HttpConfig::default(),
            commit_interval: Duration::from_millis(100),
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            state: olocus_cep::Limits::default(),
            decoding: olocus_event::Limits::default(),
            held_records: 200_000,
            held_bytes: 256 << 20,
            batch_records: 8_192,
            body_bytes: 16 << 20,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            listen: "127.0.0.1:8080".to_owned(),
            metrics_listen: "127.0.0.1:9090".to_owned(),
            token: None,
        }
    }
}

/// An application id as it stands on a command line.
///
/// # Errors
/// What keeps the text from being one.
pub fn parse_application_id(text: &str) -> Result<String, String> {
    match root::application_id_problem(text) {
        None => Ok(text.to_owned()),
        Some((message, help)) => Err(format!("{message}; {help}")),
    }
}

/// An address to listen on, `host:port`, as it stands on a command line.
///
/// # Errors
/// A text that is none.
pub fn parse_address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').map(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    match port {
        Some(true) => Ok(text.to_owned()),
        _ => Err(format!("`{text}` is not `host:port`")),
    }
}

/// A problem of a file whose text there is nothing to show of.
pub(crate) fn unusable(name: String, code: &'static str, message: &str) -> Diagnostics {
    Diagnostic::error(code, &SourceFile::new(name, ""), Span::empty(0), message).into()
}

#[cfg(test)]
mod tests;

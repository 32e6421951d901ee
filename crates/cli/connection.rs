//! Where events are published to and read from: Kafka, or the HTTP interface of an engine on the embedded log.

use std::collections::BTreeMap;
use std::time::Duration;

use olocus_bus::{Kafka, KafkaOptions, Transport};

use crate::failure::Failure;
use crate::http::Client;

/// Which log to talk to.
#[derive(Debug, clap::Args)]
#[group(id = "connection")]
pub(crate) struct Args {
    /// Kafka brokers to ask first, as host:port, with commas between them [env: OLOCUS_BROKERS]
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "server")]
    brokers: Option<String>,

    /// A property of librdkafka for --brokers, such as security.protocol=SSL; may be given several times. `NAME=@FILE`
    /// reads the value from a file, which keeps secrets off the command line
    #[arg(long = "kafka", value_name = "NAME=VALUE", conflicts_with = "server")]
    kafka: Vec<String>,

    /// Engine on the embedded log to talk to, where no brokers are named [env: OLOCUS_SERVER] [default:
    /// http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// Bearer token for --server
    #[arg(long, value_name = "TOKEN", env = "OLOCUS_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A log that can be talked to.
pub(crate) enum Connection {
    /// A log that this process reads and writes itself.
    Bus(Box<dyn Transport>),
    /// An engine that does so for it.
    Server(Client),
}

/// Where that log is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Brokers(String),
    Server(String),
}

/// Where an engine listens unless it is told otherwise.
const SERVER: &str = "http://127.0.0.1:8080";

impl Args {
    /// Connects. A server is first reached when it is asked for something.
    /// Questions to brokers are given up after `patience`, or after some seconds where that is longer.
    pub(crate) fn connect(&self, patience: Option<Duration>) -> Result<Connection, Failure> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match self.place(variable) {
            Place::Brokers(brokers) => Ok(Connection::Bus(Box::new(kafka(&brokers, &self.kafka, patience)?))),
            Place::Server(_) if !self.kafka.is_empty() => {
                Err(Failure::usage("use --kafka without brokers: name them with --brokers or OLOCUS_BROKERS"))
            }
            Place::Server(url) => Ok(Connection::Server(Client::new(&url, self.token.clone())?)),
        }
    }

    /// What the command line says; only where that is nothing, the environment.
    fn place(&self, variable: impl Fn(&str) -> Option<String>) -> Place {
        match (&self.brokers, &self.server) {
            (Some(brokers), _) => Place::Brokers(brokers.clone()),
            (None, Some(url)) => Place::Server(url.clone()),
            (None, None) => match (variable("OLOCUS_BROKERS"), variable("OLOCUS_SERVER")) {
                (Some(brokers), _) => Place::Brokers(brokers),
                (None, url) => Place::Server(url.unwrap_or_else(|| SERVER.to_owned())),
            },
        }
    }
}

/// A client of these brokers, with properties of librdkafka as they stand on the command line.
pub(crate) fn kafka(
    brokers: &str,
    properties: &[String],
    patience: Option<Duration>,
) -> Result<Kafka, Failure> {
    let properties = properties.iter().map(|text| property(text)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let mut options = KafkaOptions { brokers: brokers.to_owned(), properties, ..KafkaOptions::default() };
    options.patience = options.patience.min(patience.unwrap_or(Duration::MAX));
    Kafka::connect(options)
        .map_err(|cause| Failure::doing(format_args!("connect to the brokers at {brokers}"), cause))
}

fn property(text: &str) -> Result<(String, String), Failure> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty() && name.bytes().all(is_part))
        // Without quoting it: there may be a secret in it.
        .ok_or_else(|| Failure::new("read a Kafka property: expected --kafka NAME=VALUE"))?;
    let value = match value.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|cause| {
                Failure::doing(format_args!("read the Kafka property {name} from {path}"), cause)
            })?
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
        None => value.to_owned(),
    };
    Ok((name.to_owned(), value))
}

/// Whether a topic may have this name: what Kafka allows, which the embedded log follows.
pub(crate) fn check_topic(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() || name.len() > TOPIC_BYTES_MAX {
        return Err(format!("a topic's name has 1 to {TOPIC_BYTES_MAX} characters"));
    }
    if name == "." || name == ".." || !name.bytes().all(allowed) {
        return Err(format!(
            "`{name}` is no name for a topic: letters, digits, `.`, `_` and `-` are allowed"
        ));
    }
    Ok(())
}

/// A topic's name on the command line.
pub(crate) fn parse_topic(text: &str) -> Result<String, String> {
    check_topic(text).map(|()| text.to_owned())
}

const TOPIC_BYTES_MAX: usize = 249;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_can_come_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "se=cret\n").unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(property("a.b=c=d").unwrap(), pair("a.b", "c=d"));
        assert_eq!(property(&format!("p=@{}", path.display())).unwrap(), pair("p", "se=cret"));
        for wrong in ["sasl.password hunter2", "sasl.password hunter2==", "=hunter2"] {
            let told = property(wrong).unwrap_err().to_string();
            assert_eq!(told, "read a Kafka property: expected --kafka NAME=VALUE");
        }
        assert!(
            property("p=@/nowhere/x")
                .unwrap_err()
                .to_string()
                .starts_with("read the Kafka property p from /nowhere/x: ")
        );
    }

    #[test]
    fn the_command_line_wins_over_the_environment() {
        let args = |brokers: Option<&str>, server: Option<&str>| Args {
            brokers: brokers.map(str::to_owned),
            kafka: Vec::new(),
            server: server.map(str::to_owned),
            token: None,
        };
        let both = |name: &str| Some(format!("{name} of the environment"));
        assert_eq!(args(Some("b"), None).place(both), Place::Brokers("b".to_owned()));
        assert_eq!(args(None, Some("s")).place(both), Place::Server("s".to_owned()));
        let brokers = Place::Brokers("OLOCUS_BROKERS of the environment".to_owned());
        assert_eq!(args(None, None).place(both), brokers);
        assert_eq!(args(None, None).place(|_| None), Place::Server(SERVER.to_owned()));
    }

    #[test]
    fn topics_have_plain_names() {
        assert_eq!(check_topic("auth.login_2-x"), Ok(()));
        for name in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(check_topic(name).is_err(), "{name}");
        }
    }
}

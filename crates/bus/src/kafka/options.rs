use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

use crate::Error;

/// How to reach a Kafka cluster.
#[derive(Clone)]
pub struct KafkaOptions {
    /// The brokers to ask first, as `host:port`, with commas between them.
    pub brokers: String,
    /// Any property of librdkafka, such as `security.protocol` or `sasl.password`. Those on which the engine's
    /// guarantees rest are refused.
    pub properties: BTreeMap<String, String>,
    /// How this client names itself to the brokers, not empty; `olocus` by default.
    pub client_id: String,
    /// How long a question to the brokers may take before they count as away.
    pub patience: Duration,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            brokers: String::new(),
            properties: BTreeMap::new(),
            client_id: "olocus".to_owned(),
            patience: PATIENCE,
        }
    }
}

/// Values may be secrets, so only the names are shown.
impl fmt::Debug for KafkaOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("brokers", &self.brokers)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .field("client_id", &self.client_id)
            .finish()
    }
}

/// How long most questions may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Properties that are not the user's to set, each with the reason.
const OWNED: [(&str, &str); 19] = [
    ("acks", "the `durability` setting decides it"),
    ("auto.commit.enable", "offsets are committed with the outputs"),
    ("auto.offset.reset", "a lost offset must stop the reader, not move it"),
    ("bootstrap.servers", "`brokers` names them"),
    ("client.id", "the application's id is used"),
    ("delivery.report.only.error", "commits rest on it"),
    ("enable.auto.commit", "offsets are committed with the outputs"),
    ("enable.auto.offset.store", "offsets are committed with the outputs"),
    ("enable.idempotence", "the `durability` setting decides it"),
    ("enable.partition.eof", "idle partitions are known by it"),
    ("group.id", "the application's id is used"),
    ("group.protocol", "partitions are shared by the classic protocol"),
    ("isolation.level", "only committed records are read"),
    ("log.queue", "logging rests on it"),
    ("metadata.broker.list", "`brokers` names them"),
    ("partition.assignment.strategy", "partitions are shared by the engine's own choice"),
    ("partitioner", "keys must meet those of other producers"),
    ("request.required.acks", "the `durability` setting decides it"),
    ("transactional.id", "the application's id is used"),
];

/// Second names of properties, each with the first. librdkafka takes both, and what is set last counts.
const ALIASES: [(&str, &str); 9] = [
    ("compression.type", "compression.codec"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("linger.ms", "queue.buffering.max.ms"),
    ("max.in.flight", "max.in.flight.requests.per.connection"),
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("retries", "message.send.max.retries"),
    ("sasl.mechanism", "sasl.mechanisms"),
    ("sasl.oauthbearer.client.credentials.client.id", "sasl.oauthbearer.client.id"),
    ("sasl.oauthbearer.client.credentials.client.secret", "sasl.oauthbearer.client.secret"),
];

/// Ours where the user says nothing: an engine should notice quickly that a broker is back.
const DEFAULTS: [(&str, &str); 3] = [
    ("reconnect.backoff.ms", "50"),
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.keepalive.enable", "true"),
];

impl KafkaOptions {
    /// The settings that all clients of this cluster share.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in DEFAULTS {
            config.set(key, value);
        }
        for (key, value) in &self.properties {
            config.set(first_name(key), value);
        }
        config.set("bootstrap.servers", &self.brokers);
        config.set("client.id", &self.client_id);
        config
    }

    /// Whether the user says something about a property, under either of its names.
    pub(super) fn names(&self, property: &str) -> bool {
        self.properties.keys().any(|key| first_name(key) == property)
    }

    /// Finds mistakes that need no broker to be found.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.brokers.trim().is_empty() {
            return Err(Error::misuse("no brokers are named"));
        }
        // Readers need it: librdkafka gives no queue to a consumer whose `group.id` is empty.
        if self.client_id.is_empty() {
            return Err(Error::misuse("the client has no id"));
        }
        for (key, reason) in OWNED {
            if self.properties.contains_key(key) {
                return Err(Error::misuse(format!("the kafka property `{key}` cannot be set: {reason}")));
            }
        }
        for (alias, name) in ALIASES {
            if self.properties.contains_key(alias) && self.properties.contains_key(name) {
                let message =
                    format!("the kafka properties `{alias}` and `{name}` are one: leave one of them");
                return Err(Error::misuse(message));
            }
        }
        match self.client().create_native_config() {
            Ok(_) => Ok(()),
            Err(error) => Err(refused(&error)),
        }
    }
}

fn first_name(property: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == property).map_or(property, |(_, name)| name)
}

/// A refused setting, without its value where that may be a secret.
pub(super) fn refused(error: &KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, description, key, _) => {
            let secret = ["password", "secret", "pem", "oauth", "key"].iter().any(|word| key.contains(word));
            Error::misuse(if secret {
                format!("the kafka property `{key}` is refused")
            } else {
                format!("the kafka property `{key}` is refused: {description}")
            })
        }
        KafkaError::ClientCreation(description) => {
            Error::misuse(format!("the kafka settings are refused: {description}"))
        }
        other => Error::misuse(format!("the kafka settings are refused: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::KafkaOptions;

    fn options(key: &str, value: &str) -> KafkaOptions {
        KafkaOptions {
            brokers: "localhost:9092".to_owned(),
            properties: [(key.to_owned(), value.to_owned())].into(),
            client_id: "test".to_owned(),
            ..KafkaOptions::default()
        }
    }

    #[test]
    fn owned_and_unknown_properties_are_refused_by_name() {
        options("linger.ms", "5").check().unwrap();
        let error = options("isolation.level", "read_uncommitted").check().unwrap_err();
        assert!(error.invalid());
        assert!(error.to_string().contains("isolation.level"), "{error}");
        let error = options("sasl.mechanismus", "PLAIN").check().unwrap_err();
        assert!(error.to_string().contains("sasl.mechanismus"), "{error}");
    }

    #[test]
    fn both_names_of_a_property_are_known() {
        let named = options("delivery.timeout.ms", "5000");
        named.check().unwrap();
        assert!(named.names("message.timeout.ms") && !named.names("message.max.bytes"));
        assert_eq!(named.client().get("message.timeout.ms"), Some("5000"));
        let mut twice = named;
        twice.properties.insert("message.timeout.ms".to_owned(), "6000".to_owned());
        let error = twice.check().unwrap_err().to_string();
        assert!(error.contains("`delivery.timeout.ms` and `message.timeout.ms`"), "{error}");
    }

    #[test]
    fn values_are_never_shown() {
        let options = options("sasl.password", "hunter2");
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}

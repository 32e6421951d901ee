//! `events`: the log, and how payloads are written to it.

use std::collections::BTreeMap;

use olocus_bus::Durability;
use olocus_document::{Fields, Node, Scalar, read};
use olocus_runtime::Serialization;

use super::reader::Reader;
use super::{Config, Ordering, Property, SecretRef, TransportConfig};

const TRANSPORT_HELP: &str =
    "write `type: kafka` with `brokers: [\"host:9092\"]`, or `type: embedded` with `directory: PATH`";

/// How a client proves who it is to Kafka: the word in the file, librdkafka's word.
const MECHANISMS: [(&str, &str); 4] = [
    ("password", "PLAIN"),
    ("plain", "PLAIN"),
    ("scram-sha-256", "SCRAM-SHA-256"),
    ("scram-sha-512", "SCRAM-SHA-512"),
];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Fields<'_>, config: &mut Config) {
    let Some(mut fields) = reader.section(root.node("events"), "`events`") else { return };
    if let Some(transport) = transport(reader, fields.node("transport")) {
        config.transport = transport;
    }
    let serializations = [("json", Serialization::Json), ("messagepack", Serialization::MessagePack)];
    if let Some(serialization) = reader.choice(&mut fields, "serialization", &serializations) {
        config.serialization = serialization;
    }
    if let Some(compress) = reader.choice(&mut fields, "compression", &[("none", false), ("lz4", true)]) {
        config.compress = compress;
    }
    config.encryption = encryption(reader, fields.node("encryption"));
    let durabilities = [
        ("persistent", Durability::Persistent),
        ("relaxed", Durability::Relaxed),
        ("none", Durability::None),
    ];
    if let Some(durability) = reader.choice(&mut fields, "durability", &durabilities) {
        config.durability = durability;
    }
    if let Some(ordering) =
        reader.choice(&mut fields, "ordering", &[("key", Ordering::Key), ("global", Ordering::Global)])
    {
        config.ordering = ordering;
    }
    fields.finish(reader.diagnostics);
}

fn transport(reader: &mut Reader<'_>, node: Option<&Node>) -> Option<TransportConfig> {
    let mut fields = reader.section(node, "`transport`")?;
    let Some(kind) = fields.node("type") else {
        let head = fields.head();
        reader.error("missing-key", head, "`transport` needs the key `type`", TRANSPORT_HELP);
        return None;
    };
    let kind = read::string(kind, "`type`", reader.file, reader.diagnostics)?;
    match kind.value.as_str() {
        "kafka" => kafka(reader, fields),
        "embedded" => embedded(reader, fields),
        other => {
            reader.error("unknown-transport", kind.span, foreign(other), TRANSPORT_HELP);
            None
        }
    }
}

/// What to say of a transport that is not ours. Its other keys are not looked at: they mean nothing here.
fn foreign(kind: &str) -> String {
    match kind {
        "redis" | "redis_cluster" | "redis_streams" => {
            format!("there is no transport `{kind}`: events are kept in Kafka or in the embedded log")
        }
        _ => format!("there is no transport `{kind}`"),
    }
}

fn embedded(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<TransportConfig> {
    let directory = fields.require("directory");
    let directory =
        directory.and_then(|node| read::string(node, "`directory`", reader.file, reader.diagnostics));
    for key in ["brokers", "nodes", "kafka", "tls", "auth"] {
        fields.reject(key, "the embedded log", "only `type: kafka` has it", reader.diagnostics);
    }
    fields.finish(reader.diagnostics);
    Some(TransportConfig::Embedded { directory: reader.path(directory?) })
}

fn kafka(reader: &mut Reader<'_>, mut fields: Fields<'_>) -> Option<TransportConfig> {
    fields.reject("nodes", "`transport`", "Kafka's are called `brokers`", reader.diagnostics);
    fields.reject("directory", "Kafka's settings", "only `type: embedded` has it", reader.diagnostics);
    let brokers = fields.require("brokers");
    let brokers = brokers.and_then(|node| read::strings(node, "`brokers`", reader.file, reader.diagnostics));
    let brokers = brokers.and_then(|brokers| broker_list(reader, &brokers, fields.head()));
    let mut properties = BTreeMap::new();
    let encrypted = tls(reader, fields.node("tls"), &mut properties);
    let named = authentication(reader, fields.node("auth"), &mut properties);
    if encrypted || named {
        let protocol = match (encrypted, named) {
            (true, true) => "sasl_ssl",
            (true, false) => "ssl",
            (false, _) => "sasl_plaintext",
        };
        properties.insert("security.protocol".to_owned(), Property::Text(protocol.to_owned()));
    }
    if let Some(node) = fields.node("kafka").filter(|node| !node.is_null()) {
        librdkafka(reader, node, &mut properties);
    }
    fields.finish(reader.diagnostics);
    Some(TransportConfig::Kafka { brokers: brokers?, properties })
}

fn broker_list(reader: &mut Reader<'_>, brokers: &[&Scalar], head: olocus_document::Span) -> Option<String> {
    const HELP: &str = "write `brokers: [\"host:9092\"]`";
    let mut good = Vec::new();
    for broker in brokers {
        for part in broker.value.split(',').map(str::trim) {
            let port =
                part.rsplit_once(':').map(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            if port != Some(true) {
                reader.error("bad-broker", broker.span, format!("`{part}` is not `host:port`"), HELP);
                return None;
            }
            good.push(part);
        }
    }
    if good.is_empty() {
        reader.error("bad-broker", head, "`brokers` names none", HELP);
        return None;
    }
    Some(good.join(","))
}

/// `tls: true`, or a mapping with certificates. Returns whether connections are encrypted.
fn tls(reader: &mut Reader<'_>, node: Option<&Node>, properties: &mut BTreeMap<String, Property>) -> bool {
    let Some(node) = node.filter(|node| !node.is_null()) else { return false };
    if let olocus_document::Value::Bool(on) = node.value {
        return on;
    }
    let Some(mut fields) = Fields::new(node, "`tls`", reader.file, reader.diagnostics) else { return true };
    let files = [
        ("ca_file", "ssl.ca.location"),
        ("certificate_file", "ssl.certificate.location"),
        ("key_file", "ssl.key.location"),
    ];
    for (key, property) in files {
        if let Some(path) = fields.string(key, reader.diagnostics) {
            let path = reader.path(path).display().to_string();
            properties.insert(property.to_owned(), Property::Text(path));
        }
    }
    if let Some(secret) =
        reader.secret(&mut fields, ("key_password", "key_password_env", "key_password_file"))
    {
        properties.insert("ssl.key.password".to_owned(), Property::Secret(secret));
    }
    fields.finish(reader.diagnostics);
    true
}

/// `auth`: returns whether there is one.
fn authentication(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    properties: &mut BTreeMap<String, Property>,
) -> bool {
    let Some(mut fields) = reader.section(node, "`auth`") else { return false };
    fields.require("type");
    let mechanism = reader.choice(&mut fields, "type", &MECHANISMS);
    // Without one it is the application id, which only the command line settles.
    let username = fields.string("username", reader.diagnostics);
    let password = reader.secret(&mut fields, ("password", "password_env", "password_file"));
    if password.is_none()
        && !fields.has("password")
        && !fields.has("password_env")
        && !fields.has("password_file")
    {
        let help = "name where it is: `password_env: NAME` or `password_file: PATH`";
        reader.error("missing-key", fields.head(), "`auth` needs a password", help);
    }
    if let Some(mechanism) = mechanism {
        properties.insert("sasl.mechanisms".to_owned(), Property::Text(mechanism.to_owned()));
    }
    if let Some(username) = username {
        properties.insert("sasl.username".to_owned(), Property::Text(username.value.clone()));
    }
    if let Some(password) = password {
        properties.insert("sasl.password".to_owned(), Property::Secret(password));
    }
    fields.finish(reader.diagnostics);
    true
}

/// `kafka`: properties of librdkafka as they are; whether one exists is for librdkafka to say. A value may be
/// `{ env: NAME }` or `{ file: PATH }`, and secrets must be.
fn librdkafka(reader: &mut Reader<'_>, node: &Node, properties: &mut BTreeMap<String, Property>) {
    let Some(mapping) = read::mapping(node, "`kafka`", reader.file, reader.diagnostics) else { return };
    for (key, value) in &mapping.entries {
        let property = if value.as_mapping().is_some() {
            looked_up(reader, value).map(Property::Secret)
        } else if is_secret(&key.value) {
            let message = format!("`{}` is a secret, which has no place in a file", key.value);
            let help = format!("write `{}: {{ env: NAME }}` or `{}: {{ file: PATH }}`", key.value, key.value);
            reader.error("secret-in-file", key.span, message, help);
            None
        } else {
            let text = read::text(value, &format!("`{}`", key.value), reader.file, reader.diagnostics);
            text.map(|text| Property::Text(text.value.clone()))
        };
        if let Some(property) = property {
            properties.insert(key.value.clone(), property);
        }
    }
}

fn looked_up(reader: &mut Reader<'_>, node: &Node) -> Option<SecretRef> {
    let mut fields = Fields::new(node, "a property that is looked up", reader.file, reader.diagnostics)?;
    let variable = fields.string("env", reader.diagnostics);
    let file = fields.string("file", reader.diagnostics);
    if variable.is_some() == file.is_some() {
        let head = fields.head();
        reader.error(
            "bad-secret",
            head,
            "a secret is in one place",
            "write `{ env: NAME }` or `{ file: PATH }`",
        );
    }
    fields.finish(reader.diagnostics);
    match (variable, file) {
        (Some(name), _) => reader.variable(name),
        (None, Some(path)) => Some(SecretRef::in_file(reader.path(path), reader.file, path.span)),
        (None, None) => None,
    }
}

fn is_secret(property: &str) -> bool {
    property.contains("password") || property.contains("secret") || property == "ssl.key.pem"
}

fn encryption(reader: &mut Reader<'_>, node: Option<&Node>) -> Option<SecretRef> {
    let mut fields = reader.section(node, "`encryption`")?;
    fields.require("algorithm");
    reader.choice(&mut fields, "algorithm", &[("aes256_gcm", ())]);
    let keys = reader.secret(&mut fields, ("key", "key_env", "key_file"));
    if keys.is_none() && !fields.has("key") && !fields.has("key_env") && !fields.has("key_file") {
        let help = "name where the keys are: `key_env: NAME` or `key_file: PATH`";
        reader.error("missing-key", fields.head(), "`encryption` needs keys", help);
    }
    fields.finish(reader.diagnostics);
    keys
}

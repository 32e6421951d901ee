//! The broker's settings and its storage.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Options, Ports, certificate};

/// Sixteen bytes in URL-safe base64; any will do for a cluster of one.
const CLUSTER_ID: &str = "b2xvY3VzLXRlc3QtYnJrcg";

/// Where the settings of a broker are.
pub(crate) fn path(directory: &Path) -> PathBuf {
    directory.join("server.properties")
}

/// Where its log segments are.
fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

pub(crate) fn server_properties(options: &Options, ports: &Ports, directory: &Path) -> String {
    let mut clients = format!("PLAINTEXT://127.0.0.1:{}", ports.plain);
    if !options.scram_users.is_empty() {
        let _ = write!(clients, ",SASL_PLAINTEXT://127.0.0.1:{}", ports.sasl);
    }
    let mut listeners = clients.clone();
    if !options.tls_users.is_empty() {
        let _ = write!(listeners, ",SASL_SSL://127.0.0.1:{}", ports.tls);
        // By the name that is in the certificate.
        let _ = write!(clients, ",SASL_SSL://localhost:{}", ports.tls);
    }
    let controller = format!("127.0.0.1:{}", ports.controller);
    let mut lines = BTreeMap::from([
        ("process.roles", "broker,controller".to_owned()),
        ("node.id", "1".to_owned()),
        ("controller.quorum.bootstrap.servers", controller.clone()),
        ("controller.listener.names", "CONTROLLER".to_owned()),
        ("listeners", format!("{listeners},CONTROLLER://{controller}")),
        ("advertised.listeners", clients),
        ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
        (
            "listener.security.protocol.map",
            "PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT"
                .to_owned(),
        ),
        ("sasl.enabled.mechanisms", "SCRAM-SHA-256".to_owned()),
        (
            "listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required;".to_owned(),
        ),
        ("log.dirs", data(directory).display().to_string()),
        ("num.partitions", options.default_partitions.to_string()),
        ("auto.create.topics.enable", "false".to_owned()),
        ("offsets.topic.replication.factor", "1".to_owned()),
        ("offsets.topic.num.partitions", "4".to_owned()),
        ("transaction.state.log.replication.factor", "1".to_owned()),
        ("transaction.state.log.min.isr", "1".to_owned()),
        ("transaction.state.log.num.partitions", "4".to_owned()),
        ("share.coordinator.state.topic.replication.factor", "1".to_owned()),
        ("share.coordinator.state.topic.min.isr", "1".to_owned()),
        ("group.initial.rebalance.delay.ms", "0".to_owned()),
        // Tests kill members and wait for the others to hear of it.
        ("group.min.session.timeout.ms", "1000".to_owned()),
    ]);
    if !options.tls_users.is_empty() {
        let user = |user: &crate::User| format!(" user_{}=\"{}\"", user.name, user.password);
        let users: String = options.tls_users.iter().map(user).collect();
        let module = "org.apache.kafka.common.security.plain.PlainLoginModule";
        lines.extend([
            ("listener.name.sasl_ssl.sasl.enabled.mechanisms", "PLAIN".to_owned()),
            ("listener.name.sasl_ssl.plain.sasl.jaas.config", format!("{module} required{users};")),
            (
                "listener.name.sasl_ssl.ssl.keystore.location",
                certificate::store(directory).display().to_string(),
            ),
            ("listener.name.sasl_ssl.ssl.keystore.type", "PKCS12".to_owned()),
            ("listener.name.sasl_ssl.ssl.keystore.password", certificate::PASSWORD.to_owned()),
            ("listener.name.sasl_ssl.ssl.key.password", certificate::PASSWORD.to_owned()),
        ]);
    }
    lines.extend(options.properties.iter().map(|(key, value)| (key.as_str(), value.clone())));
    lines.iter().fold(String::new(), |mut text, (key, value)| {
        let _ = writeln!(text, "{key}={value}");
        text
    })
}

/// Formats the storage, where the SCRAM users are kept too.
pub(crate) fn format_storage(options: &Options, classpath: &str, directory: &Path) -> Result<(), String> {
    let mut command = tool(classpath, "kafka.tools.StorageTool");
    command.arg("format").args(["--standalone", "-t", CLUSTER_ID, "-c"]).arg(path(directory));
    for user in &options.scram_users {
        command
            .arg("--add-scram")
            .arg(format!("SCRAM-SHA-256=[name={},password={}]", user.name, user.password));
    }
    run(command, "the broker's storage could not be formatted")
}

/// Changes the password of a user of a running broker.
pub(crate) fn set_password(
    classpath: &str,
    bootstrap: &str,
    user: &str,
    password: &str,
) -> Result<(), String> {
    let mut command = tool(classpath, "kafka.admin.ConfigCommand");
    command
        .args(["--bootstrap-server", bootstrap, "--alter", "--entity-type", "users", "--entity-name", user])
        .arg("--add-config")
        .arg(format!("SCRAM-SHA-256=[password={password}]"));
    run(command, "the password could not be changed")
}

fn tool(classpath: &str, class: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]).args(["-cp", classpath, class]);
    command
}

fn run(mut command: Command, failure: &str) -> Result<(), String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run java: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{failure} ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

//! The certificate of a broker, signed by itself, made by the keytool that comes with Java.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Opens the key store. It guards nothing: the key is as old as the broker.
pub(crate) const PASSWORD: &str = "olocus-test";

/// Where the broker's key is.
pub(crate) fn store(directory: &Path) -> PathBuf {
    directory.join("broker.p12")
}

/// Where the certificate is for clients.
pub(crate) fn pem(directory: &Path) -> PathBuf {
    directory.join("broker.pem")
}

pub(crate) fn make(directory: &Path) -> Result<(), String> {
    let generate = [
        "-genkeypair",
        "-keyalg",
        "EC",
        "-validity",
        "7",
        "-dname",
        "CN=localhost",
        "-ext",
        "san=dns:localhost",
    ];
    keytool(directory, &generate)?;
    let pem = pem(directory).display().to_string();
    keytool(directory, &["-exportcert", "-rfc", "-file", &pem])
}

fn keytool(directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new("keytool");
    command.args(arguments).args(["-alias", "broker", "-storetype", "PKCS12", "-storepass", PASSWORD]);
    command.arg("-keystore").arg(store(directory)).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("cannot run keytool: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("keytool ends with {}: {}", output.status, String::from_utf8_lossy(&output.stdout)))
}

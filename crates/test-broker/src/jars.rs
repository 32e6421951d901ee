//! The jars of Apache Kafka, fetched once by Maven into a cache folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const POM: &str = include_str!("../pom.xml");

/// Whether the jars are there, so that Maven is not needed.
pub(crate) fn cached() -> bool {
    folder().is_ok_and(|folder| complete(&folder))
}

/// The class path of the broker, fetching the jars if they are not there.
pub(crate) fn classpath() -> Result<String, String> {
    let folder = folder()?;
    fetch(&folder)?;
    Ok(format!("{}/*", folder.display()))
}

fn folder() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("OLOCUS_KAFKA_DIR") {
        return Ok(folder.into());
    }
    let home = std::env::var_os("HOME").ok_or("neither OLOCUS_KAFKA_DIR nor HOME is set")?;
    Ok(Path::new(&home).join(".cache/olocus-kafka-4.1.0"))
}

/// The marker holds the POM by which the jars were fetched, so that a changed POM fetches anew.
fn marker(folder: &Path) -> PathBuf {
    folder.join("complete.xml")
}

fn complete(folder: &Path) -> bool {
    fs::read_to_string(marker(folder)).is_ok_and(|pom| pom == POM)
}

fn fetch(folder: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot use {}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(failed)?;
    // Test binaries run in parallel: the first fetches, the others wait.
    let lock = File::create(folder.join("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if complete(folder) {
        return Ok(());
    }

    let project = tempfile::tempdir().map_err(failed)?;
    fs::write(project.path().join("pom.xml"), POM).map_err(failed)?;
    let output = Command::new("mvn")
        .args(["-q", "-B", "dependency:copy-dependencies"])
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .current_dir(project.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run mvn: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "mvn could not fetch the jars of Kafka ({}):\n{}",
            output.status,
            String::from_utf8_lossy(&output.stdout)
        ));
    }
    fs::write(marker(folder), POM).map_err(failed)
}

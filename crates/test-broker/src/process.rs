//! The broker's process, and the watchdog that ends it when the tests end.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Starts the program that follows, tells its process id, and waits on standard input. A line there means: kill it. The
/// end of the input means that the tests are gone, however they ended: kill it and remove its folder too.
const WATCHDOG: &str = r#"
directory=$1; shift
"$@" >"$directory/broker.log" 2>&1 </dev/null &
echo $!
if read -r line; then keep=yes; fi
kill -9 $!
wait $! 2>/dev/null
if [ -z "$keep" ]; then rm -rf -- "$directory"; fi
"#;

/// The line of the log that says that the broker serves.
const STARTED: &str = "Kafka Server started";

/// A running broker under its watchdog.
pub(crate) struct Process {
    watchdog: Child,
    pid: u32,
    log: PathBuf,
}

impl Process {
    pub(crate) fn spawn(classpath: &str, directory: &Path) -> Result<Self, String> {
        let log = directory.join("broker.log");
        // What an earlier broker of this folder said would be taken for the new one's.
        let _ = std::fs::remove_file(&log);
        let mut watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(directory)
            .args(["java", "-Xmx512m", "-XX:+UseSerialGC"])
            .arg("-XX:TieredStopAtLevel=1")
            .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
            .arg("-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info")
            .args(["-cp", classpath, "kafka.Kafka"])
            .arg(crate::config::path(directory))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run sh: {error}"))?;

        let mut line = String::new();
        if let Some(output) = watchdog.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(|error| format!("the broker's watchdog says nothing: {error}"))?;
        }
        let pid = line
            .trim()
            .parse()
            .map_err(|_| format!("the broker's watchdog says {line:?} instead of a process id"))?;
        Ok(Self { watchdog, pid, log })
    }

    pub(crate) fn has_started(&self) -> bool {
        self.read_log().contains(STARTED)
    }

    /// Whether the broker has ended by itself. It stays a zombie until the watchdog is told to go, so that the process
    /// id cannot be another's.
    pub(crate) fn has_ended(&self) -> bool {
        match std::fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        }
    }

    /// The end of the broker's log, without the stacks of its errors.
    pub(crate) fn log(&self) -> String {
        let log = self.read_log();
        let lines: Vec<&str> = log.lines().filter(|line| !line.starts_with("\tat ")).collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(crate) fn signal(&self, name: &str) {
        // A broker that is already gone needs no signal.
        let _ = Command::new("sh")
            .args(["-c", "kill -\"$1\" \"$2\"", "signal", name])
            .arg(self.pid.to_string())
            .stderr(Stdio::null())
            .status();
    }

    pub(crate) fn kill_and_keep_data(mut self) {
        if let Some(mut input) = self.watchdog.stdin.take() {
            // If the watchdog is gone, so is the broker.
            let _ = input.write_all(b"keep\n");
        }
        let _ = self.watchdog.wait();
    }

    fn read_log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Whether there is a Java that runs the broker, and why not.
pub(crate) fn java_is_new() -> Result<(), String> {
    let output = Command::new("java").arg("-version").stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
    // It tells its version on standard error.
    let told = String::from_utf8_lossy(&output.stderr);
    match java_version(&told) {
        Some(version) if version >= JAVA => Ok(()),
        Some(version) => Err(format!("it is Java {version}")),
        None => Err(format!("it does not tell its version, and ends with {}", output.status)),
    }
}

/// The oldest Java that the broker runs on.
const JAVA: u32 = 17;

/// `17` of `openjdk version "17.0.9" …`, and `8` of `java version "1.8.0_392"`.
fn java_version(told: &str) -> Option<u32> {
    let version = told.split_once("version \"")?.1;
    let version = version.strip_prefix("1.").unwrap_or(version);
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

/// Whether a program can be run, and why not.
pub(crate) fn runs(program: &str, argument: &str) -> Result<(), String> {
    let status = Command::new(program)
        .arg(argument)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("it ends with {status}")) }
}

#[cfg(test)]
mod tests {
    use super::java_version;

    #[test]
    fn versions_of_java_are_read_in_both_spellings() {
        assert_eq!(java_version("openjdk version \"17.0.9\" 2023-10-17\nOpenJDK"), Some(17));
        assert_eq!(java_version("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_version("java version \"1.8.0_392\""), Some(8));
        assert_eq!(java_version("command not found"), None);
    }
}

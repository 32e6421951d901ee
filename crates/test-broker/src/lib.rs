//! A real Apache Kafka broker for tests: one node, KRaft, on free loopback ports.
//!
//! The jars come from Maven once and stay in a cache folder; a broker is up in about three seconds. It dies with the
//! process that started it, however that ends. Where Java or Maven is missing, [`available`] says so, and tests that
//! need a broker skip themselves in words.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod certificate;
mod config;
mod jars;
mod process;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use process::Process;

/// How long a broker may take to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// A port may be taken between the moment it was found free and the moment the broker binds it.
const START_ATTEMPTS: usize = 3;

/// What a broker is to be like.
#[derive(Clone, Debug)]
pub struct Options {
    /// Users who may log in by SCRAM-SHA-256 on a second listener ([`Broker::sasl_bootstrap`]); without any there is no
    /// such listener.
    pub scram_users: Vec<User>,
    /// Users who may log in by PLAIN on a listener with TLS ([`Broker::tls_bootstrap`]); without any there is no such
    /// listener.
    pub tls_users: Vec<User>,
    /// How many partitions a topic gets if nobody says.
    pub default_partitions: u32,
    /// Further lines of `server.properties`; they win over ours.
    pub properties: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            scram_users: Vec::new(),
            tls_users: Vec::new(),
            default_partitions: 3,
            properties: BTreeMap::new(),
        }
    }
}

/// A user who may log in.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's name.
    pub name: String,
    /// The user's password.
    pub password: String,
}

/// A running broker. Dropping it kills the broker and removes its data.
pub struct Broker {
    ports: Ports,
    classpath: String,
    directory: PathBuf,
    process: Mutex<Option<Process>>,
}

/// Says what is missing to run a broker here.
///
/// # Errors
/// If Java is missing, or Maven is missing while the jars are not yet in the cache.
pub fn available() -> Result<(), String> {
    process::java_is_new().map_err(|cause| format!("java (17 or later) cannot be run: {cause}"))?;
    if jars::cached() {
        return Ok(());
    }
    process::runs("mvn", "-version")
        .map_err(|cause| format!("mvn cannot be run ({cause}), and the jars of Kafka are not in the cache"))
}

/// Whether tests that need a broker have to be skipped here. Then a line on standard error says so and why, also where the
/// output of tests that pass is not shown.
#[must_use]
pub fn skipped() -> bool {
    match available() {
        Ok(()) => false,
        Err(reason) => {
            // Not by a macro: what those write is shown only when a test fails. Without standard error there is nobody to
            // tell.
            let _ = writeln!(std::io::stderr(), "SKIPPED: no Kafka broker: {reason}");
            true
        }
    }
}

impl Broker {
    /// Starts a broker of its own and waits until it serves.
    ///
    /// # Errors
    /// If something is missing, the jars cannot be fetched, or the broker does not come up.
    pub fn start(options: &Options) -> Result<Self, String> {
        available()?;
        let classpath = jars::classpath()?;
        let mut last = String::new();
        for _ in 0..START_ATTEMPTS {
            match Self::attempt(options, &classpath) {
                Ok(broker) => return Ok(broker),
                Err(cause) => last = cause,
            }
        }
        Err(last)
    }

    /// The broker that all tests of this process share, with default options and the SCRAM user `alice`, whose
    /// password is `alice-secret`. It is stopped when the process ends.
    ///
    /// # Errors
    /// As for [`Broker::start`]; a failure is remembered and not tried again.
    pub fn shared() -> Result<&'static Self, String> {
        static SHARED: OnceLock<Result<Broker, String>> = OnceLock::new();
        SHARED
            .get_or_init(|| {
                Self::start(&Options {
                    scram_users: vec![User { name: "alice".to_owned(), password: "alice-secret".to_owned() }],
                    ..Options::default()
                })
            })
            .as_ref()
            .map_err(Clone::clone)
    }

    /// Where clients connect without logging in, as `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.plain)
    }

    /// Where clients connect who log in by SCRAM, as `host:port`.
    #[must_use]
    pub fn sasl_bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.ports.sasl)
    }

    /// Where clients connect with TLS who log in by PLAIN, as `host:port`.
    #[must_use]
    pub fn tls_bootstrap(&self) -> String {
        format!("localhost:{}", self.ports.tls)
    }

    /// The certificate by which clients know the broker, a PEM file.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        certificate::pem(&self.directory)
    }

    /// Kills the broker at once, as a power cut would. Its data stays for [`Broker::restart`].
    pub fn stop(&self) {
        if let Some(process) = self.process().take() {
            process.kill_and_keep_data();
        }
    }

    /// Freezes the broker: connections stay open and nothing answers.
    pub fn pause(&self) {
        if let Some(process) = self.process().as_ref() {
            process.signal("STOP");
        }
    }

    /// Goes on after [`Broker::pause`].
    pub fn resume(&self) {
        if let Some(process) = self.process().as_ref() {
            process.signal("CONT");
        }
    }

    /// Changes the password of a user of the SCRAM listener, who keeps the connections that are open.
    ///
    /// # Errors
    /// If the broker does not take it.
    pub fn set_password(&self, user: &str, password: &str) -> Result<(), String> {
        config::set_password(&self.classpath, &self.bootstrap(), user, password)
    }

    /// Starts the broker again on the same ports and data, killing it first if it runs.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn restart(&self) -> Result<(), String> {
        self.stop();
        let process = launch(&self.classpath, &self.directory)?;
        *self.process() = Some(process);
        Ok(())
    }

    fn attempt(options: &Options, classpath: &str) -> Result<Self, String> {
        let ports = Ports::free()?;
        // From here on the watchdog removes the folder: it outlives a killed test, which destructors do not.
        let directory = tempfile::Builder::new()
            .prefix("olocus-kafka-")
            .tempdir()
            .map_err(|error| format!("cannot make a folder for the broker: {error}"))?
            .keep();
        let properties = config::server_properties(options, &ports, &directory);
        let made = std::fs::write(config::path(&directory), properties)
            .map_err(|error| format!("cannot write the broker's settings: {error}"))
            .and_then(|()| match options.tls_users.is_empty() {
                true => Ok(()),
                false => certificate::make(&directory),
            })
            .and_then(|()| config::format_storage(options, classpath, &directory))
            .and_then(|()| launch(classpath, &directory));
        match made {
            Ok(process) => Ok(Self {
                ports,
                classpath: classpath.to_owned(),
                directory,
                process: Mutex::new(Some(process)),
            }),
            Err(cause) => {
                // Best effort: a left-over folder under the temporary files does no harm.
                let _ = std::fs::remove_dir_all(&directory);
                Err(cause)
            }
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.stop();
        // Best effort, as above.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn launch(classpath: &str, directory: &Path) -> Result<Process, String> {
    let deadline = Instant::now() + START_TIMEOUT;
    let process = Process::spawn(classpath, directory)?;
    loop {
        if process.has_started() {
            return Ok(process);
        }
        if process.has_ended() || Instant::now() > deadline {
            let log = process.log();
            process.kill_and_keep_data();
            return Err(format!("the broker did not start; its log ends with:\n{log}"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The loopback ports of one broker.
struct Ports {
    plain: u16,
    sasl: u16,
    tls: u16,
    controller: u16,
}

impl Ports {
    fn free() -> Result<Self, String> {
        // All are held at once, so that they differ.
        let listen = || TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("no free port: {error}"));
        let (plain, sasl, tls, controller) = (listen()?, listen()?, listen()?, listen()?);
        let port = |listener: &TcpListener| {
            listener
                .local_addr()
                .map(|address| address.port())
                .map_err(|error| format!("no free port: {error}"))
        };
        Ok(Self {
            plain: port(&plain)?,
            sasl: port(&sasl)?,
            tls: port(&tls)?,
            controller: port(&controller)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::{Broker, Options, skipped};

    #[test]
    fn a_broker_serves_survives_a_restart_and_leaves_nothing_behind() {
        if skipped() {
            return;
        }
        let broker = Broker::start(&Options::default()).unwrap();
        TcpStream::connect(broker.bootstrap()).unwrap();
        broker.stop();
        TcpStream::connect(broker.bootstrap()).unwrap_err();
        broker.restart().unwrap();
        TcpStream::connect(broker.bootstrap()).unwrap();

        let directory = broker.directory.clone();
        assert!(directory.exists());
        drop(broker);
        assert!(!directory.exists());
    }
}

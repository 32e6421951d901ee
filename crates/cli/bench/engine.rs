//! `olocus run` as a child process.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use ureq::Agent;

use super::interrupt::Interrupt;
use super::metrics;
use super::site::{Names, Site};
use crate::failure::Failure;

/// How often the child is looked at: short against what is measured, long against what a look costs it.
const LOOK: Duration = Duration::from_millis(25);
/// How long the child may take to become ready.
const STARTING: Duration = Duration::from_secs(60);
/// How long the child may go without committing anything.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the child has after SIGTERM.
const STOPPING: Duration = Duration::from_secs(10);
/// How much of the child's log is shown when it fails.
const LOG_LINES: usize = 20;

/// A running child. Dropping it stops it.
pub(super) struct Engine {
    child: Child,
    events: String,
    log: PathBuf,
    address: String,
    metrics_address: String,
    agent: Agent,
}

impl Engine {
    /// Starts a child for a measurement with these rules.
    pub(super) fn start(site: &Site, names: &Names, rules: &str) -> Result<Engine, Failure> {
        let folder = &names.folder;
        let [address, metrics_address] = free_addresses()?;
        write(&folder.join("rules.yaml"), rules)?;
        let config = folder.join("olocus.yaml");
        write(&config, &configuration(site, names, &address, &metrics_address))?;
        let log = folder.join("engine.log");
        let failed = |cause| Failure::doing("start the engine", cause);
        let out = File::create(&log).map_err(failed)?;
        let child = Command::new(std::env::current_exe().map_err(failed)?)
            .arg("run")
            .arg("--config")
            .arg(&config)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(failed)?)
            .stderr(out)
            .spawn()
            .map_err(failed)?;
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Ok(Engine { child, events: names.events.clone(), log, address, metrics_address, agent })
    }

    /// The address of its HTTP interface.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Waits until it is ready, and tells when that was seen.
    pub(super) fn await_ready(&mut self, interrupt: &Interrupt) -> Result<Instant, Failure> {
        let started = Instant::now();
        loop {
            // Until it listens, nothing answers.
            if self
                .agent
                .get(format!("http://{}/ready", self.address))
                .call()
                .is_ok_and(|answer| answer.status() == 200)
            {
                return Ok(Instant::now());
            }
            self.look()?;
            if started.elapsed() > STARTING {
                return Err(self.failure("it does not become ready"));
            }
            interrupt.sleep(LOOK)?;
        }
    }

    /// Waits until so many records of the input topic are committed.
    pub(super) fn await_committed(&mut self, records: u64, interrupt: &Interrupt) -> Result<(), Failure> {
        let (mut last, mut changed) = (0.0, Instant::now());
        loop {
            let committed = self.sum("olocus_committed_offset", Some(("topic", &self.events)))?;
            if committed >= records as f64 {
                return Ok(());
            }
            if committed > last {
                (last, changed) = (committed, Instant::now());
            }
            self.look()?;
            if changed.elapsed() > SILENCE {
                return Err(self.failure(&format!("it stopped at {committed} of {records} records")));
            }
            interrupt.sleep(LOOK)?;
        }
    }

    /// The sum of the samples of one of its metrics.
    pub(super) fn sum(&self, metric: &str, label: Option<(&str, &str)>) -> Result<f64, Failure> {
        let answer = self.agent.get(format!("http://{}/metrics", self.metrics_address)).call();
        let text = answer.and_then(|mut answer| answer.body_mut().read_to_string());
        match text {
            Ok(text) => Ok(metrics::sum(&text, metric, label)),
            Err(cause) => Err(self.failure(&format!("its metrics cannot be read: {cause}"))),
        }
    }

    /// The CPU time it has used since it was started, in user and in system mode, of all its threads.
    pub(super) fn cpu_time(&self) -> Result<Duration, Failure> {
        let ticks = read(&format!("/proc/{}/stat", self.child.id())).ok().and_then(|stat| cpu_ticks(&stat));
        let ticks = ticks
            .ok_or_else(|| Failure::new("read the CPU time of the engine: the system does not tell it"))?;
        Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
    }

    /// The most memory it has had resident at a time, in bytes.
    pub(super) fn peak_memory(&self) -> Result<u64, Failure> {
        let status = read(&format!("/proc/{}/status", self.child.id()));
        let peak = status.ok().and_then(|status| peak_bytes(&status));
        peak.ok_or_else(|| Failure::new("read the memory of the engine: the system does not tell it"))
    }

    /// Stops it, and waits until it has ended.
    pub(super) fn stop(mut self) -> Result<(), Failure> {
        match self.end() {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.failure(&format!("asked to stop, it ended with {status}"))),
            None => Err(self.failure(&format!("it did not stop within {STOPPING:?} and was killed"))),
        }
    }

    /// Fails if it has ended.
    fn look(&mut self) -> Result<(), Failure> {
        match self.child.try_wait() {
            Ok(Some(status)) => Err(self.failure(&format!("it ended with {status}"))),
            Ok(None) => Ok(()),
            Err(cause) => Err(Failure::doing("look after the engine", cause)),
        }
    }

    /// Ends it one way or the other; `None` if it had to be killed.
    fn end(&mut self) -> Option<ExitStatus> {
        let asked = Instant::now();
        // An error says that it is gone already, which the next line finds too. As long as it has not been waited
        // for, its process id cannot be another's.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        }
        while asked.elapsed() < STOPPING {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) => thread::sleep(LOOK),
                Err(_) => break,
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }

    fn failure(&self, what: &str) -> Failure {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n  ");
        Failure::new(format!("measure the engine: {what}; its log ends with:\n  {tail}"))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.end();
    }
}

/// The engine's configuration. JSON is YAML, and quotes whatever a path may hold.
fn configuration(site: &Site, names: &Names, address: &str, metrics_address: &str) -> String {
    let config = json!({
        "orchestration": {
            "application_id": names.application,
            "events": { "transport": site.transport() },
            "rules": "rules.yaml",
            "sources": [{
                "topic": names.events,
                "format": "json",
                "time": "\"time\"",
                "type": "\"type\"",
            }],
            "http": { "listen": address, "metrics_listen": metrics_address },
        }
    });
    format!("{config:#}\n")
}

/// Loopback addresses that nobody listens on. Somebody may, before the engine does; then it says so and ends.
fn free_addresses() -> Result<[String; 2], Failure> {
    let failed = |cause| Failure::doing("find a free port", cause);
    // Both are held at once, so that they differ.
    let listeners = [
        TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?,
        TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?,
    ];
    let [first, second] =
        listeners.each_ref().map(|listener| listener.local_addr().map(|address| address.to_string()));
    Ok([first.map_err(failed)?, second.map_err(failed)?])
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|cause| Failure::doing(format_args!("write {}", path.display()), cause))
}

fn read(path: &str) -> std::io::Result<String> {
    fs::read_to_string(path)
}

/// `utime` and `stime` of `/proc/PID/stat`. The second field, the program's name in parentheses, may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// `VmHWM` of `/proc/PID/status`, which is in KiB.
fn peak_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_what_the_kernel_tells() {
        let stat =
            "42 (a) b) S 1 42 42 0 -1 4194560 7 0 0 0 1234 66 0 0 20 0 9 0 555 1000 200 18446744073709551615";
        assert_eq!(cpu_ticks(stat), Some(1300));
        assert_eq!(cpu_ticks("42 (a"), None);
        assert_eq!(peak_bytes("Name:\ta\nVmPeak:\t 9 kB\nVmHWM:\t  2048 kB\n"), Some(2 << 20));
        assert_eq!(peak_bytes("Name:\ta\n"), None);
    }

    #[test]
    fn addresses_differ() {
        let [first, second] = free_addresses().unwrap();
        assert_ne!(first, second);
    }
}

//! Other engines, as child processes.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::contender::{Budget, Figures};
use crate::workload::Workload;

/// An engine that runs on Java.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Flink,
    Siddhi,
}

/// What a child printed.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) checksum: u64,
    pub(crate) figures: Figures,
}

impl Peer {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Peer::Flink => "flink",
            Peer::Siddhi => "siddhi",
        }
    }

    /// The workload as this engine can express it.
    pub(crate) fn workload(self, workload: Workload) -> Workload {
        match self {
            Peer::Flink => workload,
            Peer::Siddhi => workload.of_siddhi(),
        }
    }

    pub(crate) fn runs(self, workload: Workload) -> bool {
        workload.peers && (self == Peer::Flink || !workload.json)
    }

    /// Runs the engine from what Maven built in `folder`.
    pub(crate) fn run(
        self,
        folder: &Path,
        workload: Workload,
        budget: Budget,
    ) -> Result<Report, Box<dyn Error>> {
        let classes = format!("{0}/peers.jar:{0}/lib/*", folder.display());
        let output = Command::new("java")
            // The collector with the least bookkeeping in the thread that is measured.
            .args(["-XX:+UseSerialGC", "-Xms2g", "-Xmx6g", "-cp", &classes, "peers.Main"])
            .args([self.name(), workload.name])
            .arg(budget.events.unwrap_or(0).to_string())
            .arg(budget.warm_up.as_secs_f64().to_string())
            .arg(budget.all.as_secs_f64().to_string())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|cause| format!("java can't be started: {cause}"))?;
        if !output.status.success() {
            return Err(format!("{} failed on {}: {}", self.name(), workload.name, output.status).into());
        }
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).ok_or_else(|| format!("{} printed what can't be read: {text}", self.name()).into())
    }
}

/// Reads `name=value` pairs; the counts are `events:matches` with commas between.
fn parse(text: &str) -> Option<Report> {
    let line = text.lines().last()?;
    let field = |name: &str| line.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| field(name)?.parse().ok();
    let count = |pair: &str| {
        let (events, matches) = pair.split_once(':')?;
        Some((events.parse().ok()?, matches.parse().ok()?))
    };
    let counts = field("counts")?.split(',').filter(|pair| !pair.is_empty()).map(count);
    Some(Report {
        checksum: u64::from_str_radix(field("checksum")?, 16).ok()?,
        figures: Figures {
            events: number("events")?,
            measured: number("measured")?,
            cpu: number("cpu_ns")?,
            matches: number("matches")?,
            closing: number("closing")?,
            counts: counts.collect::<Option<Vec<_>>>()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_from_the_last_line() {
        let text = "chatter\nchecksum=00000000000000ff events=5000 measured=4 cpu_ns=3 matches=2 closing=1 counts=1000:0,2000:1\n";
        let report = parse(text).unwrap();
        assert_eq!(report.checksum, 255);
        let counts = vec![(1_000, 0), (2_000, 1)];
        assert_eq!(
            report.figures,
            Figures { events: 5_000, measured: 4, cpu: 3, matches: 2, closing: 1, counts }
        );
        assert!(parse("events=1").is_none());
    }
}

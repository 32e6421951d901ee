//! `olocus bench`: the engine from topic to topic, as a child process, on a load whose matches are known.
//!
//! - `site`: the log that the bench runs on, and what it leaves there until the end;
//! - `load`: the events, and how many matches are in them;
//! - `engine`: the child process: its configuration, its metrics, what it costs;
//! - `throughput`, `latency`: the two measurements, each with topics and a child of its own;
//! - `report`: a table, or one JSON object.
//!
//! What the numbers mean and where they are biased is told in `benches/README.md`.

mod engine;
mod interrupt;
mod latency;
mod load;
mod metrics;
mod report;
mod site;
mod throughput;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::value_parser;

use self::interrupt::Interrupt;
use self::report::Report;
use self::site::Site;
use crate::failure::Failure;
use crate::output;

/// Measure the engine from topic to topic: throughput, CPU time, latency and memory.
///
/// A seeded load (JSON of 200 bytes, 10,000 keys, a three-step sequence that one event in about 10,000 completes) is
/// written to a new topic; `olocus run` then reads it as a child process. Afterwards a second child is measured
/// while events come at a given rate: latency is the time from the append of a match's last event to the append of
/// the match. The number of matches is checked against the generator's own count.
///
/// Topics, groups and files have names of their own and are removed at the end.
///
/// Exit codes: 0 measured, all matches were found; 1 matches were missing or too many, or it could not be measured;
/// 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kafka brokers to run on, as host:port, with commas between them
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "data_dir")]
    brokers: Option<String>,

    /// Folder in which to run the embedded log, in a folder of its own [default: the system's temporary files]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Number of events of the measurement of throughput
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    events: u64,

    /// Events per second of the measurement of latency
    #[arg(long, value_name = "R", default_value_t = 20_000, value_parser = value_parser!(u64).range(10..=1_000_000))]
    rate: u64,

    /// Number of rules: one that matches as told above, and others that rarely do
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=100_000))]
    rules: u32,

    /// Number of partitions of the input topics
    #[arg(long, value_name = "P", default_value_t = 4, value_parser = value_parser!(u32).range(1..=1_000))]
    partitions: u32,

    /// Write one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let interrupt = Interrupt::watch()?;
    let site = Site::open(args.brokers.as_deref(), args.data_dir.as_deref(), args.partitions)?;
    let throughput = throughput::measure(&site, args.events, args.rules, &interrupt);
    let measured = throughput.and_then(|throughput| {
        latency::measure(&site, args.rate, args.rules, &interrupt).map(|latency| (throughput, latency))
    });
    let transport = site.kind();
    let closed = site.close();
    let (throughput, latency) = measured?;
    closed?;
    let report = Report::new(args, transport, &throughput, &latency);
    let mut out = output::stdout();
    let written = if args.json { report.write_json(&mut out) } else { report.write_table(&mut out) };
    written.map_err(output::failed)?;
    let complaints = [throughput.found.complaint("throughput"), latency.found.complaint("latency")];
    for complaint in complaints.iter().flatten() {
        say(complaint);
    }
    Ok(if complaints.iter().all(Option::is_none) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was found against what was to be found, and what may explain a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    matches: u64,
    expected: u64,
    /// Events that came too late, as the engine counts them.
    late: u64,
    /// Records that the engine could not decode.
    undecoded: u64,
}

impl Found {
    fn complaint(self, what: &str) -> Option<String> {
        let Found { matches, expected, late, undecoded } = self;
        (matches != expected).then(|| {
            format!(
                "olocus: the measurement of {what} found {matches} matches where {expected} are \
                 ({late} events were late, {undecoded} not decoded)"
            )
        })
    }
}

/// Tells what is going on, on standard error.
fn say(text: &str) {
    output::tell(|err| writeln!(err, "{text}"));
}

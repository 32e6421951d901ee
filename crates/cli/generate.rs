//! `olocus generate`: events whose matches are known, on standard output.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::Timestamp;
use olocus_workload::{Enterprise, SequenceLoad, Truth, Workload};

use crate::failure::Failure;

/// Write seeded, realistic events as NDJSON to standard output, in time order.
///
/// The same scenario, seed, start and number of events give the same bytes everywhere. Each event has `id`, `type`,
/// `source` or `user`, and `time` in RFC 3339 beside its fields: publish them with `--time-field time --type-expr type`,
/// or feed them to `olocus replay` with the same options.
///
/// Exit codes: 0 all was written, or the reader closed the pipe; 1 something could not be written; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to generate
    scenario: Scenario,

    /// Number of events [default: 50000 for enterprise, 1000000 for sequence]
    #[arg(long, value_name = "N")]
    events: Option<u64>,

    /// Seed of everything that is drawn
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Time of the first moment, RFC 3339; the enterprise's day lasts 24 hours from then
    #[arg(long, value_name = "T", default_value = "2026-03-02T00:00:00Z")]
    start: Timestamp,

    /// Write the matches that rules must find to this file, as one JSON object
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
}

/// The scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// A day of a company: logins, data accesses, exports and pipeline stages of 300 people, with insider-threat
    /// chains, near misses of them, and stretches in which pipelines are slow
    Enterprise,
    /// The load of the benches: a keyed three-step sequence over 10,000 users, one event a millisecond
    Sequence,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let out_of_range = |_| Failure::new(format!("start at {}: the time is out of range", args.start));
    let start = i64::try_from(args.start.as_nanosecond()).map_err(out_of_range)?;
    let mut workload: Box<dyn Workload> = match args.scenario {
        Scenario::Enterprise => {
            let scenario = Enterprise::new(args.seed, start);
            let events = args.events.unwrap_or(scenario.events);
            Box::new(Enterprise { events, ..scenario }.generate())
        }
        Scenario::Sequence => {
            Box::new(SequenceLoad::new(args.seed, start, args.events.unwrap_or(1_000_000)).generate())
        }
    };
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match write_events(workload.as_mut(), &mut out) {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
            // The reader has all that it wanted; but the truth that was asked for is that of the whole stream.
            if args.truth.is_some() {
                let rest = write_events(workload.as_mut(), &mut io::sink());
                rest.map_err(|cause| Failure::doing("generate events", cause))?;
            }
            // What is left in the buffer has no reader, and is not to be tried again.
            let _ = out.into_parts();
        }
        outcome => outcome.map_err(|cause| Failure::doing("write to standard output", cause))?,
    }
    if let Some(path) = &args.truth {
        write_truth(path, &workload.truth())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_events(workload: &mut dyn Workload, out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    while workload.next_line(&mut line) {
        out.write_all(&line)?;
        line.clear();
    }
    out.flush()
}

fn write_truth(path: &Path, truth: &Truth) -> Result<(), Failure> {
    let failed = |cause: io::Error| Failure::doing(format_args!("write {}", path.display()), cause);
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    serde_json::to_writer_pretty(&mut file, truth).map_err(|cause| failed(cause.into()))?;
    file.write_all(b"\n").map_err(failed)?;
    file.flush().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_is_a_file_that_can_be_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.json");
        let mut workload = Enterprise { events: 3_000, ..Enterprise::new(1, 0) }.generate();
        let mut lines = Vec::new();
        write_events(&mut workload, &mut lines).unwrap();
        write_truth(&path, &workload.truth()).unwrap();
        let truth: Truth = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(truth.events, 3_000);
        assert_eq!(lines.iter().filter(|&&byte| byte == b'\n').count(), 3_000);
        let last = truth.matches[0].events.last().unwrap();
        let line = lines.split(|&byte| byte == b'\n').nth(last.index as usize).unwrap();
        assert!(String::from_utf8_lossy(line).contains(&last.id));
    }
}

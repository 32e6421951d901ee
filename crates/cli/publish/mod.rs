//! `olocus publish`: events from files to topics.
//!
//! - [`prepare`] turns a line into a record;
//! - [`sink`] sends records to brokers or, as the [`bodies`] of requests, to a server;
//! - [`pace`] keeps to a rate.

mod bodies;
mod expressions;
mod pace;
mod prepare;
mod sink;

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use self::expressions::Expressions;
use self::pace::Pace;
use self::prepare::{Plan, Prepared};
use self::sink::{BusSink, HttpSink, Sink};
use crate::connection::{self, Connection, check_topic, parse_topic};
use crate::failure::Failure;
use crate::input::{self, Source};
use crate::keys;
use crate::output;

/// Publish the events of a file, or of standard input, to a topic.
///
/// Reads NDJSON or a JSON array, also packed with gzip or Zstandard, the .json, .jsonl and .ndjson members of a zip, and
/// the rows of a Parquet file. Each JSON object becomes one CloudEvent whose data is the object as it stands in the
/// file. A line that is no JSON object is reported with its place and skipped.
///
/// Exit codes: 0 everything was published; 1 a line or a file was not, or the log could not be reached; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Topic to publish to; created where it is missing
    #[arg(value_parser = parse_topic)]
    topic: String,

    /// File to read; `-` is standard input
    #[arg(default_value = input::STANDARD_INPUT)]
    file: String,

    #[command(flatten)]
    connection: connection::Args,

    /// Publish so many events a second, evenly
    #[arg(long, value_name = "EVENTS", value_parser = parse_rate)]
    rate: Option<f64>,

    /// Field whose value becomes the record's key: events of one key stay in order. Segments of nested fields are
    /// separated by dots
    #[arg(long, value_name = "FIELD")]
    key: Option<String>,

    /// Field that holds the event's time: RFC 3339, or seconds, milliseconds, microseconds or nanoseconds since 1970
    #[arg(long, value_name = "FIELD")]
    time_field: Option<String>,

    /// Field that holds the event's id [default: file name and line]
    #[arg(long, value_name = "FIELD")]
    id_field: Option<String>,

    /// Type of all events [default: the topic's name]
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "type_expr")]
    event_type: Option<String>,

    /// SQL expression over an event's fields that gives its type, such as "'win.' || EventID"
    #[arg(long, value_name = "SQL")]
    type_expr: Option<String>,

    /// SQL expression over an event's fields that gives its topic, instead of TOPIC: spreads one file over several
    #[arg(long, value_name = "SQL")]
    topic_expr: Option<String>,

    /// Encrypt the data with the first key of the keyring
    #[arg(long)]
    encrypt: bool,

    /// Compress the data with LZ4
    #[arg(long)]
    compress: bool,

    #[command(flatten)]
    keys: keys::Args,

    /// Stop at the first line that cannot be published
    #[arg(long)]
    strict: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let plan = Plan::new(args)?;
    let expressions = Expressions::compile(args.topic_expr.as_deref(), args.type_expr.as_deref())?;
    let sources = input::open(&args.file)?;
    let bar = progress_bar(&sources);
    let sink: Box<dyn Sink> = match args.connection.connect(None)? {
        Connection::Bus(transport) => Box::new(BusSink::new(transport, &|what| tell(&bar, what))?),
        Connection::Server(client) => Box::new(HttpSink::new(client)),
    };
    let mut publisher = Publisher {
        plan,
        expressions,
        sink,
        pace: args.rate.map(Pace::new),
        strict: args.strict,
        bar,
        published: 0,
        skipped: 0,
        broken: false,
        topics: BTreeSet::new(),
    };
    let begin = Instant::now();
    let outcome = publisher.publish_all(sources);
    publisher.bar.finish_and_clear();
    publisher.summarise(begin.elapsed());
    outcome?;
    Ok(if publisher.skipped > 0 || publisher.broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A run of the command.
struct Publisher {
    plan: Plan,
    expressions: Expressions,
    sink: Box<dyn Sink>,
    pace: Option<Pace>,
    strict: bool,
    bar: ProgressBar,
    published: u64,
    skipped: u64,
    /// Whether a file could not be read to its end.
    broken: bool,
    topics: BTreeSet<Arc<str>>,
}

impl Publisher {
    fn publish_all(&mut self, sources: Vec<Source>) -> Result<(), Failure> {
        let mut before = 0;
        for mut source in sources {
            // A file that cannot be read to its end does not keep the others from being published.
            if let Err(failure) = self.publish(&mut source, before)? {
                self.tell(format_args!("failed to {failure}"));
                self.broken = true;
                if self.strict {
                    break;
                }
            }
            before += source.progress().position();
        }
        Ok(())
    }

    /// Publishes one file; the inner error is that of reading it.
    fn publish(&mut self, source: &mut Source, before: u64) -> Result<Result<(), Failure>, Failure> {
        let batch = self.pace.as_ref().map_or(BATCH, |pace| pace.batch(BATCH));
        loop {
            let items = match source.next_batch(batch) {
                Ok(Some(items)) => items,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error.into())),
            };
            let Prepared { records, problems } =
                self.plan.prepare(items, &mut self.expressions, self.strict)?;
            for problem in &problems {
                self.skipped += 1;
                if self.skipped <= REPORTED_MAX {
                    self.tell(problem);
                }
                if self.skipped == REPORTED_MAX {
                    self.tell("further lines that are skipped are only counted");
                }
            }
            if let Some(pace) = &mut self.pace {
                pace.wait_for(records.len());
            }
            let count = records.len() as u64;
            for record in &records {
                if !self.topics.contains(&record.topic) {
                    self.topics.insert(Arc::clone(&record.topic));
                }
            }
            self.sink.send(records, &|what| tell(&self.bar, what))?;
            self.published += count;
            self.bar.set_position(before + source.progress().position());
            self.bar.set_message(format!("{}: {} events", source.name(), self.published));
            if self.strict && !problems.is_empty() {
                return Err(Failure::new(
                    "publish every line: stopped at the first that could not be (--strict)",
                ));
            }
        }
    }

    fn summarise(&self, took: Duration) {
        let topics: Vec<&str> = self.topics.iter().map(|topic| &**topic).collect();
        let place = match topics.as_slice() {
            [] => String::new(),
            [one] => format!(" to {one}"),
            [first, .., last] => format!(" to {} topics, {first} … {last}", topics.len()),
        };
        let skipped = match self.skipped {
            0 => String::new(),
            1 => "; 1 line was skipped".to_owned(),
            many => format!("; {many} lines were skipped"),
        };
        self.tell(format_args!(
            "published {} events{place} in {:.1} s{skipped}",
            self.published,
            took.as_secs_f64()
        ));
    }

    fn tell(&self, what: impl fmt::Display) {
        tell(&self.bar, what);
    }
}

/// Writes a line to standard error, above the progress bar.
fn tell(bar: &ProgressBar, what: impl fmt::Display) {
    bar.suspend(|| {
        output::tell(|err| writeln!(err, "olocus: {what}"));
    });
}

fn progress_bar(sources: &[Source]) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let length = sources.iter().map(|source| source.progress().length()).sum::<Option<u64>>();
    let template = match length {
        Some(_) => "{bar:32} {percent:>3} % {msg} in {elapsed}, {eta} left",
        None => "{spinner} {msg} in {elapsed}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr()).with_style(style)
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("expected a number of events a second above 0".to_owned()),
    }
}

/// Records that are sent together: each batch waits until it is durable.
const BATCH: usize = 8192;
/// Lines that are reported one by one.
const REPORTED_MAX: u64 = 20;

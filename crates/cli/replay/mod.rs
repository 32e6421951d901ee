//! `olocus replay`: rules over files or a stretch of topics, with no state on disk.

mod files;
mod limits;
mod matches;
mod summary;
mod topics;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use olocus_cep::rule::TypePattern;
use olocus_cep::{Limit, Overflow};
use olocus_document::{Scalar, SourceFile};
use olocus_event::Keyring;
use olocus_event::time::TimeUnit;
use olocus_runtime::{Plan, Prepared, SourceSpec, compile};

use self::matches::MatchLines;
use self::summary::{Form, Summary};
use crate::bounded::Bounded;
use crate::failure::Failure;
use crate::keys;
use crate::output;
use crate::rules::{RulePaths, load_schemas, print_diagnostics};

/// Run rules over recorded events and print the matches.
///
/// Events come from files (NDJSON, a JSON array, gzip, Zstandard, the members of a zip, Parquet; `-` is standard input)
/// or from a stretch of Kafka topics. Matches go to standard output, one JSON object a line, in an order that depends
/// only on the events; a summary goes to standard error. A final watermark closes all windows.
///
/// Exit codes: 0 done, with matches or without; 1 a file or topic could not be read, the rules have mistakes, or there were
/// records and none of them could be read as an event; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rule file or folder; may be repeated
    #[arg(long, required = true, value_name = "PATH")]
    rules: Vec<PathBuf>,

    /// Folder with the schemas of event types [default: schemas/events, if it is there]
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,

    /// File with events; may be repeated
    #[arg(long, value_name = "FILE", conflicts_with = "brokers", required_unless_present = "brokers")]
    input: Vec<String>,

    /// Kafka brokers to read topics from
    #[arg(long, value_name = "HOST:PORT", requires = "topic")]
    brokers: Option<String>,

    /// A property of librdkafka for --brokers, such as security.protocol=SSL; may be given several times. `NAME=@FILE`
    /// reads the value from a file, which keeps secrets off the command line
    #[arg(long = "kafka", value_name = "NAME=VALUE", requires = "brokers")]
    kafka: Vec<String>,

    /// Topic to read; may be repeated
    #[arg(long, value_name = "TOPIC", requires = "brokers")]
    topic: Vec<String>,

    /// Begin at the first record with this timestamp or a later one, RFC 3339
    #[arg(long, value_name = "TIME", requires = "brokers")]
    since: Option<jiff::Timestamp>,

    /// End before the first record with this timestamp or a later one, RFC 3339 [default: the end of the topics now]
    #[arg(long, value_name = "TIME", requires = "brokers")]
    until: Option<jiff::Timestamp>,

    /// Field with the event time [default: `ce_time`, else the record's timestamp, or the start of the run for files]
    #[arg(long, value_name = "FIELD")]
    time_field: Option<String>,

    /// Unit of the time field where it is a number: auto, s, ms, us or ns
    #[arg(long, value_name = "UNIT", default_value = "auto", value_parser = parse_time_unit)]
    time_unit: TimeUnit,

    /// SQL expression for the event type, such as "'win.' || EventID" [default: `ce_type`, else the topic or file name]
    #[arg(long, value_name = "SQL")]
    type_expr: Option<String>,

    /// How much later than an event with a later time an event may come and still be on time. Events wait in memory that
    /// long
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = parse_duration)]
    out_of_order: i64,

    /// Write late events to this file, one a line as received
    #[arg(long, value_name = "FILE")]
    late: Option<PathBuf>,

    /// Write undecodable events to this file, one JSON object a line with coordinates, cause and payload
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,

    /// A limit of what each rule may hold, such as partial_matches_per_rule=5000000; may be repeated. Names and defaults
    /// are those of `limits` in the configuration file; sizes are numbers of bytes
    #[arg(long = "limit", value_name = "NAME=N", value_parser = limits::parse)]
    limits: Vec<(Limit, usize)>,

    /// What happens at a limit: drop_oldest, drop_newest or fail
    #[arg(long, value_name = "POLICY", default_value = "drop_oldest", value_parser = limits::parse_policy)]
    at_limit: Overflow,

    /// How the summary is written: text, or json for one object on one line
    #[arg(long, value_name = "FORM", default_value = "text", value_parser = summary::parse_form)]
    summary: Form,

    #[command(flatten)]
    keys: keys::Args,

    /// Records per batch; the result does not depend on it
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    batch_records: u32,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let Some(plan) = plan(args)? else { return Ok(ExitCode::FAILURE) };
    let keyring = Arc::new(args.keys.load()?.unwrap_or_else(Keyring::empty));
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut run = Replay {
        bounded: Bounded::new(Arc::clone(&plan), &keyring, limits::of(&args.limits, args.at_limit)),
        matches: MatchLines::new(&mut out),
        summary: Summary::new(&plan),
        late: open(args.late.as_ref())?,
        dead: open(args.dead_letters.as_ref())?,
    };
    let outcome = match &args.brokers {
        Some(brokers) => topics::feed(&mut run, brokers, args),
        None => files::feed(&mut run, &args.input, args.batch_records as usize),
    };
    let outcome = outcome.and_then(|()| run.finish());
    match outcome {
        // The reader has seen all that it wanted.
        Err(_) if run.matches.closed() => return Ok(ExitCode::SUCCESS),
        outcome => outcome?,
    }
    for (list, topic) in run.bounded.lists_not_read() {
        output::tell(|err| {
            writeln!(
                err,
                "olocus: the list `{list}` was empty, because its topic was not read: add --topic {topic}"
            )
        });
    }
    let missed: Vec<_> = run.bounded.missed().collect();
    output::tell(|err| run.summary.print(args.summary, &missed, args.at_limit, err));
    Ok(if run.summary.saw_no_event() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A replay under way.
struct Replay<'a> {
    bounded: Bounded,
    matches: MatchLines<'a>,
    summary: Summary,
    late: Option<BufWriter<File>>,
    dead: Option<BufWriter<File>>,
}

impl Replay<'_> {
    /// Evaluates a prepared batch and writes what came of it.
    fn feed(&mut self, prepared: Prepared) -> Result<(), Failure> {
        self.summary.prepared(&prepared);
        self.bounded.feed(prepared)?;
        self.write()
    }

    fn finish(&mut self) -> Result<(), Failure> {
        self.bounded.finish()?;
        self.write()?;
        let flush = |file: &mut Option<BufWriter<File>>| file.as_mut().map_or(Ok(()), Write::flush);
        self.matches.flush()?;
        flush(&mut self.late)
            .and_then(|()| flush(&mut self.dead))
            .map_err(|cause| Failure::doing("write the late or dead events", cause))
    }

    fn write(&mut self) -> Result<(), Failure> {
        let outputs = self.bounded.take_outputs();
        self.summary.outputs(&outputs);
        for late in &outputs.late {
            let Some(file) = &mut self.late else { break };
            let line = late.record.value.as_deref().unwrap_or_default();
            file.write_all(line)
                .and_then(|()| file.write_all(b"\n"))
                .map_err(|cause| Failure::doing("write the late events", cause))?;
        }
        for dead in &outputs.dead {
            let Some(file) = &mut self.dead else { break };
            let object = serde_json::json!({
                "topic": &*dead.input.topic,
                "partition": dead.input.partition,
                "offset": dead.record.offset,
                "cause": dead.code,
                "detail": dead.cause,
                "payload": String::from_utf8_lossy(dead.record.value.as_deref().unwrap_or_default()),
            });
            writeln!(file, "{object}").map_err(|cause| Failure::doing("write the dead letters", cause))?;
        }
        self.matches.write(&outputs.matches)
    }
}

fn plan(args: &Args) -> Result<Option<Arc<Plan>>, Failure> {
    let rules = RulePaths { paths: args.rules.clone(), schemas: args.schemas.clone() };
    let schemas = load_schemas(rules.schemas.as_deref())?;
    let (files, mut diagnostics) = olocus_server::load_rules(&rules.paths);
    let everything = TypePattern::parse("*").map_err(Failure::new)?;
    let mut source = SourceSpec::of(vec![everything]);
    source.time = args.time_field.as_deref().map(|field| flag("--time-field", &field_expression(field)));
    source.time_unit = args.time_unit;
    source.event_type = args.type_expr.as_deref().map(|text| flag("--type-expr", text));
    source.out_of_order = args.out_of_order;
    let plan = compile(&files, &[source], &schemas, &mut diagnostics);
    print_diagnostics(&diagnostics);
    Ok(plan.map(Arc::new))
}

/// The expression in a flag, so that a mistake in it is shown like one in a file.
fn flag(name: &str, text: &str) -> Scalar {
    Scalar::verbatim(&SourceFile::new(name, text))
}

/// A field name as an expression: names that SQL would not take as they are, are quoted.
pub(crate) fn field_expression(field: &str) -> String {
    let plain = |segment: &str| {
        let mut chars = segment.chars();
        chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
    };
    if field.split('.').all(plain) || field.starts_with('"') {
        return field.to_owned();
    }
    format!("\"{}\"", field.replace('"', "\"\""))
}

fn open(path: Option<&PathBuf>) -> Result<Option<BufWriter<File>>, Failure> {
    let create = |path: &PathBuf| {
        let file = File::create(path)
            .map_err(|cause| Failure::doing(format_args!("create {}", path.display()), cause))?;
        Ok(BufWriter::new(file))
    };
    path.map(create).transpose()
}

pub(crate) fn parse_duration(text: &str) -> Result<i64, String> {
    match olocus_document::parse_duration(text) {
        Some(duration) if duration >= 0 => Ok(duration),
        _ => Err("not a duration; write it like 90s, 5m, 1h30m or 100ms".to_owned()),
    }
}

fn parse_time_unit(text: &str) -> Result<TimeUnit, String> {
    match text {
        "auto" => Ok(TimeUnit::Auto),
        "s" => Ok(TimeUnit::Seconds),
        "ms" => Ok(TimeUnit::Millis),
        "us" => Ok(TimeUnit::Micros),
        "ns" => Ok(TimeUnit::Nanos),
        _ => Err("not a unit of time; one of auto, s, ms, us, ns".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_field_names_are_quoted_and_plain_ones_left_alone() {
        assert_eq!(field_expression("a.b_1"), "a.b_1");
        assert_eq!(field_expression("@timestamp"), "\"@timestamp\"");
        assert_eq!(field_expression("a-\"b"), "\"a-\"\"b\"");
        assert_eq!(field_expression("\"a b\".c"), "\"a b\".c");
    }
}

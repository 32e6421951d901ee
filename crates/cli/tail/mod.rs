//! `olocus tail`: the events of a topic as they come.
//!
//! - [`bus`] reads a log itself;
//! - [`server`] has an engine stream it.

mod bus;
mod server;

use std::cmp::Ordering;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use olocus_event::Keyring;
use olocus_event::time::{TimeUnit, format_rfc3339, time_from_value};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::connection::{self, Connection, parse_topic};
use crate::failure::Failure;
use crate::keys;
use crate::output::tell;

/// Print the events of a topic as they come, each as a line of JSON.
///
/// A line is a CloudEvents JSON object with `topic`, `partition`, `offset` and `key` beside its attributes; of a dead letter
/// and of a late record, it says why and where that was under `dead_letter` or `late`. Only committed records are shown. A
/// topic that does not exist yet is waited for. A record that cannot be shown is told on standard error.
///
/// Exit codes: 0 after --count events, after --timeout without an event, or when the reader closed the pipe; 1 the log
/// could not be reached in that time or read, or a record could not be shown; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Topic to read
    #[arg(value_parser = parse_topic)]
    topic: String,

    #[command(flatten)]
    connection: connection::Args,

    /// Where to begin: `beginning`, `end`, or the time at which records were written, RFC 3339 or since 1970
    #[arg(long, value_name = "PLACE", default_value = "end")]
    from: From,

    /// Stop after so many events
    #[arg(long, value_name = "N")]
    count: Option<u64>,

    /// Stop when no event has come for so long, such as 30s
    #[arg(long, value_name = "DURATION", value_parser = parse_timeout)]
    timeout: Option<Duration>,

    #[command(flatten)]
    keys: keys::Args,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let to = Box::new(BufWriter::new(io::stdout().lock()));
    let mut output = Output::new(to, args.count, args.timeout);
    output.reader_left = reader_left;
    if output.is_done() {
        return Ok(ExitCode::SUCCESS);
    }
    match args.connection.connect(args.timeout)? {
        Connection::Bus(transport) => {
            let keyring = args.keys.load()?.unwrap_or_else(Keyring::empty);
            bus::follow(transport.as_ref(), &args.topic, args.from, &keyring, &mut output)?;
        }
        Connection::Server(_) if args.keys.are_named() => {
            return Err(Failure::usage(
                "use --keyring with --server: the engine opens what it streams, with the keys of its own configuration",
            ));
        }
        Connection::Server(client) => server::follow(client, &args.topic, args.from, &mut output)?,
    }
    if output.failed > PROBLEMS_TOLD {
        tell(|err| writeln!(err, "olocus: {} records could not be shown", output.failed));
    }
    Ok(if output.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Beginning,
    End,
    /// Nanoseconds since the Unix epoch.
    Time(i64),
}

impl FromStr for From {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            _ => {
                let value = olocus_event::Value::Text(text.into());
                let time = time_from_value(&value, TimeUnit::Auto);
                time.map(Self::Time).map_err(|_| "expected `beginning`, `end` or a time".to_owned())
            }
        }
    }
}

impl fmt::Display for From {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beginning => f.write_str("beginning"),
            Self::End => f.write_str("end"),
            Self::Time(time) => f.write_str(&format_rfc3339(*time)),
        }
    }
}

/// Where events are printed, and for how long.
struct Output<'a> {
    to: Box<dyn Write + 'a>,
    /// Events that are still wanted.
    left: Option<u64>,
    timeout: Option<Duration>,
    /// When the last event came.
    last: Instant,
    /// Records that could not be shown.
    failed: u64,
    contact: Contact,
    /// Tells whether nobody reads any longer what is printed.
    reader_left: fn() -> bool,
}

/// What is known of the log's being there.
#[derive(Debug, PartialEq, Eq)]
enum Contact {
    /// It has not answered yet; why, as far as that was told.
    Never(Option<String>),
    /// It answers.
    Made,
    /// It answered once and does no longer, which was told.
    Lost,
}

impl<'a> Output<'a> {
    fn new(to: Box<dyn Write + 'a>, count: Option<u64>, timeout: Option<Duration>) -> Self {
        Self {
            to,
            left: count,
            timeout,
            last: Instant::now(),
            failed: 0,
            contact: Contact::Never(None),
            reader_left: || false,
        }
    }

    /// Whether nothing more is wanted.
    fn is_done(&self) -> bool {
        self.left == Some(0) || self.patience() == Some(Duration::ZERO) || (self.reader_left)()
    }

    /// How long to wait for an event; `None` is for ever.
    fn patience(&self) -> Option<Duration> {
        self.timeout.map(|timeout| timeout.saturating_sub(self.last.elapsed()))
    }

    /// How long to wait now before it is time to look around: at most `step`.
    fn step(&self, step: Duration) -> Duration {
        self.patience().map_or(step, |patience| patience.min(step))
    }

    /// Prints an event.
    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        if self.left == Some(0) {
            return Ok(());
        }
        self.last = Instant::now();
        self.left = self.left.map(|left| left - 1);
        let written = self.to.write_all(line).and_then(|()| self.to.write_all(b"\n"));
        self.judge(written)
    }

    /// Shows what was printed so far.
    fn flush(&mut self) -> Result<(), Failure> {
        let flushed = self.to.flush();
        self.judge(flushed)
    }

    /// The log has answered.
    fn reached(&mut self) {
        self.contact = Contact::Made;
    }

    /// Says once that the log does not answer, with what cannot be done and why.
    fn away(&mut self, what: impl fmt::Display) {
        if matches!(self.contact, Contact::Never(None) | Contact::Made) {
            tell(|err| writeln!(err, "olocus: can't {what}; trying again"));
        }
        self.contact = match self.contact {
            Contact::Never(_) => Contact::Never(Some(what.to_string())),
            Contact::Made | Contact::Lost => Contact::Lost,
        };
    }

    /// Shows the rest. That nothing came in time is a failure where nothing could have come.
    fn finish(&mut self) -> Result<(), Failure> {
        self.flush()?;
        match &mut self.contact {
            Contact::Never(why) if self.left != Some(0) && !(self.reader_left)() => {
                let why =
                    why.take().unwrap_or_else(|| "reach the log: there was no answer in time".to_owned());
                Err(Failure::new(why))
            }
            _ => Ok(()),
        }
    }

    /// Says that something is not shown, and why.
    fn problem(&mut self, what: impl fmt::Display) {
        self.failed += 1;
        self.last = Instant::now();
        let failed = self.failed;
        tell(|err| match failed.cmp(&PROBLEMS_TOLD) {
            Ordering::Less => writeln!(err, "olocus: failed to show {what}"),
            Ordering::Equal => {
                writeln!(err, "olocus: failed to show {what}; further records like this are only counted")
            }
            Ordering::Greater => Ok(()),
        });
    }

    fn judge(&mut self, outcome: io::Result<()>) -> Result<(), Failure> {
        match outcome {
            // The reader has all that it wanted.
            Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => {
                self.left = Some(0);
                self.to = Box::new(io::sink());
                Ok(())
            }
            outcome => outcome.map_err(|cause| Failure::doing("write to standard output", cause)),
        }
    }
}

/// Records that cannot be shown are reported up to this number.
const PROBLEMS_TOLD: u64 = 20;

/// Whether the pipe that standard output is has no reader any longer.
fn reader_left() -> bool {
    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let answered = poll(&mut asked, Some(&Timespec::default()));
    answered.is_ok() && asked[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    let nanoseconds =
        olocus_document::parse_duration(text).and_then(|nanoseconds| u64::try_from(nanoseconds).ok());
    nanoseconds
        .map(Duration::from_nanos)
        .ok_or_else(|| "expected a duration such as 500ms, 30s or 5m".to_owned())
}

/// How often to look whether a topic is there, or has new partitions.
const LOOK_EVERY: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A pipe whose reader goes away after some bytes.
    #[derive(Clone, Default)]
    struct Pipe {
        seen: Arc<Mutex<Vec<u8>>>,
        breaks_at: Option<usize>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut seen = self.seen.lock().unwrap();
            if self.breaks_at.is_some_and(|at| seen.len() >= at) {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            seen.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output(pipe: &Pipe, count: Option<u64>) -> Output<'static> {
        Output::new(Box::new(pipe.clone()), count, None)
    }

    #[test]
    fn places_to_begin() {
        assert_eq!("beginning".parse(), Ok(From::Beginning));
        assert_eq!("end".parse(), Ok(From::End));
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(From::Time(1_000_000_000)));
        assert_eq!(From::Time(1_000_000_000).to_string(), "1970-01-01T00:00:01Z");
        assert!("yesterday".parse::<From>().is_err());
    }

    #[test]
    fn no_more_events_than_asked_for() {
        let pipe = Pipe::default();
        let mut output = output(&pipe, Some(2));
        for line in ["a", "b", "c"] {
            output.line(line.as_bytes()).unwrap();
        }
        assert!(output.is_done());
        assert_eq!(*pipe.seen.lock().unwrap(), b"a\nb\n");
    }

    #[test]
    fn a_closed_pipe_ends_it_well() {
        let pipe = Pipe { breaks_at: Some(1), ..Pipe::default() };
        let mut output = output(&pipe, None);
        output.line(b"a").unwrap();
        assert!(output.is_done());
        output.line(b"b").unwrap();
        output.flush().unwrap();
    }

    #[test]
    fn a_log_that_never_answered_is_a_failure_and_one_that_did_is_none() {
        let mut unheard = output(&Pipe::default(), None);
        assert!(unheard.finish().unwrap_err().to_string().contains("no answer in time"));
        unheard.away("reach it: refused");
        assert_eq!(unheard.finish().unwrap_err().to_string(), "reach it: refused");
        let mut heard = output(&Pipe::default(), None);
        heard.reached();
        heard.away("reach it: refused");
        heard.finish().unwrap();
        let mut left = output(&Pipe::default(), None);
        left.reader_left = || true;
        assert!(left.is_done());
        left.finish().unwrap();
    }

    #[test]
    fn patience_ends_with_the_timeout() {
        let mut output = output(&Pipe::default(), None);
        assert!(!output.is_done());
        assert_eq!(output.step(LOOK_EVERY), LOOK_EVERY);
        output.timeout = Some(Duration::ZERO);
        assert!(output.is_done());
        assert_eq!(parse_timeout("1m30s"), Ok(Duration::from_secs(90)));
        assert!(parse_timeout("-1s").is_err());
    }
}

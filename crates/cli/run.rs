//! `olocus run`: the stream processor.

use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use olocus_runtime::StartAt;
use olocus_server::config::{Config, parse_address, parse_application_id};
use olocus_server::{Engine, Overrides};
use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::output;
use crate::rules::print_diagnostics;

/// Run the stream processor: events from topics, through rules, to matches on topics.
///
/// It goes on where its application id left off, else at the earliest record. With no configuration it reads the topics
/// named like the event types of the rules. SIGTERM and Ctrl-C commit what has been evaluated and stop it. Partial
/// matches that are open at that moment are lost.
///
/// Exit codes: 0 stopped as asked; 1 it could not start or go on; 2 wrong usage; 3 another process took over its
/// application id.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Rule file or folder; may be repeated [default: those that the configuration names]
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,

    /// Kafka brokers
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "data_dir")]
    brokers: Option<String>,

    /// Folder of the embedded log
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Names the application: its consumer group, its transactional id and the prefix of its own topics
    #[arg(long, value_name = "ID", value_parser = parse_application_id)]
    application_id: Option<String>,

    /// Where to begin in partitions of which nothing was committed: earliest, end or a time in RFC 3339
    #[arg(long, value_name = "PLACE", default_value = "earliest", value_parser = parse_start)]
    from: StartAt,

    /// Address of health checks and topics [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    listen: Option<String>,

    /// Address of metrics [default: 127.0.0.1:9090]
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    metrics_listen: Option<String>,

    /// Log as JSON lines
    #[arg(long)]
    log_json: bool,
}

/// Another process runs under the application id.
const FENCED: u8 = 3;

/// Runs the command.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    log_to_stderr(args.log_json);
    let config = match &args.config {
        None => Config::default(),
        Some(path) => {
            let (config, diagnostics) = Config::load(path);
            print_diagnostics(&diagnostics);
            let Some(config) = config.filter(|_| !diagnostics.has_errors()) else {
                return Ok(ExitCode::FAILURE);
            };
            config
        }
    };
    let overrides = Overrides {
        brokers: args.brokers.clone(),
        data_dir: args.data_dir.clone(),
        application_id: args.application_id.clone(),
        start_at: args.from,
        listen: args.listen.clone(),
        metrics_listen: args.metrics_listen.clone(),
        ..Overrides::default()
    };
    let signals = Signals::listen()?;
    let engine = match Engine::start(config, &args.rules, overrides) {
        Ok(engine) => engine,
        Err(error) => {
            if let Some(diagnostics) = error.diagnostics() {
                print_diagnostics(diagnostics);
                return Ok(ExitCode::FAILURE);
            }
            return Err(Failure::doing("start the engine", error));
        }
    };
    print_diagnostics(engine.warnings());
    tracing::info!(health = %engine.address(), metrics = %engine.metrics_address(), "the engine runs");
    signals.wait_while(|| !engine.is_finished());
    engine.stop();
    match engine.wait() {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if error.is_fenced() => {
            output::tell(|err| writeln!(err, "olocus: {error}"));
            Ok(ExitCode::from(FENCED))
        }
        Err(error) => Err(Failure::doing("go on", error)),
    }
}

/// Waits for SIGTERM and Ctrl-C.
struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Listens from now on, so that a signal during the start is not missed.
    fn listen() -> Result<Signals, Failure> {
        let listening = |cause: io::Error| Failure::doing("listen for signals", cause);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(listening)?;
        let terminate = {
            let _guard = runtime.enter();
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).map_err(listening)?
        };
        Ok(Signals { runtime, terminate })
    }

    /// Returns at a signal, or once `alive` says no.
    fn wait_while(mut self, alive: impl Fn() -> bool) {
        self.runtime.block_on(async {
            let mut look = tokio::time::interval(Duration::from_millis(100));
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => return,
                    _ = tokio::signal::ctrl_c() => return,
                    _ = look.tick() => if !alive() { return },
                }
            }
        });
    }
}

fn log_to_stderr(json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // Colours are for terminals; in a file they are noise.
    let ansi = io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(ansi)
        .with_writer(io::stderr)
        // Told on standard error as well: where that is gone, it would end the thread that logged.
        .log_internal_errors(false);
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
}

fn parse_start(text: &str) -> Result<StartAt, String> {
    match text {
        "earliest" | "beginning" => Ok(StartAt::Earliest),
        "end" => Ok(StartAt::End),
        time => match time.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(StartAt::Time(time.as_millisecond())),
            Err(_) => Err("write earliest, end, or a time such as 2026-03-02T00:00:00Z".to_owned()),
        },
    }
}

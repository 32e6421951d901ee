//! Runs a command beside a broker of its own, for benches and for trying things out:
//! `with-kafka COMMAND ARGUMENT…` sets `OLOCUS_BROKERS` for the command, and the broker goes when the command ends.

use std::io::Write;
use std::process::{Command, ExitCode};

use olocus_test_broker::{Broker, Options};

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(cause) => {
            // Without standard error there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "with-kafka: {cause}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("expected a command to run: with-kafka COMMAND ARGUMENT…")?;
    let broker = Broker::start(&Options::default())?;
    let status = Command::new(&program)
        .args(arguments)
        .env("OLOCUS_BROKERS", broker.bootstrap())
        .status()
        .map_err(|cause| format!("{} cannot be run: {cause}", program.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

//! The `olocus` command.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod connection;
mod failure;
mod generate;
mod http;
mod input;
mod keys;
mod publish;
mod tail;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Complex event processing: events from topics, through rule files, to matches on topics.
#[derive(Debug, Parser)]
#[command(name = "olocus", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Generate(generate::Args),
    Publish(publish::Args),
    Tail(tail::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Generate(args) => generate::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Tail(args) => tail::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        // Where standard error is gone there is nobody left to tell.
        let _ = writeln!(io::stderr(), "olocus: failed to {failure}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definitions_of_the_commands_hold() {
        Cli::command().debug_assert();
    }
}

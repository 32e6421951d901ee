//! The `olocus` command.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod failure;
mod generate;
mod input;

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
    Bench(bench::Args),
    Generate(generate::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Generate(args) => generate::run(&args),
    };
    outcome.unwrap_or_else(|failure| {
        // Where standard error is gone there is nobody left to tell.
        let _ = writeln!(io::stderr(), "olocus: failed to {failure}");
        ExitCode::FAILURE
    })
}

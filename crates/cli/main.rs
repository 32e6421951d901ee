//! The `olocus` command.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod bounded;
mod connection;
mod failure;
mod generate;
mod http;
mod input;
mod keys;
mod output;
mod publish;
mod replay;
mod rules;
mod run;
mod tail;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};

use self::failure::Failure;

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
    Publish(publish::Args),
    Replay(replay::Args),
    #[command(subcommand)]
    Rules(rules::Command),
    Run(run::Args),
    Tail(tail::Args),
    Completions(CompletionArgs),
}

/// Print a completion script for a shell: `olocus completions bash > /etc/bash_completion.d/olocus`.
///
/// Exit codes: 0 all was written, or the reader closed the pipe; 1 it could not be written; 2 wrong usage.
#[derive(Debug, clap::Args)]
struct CompletionArgs {
    /// The shell
    shell: clap_complete::Shell,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Bench(args) => bench::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Publish(args) => publish::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Rules(command) => rules::run(&command),
        Command::Run(args) => run::run(&args),
        Command::Tail(args) => tail::run(&args),
        Command::Completions(args) => completions(&args),
    };
    outcome.unwrap_or_else(|failure| {
        output::tell(|err| writeln!(err, "olocus: failed to {failure}"));
        failure.exit_code()
    })
}

fn completions(args: &CompletionArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "olocus", &mut script);
    output::stdout().write_all(&script).map_err(output::failed)?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_the_commands_hold() {
        Cli::command().debug_assert();
    }
}

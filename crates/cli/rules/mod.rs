//! `olocus rules`: checking, testing, explaining and formatting rule files.

mod check;
mod explain;
mod format;
mod test;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use olocus_document::{Diagnostics, Level};
use olocus_expr::Schemas;

use crate::failure::Failure;
use crate::output;

/// Check, test, explain and format rule files.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Check(check::Args),
    Test(test::Args),
    Explain(explain::Args),
    Fmt(format::Args),
}

/// What every command that reads rules is told.
#[derive(Debug, clap::Args)]
pub(crate) struct RulePaths {
    /// Rule files, or folders with rule files (*.yaml, *.yml), searched to any depth
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Folder with the schemas of event types, `<event type>.schema.json` [default: schemas/events, if it is there]
    #[arg(long, value_name = "DIR")]
    pub(crate) schemas: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Fmt(args) => format::run(args),
    }
}

/// The schemas of event types, from the folder named or the one at the usual place.
pub(crate) fn load_schemas(named: Option<&Path>) -> Result<Arc<Schemas>, Failure> {
    let usual = Path::new("schemas/events");
    let folder = named.or_else(|| usual.is_dir().then_some(usual));
    match folder {
        None => Ok(Arc::new(Schemas::empty())),
        Some(folder) => {
            let (schemas, diagnostics) = olocus_server::load_schemas(folder);
            if diagnostics.has_errors() {
                print_diagnostics(&diagnostics);
                return Err(Failure::new(format!("read the event schemas in {}", folder.display())));
            }
            Ok(Arc::new(schemas))
        }
    }
}

/// Prints diagnostics to standard error, with colours on a terminal, and how many there are.
pub(crate) fn print_diagnostics(diagnostics: &Diagnostics) {
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let errors = diagnostics.iter().filter(|problem| problem.level == Level::Error).count();
    let warnings = diagnostics.len() - errors;
    output::tell(|err| {
        write!(err, "{}", diagnostics.render(color))?;
        match (errors, warnings) {
            (0, 0) => Ok(()),
            (errors, 0) => writeln!(err, "{}", plural(errors, "error")),
            (0, warnings) => writeln!(err, "{}", plural(warnings, "warning")),
            (errors, warnings) => {
                writeln!(err, "{}, {}", plural(errors, "error"), plural(warnings, "warning"))
            }
        }
    });
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// So many matches or timeouts, in words.
fn findings(count: usize, what: &str) -> String {
    let plural = if what.ends_with("ch") { "es" } else { "s" };
    match count {
        0 => format!("no {what}"),
        1 => format!("1 {what}"),
        count => format!("{count} {what}{plural}"),
    }
}

//! `olocus rules check`: every mistake of every rule file.

use std::io::Write as _;
use std::process::ExitCode;

use olocus_document::Diagnostics;
use olocus_runtime::{SourceSpec, compile};
use serde_json::json;

use super::{RulePaths, load_schemas, print_diagnostics};
use crate::failure::Failure;
use crate::output;

/// Check rule files: all mistakes of all files, each with its place and what would be right.
///
/// Exit codes: 0 no mistake; 1 mistakes were found, or a file could not be read; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    rules: RulePaths,

    /// Print the mistakes as JSON lines on standard output, for editors and scripts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let schemas = load_schemas(args.rules.schemas.as_deref())?;
    let (files, mut diagnostics) = olocus_server::load_rules(&args.rules.paths);
    let sources = [SourceSpec::default_for(&files)];
    compile(&files, &sources, &schemas, &mut diagnostics);
    diagnostics.sort();
    let failed = diagnostics.has_errors();
    if args.json {
        print_json(&diagnostics)?;
    } else {
        print_diagnostics(&diagnostics);
    }
    if !failed && !args.json {
        let rules: usize = files.iter().map(|file| file.rules.len()).sum();
        let text = format!(
            "{} in {}: no mistakes\n",
            super::plural(rules, "rule"),
            super::plural(files.len(), "file")
        );
        output::stdout().write_all(text.as_bytes()).map_err(output::failed)?;
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print_json(diagnostics: &Diagnostics) -> Result<(), Failure> {
    let mut out = output::stdout();
    for problem in diagnostics.iter() {
        let (line, column) = problem.file.line_column(problem.span.start);
        let (end_line, end_column) = problem.file.line_column(problem.span.end);
        let object = json!({
            "level": problem.level.as_str(),
            "code": problem.code,
            "message": problem.message,
            "path": problem.file.name(),
            "line": line,
            "column": column,
            "end_line": end_line,
            "end_column": end_column,
            "help": problem.help,
        });
        writeln!(out, "{object}").map_err(output::failed)?;
    }
    Ok(())
}

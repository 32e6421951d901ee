//! `olocus rules fmt`: one layout for all rule files.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use pretty_yaml::config::{FormatOptions, LayoutOptions};

use crate::failure::Failure;
use crate::output;

/// Bring rule files into one layout; comments and meaning stay as they are.
///
/// Exit codes: 0 done; 1 a file could not be read, parsed or written, or with --check some file differs; 2 wrong usage.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rule files, or folders with rule files
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Change nothing; name the files that differ and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (files, diagnostics) = olocus_server::find_rule_files(&args.paths);
    if diagnostics.has_errors() {
        super::print_diagnostics(&diagnostics);
        return Ok(ExitCode::FAILURE);
    }
    let mut out = output::stdout();
    let mut differing = 0;
    for path in files {
        let name = path.display();
        let text = std::fs::read_to_string(&path)
            .map_err(|cause| Failure::doing(format_args!("read {name}"), cause))?;
        let formatted =
            layout(&text).map_err(|cause| Failure::doing(format_args!("format {name}"), cause))?;
        if formatted == text {
            continue;
        }
        differing += 1;
        let verb = if args.check { "differs" } else { "formatted" };
        writeln!(out, "{verb} {name}").map_err(output::failed)?;
        if !args.check {
            write_beside(&path, &formatted)
                .map_err(|cause| Failure::doing(format_args!("write {name}"), cause))?;
        }
    }
    Ok(if args.check && differing > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn layout(text: &str) -> Result<String, String> {
    let options = FormatOptions {
        layout: LayoutOptions { print_width: 120, ..LayoutOptions::default() },
        ..FormatOptions::default()
    };
    pretty_yaml::format_text(text, &options).map_err(|cause| cause.to_string())
}

/// Writes a new file and moves it over the old one, so that a crash leaves one of the two and never a half.
fn write_beside(path: &std::path::Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".olocus-fmt");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text)?;
    std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_values_survive_and_a_second_run_changes_nothing() {
        let text = "version: 1\nrules:\n    -   name:   a   # why\n        where:  x   =  'a: b'\n";
        let once = layout(text).unwrap();
        assert!(once.contains("# why") && once.contains("x   =  'a: b'"), "{once}");
        assert_ne!(once, text);
        assert_eq!(layout(&once).unwrap(), once);
    }
}

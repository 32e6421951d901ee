//! `olocus rules fmt`: one layout for all rule files.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

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
    // A path that leads nowhere does not keep the files of the others from being formatted, nor does a file that is
    // no YAML.
    super::print_diagnostics(&diagnostics);
    let mut good = !diagnostics.has_errors();
    let mut out = output::stdout();
    for path in files {
        match format(&path, args.check) {
            Ok(None) => {}
            Ok(Some(did)) => {
                good &= !args.check;
                writeln!(out, "{did} {}", path.display()).map_err(output::failed)?;
            }
            Err(failure) => {
                good = false;
                output::tell(|err| writeln!(err, "olocus: failed to {failure}"));
            }
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Formats a file, or only looks; tells what it did where there was something to do.
fn format(path: &Path, check: bool) -> Result<Option<&'static str>, Failure> {
    let name = path.display();
    let text =
        std::fs::read_to_string(path).map_err(|cause| Failure::doing(format_args!("read {name}"), cause))?;
    let formatted = olocus_server::format_rules(&name.to_string(), &text).map_err(|problems| {
        super::print_diagnostics(&problems);
        Failure::new(format!("format {name}"))
    })?;
    if formatted == text {
        return Ok(None);
    }
    if check {
        return Ok(Some("differs"));
    }
    write_beside(path, &formatted).map_err(|cause| Failure::doing(format_args!("write {name}"), cause))?;
    Ok(Some("formatted"))
}

/// Writes a new file and moves it over the old one, so that a crash leaves one of the two and never a half. A link stays
/// one: the file that it leads to is replaced.
fn write_beside(path: &Path, text: &str) -> io::Result<()> {
    let path = &path.canonicalize()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".olocus-fmt");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text)?;
    std::fs::set_permissions(&beside, std::fs::metadata(path)?.permissions())?;
    std::fs::rename(&beside, path)
}

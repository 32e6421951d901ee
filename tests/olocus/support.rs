//! Runs the binary.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The command, run in the project's root folder.
pub(crate) fn olocus(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_olocus")).args(args).current_dir(root()).output().unwrap()
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file beside the project, where it is there.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let file = root().join("../shared").join(path);
    file.is_file().then_some(file)
}

/// Says why a test does not run. Standard error of a passing test is captured; the runner's own is not.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::fs::OpenOptions::new().append(true).open("/dev/stderr").unwrap(), "SKIPPED: {why}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

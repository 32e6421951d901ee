//! Runs the binary.

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

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! The folder of an embedded log: whose it is, and that one process has it.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::Error;

const MARKER: &str = "olocus-log";
const MARKER_TEXT: &str = "olocus embedded log, version 1\n";
const LOCK: &str = "lock";
const DATABASE: &str = "log.redb";
const NEW_MARKER: &str = "olocus-log.new";

/// A folder that is ours and that no other process has while this lives.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

impl Directory {
    /// Takes the folder, making it if it is not there.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        let failed = |error: std::io::Error| {
            Error::on_disk(format!("cannot use the data directory {}: {error}", path.display()))
                .with_source(error)
        };
        if path.exists() && !path.is_dir() {
            return Err(Error::on_disk(format!("{} is a file, not a data directory", path.display())));
        }
        fs::create_dir_all(path).map_err(failed)?;
        check_marker(path)?;
        let lock = File::create(path.join(LOCK)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::on_disk(format!(
                    "the data directory {} is in use by another process",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// Whether the folder was finished before.
    pub(super) fn is_marked(&self) -> bool {
        self.path.join(MARKER).exists()
    }

    /// Marks the folder as finished.
    pub(super) fn mark(&self) -> Result<(), Error> {
        let write = || {
            let new = self.path.join(NEW_MARKER);
            let mut file = File::create(&new)?;
            file.write_all(MARKER_TEXT.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, self.path.join(MARKER))?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|error: std::io::Error| {
            Error::on_disk(format!("cannot write to {}: {error}", self.path.display())).with_source(error)
        })
    }
}

/// Refuses a folder that is somebody else's. Without a marker it has to be empty, or left over from a first start that
/// was cut short.
fn check_marker(path: &Path) -> Result<(), Error> {
    let failed = |error: std::io::Error| {
        Error::on_disk(format!("cannot read {}: {error}", path.display())).with_source(error)
    };
    match fs::read(path.join(MARKER)) {
        Ok(text) if text == MARKER_TEXT.as_bytes() => return Ok(()),
        Ok(text) => {
            return Err(Error::on_disk(format!(
                "the data directory {} is of another version: its marker says {:?}",
                path.display(),
                String::from_utf8_lossy(&text[..text.len().min(80)]).trim()
            )));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if ![LOCK, DATABASE, NEW_MARKER].iter().any(|ours| name == *ours) {
            return Err(Error::on_disk(format!(
                "{} is not a data directory of an embedded log: it has no `{MARKER}`, but `{}`",
                path.display(),
                name.display()
            )));
        }
    }
    Ok(())
}

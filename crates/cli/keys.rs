//! The keyring of the commands that write or read encrypted payloads.

use std::path::PathBuf;

use olocus_event::Keyring;

use crate::failure::Failure;

/// Where the keys come from.
#[derive(Debug, clap::Args)]
#[group(id = "keys")]
pub(crate) struct Args {
    /// File with the keys, one `id:key` a line, each key 32 bytes in base64 or hexadecimal; the first one encrypts. One
    /// key alone needs no id and has the id `default`. The text may instead stand in the environment variable
    /// OLOCUS_KEYS
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
}

impl Args {
    /// Whether the command line names keys.
    pub(crate) fn are_named(&self) -> bool {
        self.keyring.is_some()
    }

    /// Reads the keys; `None` where there are none.
    pub(crate) fn load(&self) -> Result<Option<Keyring>, Failure> {
        let (text, place) = match &self.keyring {
            Some(path) => {
                let place = path.display().to_string();
                let text = std::fs::read_to_string(path)
                    .map_err(|cause| Failure::doing(format_args!("read the keys in {place}"), cause))?;
                (text, place)
            }
            // Not an option of the command line, where other users of the machine could read it.
            None => match std::env::var(KEYS_VARIABLE) {
                Ok(text) => (text, KEYS_VARIABLE.to_owned()),
                Err(_) => return Ok(None),
            },
        };
        let keyring = Keyring::parse(&text)
            .map_err(|cause| Failure::doing(format_args!("read the keys in {place}"), cause))?;
        Ok(Some(keyring))
    }
}

const KEYS_VARIABLE: &str = "OLOCUS_KEYS";

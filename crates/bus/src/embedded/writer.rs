use std::sync::Arc;

use olocus_event::OutRecord;

use super::log::{Claim, Log};
use crate::{Commit, Durability, Error, Writer, WriterOptions};

/// Writes to an embedded log, where every call is one atomic change.
pub(super) struct EmbeddedWriter {
    log: Arc<Log>,
    claim: Option<Claim>,
    synced: bool,
}

impl EmbeddedWriter {
    pub(super) fn new(log: Arc<Log>, options: WriterOptions) -> Result<Self, Error> {
        if options.transactional_id.is_some() && options.durability == Durability::None {
            return Err(Error::misuse("transactions cannot be written with durability `none`"));
        }
        let member = match options.member {
            None => None,
            Some(token) => Some(token.proof().ok_or_else(|| {
                Error::misuse(format!("the member of group `{}` is one of another log", token.group()))
            })?),
        };
        let claim = options.transactional_id.map(|id| log.claim(id, member));
        Ok(Self { log, claim, synced: options.durability == Durability::Persistent })
    }
}

impl Writer for EmbeddedWriter {
    fn commit(&mut self, commit: &Commit) -> Result<(), Error> {
        if self.claim.is_none() {
            return Err(Error::misuse("a writer without a transactional id cannot commit"));
        }
        self.log.append(&commit.records, &commit.offsets, self.claim.as_ref(), self.synced)
    }

    fn send(&mut self, records: &[OutRecord]) -> Result<(), Error> {
        if self.claim.is_some() {
            return Err(Error::misuse("a transactional writer can only commit"));
        }
        self.log.append(records, &[], None, self.synced)
    }
}

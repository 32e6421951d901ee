use olocus_event::OutRecord;

use super::options::KafkaOptions;
use super::producer::Deliveries;
use crate::{Commit, Durability, Error, Writer};

/// Writes records outside transactions. Retries cannot write a record twice or out of order as long as the durability
/// is persistent.
pub(super) struct PlainWriter {
    deliveries: Deliveries,
}

impl PlainWriter {
    pub(super) fn new(options: &KafkaOptions, durability: Durability) -> Result<Self, Error> {
        let (acks, idempotence) = match durability {
            Durability::Persistent => ("all", "true"),
            Durability::Relaxed => ("1", "false"),
            Durability::None => ("0", "false"),
        };
        let own = [("acks", acks), ("enable.idempotence", idempotence)];
        Ok(Self { deliveries: Deliveries::new(options, &own)? })
    }
}

impl Writer for PlainWriter {
    fn commit(&mut self, _: &Commit) -> Result<(), Error> {
        Err(Error::misuse("a writer without a transactional id cannot commit"))
    }

    fn send(&mut self, records: &[OutRecord]) -> Result<(), Error> {
        self.deliveries.deliver(records)?;
        match self.deliveries.failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

//! What makes a match this match.

use olocus_cep::Key;
use sha2::{Digest, Sha256};

use crate::plan::RulePlan;
use crate::prepare::StoredEvent;

/// Hashes what makes a match this match: rule, version, key and the coordinates of its events.
pub(super) struct Identity(Sha256);

impl Identity {
    pub(super) fn of(rule: &RulePlan, key: &Key) -> Identity {
        let mut identity = Identity(Sha256::new());
        for text in [rule.name.as_str(), rule.version.as_str(), key.as_json()] {
            identity.text(text);
        }
        identity
    }

    pub(super) fn event(&mut self, event: &StoredEvent) {
        self.text(&event.topic);
        self.number(i64::from(event.partition));
        self.number(event.offset);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
    }

    pub(super) fn number(&mut self, number: i64) {
        self.0.update(number.to_be_bytes());
    }

    pub(super) fn finish(self) -> String {
        crate::hex(&self.0.finalize()[..16])
    }
}

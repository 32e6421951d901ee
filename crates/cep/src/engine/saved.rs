//! What of an engine is in a part of a snapshot.

use super::Engine;
use super::rules::{Evaluator, each};
use crate::keys::KeyGroup;
use crate::snapshot::wire::{Reader, Writer};
use crate::snapshot::{SavedKeys, SnapshotError};

/// What a rule is told of an engine that was saved.
pub(crate) struct Saved<'s> {
    pub(crate) group: KeyGroup,
    pub(crate) keys: &'s SavedKeys,
}

impl<E: Clone> Engine<E> {
    pub(crate) fn last_part(&self) -> Option<u32> {
        self.last_part
    }

    pub(crate) fn set_last_part(&mut self, checksum: u32) {
        self.last_part = Some(checksum);
    }

    /// Lets all be new to the next snapshot.
    pub(crate) fn forget_snapshot(&mut self) {
        self.last_part = None;
        for rule in &mut self.rules.0 {
            each!(&mut rule.evaluator, keyed => keyed.forget_snapshot());
        }
    }

    /// Writes all that is held, but for what was written before and cannot change.
    pub(crate) fn save(&mut self, writer: &mut Writer<'_, E>) {
        let (saved, numbers) = self.registry.keys.save();
        writer.put(&(self.clock, self.rules.0.len() as u64, saved));
        for rule in &mut self.rules.0 {
            writer.put(&rule.fingerprint);
            let (mut new, mut rest) = (writer.part(), writer.part());
            each!(&mut rule.evaluator, keyed => keyed.save(&numbers, &mut new, &mut rest));
            writer.put_bytes(&new.into_bytes());
            writer.put_bytes(&rest.into_bytes());
        }
    }

    /// Reads what was written in these parts, of which the last one counts but for what cannot change.
    pub(crate) fn load(
        &mut self,
        mut parts: Vec<Reader<'_, '_, E>>,
        last: usize,
    ) -> Result<(), SnapshotError> {
        let mut keys = SavedKeys::new();
        for (part, reader) in parts.iter_mut().enumerate() {
            let (clock, rules, saved): (i64, u64, SavedKeys) =
                reader.take().map_err(SnapshotError::damaged(part))?;
            if rules != self.rules.0.len() as u64 {
                return Err(SnapshotError::rules(self.rules.0.len(), rules as usize));
            }
            (self.clock, keys) = (clock, saved);
        }
        let Engine { rules, registry, .. } = self;
        for (index, rule) in rules.0.iter_mut().enumerate() {
            let mut new = Vec::with_capacity(parts.len());
            let mut rest = None;
            for (part, reader) in parts.iter_mut().enumerate() {
                let damaged = SnapshotError::damaged(part);
                let fingerprint: u32 = reader.take().map_err(SnapshotError::damaged(part))?;
                if fingerprint != rule.fingerprint {
                    return Err(SnapshotError::rule(index));
                }
                let both = reader.part().and_then(|new| Ok((new, reader.part()?)));
                let (new_of_part, rest_of_part) = both.map_err(damaged)?;
                new.push(new_of_part);
                rest = Some(rest_of_part);
            }
            let Some(mut rest) = rest else { continue };
            let saved = Saved { group: rule.group, keys: &keys };
            each!(&mut rule.evaluator, keyed => keyed.load(&saved, new, &mut rest, registry))
                .and_then(|()| rest.end())
                .map_err(SnapshotError::damaged(last))?;
        }
        registry.agenda.settle(rules);
        parts.into_iter().try_for_each(Reader::end).map_err(SnapshotError::damaged(last))
    }
}

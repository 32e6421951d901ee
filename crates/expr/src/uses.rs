//! As what the expressions of a rule use the fields of one event.

use std::collections::HashMap;

use olocus_event::Kind;

use crate::names::Source;

/// As what the fields of one event are read, where an expression leaves it open and others of the same rule do not.
///
/// A field that is used in several ways is left out: then each expression decides for itself.
#[derive(Clone, Debug, Default)]
pub struct FieldUses(HashMap<Source, Option<Kind>>);

impl FieldUses {
    /// Remembers a use; `None` in the table stands for uses that contradict each other.
    pub(crate) fn add(&mut self, source: Source, kind: Kind) {
        let known = self.0.entry(source).or_insert(Some(kind));
        if *known != Some(kind) {
            *known = None;
        }
    }

    /// Adds what is known of the same event from elsewhere.
    pub fn merge(&mut self, others: &FieldUses) {
        for (source, kind) in &others.0 {
            match kind {
                Some(kind) => self.add(source.clone(), *kind),
                None => {
                    self.0.insert(source.clone(), None);
                }
            }
        }
    }

    pub(crate) fn kind(&self, source: &Source) -> Option<Kind> {
        self.0.get(source).copied().flatten()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

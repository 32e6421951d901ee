//! Which rules hold something for a key.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::agenda::Agenda;
use crate::key::Key;

/// What all rules of an engine keep in common.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub(crate) agenda: Agenda,
    pub(crate) active: Active,
}

/// By key, the rules that wait for a later step, ascending. An event can mean something to other rules only by their
/// first step, so that nobody has to ask each rule that names its type.
#[derive(Debug, Default)]
pub(crate) struct Active(HashMap<Key, Vec<usize>, RandomState>);

impl Active {
    pub(crate) fn of(&self, key: &Key) -> &[usize] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn insert(&mut self, key: &Key, rule: usize) {
        let rules = match self.0.get_mut(key) {
            Some(rules) => rules,
            None => self.0.entry(key.clone()).or_default(),
        };
        if let Err(place) = rules.binary_search(&rule) {
            rules.insert(place, rule);
        }
    }

    pub(crate) fn remove(&mut self, key: &Key, rule: usize) {
        if let Some(rules) = self.0.get_mut(key) {
            rules.retain(|other| *other != rule);
            if rules.is_empty() {
                self.0.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_in_order_and_keys_without_any_are_forgotten() {
        let mut active = Active::default();
        let key = Key::single("\"u1\"");
        for rule in [7, 2, 7, 5] {
            active.insert(&key, rule);
        }
        assert_eq!(active.of(&key), [2, 5, 7]);
        assert_eq!(active.of(&Key::none()), [0; 0]);
        for rule in [2, 7, 5, 5] {
            active.remove(&key, rule);
        }
        assert!(active.of(&key).is_empty() && active.0.is_empty());
    }
}

//! The keys for which rules hold something.
//!
//! Rules that group events by the same fields share one table, so that one look-up of a row's key tells all of them that
//! hold something for it. Everywhere else a key is named by a number.

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};
use slab::Slab;
use smallvec::SmallVec;
use std::hash::BuildHasher;

use crate::key::Key;
use crate::slots::SlotId;
use crate::snapshot::SavedKeys;

/// Names what rules group events by: the rules of one group see the same key of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyGroup(pub u32);

/// A key of a group that was looked up: its text, and where the engine has it if any rule holds something for it.
///
/// It stays good whatever happens to the engine meanwhile, but is quickest while nothing does.
#[derive(Clone, Copy, Debug)]
pub struct KeyRef<'k> {
    group: KeyGroup,
    json: &'k str,
    hash: u64,
    id: Option<KeyId>,
    /// How many changes of the table came before that was so.
    version: u64,
}

/// Names a key for which something is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyId(u32);

/// All keys for which any rule holds something.
#[derive(Debug)]
pub(crate) struct Keys {
    hasher: RandomState,
    /// By group.
    tables: Vec<HashTable<KeyId>>,
    entries: Slab<Entry>,
    /// How often a key has come or gone.
    version: u64,
}

/// The places of keys among those that were saved.
#[derive(Debug)]
pub(crate) struct KeyNumbers(Vec<u32>);

#[derive(Debug)]
struct Entry {
    key: Key,
    group: KeyGroup,
    /// By rule, ascending.
    places: SmallVec<[Place; 2]>,
}

/// Where a rule holds something for a key.
#[derive(Clone, Copy, Debug)]
struct Place {
    rule: u32,
    slot: SlotId,
}

impl KeyRef<'_> {
    /// The group.
    pub fn group(&self) -> KeyGroup {
        self.group
    }

    /// The key by itself.
    pub fn to_key(&self) -> Key {
        Key::single(self.json)
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.to_key().heap_bytes()
    }
}

impl Keys {
    /// No keys, of so many groups.
    pub(crate) fn new(groups: usize) -> Keys {
        Keys {
            hasher: RandomState::default(),
            tables: (0..groups).map(|_| HashTable::new()).collect(),
            entries: Slab::new(),
            version: 0,
        }
    }

    #[inline]
    pub(crate) fn look_up<'k>(&self, group: KeyGroup, json: &'k str) -> KeyRef<'k> {
        let hash = self.hasher.hash_one(json);
        KeyRef { group, json, hash, id: self.find(group, hash, json), version: self.version }
    }

    /// The same key where it is now.
    #[inline]
    pub(crate) fn again<'k>(&self, key: &KeyRef<'k>) -> KeyRef<'k> {
        if key.version == self.version { *key } else { self.find_again(key) }
    }

    fn find_again<'k>(&self, key: &KeyRef<'k>) -> KeyRef<'k> {
        let entry = key.id.and_then(|id| self.entries.get(id.index()));
        let stays = entry.is_some_and(|entry| entry.group == key.group && entry.key.as_json() == key.json);
        let id = if stays { key.id } else { self.find(key.group, key.hash, key.json) };
        KeyRef { id, version: self.version, ..*key }
    }

    /// The rules that hold something for a key, ascending.
    pub(crate) fn rules(&self, key: &KeyRef<'_>) -> impl ExactSizeIterator<Item = usize> + '_ {
        let id = self.again(key).id;
        let places = id.map_or(&[] as &[Place], |id| &self.entries[id.index()].places);
        places.iter().map(|place| place.rule as usize)
    }

    /// Where a rule holds something for a key.
    #[inline]
    pub(crate) fn slot(&self, key: &KeyRef<'_>, rule: u32) -> Option<SlotId> {
        let places = &self.entries[self.again(key).id?.index()].places;
        let place = places.binary_search_by_key(&rule, |place| place.rule).ok()?;
        Some(places[place].slot)
    }

    pub(crate) fn key(&self, id: KeyId) -> &Key {
        &self.entries[id.index()].key
    }

    /// Notes that a rule holds something for a key for which it held nothing.
    pub(crate) fn hold(&mut self, key: &KeyRef<'_>, rule: u32, slot: SlotId) -> KeyId {
        let id = match self.again(key).id {
            Some(id) => id,
            None => self.insert(key),
        };
        let places = &mut self.entries[id.index()].places;
        let place = places.partition_point(|place| place.rule < rule);
        places.insert(place, Place { rule, slot });
        id
    }

    /// Notes that a rule holds nothing for a key any longer.
    pub(crate) fn release(&mut self, id: KeyId, rule: u32) {
        let Keys { hasher, tables, entries, version } = self;
        let Entry { key, group, places } = &mut entries[id.index()];
        places.retain(|place| place.rule != rule);
        if !places.is_empty() {
            return;
        }
        let table = &mut tables[group.0 as usize];
        if let Ok(entry) = table.find_entry(hasher.hash_one(key.as_json()), |other| *other == id) {
            entry.remove();
        }
        entries.remove(id.index());
        *version += 1;
    }

    /// All keys with their groups, in the order of their numbers; and these.
    pub(crate) fn save(&self) -> (SavedKeys, KeyNumbers) {
        let mut saved = SavedKeys::with_capacity(self.entries.len());
        let mut numbers = KeyNumbers(vec![0; self.entries.capacity()]);
        for (index, entry) in &self.entries {
            numbers.0[index] = saved.len() as u32;
            saved.push((entry.group, entry.key.as_json().to_owned()));
        }
        (saved, numbers)
    }

    /// What a key takes here that one rule holds something for, in bytes, but for a long text.
    pub(crate) fn bytes_per_key() -> usize {
        // A table holds a number and a byte for each key, and is full by seven eighths at most.
        size_of::<Entry>() + (size_of::<KeyId>() + 1) * 8 / 7
    }

    #[inline]
    fn find(&self, group: KeyGroup, hash: u64, json: &str) -> Option<KeyId> {
        let is_it = |id: &KeyId| self.entries[id.index()].key.as_json() == json;
        self.tables.get(group.0 as usize)?.find(hash, is_it).copied()
    }

    fn insert(&mut self, key: &KeyRef<'_>) -> KeyId {
        let Keys { hasher, tables, entries, version } = self;
        *version += 1;
        let entry = Entry { key: key.to_key(), group: key.group, places: SmallVec::new() };
        let number = u32::try_from(entries.insert(entry)).expect("limits keep an engine below 2^32 keys");
        let hash_of = |id: &KeyId| hasher.hash_one(entries[id.index()].key.as_json());
        tables[key.group.0 as usize].insert_unique(key.hash, KeyId(number), hash_of);
        KeyId(number)
    }
}

impl KeyNumbers {
    pub(crate) fn of(&self, id: KeyId) -> u32 {
        self.0[id.index()]
    }
}

impl KeyId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_told_in_order_by_group_and_keys_without_any_are_forgotten() {
        let mut keys = Keys::new(2);
        let (one, other) = (KeyGroup(0), KeyGroup(1));
        let before = keys.look_up(one, "\"u1\"");
        let ids: Vec<KeyId> =
            [7, 2, 5].map(|rule| keys.hold(&before, rule, SlotId::new(rule as usize))).to_vec();
        assert_eq!(keys.rules(&keys.look_up(one, "\"u1\"")).collect::<Vec<_>>(), [2, 5, 7]);
        assert_eq!(keys.rules(&before).len(), 3);
        assert_eq!(keys.rules(&keys.look_up(other, "\"u1\"")).len(), 0);
        assert_eq!(keys.slot(&before, 5), Some(SlotId::new(5)));
        assert_eq!((keys.slot(&before, 3), keys.key(ids[0]).as_json()), (None, "\"u1\""));
        let found = keys.look_up(one, "\"u1\"");
        for (id, rule) in ids.into_iter().zip([2, 7, 5]) {
            keys.release(id, rule);
        }
        assert!(keys.entries.is_empty() && keys.tables[0].is_empty());
        // What takes the same place is not mistaken for it.
        keys.hold(&keys.look_up(one, "\"u2\""), 1, SlotId::new(0));
        assert_eq!(keys.rules(&found).len(), 0);
    }
}

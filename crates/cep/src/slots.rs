//! What one rule holds, by key, and when it is to be looked at again.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use slab::Slab;

use crate::agenda::{Agenda, Entry, Wake};
use crate::engine::Registry;
use crate::keys::{KeyGroup, KeyId, KeyNumbers, KeyRef, Keys};
use crate::snapshot::SavedKeys;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};

/// What a rule holds for each key for which it holds anything.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    rule: u32,
    slots: Slab<Slot<T>>,
    /// By slot; ends with the last one that ever wanted to be woken.
    scheduled: Vec<Option<Scheduled>>,
    key_bytes: usize,
}

/// Names what a rule holds for a key. Once that is gone the name may come to be that of another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct SlotId(NonZeroU32);

#[derive(Debug)]
struct Slot<T> {
    key: KeyId,
    held: T,
}

/// When a slot is to be woken. It stands in the agenda no later than that, and is moved there when its turn comes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Scheduled {
    wake: Wake,
    wanted: i64,
    stands: i64,
}

impl<T> Slots<T> {
    pub(crate) fn new(rule: usize) -> Slots<T> {
        let rule = u32::try_from(rule).expect("an engine has less than 2^32 rules");
        Slots { rule, slots: Slab::new(), scheduled: Vec::new(), key_bytes: 0 }
    }

    /// Index of the rule.
    pub(crate) fn rule(&self) -> usize {
        self.rule as usize
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn contains(&self, slot: SlotId) -> bool {
        self.slots.contains(slot.index())
    }

    pub(crate) fn get(&self, slot: SlotId) -> Option<&T> {
        self.slots.get(slot.index()).map(|slot| &slot.held)
    }

    pub(crate) fn get_mut(&mut self, slot: SlotId) -> Option<&mut T> {
        self.slots.get_mut(slot.index()).map(|slot| &mut slot.held)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (SlotId, &T)> {
        self.slots.iter().map(|(index, slot)| (SlotId::new(index), &slot.held))
    }

    /// The key whose slot this is, which must be in use.
    pub(crate) fn key(&self, slot: SlotId) -> KeyId {
        self.slots[slot.index()].key
    }

    /// The slot that the next key will have.
    pub(crate) fn next(&self) -> SlotId {
        SlotId::new(self.slots.vacant_key())
    }

    /// Begins to hold something for a key that has no slot.
    pub(crate) fn insert(&mut self, key: &KeyRef<'_>, held: T, keys: &mut Keys) -> SlotId {
        let place = self.slots.vacant_entry();
        let slot = SlotId::new(place.key());
        let key = keys.hold(key, self.rule, slot);
        place.insert(Slot { key, held });
        self.key_bytes += keys.key(key).heap_bytes();
        slot
    }

    /// Ends to hold something for a key. It must have been [unscheduled](Self::schedule).
    pub(crate) fn remove(&mut self, slot: SlotId, keys: &mut Keys) -> T {
        let Slot { key, held } = self.slots.remove(slot.index());
        self.key_bytes -= keys.key(key).heap_bytes();
        keys.release(key, self.rule);
        held
    }

    /// Notes when a slot is to be woken next.
    pub(crate) fn schedule(&mut self, slot: SlotId, wanted: Option<(Wake, i64)>, agenda: &mut Agenda) {
        let index = slot.index();
        let Some((wake, at)) = wanted else {
            if let Some(before) = self.scheduled.get_mut(index).and_then(Option::take) {
                agenda.forget(before.wake);
            }
            return;
        };
        if self.scheduled.len() <= index {
            self.scheduled.resize(index + 1, None);
        }
        let scheduled = &mut self.scheduled[index];
        match scheduled {
            Some(before) if before.wake == wake && before.stands <= at => before.wanted = at,
            _ => {
                if let Some(before) = scheduled {
                    agenda.forget(before.wake);
                }
                *scheduled = Some(Scheduled { wake, wanted: at, stands: at });
                agenda.add(wake, Entry { at, rule: self.rule, slot: Some(slot) });
            }
        }
    }

    /// When a slot is to be woken for which there is this entry; `None` if it is not, or there is another.
    pub(crate) fn confirm(&mut self, wake: Wake, slot: SlotId, at: i64) -> Option<i64> {
        if !self.stands(wake, slot, at) {
            return None;
        }
        let scheduled = self.scheduled.get_mut(slot.index())?.as_mut()?;
        scheduled.stands = scheduled.wanted;
        Some(scheduled.wanted)
    }

    /// Whether a slot stands in the agenda with this entry.
    pub(crate) fn stands(&self, wake: Wake, slot: SlotId, at: i64) -> bool {
        let scheduled = self.scheduled.get(slot.index()).copied().flatten();
        scheduled.is_some_and(|scheduled| scheduled.wake == wake && scheduled.stands == at)
    }

    /// Writes all slots.
    pub(crate) fn save<E>(
        &self,
        numbers: &KeyNumbers,
        writer: &mut Writer<'_, E>,
        mut save: impl FnMut(&T, &mut Writer<'_, E>),
    ) {
        let mut used = Vec::new();
        for (index, _) in &self.slots {
            used.resize(index, false);
            used.push(true);
        }
        writer.put(&used);
        for (index, slot) in &self.slots {
            let scheduled = self.scheduled.get(index).copied().flatten();
            writer.put(&(numbers.of(slot.key), scheduled));
            save(&slot.held, writer);
        }
    }

    /// Reads all slots, of which there are none yet.
    pub(crate) fn load<E>(
        &mut self,
        group: KeyGroup,
        saved: &SavedKeys,
        Registry { keys, agenda }: &mut Registry,
        reader: &mut Reader<'_, '_, E>,
        mut load: impl FnMut(&mut Reader<'_, '_, E>) -> Read<T>,
    ) -> Read<()> {
        // Every slot takes a byte, also one that is not used, so that there cannot be more than there are bytes.
        let used: Vec<bool> = reader.take()?;
        check(used.len() < u32::MAX as usize)?;
        let mut slots = Vec::new();
        for (index, _) in used.iter().enumerate().filter(|(_, used)| **used) {
            let (number, scheduled): (u32, Option<Scheduled>) = reader.take()?;
            let (of, json) = saved.get(number as usize).ok_or(Damaged)?;
            let key = keys.look_up(group, json);
            let slot = SlotId::new(index);
            check(*of == group && keys.slot(&key, self.rule).is_none())?;
            let key = keys.hold(&key, self.rule, slot);
            self.key_bytes += keys.key(key).heap_bytes();
            if let Some(scheduled) = scheduled {
                let Scheduled { wake, stands: at, .. } = scheduled;
                self.scheduled.resize(index, None);
                self.scheduled.push(Some(scheduled));
                agenda.add(wake, Entry { at, rule: self.rule, slot: Some(slot) });
            }
            slots.push((index, Slot { key, held: load(reader)? }));
        }
        self.slots = slots.into_iter().collect();
        Ok(())
    }

    /// What the slots take, with their keys, in bytes; but for what is held in them owns.
    pub(crate) fn bytes(&self) -> usize {
        self.len() * Self::bytes_per_key() + self.key_bytes
    }

    /// What a slot takes, with its key but for a long text.
    pub(crate) fn bytes_per_key() -> usize {
        size_of::<Slot<T>>() + Keys::bytes_per_key()
    }
}

impl SlotId {
    pub(crate) fn new(index: usize) -> SlotId {
        let number = u32::try_from(index + 1).expect("limits keep a rule below 2^32 keys");
        SlotId(NonZeroU32::new(number).expect("one more than an index is not zero"))
    }

    pub(crate) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

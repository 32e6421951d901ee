//! The events that partial matches have taken, each once however many share it.

use std::num::NonZeroU32;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use serde::{Deserialize, Serialize};
use slab::Slab;

use super::fresh::Fresh;
use crate::event::MakeEvent;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};

/// The events that are held for a rule, with counted references.
#[derive(Debug)]
pub(crate) struct Events<E> {
    slots: Slab<Slot<E>>,
    /// What they own elsewhere, in bytes.
    heap: usize,
    /// The one that was made last, which may be gone.
    last: Option<EventId>,
    fresh: Fresh,
}

/// A counted reference to an event. Whoever keeps a copy [retains](Events::retain) it, and [releases](Events::release) it
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct EventId(NonZeroU32);

/// Which of the rule's rows an event came with, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Start {
    /// Event time.
    pub(crate) time: i64,
    /// Number of the row; later rows have larger ones.
    pub(crate) row: u64,
}

/// Rows that a rule may have seen when it is restored: none has, so that it can see as many more.
pub(crate) const ROWS_MAX: u64 = 1 << 62;

#[derive(Debug)]
struct Slot<E> {
    event: E,
    at: Start,
    weight: u32,
    references: NonZeroU32,
}

impl<E: Clone> Events<E> {
    /// The event of a row, which is made unless it is held already. The caller owns the reference.
    pub(crate) fn take(&mut self, event: &dyn MakeEvent<E>, at: Start) -> EventId {
        let last = self.last.filter(|last| self.slots.get(last.index()).is_some_and(|slot| slot.at == at));
        if let Some(last) = last {
            return self.retain(last);
        }
        let weight = u32::try_from(event.weight()).unwrap_or(u32::MAX);
        let event = event.make();
        self.heap += weight as usize;
        let index = self.slots.insert(Slot { event, at, weight, references: NonZeroU32::MIN });
        self.fresh.fill(index);
        let id = EventId::new(index);
        self.last = Some(id);
        id
    }

    /// Adds a reference.
    pub(crate) fn retain(&mut self, id: EventId) -> EventId {
        let references = &mut self.slots[id.index()].references;
        *references = references.checked_add(1).expect("limits keep a rule below 2^32 nodes");
        id
    }

    /// Gives a reference up.
    pub(crate) fn release(&mut self, id: EventId) {
        let slot = &mut self.slots[id.index()];
        match NonZeroU32::new(slot.references.get() - 1) {
            Some(references) => slot.references = references,
            None => {
                self.heap -= slot.weight as usize;
                self.slots.remove(id.index());
            }
        }
    }

    /// What findings carry of an event.
    pub(crate) fn get(&self, id: EventId) -> E {
        self.slots[id.index()].event.clone()
    }

    pub(crate) fn at(&self, id: EventId) -> Start {
        self.slots[id.index()].at
    }

    /// What an event owns elsewhere, in bytes.
    pub(crate) fn weight(&self, id: EventId) -> usize {
        self.slots[id.index()].weight as usize
    }

    /// Writes the events that are new.
    pub(crate) fn save_new(&mut self, writer: &mut Writer<'_, E>) {
        let new = || self.slots.iter().filter(|(index, _)| self.fresh.contains(*index));
        writer.put(&(new().count() as u64));
        for (index, slot) in new() {
            writer.put(&(index as u32, slot.at, slot.weight));
            writer.put_event(&slot.event);
        }
        self.fresh.saved();
    }

    /// Writes which events there are.
    pub(crate) fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&self.references());
    }

    /// How many references there are to each event, by place.
    pub(super) fn references(&self) -> Vec<u32> {
        let mut references = Vec::new();
        for (index, slot) in &self.slots {
            // What was held before leaves its place empty.
            references.resize(index, 0);
            references.push(slot.references.get());
        }
        references
    }

    /// Reads the events that were new in each part, of which those are left that are in the last one.
    pub(crate) fn load(new: &mut [Reader<'_, '_, E>], reader: &mut Reader<'_, '_, E>) -> Read<Events<E>> {
        let mut known: HashMap<u32, (Start, u32, &[u8]), RandomState> = HashMap::default();
        for reader in new {
            let count: u64 = reader.take()?;
            for _ in 0..count {
                let (index, at, weight) = reader.take()?;
                known.insert(index, (at, weight, reader.take_bytes()?));
            }
        }
        let mut events = Events::default();
        let references: Vec<u32> = reader.take()?;
        let mut slots = Vec::new();
        for (index, references) in references.into_iter().enumerate() {
            let Some(references) = NonZeroU32::new(references) else { continue };
            let (at, weight, bytes) =
                known.remove(&u32::try_from(index).map_err(|_| Damaged)?).ok_or(Damaged)?;
            check(at.row < ROWS_MAX)?;
            events.heap += weight as usize;
            slots.push((index, Slot { event: reader.event(bytes)?, at, weight, references }));
        }
        events.slots = slots.into_iter().collect();
        events.fresh.saved();
        Ok(events)
    }

    /// Lets all events be new to the next snapshot.
    pub(crate) fn forget_snapshot(&mut self) {
        self.fresh.forget();
    }

    /// Whether an event is held.
    pub(crate) fn contains(&self, id: EventId) -> bool {
        self.slots.contains(id.index())
    }

    /// What all that are held take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.len() * Self::bytes_per_event() + self.heap
    }

    /// What an event takes that owns nothing.
    pub(crate) const fn bytes_per_event() -> usize {
        size_of::<Slot<E>>()
    }
}

impl<E> Default for Events<E> {
    fn default() -> Events<E> {
        Events { slots: Slab::new(), heap: 0, last: None, fresh: Fresh::default() }
    }
}

impl EventId {
    fn new(index: usize) -> EventId {
        let number = u32::try_from(index + 1).expect("limits keep a rule below 2^32 events");
        EventId(NonZeroU32::new(number).expect("one more than an index is not zero"))
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Weighing;

    #[test]
    fn an_event_is_made_once_for_a_row_and_held_until_the_last_reference_is_gone() {
        let mut events = Events::default();
        let at = |row| Start { time: 7, row };
        let one = events.take(&Weighing('a', 100), at(1));
        assert_eq!(events.take(&Weighing('a', 100), at(1)), one);
        let bytes = events.bytes();
        assert_eq!(bytes, 100 + Events::<char>::bytes_per_event());
        let other = events.take(&Weighing('b', 10), at(2));
        assert!(other != one && (events.get(other), events.at(other)) == ('b', at(2)));
        events.release(other);
        events.release(one);
        assert_eq!((events.get(one), events.bytes()), ('a', bytes));
        events.release(one);
        assert_eq!(events.bytes(), 0);
        // The name of what is gone is not mistaken for an event of the same row.
        let again = events.take(&Weighing('c', 0), at(1));
        assert_eq!(events.get(again), 'c');
    }
}

//! The events of a window that its finding carries.

use crate::engine::{KEPT_BYTES_MAX, Row};
use crate::snapshot::wire::{Read, Reader, Writer};

/// The events of a window from the first on, as many as there is room for. Rows that are not to be kept leave no trace.
///
/// What is kept depends on the window's rows alone, not on how they were divided: an event that does not fit ends it for
/// all later ones.
#[derive(Clone, Debug)]
pub(crate) struct Kept<E> {
    events: Vec<(E, usize)>,
    room: usize,
}

impl<E: Clone> Kept<E> {
    pub(crate) fn new() -> Kept<E> {
        Kept { events: Vec::new(), room: KEPT_BYTES_MAX }
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// Memory for one event, beside what it owns.
    pub(crate) fn bytes_per_event() -> usize {
        size_of::<(E, usize)>()
    }

    /// Whether there is room for nothing more.
    pub(crate) fn is_full(&self) -> bool {
        self.room == 0
    }

    /// Whether [`add`](Self::add) would keep the row's event.
    pub(crate) fn takes(&self, row: &Row<'_, E>) -> bool {
        row.keep.is_some_and(|bytes| bytes <= self.room)
    }

    pub(crate) fn add(&mut self, row: &Row<'_, E>) {
        if let Some(bytes) = row.keep {
            self.add_event(|| row.event.make(), bytes);
        }
    }

    /// Adds an event of this weight if there is room; whether there was.
    pub(crate) fn add_event(&mut self, event: impl FnOnce() -> E, bytes: usize) -> bool {
        let room = self.room.checked_sub(bytes);
        if room.is_some() {
            self.events.push((event(), bytes));
        }
        self.room = room.unwrap_or(0);
        room.is_some()
    }

    /// Adds those of a later part of the window.
    pub(crate) fn merge(&mut self, later: &Kept<E>) {
        for (event, bytes) in &later.events {
            self.add_event(|| event.clone(), *bytes);
        }
        if later.room == 0 {
            self.room = 0;
        }
    }

    pub(crate) fn save(&self, writer: &mut Writer<'_, E>) {
        writer.put(&(self.events.len() as u64, self.room as u64));
        for (event, bytes) in &self.events {
            writer.put(&(*bytes as u64));
            writer.put_event(event);
        }
    }

    pub(crate) fn load(reader: &mut Reader<'_, '_, E>) -> Read<Kept<E>> {
        let (count, room): (u64, u64) = reader.take()?;
        let mut events = Vec::new();
        for _ in 0..count {
            let bytes: u64 = reader.take()?;
            events.push((reader.take_event()?, bytes as usize));
        }
        Ok(Kept { events, room: room as usize })
    }

    pub(crate) fn into_events(self) -> Vec<E> {
        self.events.into_iter().map(|(event, _)| event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(weights: &[usize]) -> Kept<usize> {
        let mut kept = Kept::new();
        for (event, bytes) in weights.iter().enumerate() {
            kept.add(&Row { time: 0, steps: 1, inputs: &[], event: &event, keep: Some(*bytes) });
        }
        kept
    }

    #[test]
    fn what_does_not_fit_ends_it() {
        let most = KEPT_BYTES_MAX;
        assert_eq!(kept(&[most / 2, most / 2 + 1, 1]).into_events(), [0]);
        assert_eq!(kept(&[most, 1]).into_events(), [0]);
        assert_eq!(kept(&[most + 1, 1]).into_events(), Vec::<usize>::new());
    }

    #[test]
    fn division_does_not_show() {
        let most = KEPT_BYTES_MAX;
        let weights = [most / 4, most / 4, most / 4, most / 2, 1, 1];
        for cut in 0..=weights.len() {
            let mut merged = kept(&weights[..cut]);
            let mut later = Kept::new();
            for (event, bytes) in weights.iter().enumerate().skip(cut) {
                later.add_event(|| event, *bytes);
            }
            merged.merge(&later);
            assert_eq!(merged.into_events(), [0, 1, 2], "cut at {cut}");
        }
    }
}

//! The order in which runs are looked at, where it matters which match is found first.

use serde::{Deserialize, Serialize};

use super::arena::RunId;
use super::heap::{Begins, Heap};

/// All runs of a key in a [heap](super::heap), and among them what begins runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Order {
    heap: Heap<Slot>,
}

/// A run's place in the order.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Slot {
    /// `None` for what begins runs.
    pub(super) run: Option<RunId>,
    /// With which row the run began.
    pub(super) row: u64,
}

impl Slot {
    /// What begins runs stands behind all runs.
    pub(super) const START: Slot = Slot { run: None, row: u64::MAX };
}

impl Order {
    /// Takes all out, in order.
    pub(super) fn take_all(&mut self, slots: &mut Vec<Slot>) {
        slots.clear();
        slots.extend(self.heap.drain());
        if slots.is_empty() {
            slots.push(Slot::START);
        }
    }

    pub(super) fn push(&mut self, slot: Slot) {
        self.heap.push(slot);
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Slot> {
        self.heap.iter()
    }

    /// Takes those out that began with certain rows.
    pub(super) fn remove(&mut self, is_removed: impl Fn(u64) -> bool) {
        self.heap.remove(|slot| slot.run.is_some() && is_removed(slot.row), drop);
    }
}

impl Begins for Slot {
    fn row(&self) -> u64 {
        self.row
    }
}

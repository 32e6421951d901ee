//! A queue of what began, the earliest first.
//!
//! Of matches that began with the same event and are ready at the same time, the first one told decides what
//! [`AfterMatch`](crate::pattern::AfterMatch) drops. Patterns mean what was observed, and there a binary heap decided,
//! through the order in which its array is walked and its elements come out. So it is part of the meaning.

use serde::{Deserialize, Serialize};

/// What knows the row with which it began.
pub(super) trait Begins {
    fn row(&self) -> u64;
}

/// A binary heap whose array can be walked.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Heap<T> {
    items: Vec<T>,
}

impl<T: Begins> Heap<T> {
    pub(super) fn first(&self) -> Option<&T> {
        self.items.first()
    }

    /// In the order of the array.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// Takes all items out, in the order of the array.
    pub(super) fn drain(&mut self) -> std::vec::Drain<'_, T> {
        self.items.drain(..)
    }

    pub(super) fn push(&mut self, item: T) {
        self.items.push(item);
        let mut child = self.items.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if self.items[child].row() >= self.items[parent].row() {
                break;
            }
            self.items.swap(child, parent);
            child = parent;
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        if self.items.is_empty() {
            return None;
        }
        let first = self.items.swap_remove(0);
        self.sink(0);
        Some(first)
    }

    /// Takes out what is no longer wanted; what is left keeps its order but where that is no heap.
    pub(super) fn remove(&mut self, mut is_removed: impl FnMut(&T) -> bool, removed: impl FnMut(T)) {
        let before = self.items.len();
        self.items.extract_if(.., |item| is_removed(item)).for_each(removed);
        if self.items.len() < before {
            (0..self.items.len() / 2).rev().for_each(|parent| self.sink(parent));
        }
    }

    /// Moves an item down to where it belongs.
    fn sink(&mut self, mut parent: usize) {
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            if left >= self.items.len() {
                return;
            }
            let right_first = right < self.items.len() && self.items[right].row() < self.items[left].row();
            let child = if right_first { right } else { left };
            if self.items[parent].row() <= self.items[child].row() {
                return;
            }
            self.items.swap(parent, child);
            parent = child;
        }
    }
}

impl<T> Default for Heap<T> {
    fn default() -> Heap<T> {
        Heap { items: Vec::new() }
    }
}

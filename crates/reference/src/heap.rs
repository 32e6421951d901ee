//! A queue of what began, the earliest first.
//!
//! When matches that began with the same event are ready at the same time, which of them is told first decides what
//! [`AfterMatch`](olocus_cep::pattern::AfterMatch) drops. Patterns mean what was observed, and there a binary heap decided,
//! through the order in which its array is walked and its elements come out. So it is part of the meaning: this is that
//! heap.

use std::mem::take;

/// What knows the position of the event with which it began.
pub(crate) trait Begun {
    fn begun(&self) -> usize;
}

/// A binary heap whose array can be walked.
#[derive(Clone, Debug)]
pub(crate) struct Heap<T> {
    items: Vec<T>,
}

impl<T> Default for Heap<T> {
    fn default() -> Heap<T> {
        Heap { items: Vec::new() }
    }
}

impl<T: Begun> Heap<T> {
    pub(crate) fn first(&self) -> Option<&T> {
        self.items.first()
    }

    /// In the order of the array.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// All items, in the order of the array; none is left.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        take(&mut self.items)
    }

    pub(crate) fn push(&mut self, item: T) {
        self.items.push(item);
        let mut child = self.items.len() - 1;
        while child > 0 {
            let parent = (child - 1) / 2;
            if self.items[child].begun() >= self.items[parent].begun() {
                break;
            }
            self.items.swap(child, parent);
            child = parent;
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.items.is_empty() {
            return None;
        }
        let first = self.items.swap_remove(0);
        self.sink(0);
        Some(first)
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        let before = self.items.len();
        self.items.retain(keep);
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
            let right_first =
                right < self.items.len() && self.items[right].begun() < self.items[left].begun();
            let child = if right_first { right } else { left };
            if self.items[parent].begun() <= self.items[child].begun() {
                return;
            }
            self.items.swap(parent, child);
            parent = child;
        }
    }
}

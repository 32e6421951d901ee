//! What all keys hold together, and how long.

use std::collections::BTreeSet;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::determined::SetId;
use super::evaluator::Shared;
use super::queue;
use super::union::Element;
use crate::pattern::nodes::{Node, NodeId, Start};

/// Slots that are swept for what is over before anything is dropped.
const SWEPT_TO_FIT: usize = 64;

impl<E: Clone> Shared<E> {
    /// The row with which the latest of these began.
    pub(super) fn newest(&self, elements: &[Element]) -> Option<u64> {
        elements.iter().map(|element| self.nodes.start(element.node).row).max()
    }

    /// The earliest row with which something began that is held for any key.
    pub(super) fn oldest(&mut self) -> Option<u64> {
        while let Some((row, node)) = self.begun.front() {
            if self.nodes.is_begun(*node, *row) {
                return Some(*row);
            }
            self.begun.pop_front();
        }
        None
    }

    /// A row before which nothing began that is held.
    pub(super) fn begun_from(&self) -> u64 {
        self.begun.front().map_or(0, |(row, _)| *row)
    }

    /// How many rows began something that is held, or was until lately.
    pub(super) fn begun_count(&self) -> usize {
        self.nodes.begun()
    }

    /// Drops all that began with the [oldest](Self::oldest) row.
    pub(super) fn drop_oldest(&mut self, row: u64) {
        self.nodes.raise_floor(Start { time: i64::MIN, row: row + 1 });
        if let Some((_, node)) = self.begun.pop_front() {
            self.nodes.empty_over(node);
        }
    }

    /// What counts against limits.
    pub(super) fn held(&self) -> usize {
        self.nodes.live()
    }

    /// Whether no more than `most` is held, once some of what is over was freed.
    pub(super) fn shrink(&mut self, most: usize) -> bool {
        self.nodes.shrink(most, SWEPT_TO_FIT);
        self.nodes.live() <= most
    }

    /// Gives up what waits.
    pub(super) fn release(&mut self, elements: &[Element]) {
        for element in elements {
            self.nodes.release(element.node);
        }
    }

    /// The rows with which all of these began.
    pub(super) fn begun(&self, elements: &[Element]) -> BTreeSet<Start> {
        let mut seen: HashSet<NodeId, RandomState> = HashSet::default();
        let mut rows = BTreeSet::new();
        let mut ahead: Vec<NodeId> = elements.iter().map(|element| element.node).collect();
        while let Some(id) = ahead.pop() {
            if self.nodes.is_over(id) || !seen.insert(id) {
                continue;
            }
            match self.nodes.get(id) {
                Node::Event { next: Some(next), .. } => ahead.push(*next),
                Node::Event { next: None, at, .. } => {
                    rows.insert(*at);
                }
                Node::Union { left, right } => ahead.extend([*left, *right]),
            }
        }
        rows
    }

    /// What is held takes so many bytes, with its events.
    pub(super) fn weight(&self) -> usize {
        self.nodes.weight()
    }

    /// Bytes in use for all keys together.
    pub(super) fn bytes(&self) -> usize {
        self.begun.capacity() * size_of::<(u64, NodeId)>()
            + self.nodes.bytes()
            + self.determined.bytes()
            + self.walk.bytes()
    }

    /// When all of these will be over because they began too long ago.
    pub(super) fn over_by_start(&self, elements: &[Element]) -> Option<i64> {
        let within = self.within?;
        elements.iter().map(|element| self.nodes.start(element.node).time).max()?.checked_add(within)
    }

    /// When all that waits in one set since an event at `last` will be over.
    pub(super) fn over_at(&self, elements: &[Element], last: i64) -> Option<i64> {
        let set = elements[0].set;
        let by_start = self.over_by_start(elements);
        let by_last = self.determined.gap(set).and_then(|gap| {
            let newest = elements.iter().rev().find(|tree| !self.nodes.is_over(tree.node))?;
            self.ends_at(set, queue::newest(&self.nodes, *newest).time, gap, last)
        });
        match (by_start, by_last) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// When the first of what waits in a pending set since an event at `last` becomes a match.
    pub(super) fn pending_at(&self, elements: &[Element], last: i64) -> Option<i64> {
        let set = elements[0].set;
        if !self.determined.pending(set) {
            return None;
        }
        let oldest = elements.iter().find(|tree| !self.nodes.is_over(tree.node))?;
        let taken = queue::oldest(&self.nodes, *oldest).time;
        self.ends_at(set, taken, self.determined.gap(set)?, last)
    }

    /// When what took its last event at `taken` has been in a set for too long: not before time goes on, if that matters.
    fn ends_at(&self, set: SetId, taken: i64, gap: i64, last: i64) -> Option<i64> {
        let at = taken.checked_add(gap)?;
        Some(if self.determined.anew(set) { at.max(last.saturating_add(1)) } else { at })
    }
}

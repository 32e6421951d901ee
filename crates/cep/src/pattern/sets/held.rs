//! What all keys hold together, and how long.

use std::collections::BTreeSet;

use foldhash::fast::RandomState;
use hashbrown::HashSet;

use super::determined::SetId;
use super::evaluator::{Begun, Shared};
use super::queue;
use super::union::Element;
use crate::pattern::events::Start;
use crate::pattern::nodes::{Node, NodeId};
use crate::slots::SlotId;

/// Slots that are swept for what is over before anything is dropped.
const SWEPT_TO_FIT: usize = 64;

impl<E: Clone> Shared<E> {
    /// The row with which the latest of these began.
    pub(super) fn newest(&self, elements: &[Element]) -> Option<u64> {
        elements.iter().map(|element| self.nodes.start(element.node)).max()
    }

    /// The earliest row with which something began that is held for any key, and that key.
    pub(super) fn oldest(&mut self) -> Option<(u64, SlotId)> {
        while let Some(begun) = self.begun.front() {
            if self.nodes.is_begun(begun.node, begun.at.row) {
                return Some((begun.at.row, begun.slot));
            }
            self.begun.pop_front();
        }
        None
    }

    /// Drops all that began with the [oldest](Self::oldest) row.
    pub(super) fn drop_oldest(&mut self, row: u64) {
        self.nodes.raise_floor(row + 1);
        if let Some(begun) = self.begun.pop_front() {
            self.nodes.empty_over(begun.node);
        }
    }

    /// When what began with the first row that is not forgotten is over.
    pub(super) fn first_over(&self) -> Option<i64> {
        self.over_at_start(self.begun.front()?.at)
    }

    /// Takes the first row that is not forgotten out if what began with it is over at `now`; with its key.
    pub(super) fn take_over(&mut self, now: i64) -> Option<(u64, SlotId)> {
        let over = self.first_over()?;
        let begun = self.begun.pop_front_if(|_| over <= now)?;
        self.nodes.raise_floor(begun.at.row + 1);
        Some((begun.at.row, begun.slot))
    }

    /// What counts against limits.
    pub(super) fn held(&self) -> usize {
        self.nodes.live()
    }

    /// Whether no more than `most` is held, once some of what is over was freed.
    pub(super) fn shrink(&mut self, most: usize) -> bool {
        let mut unswept = SWEPT_TO_FIT;
        while self.nodes.live() > most && self.nodes.free_some(&mut unswept) {}
        self.nodes.live() <= most
    }

    /// Gives up what waits.
    pub(super) fn release(&mut self, elements: &[Element]) {
        for element in elements {
            self.nodes.release(element.node);
        }
    }

    /// The rows with which all of these began.
    pub(super) fn begun(&self, elements: &[Element]) -> BTreeSet<u64> {
        let mut seen: HashSet<NodeId, RandomState> = HashSet::default();
        let mut rows = BTreeSet::new();
        let mut ahead: Vec<NodeId> = elements.iter().map(|element| element.node).collect();
        while let Some(id) = ahead.pop() {
            if self.nodes.is_over(id) || !seen.insert(id) {
                continue;
            }
            match self.nodes.get(id) {
                Node::Event { next: Some(next), .. } => ahead.push(next),
                Node::Event { next: None, event, .. } => {
                    rows.insert(self.nodes.events.at(event).row);
                }
                Node::Union { left, right } => ahead.extend([left, right]),
            }
        }
        rows
    }

    /// What is held for all keys together takes so many bytes.
    pub(super) fn bytes(&self) -> usize {
        self.begun.len() * size_of::<Begun>() + self.spilled * size_of::<Element>() + self.nodes.bytes()
    }

    /// When all of these will be over because they began too long ago.
    pub(super) fn over_by_start(&self, elements: &[Element]) -> Option<i64> {
        let newest = self.newest(elements)?;
        let place = self.begun.binary_search_by_key(&newest, |begun| begun.at.row).ok()?;
        self.over_at_start(self.begun[place].at)
    }

    fn over_at_start(&self, begun: Start) -> Option<i64> {
        begun.time.checked_add(self.within?)
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

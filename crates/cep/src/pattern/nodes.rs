//! What partial matches consist of: immutable nodes that they share.
//!
//! A partial match is a path: an event node, then the event node it continues, down to one that begins. A [`Union`] node
//! stands for the paths of two nodes, so that one node can stand for many partial matches. The nodes are those of the timed
//! enumerable compact sets of Bucchi, Grez, Quintana, Riveros, Vansummeren: "CORE: a complex event recognition engine",
//! PVLDB 15(9), 2022; the start times here are their `max-start`.
//!
//! Nodes are counted references into one arena per rule. What is released is taken apart bit by bit as new nodes are made,
//! so that no single event pays for a large structure that ends with it.
//!
//! [`Union`]: Node::Union

use std::fmt;
use std::num::NonZeroU32;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::StepId;
use super::events::{EventId, Events};
use super::fresh::Fresh;

mod saved;

/// The nodes of all partial matches of a rule, and their events. Each remembers an `S` of where its paths begin.
#[derive(Debug)]
pub(crate) struct Nodes<E, S = u64> {
    pub(crate) events: Events<E>,
    slots: Vec<Slot<S>>,
    /// Slots that hold nothing.
    free: Vec<NodeId>,
    /// Nodes that nothing refers to any longer, but that still hold their references to others.
    condemned: Vec<NodeId>,
    live: usize,
    /// Of those, the ones with which something begins.
    begun: usize,
    /// What began with an earlier row is over.
    floor: u64,
    /// The slot that is swept next.
    swept: usize,
    fresh: Fresh,
}

/// A counted reference to a node. Whoever keeps a copy [retains](Nodes::retain) it, and [releases](Nodes::release) it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct NodeId(NonZeroU32);

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Node {
    /// An event taken for a step, continuing each path of `next`; with none, it begins a partial match.
    Event { step: StepId, event: EventId, next: Option<NodeId> },
    /// The paths of both; the latest start on the left is no earlier than that on the right.
    Union { left: NodeId, right: NodeId },
}

/// What is remembered of the row with which the path of a node begins that begins latest.
pub(crate) trait LatestStart: Copy + fmt::Debug + Serialize + DeserializeOwned {
    /// Of a path that begins with this row.
    fn of(row: u64) -> Self;

    /// The row.
    fn row(self) -> u64;
}

/// The row itself.
impl LatestStart for u64 {
    fn of(row: u64) -> u64 {
        row
    }

    fn row(self) -> u64 {
        self
    }
}

/// Nothing: whoever holds a node knows how long, and no node is ever over by itself.
impl LatestStart for () {
    fn of(_: u64) {}

    fn row(self) -> u64 {
        u64::MAX
    }
}

#[derive(Debug)]
struct Slot<S> {
    start: S,
    references: u32,
    node: Option<Node>,
}

/// Condemned nodes that are taken apart for each node made. More than one, so that they run out.
const RELEASED_PER_NODE: usize = 4;

/// Slots that are [swept](Nodes::sweep) for each node made. The more, the less of the memory is taken by what is over.
const SWEPT_PER_NODE: usize = 3;

impl<E, S> Default for Nodes<E, S> {
    fn default() -> Nodes<E, S> {
        Nodes {
            events: Events::default(),
            slots: Vec::new(),
            free: Vec::new(),
            condemned: Vec::new(),
            live: 0,
            begun: 0,
            floor: 0,
            swept: 0,
            fresh: Fresh::default(),
        }
    }
}

impl<E: Clone, S: LatestStart> Nodes<E, S> {
    /// An event that begins a partial match, whose reference goes over to the new node. The caller owns that to the node.
    pub(crate) fn begin(&mut self, step: StepId, event: EventId) -> NodeId {
        self.begun += 1;
        self.insert(S::of(self.events.at(event).row), Node::Event { step, event, next: None })
    }

    /// An event that continues every path of `next`; the references of both go over to the new node.
    pub(crate) fn extend(&mut self, step: StepId, event: EventId, next: NodeId) -> NodeId {
        self.insert(self.slots[next.index()].start, Node::Event { step, event, next: Some(next) })
    }

    /// The paths of both, whose references go over to the new node.
    pub(crate) fn union(&mut self, left: NodeId, right: NodeId) -> NodeId {
        debug_assert!(self.start(left) >= self.start(right), "the later start stands on the left");
        self.insert(self.slots[left.index()].start, Node::Union { left, right })
    }

    /// Adds a reference.
    pub(crate) fn retain(&mut self, id: NodeId) -> NodeId {
        self.slot_mut(id).references += 1;
        id
    }

    /// Gives a reference up.
    pub(crate) fn release(&mut self, id: NodeId) {
        self.unrefer(id);
        self.reclaim(RELEASED_PER_NODE);
    }

    /// Takes condemned nodes apart, at most so many.
    pub(crate) fn reclaim(&mut self, most: usize) {
        for _ in 0..most {
            let Some(id) = self.condemned.pop() else { return };
            self.empty(id);
            self.free.push(id);
        }
    }

    /// From now on what began before this row is over.
    pub(crate) fn raise_floor(&mut self, row: u64) {
        self.floor = self.floor.max(row);
    }

    /// Whether every path of a node begins before the [floor](Self::raise_floor). Such a node may be emptied at any time: a
    /// reference to it stays good, but only to be released and to ask for the start.
    pub(crate) fn is_over(&self, id: NodeId) -> bool {
        self.start(id) < self.floor
    }

    /// Empties nodes that are [over](Self::is_over), looking at most at so many slots, on from where the last sweep ended.
    pub(crate) fn sweep(&mut self, most: usize) {
        if self.floor == 0 {
            return;
        }
        for _ in 0..most.min(self.slots.len()) {
            let id = NodeId::new(self.swept);
            self.swept += 1;
            if self.swept == self.slots.len() {
                self.swept = 0;
            }
            self.empty_over(id);
        }
    }

    /// Empties a node if it is [over](Self::is_over).
    pub(crate) fn empty_over(&mut self, id: NodeId) {
        let held = self.slot_mut(id).references > 0 && self.find(id).is_some();
        if held && self.is_over(id) {
            self.live -= 1;
            self.empty(id);
        }
    }

    /// Whether this node, which may have been given up since, is still that with which a partial match began at this row.
    pub(crate) fn is_begun(&self, id: NodeId, row: u64) -> bool {
        matches!(self.find(id), Some(Node::Event { event, next: None, .. }) if self.events.at(event).row == row)
    }

    /// Frees a node, or looks at one slot for something that is over; whether there was anything to do. `unswept` is how many
    /// more slots may be looked at.
    pub(crate) fn free_some(&mut self, unswept: &mut usize) -> bool {
        if !self.condemned.is_empty() {
            self.reclaim(1);
        } else if self.floor > 0 && *unswept > 0 {
            *unswept -= 1;
            self.sweep(1);
        } else {
            return false;
        }
        true
    }

    /// The node, which is not [over](Self::is_over).
    pub(crate) fn get(&self, id: NodeId) -> Node {
        self.find(id).expect("a node that is referred to is there")
    }

    /// The node, unless it is [over](Self::is_over) and was emptied.
    pub(crate) fn find(&self, id: NodeId) -> Option<Node> {
        self.slots[id.index()].node
    }

    /// The row with which the path begins that begins latest.
    pub(crate) fn start(&self, id: NodeId) -> u64 {
        self.slots[id.index()].start.row()
    }

    /// Nodes that something refers to, or that are part of such ones.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Events with which something begins, as far as they were not taken apart yet.
    pub(crate) fn begun(&self) -> usize {
        self.begun
    }

    /// What nodes and events take, in bytes, those that are to be taken apart included.
    pub(crate) fn bytes(&self) -> usize {
        (self.slots.len() - self.free.len()) * Self::bytes_per_node() + self.events.bytes()
    }

    /// What a node takes.
    pub(crate) const fn bytes_per_node() -> usize {
        size_of::<Slot<S>>()
    }

    fn insert(&mut self, start: S, node: Node) -> NodeId {
        self.reclaim(RELEASED_PER_NODE);
        self.sweep(SWEPT_PER_NODE);
        self.live += 1;
        let slot = Slot { start, references: 1, node: Some(node) };
        if let Some(id) = self.free.pop() {
            self.slots[id.index()] = slot;
            self.fresh.fill(id.index());
            return id;
        }
        if self.slots.len() == self.slots.capacity() {
            // Doubling would leave half of the memory empty.
            self.slots.reserve_exact(self.slots.len() / 4 + 16);
        }
        self.slots.push(slot);
        self.fresh.fill(self.slots.len() - 1);
        NodeId::new(self.slots.len() - 1)
    }

    fn unrefer(&mut self, id: NodeId) {
        let slot = self.slot_mut(id);
        slot.references -= 1;
        if slot.references == 0 {
            self.live -= usize::from(slot.node.is_some());
            self.condemned.push(id);
        }
    }

    /// Takes what a node holds, and gives its references up.
    fn empty(&mut self, id: NodeId) {
        match self.slot_mut(id).node.take() {
            Some(Node::Event { event, next, .. }) => {
                self.events.release(event);
                match next {
                    Some(next) => self.unrefer(next),
                    None => self.begun -= 1,
                }
            }
            Some(Node::Union { left, right }) => {
                self.unrefer(left);
                self.unrefer(right);
            }
            None => {}
        }
    }

    fn slot_mut(&mut self, id: NodeId) -> &mut Slot<S> {
        &mut self.slots[id.index()]
    }
}

impl NodeId {
    fn new(index: usize) -> NodeId {
        let number = u32::try_from(index + 1).expect("limits keep a rule below 2^32 nodes");
        NodeId(NonZeroU32::new(number).expect("one more than an index is not zero"))
    }

    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::pattern::events::Start;

    /// A reference to the event of a row, which is that number in the findings.
    pub(crate) fn event(nodes: &mut Nodes<u64>, row: u64) -> EventId {
        nodes.events.take(&row, Start { time: row as i64 * 10, row })
    }

    fn begin(nodes: &mut Nodes<u64>, row: u64) -> NodeId {
        let event = event(nodes, row);
        nodes.begin(StepId(0), event)
    }

    #[test]
    fn what_nothing_refers_to_is_taken_apart_as_new_nodes_are_made() {
        let mut nodes = Nodes::default();
        let mut chain = begin(&mut nodes, 0);
        for row in 1..100 {
            let event = event(&mut nodes, row);
            chain = nodes.extend(StepId(1), event, chain);
        }
        assert_eq!((nodes.live(), nodes.start(chain)), (100, 0));
        let bytes = nodes.bytes();
        nodes.release(chain);
        assert!(nodes.bytes() > bytes / 2, "no single event pays for all");
        for row in 100..200 {
            let node = begin(&mut nodes, row);
            nodes.release(node);
        }
        assert_eq!((nodes.live(), nodes.bytes()), (0, 0));
        assert_eq!(nodes.free.len(), nodes.slots.len());
    }

    #[test]
    fn a_sweep_empties_what_began_too_early_however_it_is_referred_to() {
        let mut nodes = Nodes::default();
        let mut all = begin(&mut nodes, 0);
        for row in 1..100 {
            let begun = begin(&mut nodes, row);
            all = nodes.union(begun, all);
        }
        assert_eq!(nodes.live(), 199);
        nodes.raise_floor(60);
        nodes.sweep(1000);
        nodes.reclaim(usize::MAX);
        assert_eq!(nodes.live(), 80);
        // One emptied node stands where the living ones refer to the others.
        assert_eq!(nodes.free.len(), nodes.slots.len() - 81);
        assert_eq!(nodes.start(all), 99);
        nodes.release(all);
        nodes.reclaim(usize::MAX);
        assert_eq!((nodes.live(), nodes.free.len(), nodes.bytes()), (0, nodes.slots.len(), 0));
    }

    #[test]
    fn shared_nodes_stay_until_the_last_reference_is_gone() {
        let mut nodes = Nodes::default();
        let first = begin(&mut nodes, 0);
        nodes.retain(first);
        let taken = event(&mut nodes, 1);
        let left = nodes.extend(StepId(1), taken, first);
        let second = begin(&mut nodes, 2);
        let both = nodes.union(second, first);
        assert_eq!(nodes.start(both), 2);
        nodes.release(both);
        nodes.reclaim(usize::MAX);
        assert_eq!(nodes.live(), 2);
        assert!(
            matches!(nodes.get(first), Node::Event { event, next: None, .. } if nodes.events.get(event) == 0)
        );
        nodes.release(left);
        nodes.reclaim(usize::MAX);
        assert_eq!((nodes.live(), nodes.bytes()), (0, 0));
    }
}

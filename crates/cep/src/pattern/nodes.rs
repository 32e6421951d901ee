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

use std::mem::size_of;
use std::num::NonZeroU32;

use super::StepId;
use crate::event::MakeEvent;

/// The nodes of all partial matches of a rule.
#[derive(Debug)]
pub(crate) struct Nodes<E> {
    slots: Vec<Slot<E>>,
    /// Slots that hold nothing.
    free: Vec<NodeId>,
    /// Nodes that nothing refers to any longer, but that still hold their references to others.
    condemned: Vec<NodeId>,
    live: usize,
    /// What the events of those own elsewhere, in bytes; an event counts once for each node that has it.
    heap: usize,
    /// Of those, the ones with which something begins.
    begun: usize,
    /// What begins before is over.
    floor: Start,
    /// The slot that is swept next.
    swept: usize,
}

/// A counted reference to a node. Whoever keeps a copy [retains](Nodes::retain) it, and [releases](Nodes::release) it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(NonZeroU32);

/// Where a partial match began: which of the key's events it was, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Start {
    /// Event time.
    pub(crate) time: i64,
    /// Number of the row; later rows have larger ones.
    pub(crate) row: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Node<E> {
    /// An event taken for a step, continuing each path of `next`; with none, it begins a partial match.
    Event { step: StepId, event: E, at: Start, weight: u32, next: Option<NodeId> },
    /// The paths of both; the latest start on the left is no earlier than that on the right.
    Union { left: NodeId, right: NodeId },
}

#[derive(Debug)]
struct Slot<E> {
    references: u32,
    /// Latest start of any path.
    start: Start,
    node: Option<Node<E>>,
}

/// Condemned nodes that are taken apart for each node made. More than one, so that they run out.
const RELEASED_PER_NODE: usize = 4;

/// Slots that are [swept](Nodes::sweep) for each node made. The more, the less of the memory is taken by what is over.
const SWEPT_PER_NODE: usize = 3;

impl<E> Default for Nodes<E> {
    fn default() -> Nodes<E> {
        Nodes {
            slots: Vec::new(),
            free: Vec::new(),
            condemned: Vec::new(),
            live: 0,
            heap: 0,
            begun: 0,
            floor: Start::FIRST,
            swept: 0,
        }
    }
}

impl<E> Nodes<E> {
    /// An event that begins a partial match. The caller owns the reference.
    pub(crate) fn begin(&mut self, step: StepId, event: &dyn MakeEvent<E>, at: Start) -> NodeId {
        self.begun += 1;
        self.insert(at, Node::event(step, event, at, None))
    }

    /// An event that continues every path of `next`, whose reference goes over to the new node.
    pub(crate) fn extend(
        &mut self,
        step: StepId,
        event: &dyn MakeEvent<E>,
        at: Start,
        next: NodeId,
    ) -> NodeId {
        self.insert(self.start(next), Node::event(step, event, at, Some(next)))
    }

    /// The paths of both, whose references go over to the new node.
    pub(crate) fn union(&mut self, left: NodeId, right: NodeId) -> NodeId {
        debug_assert!(self.start(left) >= self.start(right), "the later start stands on the left");
        self.insert(self.start(left), Node::Union { left, right })
    }

    /// Adds a reference.
    pub(crate) fn retain(&mut self, id: NodeId) -> NodeId {
        self.slot_mut(id).references += 1;
        id
    }

    /// Gives a reference up.
    pub(crate) fn release(&mut self, id: NodeId) {
        let slot = self.slot_mut(id);
        slot.references -= 1;
        if slot.references == 0 {
            let weight = slot.node.as_ref().map(Node::weight);
            self.condemned.push(id);
            self.live -= usize::from(weight.is_some());
            self.heap -= weight.unwrap_or(0);
        }
    }

    /// Takes condemned nodes apart, at most so many.
    pub(crate) fn reclaim(&mut self, most: usize) {
        for _ in 0..most {
            let Some(id) = self.condemned.pop() else { return };
            self.empty(id);
            self.free.push(id);
        }
    }

    /// From now on what begins before this time or this row is over.
    pub(crate) fn raise_floor(&mut self, floor: Start) {
        self.floor.time = self.floor.time.max(floor.time);
        self.floor.row = self.floor.row.max(floor.row);
    }

    /// Whether every path of a node begins before the [floor](Self::raise_floor). Such a node may be emptied at any time: a
    /// reference to it stays good, but only to be released and to ask for the start.
    pub(crate) fn is_over(&self, id: NodeId) -> bool {
        self.start(id).is_before(self.floor)
    }

    /// Empties nodes that are [over](Self::is_over), looking at most at so many slots, on from where the last sweep ended.
    pub(crate) fn sweep(&mut self, most: usize) {
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
            self.heap -= self.get(id).weight();
            self.empty(id);
        }
    }

    /// Whether this node, which may have been given up since, is still that with which a partial match began at this row.
    pub(crate) fn is_begun(&self, id: NodeId, row: u64) -> bool {
        matches!(self.find(id), Some(Node::Event { at, next: None, .. }) if at.row == row)
    }

    /// Reclaims and sweeps until no more than `most` nodes are live, or there is nothing to reclaim and so many slots were
    /// swept.
    pub(crate) fn shrink(&mut self, most: usize, mut unswept: usize) {
        while self.live > most {
            if !self.condemned.is_empty() {
                self.reclaim(1);
            } else if unswept > 0 {
                self.sweep(1);
                unswept -= 1;
            } else {
                return;
            }
        }
    }

    pub(crate) fn get(&self, id: NodeId) -> &Node<E> {
        self.find(id).expect("a node that is referred to is there")
    }

    /// The node, unless it is [over](Self::is_over) and was emptied.
    pub(crate) fn find(&self, id: NodeId) -> Option<&Node<E>> {
        self.slots[id.index()].node.as_ref()
    }

    /// Latest start of any path.
    pub(crate) fn start(&self, id: NodeId) -> Start {
        self.slots[id.index()].start
    }

    /// Nodes that something refers to, or that are part of such ones.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Events with which something begins, as far as they were not taken apart yet.
    pub(crate) fn begun(&self) -> usize {
        self.begun
    }

    /// What a node takes, without what its event owns elsewhere.
    pub(crate) fn bytes_per_node() -> usize {
        size_of::<Slot<E>>()
    }

    /// What the live nodes take with their events, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.live * size_of::<Slot<E>>() + self.heap
    }

    /// Memory taken, in bytes, with what events own elsewhere.
    pub(crate) fn bytes(&self) -> usize {
        self.heap
            + self.slots.capacity() * size_of::<Slot<E>>()
            + (self.free.capacity() + self.condemned.capacity()) * size_of::<NodeId>()
    }

    fn insert(&mut self, start: Start, node: Node<E>) -> NodeId {
        self.reclaim(RELEASED_PER_NODE);
        if self.floor > Start::FIRST {
            self.sweep(SWEPT_PER_NODE);
        }
        self.live += 1;
        self.heap += node.weight();
        let slot = Slot { references: 1, start, node: Some(node) };
        if let Some(id) = self.free.pop() {
            self.slots[id.index()] = slot;
            return id;
        }
        if self.slots.len() == self.slots.capacity() {
            // Doubling would leave half of the memory empty.
            self.slots.reserve_exact(self.slots.len() / 4 + 16);
        }
        self.slots.push(slot);
        NodeId::new(self.slots.len() - 1)
    }

    /// Takes what a node holds, and gives its references up.
    fn empty(&mut self, id: NodeId) {
        match self.slot_mut(id).node.take() {
            Some(Node::Event { next: Some(next), .. }) => self.release(next),
            Some(Node::Union { left, right }) => {
                self.release(left);
                self.release(right);
            }
            Some(Node::Event { next: None, .. }) => self.begun -= 1,
            None => {}
        }
    }

    fn slot_mut(&mut self, id: NodeId) -> &mut Slot<E> {
        &mut self.slots[id.index()]
    }
}

impl<E> Node<E> {
    fn event(step: StepId, event: &dyn MakeEvent<E>, at: Start, next: Option<NodeId>) -> Node<E> {
        let weight = u32::try_from(event.weight()).unwrap_or(u32::MAX);
        Node::Event { step, event: event.make(), at, weight, next }
    }

    /// What its event owns elsewhere, in bytes.
    fn weight(&self) -> usize {
        match self {
            Node::Event { weight, .. } => *weight as usize,
            Node::Union { .. } => 0,
        }
    }
}

impl Start {
    /// No start is before this one.
    const FIRST: Start = Start { time: i64::MIN, row: 0 };

    /// Whether it is too early for a floor, of which both time and row count.
    fn is_before(self, floor: Start) -> bool {
        self.time < floor.time || self.row < floor.row
    }
}

impl NodeId {
    fn new(index: usize) -> NodeId {
        let number = u32::try_from(index + 1).expect("limits keep a rule below 2^32 nodes");
        NodeId(NonZeroU32::new(number).expect("one more than an index is not zero"))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(row: u64) -> Start {
        Start { time: row as i64 * 10, row }
    }

    #[test]
    fn what_nothing_refers_to_is_taken_apart_as_new_nodes_are_made() {
        let mut nodes = Nodes::default();
        let mut chain = nodes.begin(StepId(0), &'a', at(0));
        for row in 1..100 {
            chain = nodes.extend(StepId(1), &'b', at(row), chain);
        }
        assert_eq!((nodes.live(), nodes.start(chain)), (100, at(0)));
        nodes.release(chain);
        let bytes = nodes.bytes();
        for row in 0..100 {
            let node = nodes.begin(StepId(0), &'c', at(row));
            nodes.release(node);
        }
        nodes.reclaim(usize::MAX);
        assert_eq!(nodes.live(), 0);
        assert!(nodes.bytes() < 2 * bytes);
        assert_eq!(nodes.free.len(), nodes.slots.len());
    }

    #[test]
    fn a_sweep_empties_what_began_too_early_however_it_is_referred_to() {
        let mut nodes = Nodes::default();
        let mut all = nodes.begin(StepId(0), &'a', at(0));
        for row in 1..100 {
            let begun = nodes.begin(StepId(0), &'a', at(row));
            all = nodes.union(begun, all);
        }
        assert_eq!(nodes.live(), 199);
        nodes.raise_floor(at(60));
        nodes.sweep(1000);
        nodes.reclaim(usize::MAX);
        assert_eq!(nodes.live(), 80);
        // One emptied node stands where the living ones refer to the others.
        assert_eq!(nodes.free.len(), nodes.slots.len() - 81);
        assert_eq!(nodes.start(all), at(99));
        nodes.release(all);
        nodes.reclaim(usize::MAX);
        assert_eq!((nodes.live(), nodes.free.len()), (0, nodes.slots.len()));
    }

    #[test]
    fn shared_nodes_stay_until_the_last_reference_is_gone() {
        let mut nodes = Nodes::default();
        let first = nodes.begin(StepId(0), &'a', at(0));
        nodes.retain(first);
        let left = nodes.extend(StepId(1), &'b', at(1), first);
        let second = nodes.begin(StepId(0), &'c', at(2));
        let both = nodes.union(second, first);
        assert_eq!(nodes.start(both), at(2));
        nodes.release(both);
        nodes.reclaim(usize::MAX);
        assert_eq!(nodes.live(), 2);
        assert!(matches!(nodes.get(first), Node::Event { event: 'a', next: None, .. }));
        nodes.release(left);
        nodes.reclaim(usize::MAX);
        assert_eq!(nodes.live(), 0);
    }
}

//! The paths of a node, one after the other.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use crate::pattern::nodes::{Node, NodeId, Nodes};

/// Walks through the paths of nodes, from their last event to their first. Kept from one walk to the next for its memory.
///
/// Where a union parts, its left is walked first, whose latest start is later; parts that are [over](Nodes::is_over) are
/// passed over. As unions are shallow, the way from one path to the next is not much longer than the path.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Parts to be walked yet, and how many events of the path come before them.
    ahead: Vec<(NodeId, usize)>,
    /// Event nodes of the path, the last event first.
    path: Vec<NodeId>,
    /// Paths below the nodes counted so far.
    counts: HashMap<NodeId, u64, RandomState>,
}

/// Nodes that are looked at to count paths. What is beyond counts as one path each.
const COUNTED_NODES: usize = 10_000;

impl Walk {
    /// Begins with the paths of a node.
    pub(super) fn begin<E: Clone>(&mut self, nodes: &Nodes<E>, root: NodeId) {
        self.ahead.clear();
        if !nodes.is_over(root) {
            self.ahead.push((root, 0));
        }
    }

    /// Whether there is no further path.
    pub(super) fn is_over(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The event nodes of the next path, the last event first.
    pub(super) fn next<E: Clone>(&mut self, nodes: &Nodes<E>) -> Option<&[NodeId]> {
        let (mut id, shared) = self.ahead.pop()?;
        self.path.truncate(shared);
        loop {
            match nodes.get(id) {
                Node::Union { left, right } => {
                    if !nodes.is_over(right) {
                        self.ahead.push((right, self.path.len()));
                    }
                    id = left;
                }
                Node::Event { next, .. } => {
                    self.path.push(id);
                    match next {
                        Some(next) => id = next,
                        None => return Some(&self.path),
                    }
                }
            }
        }
    }

    /// How many paths there are yet; at least so many, where more nodes than can be looked at are in them.
    pub(super) fn count_rest<E: Clone>(&mut self, nodes: &Nodes<E>) -> u64 {
        self.counts.clear();
        let mut rest = 0_u64;
        while let Some((root, _)) = self.ahead.pop() {
            rest = rest.saturating_add(self.count(nodes, root));
        }
        rest
    }

    fn count<E: Clone>(&mut self, nodes: &Nodes<E>, root: NodeId) -> u64 {
        let parents = self.ahead.len();
        self.ahead.push((root, 0));
        while self.ahead.len() > parents {
            let (id, _) = self.ahead[self.ahead.len() - 1];
            if !self.counts.contains_key(&id) {
                let count = match nodes.get(id) {
                    _ if self.counts.len() >= COUNTED_NODES => Some(1),
                    Node::Event { next: None, .. } => Some(1),
                    Node::Event { next: Some(next), .. } => self.counted(next),
                    Node::Union { left, right } if nodes.is_over(right) => self.counted(left),
                    Node::Union { left, right } => {
                        let (left, right) = (self.counted(left), self.counted(right));
                        left.zip(right).map(|(left, right)| left.saturating_add(right))
                    }
                };
                match count {
                    Some(count) => self.counts.insert(id, count),
                    None => continue,
                };
            }
            self.ahead.pop();
        }
        self.counts[&root]
    }

    /// The count of a node, which else is to be counted next.
    fn counted(&mut self, id: NodeId) -> Option<u64> {
        let count = self.counts.get(&id).copied();
        if count.is_none() {
            self.ahead.push((id, 0));
        }
        count
    }
}

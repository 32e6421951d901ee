//! Sets of partial matches without those that began last.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::queue;
use super::union::{self, Element, in_order, is_shallow, parts};
use crate::pattern::nodes::{Node, NodeId, Nodes};

/// Makes copies of nodes without the paths that begin with one row, after which none of their paths begins.
///
/// Only nodes whose latest start that row is have such paths, so only those are looked at.
#[derive(Debug)]
pub(super) struct Without {
    row: u64,
    /// What nodes became; each of these is referred to from here. `None` if nothing is left.
    copies: HashMap<NodeId, Option<NodeId>, RandomState>,
}

impl Without {
    pub(super) fn new(row: u64) -> Without {
        Without { row, copies: HashMap::default() }
    }

    /// Appends what is left of a union-list, as one. References go over.
    pub(super) fn list<E: Clone>(
        &mut self,
        nodes: &mut Nodes<E>,
        elements: &[Element],
        list: &mut Vec<Element>,
    ) {
        let mut left: Vec<Element> = Vec::with_capacity(elements.len());
        for element in elements {
            left.extend(self.take(nodes, element.node).map(|node| Element { node, ..*element }));
        }
        // A copy may be deeper than what it is of, and what was further back may now come first.
        loop {
            left.sort_by_key(|element| std::cmp::Reverse(nodes.start(element.node)));
            let deep = |(index, element): (usize, &Element)| {
                let fits = if index == 0 {
                    parts(nodes, element.node).is_none()
                } else {
                    is_shallow(nodes, element.node)
                };
                (!fits).then_some(index)
            };
            let Some(index) = left.iter().enumerate().find_map(deep) else { break };
            let element = left[index];
            let (one, other) = parts(nodes, element.node).expect("an event is as shallow as can be");
            nodes.retain(one);
            left[index].node = one;
            if !nodes.is_over(other) {
                nodes.retain(other);
                left.push(Element { node: other, ..element });
            }
            nodes.release(element.node);
        }
        for element in left {
            union::insert(nodes, list, element);
        }
    }

    /// Appends what is left of a queue, as one. References go over.
    pub(super) fn queue<E: Clone>(
        &mut self,
        nodes: &mut Nodes<E>,
        elements: &[Element],
        list: &mut Vec<Element>,
    ) {
        let mut events = Vec::new();
        for tree in elements {
            if nodes.is_over(tree.node) {
                nodes.release(tree.node);
                continue;
            }
            if nodes.start(tree.node) != self.row {
                list.push(*tree);
                continue;
            }
            queue::scatter(nodes, *tree, &mut events);
            for event in events.drain(..) {
                if let Some(node) = self.take(nodes, event.node) {
                    queue::push(nodes, list, Element { node, ..event });
                }
            }
        }
    }

    /// Gives up what was kept for further copies.
    pub(super) fn end<E: Clone>(self, nodes: &mut Nodes<E>) {
        for copy in self.copies.into_values().flatten() {
            nodes.release(copy);
        }
    }

    /// What is left of a node. The reference goes over.
    fn take<E: Clone>(&mut self, nodes: &mut Nodes<E>, root: NodeId) -> Option<NodeId> {
        let mut ahead = vec![root];
        while let Some(id) = ahead.last().copied() {
            if !self.copies.contains_key(&id) {
                let Some(copy) = self.copy(nodes, id, &mut ahead) else { continue };
                self.copies.insert(id, copy);
            }
            ahead.pop();
        }
        let copy = self.copies[&root];
        if let Some(copy) = copy {
            nodes.retain(copy);
        }
        nodes.release(root);
        copy
    }

    /// What is left of a node, if what it refers to was copied; else adds that to what is ahead.
    fn copy<E: Clone>(
        &mut self,
        nodes: &mut Nodes<E>,
        id: NodeId,
        ahead: &mut Vec<NodeId>,
    ) -> Option<Option<NodeId>> {
        if nodes.is_over(id) {
            return Some(None);
        }
        if nodes.start(id) != self.row {
            return Some(Some(nodes.retain(id)));
        }
        let mut copied = |id: NodeId| {
            let copy = self.copies.get(&id).copied();
            if copy.is_none() {
                ahead.push(id);
            }
            copy
        };
        match nodes.get(id) {
            Node::Event { next: None, .. } => Some(None),
            Node::Event { step, event, next: Some(next) } => Some(copied(next)?.map(|next| {
                nodes.events.retain(event);
                nodes.retain(next);
                nodes.extend(step, event, next)
            })),
            Node::Union { left, right } => {
                let (left, right) = (copied(left), copied(right));
                let (left, right) = (left?, right?);
                for part in left.iter().chain(&right) {
                    nodes.retain(*part);
                }
                Some(match (left, right) {
                    (Some(left), Some(right)) => Some(in_order(nodes, left, right)),
                    (one, other) => one.or(other),
                })
            }
        }
    }
}

//! Partial matches in the order in which they took their last event, for sets of states in which that event must not lie
//! too far back.
//!
//! A queue is a sequence of trees, the oldest first. A tree of rank `r` joins the nodes of `2^r` events in unions, so that
//! a queue of `n` events has some `2 log n` trees: adding one, dropping the oldest and merging all cost no more than that,
//! whatever comes, and no single event pays for many.
//!
//! The unions are sorted by start, as everywhere, and not by age. Which of two parts is the older one is seen at any of
//! the events that it joins, as no event comes twice. What is [over](Nodes::is_over) is no longer looked at;
//! callers do not ask for the age of trees that are.

use std::collections::HashSet;

use super::union::{Element, in_order, parts};
use crate::pattern::events::Start;
use crate::pattern::nodes::{Node, NodeId, Nodes};

/// A tree of a higher rank would have more nodes than there can be.
const RANK_MAX: u8 = 32;

/// Adds what one event extended or began; it is later than all in the queue. The reference goes over.
pub(super) fn push<E: Clone>(nodes: &mut Nodes<E>, queue: &mut Vec<Element>, event: Element) {
    let mut newest = Element { rank: 0, ..event };
    while let Some(last) = queue.pop_if(|last| last.rank == newest.rank) {
        newest = Element { rank: last.rank + 1, node: in_order(nodes, newest.node, last.node), ..event };
    }
    queue.push(newest);
}

/// Divides a tree into what was taken up to some time and what was taken later, both in order. The reference goes over.
pub(super) fn divide<E: Clone>(
    nodes: &mut Nodes<E>,
    tree: Element,
    until: i64,
    older: &mut Vec<Element>,
    later: &mut Vec<Element>,
) {
    if nodes.is_over(tree.node) {
        nodes.release(tree.node);
    } else if newest(nodes, tree).time <= until {
        older.push(tree);
    } else if oldest(nodes, tree).time > until {
        later.push(tree);
    } else {
        let (old, new) = open(nodes, tree);
        for half in old.into_iter().chain([new]) {
            divide(nodes, half, until, older, later);
        }
    }
}

/// Adds a queue to another. If one follows the other, this takes time in the number of events of the later one, else of
/// both. References go over.
pub(super) fn join<E: Clone>(nodes: &mut Nodes<E>, queue: &mut Vec<Element>, other: &mut Vec<Element>) {
    let ends = |nodes: &Nodes<E>, queue: &[Element]| {
        let (first, last) = (*queue.first()?, *queue.last()?);
        Some((oldest(nodes, first), newest(nodes, last)))
    };
    let (Some(mut ours), Some(mut theirs)) = (ends(nodes, queue), ends(nodes, other)) else {
        queue.append(other);
        return;
    };
    if theirs < ours {
        std::mem::swap(queue, other);
        std::mem::swap(&mut ours, &mut theirs);
    }
    let mut events = Vec::new();
    if theirs.0 == ours.1 {
        events.push(pop(nodes, queue));
    } else if theirs.0 < ours.1 {
        for tree in queue.drain(..) {
            scatter(nodes, tree, &mut events);
        }
    }
    for tree in other.drain(..) {
        scatter(nodes, tree, &mut events);
    }
    events.sort_by_key(|event| taken(nodes, event.node));
    for event in events {
        let last = queue.last().filter(|last| taken(nodes, event.node) == newest(nodes, **last));
        match last.copied() {
            Some(_) => {
                let last = pop(nodes, queue);
                let node = in_order(nodes, last.node, event.node);
                push(nodes, queue, Element { node, ..event });
            }
            None => push(nodes, queue, event),
        }
    }
}

/// Takes the newest event off a queue that has one.
fn pop<E: Clone>(nodes: &mut Nodes<E>, queue: &mut Vec<Element>) -> Element {
    loop {
        let tree = queue.pop().expect("there is an event in the queue");
        if tree.rank == 0 {
            return tree;
        }
        let (old, new) = open(nodes, tree);
        queue.extend(old.into_iter().chain([new]));
    }
}

/// Makes one node of a queue. References go over, the elements are no longer anyone's.
pub(super) fn merge<E: Clone>(nodes: &mut Nodes<E>, queue: &[Element]) -> NodeId {
    let (newest, rest) = queue.split_last().expect("a queue has an element");
    rest.iter().rev().fold(newest.node, |merged, tree| in_order(nodes, merged, tree.node))
}

/// Appends the single events of a tree. The reference goes over.
pub(super) fn scatter<E: Clone>(nodes: &mut Nodes<E>, tree: Element, events: &mut Vec<Element>) {
    if nodes.is_over(tree.node) {
        nodes.release(tree.node);
    } else if tree.rank == 0 {
        events.push(tree);
    } else {
        let (old, new) = open(nodes, tree);
        for half in old.into_iter().chain([new]) {
            scatter(nodes, half, events);
        }
    }
}

/// When the newest event of a tree was taken.
pub(super) fn newest<E: Clone>(nodes: &Nodes<E>, mut tree: Element) -> Start {
    while tree.rank > 0 {
        tree = halves(nodes, tree).1;
    }
    taken(nodes, tree.node)
}

/// When the oldest event of a tree was taken.
pub(super) fn oldest<E: Clone>(nodes: &Nodes<E>, mut tree: Element) -> Start {
    while tree.rank > 0 {
        let (older, newer) = halves(nodes, tree);
        tree = older.unwrap_or(newer);
    }
    taken(nodes, tree.node)
}

/// The halves of a tree. The reference to it becomes references to them.
fn open<E: Clone>(nodes: &mut Nodes<E>, tree: Element) -> (Option<Element>, Element) {
    let (old, new) = halves(nodes, tree);
    for half in old.into_iter().chain([new]) {
        nodes.retain(half.node);
    }
    nodes.release(tree.node);
    (old, new)
}

/// The older and the newer half of a tree of more than one event, or the only one in which something is not over.
fn halves<E: Clone>(nodes: &Nodes<E>, tree: Element) -> (Option<Element>, Element) {
    let (a, b) = parts(nodes, tree.node).expect("a tree of several events is a union");
    let half = |node| Element { node, rank: tree.rank - 1, ..tree };
    if nodes.is_over(b) {
        (None, half(a))
    } else if taken(nodes, a) < taken(nodes, b) {
        (Some(half(a)), half(b))
    } else {
        (Some(half(b)), half(a))
    }
}

/// Whether these are trees of as many events as they say, as far as something of them is not over.
pub(super) fn is_sound<E: Clone>(nodes: &Nodes<E>, queue: &[Element]) -> bool {
    let mut seen = HashSet::new();
    let mut ahead = Vec::new();
    for tree in queue {
        if tree.rank > RANK_MAX {
            return false;
        }
        seen.clear();
        ahead.push((tree.node, tree.rank));
        while let Some((id, rank)) = ahead.pop() {
            if rank == 0 || nodes.is_over(id) {
                continue;
            }
            // No event comes twice, so that a tree is no larger than its nodes are many.
            let Some(Node::Union { left, right }) = nodes.find(id) else { return false };
            if !seen.insert(id) {
                return false;
            }
            ahead.extend([(left, rank - 1), (right, rank - 1)]);
        }
    }
    true
}

/// When one of the last events of these paths was taken.
fn taken<E: Clone>(nodes: &Nodes<E>, mut id: NodeId) -> Start {
    loop {
        match nodes.get(id) {
            Node::Event { event, .. } => return nodes.events.at(event),
            Node::Union { left, .. } => id = left,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pattern::StepId;
    use crate::pattern::nodes::tests::event;
    use crate::pattern::sets::determined::SetId;

    const SET: SetId = SetId::new(0);

    /// What is in a node and did not begin too early.
    fn gather(nodes: &Nodes<u64>, id: NodeId, found: &mut Vec<u64>) {
        match nodes.find(id) {
            _ if nodes.is_over(id) => {}
            Some(Node::Event { event, .. }) => found.push(nodes.events.get(event)),
            Some(Node::Union { left, right }) => {
                gather(nodes, left, found);
                gather(nodes, right, found);
            }
            None => panic!("an emptied node began before the floor"),
        }
    }

    fn sorted(nodes: &Nodes<u64>, elements: &[Element]) -> Vec<u64> {
        let mut found = Vec::new();
        for element in elements {
            gather(nodes, element.node, &mut found);
        }
        found.sort_unstable();
        found
    }

    proptest! {
        /// Every event extends something of a random start; now and then the oldest go, by age and by start.
        #[test]
        fn a_queue_holds_what_is_neither_too_old_nor_began_too_early(
            rows in prop::collection::vec((0..200_u64, any::<bool>(), 1..60_u64), 1..200),
        ) {
            let mut nodes = Nodes::default();
            let mut queue = Vec::new();
            let mut plain: Vec<(u64, u64)> = Vec::new();
            let mut floor = 0;
            for (row, (start, expires, age)) in (200..).zip(rows) {
                let start = floor + start % (row - floor);
                let taken = event(&mut nodes, start);
                let begun = nodes.begin(StepId(0), taken);
                let taken = event(&mut nodes, row);
                let node = nodes.extend(StepId(1), taken, begun);
                push(&mut nodes, &mut queue, Element { set: SET, rank: 0, node });
                plain.push((row, start));
                if expires {
                    let gone = row - age;
                    floor = floor.max(gone.saturating_sub(60));
                    nodes.raise_floor(floor);
                    plain.retain(|(row, start)| *row > gone && *start >= floor);
                    let (mut older, mut rest) = (Vec::new(), Vec::new());
                    for tree in queue {
                        divide(&mut nodes, tree, gone as i64 * 10, &mut older, &mut rest);
                    }
                    queue = rest;
                    for tree in older {
                        nodes.release(tree.node);
                    }
                    nodes.sweep(usize::MAX);
                }
                let rows: Vec<u64> = plain.iter().map(|(row, _)| *row).collect();
                prop_assert_eq!(sorted(&nodes, &queue), rows);
                prop_assert!(queue.len() <= 2 * 8);
                if !plain.is_empty() {
                    prop_assert_eq!(newest(&nodes, *queue.last().unwrap()).row, plain.last().unwrap().0);
                }
            }
            if !queue.is_empty() {
                let rows: Vec<u64> = plain.iter().map(|(row, _)| *row).collect();
                let merged = merge(&mut nodes, &queue);
                let mut found = Vec::new();
                gather(&nodes, merged, &mut found);
                found.sort_unstable();
                prop_assert_eq!(found, rows);
                nodes.release(merged);
            }
            nodes.reclaim(usize::MAX);
            prop_assert_eq!(nodes.live(), 0);
        }
    }
}

//! Partial matches in the order in which they took their last event, for sets of states in which that event must not lie
//! too far back.
//!
//! A queue is a sequence of trees, the oldest first. A tree of rank `r` joins the nodes of `2^r` events in unions, so that
//! a queue of `n` events has some `2 log n` trees: adding one, dropping the oldest and merging all cost no more than that,
//! whatever comes, and no single event pays for many.
//!
//! The unions are sorted by start, as everywhere, and not by age. Which of two parts is the older one is seen at any of
//! the events that it joins, as no event comes twice. What began before the `floor` is no longer looked at.

use super::determined::SetId;
use super::union::{Element, in_order, parts};
use crate::pattern::nodes::{Node, NodeId, Nodes, Start};

/// Adds what one event extended or began to the queue that ends the vector and begins at `from`; it is later than all in
/// the queue. The reference goes over.
pub(super) fn push<E>(
    nodes: &mut Nodes<E>,
    elements: &mut Vec<Element>,
    from: usize,
    set: SetId,
    node: NodeId,
) {
    let mut newest = Element { set, rank: 0, node };
    while let Some(last) = elements[from..].last().copied().filter(|last| last.rank == newest.rank) {
        elements.pop();
        newest = Element { set, rank: last.rank + 1, node: in_order(nodes, newest.node, last.node) };
    }
    elements.push(newest);
}

/// Appends what is left of a tree without the events at or before `gone`. The reference goes over.
pub(super) fn append_rest<E>(
    nodes: &mut Nodes<E>,
    tree: Element,
    gone: i64,
    floor: Start,
    elements: &mut Vec<Element>,
) {
    if nodes.start(tree.node) < floor || newest(nodes, tree, floor).time <= gone {
        nodes.release(tree.node);
    } else if oldest(nodes, tree, floor).time > gone {
        elements.push(tree);
    } else {
        let (older, newer) = halves(nodes, tree, floor);
        for half in older.into_iter().chain([newer]) {
            nodes.retain(half.node);
        }
        nodes.release(tree.node);
        for half in older.into_iter().chain([newer]) {
            append_rest(nodes, half, gone, floor, elements);
        }
    }
}

/// Makes one node of a queue. References go over, the elements are no longer anyone's.
pub(super) fn merge<E>(nodes: &mut Nodes<E>, queue: &[Element]) -> NodeId {
    let (newest, rest) = queue.split_last().expect("a queue has an element");
    rest.iter().rev().fold(newest.node, |merged, tree| in_order(nodes, merged, tree.node))
}

/// When the newest event of a tree was taken.
pub(super) fn newest<E>(nodes: &Nodes<E>, mut tree: Element, floor: Start) -> Start {
    while tree.rank > 0 {
        tree = halves(nodes, tree, floor).1;
    }
    taken(nodes, tree.node)
}

/// When the oldest event of a tree was taken.
fn oldest<E>(nodes: &Nodes<E>, mut tree: Element, floor: Start) -> Start {
    while tree.rank > 0 {
        let (older, newer) = halves(nodes, tree, floor);
        tree = older.unwrap_or(newer);
    }
    taken(nodes, tree.node)
}

/// The older and the newer half of a tree of more than one event, or the only one in which something is not over.
fn halves<E>(nodes: &Nodes<E>, tree: Element, floor: Start) -> (Option<Element>, Element) {
    let (a, b) = parts(nodes, tree.node).expect("a tree of several events is a union");
    let half = |node| Element { node, rank: tree.rank - 1, ..tree };
    if nodes.start(b) < floor {
        (None, half(a))
    } else if taken(nodes, a) < taken(nodes, b) {
        (Some(half(a)), half(b))
    } else {
        (Some(half(b)), half(a))
    }
}

/// When one of the last events of these paths was taken.
fn taken<E>(nodes: &Nodes<E>, mut id: NodeId) -> Start {
    loop {
        match nodes.get(id) {
            Node::Event { at, .. } => return *at,
            Node::Union { left, .. } => id = *left,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pattern::StepId;

    const SET: SetId = SetId::new(0);

    fn at(row: u64) -> Start {
        Start { time: row as i64, row }
    }

    /// What is in a node and did not begin too early.
    fn events(nodes: &Nodes<u64>, id: NodeId, floor: Start, found: &mut Vec<u64>) {
        match nodes.find(id) {
            _ if nodes.start(id) < floor => {}
            Some(Node::Event { event, .. }) => found.push(*event),
            Some(Node::Union { left, right }) => {
                events(nodes, *left, floor, found);
                events(nodes, *right, floor, found);
            }
            None => panic!("an emptied node began before the floor"),
        }
    }

    fn sorted(nodes: &Nodes<u64>, elements: &[Element], floor: Start) -> Vec<u64> {
        let mut found = Vec::new();
        for element in elements {
            events(nodes, element.node, floor, &mut found);
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
            let mut floor = at(0);
            for (row, (start, expires, age)) in (200..).zip(rows) {
                let start = floor.row + start % (row - floor.row);
                let begun = nodes.begin(StepId(0), start, at(start));
                let node = nodes.extend(StepId(1), row, at(row), begun);
                push(&mut nodes, &mut queue, 0, SET, node);
                plain.push((row, start));
                if expires {
                    let gone = row - age;
                    floor = floor.max(at(gone.saturating_sub(60)));
                    plain.retain(|(row, start)| *row > gone && at(*start) >= floor);
                    let mut rest = Vec::new();
                    for tree in queue {
                        append_rest(&mut nodes, tree, gone as i64, floor, &mut rest);
                    }
                    queue = rest;
                    nodes.sweep(floor, usize::MAX);
                }
                let rows: Vec<u64> = plain.iter().map(|(row, _)| *row).collect();
                prop_assert_eq!(sorted(&nodes, &queue, floor), rows);
                prop_assert!(queue.len() <= 2 * 8);
                if !plain.is_empty() {
                    prop_assert_eq!(newest(&nodes, *queue.last().unwrap(), floor).row, plain.last().unwrap().0);
                }
            }
            if !queue.is_empty() {
                let rows: Vec<u64> = plain.iter().map(|(row, _)| *row).collect();
                let merged = merge(&mut nodes, &queue);
                let mut found = Vec::new();
                events(&nodes, merged, floor, &mut found);
                found.sort_unstable();
                prop_assert_eq!(found, rows);
                nodes.release(merged);
            }
            nodes.reclaim(usize::MAX);
            prop_assert_eq!(nodes.live(), 0);
        }
    }
}

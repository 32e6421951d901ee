//! Unions of nodes that stay shallow, and lists of nodes that put unions off.
//!
//! Two shapes keep enumeration from walking far before it comes to a path (`k`-bounded, in the paper's words):
//!
//! * a node is *shallow* if it is an event, or a union with an event on its left and at most [two](SHALLOW) unions to go
//!   left through on its right. Shallow nodes of one start unite to a shallow node;
//! * a *union-list* holds shallow nodes: first an event whose start is the latest of all, then others, each with an
//!   earlier start than the one before. So nodes of different starts, which would pile up to a deep union, stand side by
//!   side until they are merged, and merging makes one shallow node of them again.
//!
use serde::{Deserialize, Serialize};

use super::determined::SetId;
use crate::pattern::nodes::{Node, NodeId, Nodes};

/// An element of the list that belongs to a set of automaton states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Element {
    /// Whose list.
    pub(super) set: SetId,
    /// Of [queues](super::queue), how often the number of nodes below doubles; 0 in union-lists.
    pub(super) rank: u8,
    /// Some of its partial matches.
    pub(super) node: NodeId,
}

/// Unions that may be gone through to the left in the right part of a shallow node.
const SHALLOW: usize = 2;

/// The paths of two shallow nodes that start equally late, as a shallow node. References go over from both.
pub(super) fn unite<E: Clone>(nodes: &mut Nodes<E>, a: NodeId, b: NodeId) -> NodeId {
    debug_assert_eq!(nodes.start(a), nodes.start(b), "only nodes of one start are united");
    debug_assert!(is_shallow(nodes, a) && is_shallow(nodes, b), "only shallow nodes stay shallow");
    let united = match (parts(nodes, a), parts(nodes, b)) {
        (None, _) => nodes.union(a, b),
        (_, None) => nodes.union(b, a),
        (Some((first, rest)), Some((second, other))) => {
            for part in [first, rest, second, other] {
                nodes.retain(part);
            }
            nodes.release(a);
            nodes.release(b);
            let rest = in_order(nodes, rest, other);
            let rest = nodes.union(second, rest);
            nodes.union(first, rest)
        }
    };
    debug_assert!(is_shallow(nodes, united), "the union is shallow");
    united
}

/// The paths of two nodes, however deep. References go over from both.
pub(super) fn in_order<E: Clone>(nodes: &mut Nodes<E>, a: NodeId, b: NodeId) -> NodeId {
    if nodes.start(a) >= nodes.start(b) { nodes.union(a, b) } else { nodes.union(b, a) }
}

/// Puts a shallow node into a union-list. The reference goes over.
pub(super) fn insert<E: Clone>(nodes: &mut Nodes<E>, list: &mut Vec<Element>, element: Element) {
    debug_assert!(is_shallow(nodes, element.node), "lists hold shallow nodes");
    match list.first_mut() {
        Some(first) if nodes.start(element.node) > nodes.start(first.node) => {
            debug_assert!(parts(nodes, element.node).is_none(), "a list begins with an event");
            // What was the first may start when the second does.
            let first = std::mem::replace(first, element);
            insert_after_first(nodes, list, first);
        }
        Some(_) => insert_after_first(nodes, list, element),
        None => list.push(element),
    }
    debug_assert!(is_union_list(nodes, list), "the list is still one");
}

/// Puts unions and events, however deep, into a union-list. References go over.
pub(super) fn insert_all<E: Clone>(nodes: &mut Nodes<E>, list: &mut Vec<Element>, events: &mut Vec<Element>) {
    let mut index = 0;
    while let Some(element) = events.get(index).copied() {
        if nodes.is_over(element.node) {
            nodes.release(element.node);
            events.swap_remove(index);
        } else if let Some((left, right)) = parts(nodes, element.node) {
            nodes.retain(left);
            nodes.retain(right);
            nodes.release(element.node);
            events[index].node = left;
            events.push(Element { node: right, ..element });
        } else {
            index += 1;
        }
    }
    events.sort_by_key(|event| nodes.start(event.node));
    let Some(latest) = events.pop() else { return };
    // Events that follow each other to the right are as shallow as it gets, whatever their starts.
    let rest =
        events.drain(..).reduce(|rest, event| Element { node: nodes.union(event.node, rest.node), ..rest });
    insert(nodes, list, latest);
    if let Some(rest) = rest {
        insert(nodes, list, rest);
    }
}

/// Makes one node of a union-list. References go over, the elements are no longer anyone's.
pub(super) fn merge<E: Clone>(nodes: &mut Nodes<E>, list: &[Element]) -> NodeId {
    debug_assert!(is_union_list(nodes, list), "a union-list is merged");
    let (last, rest) = list.split_last().expect("a list has an element");
    let merged = rest.iter().rev().fold(last.node, |merged, element| nodes.union(element.node, merged));
    debug_assert!(is_shallow(nodes, merged), "a merged list is shallow");
    merged
}

/// The two parts of a union; `None` of an event.
pub(super) fn parts<E: Clone>(nodes: &Nodes<E>, id: NodeId) -> Option<(NodeId, NodeId)> {
    match nodes.get(id) {
        Node::Union { left, right } => Some((left, right)),
        Node::Event { .. } => None,
    }
}

/// Puts an element into the descending rest of a list.
fn insert_after_first<E: Clone>(nodes: &mut Nodes<E>, list: &mut Vec<Element>, element: Element) {
    let start = nodes.start(element.node);
    let place = list[1..].iter().position(|other| nodes.start(other.node) <= start);
    match place.map(|place| place + 1) {
        Some(place) if nodes.start(list[place].node) == start => {
            list[place].node = unite(nodes, list[place].node, element.node);
        }
        Some(place) => list.insert(place, element),
        None => list.push(element),
    }
}

/// Whether a node is shallow, and its starts in order.
pub(super) fn is_shallow<E: Clone>(nodes: &Nodes<E>, id: NodeId) -> bool {
    match nodes.find(id) {
        Some(Node::Union { left, right }) => {
            depth(nodes, left) == 0
                && depth(nodes, right) <= SHALLOW
                && nodes.start(left) >= nodes.start(right)
        }
        _ => true,
    }
}

/// How many unions are gone through to the left before an event comes, or more than in a shallow node.
fn depth<E: Clone>(nodes: &Nodes<E>, mut id: NodeId) -> usize {
    let mut depth = 0;
    while depth <= SHALLOW
        && let Some(Node::Union { left, .. }) = nodes.find(id)
    {
        id = left;
        depth += 1;
    }
    depth
}

/// Whether these are a union-list.
pub(super) fn is_union_list<E: Clone>(nodes: &Nodes<E>, list: &[Element]) -> bool {
    let start = |element: &Element| nodes.start(element.node);
    list.first().is_some_and(|first| !matches!(nodes.find(first.node), Some(Node::Union { .. })))
        && list.iter().all(|element| is_shallow(nodes, element.node))
        && list[1..].is_sorted_by(|a, b| start(a) > start(b))
        && list.get(1).is_none_or(|second| start(&list[0]) >= start(second))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::pattern::StepId;
    use crate::pattern::nodes::tests::event;

    type Paths = BTreeSet<Vec<u64>>;

    const SET: SetId = SetId::new(0);

    fn begin(nodes: &mut Nodes<u64>, row: u64) -> NodeId {
        let event = event(nodes, row);
        nodes.begin(StepId(0), event)
    }

    fn extend(nodes: &mut Nodes<u64>, row: u64, next: NodeId) -> NodeId {
        let event = event(nodes, row);
        nodes.extend(StepId(1), event, next)
    }

    /// All paths of a node, each from its last event to its first; checks what holds of all nodes on the way.
    fn paths(nodes: &Nodes<u64>, id: NodeId) -> Paths {
        let found: Paths = match nodes.get(id) {
            Node::Event { event, next: None, .. } => [vec![nodes.events.get(event)]].into(),
            Node::Event { event, next: Some(next), .. } => {
                assert_eq!(nodes.start(id), nodes.start(next));
                let extend = |mut path: Vec<u64>| {
                    path.insert(0, nodes.events.get(event));
                    path
                };
                paths(nodes, next).into_iter().map(extend).collect()
            }
            Node::Union { left, right } => {
                assert!(nodes.start(left) >= nodes.start(right));
                assert_eq!(nodes.start(id), nodes.start(left));
                let (left, right) = (paths(nodes, left), paths(nodes, right));
                assert!(left.is_disjoint(&right));
                left.into_iter().chain(right).collect()
            }
        };
        assert!(depth(nodes, id) <= SHALLOW + 1);
        let latest = found.iter().filter_map(|path| path.last().copied()).max().unwrap();
        assert_eq!(nodes.start(id), latest);
        found
    }

    /// What is done with a pool of shallow nodes; numbers choose among those there are.
    #[derive(Clone, Debug)]
    enum Step {
        Begin,
        Extend(usize),
        Unite(usize, usize),
        /// Inserts these into one list, in this order, and merges it.
        Merge(Vec<usize>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            1 => Just(Step::Begin),
            4 => any::<usize>().prop_map(Step::Extend),
            4 => (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Step::Unite(a, b)),
            4 => prop::collection::vec(any::<usize>(), 1..6).prop_map(Step::Merge),
        ];
        prop::collection::vec(step, 1..40)
    }

    proptest! {
        #[test]
        fn nodes_stand_for_the_paths_that_went_into_them(steps in steps()) {
            let mut nodes = Nodes::default();
            let mut pool = vec![(begin(&mut nodes, 0), Paths::from([vec![0]]))];
            for (event, step) in (1..).zip(steps) {
                let pick = |number: usize| number % pool.len();
                let made = match step {
                    Step::Begin => (begin(&mut nodes, event), Paths::from([vec![event]])),
                    Step::Extend(of) => {
                        let (next, below) = &pool[pick(of)];
                        let next = nodes.retain(*next);
                        let longer = |path: &Vec<u64>| std::iter::once(event).chain(path.iter().copied()).collect();
                        (extend(&mut nodes, event, next), below.iter().map(longer).collect())
                    }
                    Step::Unite(a, b) => {
                        let ((a, of_a), (b, of_b)) = (&pool[pick(a)], &pool[pick(b)]);
                        if nodes.start(*a) != nodes.start(*b) || !of_a.is_disjoint(of_b) {
                            continue;
                        }
                        let (a, b) = (nodes.retain(*a), nodes.retain(*b));
                        (unite(&mut nodes, a, b), of_a.union(of_b).cloned().collect())
                    }
                    Step::Merge(numbers) => {
                        let mut list = Vec::new();
                        let mut all = Paths::new();
                        for number in numbers {
                            let (node, of_node) = &pool[pick(number)];
                            let begins = list.first().is_none_or(|first: &Element| nodes.start(*node) > nodes.start(first.node));
                            if !all.is_disjoint(of_node) || begins && parts(&nodes, *node).is_some() {
                                continue;
                            }
                            all.extend(of_node.iter().cloned());
                            let node = nodes.retain(*node);
                            insert(&mut nodes, &mut list, Element { set: SET, rank: 0, node });
                        }
                        if list.is_empty() {
                            continue;
                        }
                        (merge(&mut nodes, &list), all)
                    }
                };
                if made.1.len() < 500 {
                    pool.push(made);
                }
            }
            for (node, expected) in &pool {
                prop_assert_eq!(&paths(&nodes, *node), expected);
            }
            for (node, _) in pool {
                nodes.release(node);
            }
            nodes.reclaim(usize::MAX);
        }
    }

    #[test]
    fn unions_of_one_start_keep_rests_of_different_starts_in_order() {
        for (left, right) in [(1, 2), (2, 1), (1, 1)] {
            let mut nodes = Nodes::default();
            let latest = begin(&mut nodes, 9);
            let mut pair = |event, start| {
                let latest = nodes.retain(latest);
                let first = extend(&mut nodes, event, latest);
                let earlier = begin(&mut nodes, start);
                let earlier = extend(&mut nodes, event, earlier);
                nodes.union(first, earlier)
            };
            let (a, b) = (pair(10, left), pair(11, right));
            let united = unite(&mut nodes, a, b);
            let expected = [vec![10, 9], vec![11, 9], vec![10, left], vec![11, right]];
            assert_eq!(paths(&nodes, united), expected.into());
        }
    }
}

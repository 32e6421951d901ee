//! Aggregates of neighbouring panes, merged once and used by many windows.

use std::collections::VecDeque;

use crate::aggregate::AggregateFunction;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};
use crate::window::totals::Totals;

/// The inner nodes of a binary tree whose leaves are the panes of a key.
///
/// Panes are numbered as they come; the node `n` of level `l` has the totals of the panes from `n · 2ˡ` on, 2ˡ of them. It
/// is made once, of the two nodes below it, so that a pane takes part in one merge on average; a window is put together of
/// a logarithm of nodes. Nothing but merging is asked of an aggregate, so this does for sketches too.
///
/// This is the tree of Tangwongsan, Hirzel, Schneider, Wu ("General Incremental Sliding-Window Aggregation", PVLDB 8, 2015)
/// without its updates, since panes only come at one end and go at the other. Their later algorithms of constant time
/// (two stacks, DABA) keep totals from each pane to the end of a run. Where totals are sets of values that is the square
/// of what the panes hold; here it is a logarithm of it.
#[derive(Debug)]
pub(crate) struct Merged {
    /// Number of the first pane that is held.
    first_pane: u64,
    /// Those of level 1 and up.
    levels: Vec<Level>,
    /// What a node takes that remembers no values.
    node_bytes: usize,
    /// What all nodes take.
    bytes: usize,
}

#[derive(Debug, Default)]
struct Level {
    /// Number of the first node.
    first: u64,
    nodes: VecDeque<Totals>,
}

/// So many panes are merged one by one: nodes would not save much.
const PANES_DIRECT_MAX: usize = 8;

/// No key comes to have so many panes; with less, the ends of nodes are numbers too.
const NUMBER_MAX: u64 = 1 << 62;

impl Merged {
    pub(crate) fn new(functions: &[AggregateFunction]) -> Merged {
        Merged { first_pane: 0, levels: Vec::new(), node_bytes: Totals::bytes(functions), bytes: 0 }
    }

    /// The totals of all panes, of which only the last can still change; `None` if there are none.
    pub(crate) fn totals<'a>(
        &mut self,
        count: usize,
        pane: impl Fn(usize) -> Option<&'a Totals>,
    ) -> Option<Totals> {
        let first_pane = self.first_pane;
        let pane = |number: u64| pane(usize::try_from(number - first_pane).ok()?);
        let end = self.first_pane + (count as u64).saturating_sub(1);
        if count > PANES_DIRECT_MAX {
            self.make_nodes(end, pane);
        }
        let mut at = self.first_pane;
        let mut totals: Option<Totals> = None;
        while at < end {
            let (part, width) = match self.widest_node(at, end) {
                Some((node, width)) => (Some(node), width),
                None => (pane(at), 1),
            };
            add(&mut totals, part);
            at += width;
        }
        add(&mut totals, pane(at));
        totals
    }

    /// Writes which nodes there are. What they have follows from the panes.
    pub(crate) fn save<E>(&self, writer: &mut Writer<'_, E>) {
        // Each node ends with one of level 1, or before.
        let level = self.levels.first().filter(|level| !level.nodes.is_empty());
        let end = level.map_or(self.first_pane, |level| (level.first + level.nodes.len() as u64) << 1);
        writer.put(&(self.first_pane, end));
    }

    /// Makes the nodes that there were over these panes.
    pub(crate) fn load<'a, E>(
        functions: &[AggregateFunction],
        reader: &mut Reader<'_, '_, E>,
        count: usize,
        pane: impl Fn(usize) -> Option<&'a Totals>,
    ) -> Read<Merged> {
        let (first_pane, end): (u64, u64) = reader.take()?;
        let most = first_pane.checked_add(count as u64).ok_or(Damaged)?;
        // The last pane can still change, so that no node is over it.
        check(end == first_pane || (first_pane..most).contains(&end))?;
        check(most <= NUMBER_MAX)?;
        let mut merged = Merged { first_pane, ..Merged::new(functions) };
        merged.make_nodes(end, |number| pane(usize::try_from(number - first_pane).ok()?));
        Ok(merged)
    }

    /// Forgets the first pane.
    pub(crate) fn pop_pane(&mut self) {
        self.first_pane += 1;
        for (level, height) in self.levels.iter_mut().zip(1..) {
            while level.first << height < self.first_pane
                && let Some(node) = level.nodes.pop_front()
            {
                level.first += 1;
                self.bytes -= self.node_bytes + node.heap_bytes();
            }
        }
    }

    /// Forgets all nodes, which are made again when they are needed.
    pub(crate) fn clear(&mut self) {
        self.levels.clear();
        self.bytes = 0;
    }

    /// What the nodes take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes the nodes over the panes before `end` that are not there yet.
    fn make_nodes<'a>(&mut self, end: u64, pane: impl Fn(u64) -> Option<&'a Totals>) {
        for height in 1.. {
            let width = 1_u64 << height;
            if width > end - self.first_pane {
                break;
            }
            if self.levels.len() < height {
                self.levels.push(Level::default());
            }
            let (lower, upper) = self.levels.split_at_mut(height - 1);
            let (below, level) = (lower.last(), &mut upper[0]);
            if level.nodes.is_empty() {
                level.first = self.first_pane.div_ceil(width);
            }
            loop {
                let number = level.first + level.nodes.len() as u64;
                if (number + 1) << height > end {
                    break;
                }
                let child = |number: u64| match below {
                    Some(level) => level.node(number),
                    None => pane(number),
                };
                let (Some(left), Some(right)) = (child(2 * number), child(2 * number + 1)) else {
                    debug_assert!(false, "the nodes of a level are made before those above");
                    return;
                };
                let mut node = left.clone();
                node.merge(right);
                self.bytes += self.node_bytes + node.heap_bytes();
                level.nodes.push_back(node);
            }
        }
    }

    /// The node over most panes that begins at pane `at` and ends before `end`, and over how many it is.
    fn widest_node(&self, at: u64, end: u64) -> Option<(&Totals, u64)> {
        let most = at.trailing_zeros().min((end - at).ilog2());
        (1..=most as usize).rev().find_map(|height| {
            let node = self.levels.get(height - 1)?.node(at >> height)?;
            Some((node, 1 << height))
        })
    }
}

impl Level {
    fn node(&self, number: u64) -> Option<&Totals> {
        self.nodes.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }
}

fn add(totals: &mut Option<Totals>, part: Option<&Totals>) {
    match (totals, part) {
        (Some(totals), Some(part)) => totals.merge(part),
        (totals @ None, Some(part)) => *totals = Some(part.clone()),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::Scalar;

    const FUNCTIONS: [AggregateFunction; 2] = [AggregateFunction::Sum, AggregateFunction::Min];

    fn pane(number: i64) -> Totals {
        let mut totals = Totals::new(&FUNCTIONS);
        totals.add(&[Scalar::Int(number), Scalar::Text(format!("{:03}", number % 7).into())]);
        totals
    }

    #[test]
    fn totals_are_those_of_the_panes_however_many_come_and_go() {
        let mut merged = Merged::new(&FUNCTIONS);
        let mut panes: VecDeque<(i64, Totals)> = VecDeque::new();
        let mut number = 0;
        let mut most_nodes = 0;
        for (come, go) in [(5, 0), (30, 3), (1, 1), (1, 1), (1, 1), (64, 90), (40, 1), (3, 48), (20, 0)] {
            for _ in 0..come {
                panes.push_back((number, pane(number)));
                number += 1;
            }
            for _ in 0..go {
                panes.pop_front();
                merged.pop_pane();
            }
            // The last pane may change until another comes.
            if let Some((_, last)) = panes.back_mut() {
                last.add(&[Scalar::Int(1_000), Scalar::Null]);
            }
            let totals = merged.totals(panes.len(), |index| panes.get(index).map(|(_, totals)| totals));
            let mut expected: Option<Totals> = None;
            panes.iter().for_each(|(_, totals)| add(&mut expected, Some(totals)));
            let results = |totals: Option<Totals>| totals.map(|totals| totals.results().aggregates);
            assert_eq!(results(totals), results(expected), "{} panes", panes.len());
            let nodes: usize = merged.levels.iter().map(|level| level.nodes.len()).sum();
            assert!(nodes <= panes.len(), "{nodes} nodes over {} panes", panes.len());
            most_nodes = most_nodes.max(nodes);
            let heaps = merged.levels.iter().flat_map(|level| &level.nodes).map(Totals::heap_bytes);
            assert_eq!(merged.bytes(), nodes * Totals::bytes(&FUNCTIONS) + heaps.sum::<usize>());
        }
        assert!(most_nodes > 30);
        panes.iter().for_each(|_| merged.pop_pane());
        assert_eq!(merged.bytes(), 0);
    }
}

//! What an event does to the sets of partial matches of a key.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::complete::Complete;
use super::determined::{Determined, Moves, SetId, Take};
use super::key::Waiting;
use super::queue;
use super::union::{self, Element};
use super::walk::Walk;
use super::without::Without;
use crate::engine::Row;
use crate::pattern::events::{EventId, Start};
use crate::pattern::nodes::{NodeId, Nodes};
use crate::slots::SlotId;

/// What all keys of a rule have in common.
#[derive(Debug)]
pub(crate) struct Shared<E> {
    pub(super) determined: Determined,
    /// How many steps the pattern has.
    pub(super) steps: usize,
    pub(super) nodes: Nodes<E>,
    /// From the first event to the last.
    pub(super) within: Option<i64>,
    /// What an event may own at most that is held.
    weight_max: usize,
    /// Whether the event at hand owns more.
    is_too_large: bool,
    /// Whether something was lost because an event owned more.
    pub(super) refused: bool,
    /// What waits after the event, while it is worked out; the first [`groups_used`](Self::groups_used) count.
    groups: Vec<Group>,
    groups_used: usize,
    /// What waited before the event, in one set and band.
    list: Vec<Element>,
    /// What took its last event later than what is in the list.
    later: Vec<Element>,
    /// What waited too long.
    gone: Vec<Element>,
    /// Single events of queues.
    events: Vec<Element>,
    /// Events with which something began that is held, or was until lately, in order.
    pub(super) begun: VecDeque<Begun>,
    /// What is found at the event.
    pub(super) matches: Vec<Complete>,
    /// Elements of keys that have more than their matchers hold by themselves.
    pub(super) spilled: usize,
    /// Empty vectors with room for more.
    pub(super) spare: Vec<Waiting>,
    pub(super) walk: Walk,
}

/// An event with which something began.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) at: Start,
    /// Of which key.
    pub(super) slot: SlotId,
    pub(super) node: NodeId,
}

/// What waits in one set.
#[derive(Debug)]
struct Group {
    set: SetId,
    /// A union-list or, if the set is timed, a queue.
    list: Vec<Element>,
    /// Of a timed set what took its last event just now.
    fresh: Option<NodeId>,
}

/// Entries of the queue of begun nodes of which nothing is left, and which are not worth looking for.
const BEGUN_SLACK: usize = 64;

/// Such entries that are taken off the front of that queue at a row that begins something. More than one, so that they run
/// out.
const BEGUN_FORGOTTEN: usize = 2;

impl<E: Clone> Shared<E> {
    pub(super) fn new(
        determined: Determined,
        steps: usize,
        within: Option<i64>,
        weight_max: usize,
    ) -> Shared<E> {
        Shared {
            determined,
            steps,
            nodes: Nodes::default(),
            within,
            weight_max,
            is_too_large: false,
            refused: false,
            groups: Vec::new(),
            groups_used: 0,
            list: Vec::new(),
            later: Vec::new(),
            gone: Vec::new(),
            events: Vec::new(),
            begun: VecDeque::new(),
            matches: Vec::new(),
            spilled: 0,
            spare: Vec::new(),
            walk: Walk::default(),
        }
    }

    /// Whether an event with these bits begins something.
    pub(super) fn begins(&self, bits: u64) -> bool {
        self.determined.stirs(Determined::START, bits)
    }

    /// Whether an event with these bits changes what waits in a set.
    pub(super) fn stirs(&self, set: SetId, bits: u64) -> bool {
        self.determined.stirs(set, bits)
    }

    /// Tells what is over at `now`, because it began too early.
    pub(super) fn raise_floor(&mut self, now: i64) {
        let Some(within) = self.within else { return };
        let is_over = |begun: &Begun| begun.at.time.checked_add(within).is_some_and(|over| over <= now);
        let over = self.begun.partition_point(is_over);
        if let Some(last) = over.checked_sub(1) {
            self.nodes.raise_floor(self.begun[last].at.row + 1);
        }
    }

    /// Begins partial matches with an event.
    pub(super) fn begin(&mut self, row: &Row<'_, E>, at: Start, slot: SlotId) {
        let moves = self.determined.moves(Determined::START, 0, false, row.steps);
        for index in 0..self.determined.takes(moves).len() {
            let take = self.determined.takes(moves)[index];
            let event = self.take(row, at);
            let Some(set) = take.to else {
                self.matches.push(Complete { paths: None, and: Some((take.step, event)) });
                continue;
            };
            let node = self.nodes.begin(take.step, event);
            self.begun.push_back(Begun { at, slot, node });
            self.arrive(take, set, node);
        }
    }

    /// Forgets rows of which nothing is left.
    pub(super) fn tidy(&mut self) {
        for _ in 0..BEGUN_FORGOTTEN {
            if self.begun.front().is_none_or(|begun| self.nodes.is_begun(begun.node, begun.at.row)) {
                break;
            }
            self.begun.pop_front();
        }
        if self.begun.len() > 2 * self.nodes.begun() + BEGUN_SLACK {
            self.begun.retain(|begun| self.nodes.is_begun(begun.node, begun.at.row));
        }
    }

    /// Shows an event to all that waits in one set since an event at `last`. References go over.
    pub(super) fn change(&mut self, elements: &[Element], row: &Row<'_, E>, at: Start, last: i64) {
        let set = elements[0].set;
        self.list.clear();
        self.list.extend_from_slice(elements);
        if !self.determined.timed(set) {
            if self.prune_list() {
                let moves = self.determined.moves(set, 0, false, row.steps);
                self.follow(set, moves, row, at);
            }
            return;
        }
        let at_once = row.time == last;
        self.prune_queue(set, row.time, last);
        self.release_gone();
        for band in (0..=self.determined.bands(set).len()).rev() {
            if let Some(below) = band.checked_sub(1) {
                self.divide_list(row.time.saturating_sub(self.determined.bands(set)[below]));
            }
            if !self.list.is_empty() {
                let moves = self.determined.moves(set, band, at_once, row.steps);
                self.follow(set, moves, row, at);
            }
            self.list.clear();
            std::mem::swap(&mut self.list, &mut self.later);
        }
    }

    /// Keeps what waits in one set since an event at `last`, although none is shown to it, but for what is over. References
    /// go over.
    pub(super) fn keep(&mut self, elements: &[Element], now: i64, last: i64) {
        let set = elements[0].set;
        self.list.clear();
        self.list.extend_from_slice(elements);
        if self.determined.timed(set) {
            self.prune_queue(set, now, last);
            if self.determined.pending(set) {
                let whole = |tree: Element| Complete { paths: Some(tree.node), and: None };
                self.matches.extend(self.gone.drain(..).map(whole));
            } else {
                self.release_gone();
            }
        } else if !self.prune_list() {
            return;
        }
        if !self.list.is_empty() {
            self.wait(set, set);
        }
    }

    /// All that waits now, set by set.
    pub(super) fn finish(&mut self) -> &[Element] {
        self.list.clear();
        for group in &mut self.groups[..self.groups_used] {
            let set = group.set;
            if let Some(node) = group.fresh.take() {
                queue::push(&mut self.nodes, &mut group.list, Element { set, rank: 0, node });
            }
            self.list.extend(group.list.iter().map(|element| Element { set, ..*element }));
            group.list.clear();
        }
        self.groups_used = 0;
        &self.list
    }

    /// Keeps what waits in one set, but for what began with this row, after which nothing of it began. References go over.
    pub(super) fn keep_without(&mut self, elements: &[Element], row: u64) {
        let set = elements[0].set;
        let mut without = Without::new(row);
        self.list.clear();
        if self.determined.timed(set) {
            without.queue(&mut self.nodes, elements, &mut self.list);
        } else {
            without.list(&mut self.nodes, elements, &mut self.list);
        }
        without.end(&mut self.nodes);
        if !self.list.is_empty() {
            self.wait(set, set);
        }
    }

    /// Does what an event does to what is in the list, which waits in one set and band.
    fn follow(&mut self, set: SetId, moves: Moves, row: &Row<'_, E>, at: Start) {
        let takes = self.determined.takes(moves).len();
        if takes > 0 || moves.completes {
            if moves.skip.is_some() {
                for element in &self.list {
                    self.nodes.retain(element.node);
                }
            }
            let merged = if self.determined.timed(set) {
                queue::merge(&mut self.nodes, &self.list)
            } else {
                union::merge(&mut self.nodes, &self.list)
            };
            for index in 0..takes {
                let take = self.determined.takes(moves)[index];
                let event = self.take(row, at);
                let next = self.nodes.retain(merged);
                let Some(set) = take.to else {
                    self.matches.push(Complete { paths: Some(next), and: Some((take.step, event)) });
                    continue;
                };
                let node = self.nodes.extend(take.step, event, next);
                self.arrive(take, set, node);
            }
            if moves.completes {
                self.matches.push(Complete { paths: Some(merged), and: None });
            } else {
                self.nodes.release(merged);
            }
        } else if moves.skip.is_none() {
            for element in self.list.drain(..) {
                self.nodes.release(element.node);
            }
        }
        if let Some(to) = moves.skip {
            self.wait(set, to);
        }
    }

    /// The event of a row.
    fn take(&mut self, row: &Row<'_, E>, at: Start) -> EventId {
        let event = self.nodes.events.take(row.event, at);
        self.is_too_large = self.nodes.events.weight(event) > self.weight_max;
        event
    }

    /// Puts what has just taken an event to the set where it belongs. The reference goes over.
    fn arrive(&mut self, take: Take, set: SetId, node: NodeId) {
        if take.completes {
            self.nodes.retain(node);
            self.matches.push(Complete { paths: Some(node), and: None });
        }
        self.refused |= self.is_too_large;
        if self.is_too_large {
            self.nodes.release(node);
            return;
        }
        let timed = self.determined.timed(set);
        let index = self.group(set);
        let group = &mut self.groups[index];
        if timed {
            group.fresh = Some(match group.fresh {
                Some(fresh) => union::in_order(&mut self.nodes, fresh, node),
                None => node,
            });
        } else {
            union::insert(&mut self.nodes, &mut group.list, Element { set, rank: 0, node });
        }
    }

    /// Puts what is in the list, and waited in one set, to what waits in another or the same.
    fn wait(&mut self, from: SetId, to: SetId) {
        let index = self.group(to);
        let (nodes, list) = (&mut self.nodes, &mut self.list);
        let group = &mut self.groups[index].list;
        match (self.determined.timed(from), self.determined.timed(to)) {
            (true, true) => queue::join(nodes, group, list),
            (true, false) => {
                for tree in list.drain(..) {
                    queue::scatter(nodes, tree, &mut self.events);
                }
                union::insert_all(nodes, group, &mut self.events);
            }
            (false, true) => unreachable!("what leads to a timed set is timed"),
            (false, false) if group.is_empty() => group.append(list),
            (false, false) => {
                if nodes.start(list[0].node) > nodes.start(group[0].node) {
                    std::mem::swap(group, list);
                }
                let node = union::merge(nodes, list);
                list.clear();
                union::insert(nodes, group, Element { set: to, rank: 0, node });
            }
        }
    }

    /// The position of the group of a set, which is made if there is none.
    fn group(&mut self, set: SetId) -> usize {
        let used = &self.groups[..self.groups_used];
        if let Some(index) = used.iter().position(|group| group.set == set) {
            return index;
        }
        match self.groups.get_mut(self.groups_used) {
            Some(group) => group.set = set,
            None => self.groups.push(Group { set, list: Vec::new(), fresh: None }),
        }
        self.groups_used += 1;
        self.groups_used - 1
    }

    /// Takes what is over off the union-list in hand; returns whether anything is left.
    fn prune_list(&mut self) -> bool {
        while let Some(element) = self.list.pop_if(|last| self.nodes.is_over(last.node)) {
            self.nodes.release(element.node);
        }
        !self.list.is_empty()
    }

    /// Takes what waited too long off the queue in hand.
    fn prune_queue(&mut self, set: SetId, now: i64, last: i64) {
        let counts = now > last || !self.determined.anew(set);
        let gap = self.determined.gap(set).filter(|_| counts);
        self.divide_list(gap.map_or(i64::MIN, |gap| now.saturating_sub(gap)));
        std::mem::swap(&mut self.list, &mut self.gone);
        std::mem::swap(&mut self.list, &mut self.later);
    }

    fn release_gone(&mut self) {
        for element in self.gone.drain(..) {
            self.nodes.release(element.node);
        }
    }

    /// Takes off the queue in hand what took its last event later than at `until`.
    fn divide_list(&mut self, until: i64) {
        debug_assert!(self.later.is_empty() && self.gone.is_empty(), "what was divided has been seen to");
        std::mem::swap(&mut self.list, &mut self.gone);
        for tree in self.gone.drain(..) {
            queue::divide(&mut self.nodes, tree, until, &mut self.list, &mut self.later);
        }
    }
}

//! Matches: told at once, or held back until nothing that began earlier is left.

use serde::{Deserialize, Serialize};

use super::arena::{Arena, Nodes, Taking};
use super::heap::Begins;
use super::summary::Ends;
use crate::aggregate::Scalar;
use crate::engine::{Found, Taken};
use crate::pattern::events::{EventId, Events, Start};
use crate::pattern::matcher::Told;
use crate::pattern::nodes::{Node, NodeId};
use crate::pattern::{AfterMatch, StepId};

/// A match or a timeout that is complete but not told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Held {
    /// With which row it began.
    pub(super) begun: Start,
    /// What is to be told.
    pub(super) what: What,
}

/// What is to be told of a match.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum What {
    /// These events, references to which are owned: the first, then those of a path, and then perhaps one more.
    Path { first: Taking, node: Option<NodeId>, and: Option<Taking> },
    /// These, whose events are owned.
    Summary(Box<Summary>),
}

/// What is told of a match where findings carry no events.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Summary {
    pub(super) first: EventId,
    pub(super) ends: Ends,
    pub(super) counts: Vec<u64>,
    pub(super) registers: Vec<Scalar>,
    /// Positions of those that are estimates, ascending.
    pub(super) approximate: Vec<usize>,
    /// When its time was up, if it is a partial match.
    pub(super) timed_out: Option<i64>,
}

/// Which partial matches a match ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    None,
    /// Those that began before this row.
    Before(u64),
    /// Those that began with this row or before it.
    UpTo(u64),
}

impl Ended {
    /// Whether what began with this row is ended.
    pub(super) fn includes(self, row: u64) -> bool {
        match self {
            Ended::None => false,
            Ended::Before(bound) => row < bound,
            Ended::UpTo(bound) => row <= bound,
        }
    }
}

impl Summary {
    /// What is told, which takes this apart.
    pub(super) fn into_found<E: Clone>(self, events: &mut Events<E>) -> Found<E> {
        let Summary { first, ends: Ends { last, .. }, counts, registers, approximate, timed_out } = self;
        let (of_first, of_last) = (events.get(first), events.get(last));
        let found =
            Found::Summary { first: of_first, last: of_last, counts, registers, approximate, timed_out };
        events.release(first);
        events.release(last);
        found
    }

    fn heap_bytes(&self) -> usize {
        let registers = self.registers.iter().map(Scalar::heap_bytes).sum::<usize>();
        size_of_val(&*self.counts)
            + size_of_val(&*self.registers)
            + size_of_val(&*self.approximate)
            + registers
    }
}

impl Held {
    /// What is told, which takes this apart.
    pub(super) fn into_found<E: Clone>(self, nodes: &mut Nodes<E>) -> Found<E> {
        match self.what {
            What::Path { first, node, and } => {
                let events = events(first, node, and, nodes);
                release(first, node, and, nodes);
                Found::Match { events }
            }
            What::Summary(summary) => summary.into_found(&mut nodes.events),
        }
    }

    /// What it owns beside its events, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.what {
            What::Path { .. } => 0,
            What::Summary(summary) => size_of::<Summary>() + summary.heap_bytes(),
        }
    }

    /// Takes this apart untold.
    pub(super) fn discard<E: Clone>(self, nodes: &mut Nodes<E>) {
        match self.what {
            What::Path { first, node, and } => release(first, node, and, nodes),
            What::Summary(summary) => {
                nodes.events.release(summary.first);
                nodes.events.release(summary.ends.last);
            }
        }
    }

    /// Makes all of it one path, so that it can be kept.
    pub(super) fn keep<E: Clone>(mut self, nodes: &mut Nodes<E>) -> Held {
        if let What::Path { node, and, .. } = &mut self.what
            && let Some(taking) = and.take()
        {
            *node = Some(append(nodes, node.take(), taking));
        }
        self
    }

    /// What it ends when it is told. All of it must have been [kept](Self::keep).
    pub(super) fn ends<E: Clone>(&self, after: AfterMatch, nodes: &Nodes<E>) -> Ended {
        match after {
            AfterMatch::Nothing => Ended::None,
            AfterMatch::ToNext => Ended::UpTo(self.begun.row),
            AfterMatch::PastLast => Ended::UpTo(self.last_row(nodes)),
            AfterMatch::ToFirst(step) => {
                self.rows_of(step, nodes).map_or(Ended::None, |(first, _)| Ended::Before(first))
            }
            AfterMatch::ToLast(step) => {
                self.rows_of(step, nodes).map_or(Ended::None, |(_, last)| Ended::Before(last))
            }
        }
    }

    fn last_row<E: Clone>(&self, nodes: &Nodes<E>) -> u64 {
        match &self.what {
            What::Path { node: Some(node), .. } => match nodes.get(*node) {
                Node::Event { event, .. } => nodes.events.at(event).row,
                Node::Union { .. } => self.begun.row,
            },
            What::Path { node: None, .. } => self.begun.row,
            What::Summary(summary) => nodes.events.at(summary.ends.last).row,
        }
    }

    /// The rows of the first and the last event of a step.
    fn rows_of<E: Clone>(&self, step: StepId, nodes: &Nodes<E>) -> Option<(u64, u64)> {
        let (first, mut node) = match &self.what {
            What::Path { first, node, .. } => (*first, *node),
            What::Summary(summary) => return summary.ends.marked,
        };
        let mut rows: Option<(u64, u64)> = None;
        while let Some(Node::Event { step: of, event, next }) = node.map(|node| nodes.get(node)) {
            if of == step {
                let row = nodes.events.at(event).row;
                rows = Some((row, rows.map_or(row, |(_, last)| last)));
            }
            node = next;
        }
        let begins = (first.0 == step).then_some(self.begun.row);
        let last = rows.map(|(_, last)| last);
        Some((begins.or(rows.map(|(first, _)| first))?, last.or(begins)?))
    }
}

/// A path with one more event. The references go over.
pub(super) fn append<E: Clone>(nodes: &mut Nodes<E>, path: Option<NodeId>, (step, event): Taking) -> NodeId {
    match path {
        Some(before) => nodes.extend(step, event, before),
        None => nodes.begin(step, event),
    }
}

fn release<E: Clone>(first: Taking, node: Option<NodeId>, and: Option<Taking>, nodes: &mut Nodes<E>) {
    nodes.events.release(first.1);
    if let Some(node) = node {
        nodes.release(node);
    }
    if let Some((_, event)) = and {
        nodes.events.release(event);
    }
}

/// The first event, those of a path in the order in which they were taken, and then perhaps one more.
pub(super) fn events<E: Clone>(
    first: Taking,
    node: Option<NodeId>,
    and: Option<Taking>,
    nodes: &Nodes<E>,
) -> Vec<Taken<E>> {
    let path = || {
        std::iter::successors(node.map(|node| nodes.get(node)), |node| match node {
            Node::Event { next, .. } => next.map(|next| nodes.get(next)),
            Node::Union { .. } => None,
        })
    };
    let taken = |(step, event): Taking| Taken { step, event: nodes.events.get(event) };
    let mut events = Vec::with_capacity(1 + path().count() + usize::from(and.is_some()));
    events.extend(and.map(taken));
    events.extend(path().filter_map(|node| match node {
        Node::Event { step, event, .. } => Some(taken((step, event))),
        Node::Union { .. } => None,
    }));
    events.push(taken(first));
    events.reverse();
    events
}

/// Tells the matches that one event or moment completed, those that began first first.
pub(super) fn tell_all<E: Clone>(completed: &mut Vec<Held>, arena: &mut Arena<E>, told: &mut Told<E>) {
    completed.sort_by_key(|held| held.begun.row);
    for held in completed.drain(..) {
        tell(held, arena, told);
    }
}

/// Tells a match, or counts it if there is no room for it.
pub(super) fn tell<E: Clone>(held: Held, arena: &mut Arena<E>, told: &mut Told<E>) {
    if told.has_room() {
        told.tell(held.into_found(&mut arena.nodes));
    } else {
        told.skip(1);
        held.discard(&mut arena.nodes);
    }
}

impl Begins for Held {
    fn row(&self) -> u64 {
        self.begun.row
    }
}

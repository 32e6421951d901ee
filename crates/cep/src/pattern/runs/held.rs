//! Matches: told at once, or held back until nothing that began earlier is left.

use super::arena::Arena;
use super::heap::Begins;
use crate::engine::{Found, Taken};
use crate::event::Weighing;
use crate::pattern::matcher::Told;
use crate::pattern::nodes::{Node, NodeId, Nodes, Start};
use crate::pattern::{AfterMatch, StepId};

/// A match or a timeout that is complete but not told.
#[derive(Debug)]
pub(super) struct Held<E> {
    /// With which row it began.
    pub(super) begun: Start,
    /// What is to be told.
    pub(super) what: What<E>,
}

/// What is to be told of a match.
#[derive(Debug)]
pub(super) enum What<E> {
    /// The events of this path, which is owned, and then perhaps one more.
    Path { node: Option<NodeId>, and: Option<(StepId, Weighing<E>)> },
    /// This; with the row of its last event, and of the first and last one of the step that decides what the match ends.
    Summary { found: Found<E>, last_row: u64, marked: Option<(u64, u64)> },
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

impl<E: Clone> Held<E> {
    /// What is told, which takes this apart.
    pub(super) fn into_found(self, nodes: &mut Nodes<E>) -> Found<E> {
        match self.what {
            What::Path { node, and } => {
                let events = events(node, and, nodes);
                if let Some(node) = node {
                    nodes.release(node);
                }
                Found::Match { events }
            }
            What::Summary { found, .. } => found,
        }
    }

    /// Takes this apart untold.
    pub(super) fn discard(self, nodes: &mut Nodes<E>) {
        if let What::Path { node: Some(node), .. } = self.what {
            nodes.release(node);
        }
    }

    /// Makes all of it part of the shared events, so that it can be kept. `at` are the time and the row of the last event.
    pub(super) fn keep(mut self, at: Start, nodes: &mut Nodes<E>) -> Held<E> {
        if let What::Path { node, and } = &mut self.what
            && let Some((step, event)) = and.take()
        {
            *node = Some(match node.take() {
                Some(before) => nodes.extend(step, &event, at, before),
                None => nodes.begin(step, &event, at),
            });
        }
        self
    }

    /// What it ends when it is told. All of it must have been [kept](Self::keep).
    pub(super) fn ends(&self, after: AfterMatch, nodes: &Nodes<E>) -> Ended {
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

    fn last_row(&self, nodes: &Nodes<E>) -> u64 {
        match &self.what {
            What::Path { node: Some(node), .. } => match nodes.get(*node) {
                Node::Event { at, .. } => at.row,
                Node::Union { .. } => self.begun.row,
            },
            What::Path { node: None, .. } => self.begun.row,
            What::Summary { last_row, .. } => *last_row,
        }
    }

    /// The rows of the first and the last event of a step.
    fn rows_of(&self, step: StepId, nodes: &Nodes<E>) -> Option<(u64, u64)> {
        let mut node = match &self.what {
            What::Path { node, .. } => *node,
            What::Summary { marked, .. } => return *marked,
        };
        let mut rows = None;
        while let Some(Node::Event { step: of, at, next, .. }) = node.map(|node| nodes.get(node)) {
            if *of == step {
                rows = Some((at.row, rows.map_or(at.row, |(_, last)| last)));
            }
            node = *next;
        }
        rows
    }
}

/// The events of a path in the order in which they were taken, and then perhaps one more.
pub(super) fn events<E: Clone>(
    node: Option<NodeId>,
    and: Option<(StepId, Weighing<E>)>,
    nodes: &Nodes<E>,
) -> Vec<Taken<E>> {
    let path = || {
        std::iter::successors(node.map(|node| nodes.get(node)), |node| match node {
            Node::Event { next, .. } => next.map(|next| nodes.get(next)),
            Node::Union { .. } => None,
        })
    };
    let mut events = Vec::with_capacity(path().count() + usize::from(and.is_some()));
    events.extend(and.map(|(step, Weighing(event, _))| Taken { step, event }));
    events.extend(path().filter_map(|node| match node {
        Node::Event { step, event, .. } => Some(Taken { step: *step, event: event.clone() }),
        Node::Union { .. } => None,
    }));
    events.reverse();
    events
}

/// Tells the matches that one event or moment completed, those that began first first.
pub(super) fn tell_all<E: Clone>(completed: &mut Vec<Held<E>>, arena: &mut Arena<E>, told: &mut Told<E>) {
    completed.sort_by_key(|held| held.begun.row);
    for held in completed.drain(..) {
        tell(held, arena, told);
    }
}

/// Tells a match, or counts it if there is no room for it.
pub(super) fn tell<E: Clone>(held: Held<E>, arena: &mut Arena<E>, told: &mut Told<E>) {
    if told.has_room() {
        told.tell(held.into_found(&mut arena.nodes));
    } else {
        told.skip(1);
        held.discard(&mut arena.nodes);
    }
}

impl<E> Begins for Held<E> {
    fn row(&self) -> u64 {
        self.begun.row
    }
}

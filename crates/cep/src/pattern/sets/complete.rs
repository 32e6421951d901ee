//! Matches on their way out.

use super::evaluator::Shared;
use crate::engine::{Found, Taken};
use crate::pattern::StepId;
use crate::pattern::events::EventId;
use crate::pattern::matcher::Told;
use crate::pattern::nodes::{Node, NodeId, Nodes};

/// Matches that are the same but for how they begin: all paths of a node, each perhaps with one more event. References are
/// owned.
#[derive(Clone, Copy, Debug)]
pub(super) struct Complete {
    /// With none, the event is all.
    pub(super) paths: Option<NodeId>,
    pub(super) and: Option<(StepId, EventId)>,
}

impl<E: Clone> Shared<E> {
    /// Tells the matches found, those with the latest start first.
    pub(super) fn tell(&mut self, told: &mut Told<E>) {
        let nodes = &self.nodes;
        self.matches.sort_by_key(|complete| std::cmp::Reverse(complete.start(nodes)));
        for Complete { paths, and } in self.matches.drain(..) {
            let last = and.map(|(step, event)| Taken { step, event: self.nodes.events.get(event) });
            match paths {
                Some(root) => {
                    self.walk.begin(&self.nodes, root);
                    while told.has_room() {
                        let Some(path) = self.walk.next(&self.nodes) else { break };
                        let mut events = Vec::with_capacity(path.len() + usize::from(last.is_some()));
                        events.extend(path.iter().rev().map(|id| taken(&self.nodes, *id)));
                        events.extend(last.clone());
                        told.tell(Found::Match { events });
                    }
                    if !self.walk.is_over() {
                        told.skip(self.walk.count_rest(&self.nodes));
                    }
                    self.nodes.release(root);
                }
                None if told.has_room() => told.tell(Found::Match { events: last.into_iter().collect() }),
                None => told.skip(1),
            }
            if let Some((_, event)) = and {
                self.nodes.events.release(event);
            }
        }
    }
}

impl Complete {
    /// The row with which the latest of them began.
    fn start<E: Clone>(&self, nodes: &Nodes<E>) -> u64 {
        let alone = self.and.map_or(0, |(_, event)| nodes.events.at(event).row);
        self.paths.map_or(alone, |paths| nodes.start(paths))
    }
}

fn taken<E: Clone>(nodes: &Nodes<E>, id: NodeId) -> Taken<E> {
    match nodes.get(id) {
        Node::Event { step, event, .. } => Taken { step, event: nodes.events.get(event) },
        Node::Union { .. } => unreachable!("a path consists of events"),
    }
}

//! Who owns what, while a snapshot is read.

use super::events::EventId;
use super::nodes::NodeId;
use crate::snapshot::wire::{Damaged, Read, check};

/// Counted references that were read but whose owners were not yet.
///
/// Whatever is read [claims](Self::node) what it refers to; in the end [nothing is left](Self::end). So counts are those of what
/// is there, whatever the bytes say, and giving references up later never takes away what something else still has.
#[derive(Debug)]
pub(crate) struct Claims {
    nodes: Vec<u32>,
    events: Vec<u32>,
}

impl Claims {
    /// References to nodes and to events, by place.
    pub(super) fn new(nodes: Vec<u32>, events: Vec<u32>) -> Claims {
        Claims { nodes, events }
    }

    /// Takes a reference to a node.
    pub(super) fn node(&mut self, id: NodeId) -> Read<()> {
        claim(&mut self.nodes, id.index())
    }

    /// Takes a reference to an event.
    pub(super) fn event(&mut self, id: EventId) -> Read<()> {
        claim(&mut self.events, id.index())
    }

    /// That all references are owned.
    pub(super) fn end(self) -> Read<()> {
        check(self.nodes.iter().chain(&self.events).all(|left| *left == 0))
    }
}

fn claim(references: &mut [u32], place: usize) -> Read<()> {
    let left = references.get_mut(place).ok_or(Damaged)?;
    *left = left.checked_sub(1).ok_or(Damaged)?;
    Ok(())
}

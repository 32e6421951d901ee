//! What of nodes is in a part of a snapshot.

use super::{Node, NodeId, Nodes, Slot};
use crate::pattern::events::Events;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};

impl<E: Clone> Nodes<E> {
    /// Writes the nodes and events that are new.
    pub(crate) fn save_new(&mut self, writer: &mut Writer<'_, E>) {
        self.events.save_new(writer);
        let is_new = |(index, slot): &(usize, &Slot)| {
            self.fresh.contains(*index) && (slot.references > 0 || slot.node.is_some())
        };
        let new = || self.slots.iter().enumerate().filter(is_new);
        writer.put(&(new().count() as u64));
        for (index, slot) in new() {
            writer.put(&(index as u32, slot.start, slot.node));
        }
        self.fresh.saved();
    }

    /// Writes which nodes and events there are.
    pub(crate) fn save(&self, writer: &mut Writer<'_, E>) {
        self.events.save(writer);
        let empty = self.slots.iter().enumerate().filter(|(_, slot)| slot.node.is_none());
        let empty: Vec<u32> = empty.map(|(index, _)| index as u32).collect();
        let references: Vec<u32> = self.slots.iter().map(|slot| slot.references).collect();
        writer.put(&(&references, &empty, &self.free, &self.condemned, self.floor, self.swept as u64));
    }

    /// Reads the nodes and events that were new in each part, of which those are left that are in the last one.
    pub(crate) fn load(new: &mut [Reader<'_, '_, E>], reader: &mut Reader<'_, '_, E>) -> Read<Nodes<E>> {
        let mut nodes = Nodes { events: Events::load(new, reader)?, ..Nodes::default() };
        type Rest = (Vec<u32>, Vec<u32>, Vec<NodeId>, Vec<NodeId>, u64, u64);
        let (references, empty, free, condemned, floor, swept): Rest = reader.take()?;
        let slot = |references| Slot { start: 0, references, node: None };
        nodes.slots = references.into_iter().map(slot).collect();
        for reader in new {
            let count: u64 = reader.take()?;
            for _ in 0..count {
                let (index, start, node): (u32, u64, Option<Node>) = reader.take()?;
                let slot = nodes.slots.get_mut(index as usize).ok_or(Damaged)?;
                (slot.start, slot.node) = (start, node);
            }
        }
        for index in empty {
            nodes.slots.get_mut(index as usize).ok_or(Damaged)?.node = None;
        }
        check(free.iter().chain(&condemned).all(|id| nodes.contains(*id)))?;
        check(nodes.slots.iter().filter_map(|slot| slot.node).all(|node| nodes.refers(node)))?;
        let held = || nodes.slots.iter().filter_map(|slot| Some((slot.references, slot.node?)));
        nodes.live = held().filter(|(references, _)| *references > 0).count();
        nodes.begun = held().filter(|(_, node)| matches!(node, Node::Event { next: None, .. })).count();
        check(swept as usize <= nodes.slots.len())?;
        (nodes.free, nodes.condemned, nodes.floor, nodes.swept) = (free, condemned, floor, swept as usize);
        nodes.fresh.saved();
        Ok(nodes)
    }

    /// Lets all nodes be new to the next snapshot.
    pub(crate) fn forget_snapshot(&mut self) {
        self.events.forget_snapshot();
        self.fresh.forget();
    }

    /// Whether there is a slot of this name.
    pub(crate) fn contains(&self, id: NodeId) -> bool {
        id.index() < self.slots.len()
    }

    /// Whether there is all that a node refers to.
    fn refers(&self, node: Node) -> bool {
        match node {
            Node::Event { event, next, .. } => {
                self.events.contains(event) && next.is_none_or(|next| self.contains(next))
            }
            Node::Union { left, right } => self.contains(left) && self.contains(right),
        }
    }
}

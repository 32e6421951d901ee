//! What of nodes is in a part of a snapshot.

use super::{LatestStart, Node, NodeId, Nodes, Slot};
use crate::pattern::claims::Claims;
use crate::pattern::events::Events;
use crate::snapshot::wire::{Damaged, Read, Reader, Writer, check};

impl<E: Clone, S: LatestStart> Nodes<E, S> {
    /// Writes the nodes and events that are new.
    pub(crate) fn save_new(&mut self, writer: &mut Writer<'_, E>) {
        self.events.save_new(writer);
        let is_new = |(index, slot): &(usize, &Slot<S>)| {
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

    /// Reads the nodes and events that were new in each part, of which those are left that are in the last one; with the
    /// references that something other than nodes has. Steps are those of a pattern of so many.
    pub(crate) fn load(
        steps: usize,
        new: &mut [Reader<'_, '_, E>],
        reader: &mut Reader<'_, '_, E>,
    ) -> Read<(Nodes<E, S>, Claims)> {
        let mut nodes = Nodes { events: Events::load(new, reader)?, ..Nodes::default() };
        type Rest = (Vec<u32>, Vec<u32>, Vec<NodeId>, Vec<NodeId>, u64, u64);
        let (references, empty, free, condemned, floor, swept): Rest = reader.take()?;
        let slot = |references| Slot { start: S::of(0), references, node: None };
        nodes.slots = references.into_iter().map(slot).collect();
        for reader in new {
            let count: u64 = reader.take()?;
            for _ in 0..count {
                let (index, start, node): (u32, S, Option<Node>) = reader.take()?;
                let slot = nodes.slots.get_mut(index as usize).ok_or(Damaged)?;
                (slot.start, slot.node) = (start, node);
            }
        }
        for index in empty {
            nodes.slots.get_mut(index as usize).ok_or(Damaged)?.node = None;
        }
        let held = || nodes.slots.iter().filter_map(|slot| Some((slot.references, slot.node?)));
        nodes.live = held().filter(|(references, _)| *references > 0).count();
        nodes.begun = held().filter(|(_, node)| matches!(node, Node::Event { next: None, .. })).count();
        (nodes.free, nodes.condemned, nodes.floor, nodes.swept) = (free, condemned, floor, swept as usize);
        nodes.check_places()?;
        check(nodes.slots.iter().all(|slot| nodes.is_sound(slot, steps)))?;
        nodes.check_order()?;
        nodes.fresh.saved();
        let claims = nodes.claim_own()?;
        Ok((nodes, claims))
    }

    /// Lets all nodes be new to the next snapshot.
    pub(crate) fn forget_snapshot(&mut self) {
        self.events.forget_snapshot();
        self.fresh.forget();
    }

    /// Whether something may refer to a slot of this name.
    pub(crate) fn contains(&self, id: NodeId) -> bool {
        self.slots.get(id.index()).is_some_and(|slot| slot.references > 0)
    }

    /// Whether there is a slot of this name, be it empty.
    pub(crate) fn has_place(&self, id: NodeId) -> bool {
        id.index() < self.slots.len()
    }

    /// That just what nothing refers to is free or about to be, and free slots are empty.
    fn check_places(&self) -> Read<()> {
        check(self.swept < self.slots.len() || self.swept == 0)?;
        let mut named = vec![false; self.slots.len()];
        for id in self.free.iter().chain(&self.condemned) {
            let named = named.get_mut(id.index()).ok_or(Damaged)?;
            check(!*named && !self.contains(*id))?;
            *named = true;
        }
        check(self.free.iter().all(|id| self.find(*id).is_none()))?;
        let unreferred = self.slots.iter().filter(|slot| slot.references == 0).count();
        check(unreferred == self.free.len() + self.condemned.len())
    }

    /// Whether there is all that a slot refers to, and its start is theirs.
    fn is_sound(&self, slot: &Slot<S>, steps: usize) -> bool {
        let is_there = |id: NodeId| self.contains(id) && (self.find(id).is_some() || self.is_over(id));
        let start = slot.start.row();
        match slot.node {
            None => true,
            Some(Node::Event { step, .. }) if step.index() >= steps => false,
            Some(Node::Event { event, next: None, .. }) => {
                self.events.contains(event) && S::of(self.events.at(event).row).row() == start
            }
            Some(Node::Event { event, next: Some(next), .. }) => {
                self.events.contains(event) && is_there(next) && self.start(next) == start
            }
            Some(Node::Union { left, right }) => {
                is_there(left) && is_there(right) && self.start(left) == start && self.start(right) <= start
            }
        }
    }

    /// That no node is part of itself.
    fn check_order(&self) -> Read<()> {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            Not,
            /// Its parts are being looked at.
            Open,
            Whole,
        }
        let mut seen = vec![Seen::Not; self.slots.len()];
        let mut ahead = Vec::new();
        for root in 0..self.slots.len() {
            ahead.push(root);
            while let Some(index) = ahead.last().copied() {
                if seen[index] != Seen::Not {
                    seen[index] = Seen::Whole;
                    ahead.pop();
                    continue;
                }
                seen[index] = Seen::Open;
                for part in parts(self.slots[index].node).map(NodeId::index) {
                    check(seen[part] != Seen::Open)?;
                    if seen[part] == Seen::Not {
                        ahead.push(part);
                    }
                }
            }
        }
        Ok(())
    }

    /// The references that are not those of nodes.
    fn claim_own(&self) -> Read<Claims> {
        let references = self.slots.iter().map(|slot| slot.references).collect();
        let mut claims = Claims::new(references, self.events.references());
        for slot in &self.slots {
            if let Some(Node::Event { event, .. }) = slot.node {
                claims.event(event)?;
            }
            parts(slot.node).try_for_each(|part| claims.node(part))?;
        }
        Ok(claims)
    }
}

/// The nodes that a node refers to.
fn parts(node: Option<Node>) -> impl Iterator<Item = NodeId> {
    let parts = match node {
        None => [None, None],
        Some(Node::Event { next, .. }) => [next, None],
        Some(Node::Union { left, right }) => [Some(left), Some(right)],
    };
    parts.into_iter().flatten()
}

//! What follows a greedy repetition does not take what the repetition would.
//!
//! While a pattern is lowered, such a place is only marked as being [like](super::graph::Place::like) another one, since
//! that may not be complete: it may lead back to the repetition. Here the marked places become copies.

use std::collections::HashMap;

use super::AutomatonError;
use super::graph::{EdgeKind, Graph, Keeping, PlaceId};
use crate::pattern::ConditionId;

/// Completes all places that are like others.
pub(super) fn keep(graph: &mut Graph) -> Result<(), AutomatonError> {
    let mut keeping = Kept { graph, copies: HashMap::new() };
    let mut index = 0;
    // Copies may be marked, too, and come at the end.
    while let Some(place) = keeping.graph.id(index) {
        keeping.complete(place)?;
        index += 1;
    }
    Ok(())
}

struct Kept<'g> {
    graph: &'g mut Graph,
    /// By what they are like.
    copies: HashMap<(PlaceId, Vec<ConditionId>), PlaceId>,
}

impl Kept<'_> {
    fn complete(&mut self, place: PlaceId) -> Result<(), AutomatonError> {
        let Some((mut original, mut conditions)) = self.graph.place_mut(place).like.take() else {
            return Ok(());
        };
        // What is like something that is not complete is like both.
        while let Some((of, more)) = self.graph.place(original).like.clone() {
            conditions.extend(more);
            original = of;
        }
        conditions.sort_unstable();
        conditions.dedup();
        let mut copy = self.graph.place(original).clone();
        let way_of_keeping = copy.keeping;
        for edge in &mut copy.edges {
            let passes = match (way_of_keeping, &mut edge.kind) {
                (Keeping::While, EdgeKind::Proceed { to, .. })
                | (Keeping::FirstOfOptional, EdgeKind::Proceed { to, later: true }) => {
                    *to = self.like(*to, &conditions)?;
                    true
                }
                (Keeping::While, EdgeKind::Ignore { to }) => {
                    *to = if *to == original { place } else { self.like(*to, &conditions)? };
                    false
                }
                _ => false,
            };
            if !passes {
                edge.guard = edge.guard.clone().and_none(&conditions);
            }
        }
        *self.graph.place_mut(place) = copy;
        Ok(())
    }

    fn like(&mut self, place: PlaceId, conditions: &[ConditionId]) -> Result<PlaceId, AutomatonError> {
        if place == Graph::FINAL {
            return Ok(place);
        }
        let like = (place, conditions.to_vec());
        if let Some(copy) = self.copies.get(&like) {
            return Ok(*copy);
        }
        let copy = self.graph.add(None)?;
        self.graph.place_mut(copy).like = Some(like.clone());
        self.copies.insert(like, copy);
        Ok(copy)
    }
}

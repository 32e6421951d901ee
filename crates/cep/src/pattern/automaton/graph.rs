//! Places and edges: the automaton while it is built.

use std::collections::HashMap;

use super::AutomatonError;
use crate::pattern::{ConditionId, StepId};

/// Places that a pattern may become. Unrolled repetitions are what asks for many.
pub(super) const PLACES_MAX: usize = 20_000;

/// What a pattern becomes first: from a place, every edge whose guard holds is followed.
#[derive(Debug)]
pub(super) struct Graph {
    places: Vec<Place>,
}

/// Names a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PlaceId(usize);

#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    pub(super) edges: Vec<Edge>,
    /// After so long since the last event taken, it is over.
    pub(super) within: Option<i64>,
    /// Whether it is then a match.
    pub(super) pending: bool,
    /// How many of the first edges are followed where they stand, also those that proceed.
    pub(super) leading: usize,
    /// How what a greedy repetition would take is kept from here.
    pub(super) keeping: Keeping,
    /// This place is to do what that place does, but for events for which one of these conditions holds.
    pub(super) like: Option<(PlaceId, Vec<ConditionId>)>,
}

/// How what a greedy repetition would take is kept from a place that follows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Keeping {
    /// As long as is waited here, and likewise from what is proceeded to.
    #[default]
    While,
    /// The first event only, as the stage is optional; from what comes after a repetition that is left, likewise.
    FirstOfOptional,
    /// The first event only.
    First,
}

#[derive(Clone, Debug)]
pub(super) struct Edge {
    pub(super) guard: Literals,
    pub(super) kind: EdgeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeKind {
    /// The event joins.
    Take { step: StepId, to: PlaceId },
    /// The event is skipped.
    Ignore { to: PlaceId },
    /// The edges of that place count, too, for the same event; their bounds on time only once an event has been ignored, if
    /// `later`.
    Proceed { to: PlaceId, later: bool },
    /// The event ends everything that comes from here.
    Stop { step: StepId },
}

/// A conjunction: conditions that shall hold or not, and how long ago the last event taken may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Literals {
    pub(super) conditions: Vec<(ConditionId, bool)>,
    pub(super) within: Option<i64>,
    /// It must be at least so long ago.
    pub(super) after: Option<i64>,
}

impl Graph {
    /// Where matches are complete.
    pub(super) const FINAL: PlaceId = PlaceId(0);

    /// Nothing but the [final](Self::FINAL) place.
    pub(super) fn new() -> Graph {
        Graph { places: vec![Place::default()] }
    }

    pub(super) fn add(&mut self, within: Option<i64>) -> Result<PlaceId, AutomatonError> {
        self.insert(Place { within, ..Place::default() })
    }

    pub(super) fn place(&self, id: PlaceId) -> &Place {
        &self.places[id.0]
    }

    pub(super) fn place_mut(&mut self, id: PlaceId) -> &mut Place {
        &mut self.places[id.0]
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The place with this number, if there are so many.
    pub(super) fn id(&self, number: usize) -> Option<PlaceId> {
        (number < self.places.len()).then_some(PlaceId(number))
    }

    pub(super) fn edge(&mut self, from: PlaceId, guard: Literals, kind: EdgeKind) {
        self.places[from.0].edges.push(Edge { guard, kind });
    }

    /// A place that does the same; where the original leads to itself, the copy leads to itself.
    pub(super) fn copy(&mut self, id: PlaceId) -> Result<PlaceId, AutomatonError> {
        if id == Graph::FINAL {
            return Ok(id);
        }
        let copy = self.insert(self.place(id).clone())?;
        for edge in &mut self.place_mut(copy).edges {
            edge.kind.redirect(id, copy);
        }
        Ok(copy)
    }

    /// A place that does the same as `id` but does not stop for these steps; `id` itself if it never does. What is
    /// proceeded to is treated likewise.
    pub(super) fn without_stops(&mut self, id: PlaceId, steps: &[StepId]) -> Result<PlaceId, AutomatonError> {
        if steps.is_empty() || !self.stops(id, steps, &mut Vec::new()) {
            return Ok(id);
        }
        self.copy_without_stops(id, steps, &mut HashMap::new())
    }

    fn copy_without_stops(
        &mut self,
        id: PlaceId,
        steps: &[StepId],
        copies: &mut HashMap<PlaceId, PlaceId>,
    ) -> Result<PlaceId, AutomatonError> {
        if id == Graph::FINAL {
            return Ok(id);
        }
        if let Some(copy) = copies.get(&id) {
            return Ok(*copy);
        }
        let copy = self.copy(id)?;
        copies.insert(id, copy);
        if let Some((original, conditions)) = self.place(id).like.clone() {
            let original = self.copy_without_stops(original, steps, copies)?;
            self.place_mut(copy).like = Some((original, conditions));
        }
        let mut edges = std::mem::take(&mut self.place_mut(copy).edges);
        edges.retain(|edge| !matches!(edge.kind, EdgeKind::Stop { step } if steps.contains(&step)));
        for edge in &mut edges {
            if let EdgeKind::Proceed { to, .. } = &mut edge.kind {
                *to = self.copy_without_stops(*to, steps, copies)?;
            }
        }
        self.place_mut(copy).edges = edges;
        Ok(copy)
    }

    fn stops(&self, id: PlaceId, steps: &[StepId], seen: &mut Vec<PlaceId>) -> bool {
        if seen.contains(&id) {
            return false;
        }
        seen.push(id);
        let is_like = |(place, _): &(PlaceId, Vec<ConditionId>)| self.stops(*place, steps, &mut seen.clone());
        self.place(id).like.as_ref().is_some_and(is_like)
            || self.place(id).edges.iter().any(|edge| match edge.kind {
                EdgeKind::Stop { step } => steps.contains(&step),
                EdgeKind::Proceed { to, .. } => self.stops(to, steps, seen),
                EdgeKind::Take { .. } | EdgeKind::Ignore { .. } => false,
            })
    }

    fn insert(&mut self, place: Place) -> Result<PlaceId, AutomatonError> {
        if self.places.len() >= PLACES_MAX {
            return Err(AutomatonError::too_large(super::close::STATES_MAX));
        }
        self.places.push(place);
        Ok(PlaceId(self.places.len() - 1))
    }
}

impl Place {
    /// The edges in the order in which they are followed, which is part of the meaning where matches end others: what a
    /// place does itself comes before what it proceeds to, and there the last comes first. Alternatives are what a place
    /// does itself.
    pub(super) fn in_order(&self) -> Vec<&Edge> {
        let (leading, others) = self.edges.split_at(self.leading);
        let proceeds = |edge: &&Edge| matches!(edge.kind, EdgeKind::Proceed { .. });
        let own = others.iter().filter(|edge| !proceeds(edge));
        leading.iter().chain(own).chain(others.iter().rev().filter(proceeds)).collect()
    }
}

impl EdgeKind {
    fn redirect(&mut self, from: PlaceId, onto: PlaceId) {
        match self {
            EdgeKind::Take { to, .. } | EdgeKind::Ignore { to } | EdgeKind::Proceed { to, .. } => {
                if *to == from {
                    *to = onto;
                }
            }
            EdgeKind::Stop { .. } => {}
        }
    }
}

impl Literals {
    /// What always holds.
    pub(super) fn always() -> Literals {
        Literals::default()
    }

    pub(super) fn and(mut self, condition: ConditionId, wanted: bool) -> Literals {
        if !self.conditions.contains(&(condition, wanted)) {
            self.conditions.push((condition, wanted));
        }
        self
    }

    /// None of these hold.
    pub(super) fn and_none(self, conditions: &[ConditionId]) -> Literals {
        conditions.iter().fold(self, |literals, condition| literals.and(*condition, false))
    }

    pub(super) fn and_within(mut self, within: Option<i64>) -> Literals {
        self.within = match (self.within, within) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self
    }

    pub(super) fn and_after(mut self, after: Option<i64>) -> Literals {
        self.after = self.after.max(after);
        self
    }

    pub(super) fn and_all(&self, other: &Literals) -> Literals {
        other
            .conditions
            .iter()
            .fold(self.clone(), |literals, (condition, wanted)| literals.and(*condition, *wanted))
            .and_within(other.within)
            .and_after(other.after)
    }
}

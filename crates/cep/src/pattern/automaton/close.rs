//! From a graph to an automaton: what can be proceeded to becomes part of the place that proceeds.

use std::collections::HashMap;

use super::graph::{EdgeKind, Graph, Literals, PlaceId};
use super::listing::Names;
use super::lower::Lowered;
use super::{Action, Automaton, AutomatonError, Guard, Move, State, StateId};
use crate::pattern::{Condition, Pattern};

/// States that an automaton may have.
pub(super) const STATES_MAX: usize = 10_000;

/// Guards that an automaton may have together.
const GUARDS_MAX: usize = 200_000;

/// Gathers the moves of all places that can be reached by events, and numbers these from the start.
pub(super) fn close(lowered: Lowered, pattern: &Pattern) -> Result<Automaton, AutomatonError> {
    let Lowered { graph, start } = lowered;
    let mut closing = Closing {
        graph: &graph,
        conditions: &pattern.conditions,
        ids: HashMap::new(),
        order: Vec::new(),
        guards: 0,
        has_impossible: false,
    };
    let mut waiting_in_vain = Vec::new();
    closing.id_of(start)?;
    let mut states = Vec::new();
    while let Some(place) = closing.order.get(states.len()).copied() {
        states.push(closing.state(place, states.is_empty())?);
        waiting_in_vain.push(closing.has_impossible);
    }
    debug_assert!(closing.order.len() <= graph.len(), "each state is a place");
    end_when_nothing_is_left(&mut states, &waiting_in_vain);
    Ok(Automaton {
        states,
        within: pattern.within,
        conditions: pattern.conditions.clone(),
        names: Names::of(pattern),
    })
}

struct Closing<'g> {
    graph: &'g Graph,
    conditions: &'g [Condition],
    ids: HashMap<PlaceId, StateId>,
    /// The places of the states, by their numbers.
    order: Vec<PlaceId>,
    guards: usize,
    /// Whether the state looked at waits, without a bound on time, for what cannot come.
    has_impossible: bool,
}

/// An edge that no longer proceeds, with the guards of all that led to it.
struct Way {
    guard: Literals,
    kind: EdgeKind,
    /// Whether bounds on time did not count on the way.
    is_later: bool,
}

impl Closing<'_> {
    fn id_of(&mut self, place: PlaceId) -> Result<StateId, AutomatonError> {
        if let Some(id) = self.ids.get(&place) {
            return Ok(*id);
        }
        if self.order.len() >= STATES_MAX {
            return Err(AutomatonError::too_large(STATES_MAX));
        }
        let id = StateId(self.order.len() as u16);
        self.order.push(place);
        self.ids.insert(place, id);
        Ok(id)
    }

    fn state(&mut self, place: PlaceId, is_start: bool) -> Result<State, AutomatonError> {
        let mut ways = Vec::new();
        self.has_impossible = false;
        self.gather(place, &Literals::always(), false, &mut Vec::new(), &mut ways)?;
        // Nothing waits in the start, so nothing can leave it but by an event that is taken.
        ways.retain(|way| !is_start || matches!(way.kind, EdgeKind::Take { .. }));
        let mut moves: Vec<Move> = Vec::new();
        for way in ways {
            let is_timed = way.guard.within.is_some();
            let Some(guard) = self.guard(way.guard) else {
                self.has_impossible |= !is_timed;
                continue;
            };
            let action = self.action(way.kind)?;
            let counts_anew = way.is_later && matches!(action, Action::Skip { .. });
            let is_same = |other: &&mut Move| other.action == action && other.counts_anew == counts_anew;
            match moves.iter_mut().find(is_same) {
                Some(other) => add_guard(&mut other.guards, guard),
                None => moves.push(Move { guards: vec![guard], action, counts_anew }),
            }
        }
        let wakes = self.wakes(&moves, StateId(self.ids[&place].0), is_start);
        let place = self.graph.place(place);
        Ok(State { moves, within: place.within, pending: place.pending, wakes })
    }

    /// All edges that are followed from a place, other than those that proceed.
    fn gather(
        &mut self,
        place: PlaceId,
        guard: &Literals,
        is_later: bool,
        path: &mut Vec<PlaceId>,
        ways: &mut Vec<Way>,
    ) -> Result<(), AutomatonError> {
        // A group that can be left out can be proceeded through, back to where it began.
        if path.contains(&place) {
            return Ok(());
        }
        path.push(place);
        let edges = self.graph.place(place).in_order();
        for edge in edges {
            let of_edge = &edge.guard;
            // What waits for something because it is too late for something else never has to, if that has no time.
            if is_later && of_edge.after.is_some() {
                continue;
            }
            let within = of_edge.within.filter(|_| !is_later);
            let guard = guard.and_all(&Literals { within, ..of_edge.clone() });
            if contradicts(&guard) {
                self.has_impossible |= guard.within.is_none();
                continue;
            }
            if let EdgeKind::Proceed { to, later } = edge.kind {
                let place = self.graph.place(to);
                // Absence is decided once it is waited for.
                let is_later = is_later || later || place.pending;
                let within = place.within.filter(|_| !is_later && !place.pending);
                self.gather(to, &guard.and_within(within), is_later, path, ways)?;
            } else {
                self.count()?;
                ways.push(Way { guard, kind: edge.kind, is_later });
            }
        }
        path.pop();
        Ok(())
    }

    /// Under which guards the end can be proceeded to.
    fn completions(
        &mut self,
        place: PlaceId,
        guard: &Literals,
        path: &mut Vec<PlaceId>,
        guards: &mut Vec<Guard>,
    ) -> Result<(), AutomatonError> {
        if place == Graph::FINAL {
            self.count()?;
            if let Some(guard) = self.guard(guard.clone()) {
                add_guard(guards, guard);
            }
            return Ok(());
        }
        if path.contains(&place) {
            return Ok(());
        }
        path.push(place);
        for edge in &self.graph.place(place).edges {
            if let EdgeKind::Proceed { to, .. } = edge.kind {
                self.completions(to, &guard.and_all(&edge.guard), path, guards)?;
            }
        }
        path.pop();
        Ok(())
    }

    fn count(&mut self) -> Result<(), AutomatonError> {
        self.guards += 1;
        if self.guards > GUARDS_MAX { Err(AutomatonError::too_large(STATES_MAX)) } else { Ok(()) }
    }

    fn action(&mut self, kind: EdgeKind) -> Result<Action, AutomatonError> {
        Ok(match kind {
            EdgeKind::Take { step, to } => {
                let mut completes = Vec::new();
                self.completions(to, &Literals::always(), &mut Vec::new(), &mut completes)?;
                let to = if to == Graph::FINAL { None } else { Some(self.id_of(to)?) };
                Action::Take { step, to, completes }
            }
            EdgeKind::Ignore { to: Graph::FINAL } => Action::Complete,
            EdgeKind::Ignore { to } | EdgeKind::Proceed { to, .. } => Action::Skip { to: self.id_of(to)? },
            EdgeKind::Stop { step } => Action::Stop { step },
        })
    }

    /// The masks of a conjunction; `None` if it never holds.
    fn guard(&self, literals: Literals) -> Option<Guard> {
        if contradicts(&literals) {
            return None;
        }
        let mut guard = Guard { within: literals.within, after: literals.after, ..Guard::default() };
        for (id, wanted) in &literals.conditions {
            let condition = &self.conditions[id.index()];
            let bit = condition.bit.map_or(0, |bit| 1_u64 << bit);
            match (wanted, condition.cross.is_empty()) {
                (true, true) => guard.set |= bit,
                (true, false) => {
                    guard.set |= bit;
                    guard.cross.push((*id, true));
                }
                // What asks for nothing always holds.
                (false, true) if bit == 0 => return None,
                (false, true) => guard.clear |= bit,
                (false, false) => guard.cross.push((*id, false)),
            }
        }
        // A condition whose bit is clear does not hold, whatever else it asks.
        let clear = guard.clear;
        guard.cross.retain(|(id, wanted)| {
            *wanted || self.conditions[id.index()].bit.is_none_or(|bit| clear >> bit & 1 == 0)
        });
        guard.literals = literals.conditions;
        (guard.set & guard.clear == 0).then_some(guard)
    }

    /// Which bits a row must have for anything but staying to happen, if there are such.
    fn wakes(&self, moves: &[Move], state: StateId, is_start: bool) -> Option<u64> {
        let mut wakes = 0;
        let mut stays = is_start;
        for way in moves {
            let staying = way.action == Action::Skip { to: state };
            let mut holds = false;
            for guard in &way.guards {
                wakes |= guard.set | guard.clear;
                match self.without_bits(guard, &mut wakes) {
                    Some(of_guard) => holds |= of_guard,
                    None if staying => {}
                    None => return None,
                }
            }
            if holds && !staying {
                return None;
            }
            stays |= holds;
        }
        stays.then_some(wakes)
    }

    /// Whether a guard holds for a row without any of the bits it looks at, which are added to `looks`; `None` if that
    /// depends on more.
    fn without_bits(&self, guard: &Guard, looks: &mut u64) -> Option<bool> {
        if guard.set != 0 {
            return Some(false);
        }
        for (id, wanted) in &guard.cross {
            let bit = self.conditions[id.index()].bit?;
            *looks |= 1 << bit;
            if *wanted {
                return Some(false);
            }
        }
        (!guard.is_timed()).then_some(true)
    }
}

/// Bounds states in which everything that is waited for is bounded.
fn end_when_nothing_is_left(states: &mut [State], waiting_in_vain: &[bool]) {
    let is_bounded = |state: &State| state.moves.iter().any(|way| of_guards(way).is_some());
    let mut open: Vec<usize> = (0..states.len())
        .filter(|index| {
            let state = &states[*index];
            state.within.is_none() && !state.pending && is_bounded(state) && !waiting_in_vain[*index]
        })
        .collect();
    loop {
        let before = open.len();
        open.retain(|index| {
            let within = bound(*index, states);
            states[*index].within = within;
            within.is_none()
        });
        if open.len() == before {
            return;
        }
    }
}

/// Since when nothing but staying can happen in a state, from what is known of others.
fn bound(index: usize, states: &[State]) -> Option<i64> {
    latest(states[index].moves.iter().map(|way| match &way.action {
        Action::Skip { to } if to.index() == index => Some(0),
        // What waits for absence is a match when its time is over.
        Action::Skip { to } if states[to.index()].pending => of_guards(way),
        Action::Skip { to } => of_guards(way).or(states[to.index()].within),
        Action::Take { .. } | Action::Complete => of_guards(way),
        Action::Stop { .. } => Some(0),
    }))
}

/// Since when a move cannot happen.
fn of_guards(way: &Move) -> Option<i64> {
    latest(way.guards.iter().map(|guard| guard.within))
}

/// The largest of bounds; none if one of them is none.
fn latest(bounds: impl Iterator<Item = Option<i64>>) -> Option<i64> {
    bounds.reduce(|one, other| Some(one?.max(other?))).flatten()
}

/// Whether some condition shall both hold and not.
fn contradicts(literals: &Literals) -> bool {
    let is_never = literals.within.zip(literals.after).is_some_and(|(within, after)| within <= after);
    is_never || literals.conditions.iter().any(|(id, wanted)| literals.conditions.contains(&(*id, !wanted)))
}

/// Adds an alternative; what asks for all that another asks is left out beside it.
fn add_guard(guards: &mut Vec<Guard>, guard: Guard) {
    if guards.iter().any(|other| implies(&guard, other)) {
        return;
    }
    guards.retain(|other| !implies(other, &guard));
    guards.push(guard);
}

/// Whether `strong` holds only where `weak` does, as far as one can see.
fn implies(strong: &Guard, weak: &Guard) -> bool {
    strong.set & weak.set == weak.set
        && strong.clear & weak.clear == weak.clear
        && weak.cross.iter().all(|cross| strong.cross.contains(cross))
        && weak.within.is_none_or(|weak| strong.within.is_some_and(|strong| strong <= weak))
        && weak.after.is_none_or(|weak| strong.after.is_some_and(|strong| strong >= weak))
}

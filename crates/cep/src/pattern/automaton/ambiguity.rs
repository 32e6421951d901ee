//! Whether an automaton can find the same match twice.

use std::collections::HashSet;

use super::{Action, Automaton, Move, StateId};

/// Pairs of states that are looked at; an automaton that has more may be ambiguous.
const PAIRS_MAX: usize = 20_000;

impl Automaton {
    /// Whether a partial match may go on in more than one way, or go on once it is a match, so that several that began with
    /// the same event can wait, or wait to be told.
    pub fn forks(&self) -> bool {
        let is_match_that_goes_on = |way: &Move| match &way.action {
            Action::Take { to, completes, .. } => to.is_some() && !completes.is_empty(),
            _ => false,
        };
        self.states.iter().any(|state| {
            if state.moves.iter().any(is_match_that_goes_on) {
                return true;
            }
            let goes_on = |way: &&Move| !matches!(way.action, Action::Stop { .. });
            let moves: Vec<&Move> = state.moves.iter().filter(goes_on).collect();
            moves
                .iter()
                .enumerate()
                .any(|(index, way)| moves[..index].iter().any(|other| !way.excludes(other)))
        })
    }

    /// Whether the same events may be taken for the same steps in more than one way, so that a match may be found more than
    /// once. Where that is hard to say, it may.
    pub fn is_ambiguous(&self) -> bool {
        // Two partial matches that have taken the same are followed through all states in which they can be.
        let mut seen = HashSet::new();
        let mut pairs = Vec::new();
        for state in &self.states {
            for (index, one) in state.moves.iter().enumerate() {
                for other in &state.moves[..index] {
                    if follow(one, other, &mut seen, &mut pairs) {
                        return true;
                    }
                }
            }
        }
        while let Some((left, right)) = pairs.pop() {
            if seen.len() > PAIRS_MAX {
                return true;
            }
            for one in &self.state(left).moves {
                for other in &self.state(right).moves {
                    if follow(one, other, &mut seen, &mut pairs) {
                        return true;
                    }
                }
            }
        }
        false
    }
}

/// Adds where two moves lead that take the same; whether they lead to one match or one state.
fn follow(
    one: &Move,
    other: &Move,
    seen: &mut HashSet<(StateId, StateId)>,
    pairs: &mut Vec<(StateId, StateId)>,
) -> bool {
    if one.excludes(other) {
        return false;
    }
    let (left, right) = match (&one.action, &other.action) {
        (
            Action::Take { step, to, completes },
            Action::Take { step: other_step, to: other_to, completes: other_completes },
        ) => {
            if step != other_step {
                return false;
            }
            if !completes.is_empty() && !other_completes.is_empty() {
                return true;
            }
            (*to, *other_to)
        }
        (Action::Skip { to }, Action::Skip { to: other_to }) => (Some(*to), Some(*other_to)),
        (Action::Complete, Action::Complete) => return true,
        _ => return false,
    };
    let (Some(left), Some(right)) = (left, right) else { return false };
    if left == right {
        return true;
    }
    let pair = (left.min(right), left.max(right));
    if seen.insert(pair) {
        pairs.push(pair);
    }
    false
}

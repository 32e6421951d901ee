//! Expressions over the events of a match.

use std::borrow::Cow;

use olocus_event::Value;

use crate::one_row::OneRow;

/// A value computed from the events of a match, as in `emit` of a sequence.
#[derive(Debug)]
pub struct MatchExpr {
    row: OneRow,
    /// Step and place among the retained values, for each input.
    places: Vec<(usize, usize)>,
}

impl MatchExpr {
    pub(crate) fn new(row: OneRow, places: Vec<(usize, usize)>) -> Self {
        Self { row, places }
    }

    /// The value for a match. `rows` has, for each step in order, what [`Program::retain`](crate::Program::retain) kept
    /// of its event; a step that is missing counts as an event of which everything is NULL.
    #[must_use]
    pub fn evaluate(&self, rows: &[&[Value]]) -> Value {
        let value = |(step, slot): &(usize, usize)| {
            rows.get(*step).and_then(|row| row.get(*slot)).unwrap_or(&Value::Null)
        };
        self.row.evaluate(self.places.iter().map(value).map(Cow::Borrowed))
    }

    /// The expression in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self) -> &str {
        self.row.normalized()
    }
}

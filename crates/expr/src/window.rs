//! Expressions over windows of events.

use std::borrow::Cow;

use olocus_event::{Kind, Value};

use crate::aggregate::Aggregate;
use crate::form::Column;
use crate::lists::Tables;
use crate::names::Origin;
use crate::one_row::{OneRow, arrived};
use crate::program::ValueId;
use crate::reads::LookupRead;

/// The expressions of one window rule.
#[derive(Debug)]
pub struct WindowExprs {
    /// The aggregates that the expressions use, each once, with its argument; `None` stands for `count(*)`.
    pub aggregates: Vec<(Aggregate, Option<ValueId>)>,
    /// The condition on the window.
    pub having: Option<ScalarExpr>,
    /// What is emitted, in the order given.
    pub emit: Vec<ScalarExpr>,
}

/// An expression over the aggregates of a window and the fields it is grouped by, or over the values of a match's steps.
#[derive(Debug)]
pub struct ScalarExpr {
    row: OneRow,
    inputs: Vec<ScalarInput>,
}

#[derive(Clone, Copy, Debug)]
enum ScalarInput {
    /// The aggregate of this position, and as what its result is read.
    Aggregate(usize, Kind),
    By(usize),
}

impl ScalarExpr {
    /// `positions` tells where the aggregates of this expression stand among those of the rule. `None` if a column is
    /// neither an aggregate nor a field that the window is grouped by.
    pub(crate) fn new(row: OneRow, columns: &[Column], positions: &[usize]) -> Option<Self> {
        let inputs = columns.iter().map(|column| match column.origin {
            Origin::Aggregate(own) => Some(ScalarInput::Aggregate(*positions.get(own)?, column.kind)),
            Origin::By(index) => Some(ScalarInput::By(index)),
            Origin::Event(_) | Origin::Step(..) | Origin::Lookup(_) | Origin::LookupCall(_) => None,
        });
        Some(Self { row, inputs: inputs.collect::<Option<_>>()? })
    }

    /// The value for a window or a match: `aggregates` has the results in the order of [`WindowExprs::aggregates`] or
    /// [`SequenceExprs::values`](crate::SequenceExprs::values) (times as nanoseconds, durations as seconds, JSON perhaps as
    /// its text), `by` the
    /// values of the fields that a window is grouped by.
    #[must_use]
    pub fn evaluate(&self, aggregates: &[Value], by: &[Value]) -> Value {
        self.evaluate_with(aggregates, by, &Tables::default())
    }

    /// The value where lists that change while rules run are as in `tables`; see [`evaluate`](Self::evaluate).
    #[must_use]
    pub fn evaluate_with(&self, aggregates: &[Value], by: &[Value], tables: &Tables) -> Value {
        let result = |index: usize| aggregates.get(index).unwrap_or(&Value::Null);
        let value = |input: &ScalarInput| match *input {
            ScalarInput::Aggregate(index, kind) => arrived(result(index), kind),
            ScalarInput::By(index) => Cow::Borrowed(by.get(index).unwrap_or(&Value::Null)),
        };
        self.row.evaluate(self.inputs.iter().map(value), tables)
    }

    /// Which aggregates it reads, by their positions, some of them more than once.
    pub fn aggregates(&self) -> impl Iterator<Item = usize> {
        self.inputs.iter().filter_map(|input| match *input {
            ScalarInput::Aggregate(position, _) => Some(position),
            ScalarInput::By(_) => None,
        })
    }

    /// Whether the expression is TRUE; NULL is not.
    #[must_use]
    pub fn holds(&self, aggregates: &[Value], by: &[Value]) -> bool {
        self.holds_with(aggregates, by, &Tables::default())
    }

    /// Whether the expression is TRUE where lists that change while rules run are as in `tables`.
    #[must_use]
    pub fn holds_with(&self, aggregates: &[Value], by: &[Value], tables: &Tables) -> bool {
        self.evaluate_with(aggregates, by, tables) == Value::Bool(true)
    }

    /// What it looks up in lists.
    pub fn lookups(&self) -> impl Iterator<Item = &LookupRead> {
        self.row.lookups()
    }

    /// The expression in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self) -> &str {
        self.row.normalized()
    }
}

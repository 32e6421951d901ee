//! Expressions over one event that depend on the moment at which they are asked: on lists that change while rules run.

use std::borrow::Cow;

use olocus_event::{Kind, Value};

use crate::compiler::Compiler;
use crate::form::Form;
use crate::lists::Tables;
use crate::one_row::{OneRow, arrived};
use crate::problem::Problem;
use crate::program::ValueId;
use crate::reads::LookupRead;

/// A condition on one event, or a value of one, that depends on the moment at which it is asked.
#[derive(Debug)]
pub struct LiveExpr {
    row: OneRow,
    inputs: Vec<ValueId>,
    /// By input, as what it is read.
    kinds: Vec<Kind>,
}

impl LiveExpr {
    /// The values of the event that it reads, in the order in which [`evaluate`](Self::evaluate) takes them.
    #[must_use]
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// What it comes to where lists are as in `tables`.
    #[must_use]
    pub fn evaluate(&self, values: &[Value], tables: &Tables) -> Value {
        self.row.evaluate(read_as(values, &self.kinds), tables)
    }

    /// Whether the condition is TRUE where lists are as in `tables`; NULL is not.
    #[must_use]
    pub fn holds(&self, values: &[Value], tables: &Tables) -> bool {
        self.evaluate(values, tables) == Value::Bool(true)
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

impl Compiler {
    pub(crate) fn live_expr(&mut self, form: Form) -> Result<LiveExpr, Vec<Problem>> {
        let mut columns = Vec::new();
        let row = OneRow::new(form, &mut columns).map_err(|problem| vec![problem])?;
        let kinds = columns.iter().map(|column| column.kind).collect();
        let inputs = columns.into_iter().map(|column| self.value_of(Form::Bare(column), false));
        Ok(LiveExpr { row, inputs: inputs.collect::<Result<_, _>>()?, kinds })
    }
}

/// Values that have travelled, as they are read.
pub(crate) fn read_as<'a>(values: &'a [Value], kinds: &'a [Kind]) -> impl Iterator<Item = Cow<'a, Value>> {
    values.iter().zip(kinds).map(|(value, kind)| arrived(value, *kind))
}

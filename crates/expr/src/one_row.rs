//! Expressions over a few single values: of the events of a match, or of a window.

use std::borrow::Cow;

use olocus_event::{Column as EventColumn, Kind, Value};

use crate::atom::{Atom, Input, Inputs};
use crate::compiler::unplannable;
use crate::form::{Column, Form, Leaf};
use crate::lists::{Key, Lookups, Tables};
use crate::logic::Logic;
use crate::names::Origin;
use crate::problem::Problem;
use crate::reads::LookupRead;
use crate::values::Values;

/// A compiled expression whose inputs are values instead of columns.
#[derive(Debug)]
pub(crate) struct OneRow {
    form: LocalForm,
    inputs: Vec<LocalInput>,
    lookups: Lookups,
    normalized: String,
}

#[derive(Debug)]
enum LocalForm {
    /// The value of this input.
    Bare(usize),
    Value(Atom),
    Condition(Logic<Atom>),
}

/// What an expression reads; each may be made of those before it.
#[derive(Debug)]
enum LocalInput {
    /// The value handed in at this position, as this kind.
    Given(usize, Kind),
    Lookup(usize),
}

/// Planning: the columns that were asked for, and what becomes of them.
struct Planner<'a> {
    given: &'a mut Vec<Column>,
    columns: Vec<Column>,
    inputs: Vec<LocalInput>,
    lookups: Lookups,
    /// Whether what is looked up in lists that change while rules run is handed in.
    gives_lookups: bool,
}

impl OneRow {
    /// Plans `form`. `given` tells the columns in the order in which their values are handed to
    /// [`evaluate`](Self::evaluate).
    pub(crate) fn new(form: Form, given: &mut Vec<Column>) -> Result<Self, Problem> {
        Self::plan(form, given, false)
    }

    /// The same, but what is looked up in lists that change while rules run is among the values that are handed in.
    pub(crate) fn given_lookups(form: Form, given: &mut Vec<Column>) -> Result<Self, Problem> {
        Self::plan(form, given, true)
    }

    fn plan(form: Form, given: &mut Vec<Column>, gives_lookups: bool) -> Result<Self, Problem> {
        let normalized = form.normalized();
        let (columns, inputs, lookups) = (Vec::new(), Vec::new(), Lookups::default());
        let mut planner = Planner { given, columns, inputs, lookups, gives_lookups };
        let form = match form {
            Form::Bare(column) => LocalForm::Bare(planner.input(&column)?),
            Form::Value(leaf) => LocalForm::Value(planner.atom(leaf)?),
            Form::Condition(logic) => LocalForm::Condition(logic.try_map(&mut |leaf| planner.atom(leaf))?),
        };
        let Planner { inputs, lookups, .. } = planner;
        Ok(Self { form, inputs, lookups, normalized })
    }

    pub(crate) fn normalized(&self) -> &str {
        &self.normalized
    }

    /// What it looks up in lists.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = &LookupRead> {
        self.lookups.reads()
    }

    /// The value where lists that change while rules run are as in `tables`.
    pub(crate) fn evaluate<'a>(
        &self,
        values: impl Iterator<Item = Cow<'a, Value>>,
        tables: &Tables,
    ) -> Value {
        let values: Vec<Cow<'_, Value>> = values.collect();
        let null = || Cow::Owned(Value::Null);
        let given = |position: usize| values.get(position).cloned().unwrap_or_else(null);
        if let LocalForm::Bare(input) = self.form
            && let LocalInput::Given(position, _) = self.inputs[input]
        {
            return given(position).into_owned();
        }
        let mut columns: Vec<EventColumn> = Vec::with_capacity(self.inputs.len());
        let mut row = Row(Vec::with_capacity(self.inputs.len()));
        for input in &self.inputs {
            let column = match *input {
                LocalInput::Given(position, kind) => EventColumn::of_value(&given(position), kind),
                LocalInput::Lookup(lookup) => {
                    let (probe, target) = self.lookups.get(lookup);
                    let column = |input: usize| columns[input].clone();
                    self.lookups.probes()[probe].column(target, &row, column, tables)
                }
            };
            row.0.push(column.clone().into());
            columns.push(column);
        }
        match &self.form {
            LocalForm::Bare(input) => columns[*input].value(0),
            LocalForm::Value(atom) => Values::of_evaluated(&atom.evaluate(&row), 1).get(0),
            LocalForm::Condition(logic) => match logic.evaluate(&mut |atom| atom.evaluate(&row).booleans()) {
                Ok(result) => Values::of_booleans(result).get(0),
                Err(_) => Value::Null,
            },
        }
    }
}

impl Planner<'_> {
    fn atom(&mut self, leaf: Leaf) -> Result<Atom, Problem> {
        let range = leaf.range;
        for column in &leaf.columns {
            self.input(column)?;
        }
        let place = |column: &Column| self.columns.iter().position(|known| known == column).unwrap_or(0);
        Atom::new(leaf, place).map_err(|error| unplannable(&error, range))
    }

    /// The input that a column is.
    fn input(&mut self, column: &Column) -> Result<usize, Problem> {
        if let Some(known) = self.columns.iter().position(|known| known == column) {
            return Ok(known);
        }
        let input = match &column.origin {
            Origin::Lookup(lookup) if !(self.gives_lookups && column.live_lookup().is_some()) => {
                let key = match &lookup.key {
                    Form::Bare(key) => Key::Input(self.input(key)?),
                    Form::Value(leaf) => Key::Atom(Box::new(self.atom(leaf.clone())?)),
                    Form::Condition(_) => unreachable!("keys are values"),
                };
                LocalInput::Lookup(self.lookups.add(lookup, column.kind, key))
            }
            _ => {
                self.given.push(column.clone());
                LocalInput::Given(self.given.len() - 1, column.kind)
            }
        };
        self.columns.push(column.clone());
        self.inputs.push(input);
        Ok(self.inputs.len() - 1)
    }
}

/// A value that has travelled with an event or been computed of several, as it was before: times travel as their
/// nanoseconds, and JSON as its text.
pub(crate) fn arrived(value: &Value, kind: Kind) -> Cow<'_, Value> {
    match (value, kind) {
        (Value::Int(nanoseconds), Kind::Time) => Cow::Owned(Value::Time(*nanoseconds)),
        (Value::Text(json), Kind::Json) => Cow::Owned(Value::Json(json.clone())),
        (value, _) => Cow::Borrowed(value),
    }
}

struct Row(Vec<Input>);

impl Inputs for Row {
    fn rows(&self) -> usize {
        1
    }

    fn input(&self, index: usize) -> &Input {
        &self.0[index]
    }
}

//! Expressions over a few single values: of the events of a match, or of a window.

use std::borrow::Cow;

use olocus_event::{Column as EventColumn, Kind, Value};

use crate::analyze::{Column, Form, Leaf};
use crate::atom::{Atom, Input, Inputs};
use crate::compiler::unplannable;
use crate::logic::Logic;
use crate::problem::Problem;
use crate::values::Values;

/// A compiled expression whose inputs are values instead of columns.
#[derive(Debug)]
pub(crate) struct OneRow {
    form: LocalForm,
    /// What each input is read as.
    kinds: Vec<Kind>,
    normalized: String,
}

#[derive(Debug)]
enum LocalForm {
    Bare,
    Value(Atom),
    Condition(Logic<Atom>),
}

impl OneRow {
    /// Plans `form`. `inputs` tells the columns in the order in which their values are handed to
    /// [`evaluate`](Self::evaluate).
    pub(crate) fn new(form: Form, inputs: &mut Vec<Column>) -> Result<Self, Problem> {
        let normalized = form.normalized();
        let mut atom = |leaf: Leaf| {
            let range = leaf.range;
            Atom::new(leaf, |column| position(inputs, column)).map_err(|error| unplannable(&error, range))
        };
        let form = match form {
            Form::Bare(column) => {
                position(inputs, &column);
                LocalForm::Bare
            }
            Form::Value(leaf) => LocalForm::Value(atom(leaf)?),
            Form::Condition(logic) => LocalForm::Condition(logic.try_map(&mut atom)?),
        };
        Ok(Self { form, kinds: inputs.iter().map(|column| column.kind).collect(), normalized })
    }

    pub(crate) fn normalized(&self) -> &str {
        &self.normalized
    }

    pub(crate) fn evaluate<'a>(&self, mut values: impl Iterator<Item = Cow<'a, Value>>) -> Value {
        if let LocalForm::Bare = self.form {
            return values.next().map_or(Value::Null, Cow::into_owned);
        }
        let input = |(value, kind): (Cow<'_, Value>, &Kind)| EventColumn::of_value(&value, *kind).into();
        let row = Row(values.zip(&self.kinds).map(input).collect());
        match &self.form {
            LocalForm::Bare => Value::Null,
            LocalForm::Value(atom) => Values::of_evaluated(&atom.evaluate(&row), 1).get(0),
            LocalForm::Condition(logic) => match logic.evaluate(&mut |atom| atom.evaluate(&row).booleans()) {
                Ok(result) => Values::of_booleans(result).get(0),
                Err(_) => Value::Null,
            },
        }
    }
}

fn position(inputs: &mut Vec<Column>, column: &Column) -> usize {
    inputs.iter().position(|known| known == column).unwrap_or_else(|| {
        inputs.push(column.clone());
        inputs.len() - 1
    })
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

//! Conditions that compare an event with earlier ones, as the automaton asks for them.

use olocus_cep::Scalar;
use olocus_cep::pattern::CrossConditions;
use olocus_event::Value;
use olocus_expr::CrossExpr;

use crate::matches::value;

/// The opaque conditions of one pattern, by number.
#[derive(Debug, Default)]
pub(crate) struct Conditions(pub(crate) Vec<Condition>);

/// An expression, and where its values come from.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) expr: Box<CrossExpr>,
    /// In the order of [`CrossExpr::inputs`].
    pub(crate) places: Vec<Place>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// Position in the row's inputs.
    Input(usize),
    /// Position in the pattern's registers.
    Register(usize),
}

impl CrossConditions for Conditions {
    fn holds(&self, number: usize, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        let Some(condition) = self.0.get(number) else { return false };
        let read = |place: &Place| match *place {
            Place::Input(at) => inputs.get(at),
            Place::Register(at) => registers.get(at),
        };
        let values: Vec<Value> =
            condition.places.iter().map(|place| read(place).cloned().map_or(Value::Null, value)).collect();
        condition.expr.holds(&values)
    }
}

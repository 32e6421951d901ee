//! Filters as conditions on events and on what has been taken.

use std::cmp::Ordering;

use olocus_cep::Scalar;
use olocus_cep::pattern::CrossConditions;

use super::syntax::Expression;
use crate::conditions::compare;

/// A filter with its references resolved.
#[derive(Clone, Debug)]
pub(super) enum Resolved {
    Constant(Scalar),
    Input(usize),
    Register(usize),
    IsNull(Box<Resolved>),
    Not(Box<Resolved>),
    Binary(String, Box<Resolved>, Box<Resolved>),
}

/// The filters that look at what has been taken.
#[derive(Debug)]
pub(super) struct Filters(pub(super) Vec<Resolved>);

impl CrossConditions for Filters {
    fn holds(&self, number: usize, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        self.0[number].value(inputs, registers) == Scalar::Bool(true)
    }
}

impl Resolved {
    pub(super) fn constant(expression: &Expression) -> Option<Resolved> {
        Some(Resolved::Constant(match expression {
            Expression::Number(number) => Scalar::Float(*number),
            Expression::Text(text) => Scalar::Text(text.as_str().into()),
            Expression::Bool(value) => Scalar::Bool(*value),
            _ => return None,
        }))
    }

    pub(super) fn looks_back(&self) -> bool {
        match self {
            Resolved::Constant(_) | Resolved::Input(_) => false,
            Resolved::Register(_) => true,
            Resolved::IsNull(inner) | Resolved::Not(inner) => inner.looks_back(),
            Resolved::Binary(_, left, right) => left.looks_back() || right.looks_back(),
        }
    }

    /// Comparisons with nothing are false.
    pub(super) fn value(&self, inputs: &[Scalar], registers: &[Scalar]) -> Scalar {
        match self {
            Resolved::Constant(value) => value.clone(),
            Resolved::Input(input) => inputs.get(*input).cloned().unwrap_or(Scalar::Null),
            Resolved::Register(register) => registers.get(*register).cloned().unwrap_or(Scalar::Null),
            Resolved::IsNull(inner) => Scalar::Bool(inner.value(inputs, registers) == Scalar::Null),
            Resolved::Not(inner) => Scalar::Bool(inner.value(inputs, registers) != Scalar::Bool(true)),
            Resolved::Binary(operator, left, right) => {
                binary(operator, &left.value(inputs, registers), &right.value(inputs, registers))
            }
        }
    }
}

fn binary(operator: &str, left: &Scalar, right: &Scalar) -> Scalar {
    let truth = |value: &Scalar| *value == Scalar::Bool(true);
    let order = compare(left, right);
    Scalar::Bool(match operator {
        "and" => truth(left) && truth(right),
        "or" => truth(left) || truth(right),
        "==" => order == Some(Ordering::Equal),
        "!=" => order.is_some_and(Ordering::is_ne),
        "<" => order.is_some_and(Ordering::is_lt),
        "<=" => order.is_some_and(Ordering::is_le),
        ">" => order.is_some_and(Ordering::is_gt),
        ">=" => order.is_some_and(Ordering::is_ge),
        _ => return calculated(operator, left, right),
    })
}

fn calculated(operator: &str, left: &Scalar, right: &Scalar) -> Scalar {
    let number = |value: &Scalar| match value {
        Scalar::Int(value) => Some(*value as f64),
        Scalar::Float(value) => Some(*value),
        _ => None,
    };
    let (Some(left), Some(right)) = (number(left), number(right)) else { return Scalar::Null };
    Scalar::Float(match operator {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        _ => left / right,
    })
}

//! AND, OR and NOT over leaves.
//!
//! Conditions are taken apart at these three before anything else happens. Each leaf is then typed, planned and
//! evaluated on its own: numbers of one comparison do not decide how another one is computed, a leaf that fails on a
//! row is NULL there while the rest of the condition stands, and equal leaves of different rules are evaluated once.

use arrow::array::BooleanArray;
use arrow::compute::{and_kleene, not, or_kleene};
use arrow::error::ArrowError;
use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, UnaryOperator};

/// A condition in three-valued logic.
#[derive(Clone, Debug)]
pub(crate) enum Logic<T> {
    And(Vec<Logic<T>>),
    Or(Vec<Logic<T>>),
    Not(Box<Logic<T>>),
    Leaf(T),
}

impl Logic<Expr> {
    /// Takes `expr` apart. Chains are flattened by a loop, so that a long one is no deep one.
    pub(crate) fn split(expr: Expr) -> Self {
        match expr {
            Expr::Nested(inner) => Self::split(*inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Self::Not(Box::new(Self::split(*expr))),
            Expr::BinaryOp { ref op, .. } if *op == BinaryOperator::And => {
                Self::And(chain(expr, &BinaryOperator::And))
            }
            Expr::BinaryOp { ref op, .. } if *op == BinaryOperator::Or => {
                Self::Or(chain(expr, &BinaryOperator::Or))
            }
            leaf => Self::Leaf(leaf),
        }
    }
}

impl<T> Logic<T> {
    /// Replaces the leaves, in the order they are written.
    pub(crate) fn try_map<U, E>(self, f: &mut impl FnMut(T) -> Result<U, E>) -> Result<Logic<U>, E> {
        let mut all =
            |parts: Vec<Self>| parts.into_iter().map(|part| part.try_map(f)).collect::<Result<_, E>>();
        Ok(match self {
            Self::And(parts) => Logic::And(all(parts)?),
            Self::Or(parts) => Logic::Or(all(parts)?),
            Self::Not(part) => Logic::Not(Box::new(part.try_map(f)?)),
            Self::Leaf(leaf) => Logic::Leaf(f(leaf)?),
        })
    }

    pub(crate) fn for_each<'a>(&'a self, f: &mut impl FnMut(&'a T)) {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|part| part.for_each(f)),
            Self::Not(part) => part.for_each(f),
            Self::Leaf(leaf) => f(leaf),
        }
    }

    pub(crate) fn for_each_mut(&mut self, f: &mut impl FnMut(&mut T)) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                parts.iter_mut().for_each(|part| part.for_each_mut(f));
            }
            Self::Not(part) => part.for_each_mut(f),
            Self::Leaf(leaf) => f(leaf),
        }
    }

    /// The condition as text, the same for all ways to write it that differ in blanks and parentheses only.
    pub(crate) fn normalized(&self, leaf: &mut impl FnMut(&T) -> String) -> String {
        let mut join = |parts: &[Self], operator: &str| {
            let parts: Vec<String> = parts.iter().map(|part| part.normalized(leaf)).collect();
            format!("({})", parts.join(operator))
        };
        match self {
            Self::And(parts) => join(parts, " AND "),
            Self::Or(parts) => join(parts, " OR "),
            Self::Not(part) => format!("NOT ({})", part.normalized(leaf)),
            Self::Leaf(value) => leaf(value),
        }
    }

    /// Computes the condition from its leaves' columns.
    pub(crate) fn evaluate(
        &self,
        leaf: &mut impl FnMut(&T) -> BooleanArray,
    ) -> Result<BooleanArray, ArrowError> {
        match self {
            Self::And(parts) => fold(parts, leaf, and_kleene),
            Self::Or(parts) => fold(parts, leaf, or_kleene),
            Self::Not(part) => not(&part.evaluate(leaf)?),
            Self::Leaf(value) => Ok(leaf(value)),
        }
    }
}

fn fold<T>(
    parts: &[Logic<T>],
    leaf: &mut impl FnMut(&T) -> BooleanArray,
    join: fn(&BooleanArray, &BooleanArray) -> Result<BooleanArray, ArrowError>,
) -> Result<BooleanArray, ArrowError> {
    let mut columns = parts.iter().map(|part| part.evaluate(leaf));
    let first = columns.next().unwrap_or_else(|| Ok(BooleanArray::from(Vec::<bool>::new())))?;
    columns.try_fold(first, |joined, column| join(&joined, &column?))
}

/// The operands of a chain of one operator; operands in parentheses with the same operator join the chain.
fn chain(expr: Expr, operator: &BinaryOperator) -> Vec<Logic<Expr>> {
    let mut operands = Vec::new();
    let mut rest = expr;
    loop {
        match rest {
            Expr::BinaryOp { left, op, right } if op == *operator => {
                operands.push(Logic::split(*right));
                rest = *left;
            }
            Expr::Nested(inner) => rest = *inner,
            first => {
                operands.push(Logic::split(first));
                break;
            }
        }
    }
    operands.reverse();
    let mut flat = Vec::with_capacity(operands.len());
    for operand in operands {
        match operand {
            Logic::And(inner) if *operator == BinaryOperator::And => flat.extend(inner),
            Logic::Or(inner) if *operator == BinaryOperator::Or => flat.extend(inner),
            other => flat.push(other),
        }
    }
    flat
}

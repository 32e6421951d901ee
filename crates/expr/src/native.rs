//! Comparisons of one column with constants, for a single row and without a kernel.
//!
//! They say the same as the expression that they were read from, for every value of every type that a column can have:
//! what cannot be said so is left to [`Atom`](crate::atom::Atom). None of them can fail.

mod pattern;
mod range;
mod view;

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr, Value, ValueWithSpan};
use olocus_event::{Kind, TextTable};

use crate::syntax::inside;

pub(crate) use self::pattern::Pattern;
pub(crate) use self::range::{Interval, Range, place};
pub(crate) use self::view::{Point, View};

/// A comparison of an input with constants.
#[derive(Clone, Debug)]
pub(crate) struct Native {
    pub(crate) input: usize,
    pub(crate) test: Test,
    /// Whether it is TRUE where the test is FALSE, and the other way round.
    pub(crate) negated: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// A text that is one of these.
    Texts(TextTable),
    /// A number, a length of time or a time within bounds.
    Range(Range),
    /// A text that has a form.
    Pattern(Pattern),
    /// A boolean.
    Bool(bool),
    /// Nothing there.
    Null,
}

impl Native {
    /// Reads an expression over these columns, each with its kind and the number of its input; `None` where it is more
    /// than such a comparison.
    pub(crate) fn read(expr: &Expr, columns: &[(&str, Kind, usize)]) -> Option<Self> {
        let [(name, kind, input)] = *columns else { return None };
        let is_column = |expr: &Expr| matches!(inside(expr), Expr::Identifier(own) if own.value == name);
        let (test, negated) = match expr {
            expr if is_column(expr) => (kind == Kind::Bool).then_some((Test::Bool(true), false))?,
            Expr::IsNull(inner) if is_column(inner) => (Test::Null, false),
            Expr::IsNotNull(inner) if is_column(inner) => (Test::Null, true),
            Expr::BinaryOp { left, op, right } if is_column(left) => compared(kind, op, right)?,
            Expr::BinaryOp { left, op, right } if is_column(right) => compared(kind, &turned(op)?, left)?,
            Expr::InList { expr, list, negated } if is_column(expr) => (among(kind, list)?, *negated),
            Expr::Between { expr, low, high, negated } if is_column(expr) => {
                (Test::Range(Range::between(kind, low, high)?), *negated)
            }
            Expr::Like { any: false, expr, pattern, escape_char: None, negated }
                if is_column(expr) && kind == Kind::Text =>
            {
                (Test::Pattern(Pattern::like(text(pattern)?)?), *negated)
            }
            Expr::ILike { any: false, expr, pattern, escape_char: None, negated }
                if is_column(expr) && kind == Kind::Text =>
            {
                (Test::Pattern(Pattern::ilike(text(pattern)?)?), *negated)
            }
            Expr::Function(_) if kind == Kind::Text => {
                (Test::Pattern(Pattern::called(&mut expr.clone(), is_column)?), false)
            }
            _ => return None,
        };
        Some(Self { input, test, negated })
    }

    /// Whether it holds on a row; `None` is NULL.
    #[inline]
    pub(crate) fn truth(&self, column: &View<'_>, row: usize) -> Option<bool> {
        let found = match &self.test {
            Test::Null => column.is_null(row),
            Test::Texts(texts) => column.is_among(texts, row)?,
            Test::Range(range) => range.contains(column, row)?,
            Test::Pattern(pattern) => pattern.matches(column.text(row)?),
            Test::Bool(wanted) => column.bool(row)? == *wanted,
        };
        Some(found != self.negated)
    }
}

/// A column beside a constant.
fn compared(kind: Kind, op: &BinaryOperator, constant: &Expr) -> Option<(Test, bool)> {
    Some(match (kind, op) {
        (Kind::Text, BinaryOperator::Eq | BinaryOperator::NotEq) => {
            (texts(vec![text(constant)?.into()]), *op == BinaryOperator::NotEq)
        }
        (Kind::Text, _) => {
            Pattern::by_operator(op, text(constant)?).map(|(it, no)| (Test::Pattern(it), no))?
        }
        (Kind::Bool, BinaryOperator::Eq | BinaryOperator::NotEq) => match inside(constant) {
            Expr::Value(ValueWithSpan { value: Value::Boolean(value), .. }) => {
                (Test::Bool(*value), *op == BinaryOperator::NotEq)
            }
            _ => return None,
        },
        (Kind::Number | Kind::Duration | Kind::Time, BinaryOperator::NotEq) => {
            (Test::Range(Range::compared(kind, &BinaryOperator::Eq, constant)?), true)
        }
        (Kind::Number | Kind::Duration | Kind::Time, _) => {
            (Test::Range(Range::compared(kind, op, constant)?), false)
        }
        (Kind::Bool | Kind::Json, _) => return None,
    })
}

fn among(kind: Kind, list: &[Expr]) -> Option<Test> {
    match kind {
        Kind::Text => {
            let mut all: Vec<Box<str>> =
                list.iter().map(|item| text(item).map(Box::from)).collect::<Option<_>>()?;
            all.sort_unstable();
            all.dedup();
            Some(texts(all))
        }
        Kind::Number | Kind::Duration => Range::among(list).map(Test::Range),
        Kind::Bool | Kind::Time | Kind::Json => None,
    }
}

fn texts(texts: Vec<Box<str>>) -> Test {
    Test::Texts(TextTable::new(texts.into_iter().map(|text| (text, 0))))
}

/// The operator with its operands in the other order.
fn turned(op: &BinaryOperator) -> Option<BinaryOperator> {
    Some(match op {
        BinaryOperator::Eq | BinaryOperator::NotEq => op.clone(),
        BinaryOperator::Lt => BinaryOperator::Gt,
        BinaryOperator::LtEq => BinaryOperator::GtEq,
        BinaryOperator::Gt => BinaryOperator::Lt,
        BinaryOperator::GtEq => BinaryOperator::LtEq,
        _ => return None,
    })
}

/// The text of a literal.
fn text(expr: &Expr) -> Option<&str> {
    match inside(expr) {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        _ => None,
    }
}

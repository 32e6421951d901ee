//! As what each field is read, and what operators mean, from how they are used together.
//!
//! [`synth`](Analyzer::synth) tells the type of an expression where it follows from the expression alone;
//! [`decide`](Analyzer::decide) settles what is open once its surroundings ask for something;
//! [`adapt`](Analyzer::adapt) reads a field in another way than its schema suggests, where both go together.
//! Each occurrence of a field is decided for itself; where nothing is asked of it, what other occurrences in the same rule
//! were asked to be tips the scales.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::DataType;
use datafusion_sql::sqlparser::ast::{
    BinaryOperator, DataType as SqlType, Expr, UnaryOperator, Value, ValueWithSpan,
};
use olocus_event::Kind;

use crate::analyze::{Analyzer, marked};
use crate::compare::fits;
use crate::functions::{ADD, FUNCTIONS, SUBTRACT};
use crate::names::Origin;
use crate::parse::range;
use crate::plan::type_of;
use crate::problem::Problem;
use crate::syntax::{arguments, function_name, inside, operands};
use crate::types::{Class, Typed};

impl Analyzer<'_> {
    /// Types an expression that must be a condition.
    pub(crate) fn condition(&mut self, expr: &mut Expr) {
        let typed = self.check(expr, Class::Bool);
        if !matches!(typed.class, Class::Bool | Class::Null) {
            let written = self.written(expr);
            let message = format!("`{written}` is {}, not a condition", typed.class.noun());
            let help = match typed.class {
                Class::Number | Class::Duration => format!("compare it, as in {written} > 0"),
                _ => format!("compare it, as in {written} = 'x', or write {written} IS NOT NULL"),
            };
            let range = self.range(expr);
            self.report(Problem::new("not-a-condition", range, message).with_help(help));
        }
    }

    /// Types an expression of any type.
    pub(crate) fn value_type(&mut self, expr: &mut Expr) -> Typed {
        match self.synth(expr) {
            // Alone, a field keeps its value as it is, however others use it.
            Some(_) if self.is_open_field(expr) => self.decide(expr, Class::Json),
            Some(typed) => typed,
            None => self.guess(true, |this| this.decide(expr, Class::Json)),
        }
    }

    /// Types `expr`, which had better be of class `want`; the caller judges what it is.
    pub(crate) fn check(&mut self, expr: &mut Expr, want: Class) -> Typed {
        match self.synth(expr) {
            Some(typed) if typed.class == want || typed.class == Class::Null => typed,
            Some(typed) => self.adapt(expr, want).unwrap_or(typed),
            None => self.decide(expr, want),
        }
    }

    /// Like [`check`](Self::check); another class is a problem.
    pub(crate) fn require(&mut self, expr: &mut Expr, want: Class) -> Typed {
        let typed = self.guess(false, |this| this.check(expr, want));
        if !fits(typed.class, want) {
            let message = format!(
                "`{}` is {}, but {} is needed here",
                self.written(expr),
                typed.class.noun(),
                want.noun()
            );
            let problem = Problem::new("type-mismatch", self.range(expr), message);
            self.report(match (want, typed.class) {
                (Class::Text, _) => {
                    problem.with_help(format!("CAST({} AS VARCHAR) makes text", self.written(expr)))
                }
                _ => problem,
            });
        }
        typed
    }

    /// The type of `expr` if it does not depend on its surroundings.
    pub(crate) fn synth(&mut self, expr: &mut Expr) -> Option<Typed> {
        if let Some(index) = marked(expr) {
            return self.synth_reference(index);
        }
        match expr {
            Expr::Nested(inner) => self.synth(inner),
            Expr::Value(value) => Some(literal_type(&value.value)),
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                self.require(inner, Class::Bool);
                Some(Kind::Bool.into())
            }
            Expr::UnaryOp { expr: inner, .. } => {
                let typed = self.synth(inner)?;
                Some(self.sign(expr, typed))
            }
            Expr::BinaryOp { op, .. } if is_arithmetic(op) => self.arithmetic(expr, None),
            Expr::BinaryOp { left, op, right } => {
                match op {
                    BinaryOperator::And | BinaryOperator::Or => {
                        self.require(left, Class::Bool);
                        self.require(right, Class::Bool);
                    }
                    BinaryOperator::StringConcat => {
                        self.as_written(left);
                        self.as_written(right);
                        return Some(Kind::Text.into());
                    }
                    BinaryOperator::Eq | BinaryOperator::NotEq => {
                        self.compare(vec![left, right], Class::Text);
                    }
                    BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                        self.compare(vec![left, right], Class::Number);
                    }
                    BinaryOperator::BitwiseAnd
                    | BinaryOperator::BitwiseOr
                    | BinaryOperator::PGBitwiseShiftLeft
                    | BinaryOperator::PGBitwiseShiftRight => {
                        self.require(left, Class::Number);
                        self.require(right, Class::Number);
                        return Some(Kind::Number.into());
                    }
                    _ => self.pattern(left, right),
                }
                Some(Kind::Bool.into())
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.unify_compared(vec![left, right], Class::Text);
                Some(Kind::Bool.into())
            }
            Expr::Like { expr: left, pattern: right, .. }
            | Expr::ILike { expr: left, pattern: right, .. } => {
                self.pattern(left, right);
                Some(Kind::Bool.into())
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                self.check(inner, Class::Json);
                Some(Kind::Bool.into())
            }
            Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner) => {
                self.require(inner, Class::Bool);
                Some(Kind::Bool.into())
            }
            Expr::InList { expr: item, list, .. } => {
                let all = std::iter::once(&mut **item).chain(list).collect();
                self.unify_compared(all, Class::Text);
                Some(Kind::Bool.into())
            }
            Expr::Between { expr: item, low, high, .. } => {
                self.compare(vec![item, low, high], Class::Number);
                Some(Kind::Bool.into())
            }
            Expr::Case { .. } => self.case(expr, None),
            Expr::Function(_) => self.function(expr, None),
            _ => Some(self.special_form(expr)),
        }
    }

    /// Settles an expression that [`synth`](Self::synth) left open.
    pub(crate) fn decide(&mut self, expr: &mut Expr, want: Class) -> Typed {
        if let Some(index) = marked(expr) {
            return self.decide_reference(index, want);
        }
        let decided = match expr {
            Expr::Nested(inner) => Some(self.decide(inner, want)),
            Expr::UnaryOp { expr: inner, .. } => {
                let want = if want == Class::Duration { want } else { Class::Number };
                let typed = self.decide(inner, want);
                Some(self.sign(expr, typed))
            }
            Expr::BinaryOp { .. } => self.arithmetic(expr, Some(want)),
            Expr::Case { .. } => self.case(expr, Some(want)),
            Expr::Function(_) => self.function(expr, Some(want)),
            _ => None,
        };
        decided.unwrap_or_else(Typed::null)
    }

    /// Reads an expression as `want` although its type is known to be another, if it can be read so.
    pub(crate) fn adapt(&mut self, expr: &mut Expr, want: Class) -> Option<Typed> {
        if let Some(index) = marked(expr) {
            return self.adapt_reference(index, want);
        }
        match expr {
            Expr::Nested(inner) => self.adapt(inner, want),
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => {
                let time = want == Class::Time && string_to_timestamp_nanos(text).is_ok();
                time.then_some(Typed { class: Class::Time, data: DataType::Utf8 })
            }
            Expr::Function(function) if want == Class::Duration => {
                let name = function_name(function)?;
                if name != ADD && name != SUBTRACT {
                    return None;
                }
                for argument in arguments(function)? {
                    let typed = self.check(argument, want);
                    if typed.class != want {
                        return None;
                    }
                }
                let typed = Typed::from(Kind::Duration);
                self.remember_call(expr, typed.clone());
                Some(typed)
            }
            _ => None,
        }
    }

    /// An operand of `||`: fields of any type are read as they are written in the event.
    fn as_written(&mut self, expr: &mut Expr) {
        if let Some(reference) = marked(expr).and_then(|index| self.references.get_mut(index))
            && reference.kind.is_none()
            && !matches!(reference.origin, Origin::Aggregate(_))
        {
            reference.kind = Some(Kind::Text);
            return;
        }
        let typed = self.check(expr, Class::Text);
        if !matches!(typed.class, Class::Text | Class::Number | Class::Null) {
            self.require(expr, Class::Text);
        }
    }

    fn pattern(&mut self, value: &mut Expr, pattern: &mut Expr) {
        if let Expr::Identifier(_) = inside(pattern)
            && marked(pattern).is_some()
            && self.written(pattern).starts_with('"')
        {
            let written = self.written(pattern).trim_matches('"').to_owned();
            let problem = Problem::new(
                "quotes",
                self.range(pattern),
                "double quotes name a field, they do not make text",
            );
            self.report(problem.with_help(format!("text stands between single quotes: '{written}'")));
        }
        self.require(value, Class::Text);
        self.require(pattern, Class::Text);
    }

    fn case(&mut self, expr: &mut Expr, want: Option<Class>) -> Option<Typed> {
        let Expr::Case { operand, conditions, else_result, .. } = expr else {
            return None;
        };
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            tests.push(&mut when.condition);
            results.push(&mut when.result);
        }
        results.extend(else_result.as_deref_mut());
        let class = match results
            .iter_mut()
            .filter_map(|result| self.synth(result))
            .find(|it| it.class != Class::Null)
        {
            Some(typed) => typed.class,
            None => want?,
        };
        match operand {
            Some(operand) => {
                self.unify_compared(std::iter::once(&mut **operand).chain(tests).collect(), Class::Text);
            }
            None => tests.into_iter().for_each(|test| {
                self.require(test, Class::Bool);
            }),
        }
        let class = self.unify(results, class);
        Some(self.planned_type(expr, class))
    }

    /// Parts of SQL that are written like no other.
    fn special_form(&mut self, expr: &mut Expr) -> Typed {
        let wanted: &[Class] = match expr {
            Expr::Cast { data_type, .. } => {
                let class = cast_source(data_type);
                let Expr::Cast { expr: inner, .. } = expr else {
                    return Typed::null();
                };
                self.guess(true, |this| this.check(inner, class));
                return self.planned_type(expr, Class::Null);
            }
            Expr::Substring { expr: inner, substring_from: None, substring_for: None, .. } => {
                let problem =
                    Problem::new("wrong-arguments", range(inner, self.text), "`substr` needs a position");
                self.report(
                    problem.with_help(format!("usage: {}", FUNCTIONS.usage("substr").unwrap_or_default())),
                );
                return Kind::Text.into();
            }
            Expr::Extract { .. } => &[Class::Time],
            Expr::AtTimeZone { .. } => &[Class::Time, Class::Text],
            Expr::Ceil { .. } | Expr::Floor { .. } => &[Class::Number],
            Expr::Position { .. } | Expr::Trim { .. } => &[Class::Text, Class::Text],
            Expr::Substring { .. } => &[Class::Text, Class::Number, Class::Number],
            Expr::Overlay { .. } => &[Class::Text, Class::Text, Class::Number, Class::Number],
            _ => &[],
        };
        for (operand, class) in operands(expr).unwrap_or_default().into_iter().zip(wanted) {
            let rounds = *class == Class::Number && wanted.len() == 1;
            if !(rounds && self.synth(operand).is_some_and(|typed| typed.class == Class::Duration)) {
                self.require(operand, *class);
            }
        }
        self.planned_type(expr, Class::Null)
    }
}

fn literal_type(value: &Value) -> Typed {
    match value {
        Value::Null => Typed::null(),
        Value::Boolean(_) => Kind::Bool.into(),
        Value::SingleQuotedString(_) => Kind::Text.into(),
        Value::Placeholder(_) => Kind::Duration.into(),
        Value::Number(text, _) => {
            let data = if text.parse::<i64>().is_ok() {
                DataType::Int64
            } else if text.parse::<u64>().is_ok() {
                DataType::UInt64
            } else {
                DataType::Float64
            };
            Typed { class: Class::Number, data }
        }
        _ => Kind::Text.into(),
    }
}

/// Whether the expression is a literal, signed or not.
pub(crate) fn is_literal(expr: &Expr) -> bool {
    match inside(expr) {
        Expr::Value(_) | Expr::TypedString(_) => true,
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            matches!(**expr, Expr::Value(_))
        }
        _ => false,
    }
}

pub(crate) fn is_arithmetic(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Multiply
            | BinaryOperator::Divide
            | BinaryOperator::Modulo
    )
}

/// As what a field is read that is cast.
fn cast_source(target: &SqlType) -> Class {
    let null = Expr::Value(Value::Null.into());
    let cast = Expr::Cast {
        kind: datafusion_sql::sqlparser::ast::CastKind::Cast,
        expr: Box::new(null),
        data_type: target.clone(),
        array: false,
        format: None,
    };
    match type_of(cast, &[]).map(|data| Typed::of_data(data).class) {
        Ok(Class::Number) => Class::Number,
        Ok(Class::Bool) => Class::Bool,
        Ok(Class::Time | Class::Other) => Class::Time,
        _ => Class::Text,
    }
}

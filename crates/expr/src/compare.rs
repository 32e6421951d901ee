//! Values that stand side by side are of one class.

use datafusion_sql::sqlparser::ast::{Expr, UnaryOperator, Value, ValueWithSpan};

use crate::analyze::{Analyzer, marked};
use crate::infer::{is_arithmetic, is_literal};
use crate::lex::range_of;
use crate::literal::as_integer;
use crate::problem::Problem;
use crate::syntax::inside;
use crate::types::{Class, Typed};

impl Analyzer<'_> {
    /// Operands of a comparison.
    pub(crate) fn compare(&mut self, parts: Vec<&mut Expr>, default: Class) {
        for part in &parts {
            if let Expr::Value(ValueWithSpan { value: Value::Null, span }) = inside(part) {
                let range = range_of(*span).unwrap_or((0, self.text.len()));
                let problem = Problem::new("never-true", range, "a comparison with NULL is never true");
                self.report(problem.with_help("use IS NULL or IS NOT NULL"));
            }
        }
        self.unify_compared(parts, default);
    }

    /// Gives all parts one class, as [`unify`](Self::unify) does, where nothing but a comparison is made of them: there
    /// whole numbers are the same however they are written.
    pub(crate) fn unify_compared(&mut self, mut parts: Vec<&mut Expr>, default: Class) {
        parts.iter_mut().for_each(|part| write_as_integer(part));
        self.unify(parts, default);
    }

    /// Gives all parts one class: that of the parts that have one, else `default`.
    pub(crate) fn unify(&mut self, mut parts: Vec<&mut Expr>, default: Class) -> Class {
        let types: Vec<Option<Typed>> = parts.iter_mut().map(|part| self.synth(part)).collect();
        self.suspect_quotes(&parts, &types);
        let known =
            || parts.iter().zip(&types).filter_map(|(part, typed)| Some((part, typed.as_ref()?.class)));
        let find = |class: Class| known().find(|(_, known)| *known == class).map(|(_, known)| known);
        let class = find(Class::Time).or_else(|| find(Class::Duration)).or_else(|| {
            let solid = known().find(|(part, class)| !is_literal(part) && *class != Class::Null);
            solid.or_else(|| known().find(|(_, class)| *class != Class::Null)).map(|(_, class)| class)
        });
        let is_guess = class.is_none();
        let class = match class {
            Some(class) => class,
            // Arithmetic knows better than the comparison around it what it may be.
            None => match parts.iter_mut().find(|part| is_computed(part)) {
                Some(part) => self.guess(true, |this| this.decide(part, Class::Number)).class,
                None => default,
            },
        };
        for position in 0..parts.len() {
            let typed = self.guess(is_guess, |this| this.check(parts[position], class));
            if !fits(typed.class, class) {
                let other = if position == 0 { parts.last() } else { parts.first() };
                let other = other.map_or("", |other| self.written(other)).to_owned();
                self.mismatch(parts[position], typed.class, class, &other);
            }
        }
        class
    }

    fn mismatch(&mut self, part: &Expr, class: Class, wanted: Class, other: &str) {
        let written = self.written(part);
        let message = format!("`{written}` is {}, but `{other}` is {}", class.noun(), wanted.noun());
        let help = match (class, wanted) {
            (Class::Text, Class::Number | Class::Bool | Class::Duration) if is_literal(part) => {
                let text = written.trim_matches('\'');
                let reads_so = match wanted {
                    Class::Number => text.parse::<f64>().is_ok(),
                    Class::Bool => matches!(text, "true" | "false"),
                    _ => olocus_document::parse_duration(text).is_some(),
                };
                reads_so.then(|| format!("write {text} without quotes"))
            }
            (Class::Text, Class::Time) if is_literal(part) => {
                Some("write times like '2024-05-01T12:00:00Z'".to_owned())
            }
            (Class::Number | Class::Bool, Class::Text) if is_literal(part) => {
                Some(format!("write '{written}'"))
            }
            (Class::Number, Class::Duration) if is_literal(part) => {
                Some(format!("write durations with a unit, as in {written}s or {written}m"))
            }
            _ => None,
        };
        let problem = Problem::new("type-mismatch", self.range(part), message);
        self.report(match help {
            Some(help) => problem.with_help(help),
            None => problem,
        });
    }

    /// `user = "admin"` compares two fields, which is seldom meant.
    fn suspect_quotes(&mut self, parts: &[&mut Expr], types: &[Option<Typed>]) {
        let fields: Vec<(usize, bool)> = parts
            .iter()
            .zip(types)
            .filter(|(_, typed)| typed.is_none())
            .filter_map(|(part, _)| marked(part))
            .map(|index| (index, self.references[index].needless_quotes))
            .collect();
        if fields.len() < parts.len() || fields.iter().all(|(_, quoted)| *quoted) {
            return;
        }
        for part in parts {
            let quoted = marked(part).is_some_and(|index| self.references[index].needless_quotes);
            if quoted {
                let name = self.written(part).trim_matches('"').to_owned();
                let problem = Problem::new(
                    "quotes",
                    self.range(part),
                    "double quotes name a field, they do not make text",
                );
                self.report(
                    problem.with_help(format!("write '{name}' for text, or {name} if the field is meant")),
                );
            }
        }
    }
}

/// Whether values of `class` can stand where `wanted` is; what functions make is left to the planner.
pub(crate) fn fits(class: Class, wanted: Class) -> bool {
    let any = |class: Class| matches!(class, Class::Null | Class::Other);
    class == wanted || any(class) || any(wanted) || (class == Class::Json && wanted == Class::Text)
}

fn write_as_integer(expr: &mut Expr) {
    match expr {
        Expr::Nested(inner)
        | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
            write_as_integer(inner);
        }
        Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) => {
            if let Some(integer) = as_integer(number) {
                *number = integer;
            }
        }
        _ => {}
    }
}

fn is_computed(expr: &Expr) -> bool {
    match inside(expr) {
        Expr::BinaryOp { op, .. } => is_arithmetic(op),
        Expr::UnaryOp { .. } => true,
        expr => marked(expr).is_none() && !matches!(expr, Expr::Case { .. } | Expr::Function(_)),
    }
}

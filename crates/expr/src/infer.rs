//! As what each field is read, and what operators mean, from how they are used together.
//!
//! [`synth`](Analyzer::synth) tells the type of an expression where it follows from the expression alone;
//! [`decide`](Analyzer::decide) settles what is open once its surroundings ask for something;
//! [`adapt`](Analyzer::adapt) reads a field in another way than its schema suggests, where both go together.
//! Each occurrence of a field is decided for itself.

use datafusion_sql::sqlparser::ast::{BinaryOperator, DataType as SqlType, Expr, UnaryOperator, Value, ValueWithSpan};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::DataType;
use olocus_event::Kind;

use crate::aggregate::Aggregate;
use crate::analyze::{Analyzer, finish_literal, marked};
use crate::functions::{ADD, FUNCTIONS, SUBTRACT, is_conditional, keeps_unit};
use crate::lex::range_of;
use crate::names::Origin;
use crate::parse::range;
use crate::plan::type_of;
use crate::problem::Problem;
use crate::schema::SchemaKind;
use crate::syntax::{arguments, function_name, inside, operands};
use crate::types::{Class, Typed};

/// How many undecided arguments of one call are tried in all combinations.
const COMBINED_ARGUMENTS_MAX: usize = 3;

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
            Some(typed) => typed,
            None => self.decide(expr, Class::Json),
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
    fn require(&mut self, expr: &mut Expr, want: Class) -> Typed {
        let typed = self.check(expr, want);
        if !fits(typed.class, want) {
            let message = format!("`{}` is {}, but {} is needed here", self.written(expr), typed.class.noun(), want.noun());
            let problem = Problem::new("type-mismatch", self.range(expr), message);
            self.report(match (want, typed.class) {
                (Class::Text, _) => problem.with_help(format!("CAST({} AS VARCHAR) makes text", self.written(expr))),
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
                    BinaryOperator::Eq | BinaryOperator::NotEq => self.compare(vec![left, right], Class::Text),
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
                self.unify(vec![left, right], Class::Text);
                Some(Kind::Bool.into())
            }
            Expr::Like { expr: left, pattern: right, .. } | Expr::ILike { expr: left, pattern: right, .. } => {
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
                self.unify(all, Class::Text);
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
    fn decide(&mut self, expr: &mut Expr, want: Class) -> Typed {
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
                time.then(|| Typed { class: Class::Time, data: DataType::Utf8 })
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

    fn synth_reference(&mut self, index: usize) -> Option<Typed> {
        let reference = &self.references[index];
        if let Some(kind) = reference.kind {
            return Some(kind.into());
        }
        if let Origin::Aggregate(position) = reference.origin {
            let call = &mut self.aggregates[position];
            let function = call.function;
            let mut argument = call.argument.take()?;
            let typed = self.synth(&mut argument);
            let result = typed.map(|typed| self.aggregate_type(function, &argument, typed));
            self.aggregates[position].argument = Some(argument);
            return result;
        }
        reference.schema.map(|schema| schema.kind().into())
    }

    fn decide_reference(&mut self, index: usize, want: Class) -> Typed {
        if let Origin::Aggregate(position) = self.references[index].origin {
            let function = self.aggregates[position].function;
            let extreme = matches!(function, Aggregate::Min | Aggregate::Max);
            let want = match want {
                Class::Duration => want,
                Class::Text | Class::Time | Class::Bool if extreme => want,
                _ => Class::Number,
            };
            let Some(mut argument) = self.aggregates[position].argument.take() else {
                return Kind::Number.into();
            };
            let typed = self.decide(&mut argument, want);
            let result = self.aggregate_type(function, &argument, typed);
            self.aggregates[position].argument = Some(argument);
            self.references[index].kind = result.class.kind();
            return result;
        }
        let kind = want.kind().unwrap_or(Kind::Text);
        self.references[index].kind = Some(kind);
        kind.into()
    }

    fn adapt_reference(&mut self, index: usize, want: Class) -> Option<Typed> {
        let reference = &mut self.references[index];
        if let Origin::Aggregate(position) = reference.origin {
            if want != Class::Duration && want != Class::Time {
                return None;
            }
            let mut argument = self.aggregates[position].argument.take()?;
            let adapted = self.adapt(&mut argument, want);
            self.aggregates[position].argument = Some(argument);
            let typed = adapted?;
            self.references[index].kind = typed.class.kind();
            return Some(typed);
        }
        if reference.kind.is_some() {
            return None;
        }
        let readable = match reference.schema? {
            SchemaKind::Text => matches!(want, Class::Text | Class::Duration | Class::Time),
            SchemaKind::Number => matches!(want, Class::Number | Class::Duration),
            SchemaKind::Bool => want == Class::Bool,
            SchemaKind::Structured => matches!(want, Class::Json | Class::Text),
        };
        let kind = want.kind().filter(|_| readable)?;
        reference.kind = Some(kind);
        Some(kind.into())
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
            let problem = Problem::new("quotes", self.range(pattern), "double quotes name a field, they do not make text");
            self.report(problem.with_help(format!("text stands between single quotes: '{written}'")));
        }
        self.require(value, Class::Text);
        self.require(pattern, Class::Text);
    }

    /// Operands of a comparison.
    fn compare(&mut self, parts: Vec<&mut Expr>, default: Class) {
        for part in &parts {
            if let Expr::Value(ValueWithSpan { value: Value::Null, span }) = inside(part) {
                let range = range_of(*span).unwrap_or((0, self.text.len()));
                let problem = Problem::new("never-true", range, "a comparison with NULL is never true");
                self.report(problem.with_help("use IS NULL or IS NOT NULL"));
            }
        }
        self.unify(parts, default);
    }

    /// Gives all parts one class: that of the parts that have one, else `default`.
    fn unify(&mut self, mut parts: Vec<&mut Expr>, default: Class) -> Class {
        let types: Vec<Option<Typed>> = parts.iter_mut().map(|part| self.synth(part)).collect();
        self.suspect_quotes(&parts, &types);
        let known = || parts.iter().zip(&types).filter_map(|(part, typed)| Some((part, typed.as_ref()?.class)));
        let find = |class: Class| known().find(|(_, known)| *known == class).map(|(_, known)| known);
        let class = find(Class::Time).or_else(|| find(Class::Duration)).or_else(|| {
            let solid = known().find(|(part, class)| !is_literal(part) && *class != Class::Null);
            solid.or_else(|| known().find(|(_, class)| *class != Class::Null)).map(|(_, class)| class)
        });
        let class = match class {
            Some(class) => class,
            // Arithmetic knows better than the comparison around it what it may be.
            None => match parts.iter_mut().find(|part| is_computed(part)) {
                Some(part) => self.decide(part, Class::Number).class,
                None => default,
            },
        };
        for position in 0..parts.len() {
            let typed = self.check(parts[position], class);
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
                Some(format!("write {} without quotes", written.trim_matches('\'')))
            }
            (Class::Text, Class::Time) if is_literal(part) => {
                Some("write times like '2024-05-01T12:00:00Z'".to_owned())
            }
            (Class::Number | Class::Bool, Class::Text) if is_literal(part) => Some(format!("write '{written}'")),
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
                let problem =
                    Problem::new("quotes", self.range(part), "double quotes name a field, they do not make text");
                self.report(problem.with_help(format!("write '{name}' for text, or {name} if the field is meant")));
            }
        }
    }

    fn case(&mut self, expr: &mut Expr, want: Option<Class>) -> Option<Typed> {
        let Expr::Case { operand, conditions, else_result, .. } = expr else { return None };
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            tests.push(&mut when.condition);
            results.push(&mut when.result);
        }
        results.extend(else_result.as_deref_mut());
        let class = match results.iter_mut().filter_map(|result| self.synth(result)).find(|it| it.class != Class::Null) {
            Some(typed) => typed.class,
            None => want?,
        };
        match operand {
            Some(operand) => {
                self.unify(std::iter::once(&mut **operand).chain(tests).collect(), Class::Text);
            }
            None => tests.into_iter().for_each(|test| {
                self.require(test, Class::Bool);
            }),
        }
        let class = self.unify(results, class);
        Some(self.planned_type(expr, class))
    }

    fn function(&mut self, expr: &mut Expr, want: Option<Class>) -> Option<Typed> {
        if let Some(typed) = self.call_type(expr) {
            return Some(typed);
        }
        let Expr::Function(function) = expr else { return None };
        let name = function_name(function)?;
        let mut operands = arguments(function)?;
        let typed = if is_conditional(&name) {
            let known = operands.iter_mut().filter_map(|operand| self.synth(operand));
            if !known.into_iter().any(|typed| typed.class != Class::Null) {
                want?;
            }
            let class = self.unify(operands, want.unwrap_or(Class::Text));
            self.planned_type(expr, class)
        } else {
            self.settle_arguments(expr, &name)
        };
        self.remember_call(expr, typed.clone());
        Some(typed)
    }

    /// Finds out as what the open arguments of a call are read: the first way that the function accepts.
    fn settle_arguments(&mut self, expr: &mut Expr, name: &str) -> Typed {
        let types: Vec<Option<Typed>> =
            operands(expr).unwrap_or_default().into_iter().map(|operand| self.synth(operand)).collect();
        let open: Vec<usize> = (0..types.len()).filter(|position| types[*position].is_none()).collect();
        let attempts = if open.is_empty() { vec![Vec::new()] } else { attempts(name, open.len()) };
        for attempt in attempts {
            let mut attempted = types.clone();
            for (position, class) in open.iter().zip(&attempt) {
                attempted[*position] = class.kind().map(Typed::from);
            }
            let attempted: Vec<Typed> = attempted.into_iter().flatten().collect();
            let Ok(data) = type_with(expr, &attempted) else { continue };
            let mut operands = operands(expr).unwrap_or_default();
            for (position, class) in open.iter().zip(&attempt) {
                self.check(operands[*position], *class);
            }
            let mut typed = Typed::of_data(data);
            if keeps_unit(name) && attempted.first().is_some_and(|first| first.class == Class::Duration) && typed.is_float() {
                typed.class = Class::Duration;
            }
            return typed;
        }
        let nouns: Vec<&str> =
            types.iter().map(|typed| typed.as_ref().map_or("a field", |typed| typed.class.noun())).collect();
        let message = match nouns.len() {
            0 => format!("`{name}` needs arguments"),
            _ => format!("`{name}` cannot take ({})", nouns.join(", ")),
        };
        let problem = Problem::new("wrong-arguments", self.call_range(expr), message);
        self.report(match FUNCTIONS.usage(name) {
            Some(usage) => problem.with_help(format!("usage: {usage}")),
            None => problem,
        });
        Typed::null()
    }

    /// Parts of SQL that are written like no other.
    fn special_form(&mut self, expr: &mut Expr) -> Typed {
        let wanted: &[Class] = match expr {
            Expr::Cast { data_type, .. } => {
                let class = cast_source(data_type);
                let Expr::Cast { expr: inner, .. } = expr else { return Typed::null() };
                self.check(inner, class);
                return self.planned_type(expr, Class::Null);
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

    /// The type that the planner gives an expression whose operands are decided; `class` where it cannot know.
    pub(crate) fn planned_type(&mut self, expr: &mut Expr, class: Class) -> Typed {
        let types: Vec<Typed> = operands(expr)
            .unwrap_or_default()
            .into_iter()
            .map(|operand| self.synth(operand).unwrap_or_else(Typed::null))
            .collect();
        match type_with(expr, &types) {
            Ok(data) => {
                let typed = Typed::of_data(data);
                match class {
                    Class::Duration | Class::Json => Typed { class, ..typed },
                    _ => typed,
                }
            }
            Err(error) => {
                // What went wrong before is reported already, and this follows from it.
                if self.problems.is_empty() {
                    let message = format!("this cannot be evaluated: {}", plain_message(&error));
                    let range = self.range(expr);
                    self.report(Problem::new("wrong-arguments", range, message));
                }
                Typed::null()
            }
        }
    }

    fn aggregate_type(&mut self, function: Aggregate, argument: &Expr, typed: Typed) -> Typed {
        match function {
            Aggregate::Count | Aggregate::CountDistinct => Kind::Number.into(),
            Aggregate::Min | Aggregate::Max => typed.class.kind().map_or(typed, Typed::from),
            Aggregate::Sum | Aggregate::Avg => match typed.class {
                Class::Duration => Kind::Duration.into(),
                Class::Number | Class::Null => Kind::Number.into(),
                class => {
                    let message = format!("`{function}` needs numbers, but `{}` is {}", self.written(argument), class.noun());
                    self.report(Problem::new("type-mismatch", self.range(argument), message));
                    Kind::Number.into()
                }
            },
        }
    }

    /// The type of a call that was typed before.
    pub(crate) fn call_type(&self, expr: &Expr) -> Option<Typed> {
        self.calls.get(&self.call_key(expr)?).cloned()
    }

    pub(crate) fn remember_call(&mut self, expr: &Expr, typed: Typed) {
        if let Some(key) = self.call_key(expr) {
            self.calls.insert(key, typed);
        }
    }

    fn call_key(&self, expr: &Expr) -> Option<(String, (usize, usize))> {
        let Expr::Function(function) = expr else { return None };
        Some((function_name(function)?, self.call_range(expr)))
    }

    /// Where the name of a called function stands.
    fn call_range(&self, expr: &Expr) -> (usize, usize) {
        match expr {
            Expr::Function(function) => {
                let name = Expr::CompoundIdentifier(
                    function.name.0.iter().filter_map(|part| part.as_ident().cloned()).collect(),
                );
                range(&name, self.text.len())
            }
            _ => self.range(expr),
        }
    }
}

/// The type of `expr` when its operands have these types; only literals are looked at themselves.
fn type_with(expr: &Expr, types: &[Typed]) -> datafusion_common::Result<DataType> {
    let mut expr = expr.clone();
    let mut columns = Vec::new();
    for (operand, typed) in operands(&mut expr).unwrap_or_default().into_iter().zip(types) {
        if is_literal(operand) {
            finish_literal(operand);
        } else {
            let name = format!("c{}", columns.len());
            *operand = Expr::Identifier(datafusion_sql::sqlparser::ast::Ident::with_quote('"', &name));
            columns.push((name, typed.data.clone()));
        }
    }
    type_of(expr, &columns)
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
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => matches!(**expr, Expr::Value(_)),
        _ => false,
    }
}

fn is_computed(expr: &Expr) -> bool {
    match inside(expr) {
        Expr::BinaryOp { op, .. } => is_arithmetic(op),
        Expr::UnaryOp { .. } => true,
        expr => marked(expr).is_none() && !matches!(expr, Expr::Case { .. } | Expr::Function(_)),
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

/// Whether values of `class` can stand where `wanted` is; what functions make is left to the planner.
fn fits(class: Class, wanted: Class) -> bool {
    let any = |class: Class| matches!(class, Class::Null | Class::Other);
    class == wanted || any(class) || any(wanted) || (class == Class::Json && wanted == Class::Text)
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

/// The ways to read `open` arguments of a function, likeliest first.
fn attempts(name: &str, open: usize) -> Vec<Vec<Class>> {
    let classes = FUNCTIONS.likely_classes(name);
    let mut attempts: Vec<Vec<Class>> = classes.iter().map(|class| vec![*class; open]).collect();
    if open <= COMBINED_ARGUMENTS_MAX {
        let mut combined = vec![Vec::new()];
        for _ in 0..open {
            combined = combined
                .into_iter()
                .flat_map(|head: Vec<Class>| {
                    classes.iter().map(move |class| head.iter().copied().chain([*class]).collect())
                })
                .collect();
        }
        attempts.extend(combined);
    }
    attempts
}

/// The planner's message without what only its authors understand.
pub(crate) fn plain_message(error: &datafusion_common::DataFusionError) -> String {
    let message = error.strip_backtrace();
    let line = message.lines().next().unwrap_or_default();
    let line = line.rsplit_once("Error during planning: ").map_or(line, |(_, rest)| rest);
    let line = line.split("You might need to add").next().unwrap_or(line).trim().trim_end_matches('.');
    let mut chars = line.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

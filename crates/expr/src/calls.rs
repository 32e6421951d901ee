//! Calls of functions, typed by asking the planner.

use arrow::datatypes::DataType;
use datafusion_common::DataFusionError;
use datafusion_sql::sqlparser::ast::{Expr, Ident, Spanned};

use crate::analyze::{Analyzer, finish_literal};
use crate::functions::{FUNCTIONS, is_conditional, keeps_unit, orders};
use crate::infer::is_literal;
use crate::lex::range_of;
use crate::plan::type_of;
use crate::problem::Problem;
use crate::syntax::{arguments, function_name, operands};
use crate::types::{Class, Typed};

/// How many undecided arguments of one call are tried in all combinations.
const COMBINED_ARGUMENTS_MAX: usize = 3;

impl Analyzer<'_> {
    pub(crate) fn function(&mut self, expr: &mut Expr, want: Option<Class>) -> Option<Typed> {
        if let Some(typed) = self.call_type(expr) {
            return Some(typed);
        }
        let Expr::Function(function) = expr else {
            return None;
        };
        let name = function_name(function)?;
        let mut operands = arguments(function)?;
        let typed = if is_conditional(&name) && !operands.is_empty() {
            let known: Vec<Class> = operands
                .iter_mut()
                .filter_map(|operand| self.synth(operand))
                .map(|typed| typed.class)
                .collect();
            let want = match want {
                // JSON has no order.
                Some(Class::Json) if orders(&name) => Some(Class::Number),
                want => want,
            };
            if known.iter().all(|class| *class == Class::Null) {
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
        // What a function asks for counts for more than how others use a field.
        let types: Vec<Option<Typed>> = operands(expr)
            .unwrap_or_default()
            .into_iter()
            .map(|operand| self.synth(operand).filter(|_| !self.is_open_field(operand)))
            .collect();
        let open: Vec<usize> = (0..types.len()).filter(|position| types[*position].is_none()).collect();
        let attempts = if open.is_empty() { vec![Vec::new()] } else { attempts(name, open.len()) };
        for attempt in attempts {
            let mut attempted = types.clone();
            for (position, class) in open.iter().zip(&attempt) {
                attempted[*position] = class.kind().map(Typed::from);
            }
            let attempted: Vec<Typed> = attempted.into_iter().flatten().collect();
            let Ok(data) = type_with(expr, &attempted) else {
                continue;
            };
            let mut operands = operands(expr).unwrap_or_default();
            for (position, class) in open.iter().zip(&attempt) {
                self.guess(false, |this| this.check(operands[*position], *class));
            }
            // An argument may have turned out to be something else than was tried, such as a difference of durations.
            let settled: Vec<Typed> =
                operands.into_iter().map(|operand| self.synth(operand).unwrap_or_else(Typed::null)).collect();
            let mut typed = Typed::of_data(type_with(expr, &settled).unwrap_or(data));
            let duration = settled.first().is_some_and(|first| first.class == Class::Duration);
            if keeps_unit(name) && duration && typed.is_float() {
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
        let Expr::Function(function) = expr else {
            return None;
        };
        Some((function_name(function)?, self.call_range(expr)))
    }

    /// Where the name of a called function stands.
    fn call_range(&self, expr: &Expr) -> (usize, usize) {
        match expr {
            Expr::Function(function) => range_of(function.name.span()).unwrap_or((0, self.text.len())),
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
            *operand = Expr::Identifier(Ident::with_quote('"', &name));
            columns.push((name, typed.data.clone()));
        }
    }
    type_of(expr, &columns)
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
pub(crate) fn plain_message(error: &DataFusionError) -> String {
    let message = error.strip_backtrace();
    let line = message.lines().next().unwrap_or_default();
    let line = line.rsplit("rror: ").next().unwrap_or(line);
    let line = line.rsplit_once("Error during planning: ").map_or(line, |(_, rest)| rest);
    if line.contains("Span(") {
        // A dump of the syntax tree.
        return "DataFusion does not support it".to_owned();
    }
    let line = line.split("You might need to add").next().unwrap_or(line).trim().trim_end_matches('.');
    let mut chars = line.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

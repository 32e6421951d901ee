//! Calls of aggregates: over the events of a window, or over those that a match has taken for a step.

use datafusion_sql::sqlparser::ast::{
    AccessExpr, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident,
};
use olocus_event::Kind;

use crate::aggregate::Aggregate;
use crate::analyze::{AggregateCall, Analyzer, Reference};
use crate::names::{MatchScope, Origin, Scope};
use crate::percentile::{PERCENTILE, take_fraction};
use crate::problem::Problem;
use crate::syntax::{arguments, function_name, inside, operands, take};

impl<'a> Analyzer<'a> {
    pub(crate) fn resolve_aggregate(&mut self, expr: &mut Expr, name: &str, range: (usize, usize)) {
        let problem = |message: String| Problem::new("misplaced-aggregate", range, message);
        let (event, steps) = match self.scope {
            Scope::Window { event, .. } => (Some(event), None),
            Scope::Match(steps) => (None, Some(steps)),
            Scope::Event(_) | Scope::Taken { .. } => {
                self.report(if self.in_aggregate {
                    problem(format!("`{name}` cannot stand inside another aggregate"))
                } else {
                    problem(format!("`{name}` speaks of many events, but this is about one"))
                        .with_help("conditions on all events of a window belong into `having`")
                });
                return;
            }
        };
        // The place of the whole call, before its argument is taken out of it.
        let like = expr.clone();
        let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = expr else {
            return;
        };
        let distinct = matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct));
        let Some(mut aggregate) = Aggregate::parse(name, distinct) else {
            self.report(
                Problem::new("unsupported", range, format!("`{name}` takes no DISTINCT"))
                    .with_help("count(distinct x) counts different values"),
            );
            return;
        };
        if name == PERCENTILE {
            match take_fraction(list, range, |argument| self.range(argument)) {
                Ok(fraction) => aggregate = Aggregate::Percentile(fraction),
                Err(problem) => {
                    self.report(problem);
                    return;
                }
            }
        }
        let Some(argument) = argument(list, aggregate, steps.is_some()) else {
            let usage = match (name, steps) {
                ("count", None) => "count(*), count(x) or count(distinct x)",
                ("count", Some(_)) => "count(step), count(step.x) or count(distinct step.x)",
                _ => "one expression",
            };
            let message = format!("`{name}` takes {usage}");
            self.report(Problem::new("wrong-arguments", range, message));
            return;
        };
        let over = match (event, steps) {
            (_, Some(steps)) => self.over_step(steps, aggregate, argument, range),
            (Some(event), None) => {
                let argument = argument.map(|argument| self.resolved_in(Scope::Event(event), argument));
                Some((None, argument))
            }
            (None, None) => None,
        };
        if let Some((step, argument)) = over {
            *expr = self.refer_to_aggregate(aggregate, step, argument, &like);
        }
    }

    /// The expression that stands for an aggregate whose argument is resolved.
    pub(crate) fn refer_to_aggregate(
        &mut self,
        function: Aggregate,
        step: Option<usize>,
        argument: Option<Expr>,
        like: &Expr,
    ) -> Expr {
        let steps = match self.scope {
            Scope::Match(scope) => scope.steps,
            _ => &[],
        };
        let name = |step: usize| steps.get(step).and_then(|step| step.step.clone()).unwrap_or_default();
        let step = step.map(|step| (step, name(step)));
        self.aggregates.push(AggregateCall { function, step, argument, finished: None });
        let counts = matches!(function, Aggregate::Count | Aggregate::CountDistinct);
        self.refer(
            Reference {
                origin: Origin::Aggregate(self.aggregates.len() - 1),
                canonical: String::new(),
                schema: None,
                kind: counts.then_some(Kind::Number),
                used: None,
                needless_quotes: false,
            },
            like,
        )
    }

    /// Resolves expressions in another scope, in which they speak of single events.
    pub(crate) fn resolve_in(&mut self, scope: Scope<'a>, expressions: Vec<&mut Expr>) {
        let outer = std::mem::replace(&mut self.scope, scope);
        let outside = std::mem::replace(&mut self.in_aggregate, true);
        for expression in expressions {
            self.resolve(expression);
        }
        self.scope = outer;
        self.in_aggregate = outside;
    }

    /// Whether this is `first(step).field` or `last(step).field`.
    pub(crate) fn is_picked_event(&self, expr: &Expr) -> bool {
        matches!(self.scope, Scope::Match(_)) && picked_event(expr).is_some()
    }

    /// Resolves `last(step).field` as `last(step.field)`.
    pub(crate) fn resolve_picked_event(&mut self, expr: &mut Expr) {
        if let Some((mut function, path)) = picked_event(expr)
            && let Some(mut argument) = arguments(&mut function)
            && let [argument] = &mut argument[..]
        {
            **argument = Expr::CompoundIdentifier(path);
            *expr = Expr::Function(function);
            self.resolve(expr);
        }
    }

    fn resolved_in(&mut self, scope: Scope<'a>, mut expr: Expr) -> Expr {
        self.resolve_in(scope, vec![&mut expr]);
        expr
    }

    /// The step that an aggregate is over, and its argument resolved.
    fn over_step(
        &mut self,
        scope: MatchScope<'a>,
        aggregate: Aggregate,
        argument: Option<Expr>,
        range: (usize, usize),
    ) -> Option<(Option<usize>, Option<Expr>)> {
        let mut argument = argument?;
        let names = || scope.steps.iter().filter_map(|step| step.step.as_deref());
        let Some((step, path)) = step_named_in(&mut argument, scope) else {
            let written = self.written(&argument).to_owned();
            let message = format!("`{aggregate}` is over the events of a step, but `{written}` names none");
            let first = names().next().unwrap_or("step");
            let help = match aggregate {
                Aggregate::Count => format!("as in count({first})"),
                _ => format!("as in {}", aggregate.call(&format!("{first}.field"))),
            };
            let list = names().collect::<Vec<_>>().join(", ");
            let problem = Problem::new("needs-step", self.range(&argument), message);
            self.report(problem.with_help(format!("{help}; steps: {list}")));
            return None;
        };
        if let Err(problem) = scope.see(step, &path) {
            self.report(problem);
            return None;
        }
        if let Expr::Identifier(name) = inside(&argument) {
            if aggregate == Aggregate::Count {
                return Some((Some(step), None));
            }
            let message = format!("`{name}` is a step, not a value");
            let help = format!("name a field of it: {}", aggregate.call(&format!("{name}.field")));
            self.report(Problem::new("not-a-value", range, message).with_help(help));
            return None;
        }
        let argument = self.resolved_in(Scope::Taken { steps: scope.steps, step }, argument);
        Some((Some(step), Some(argument)))
    }
}

/// What an aggregate is computed of, `None` inside for `count(*)`; `None` if there is anything else between its parentheses
/// than one expression.
fn argument(list: &mut FunctionArgumentList, aggregate: Aggregate, of_steps: bool) -> Option<Option<Expr>> {
    match &mut list.args[..] {
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)] => {
            (aggregate == Aggregate::Count && !of_steps).then_some(None)
        }
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(Some(take(argument))),
        _ => None,
    }
}

/// The first step that is named in an expression.
fn step_named_in(expr: &mut Expr, scope: MatchScope<'_>) -> Option<(usize, Vec<Ident>)> {
    let path = match expr {
        Expr::Identifier(name) => vec![name.clone()],
        Expr::CompoundIdentifier(path) => path.clone(),
        _ => Vec::new(),
    };
    match path.first().and_then(|name| scope.step(name)) {
        Some(step) => Some((step, path)),
        None => operands(expr)?.into_iter().find_map(|operand| step_named_in(operand, scope)),
    }
}

/// The call in `last(step).field`, and the path `step.field`.
fn picked_event(expr: &Expr) -> Option<(Function, Vec<Ident>)> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let Expr::Function(function) = &**root else { return None };
    let name = function_name(function)?;
    let mut function = function.clone();
    let step = match &arguments(&mut function)?[..] {
        [Expr::Identifier(step)] if matches!(name.as_str(), "first" | "last") => step.clone(),
        _ => return None,
    };
    let mut path = vec![step];
    for access in access_chain {
        match access {
            AccessExpr::Dot(Expr::Identifier(name)) => path.push(name.clone()),
            AccessExpr::Dot(_) | AccessExpr::Subscript(_) => return None,
        }
    }
    Some((function, path))
}

//! Names → references, and a clear word about everything that expressions cannot do.

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArguments, Ident, ObjectName, ObjectNamePart, Spanned,
    UnaryOperator, Value, ValueWithSpan,
};

use crate::aggregate::Aggregate;
use crate::analyze::{Analyzer, Reference, marker};
use crate::functions::{AGGREGATES, FUNCTIONS, aggregate_elsewhere, is_network, refusal};
use crate::lex::range_of;
use crate::lists::calls_list;
use crate::names::{Origin, Scope};
use crate::percentile::{self, PERCENTILE, plain_percentile};
use crate::problem::Problem;
use crate::syntax::{arguments, function_name, inside, operands, take};

/// How deep operators may nest; chains of AND and OR do not count.
const DEPTH_MAX: usize = 100;

impl Analyzer<'_> {
    /// Replaces the names in `expr` and reports what is not supported.
    pub(crate) fn resolve(&mut self, expr: &mut Expr) {
        if self.depth >= DEPTH_MAX {
            let range = self.range(expr);
            self.report(Problem::new(
                "too-deep",
                range,
                format!("operators nest more than {DEPTH_MAX} levels deep"),
            ));
            return;
        }
        self.depth += 1;
        match expr {
            Expr::Identifier(name) => {
                let path = vec![name.clone()];
                self.resolve_name(expr, &path);
            }
            Expr::CompoundIdentifier(path) => {
                let path = path.clone();
                self.resolve_name(expr, &path);
            }
            expr if calls_list(expr) => self.resolve_list_call(expr),
            Expr::Function(_) => self.resolve_call(expr),
            Expr::CompoundFieldAccess { .. } if self.is_picked_event(expr) => self.resolve_picked_event(expr),
            _ => {
                if let Some(problem) = self.unsupported(expr) {
                    self.report(problem);
                } else {
                    for operand in operands(expr).unwrap_or_default() {
                        self.resolve(operand);
                    }
                }
            }
        }
        self.depth -= 1;
    }

    fn resolve_name(&mut self, expr: &mut Expr, path: &[Ident]) {
        match self.scope.resolve(path, self.schemas) {
            Ok(found) => {
                let like = Expr::CompoundIdentifier(path.to_vec());
                let step = match (&found.origin, self.scope) {
                    (Origin::Step(step, _), Scope::Match(_)) => Some(*step),
                    _ => None,
                };
                *expr = self.refer(
                    Reference {
                        origin: found.origin,
                        canonical: found.canonical,
                        schema: found.schema,
                        kind: found.fixed,
                        used: found.used.filter(|_| self.with_uses),
                        needless_quotes: found.needless_quotes,
                    },
                    &like,
                );
                if let Some(step) = step {
                    // A step that takes one event has a first one.
                    let argument = Some(take(expr));
                    *expr = self.refer_to_aggregate(Aggregate::First, Some(step), argument, &like);
                }
            }
            Err(problem) => self.report(problem),
        }
    }

    pub(crate) fn refer(&mut self, reference: Reference, like: &Expr) -> Expr {
        self.references.push(reference);
        marker(self.references.len() - 1, like)
    }

    fn resolve_call(&mut self, expr: &mut Expr) {
        let Expr::Function(function) = expr else {
            return;
        };
        let name_range = name_range(function).unwrap_or((0, self.text.len()));
        let Some(name) = function_name(function) else {
            let message = format!("there is no function `{}`", function.name);
            self.report(Problem::new("unknown-function", name_range, message));
            return;
        };
        if let Some(here) = aggregate_elsewhere(&name).filter(|_| FUNCTIONS.public(&name).is_none()) {
            let message = format!("there is no function `{name}`");
            let problem = Problem::new("unknown-function", name_range, message);
            self.report(problem.with_help(format!("did you mean `{here}`?")));
            return;
        }
        if name == PERCENTILE {
            plain_percentile(function);
        }
        if let Some(problem) = odd_call(function, &name, name_range) {
            self.report(problem);
            return;
        }
        if AGGREGATES.contains(&name.as_str()) {
            self.resolve_aggregate(expr, &name, name_range);
            return;
        }
        let distinct = matches!(
            &function.args,
            FunctionArguments::List(list) if list.duplicate_treatment.is_some()
        );
        if FUNCTIONS.public(&name).is_none() {
            self.report(self.unknown_function(&name, name_range));
            if let Scope::Window { event, .. } = self.scope {
                // An aggregate may be meant, which takes any field of the events.
                self.resolve_in(Scope::Event(event), arguments(function).unwrap_or_default());
                return;
            }
        } else if distinct {
            self.report(Problem::new("unsupported", name_range, format!("`{name}` takes no DISTINCT")));
        } else {
            let span = function.name.span();
            function.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::with_span(span, &name))]);
        }
        let Some(arguments) = arguments(function) else {
            let message = format!("the arguments of `{name}` must be plain expressions");
            self.report(Problem::new("unsupported", name_range, message));
            return;
        };
        let mut bad_networks = Vec::new();
        for (position, argument) in arguments.into_iter().enumerate() {
            if name == "cidr_match"
                && position > 0
                && let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span }) =
                    inside(argument)
                && !is_network(text)
            {
                let message = format!("`{text}` is no network");
                let problem = Problem::new("wrong-arguments", range_of(*span).unwrap_or(name_range), message);
                bad_networks.push(problem.with_help("write networks like '10.0.0.0/8' or '2001:db8::/32'"));
            }
            self.resolve(argument);
        }
        bad_networks.into_iter().for_each(|problem| self.report(problem));
    }

    fn unknown_function(&self, name: &str, range: (usize, usize)) -> Problem {
        let problem = Problem::new("unknown-function", range, format!("there is no function `{name}`"));
        let aggregates = match self.scope {
            Scope::Window { .. } | Scope::Match(_) => AGGREGATES.as_slice(),
            Scope::Event(_) | Scope::Taken { .. } => &[],
        };
        match olocus_document::suggest(name, aggregates.iter().copied().chain(FUNCTIONS.names())) {
            Some(known) => problem.with_help(format!("did you mean `{known}`?")),
            None => {
                let aggregates = match aggregates {
                    [] => String::new(),
                    aggregates => format!(", and the aggregates {}", aggregates.join(", ")),
                };
                problem.with_help(format!(
                    "there are DataFusion's scalar functions and `cidr_match`{aggregates}"
                ))
            }
        }
    }

    /// Why expressions may not use this node.
    fn unsupported(&self, expr: &mut Expr) -> Option<Problem> {
        let (start, end) = self.range(expr);
        // The parser leaves the closing bracket out.
        let bracket = matches!(expr, Expr::CompoundFieldAccess { .. }) && self.text[end..].starts_with(']');
        let range = (start, end + usize::from(bracket));
        let problem = |message: &str| Some(Problem::new("unsupported", range, message));
        match expr {
            Expr::Subquery(_)
            | Expr::Exists { .. }
            | Expr::InSubquery { .. }
            | Expr::AnyOp { .. }
            | Expr::AllOp { .. } => problem("queries inside of expressions are not supported"),
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => problem("`*` stands in count(*) only"),
            Expr::Interval(_) => problem("INTERVAL is not supported").map(|it| {
                it.with_help("write durations like 5m or 1h30m; a field of that name is written \"interval\"")
            }),
            Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. } => {
                problem("elements of lists cannot be selected").map(|it| {
                    it.with_help(
                        "nested fields are written a.b.c, words of SQL among them in quotes: a.\"null\"",
                    )
                })
            }
            Expr::SimilarTo { .. } | Expr::RLike { .. } => problem("this way to match is not supported")
                .map(|it| it.with_help("use LIKE, or `~` with a regular expression")),
            Expr::Tuple(_) => problem("a list stands after IN only"),
            Expr::Value(value) => match &value.value {
                Value::Number(..) | Value::SingleQuotedString(_) | Value::Boolean(_) | Value::Null => None,
                Value::Placeholder(_) => None,
                _ => problem("this sort of literal is not supported"),
            },
            Expr::UnaryOp { op, .. } => match op {
                UnaryOperator::Not | UnaryOperator::Minus | UnaryOperator::Plus => None,
                op => problem(&format!("the operator `{op}` is not supported")),
            },
            Expr::BinaryOp { op, .. } if !is_supported(op) => {
                let found = problem(&format!("the operator `{op}` is not supported"));
                match op {
                    BinaryOperator::Arrow | BinaryOperator::LongArrow | BinaryOperator::HashArrow => {
                        found.map(|it| it.with_help("nested fields are written a.b.c"))
                    }
                    _ => found,
                }
            }
            expr => match operands(expr) {
                Some(_) => None,
                None => problem("this part of SQL is not supported"),
            },
        }
    }
}

fn is_supported(operator: &BinaryOperator) -> bool {
    use BinaryOperator::{
        And, BitwiseAnd, BitwiseOr, Divide, Eq, Gt, GtEq, Lt, LtEq, Minus, Modulo, Multiply, NotEq, Or,
        PGBitwiseShiftLeft, PGBitwiseShiftRight, PGRegexIMatch, PGRegexMatch, PGRegexNotIMatch,
        PGRegexNotMatch, Plus, StringConcat,
    };
    matches!(
        operator,
        And | Or
            | Eq
            | NotEq
            | Lt
            | LtEq
            | Gt
            | GtEq
            | Plus
            | Minus
            | Multiply
            | Divide
            | Modulo
            | StringConcat
            | PGRegexMatch
            | PGRegexIMatch
            | PGRegexNotMatch
            | PGRegexNotIMatch
            | BitwiseAnd
            | BitwiseOr
            | PGBitwiseShiftLeft
            | PGBitwiseShiftRight
    )
}

/// Parts of calls that have no meaning here.
fn odd_call(function: &Function, name: &str, range: (usize, usize)) -> Option<Problem> {
    let problem = |message: String| Some(Problem::new("unsupported", range, message));
    if let Some(reason) = refusal(name) {
        let message = format!("`{name}` {reason}");
        return Some(
            Problem::new("not-reproducible", range, message).with_help("meta.time is the time of the event"),
        );
    }
    if function.over.is_some() {
        return problem("window functions (OVER) are not supported".to_owned()).map(|it| {
            it.with_help("aggregates over a window of events belong into `having` of a window rule")
        });
    }
    if function.filter.is_some() {
        return problem("FILTER is not supported".to_owned())
            .map(|it| it.with_help("use CASE inside of the aggregate, or `where` of the rule"));
    }
    let plain = function.within_group.is_empty()
        && function.null_treatment.is_none()
        && function.parameters == FunctionArguments::None
        && !function.uses_odbc_syntax;
    let clauses = matches!(&function.args, FunctionArguments::List(list) if !list.clauses.is_empty());
    if !plain || clauses {
        let found = problem(format!("`{name}` takes plain arguments only"));
        return match name {
            PERCENTILE => found.map(|it| it.with_help(percentile::USAGE)),
            _ => found,
        };
    }
    if let FunctionArguments::Subquery(_) = function.args {
        return problem("queries inside of expressions are not supported".to_owned());
    }
    None
}

fn name_range(function: &Function) -> Option<(usize, usize)> {
    range_of(function.name.span())
}

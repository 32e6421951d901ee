//! `x IN list('a')` and `lookup('a', x).column` in expressions.

use std::sync::Arc;

use datafusion_sql::sqlparser::ast::{AccessExpr, Expr, Ident, UnaryOperator, Value, ValueWithSpan};
use olocus_event::{FieldPath, Kind};

use super::list::List;
use super::lookup::{Asked, KeyIndex, Lookup, LookupCall};
use crate::analyze::{Analyzer, Reference, marked};
use crate::form::{Column, Form};
use crate::lex::range_of;
use crate::names::{Origin, range};
use crate::problem::Problem;
use crate::syntax::{arguments, function_name, inside, take};
use crate::types::{Class, kind_name};

/// What stands after `IN`, with the name of a list.
pub(crate) const LIST: &str = "list";

/// The function that finds a row of a list.
pub(crate) const LOOKUP: &str = "lookup";

const LIST_USAGE: &str = "ip IN list('bad_ips')";
const LOOKUP_USAGE: &str = "lookup('assets', host).owner";

/// Whether this asks something of a list, rightly or not.
pub(crate) fn calls_list(expr: &Expr) -> bool {
    match expr {
        Expr::InList { list, .. } => list.iter().any(|item| is_call(item, LIST)),
        Expr::CompoundFieldAccess { root, .. } => is_call(root, LOOKUP),
        expr => is_call(expr, LIST) || is_call(expr, LOOKUP),
    }
}

pub(crate) fn is_call(expr: &Expr, name: &str) -> bool {
    match inside(expr) {
        Expr::Function(function) => function_name(function).as_deref() == Some(name),
        _ => false,
    }
}

impl Analyzer<'_> {
    /// Replaces what asks something of a list by a reference.
    pub(crate) fn resolve_list_call(&mut self, expr: &mut Expr) {
        let like = expr.clone();
        let found = match expr {
            Expr::InList { expr: key, list, negated } => {
                let negated = *negated;
                self.membership(key, list, &like).map(|found| match negated {
                    true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(found) },
                    false => found,
                })
            }
            Expr::CompoundFieldAccess { root, access_chain } => self.column_access(root, access_chain, &like),
            _ => {
                let (message, help) = match is_call(&like, LIST) {
                    true => ("`list` stands after IN only", format!("as in {LIST_USAGE}")),
                    false => {
                        ("`lookup` finds a row, not a value", format!("name a column of it: {LOOKUP_USAGE}"))
                    }
                };
                self.report(Problem::new("wrong-arguments", self.range(&like), message).with_help(help));
                None
            }
        };
        if let Some(found) = found {
            *expr = found;
        }
    }

    fn membership(&mut self, key: &mut Expr, list: &mut [Expr], like: &Expr) -> Option<Expr> {
        let [call] = list else {
            let problem = Problem::new("wrong-arguments", self.range(like), "a list stands alone after IN");
            self.report(problem.with_help("join several conditions with OR"));
            return None;
        };
        let (list, _) = self.list_of_call(call, 1, LIST_USAGE)?;
        self.look_up(list, take(key), Asked::Member, Some(Kind::Bool), like)
    }

    fn column_access(&mut self, root: &mut Expr, access_chain: &[AccessExpr], like: &Expr) -> Option<Expr> {
        let (list, mut rest) = self.list_of_call(root, 2, LOOKUP_USAGE)?;
        let Some(path) = column_path(access_chain) else {
            let problem = Problem::new("unsupported", self.range(like), "this is no column of a list");
            self.report(problem.with_help(format!("columns are written like fields: {LOOKUP_USAGE}")));
            return None;
        };
        let names: Vec<String> = path.iter().map(|name| name.value.clone()).collect();
        let used = match list.shape().map(|shape| shape.find(&names)) {
            None => None,
            Some(Ok(shape)) => shape.kind(),
            Some(Err((depth, known))) => {
                let problem = unknown_column(list.name(), &path, depth, &known);
                self.report(problem);
                return None;
            }
        };
        self.look_up(list, rest.pop()?, Asked::Column(FieldPath::new(names)), used, like)
    }

    /// The list that a call names first, and the other arguments.
    fn list_of_call(&mut self, call: &mut Expr, count: usize, usage: &str) -> Option<(Arc<List>, Vec<Expr>)> {
        let whole = self.range(call);
        let mut inner = &mut *call;
        while let Expr::Nested(nested) = inner {
            inner = nested;
        }
        let given = match inner {
            Expr::Function(function) => arguments(function).unwrap_or_default(),
            _ => Vec::new(),
        };
        let mut given: Vec<Expr> = given.into_iter().map(take).collect();
        let name = match given.first() {
            Some(Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(name), span }))
                if given.len() == count =>
            {
                (name.clone(), range_of(*span).unwrap_or(whole))
            }
            _ => {
                let message = match count {
                    1 => "`list` takes the name of a list, in single quotes",
                    _ => "`lookup` takes the name of a list, in single quotes, and the value to look up",
                };
                let problem = Problem::new("wrong-arguments", whole, message);
                self.report(problem.with_help(format!("as in {usage}")));
                return None;
            }
        };
        given.remove(0);
        match self.lists.get(&name.0) {
            Some(list) => Some((Arc::clone(list), given)),
            None => {
                self.report(self.unknown_list(&name.0, name.1));
                None
            }
        }
    }

    fn unknown_list(&self, name: &str, range: (usize, usize)) -> Problem {
        let problem = Problem::new("unknown-list", range, format!("there is no list `{name}`"));
        let known: Vec<&str> = self.lists.names().collect();
        problem.with_help(match olocus_document::suggest(name, known.iter().copied()) {
            Some(known) => format!("did you mean `{known}`?"),
            None if known.is_empty() => {
                format!("name it beside `rules`: lists: [ {{ name: {name}, file: {name}.csv }} ]")
            }
            None => format!("lists: {}", known.join(", ")),
        })
    }

    /// The reference for what is asked of the row whose key is the value of `key`.
    fn look_up(
        &mut self,
        list: Arc<List>,
        mut key: Expr,
        asked: Asked,
        kind: Option<Kind>,
        like: &Expr,
    ) -> Option<Expr> {
        let problems = self.problems.len();
        self.resolve(&mut key);
        if self.problems.len() > problems {
            return None;
        }
        let (class, index) = self.index_for(&list, &mut key)?;
        let (fixed, used) = match asked {
            Asked::Member => (kind, None),
            Asked::Column(_) => (None, kind),
        };
        let range = self.range(like);
        self.lookups.push(LookupCall { list, key, class, index, asked, range });
        let origin = Origin::LookupCall(self.lookups.len() - 1);
        let reference = Reference {
            origin,
            canonical: String::new(),
            schema: None,
            kind: fixed,
            used,
            needless_quotes: false,
        };
        Some(self.refer(reference, like))
    }

    /// Decides as what a key is read, which is what the list's keys are unless the key is something else already, and
    /// finds the index for that.
    fn index_for(&mut self, list: &List, key: &mut Expr) -> Option<(Class, KeyIndex)> {
        let natural = Class::from(list.key_kind());
        let typed = match list.is_of_networks() {
            true => self.require(key, natural),
            false => self.guess(list.shape().is_none(), |this| this.check(key, natural)),
        };
        let class = if typed.class == Class::Null { natural } else { typed.class };
        let Some(kind) = class.kind() else {
            let message = format!("`{}` cannot be looked up in a list", self.written(key));
            let problem = Problem::new("type-mismatch", self.range(key), message);
            self.report(problem.with_help(format!("CAST({} AS VARCHAR) makes text", self.written(key))));
            return None;
        };
        match list.index(kind) {
            Ok(index) => Some((class, index)),
            Err(error) => {
                let message = format!(
                    "`{}` is {}, but the keys of the list `{}` do not go with that: {} (row {})",
                    self.written(key),
                    class.noun(),
                    list.name(),
                    error.message,
                    error.row + 1
                );
                self.report(Problem::new("type-mismatch", self.range(key), message));
                None
            }
        }
    }

    /// The column that a look-up is, read as `kind`.
    pub(crate) fn lookup_column(&self, call: &LookupCall, kind: Kind) -> Column {
        let key = match marked(&call.key) {
            Some(index) => Form::Bare(self.column(index)),
            None => Form::Value(self.finish_leaf(call.key.clone(), call.class, self.range(&call.key))),
        };
        let (list, of) = (call.list.canonical(), key.normalized());
        let text = match &call.asked {
            Asked::Member => format!("{of} IN {LIST}('{list}')"),
            Asked::Column(path) => format!("{LOOKUP}('{list}', {of}).{path}"),
        };
        let name = format!("{text}:{}", kind_name(kind));
        let (list, index, asked) = (Arc::clone(&call.list), call.index.clone(), call.asked.clone());
        let lookup = Lookup { list, key, index, asked, text, range: call.range };
        Column { name, origin: Origin::Lookup(Arc::new(lookup)), kind }
    }
}

/// The names in `.a.b`; `None` where there is anything else.
fn column_path(access_chain: &[AccessExpr]) -> Option<Vec<Ident>> {
    let name = |access: &AccessExpr| match access {
        AccessExpr::Dot(Expr::Identifier(name)) => Some(name.clone()),
        AccessExpr::Dot(_) | AccessExpr::Subscript(_) => None,
    };
    access_chain.iter().map(name).collect()
}

fn unknown_column(list: &str, path: &[Ident], depth: usize, known: &[&str]) -> Problem {
    let name = path[depth].value.as_str();
    let problem = Problem::new(
        "unknown-column",
        range(&path[depth..=depth]),
        format!("the list `{list}` has no `{}`", crate::names::written(&path[..=depth])),
    );
    problem.with_help(match olocus_document::suggest(name, known.iter().copied()) {
        Some(known) => format!("did you mean `{known}`?"),
        None if known.is_empty() => "there is nothing below it".to_owned(),
        None => format!("it has {}", known.join(", ")),
    })
}

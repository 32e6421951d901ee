//! Text → typed, resolved expression.
//!
//! - [`parse`] makes a syntax tree,
//! - [`Logic::split`] takes it apart at AND, OR and NOT,
//! - [`Analyzer::resolve`] replaces each name by the number of a [`Reference`] and refuses what expressions may not use,
//! - the module [`infer`](crate::infer) finds out as what each reference is read, and gives arithmetic its meaning,
//! - [`Analyzer::finish`] puts columns where references were.

use std::collections::HashMap;

use datafusion_sql::sqlparser::ast::{Expr, Ident, Spanned, Value, ValueWithSpan};
use olocus_event::Kind;

use crate::aggregate::Aggregate;
use crate::form::{Column, Form, Leaf};
use crate::functions::{FINITE, FUNCTIONS};
use crate::lists::{Lists, LookupCall};
use crate::literal::duration_of;
use crate::logic::Logic;
use crate::names::{Origin, Scope};
use crate::parse::{parse, range};
use crate::problem::Problem;
use crate::schema::{SchemaKind, Schemas};
use crate::stack::on_deep_stack;
use crate::syntax::{call, function_name, inside, number, operands, take};
use crate::types::{Class, Typed, kind_name};

/// What is known beside the text of an expression and the scope it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) lists: &'a Lists,
}

/// What an expression must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    Condition,
    Value,
    /// A reference and nothing else.
    Field,
}

/// Analyses `text`. What other expressions tell about fields is taken for granted where the text makes sense so.
pub(crate) fn analyze(
    text: &str,
    scope: Scope<'_>,
    known: Known<'_>,
    goal: Goal,
) -> Result<Analyzed, Vec<Problem>> {
    on_deep_stack(|| {
        if scope.has_uses()
            && let Ok(analyzed) = analyze_here(text, scope, known, goal, true)
        {
            return Ok(analyzed);
        }
        analyze_here(text, scope, known, goal, false)
    })
}

/// As what `text` by itself asks fields to be read; nothing where it has mistakes.
pub(crate) fn uses(text: &str, scope: Scope<'_>, known: Known<'_>, goal: Goal) -> Vec<(Origin, Kind)> {
    let analyzed = on_deep_stack(|| analyze_here(text, scope, known, goal, false));
    analyzed.map(|analyzed| analyzed.uses).unwrap_or_default()
}

fn analyze_here(
    text: &str,
    scope: Scope<'_>,
    known: Known<'_>,
    goal: Goal,
    with_uses: bool,
) -> Result<Analyzed, Vec<Problem>> {
    let mut logic = Logic::split(parse(text).map_err(|problem| vec![problem])?);
    let mut analyzer = Analyzer {
        text,
        scope,
        schemas: known.schemas,
        lists: known.lists,
        references: Vec::new(),
        aggregates: Vec::new(),
        lookups: Vec::new(),
        calls: HashMap::new(),
        problems: Vec::new(),
        depth: 0,
        in_aggregate: false,
        with_uses,
        guessing: false,
        uses: Vec::new(),
    };
    logic.for_each_mut(&mut |leaf| analyzer.resolve(leaf));
    analyzer.stop_on_problems()?;
    let bare = analyzer.bare(&logic);
    if goal == Goal::Field && bare.is_none() {
        let problem = Problem::new("not-a-field", (0, text.len()), format!("`{}` is no field", text.trim()));
        return Err(vec![
            problem.with_help("name a field of the event, such as user_id, or metadata, such as meta.key"),
        ]);
    }
    let form = match (bare, logic) {
        (Some(index), _) if goal != Goal::Condition => analyzer.bare_form(index)?,
        (_, Logic::Leaf(mut leaf)) if goal == Goal::Value => {
            let place = range(&leaf, text);
            let typed = analyzer.value_type(&mut leaf);
            analyzer.stop_on_problems()?;
            analyzer.finish_aggregates()?;
            Form::Value(analyzer.finish_leaf(leaf, typed.class, place))
        }
        (_, mut logic) => {
            logic.for_each_mut(&mut |leaf| analyzer.condition(leaf));
            analyzer.stop_on_problems()?;
            analyzer.finish_aggregates()?;
            let finished = logic.try_map(&mut |leaf| {
                let place = range(&leaf, text);
                Ok::<_, Vec<Problem>>(analyzer.finish_leaf(leaf, Class::Bool, place))
            });
            Form::Condition(finished?)
        }
    };
    let aggregates = analyzer.aggregates.into_iter().map(|call| call.finished).collect::<Option<_>>();
    Ok(Analyzed { form, aggregates: aggregates.unwrap_or_default(), uses: analyzer.uses })
}

/// An expression whose names and types are known.
#[derive(Debug)]
pub(crate) struct Analyzed {
    pub(crate) form: Form,
    /// What [`Origin::Aggregate`] counts through.
    pub(crate) aggregates: Vec<AnalyzedAggregate>,
    /// What fields are asked to be, once for each occurrence that something is asked of.
    pub(crate) uses: Vec<(Origin, Kind)>,
}

impl Analyzed {
    /// The condition that `text` was found to be.
    pub(crate) fn condition(self, text: &str) -> Result<Logic<Leaf>, Vec<Problem>> {
        match self.form {
            Form::Condition(logic) => Ok(logic),
            Form::Bare(_) | Form::Value(_) => {
                Err(vec![Problem::new("not-a-condition", (0, text.len()), "this is not a condition")])
            }
        }
    }
}

/// An aggregate with its argument.
#[derive(Debug)]
pub(crate) struct AnalyzedAggregate {
    pub(crate) function: Aggregate,
    /// The step whose events it is over; `None`: those of the window.
    pub(crate) step: Option<usize>,
    /// `None`: events are counted.
    pub(crate) argument: Option<Form>,
}

/// The state of one analysis.
pub(crate) struct Analyzer<'a> {
    pub(crate) text: &'a str,
    pub(crate) scope: Scope<'a>,
    pub(crate) schemas: &'a Schemas,
    pub(crate) lists: &'a Lists,
    pub(crate) references: Vec<Reference>,
    pub(crate) aggregates: Vec<AggregateCall>,
    pub(crate) lookups: Vec<LookupCall>,
    /// Types of calls that were looked at, by name and place of the name.
    pub(crate) calls: HashMap<(String, (usize, usize)), Typed>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) depth: usize,
    /// Whether the argument of an aggregate is being resolved.
    pub(crate) in_aggregate: bool,
    /// Whether what other expressions tell about fields is heeded.
    pub(crate) with_uses: bool,
    /// Whether fields are read in the likeliest way because nothing asks for any.
    pub(crate) guessing: bool,
    /// What fields were asked to be so far.
    pub(crate) uses: Vec<(Origin, Kind)>,
}

/// One occurrence of a name.
pub(crate) struct Reference {
    pub(crate) origin: Origin,
    pub(crate) canonical: String,
    pub(crate) schema: Option<SchemaKind>,
    /// As what it is read, once that is decided.
    pub(crate) kind: Option<Kind>,
    /// As what other expressions of the rule read it.
    pub(crate) used: Option<Kind>,
    pub(crate) needless_quotes: bool,
}

/// One occurrence of an aggregate.
pub(crate) struct AggregateCall {
    pub(crate) function: Aggregate,
    /// Index and name of the step whose events it is over.
    pub(crate) step: Option<(usize, String)>,
    pub(crate) argument: Option<Expr>,
    pub(crate) finished: Option<AnalyzedAggregate>,
}

/// Starts the names that stand for references while an expression is analysed.
const MARK: char = '\u{1}';

/// The expression that stands for the reference with this index.
pub(crate) fn marker(index: usize, like: &Expr) -> Expr {
    Expr::Identifier(Ident::with_span(like.span(), format!("{MARK}{index}")))
}

/// The index of the reference that `expr` stands for.
pub(crate) fn marked(expr: &Expr) -> Option<usize> {
    match inside(expr) {
        Expr::Identifier(name) => name.value.strip_prefix(MARK)?.parse().ok(),
        _ => None,
    }
}

impl Analyzer<'_> {
    pub(crate) fn range(&self, expr: &Expr) -> (usize, usize) {
        range(expr, self.text)
    }

    /// `expr` as the user wrote it.
    pub(crate) fn written(&self, expr: &Expr) -> &str {
        let (start, end) = self.range(expr);
        self.text.get(start..end).unwrap_or(self.text)
    }

    pub(crate) fn report(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn stop_on_problems(&mut self) -> Result<(), Vec<Problem>> {
        if self.problems.is_empty() { Ok(()) } else { Err(std::mem::take(&mut self.problems)) }
    }

    /// Does something that reads fields either in the likeliest way, which tells other expressions nothing, or as they
    /// are asked for.
    pub(crate) fn guess<T>(&mut self, guessing: bool, act: impl FnOnce(&mut Self) -> T) -> T {
        let outside = std::mem::replace(&mut self.guessing, guessing);
        let result = act(self);
        self.guessing = outside;
        result
    }

    /// The reference that the whole expression is.
    fn bare(&self, logic: &Logic<Expr>) -> Option<usize> {
        match logic {
            Logic::Leaf(leaf) => marked(leaf),
            _ => None,
        }
    }

    /// The form of a reference that stands alone.
    fn bare_form(&mut self, index: usize) -> Result<Form, Vec<Problem>> {
        if let Origin::Aggregate(_) = self.references[index].origin {
            let field = self.field_behind(index);
            if field == index {
                self.value_type(&mut marker(index, &Expr::Value(Value::Null.into())));
            } else {
                self.references[field].kind.get_or_insert(Kind::Json);
            }
            self.finish_aggregates()?;
        }
        if let Origin::LookupCall(_) = self.references[index].origin {
            self.finish_aggregates()?;
        }
        self.references[index].kind.get_or_insert(Kind::Json);
        Ok(Form::Bare(self.column(index)))
    }

    pub(crate) fn column(&self, index: usize) -> Column {
        let reference = &self.references[index];
        let usual = reference.schema.map(SchemaKind::kind).or(reference.used);
        let kind = reference.kind.or(usual).unwrap_or(Kind::Text);
        if let Origin::LookupCall(lookup) = reference.origin {
            return self.lookup_column(&self.lookups[lookup], kind);
        }
        Column {
            name: format!("{}:{}", reference.canonical, kind_name(kind)),
            origin: reference.origin.clone(),
            kind,
        }
    }

    pub(crate) fn finish_leaf(&self, mut expr: Expr, class: Class, range: (usize, usize)) -> Leaf {
        let mut columns = Vec::new();
        self.finish(&mut expr, &mut columns);
        Leaf { expr, columns, class, range }
    }

    /// Puts columns where references were and numbers where durations were, and drops needless parentheses.
    fn finish(&self, expr: &mut Expr, columns: &mut Vec<Column>) {
        if let Some(index) = marked(expr) {
            let column = self.column(index);
            *expr = Expr::Identifier(Ident::with_quote('"', &column.name));
            if !columns.contains(&column) {
                columns.push(column);
            }
            return;
        }
        finish_literal(expr);
        for operand in operands(expr).unwrap_or_default() {
            self.finish(operand, columns);
        }
        if let Expr::Nested(inner) = expr
            && matches!(**inner, Expr::Identifier(_) | Expr::Value(_) | Expr::Function(_) | Expr::Nested(_))
        {
            *expr = take(inner);
        }
        if let Expr::Function(function) = expr
            && let Some(name) = function_name(function)
            && FUNCTIONS.is_mathematics(&name)
            && self.call_type(expr).is_some_and(|typed| typed.is_float())
        {
            let like = Expr::Value(Value::Null.into());
            *expr = call(FINITE, vec![take(expr)], &like);
        }
    }

    fn finish_aggregates(&mut self) -> Result<(), Vec<Problem>> {
        for index in 0..self.references.len() {
            let Origin::Aggregate(position) = self.references[index].origin else {
                continue;
            };
            let argument = self.aggregates[position].argument.take();
            let AggregateCall { function, ref step, .. } = self.aggregates[position];
            let (step, counted) = match step {
                Some((step, name)) => (Some(*step), format!("{name:?}")),
                None => (None, "*".to_owned()),
            };
            let argument = argument.map(|expr| self.finish_argument(expr, function));
            let written = argument.as_ref().map_or(counted, Form::normalized);
            let picked = match &argument {
                Some(Form::Bare(column)) if function.picks() => Some(column.kind),
                _ => None,
            };
            let kind = picked.or(self.references[index].kind).unwrap_or(Kind::Number);
            self.references[index].kind = Some(kind);
            self.references[index].canonical = function.call(&written);
            self.aggregates[position].finished = Some(AnalyzedAggregate { function, step, argument });
        }
        self.stop_on_problems()
    }

    fn finish_argument(&mut self, mut expr: Expr, function: Aggregate) -> Form {
        let range = self.range(&expr);
        let typed = match function {
            Aggregate::Count | Aggregate::CountDistinct => self.value_type(&mut expr),
            _ => match self.synth(&mut expr) {
                Some(typed) => typed,
                None => {
                    let likely = if function.picks() { Class::Json } else { Class::Number };
                    self.guess(true, |this| this.decide(&mut expr, likely))
                }
            },
        };
        match marked(&expr) {
            Some(index) => Form::Bare(self.column(index)),
            None => Form::Value(self.finish_leaf(expr, typed.class, range)),
        }
    }
}

/// Turns the placeholder of a duration into its seconds.
pub(crate) fn finish_literal(expr: &mut Expr) {
    if let Expr::Value(ValueWithSpan { value: Value::Placeholder(text), .. }) = expr
        && let Some(nanoseconds) = duration_of(text)
    {
        let seconds = nanoseconds as f64 / 1e9;
        *expr = number(&format!("{seconds:?}"), expr);
    }
}

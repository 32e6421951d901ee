//! Expressions over sequences: conditions that compare an event with earlier ones, and values of whole matches.

use std::borrow::Cow;

use datafusion_sql::sqlparser::ast::{BinaryOperator, Expr};
use olocus_event::{Kind, Value};

use crate::aggregate::Aggregate;
use crate::analyze::{AnalyzedAggregate, Column, Form, Goal, Leaf, analyze, uses};
use crate::compiler::Compiler;
use crate::lists::{Lookup, Tables};
use crate::logic::Logic;
use crate::names::{EventScope, MatchScope, Origin, Scope};
use crate::one_row::OneRow;
use crate::problem::Problem;
use crate::program::{PredicateId, ValueId};
use crate::window::ScalarExpr;

/// The steps that a condition on an event can look back at.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    /// All steps of the rule.
    pub all: &'a [EventScope],
    /// Whether each of them can have taken events by then.
    pub visible: &'a [bool],
}

/// A condition on an event that may look back at what a partial match has taken. It holds if all its parts do.
#[derive(Debug, Default)]
pub struct StepCondition {
    /// The part that the event decides alone.
    pub predicate: Option<PredicateId>,
    /// The part that looks something up in lists which change while rules run.
    pub live: Option<LiveCondition>,
    /// The parts that compare it with earlier events.
    pub cross: Vec<CrossCondition>,
}

/// A condition on one event that depends on the moment at which it is asked.
#[derive(Debug)]
pub struct LiveCondition {
    row: OneRow,
    inputs: Vec<ValueId>,
    /// By input, whether it is a time, which travels as its nanoseconds.
    times: Vec<bool>,
}

/// A condition on an event and on earlier ones.
#[derive(Debug)]
pub enum CrossCondition {
    /// A plain comparison of two values of one kind; it does not hold where one of them is NULL.
    Compare {
        /// The value of the event.
        input: ValueId,
        /// How they shall compare.
        operator: Comparison,
        /// What it is compared with.
        value: StepValue,
    },
    /// Anything else.
    Expr(Box<CrossExpr>),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What an expression reads of the events that a match has taken for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StepValue {
    /// Position of the step.
    pub step: usize,
    /// Which of the events, or what of all. What a step that takes one event has is its first.
    pub function: Aggregate,
    /// The value of each event; `None` counts events.
    pub argument: Option<ValueId>,
}

/// A condition over values of an event and of earlier ones.
#[derive(Debug)]
pub struct CrossExpr {
    row: OneRow,
    inputs: Vec<CrossInput>,
    /// By input, whether it is a time, which travels as its nanoseconds.
    times: Vec<bool>,
}

/// What a [`CrossExpr`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossInput {
    /// A value of the event asked about.
    Event(ValueId),
    /// A value of events taken before.
    Taken(StepValue),
}

/// The expressions over the matches of one sequence rule.
#[derive(Debug)]
pub struct SequenceExprs {
    /// What the expressions read, each once.
    pub values: Vec<StepValue>,
    /// The condition on the match.
    pub having: Option<ScalarExpr>,
    /// What is emitted, in the order given.
    pub emit: Vec<ScalarExpr>,
}

impl StepCondition {
    /// The condition in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self, compiler: &Compiler) -> String {
        let alone = self.predicate.iter().map(|id| compiler.normalized(*id).to_owned());
        let alone = alone.chain(self.live.iter().map(|live| live.normalized().to_owned()));
        let cross = self.cross.iter().map(|cross| match cross {
            CrossCondition::Compare { input, operator, value } => {
                format!("{} {operator:?} {}", compiler.normalized_value(*input), value.normalized(compiler))
            }
            CrossCondition::Expr(expr) => expr.row.normalized().to_owned(),
        });
        alone.chain(cross).collect::<Vec<_>>().join(" AND ")
    }
}

impl LiveCondition {
    /// The values of the event that it reads, in the order in which [`holds`](Self::holds) takes them.
    #[must_use]
    pub fn inputs(&self) -> &[ValueId] {
        &self.inputs
    }

    /// Whether the condition is TRUE where lists are as in `tables`; NULL is not.
    #[must_use]
    pub fn holds(&self, values: &[Value], tables: &Tables) -> bool {
        self.row.evaluate(timed(values, &self.times), tables) == Value::Bool(true)
    }

    /// The condition in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self) -> &str {
        self.row.normalized()
    }
}

impl CrossExpr {
    /// What it reads, in the order in which [`holds`](Self::holds) takes the values.
    #[must_use]
    pub fn inputs(&self) -> &[CrossInput] {
        &self.inputs
    }

    /// The condition in normalised form: the same for all spellings of one meaning.
    #[must_use]
    pub fn normalized(&self) -> &str {
        self.row.normalized()
    }

    /// Whether the condition is TRUE; NULL is not.
    #[must_use]
    pub fn holds(&self, values: &[Value]) -> bool {
        self.row.evaluate(timed(values, &self.times), &Tables::default()) == Value::Bool(true)
    }
}

/// Values of which some are times that travel as their nanoseconds.
fn timed<'a>(values: &'a [Value], times: &'a [bool]) -> impl Iterator<Item = Cow<'a, Value>> {
    values.iter().zip(times).map(|(value, is_time)| match value {
        Value::Int(nanoseconds) if *is_time => Cow::Owned(Value::Time(*nanoseconds)),
        value => Cow::Borrowed(value),
    })
}

impl StepValue {
    fn normalized(&self, compiler: &Compiler) -> String {
        let argument = self.argument.map_or("*", |argument| compiler.normalized_value(argument));
        self.function.call(&format!("{}.{argument}", self.step))
    }
}

impl Compiler {
    /// Remembers in `event` and `steps` as what a condition uses fields, so that other expressions of the rule read them
    /// alike where they leave it open. Mistakes are told by [`step_condition`](Self::step_condition).
    pub fn learn_step_condition(&self, text: &str, event: &mut EventScope, steps: &mut [EventScope]) {
        let scope = MatchScope { event: Some(event), steps, visible: None };
        for (origin, kind) in uses(text, Scope::Match(scope), self.known(), Goal::Condition) {
            match origin {
                Origin::Event(source) => event.uses.add(source, kind),
                Origin::Step(step, source) => steps[step].uses.add(source, kind),
                Origin::By(_) | Origin::Aggregate(_) | Origin::Lookup(_) | Origin::LookupCall(_) => {}
            }
        }
    }

    /// Remembers in `steps` as what the expressions over a match use the fields of its events; see
    /// [`learn_step_condition`](Self::learn_step_condition).
    pub fn learn_sequence_exprs(&self, having: Option<&str>, emit: &[&str], steps: &mut [EventScope]) {
        let texts = having.iter().map(|text| (text, Goal::Condition));
        for (text, goal) in texts.chain(emit.iter().map(|text| (text, Goal::Value))) {
            let scope = MatchScope { event: None, steps, visible: None };
            for (origin, kind) in uses(text, Scope::Match(scope), self.known(), goal) {
                if let Origin::Step(step, source) = origin {
                    steps[step].uses.add(source, kind);
                }
            }
        }
    }

    /// A condition on an event, which may compare it with the events that a partial match has taken.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found.
    pub fn step_condition(
        &mut self,
        text: &str,
        event: &EventScope,
        steps: Steps<'_>,
    ) -> Result<StepCondition, Vec<Problem>> {
        let scope = MatchScope { event: Some(event), steps: steps.all, visible: Some(steps.visible) };
        let analyzed = analyze(text, Scope::Match(scope), self.known(), Goal::Condition)?;
        let taken = self.step_values(&analyzed.aggregates)?;
        let parts = match analyzed.condition(text)? {
            Logic::And(parts) => parts,
            other => vec![other],
        };
        let (cross, alone): (Vec<_>, Vec<_>) = parts.into_iter().partition(looks_back);
        let condition = self.event_condition(alone)?;
        let cross =
            cross.into_iter().map(|part| self.cross_condition(part, &taken)).collect::<Result<_, _>>()?;
        Ok(StepCondition { cross, ..condition })
    }

    /// A condition on one event: what it decides alone, and what depends on lists that change while rules run.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found.
    pub fn condition(&mut self, text: &str, event: &EventScope) -> Result<StepCondition, Vec<Problem>> {
        let analyzed = analyze(text, Scope::Event(event), self.known(), Goal::Condition)?;
        let parts = match analyzed.condition(text)? {
            Logic::And(parts) => parts,
            other => vec![other],
        };
        self.event_condition(parts)
    }

    /// All of these conditions on one event.
    fn event_condition(&mut self, parts: Vec<Logic<Leaf>>) -> Result<StepCondition, Vec<Problem>> {
        let (live, alone): (Vec<_>, Vec<_>) = parts.into_iter().partition(is_live);
        let predicate = all_of(alone).map(|alone| self.predicate_of(alone)).transpose()?;
        let live = all_of(live).map(|live| self.live_condition(live)).transpose()?;
        Ok(StepCondition { predicate, live, cross: Vec::new() })
    }

    fn live_condition(&mut self, live: Logic<Leaf>) -> Result<LiveCondition, Vec<Problem>> {
        let mut columns = Vec::new();
        let row = OneRow::new(Form::Condition(live), &mut columns).map_err(|problem| vec![problem])?;
        let times = columns.iter().map(|column| column.kind == Kind::Time).collect();
        let inputs = columns.into_iter().map(|column| self.value_of(Form::Bare(column), false));
        Ok(LiveCondition { row, inputs: inputs.collect::<Result<_, _>>()?, times })
    }

    /// The expressions over the matches of a sequence: its `having`, and what it emits. Every field is that of a step.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found, each with the expression it is in: 0 is `having`, 1 + i is `emit[i]`.
    pub fn sequence_exprs(
        &mut self,
        having: Option<&str>,
        emit: &[&str],
        steps: &[EventScope],
    ) -> Result<SequenceExprs, Vec<(usize, Problem)>> {
        let mut exprs = SequenceExprs { values: Vec::new(), having: None, emit: Vec::new() };
        let mut problems = Vec::new();
        let texts = having.iter().map(|text| (0, text, Goal::Condition));
        for (place, text, goal) in
            texts.chain((1..).zip(emit).map(|(place, text)| (place, text, Goal::Value)))
        {
            match self.sequence_expr(text, goal, steps, &mut exprs.values) {
                Ok(expr) if place == 0 => exprs.having = Some(expr),
                Ok(expr) => exprs.emit.push(expr),
                Err(found) => problems.extend(found.into_iter().map(|problem| (place, problem))),
            }
        }
        if problems.is_empty() { Ok(exprs) } else { Err(problems) }
    }

    fn sequence_expr(
        &mut self,
        text: &str,
        goal: Goal,
        steps: &[EventScope],
        values: &mut Vec<StepValue>,
    ) -> Result<ScalarExpr, Vec<Problem>> {
        let scope = MatchScope { event: None, steps, visible: None };
        let analyzed = analyze(text, Scope::Match(scope), self.known(), goal)?;
        let read = self.step_values(&analyzed.aggregates)?;
        let place = |value: &StepValue| {
            values.iter().position(|known| known == value).unwrap_or_else(|| {
                values.push(*value);
                values.len() - 1
            })
        };
        let places: Vec<usize> = read.iter().map(place).collect();
        let mut columns = Vec::new();
        let row = OneRow::new(analyzed.form, &mut columns).map_err(|problem| vec![problem])?;
        ScalarExpr::new(row, &columns, &places).ok_or_else(Vec::new)
    }

    /// What the aggregates of an expression read.
    fn step_values(&mut self, aggregates: &[AnalyzedAggregate]) -> Result<Vec<StepValue>, Vec<Problem>> {
        let value = |aggregate: &AnalyzedAggregate| {
            let argument = aggregate.argument.clone().map(|form| self.value_of(form, false)).transpose()?;
            let step = aggregate.step.expect("aggregates of sequences are over a step");
            Ok(StepValue { step, function: aggregate.function, argument })
        };
        aggregates.iter().map(value).collect()
    }

    fn cross_condition(
        &mut self,
        part: Logic<Leaf>,
        taken: &[StepValue],
    ) -> Result<CrossCondition, Vec<Problem>> {
        refuse_live(&part)?;
        if let Some((event, operator, aggregate)) = comparison(&part) {
            let (input, value) = (self.value_of(Form::Bare(event.clone()), false)?, taken[aggregate]);
            return Ok(CrossCondition::Compare { input, operator, value });
        }
        let mut columns = Vec::new();
        let row = OneRow::new(Form::Condition(part), &mut columns).map_err(|problem| vec![problem])?;
        let input = |column: Column| match column.origin {
            Origin::Aggregate(aggregate) => Ok(CrossInput::Taken(taken[aggregate])),
            _ => Ok(CrossInput::Event(self.value_of(Form::Bare(column), false)?)),
        };
        let times = columns.iter().map(|column| column.kind == Kind::Time).collect();
        let inputs = columns.into_iter().map(input).collect::<Result<_, Vec<Problem>>>()?;
        Ok(CrossCondition::Expr(Box::new(CrossExpr { row, inputs, times })))
    }
}

/// Whether a condition reads anything of earlier events.
fn looks_back(part: &Logic<Leaf>) -> bool {
    let mut found = false;
    part.for_each(&mut |leaf| {
        found |= leaf.columns.iter().any(Column::looks_back);
    });
    found
}

/// Whether a condition looks something up in a list that changes while rules run.
fn is_live(part: &Logic<Leaf>) -> bool {
    let mut found = false;
    part.for_each(&mut |leaf| found |= leaf.columns.iter().any(|column| column.live_lookup().is_some()));
    found
}

fn refuse_live(part: &Logic<Leaf>) -> Result<(), Vec<Problem>> {
    let mut problem = None;
    part.for_each(&mut |leaf| {
        let lookup = leaf.columns.iter().find_map(Column::live_lookup);
        problem = problem.take().or_else(|| lookup.map(Lookup::misplaced));
    });
    problem.map_or(Ok(()), |problem| Err(vec![problem]))
}

/// One condition of several, which holds if all do; `None` of none.
fn all_of(mut parts: Vec<Logic<Leaf>>) -> Option<Logic<Leaf>> {
    match parts.len() {
        0 | 1 => parts.pop(),
        _ => Some(Logic::And(parts)),
    }
}

/// Takes a condition for a comparison of a value of the event with what an aggregate came to.
fn comparison(part: &Logic<Leaf>) -> Option<(&Column, Comparison, usize)> {
    let Logic::Leaf(Leaf { expr: Expr::BinaryOp { left, op, right }, columns, .. }) = part else {
        return None;
    };
    let operator = Comparison::of(op)?;
    let column = |expr: &Expr| match expr {
        Expr::Identifier(name) => columns.iter().find(|column| column.name == name.value),
        _ => None,
    };
    let (left, right) = (column(left)?, column(right)?);
    let ordered = matches!(left.kind, Kind::Number | Kind::Text | Kind::Time | Kind::Duration);
    if left.kind != right.kind || !ordered {
        return None;
    }
    match (&left.origin, &right.origin) {
        (Origin::Aggregate(_), Origin::Aggregate(_)) => None,
        (_, Origin::Aggregate(aggregate)) if !left.looks_back() => Some((left, operator, *aggregate)),
        (Origin::Aggregate(aggregate), _) if !right.looks_back() => {
            Some((right, operator.mirrored(), *aggregate))
        }
        _ => None,
    }
}

impl Comparison {
    fn of(operator: &BinaryOperator) -> Option<Comparison> {
        Some(match operator {
            BinaryOperator::Eq => Comparison::Equal,
            BinaryOperator::NotEq => Comparison::NotEqual,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    /// The comparison with its sides exchanged.
    fn mirrored(self) -> Comparison {
        match self {
            Comparison::Equal | Comparison::NotEqual => self,
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        }
    }
}

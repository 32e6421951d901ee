//! Texts of the expressions of a sequence → what they ask of single events, and what of earlier ones.

use datafusion_sql::sqlparser::ast::Expr;
use olocus_event::Kind;

use super::{
    Comparison, CrossCondition, CrossExpr, CrossInput, SequenceExprs, StepCondition, StepValue, Steps,
};
use crate::analyze::{AnalyzedAggregate, Goal, analyze, uses};
use crate::compiler::Compiler;
use crate::form::{Column, Form, Leaf};
use crate::lists::Lookup;
use crate::logic::Logic;
use crate::names::{EventScope, MatchScope, Origin, Scope};
use crate::one_row::OneRow;
use crate::problem::Problem;
use crate::window::ScalarExpr;

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
        let live = all_of(live).map(|live| self.live_expr(Form::Condition(live))).transpose()?;
        Ok(StepCondition { predicate, live, cross: Vec::new() })
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
        let row =
            OneRow::given_lookups(Form::Condition(part), &mut columns).map_err(|problem| vec![problem])?;
        let input = |column: Column| match column.origin {
            Origin::Aggregate(aggregate) => Ok(CrossInput::Taken(taken[aggregate])),
            _ => Ok(CrossInput::Event(self.value_of(Form::Bare(column), false)?)),
        };
        let kinds = columns.iter().map(|column| column.kind).collect();
        let inputs = columns.into_iter().map(input).collect::<Result<_, Vec<Problem>>>()?;
        Ok(CrossCondition::Expr(Box::new(CrossExpr { row, inputs, kinds })))
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

/// Refuses to look values of earlier events up in lists that change: whether a condition holds must depend on the event and
/// the partial match alone.
fn refuse_live(part: &Logic<Leaf>) -> Result<(), Vec<Problem>> {
    let mut problem = None;
    part.for_each(&mut |leaf| {
        let lookup = leaf.columns.iter().filter(|column| column.looks_back()).find_map(Column::live_lookup);
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

//! A window → its machine, its test of single events, and what becomes of it when it is judged.

use std::sync::Arc;

use olocus_cep::WindowPlan;
use olocus_cep::pattern::RegisterFunction;
use olocus_cep::rule::{Rule, TypePattern, Window};
use olocus_document::{Scalar, Spanned};
use olocus_expr::{EventScope, LiveExpr, StepCondition};

use super::compile::{Compilation, CompiledBody, literal_types, register_function};
use super::report::BodyTexts;
use super::sequence::sorted;
use super::{OutputPlan, WindowValue};

impl Compilation<'_> {
    pub(super) fn window(
        &mut self,
        rule: &Rule,
        window: &Window,
        event: &[Spanned<TypePattern>],
        filter: Option<&Scalar>,
        index: usize,
    ) -> Option<CompiledBody> {
        let mut scope = EventScope { types: literal_types(event), ..EventScope::default() };
        let emit: Vec<&str> = rule.emit.iter().map(|(_, text)| text.value.as_str()).collect();
        let by: Vec<&str> = rule.by.iter().map(|field| field.value.as_str()).collect();
        let having = rule.having.as_ref().map(|text| text.value.as_str());
        filter.iter().for_each(|text| self.compiler.learn_predicate(&text.value, &mut scope));
        self.compiler.learn_window_exprs(having, &emit, &by, &mut scope);
        let key = self.key(rule, std::slice::from_ref(&scope));
        let condition = self.filter(filter, &scope);
        let exprs = match self.compiler.window_exprs(having, &emit, &by, &scope) {
            Ok(exprs) => exprs,
            Err(problems) => {
                let texts = BodyTexts { having: rule.having.as_ref(), emit: &rule.emit };
                texts.report(problems, key.is_some(), self.diagnostics);
                return None;
            }
        };
        let (condition, key) = (condition.ok()?, key?);
        let mut meaning = vec![format!("{window:?}"), self.event_meaning(event, &condition)];
        meaning.extend(exprs.having.iter().map(|having| format!("having {}", having.normalized())));
        for ((name, _), expr) in rule.emit.iter().zip(&exprs.emit) {
            meaning.push(format!("emit {}={}", name.value, expr.normalized()));
        }
        let asks = self.asks(condition);
        self.ask(sorted(event), asks, (index, 1), true, true);
        let (mut inputs, mut aggregates, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for (aggregate, argument) in &exprs.aggregates {
            let mut retained = || argument.map(|argument| self.retain(argument));
            values.push(match register_function(*aggregate) {
                RegisterFunction::First => WindowValue::First { retained: retained() },
                RegisterFunction::Last => WindowValue::Last { retained: retained() },
                RegisterFunction::Aggregate(function) => {
                    inputs.push(argument.map(|argument| self.input(argument)));
                    aggregates.push(function);
                    WindowValue::Aggregate(aggregates.len() - 1)
                }
            });
        }
        let machine = olocus_cep::Plan::Window { window: window_plan(window), aggregates };
        let names = rule.emit.iter().map(|(name, _)| name.value.clone());
        let output =
            OutputPlan::Window { values, having: exprs.having, emit: names.zip(exprs.emit).collect() };
        Some(CompiledBody { machine, opaque: Arc::default(), inputs, output, meaning, key })
    }

    /// The condition of a `where`; `Err` once its mistakes have been reported.
    fn filter(&mut self, text: Option<&Scalar>, scope: &EventScope) -> Result<StepCondition, ()> {
        let Some(text) = text else { return Ok(StepCondition::default()) };
        let compiled = self.compiler.condition(&text.value, scope);
        self.report(text, compiled).ok_or(())
    }

    /// What events the window holds, in normalised form.
    fn event_meaning(&self, types: &[Spanned<TypePattern>], condition: &StepCondition) -> String {
        let mut types: Vec<&str> = types.iter().map(|pattern| pattern.value.as_str()).collect();
        types.sort_unstable();
        let live = condition.live.as_ref().map(LiveExpr::normalized).unwrap_or_default();
        let condition = condition.predicate.map(|predicate| self.compiler.normalized(predicate));
        format!(" {types:?} {condition:?} None{live}")
    }
}

fn window_plan(window: &Window) -> WindowPlan {
    match window {
        Window::Count(count) => WindowPlan::Count(*count),
        Window::Tumbling(size) => WindowPlan::Tumbling(*size),
        Window::Sliding { size, every } => WindowPlan::Sliding { size: *size, every: *every },
        Window::Session(gap) => WindowPlan::Session(*gap),
    }
}

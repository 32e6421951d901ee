//! Mistakes in the expressions of rules that cannot be compiled, because their shape has mistakes too.
//!
//! Such a rule is reported as it stands, without what would only follow from the part that could not be read.

use std::sync::Arc;

use olocus_cep::rule::{Draft, DraftBody, DraftRole, DraftStep};
use olocus_document::{Diagnostics, Scalar};
use olocus_expr::{Compiler, EventScope, Lists, Problem, Schemas, Steps};

use super::compile::{key_scope, literal_types};
use super::report::{BodyTexts, point};

/// Reports the mistakes in the expressions of a draft.
pub(super) fn check_draft(
    draft: &Draft,
    schemas: Arc<Schemas>,
    lists: &Arc<Lists>,
    diagnostics: &mut Diagnostics,
) {
    let compiler = Compiler::new(schemas).with_lists(Arc::clone(lists));
    let mut check = Check { compiler, diagnostics };
    for body in &draft.bodies {
        // With two bodies it is not known which of them `by`, `having` and `emit` speak of.
        let is_only = draft.bodies.len() == 1;
        match body {
            DraftBody::Sequence(steps) => check.sequence(draft, steps, is_only),
            DraftBody::Window { event, filter, .. } => {
                let types = event.as_deref().map(literal_types).unwrap_or_default();
                let scope = EventScope { types, ..EventScope::default() };
                check.filter(filter.as_ref(), &scope);
                if is_only {
                    check.window(draft, &scope);
                }
            }
        }
    }
}

struct Check<'a> {
    compiler: Compiler,
    diagnostics: &'a mut Diagnostics,
}

impl Check<'_> {
    fn sequence(&mut self, draft: &Draft, asked: &[DraftStep], is_only: bool) {
        let scope = |asked: &DraftStep| EventScope {
            step: asked.name.as_ref().map(|name| name.value.clone()),
            types: asked.event.as_deref().map(literal_types).unwrap_or_default(),
            ..EventScope::default()
        };
        let events: Vec<EventScope> = asked.iter().map(scope).collect();
        // A match has no events of the others.
        let takes = |asked: &&DraftStep| matches!(asked.role, DraftRole::Step | DraftRole::Unknown);
        let steps: Vec<EventScope> = asked.iter().filter(takes).map(scope).collect();
        let all_named = steps.iter().all(|step| step.step.is_some());
        // What seems to be no step may be one whose name could not be read.
        let is_of_its_own = |problem: &Problem| all_named || problem.code != "needs-step";
        let visible = vec![true; steps.len()];
        for (asked, event) in asked.iter().zip(&events) {
            if let Some(text) = &asked.filter {
                let steps = Steps { all: &steps, visible: &visible };
                let compiled = self.compiler.step_condition(&text.value, event, steps);
                self.report(text, compiled, is_of_its_own);
            }
        }
        if is_only {
            self.key(draft, &events);
            let having = draft.having.as_ref().map(|text| text.value.as_str());
            let emit: Vec<&str> = draft.emit.iter().map(|(_, text)| text.value.as_str()).collect();
            if let Err(mut problems) = self.compiler.sequence_exprs(having, &emit, &steps) {
                problems.retain(|(_, problem)| is_of_its_own(problem));
                let texts = BodyTexts { having: draft.having.as_ref(), emit: &draft.emit };
                texts.report(problems, true, self.diagnostics);
            }
        }
    }

    fn window(&mut self, draft: &Draft, scope: &EventScope) {
        let key_is_known = self.key(draft, std::slice::from_ref(scope));
        let having = draft.having.as_ref().map(|text| text.value.as_str());
        let emit: Vec<&str> = draft.emit.iter().map(|(_, text)| text.value.as_str()).collect();
        let by: Vec<&str> = draft.by.iter().flatten().map(|field| field.value.as_str()).collect();
        if let Err(problems) = self.compiler.window_exprs(having, &emit, &by, scope) {
            let texts = BodyTexts { having: draft.having.as_ref(), emit: &draft.emit };
            texts.report(problems, key_is_known, self.diagnostics);
        }
    }

    fn filter(&mut self, text: Option<&Scalar>, scope: &EventScope) {
        if let Some(text) = text {
            let compiled = self.compiler.condition(&text.value, scope);
            self.report(text, compiled, |_| true);
        }
    }

    /// Checks `by`; whether it is without mistakes.
    fn key(&mut self, draft: &Draft, scopes: &[EventScope]) -> bool {
        let Some(by) = &draft.by else { return false };
        let scope = key_scope(scopes);
        let before = self.diagnostics.len();
        for text in by {
            let compiled = self.compiler.field(&text.value, &scope);
            self.report(text, compiled, |_| true);
        }
        self.diagnostics.len() == before
    }

    fn report<T>(
        &mut self,
        text: &Scalar,
        compiled: Result<T, Vec<Problem>>,
        is_of_its_own: impl Fn(&Problem) -> bool,
    ) {
        let problems = compiled.err().unwrap_or_default();
        self.diagnostics
            .extend(problems.into_iter().filter(is_of_its_own).map(|problem| point(text, problem)));
    }
}

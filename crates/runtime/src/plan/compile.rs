//! Rule files and sources → [`Plan`], reporting every mistake of every rule.

use std::collections::HashMap;
use std::sync::Arc;

use olocus_cep::rule::{Body, Rule, RuleFile, Step, TypePattern, Window, check_unique_names};
use olocus_cep::{AggregateFunction, StepPlan, WindowPlan};
use olocus_document::{Diagnostic, Diagnostics, Scalar, Spanned};
use olocus_expr::{Aggregate, Compiler, EventScope, PredicateId, Problem, Schemas, ValueId};

use super::draft::check_draft;
use super::{KeyIndex, KeyPlan, OutputPlan, Plan, RulePlan, SourcePlan, Test, doubts, version};
use crate::source::SourceSpec;

/// Compiles the enabled rules of `files` for events of `sources`. Every mistake of every rule, enabled or
/// not, goes to `diagnostics`; with an error among them there is no plan.
pub fn compile(
    files: &[RuleFile],
    sources: &[SourceSpec],
    schemas: &Arc<Schemas>,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    olocus_expr::on_deep_stack(|| compile_here(files, sources, schemas, diagnostics))
}

fn compile_here(
    files: &[RuleFile],
    sources: &[SourceSpec],
    schemas: &Arc<Schemas>,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    check_unique_names(files, diagnostics);
    let mut compilation = Compilation::new(Arc::clone(schemas), diagnostics);
    let sources: Vec<_> = sources.iter().map(|spec| compilation.source(spec)).collect();
    let mut rules = Vec::new();
    for rule in all_rules(files).filter(|rule| rule.enabled) {
        rules.extend(compilation.rule(rule, rules.len()));
    }
    let Compilation { compiler, mut tests, keys, inputs, .. } = compilation;
    for rule in all_rules(files) {
        doubts::check(rule, schemas, diagnostics);
    }
    for rule in all_rules(files).filter(|rule| !rule.enabled) {
        // A disabled rule must be right too, but leaves nothing behind in the plan.
        Compilation::new(Arc::clone(schemas), diagnostics).rule(rule, 0);
    }
    for draft in files.iter().flat_map(|file| &file.drafts) {
        check_draft(draft, Arc::clone(schemas), diagnostics);
    }
    if diagnostics.has_errors() {
        return None;
    }
    for test in &mut tests {
        test.keys = test.rules().filter_map(|rule| rules[rule].key.map(|key| key.0)).collect();
        test.keys.sort_unstable();
        test.keys.dedup();
    }
    Some(Plan { program: compiler.finish(), rules, tests, keys, inputs, sources })
}

fn all_rules(files: &[RuleFile]) -> impl Iterator<Item = &Rule> {
    files.iter().flat_map(|file| &file.rules)
}

struct Compilation<'a> {
    compiler: Compiler,
    tests: Vec<Test>,
    test_ids: HashMap<(Vec<TypePattern>, Option<PredicateId>), usize>,
    keys: Vec<KeyPlan>,
    inputs: Vec<ValueId>,
    diagnostics: &'a mut Diagnostics,
}

/// What the body of a rule becomes.
struct CompiledBody {
    machine: olocus_cep::Plan,
    output: OutputPlan,
    /// The normalised parts that the rule's version hashes.
    meaning: Vec<String>,
    key: Option<KeyIndex>,
}

impl<'a> Compilation<'a> {
    fn new(schemas: Arc<Schemas>, diagnostics: &'a mut Diagnostics) -> Compilation<'a> {
        Compilation {
            compiler: Compiler::new(schemas),
            tests: Vec::new(),
            test_ids: HashMap::new(),
            keys: Vec::new(),
            inputs: Vec::new(),
            diagnostics,
        }
    }

    fn source(&mut self, spec: &SourceSpec) -> SourcePlan {
        let mut value = |text: &Option<Scalar>| {
            let text = text.as_ref()?;
            let compiled = self.compiler.value(&text.value, &EventScope::default());
            self.report(text, compiled)
        };
        let (time, event_type, key) = (value(&spec.time), value(&spec.event_type), value(&spec.key));
        SourcePlan { spec: spec.clone(), time, event_type, key }
    }

    fn rule(&mut self, rule: &Rule, index: usize) -> Option<RulePlan> {
        let body = match &rule.body {
            Body::Sequence { steps, within } => self.sequence(rule, steps, *within, index),
            Body::Window { window, event, filter } => {
                self.window(rule, window, event, filter.as_ref(), index)
            }
        }?;
        let key = body.key.map(|KeyIndex(key)| self.keys[key].fields.as_slice()).unwrap_or_default();
        let by: Vec<&str> = key.iter().map(|field| self.compiler.normalized_value(*field)).collect();
        Some(RulePlan {
            name: rule.name.value.clone(),
            version: version::of(rule, &by, &body.meaning),
            severity: rule.severity,
            key: body.key,
            key_is_list: rule.by_is_list,
            machine: body.machine,
            output: body.output,
            actions: rule.actions.clone(),
            about: about(rule),
            include_events: rule.include_events,
        })
    }

    fn sequence(
        &mut self,
        rule: &Rule,
        steps: &[Step],
        within: Option<i64>,
        index: usize,
    ) -> Option<CompiledBody> {
        let names: Vec<String> = steps.iter().map(|step| step.name.value.clone()).collect();
        let parts: Vec<_> =
            steps.iter().map(|step| (Some(step.name.value.as_str()), step.event.as_slice())).collect();
        let mut scopes = step_scopes(&parts);
        for (step, scope) in steps.iter().zip(&mut scopes) {
            step.filter.iter().for_each(|text| self.compiler.learn_predicate(&text.value, scope));
        }
        for (_, text) in &rule.emit {
            self.compiler.learn_match_expr(&text.value, &mut scopes);
        }
        let key = self.key(rule, &scopes);
        let mut meaning = Vec::new();
        let mut complete = true;
        for (at, (step, scope)) in steps.iter().zip(&scopes).enumerate() {
            let Ok(predicate) = self.filter(step.filter.as_ref(), scope) else {
                complete = false;
                continue;
            };
            meaning.push(self.step_meaning(&step.name.value, &step.event, predicate, step.within));
            self.ask(&step.event, predicate, (index, at));
        }
        meaning.push(format!("within {within:?}"));
        let mut emit = Vec::new();
        for (name, text) in &rule.emit {
            let compiled = self.compiler.match_expr(&text.value, &scopes);
            let Some(expr) = self.report(text, compiled) else {
                complete = false;
                continue;
            };
            meaning.push(format!("emit {}={}", name.value, expr.normalized()));
            emit.push((name.value.clone(), expr));
        }
        let key = key?;
        let steps = steps.iter().map(|step| StepPlan { within: step.within }).collect();
        complete.then(|| CompiledBody {
            machine: olocus_cep::Plan::Sequence { steps, within },
            output: OutputPlan::Sequence { steps: names, emit },
            meaning,
            key,
        })
    }

    fn window(
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
        let predicate = self.filter(filter, &scope);
        let exprs = match self.compiler.window_exprs(having, &emit, &by, &scope) {
            Ok(exprs) => exprs,
            Err(problems) => {
                let texts = WindowTexts { having: rule.having.as_ref(), emit: &rule.emit };
                texts.report(problems, key.is_some(), self.diagnostics);
                return None;
            }
        };
        let (predicate, key) = (predicate.ok()?, key?);
        let mut meaning = vec![format!("{window:?}"), self.step_meaning("", event, predicate, None)];
        meaning.extend(exprs.having.iter().map(|having| format!("having {}", having.normalized())));
        for ((name, _), expr) in rule.emit.iter().zip(&exprs.emit) {
            meaning.push(format!("emit {}={}", name.value, expr.normalized()));
        }
        self.ask(event, predicate, (index, 0));
        let inputs = exprs.aggregates.iter().map(|(_, value)| value.map(|value| self.input(value))).collect();
        let machine = olocus_cep::Plan::Window {
            window: window_plan(window),
            aggregates: exprs.aggregates.iter().map(|(aggregate, _)| function(*aggregate)).collect(),
        };
        let names = rule.emit.iter().map(|(name, _)| name.value.clone());
        let output =
            OutputPlan::Window { having: exprs.having, emit: names.zip(exprs.emit).collect(), inputs };
        Some(CompiledBody { machine, output, meaning, key })
    }

    /// The predicate of a `where`; `Err` once its mistakes have been reported.
    fn filter(&mut self, text: Option<&Scalar>, scope: &EventScope) -> Result<Option<PredicateId>, ()> {
        let Some(text) = text else { return Ok(None) };
        let compiled = self.compiler.predicate(&text.value, scope);
        self.report(text, compiled).map(Some).ok_or(())
    }

    /// The rule's `by` list: `None` where it has a mistake, `Some(None)` where the rule has none.
    fn key(&mut self, rule: &Rule, scopes: &[EventScope]) -> Option<Option<KeyIndex>> {
        if rule.by.is_empty() {
            return Some(None);
        }
        let scope = key_scope(scopes);
        let mut fields = Vec::new();
        for text in &rule.by {
            let compiled = self.compiler.field(&text.value, &scope);
            fields.push(self.report(text, compiled));
        }
        let fields = fields.into_iter().collect::<Option<Vec<_>>>()?;
        let known = self.keys.iter().position(|key| key.fields == fields && key.is_list == rule.by_is_list);
        Some(Some(KeyIndex(known.unwrap_or_else(|| {
            self.keys.push(KeyPlan { fields, is_list: rule.by_is_list });
            self.keys.len() - 1
        }))))
    }

    fn ask(&mut self, types: &[Spanned<TypePattern>], predicate: Option<PredicateId>, by: (usize, usize)) {
        let mut types: Vec<TypePattern> = types.iter().map(|pattern| pattern.value.clone()).collect();
        types.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        types.dedup();
        let next = self.tests.len();
        let id = *self.test_ids.entry((types.clone(), predicate)).or_insert(next);
        if id == next {
            let (starts, later, keys) = (Vec::new(), Vec::new(), Vec::new());
            self.tests.push(Test { types, predicate, starts, later, keys });
        }
        match by {
            (rule, 0) => self.tests[id].starts.push(rule),
            later => self.tests[id].later.push(later),
        }
    }

    fn input(&mut self, value: ValueId) -> usize {
        self.inputs.iter().position(|known| *known == value).unwrap_or_else(|| {
            self.inputs.push(value);
            self.inputs.len() - 1
        })
    }

    fn step_meaning(
        &self,
        name: &str,
        types: &[Spanned<TypePattern>],
        predicate: Option<PredicateId>,
        within: Option<i64>,
    ) -> String {
        let mut types: Vec<&str> = types.iter().map(|pattern| pattern.value.as_str()).collect();
        types.sort_unstable();
        let condition = predicate.map(|predicate| self.compiler.normalized(predicate));
        format!("{name} {types:?} {condition:?} {within:?}")
    }

    fn report<T>(&mut self, text: &Scalar, compiled: Result<T, Vec<Problem>>) -> Option<T> {
        match compiled {
            Ok(value) => Some(value),
            Err(problems) => {
                self.diagnostics.extend(problems.into_iter().map(|problem| point(text, problem)));
                None
            }
        }
    }
}

/// The expressions of a window rule, to point into.
pub(super) struct WindowTexts<'a> {
    pub(super) having: Option<&'a Scalar>,
    pub(super) emit: &'a [(Scalar, Scalar)],
}

impl WindowTexts<'_> {
    /// Reports what [`Compiler::window_exprs`] found. Where the fields of the key are not known, whether a field is one
    /// of them is not known either.
    pub(super) fn report(
        &self,
        problems: Vec<(usize, Problem)>,
        key_is_known: bool,
        diagnostics: &mut Diagnostics,
    ) {
        // Text 0 is `having`, the others are those of `emit`.
        let texts: Vec<_> =
            std::iter::once(self.having).chain(self.emit.iter().map(|(_, text)| Some(text))).collect();
        for (at, problem) in problems {
            if key_is_known || problem.code != "not-grouped" {
                let text = texts[at].expect("problems are only found in texts that are there");
                diagnostics.push(point(text, problem));
            }
        }
    }
}

/// The scopes of the steps of a sequence, of which names and event types are given as far as they are known.
pub(super) fn step_scopes(steps: &[(Option<&str>, &[Spanned<TypePattern>])]) -> Vec<EventScope> {
    let others = |own: Option<&str>| {
        steps
            .iter()
            .filter_map(|(name, _)| *name)
            .filter(|name| Some(*name) != own)
            .map(str::to_owned)
            .collect()
    };
    steps
        .iter()
        .map(|(name, event)| EventScope {
            step: name.map(str::to_owned),
            types: literal_types(event),
            other_steps: others(*name),
            ..EventScope::default()
        })
        .collect()
}

/// The scope of the fields of a rule's key, which stand in the events of all of `scopes`.
pub(super) fn key_scope(scopes: &[EventScope]) -> EventScope {
    // With a step of unknown type among them, the fields can't be checked against schemas.
    let known = scopes.iter().all(|scope| !scope.types.is_empty());
    let types = scopes.iter().filter(|_| known).flat_map(|scope| scope.types.iter().cloned()).collect();
    EventScope { types, ..EventScope::default() }
}

/// Turns a problem within an expression into one within the file that the expression stands in.
pub(super) fn point(text: &Scalar, problem: Problem) -> Diagnostic {
    let span = text.locate(problem.range.0, problem.range.1);
    let diagnostic = Diagnostic::error(problem.code, text.file(), span, problem.message);
    match problem.help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// The event types that the patterns name, or none where one of them has a wildcard.
pub(super) fn literal_types(types: &[Spanned<TypePattern>]) -> Vec<String> {
    let literal: Option<Vec<String>> =
        types.iter().map(|pattern| pattern.value.literal().map(str::to_owned)).collect();
    literal.unwrap_or_default()
}

fn about(rule: &Rule) -> serde_json::Map<String, serde_json::Value> {
    let mut about = serde_json::Map::new();
    let strings = |texts: &[String]| serde_json::Value::from(texts.to_vec());
    if !rule.tags.is_empty() {
        about.insert("tags".to_owned(), strings(&rule.tags));
    }
    if let Some(owner) = &rule.owner {
        about.insert("owner".to_owned(), owner.as_str().into());
    }
    if !rule.references.is_empty() {
        about.insert("references".to_owned(), strings(&rule.references));
    }
    if let Some(meta) = &rule.meta {
        about.insert("meta".to_owned(), meta.clone());
    }
    about
}

fn window_plan(window: &Window) -> WindowPlan {
    match window {
        Window::Count(count) => WindowPlan::Count(*count),
        Window::Tumbling(size) => WindowPlan::Tumbling(*size),
        Window::Sliding { size, every } => WindowPlan::Sliding { size: *size, every: *every },
        Window::Session(gap) => WindowPlan::Session(*gap),
    }
}

fn function(aggregate: Aggregate) -> AggregateFunction {
    match aggregate {
        Aggregate::Count => AggregateFunction::Count,
        Aggregate::CountDistinct => AggregateFunction::CountDistinct,
        Aggregate::Sum => AggregateFunction::Sum,
        Aggregate::Avg => AggregateFunction::Avg,
        Aggregate::Min => AggregateFunction::Min,
        Aggregate::Max => AggregateFunction::Max,
    }
}

//! Rule files and sources → [`Plan`], reporting every mistake of every rule.

use std::collections::HashMap;
use std::sync::Arc;

use olocus_cep::AggregateFunction;
use olocus_cep::pattern::RegisterFunction;
use olocus_cep::rule::{Action, Body, Include, Rule, RuleFile, TypePattern, check_unique_names};
use olocus_document::{Diagnostics, Scalar, SourceFile, Spanned};
use olocus_expr::{
    Aggregate, Compiler, EventScope, Lists, LiveExpr, PredicateId, Problem, Schemas, StepCondition, ValueId,
};

use super::draft::check_draft;
use super::lists::{list_plans, lists_of, table_sources};
use super::report::point;
use super::{
    Conditions, KeyIndex, KeyPlan, Link, LiveTest, OutputPlan, Plan, RulePlan, SourcePlan, Test, WindowValue,
    doubts, version,
};
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
    let lists = lists_of(files, diagnostics);
    let mut compilation = Compilation::new(Arc::clone(schemas), &lists, diagnostics);
    let sources: Vec<_> = sources.iter().map(|spec| compilation.source(spec)).collect();
    let mut rules = Vec::new();
    for (file, rule) in all_rules(files).filter(|(_, rule)| rule.enabled) {
        rules.extend(compilation.rule(file, rule, rules.len()));
    }
    let Compilation { compiler, mut tests, keys, mut inputs, retained, live, .. } = compilation;
    // Rules that are not run read no topics.
    let tables = lists.tables();
    let tables_read = table_sources(files, &tables, diagnostics);
    for (_, rule) in all_rules(files) {
        doubts::check(rule, schemas, diagnostics);
    }
    for (file, rule) in all_rules(files).filter(|(_, rule)| !rule.enabled) {
        // A disabled rule must be right too, but leaves nothing behind in the plan.
        Compilation::new(Arc::clone(schemas), &lists, diagnostics).rule(file, rule, 0);
    }
    for draft in files.iter().flat_map(|file| &file.drafts) {
        check_draft(draft, Arc::clone(schemas), &lists, diagnostics);
    }
    if diagnostics.has_errors() {
        return None;
    }
    for test in &mut tests {
        test.keys = test.rules().filter_map(|rule| rules[rule].key.map(|key| key.0)).collect();
        test.keys.sort_unstable();
        test.keys.dedup();
    }
    let plain = |spec| SourcePlan { spec, time: None, event_type: None, key: None };
    let sources = tables_read.into_iter().map(plain).chain(sources).collect();
    let program = compiler.finish();
    let made_of = |id: ValueId, inputs: &mut Vec<ValueId>| {
        program.live(id).map(|live| live.inputs().iter().map(|value| slot(inputs, *value)).collect())
    };
    let live_retained = retained.iter().map(|id| made_of(*id, &mut inputs)).collect();
    let mut live_inputs: Vec<Option<Box<[usize]>>> = Vec::with_capacity(inputs.len());
    while let Some(id) = inputs.get(live_inputs.len()).copied() {
        live_inputs.push(made_of(id, &mut inputs));
    }
    Some(Plan {
        program,
        rules,
        tests,
        keys,
        inputs,
        retained,
        live_inputs,
        live_retained,
        sources,
        lists: lists.sizes(),
        list_plans: list_plans(files),
        tables: tables.into_iter().map(Arc::new).collect(),
        live,
    })
}

fn all_rules(files: &[RuleFile]) -> impl Iterator<Item = (&Arc<SourceFile>, &Rule)> {
    files.iter().flat_map(|file| file.rules.iter().map(move |rule| (&file.file, rule)))
}

pub(super) struct Compilation<'a> {
    pub(super) compiler: Compiler,
    tests: Vec<Test>,
    test_ids: HashMap<(Vec<TypePattern>, Asks), usize>,
    live: Vec<LiveTest>,
    keys: Vec<KeyPlan>,
    inputs: Vec<ValueId>,
    retained: Vec<ValueId>,
    pub(super) diagnostics: &'a mut Diagnostics,
}

/// The conditions of a [`Test`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Asks {
    predicate: Option<PredicateId>,
    live: Option<usize>,
}

/// What the body of a rule becomes.
pub(super) struct CompiledBody {
    pub(super) machine: olocus_cep::Plan,
    pub(super) opaque: Arc<Conditions>,
    /// As in [`RulePlan::inputs`].
    pub(super) inputs: Vec<Option<usize>>,
    pub(super) output: OutputPlan,
    /// The normalised parts that the rule's version hashes.
    pub(super) meaning: Vec<String>,
    pub(super) key: Option<KeyIndex>,
}

impl<'a> Compilation<'a> {
    fn new(schemas: Arc<Schemas>, lists: &Arc<Lists>, diagnostics: &'a mut Diagnostics) -> Compilation<'a> {
        Compilation {
            compiler: Compiler::new(schemas).with_lists(Arc::clone(lists)),
            tests: Vec::new(),
            test_ids: HashMap::new(),
            live: Vec::new(),
            keys: Vec::new(),
            inputs: Vec::new(),
            retained: Vec::new(),
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

    fn rule(&mut self, file: &Arc<SourceFile>, rule: &Rule, index: usize) -> Option<RulePlan> {
        let body = match &rule.body {
            Body::Sequence(sequence) => self.sequence(file, rule, sequence, index),
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
            opaque: body.opaque,
            inputs: body.inputs,
            retained: retained(&body.output),
            state: rule.state,
            limit: rule.limit,
            output: body.output,
            actions: rule.actions.clone(),
            on_timeout: on_timeout(rule),
            about: about(rule),
            include_events: rule.include == Include::Events,
        })
    }

    /// What a condition asks of an event alone.
    pub(super) fn asks(&mut self, condition: StepCondition) -> Asks {
        let StepCondition { predicate, live, .. } = condition;
        Asks { predicate, live: live.map(|live| self.live(live)) }
    }

    /// The position of a condition in [`Plan::live`].
    fn live(&mut self, condition: LiveExpr) -> usize {
        let inputs: Vec<usize> =
            condition.inputs().iter().map(|value| slot(&mut self.inputs, *value)).collect();
        let is_same = |known: &LiveTest| {
            known.condition.normalized() == condition.normalized() && known.inputs == inputs
        };
        self.live.iter().position(is_same).unwrap_or_else(|| {
            self.live.push(LiveTest { condition, inputs });
            self.live.len() - 1
        })
    }

    /// The rule's `by` list: `None` where it has a mistake, `Some(None)` where the rule has none.
    pub(super) fn key(&mut self, rule: &Rule, scopes: &[EventScope]) -> Option<Option<KeyIndex>> {
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

    /// Has a rule told of events of these types that satisfy a condition, by bits of its rows. Some of them may `begin`
    /// something there; unless the engine `reads` these types for it, it hears of those only that are read anyway.
    pub(super) fn ask(
        &mut self,
        types: Vec<TypePattern>,
        asks: Asks,
        (rule, bits): (usize, u64),
        begins: bool,
        reads: bool,
    ) {
        let next = self.tests.len();
        let id = *self.test_ids.entry((types.clone(), asks)).or_insert(next);
        if id == next {
            self.tests.push(Test {
                types,
                predicate: asks.predicate,
                live: asks.live,
                links: Vec::new(),
                begins: Vec::new(),
                reads: false,
                keys: Vec::new(),
            });
        }
        let test = &mut self.tests[id];
        test.reads |= reads;
        // Rules are compiled one after the other, so what is there already of this one stands last.
        match test.links.last_mut() {
            Some(link) if link.rule == rule => link.bits |= bits,
            _ => test.links.push(Link { rule, bits }),
        }
        if begins && test.begins.last() != Some(&rule) {
            test.begins.push(rule);
        }
    }

    /// The slot of [`Plan::inputs`] for a value.
    pub(super) fn input(&mut self, value: ValueId) -> usize {
        slot(&mut self.inputs, value)
    }

    /// The slot of [`Plan::retained`] for a value.
    pub(super) fn retain(&mut self, value: ValueId) -> usize {
        slot(&mut self.retained, value)
    }

    pub(super) fn report<T>(&mut self, text: &Scalar, compiled: Result<T, Vec<Problem>>) -> Option<T> {
        match compiled {
            Ok(value) => Some(value),
            Err(problems) => {
                self.diagnostics.extend(problems.into_iter().map(|problem| point(text, problem)));
                None
            }
        }
    }
}

/// The scope of the fields of a rule's key, which stand in the events of all of `scopes`.
pub(super) fn key_scope(scopes: &[EventScope]) -> EventScope {
    // With a step of unknown type among them, the fields can't be checked against schemas.
    let known = scopes.iter().all(|scope| !scope.types.is_empty());
    let types = scopes.iter().filter(|_| known).flat_map(|scope| scope.types.iter().cloned()).collect();
    EventScope { types, ..EventScope::default() }
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

fn slot(slots: &mut Vec<ValueId>, value: ValueId) -> usize {
    slots.iter().position(|known| *known == value).unwrap_or_else(|| {
        slots.push(value);
        slots.len() - 1
    })
}

/// The slots of [`Plan::retained`] that the matches of a rule read.
fn retained(output: &OutputPlan) -> Vec<usize> {
    let mut slots: Vec<usize> = match output {
        OutputPlan::Sequence { values, .. } => values.iter().filter_map(|value| value.retained).collect(),
        OutputPlan::Window { values, .. } => values.iter().filter_map(WindowValue::retained).collect(),
    };
    slots.sort_unstable();
    slots.dedup();
    slots
}

fn on_timeout(rule: &Rule) -> Vec<Action> {
    match &rule.body {
        Body::Sequence(sequence) => sequence.on_timeout.clone().unwrap_or_default(),
        Body::Window { .. } => Vec::new(),
    }
}

pub(super) fn register_function(aggregate: Aggregate) -> RegisterFunction {
    RegisterFunction::Aggregate(match aggregate {
        Aggregate::First => return RegisterFunction::First,
        Aggregate::Last => return RegisterFunction::Last,
        Aggregate::Count => AggregateFunction::Count,
        Aggregate::CountDistinct => AggregateFunction::CountDistinct,
        Aggregate::Sum => AggregateFunction::Sum,
        Aggregate::Avg => AggregateFunction::Avg,
        Aggregate::StdDev => AggregateFunction::StdDev,
        Aggregate::Min => AggregateFunction::Min,
        Aggregate::Max => AggregateFunction::Max,
        Aggregate::Percentile(fraction) => {
            AggregateFunction::Percentile { billionths: fraction.billionths() }
        }
    })
}

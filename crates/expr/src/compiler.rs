//! Texts of expressions → one program.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use olocus_event::{Kind, Projection};

use crate::analyze::{Analyzed, Goal, Known, analyze, uses};
use crate::atom::Atom;
use crate::calls::plain_message;
use crate::form::{Column, Form, Leaf};
use crate::lists::{Key, Lists, Lookups};
use crate::logic::Logic;
use crate::names::{EventScope, Origin, Scope, Source};
use crate::one_row::OneRow;
use crate::problem::Problem;
use crate::program::{EventInput, Place, Predicate, PredicateId, Program, ValueForm, ValueId};
use crate::schema::Schemas;
use crate::window::{ScalarExpr, WindowExprs};

/// Compiles the expressions of a set of rules into one [`Program`].
///
/// Expressions are SQL with DataFusion's parser and scalar functions. Where SQL leaves a choice, or rules need another:
///
/// - Names are case-sensitive as written. `a.b.c` is a nested field; `"odd key"` is one segment; an unquoted `meta.…` is
///   metadata of the event.
/// - `5m`, `1h30m`, `100ms` are durations; `10MB` is 10,000,000 and `10MiB` 10,485,760.
/// - A field is read as its schema says or as its use asks: beside a number as a number, beside text as text, beside a
///   duration as seconds, and so on. Each occurrence is decided for itself; where nothing is asked of it, the other
///   expressions of the rule decide if they agree. What is missing or does not convert is NULL.
/// - Integers are exact to 64 bits, signed or not. `/` always yields a fraction (`7 / 2` is 3.5), `%` of integers an
///   integer. Where arithmetic has no result (a division by zero, an integer overflow, a root of -1) and where a function
///   fails, the comparison around it is NULL, and the row is counted.
/// - `LIKE` is case-sensitive, `ILIKE` is not.
/// - A time less a time is a duration; a time plus or minus a duration is a time.
/// - Functions that depend on more than their arguments (`now`, `random`, …) are refused.
///
/// Equal expressions, however they are spelled, are compiled and evaluated once.
#[derive(Debug, Default)]
pub struct Compiler {
    pub(crate) schemas: Arc<Schemas>,
    lists: Arc<Lists>,
    lookups: Lookups,
    projection: Projection,
    inputs: Vec<EventInput>,
    input_names: HashMap<String, usize>,
    atoms: Vec<Atom>,
    atom_names: HashMap<String, usize>,
    predicates: Vec<Predicate>,
    predicate_names: HashMap<String, PredicateId>,
    values: Vec<ValueForm>,
    value_names: HashMap<(String, bool), ValueId>,
    /// By value, its normalised form.
    value_texts: Vec<String>,
}

impl Compiler {
    /// A compiler that knows these schemas.
    #[must_use]
    pub fn new(schemas: Arc<Schemas>) -> Self {
        Self { schemas, ..Self::default() }
    }

    /// Lets expressions name these lists.
    #[must_use]
    pub fn with_lists(self, lists: Arc<Lists>) -> Self {
        Self { lists, ..self }
    }

    pub(crate) fn known(&self) -> Known<'_> {
        Known { schemas: &self.schemas, lists: &self.lists }
    }

    /// Remembers in `scope` as what a condition uses the fields of its event, so that other expressions of the rule read
    /// them alike where they leave it open. Mistakes are told by [`predicate`](Self::predicate).
    pub fn learn_predicate(&self, text: &str, scope: &mut EventScope) {
        for (origin, kind) in uses(text, Scope::Event(scope), self.known(), Goal::Condition) {
            if let Origin::Event(source) = origin {
                scope.uses.add(source, kind);
            }
        }
    }

    /// Remembers in `scope` as what the expressions of a window rule use the fields of its events; see
    /// [`learn_predicate`](Self::learn_predicate).
    pub fn learn_window_exprs(
        &self,
        having: Option<&str>,
        emit: &[&str],
        by: &[&str],
        scope: &mut EventScope,
    ) {
        let by: Vec<Option<Source>> = by.iter().map(|text| self.source(text, scope)).collect();
        let texts = having
            .iter()
            .map(|text| (text, Goal::Condition))
            .chain(emit.iter().map(|text| (text, Goal::Value)));
        for (text, goal) in texts {
            for (origin, kind) in uses(text, Scope::Window { event: scope, by: &by }, self.known(), goal) {
                let source = match origin {
                    Origin::Event(source) => Some(source),
                    Origin::By(index) => by[index].clone(),
                    Origin::Step(..) | Origin::Aggregate(_) | Origin::Lookup(_) | Origin::LookupCall(_) => {
                        None
                    }
                };
                if let Some(source) = source {
                    scope.uses.add(source, kind);
                }
            }
        }
    }

    /// A condition on one event. Equal conditions share an id.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found.
    pub fn predicate(&mut self, text: &str, scope: &EventScope) -> Result<PredicateId, Vec<Problem>> {
        let analyzed = analyze(text, Scope::Event(scope), self.known(), Goal::Condition)?;
        self.predicate_of(analyzed.condition(text)?)
    }

    /// A value of one event, of whatever type. A field alone keeps its JSON type and value.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found.
    pub fn value(&mut self, text: &str, scope: &EventScope) -> Result<ValueId, Vec<Problem>> {
        let analyzed = analyze(text, Scope::Event(scope), self.known(), Goal::Value)?;
        refuse_live(&analyzed.form)?;
        self.value_of(analyzed.form, false)
    }

    /// A field or metadata of one event, and nothing else. The values are [`Json`](olocus_event::Value::Json) or NULL.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found.
    pub fn field(&mut self, text: &str, scope: &EventScope) -> Result<ValueId, Vec<Problem>> {
        let analyzed = analyze(text, Scope::Event(scope), self.known(), Goal::Field)?;
        refuse_live(&analyzed.form)?;
        self.value_of(analyzed.form, true)
    }

    /// The expressions of a window rule: its `having`, and what it emits. `by` are the fields that the window is grouped
    /// by, as written in the rule.
    ///
    /// # Errors
    ///
    /// All mistakes that could be found, each with the expression it is in: 0 is `having`, 1 + i is `emit[i]`.
    pub fn window_exprs(
        &mut self,
        having: Option<&str>,
        emit: &[&str],
        by: &[&str],
        scope: &EventScope,
    ) -> Result<WindowExprs, Vec<(usize, Problem)>> {
        let by: Vec<Option<Source>> = by.iter().map(|text| self.source(text, scope)).collect();
        let window = Scope::Window { event: scope, by: &by };
        let mut exprs = WindowExprs { aggregates: Vec::new(), having: None, emit: Vec::new() };
        let mut problems = Vec::new();
        if let Some(text) = having {
            match self.scalar(text, window, Goal::Condition, &mut exprs) {
                Ok(expr) => exprs.having = Some(expr),
                Err(found) => problems.extend(found.into_iter().map(|problem| (0, problem))),
            }
        }
        for (position, text) in emit.iter().enumerate() {
            match self.scalar(text, window, Goal::Value, &mut exprs) {
                Ok(expr) => exprs.emit.push(expr),
                Err(found) => {
                    problems.extend(found.into_iter().map(|problem| (1 + position, problem)));
                }
            }
        }
        if problems.is_empty() { Ok(exprs) } else { Err(problems) }
    }

    /// The condition in normalised form: the same for all spellings of one meaning.
    ///
    /// # Panics
    ///
    /// If the id is of another compiler.
    #[must_use]
    pub fn normalized(&self, id: PredicateId) -> &str {
        &self.predicates[id.index()].normalized
    }

    /// The value or field in normalised form: the same for all spellings of one meaning.
    ///
    /// # Panics
    ///
    /// If the id is of another compiler.
    #[must_use]
    pub fn normalized_value(&self, id: ValueId) -> &str {
        &self.value_texts[id.index()]
    }

    /// Ends compilation.
    #[must_use]
    pub fn finish(self) -> Program {
        Program {
            projection: Arc::new(self.projection),
            inputs: self.inputs,
            natives: self.atoms.iter().map(Atom::native).collect(),
            lookups: self.lookups,
            atoms: self.atoms,
            predicates: self.predicates,
            values: self.values,
            steps: OnceLock::new(),
            value_texts: self.value_texts,
        }
    }

    /// The field or metadata that `text` names. Mistakes in it are told where the rule's `by` itself is compiled.
    fn source(&self, text: &str, scope: &EventScope) -> Option<Source> {
        let analyzed = analyze(text, Scope::Event(scope), self.known(), Goal::Field).ok()?;
        match analyzed.form {
            Form::Bare(Column { origin: Origin::Event(source), .. }) => Some(source),
            _ => None,
        }
    }

    /// The condition's number among all that are evaluated over events.
    pub(crate) fn predicate_of(&mut self, logic: Logic<Leaf>) -> Result<PredicateId, Vec<Problem>> {
        let normalized = Form::normalized_condition(&logic);
        if let Some(id) = self.predicate_names.get(&normalized) {
            return Ok(*id);
        }
        let logic = self.logic(logic)?;
        let id = PredicateId(self.predicates.len() as u32);
        self.predicates.push(Predicate { logic, normalized: normalized.clone() });
        self.predicate_names.insert(normalized, id);
        Ok(id)
    }

    fn scalar(
        &mut self,
        text: &str,
        scope: Scope<'_>,
        goal: Goal,
        exprs: &mut WindowExprs,
    ) -> Result<ScalarExpr, Vec<Problem>> {
        let Analyzed { form, aggregates, .. } = analyze(text, scope, self.known(), goal)?;
        let mut positions = Vec::with_capacity(aggregates.len());
        for aggregate in aggregates {
            let argument = match aggregate.argument {
                Some(form) => Some(self.value_of(form, false)?),
                None => None,
            };
            let call = (aggregate.function, argument);
            positions.push(exprs.aggregates.iter().position(|known| *known == call).unwrap_or_else(|| {
                exprs.aggregates.push(call);
                exprs.aggregates.len() - 1
            }));
        }
        let mut columns = Vec::new();
        let row = OneRow::new(form, &mut columns).map_err(|problem| vec![problem])?;
        ScalarExpr::new(row, &columns, &positions).ok_or_else(Vec::new)
    }

    pub(crate) fn value_of(&mut self, form: Form, json: bool) -> Result<ValueId, Vec<Problem>> {
        let name = (form.normalized(), json);
        if let Some(id) = self.value_names.get(&name) {
            return Ok(*id);
        }
        let form = match form {
            form if form.live_lookup().is_some() => ValueForm::Live(Box::new(self.live_expr(form)?)),
            Form::Bare(column) => {
                self.add_lookups(std::slice::from_ref(&column)).map_err(|problem| vec![problem])?;
                ValueForm::Bare { input: self.column(&column), json }
            }
            Form::Value(leaf) => ValueForm::Atom(self.atom(leaf).map_err(|problem| vec![problem])?),
            Form::Condition(logic) => ValueForm::Condition(self.logic(logic)?),
        };
        let id = ValueId(self.values.len() as u32);
        self.values.push(form);
        self.value_texts.push(name.0.clone());
        self.value_names.insert(name, id);
        Ok(id)
    }

    fn logic(&mut self, logic: Logic<Leaf>) -> Result<Logic<usize>, Vec<Problem>> {
        logic.try_map(&mut |leaf| self.atom(leaf)).map_err(|problem| vec![problem])
    }

    fn atom(&mut self, leaf: Leaf) -> Result<usize, Problem> {
        let name = leaf.expr.to_string();
        if let Some(position) = self.atom_names.get(&name) {
            return Ok(*position);
        }
        let atom = self.plan_atom(leaf)?;
        self.atoms.push(atom);
        self.atom_names.insert(name, self.atoms.len() - 1);
        Ok(self.atoms.len() - 1)
    }

    fn plan_atom(&mut self, leaf: Leaf) -> Result<Atom, Problem> {
        let range = leaf.range;
        self.add_lookups(&leaf.columns)?;
        Atom::new(leaf, |column| self.column(column)).map_err(|error| unplannable(&error, range))
    }

    /// Makes inputs of the columns among these that are looked up in lists.
    fn add_lookups(&mut self, columns: &[Column]) -> Result<(), Problem> {
        for column in columns {
            let Origin::Lookup(lookup) = &column.origin else { continue };
            if lookup.is_live() {
                return Err(lookup.misplaced());
            }
            if self.input_names.contains_key(&column.name) {
                continue;
            }
            let key = match &lookup.key {
                Form::Bare(key) => {
                    self.add_lookups(std::slice::from_ref(key))?;
                    Key::Input(self.column(key))
                }
                Form::Value(leaf) => Key::Atom(Box::new(self.plan_atom(leaf.clone())?)),
                Form::Condition(_) => unreachable!("keys are values"),
            };
            let place = Place::Lookup(self.lookups.add(lookup, column.kind, key));
            self.inputs.push(EventInput { name: lookup.text.clone(), place });
            self.input_names.insert(column.name.clone(), self.inputs.len() - 1);
        }
        Ok(())
    }

    /// The input that a column of one event is. Others do not occur where this is called.
    fn column(&mut self, column: &Column) -> usize {
        match &column.origin {
            Origin::Event(source) | Origin::Step(_, source) => self.input(source, column.kind),
            Origin::Lookup(_) => self.input_names.get(&column.name).copied().unwrap_or(0),
            Origin::By(_) | Origin::Aggregate(_) | Origin::LookupCall(_) => 0,
        }
    }

    fn input(&mut self, source: &Source, kind: Kind) -> usize {
        let name = format!("{source}:{kind:?}");
        if let Some(position) = self.input_names.get(&name) {
            return *position;
        }
        let place = match source {
            Source::Meta(meta) => Place::Meta(*meta),
            Source::Field(path) => {
                self.projection.columns.push((path.clone(), kind));
                Place::Column(self.projection.columns.len() - 1)
            }
        };
        self.inputs.push(EventInput { name: source.to_string(), place });
        self.input_names.insert(name, self.inputs.len() - 1);
        self.inputs.len() - 1
    }
}

/// Refuses what depends on lists that change while rules run, where an event is read as it comes.
fn refuse_live(form: &Form) -> Result<(), Vec<Problem>> {
    form.live_lookup().map_or(Ok(()), |lookup| Err(vec![lookup.misplaced()]))
}

/// What is said where types fit one by one and the whole cannot be planned nevertheless.
pub(crate) fn unplannable(error: &datafusion_common::DataFusionError, range: (usize, usize)) -> Problem {
    let message = plain_message(error);
    if message.contains("regex") {
        return Problem::new("bad-regex", range, "the regular expression cannot be read").with_help(
            "characters that stand for themselves, such as parentheses, have a backslash before them: '\\('",
        );
    }
    Problem::new("unsupported", range, format!("this cannot be evaluated: {message}"))
}

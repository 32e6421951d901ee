//! Rows → the conditions that hold on them.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use olocus_event::{Batch, Column};

use super::intervals::Intervals;
use super::paths::Part;
use super::plain::{Results, Value};
use super::{Group, Index, Leaves, Node, Ranges};
use crate::atom::{Input, Inputs};
use crate::lists;
use crate::logic::Logic;
use crate::native::Point;
use crate::native::{View, place};
use crate::program::{MetaColumns, Place, PredicateId, Program, meta_column};

/// The columns of a batch, as the expressions of a program read them.
#[derive(Debug)]
pub struct Columns<'a> {
    pub(super) program: &'a Program,
    batch: &'a Batch,
    meta: &'a MetaColumns,
    /// Columns that the batch does not have, made when they are first read.
    made: Vec<OnceCell<Column>>,
    inputs: Vec<OnceCell<Input>>,
    /// By probe of the program's look-ups, the rows of its list that were found.
    looked_up: Vec<OnceCell<Vec<lists::Found<u32>>>>,
}

/// What [`Index::find`] found.
#[derive(Debug, Default)]
pub struct Found {
    /// The rows on which conditions hold, with these, ascending.
    pub hits: Vec<(u32, PredicateId)>,
    /// The rows on which some of the conditions hold that are only asked, ascending.
    pub asked: Vec<u32>,
    /// How many conditions are not TRUE on how many rows because evaluation failed there.
    pub failed: u64,
    /// Leaves that wait for what DataFusion evaluates.
    waiting: Vec<(u32, u32)>,
}

impl Program {
    /// The columns of a batch, which must have been decoded with this program's [projection](Self::projection).
    #[must_use]
    pub fn columns<'a>(&'a self, batch: &'a Batch, meta: &'a MetaColumns) -> Columns<'a> {
        let cells = self.inputs.len();
        Columns {
            program: self,
            batch,
            meta,
            made: (0..cells).map(|_| OnceCell::new()).collect(),
            inputs: (0..cells).map(|_| OnceCell::new()).collect(),
            looked_up: self.lookups.probes().iter().map(|_| OnceCell::new()).collect(),
        }
    }
}

impl Columns<'_> {
    /// Whether a condition holds on a row of the batch. It must be one that [single rows can be
    /// asked](Program::is_native); others do not.
    ///
    /// # Panics
    ///
    /// If the id is of another program, or the batch has no such row.
    #[must_use]
    pub fn holds(&self, id: PredicateId, row: usize) -> bool {
        let logic = &self.program.predicates[id.index()].logic;
        holds(logic, true, &|atom| match &self.program.natives[atom] {
            Some(native) => native.truth(&self.view(native.input), row).map_or(Value::Null, Value::Is),
            None => Value::Null,
        })
    }

    /// The column that an input is.
    pub(crate) fn column(&self, input: usize) -> &Column {
        match self.program.inputs[input].place {
            Place::Column(column) => &self.batch.columns()[column],
            Place::Meta(name) => self.made[input].get_or_init(|| meta_column(name, self.batch, self.meta)),
            Place::Lookup(lookup) => self.made[input].get_or_init(|| {
                let (probe, target) = self.program.lookups.get(lookup);
                let found = self.looked_up[probe].get_or_init(|| {
                    let probe = &self.program.lookups.probes()[probe];
                    probe.rows(self, |input| self.column(input).clone())
                });
                target.column(found)
            }),
        }
    }

    fn view(&self, input: usize) -> View<'_> {
        View::of(self.column(input))
    }
}

impl Inputs for Columns<'_> {
    fn rows(&self) -> usize {
        self.batch.len()
    }

    fn input(&self, index: usize) -> &Input {
        self.inputs[index].get_or_init(|| self.column(index).clone().into())
    }
}

impl Index {
    /// Adds to `found` what holds on these rows, which ascend; `None`: all of the batch.
    pub fn find(&self, columns: &Columns<'_>, rows: Option<&[u32]>, found: &mut Found) {
        let mut views = vec![View::Nothing; columns.program.inputs.len()];
        for &input in &self.inputs {
            views[input] = columns.view(input);
        }
        let from = found.hits.len();
        let mut finder = Finder { index: self, program: columns.program, views: &views, found, row: 0 };
        match rows {
            Some(rows) => rows.iter().for_each(|&row| finder.row(row)),
            None => (0..columns.batch.len()).for_each(|row| finder.row(row as u32)),
        }
        finder.finish(columns);
        // A condition may hold for several reasons, and what waited is told last.
        let hits = &mut found.hits;
        if !hits[from..].is_sorted_by(|a, b| a < b) {
            hits[from..].sort_unstable();
            let mut kept = from;
            for at in from..hits.len() {
                if at == from || hits[at] != hits[kept - 1] {
                    hits[kept] = hits[at];
                    kept += 1;
                }
            }
            hits.truncate(kept);
        }
    }
}

impl Found {
    /// Forgets what was found.
    pub fn clear(&mut self) {
        self.hits.clear();
        self.asked.clear();
        self.failed = 0;
    }
}

struct Finder<'a> {
    index: &'a Index,
    program: &'a Program,
    /// By input.
    views: &'a [View<'a>],
    found: &'a mut Found,
    row: usize,
}

impl Finder<'_> {
    #[inline]
    fn row(&mut self, row: u32) {
        self.row = row as usize;
        self.node(&self.index.root);
    }

    fn node(&mut self, node: &Node) {
        for group in &node.groups {
            match group {
                Group::Texts { input, constants, nodes } => {
                    if let Some(text) = self.views[*input].text(self.row)
                        && let Some(number) = constants.get(text)
                    {
                        self.node(&nodes[number]);
                    }
                }
                Group::Ranges { input, found, asked } => self.ranges(&self.views[*input], found, asked),
                Group::Parts { input, needles, leaves } => {
                    if let Some(text) = self.views[*input].text(self.row) {
                        for occurrence in needles.find_overlapping_iter(text) {
                            self.leaves(&leaves[occurrence.pattern().as_usize()]);
                        }
                    }
                }
                Group::Regexes { input, set, leaves } => {
                    if let Some(text) = self.views[*input].text(self.row) {
                        for matching in set.matches(text).iter() {
                            self.leaves(&leaves[matching]);
                        }
                    }
                }
            }
        }
        if !node.rest.is_empty() {
            self.leaves(&node.rest);
        }
    }

    fn ranges(&mut self, view: &View<'_>, found: &Ranges, asked: &Ranges) {
        let Some(point) = view.point(self.row) else { return };
        let search = |ranges: &Ranges, each: &mut dyn FnMut(u32) -> ControlFlow<()>| {
            let mut each = |leaf| each(leaf);
            let mut around = |intervals: &Intervals, at| intervals.around(at, &mut each);
            match point {
                Point::Float(value) => around(&ranges.floats, place(value)),
                Point::Exact(value) if ranges.rounded.is_empty() => around(&ranges.exact, value),
                Point::Exact(value) => {
                    around(&ranges.exact, value)?;
                    around(&ranges.rounded, place(value as f64))
                }
            }
        };
        let _ = search(found, &mut |leaf| {
            self.found(leaf);
            ControlFlow::Continue(())
        });
        if !self.is_asked() {
            let _ = search(asked, &mut |leaf| self.ask(leaf));
        }
    }

    #[inline]
    fn leaves(&mut self, leaves: &Leaves) {
        for &leaf in &leaves.found {
            self.found(leaf);
        }
        if !leaves.asked.is_empty() && !self.is_asked() {
            let _ = leaves.asked.iter().try_for_each(|&leaf| self.ask(leaf));
        }
    }

    /// Whether the row is known to be one on which some asked condition holds.
    fn is_asked(&self) -> bool {
        self.found.asked.last() == Some(&(self.row as u32))
    }

    fn found(&mut self, number: u32) {
        let leaf = &self.index.leaves[number as usize];
        if self.pass(&leaf.checks) {
            let row = self.row as u32;
            if leaf.plain {
                self.found.waiting.push((number, row));
            } else {
                self.found.hits.push((row, leaf.predicate));
            }
        }
    }

    fn ask(&mut self, number: u32) -> ControlFlow<()> {
        if !self.pass(&self.index.leaves[number as usize].checks) {
            return ControlFlow::Continue(());
        }
        self.found.asked.push(self.row as u32);
        ControlFlow::Break(())
    }

    fn pass(&self, checks: &[Part]) -> bool {
        let native = |atom: usize| self.native(atom, self.row);
        checks.iter().all(|part| match part {
            Part::Leaf { atom, value } => matches!(native(*atom), Value::Is(own) if own == *value),
            Part::Tree { logic, value } => holds(logic, *value, &native),
        })
    }

    #[inline]
    fn native(&self, atom: usize, row: usize) -> Value {
        match &self.program.natives[atom] {
            Some(native) => native.truth(&self.views[native.input], row).map_or(Value::Null, Value::Is),
            None => Value::Null,
        }
    }

    /// Looks at what waits for what DataFusion evaluates: each of its expressions once, on the rows that need it.
    fn finish(&mut self, columns: &Columns<'_>) {
        if self.found.waiting.is_empty() {
            return;
        }
        let mut rows_of: BTreeMap<PredicateId, Vec<u32>> = BTreeMap::new();
        for (leaf, row) in self.found.waiting.drain(..) {
            rows_of.entry(self.index.leaves[leaf as usize].predicate).or_default().push(row);
        }
        let mut rows_of_atom: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for (predicate, rows) in &mut rows_of {
            // Several alternatives may lead to the condition.
            rows.sort_unstable();
            rows.dedup();
            self.program.predicates[predicate.index()].logic.for_each(&mut |atom| {
                if self.program.natives[*atom].is_none() {
                    rows_of_atom.entry(*atom).or_default().extend(rows.iter());
                }
            });
        }
        let mut results = Results::default();
        for (atom, rows) in rows_of_atom {
            results.evaluate(columns, atom, &rows.into_iter().collect::<Vec<_>>());
        }
        let have_failures = results.have_failures();
        for (predicate, rows) in rows_of {
            let logic = &self.program.predicates[predicate.index()].logic;
            for row in rows {
                let value = |atom: usize| match self.program.natives[atom] {
                    Some(_) => self.native(atom, row as usize),
                    None => results.get(atom, row),
                };
                if holds(logic, true, &value) {
                    self.found.hits.push((row, predicate));
                } else if have_failures && may_hold(logic, true, &value) {
                    self.found.failed += 1;
                }
            }
        }
    }
}

/// Whether a condition has a value. In three-valued logic, AND is TRUE where all of its parts are and FALSE where one of
/// them is, and OR the other way round; so NULL need not be carried along.
fn holds(logic: &Logic<usize>, wanted: bool, value: &impl Fn(usize) -> Value) -> bool {
    decide(logic, wanted, &|atom, wanted| matches!(value(atom), Value::Is(own) if own == wanted))
}

/// Whether a condition could have a value if what failed had a suitable one.
fn may_hold(logic: &Logic<usize>, wanted: bool, value: &impl Fn(usize) -> Value) -> bool {
    decide(logic, wanted, &|atom, wanted| match value(atom) {
        Value::Is(own) => own == wanted,
        Value::Failed => true,
        Value::Null => false,
    })
}

fn decide(logic: &Logic<usize>, wanted: bool, leaf: &impl Fn(usize, bool) -> bool) -> bool {
    match (logic, wanted) {
        (Logic::Leaf(atom), wanted) => leaf(*atom, wanted),
        (Logic::Not(part), wanted) => decide(part, !wanted, leaf),
        (Logic::And(parts), true) | (Logic::Or(parts), false) => {
            parts.iter().all(|part| decide(part, wanted, leaf))
        }
        (Logic::And(parts), false) | (Logic::Or(parts), true) => {
            parts.iter().any(|part| decide(part, wanted, leaf))
        }
    }
}

//! Rows → the conditions that hold on them: what is asked, and how it is told.

use std::cell::OnceCell;

use olocus_event::{Batch, Column};

use super::finder::Finder;
use super::plain::Value;
use super::rows::{Lists, RowSet};
use super::{Index, Leaf};
use crate::atom::{Input, Inputs};
use crate::lists;
use crate::logic::Logic;
use crate::native::View;
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

/// What [`Index::find`] found; kept from one batch to the next, it saves allocations.
#[derive(Debug, Default)]
pub struct Found {
    /// The rows on which conditions hold, with these, ascending.
    pub hits: Vec<(u32, PredicateId)>,
    /// How many conditions are not TRUE on how many rows because evaluation failed there.
    pub failed: u64,
    /// The rows on which some of the conditions hold that are only asked.
    pub(super) asked: RowSet,
    /// Leaves that wait for what DataFusion evaluates.
    pub(super) waiting: Vec<(u32, u32)>,
    pub(super) lists: Lists,
    /// The numbers from 0 on, as many as were needed so far.
    all: Vec<u32>,
}

/// A row on which something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundRow<'a> {
    /// The row of the batch.
    pub row: u32,
    /// The conditions that hold on it, ascending, beside the row itself.
    pub hits: &'a [(u32, PredicateId)],
    /// Whether some condition holds on it that is only asked.
    pub is_asked: bool,
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
        found.asked.reserve(columns.batch.len());
        let mut all = std::mem::take(&mut found.all);
        let rows = rows.unwrap_or_else(|| {
            all.extend(all.len() as u32..columns.batch.len() as u32);
            &all[..columns.batch.len()]
        });
        let mut finder = Finder { index: self, program: columns.program, views: &views, found };
        finder.node(&self.root, rows);
        finder.finish(columns);
        found.all = all;
        found.order(from);
    }
}

impl Found {
    /// Forgets what was found.
    pub fn clear(&mut self) {
        self.hits.clear();
        self.asked.clear();
        self.failed = 0;
    }

    /// Whether some of the conditions hold on a row that are only asked.
    #[must_use]
    pub fn is_asked(&self, row: u32) -> bool {
        self.asked.contains(row)
    }

    /// Something was found on no more rows than these.
    #[must_use]
    pub fn rows_max(&self) -> usize {
        self.hits.len() + self.asked.len()
    }

    /// The rows on which something was found, ascending.
    pub fn rows(&self) -> impl Iterator<Item = FoundRow<'_>> {
        let mut hits = &self.hits[..];
        let mut asked = self.asked.from(0);
        std::iter::from_fn(move || {
            let row = match (hits.first(), asked) {
                (Some((hit, _)), Some(asked)) => asked.min(*hit),
                (Some((hit, _)), None) => *hit,
                (None, asked) => asked?,
            };
            let is_asked = asked == Some(row);
            if is_asked {
                asked = self.asked.from(row + 1);
            }
            let of_row = hits.iter().take_while(|(own, _)| *own == row).count();
            let own;
            (own, hits) = hits.split_at(of_row);
            Some(FoundRow { row, hits: own, is_asked })
        })
    }

    /// Notes that what is left of a condition waits on these rows, or that the condition holds.
    #[inline]
    pub(super) fn add(&mut self, number: u32, leaf: &Leaf, rows: &[u32]) {
        if leaf.plain {
            self.waiting.extend(rows.iter().map(|&row| (number, row)));
        } else {
            self.hits.extend(rows.iter().map(|&row| (row, leaf.predicate)));
        }
    }

    /// Brings the hits from this place on in order, each once: conditions come in turn, and one may hold for several
    /// reasons.
    fn order(&mut self, from: usize) {
        if self.hits[from..].is_sorted_by(|a, b| a < b) {
            return;
        }
        // Those of one condition ascend, and such runs are merged.
        self.hits[from..].sort_by_key(|(row, _)| *row);
        let mut start = from;
        while start < self.hits.len() {
            let row = self.hits[start].0;
            let length = self.hits[start..].iter().take_while(|(own, _)| *own == row).count();
            self.hits[start..start + length].sort_unstable();
            start += length;
        }
        let (mut kept, mut last) = (from, None);
        for at in from..self.hits.len() {
            let hit = self.hits[at];
            self.hits[kept] = hit;
            kept += usize::from(last != Some(hit));
            last = Some(hit);
        }
        self.hits.truncate(kept);
    }
}

/// Whether a condition has a value. In three-valued logic, AND is TRUE where all of its parts are and FALSE where one of
/// them is, and OR the other way round; so NULL need not be carried along.
#[inline]
pub(super) fn holds(logic: &Logic<usize>, wanted: bool, value: &impl Fn(usize) -> Value) -> bool {
    decide(logic, wanted, &|atom, wanted| matches!(value(atom), Value::Is(own) if own == wanted))
}

/// Whether a condition could have a value if what failed had a suitable one.
pub(super) fn may_hold(logic: &Logic<usize>, wanted: bool, value: &impl Fn(usize) -> Value) -> bool {
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

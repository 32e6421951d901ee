//! The columns and results of one batch, each made when first asked for.

use std::cell::OnceCell;

use arrow::array::{Array, BooleanArray};
use arrow::buffer::BooleanBuffer;
use olocus_event::{Batch, Column};

use crate::atom::{Evaluated, Input, Inputs};
use crate::lists::Found;
use crate::logic::Logic;
use crate::program::{MetaColumns, Place, Program, meta_column};

/// The columns of a batch as atoms read them.
pub(crate) struct BatchInputs<'a> {
    program: &'a Program,
    batch: &'a Batch,
    meta: &'a MetaColumns,
    made: Vec<OnceCell<Input>>,
    /// By probe of the program's look-ups, the rows that were found.
    found: Vec<OnceCell<Vec<Found<u32>>>>,
}

impl<'a> BatchInputs<'a> {
    pub(crate) fn new(program: &'a Program, batch: &'a Batch, meta: &'a MetaColumns) -> Self {
        Self {
            program,
            batch,
            meta,
            made: program.inputs.iter().map(|_| OnceCell::new()).collect(),
            found: program.lookups.probes().iter().map(|_| OnceCell::new()).collect(),
        }
    }

    pub(crate) fn column(&self, index: usize) -> Column {
        match self.program.inputs[index].place {
            Place::Column(column) => self.batch.columns()[column].clone(),
            Place::Meta(name) => meta_column(name, self.batch, self.meta),
            Place::Lookup(lookup) => {
                let (probe, target) = self.program.lookups.get(lookup);
                let rows = self.found[probe].get_or_init(|| {
                    self.program.lookups.probes()[probe].rows(self, |input| self.column(input))
                });
                target.column(rows)
            }
        }
    }
}

impl Inputs for BatchInputs<'_> {
    fn rows(&self) -> usize {
        self.batch.len()
    }

    fn input(&self, index: usize) -> &Input {
        self.made[index].get_or_init(|| self.column(index).into())
    }
}

/// The results of atoms on one batch.
pub(crate) struct AtomCache<'a> {
    program: &'a Program,
    inputs: &'a BatchInputs<'a>,
    results: Vec<OnceCell<AtomResult>>,
    /// By group of [`Equalities`](crate::equality::Equalities), the rows on which each of its atoms is TRUE.
    equal: Vec<OnceCell<Vec<Option<BooleanBuffer>>>>,
}

/// The result of an atom. Rows on which it is neither TRUE nor FALSE are NULL; a buffer without a bit is `None`.
struct AtomResult {
    is_true: Option<BooleanBuffer>,
    is_false: OnceCell<Option<BooleanBuffer>>,
    column: BooleanArray,
    failed: Option<BooleanBuffer>,
}

impl<'a> AtomCache<'a> {
    pub(crate) fn new(program: &'a Program, inputs: &'a BatchInputs<'a>) -> Self {
        Self {
            program,
            inputs,
            results: program.atoms.iter().map(|_| OnceCell::new()).collect(),
            equal: program.equalities.groups().map(|_| OnceCell::new()).collect(),
        }
    }

    /// The rows on which a condition is TRUE; `None` if there are none.
    pub(crate) fn truth(&self, logic: &Logic<usize>) -> Option<BooleanBuffer> {
        self.rows(logic, true)
    }

    /// A condition in three values.
    pub(crate) fn condition(&self, logic: &Logic<usize>) -> BooleanArray {
        // Only columns of different lengths make the kernels fail, and all of these are as long as the batch.
        logic
            .evaluate(&mut |atom| self.get(*atom).column.clone())
            .unwrap_or_else(|_| BooleanArray::new_null(self.inputs.rows()))
    }

    /// On how many rows the condition is NULL after a part of it failed.
    pub(crate) fn failed(&self, logic: &Logic<usize>) -> u64 {
        let mut failed: Option<BooleanBuffer> = None;
        logic.for_each(&mut |atom| {
            // What was never asked for decided nothing.
            if let Some(own) = self.results[*atom].get().and_then(|result| result.failed.as_ref()) {
                failed = Some(failed.as_ref().map_or_else(|| own.clone(), |other| other | own));
            }
        });
        let Some(failed) = failed else { return 0 };
        match self.condition(logic).nulls() {
            Some(nulls) => (&failed & &!nulls.inner()).count_set_bits() as u64,
            None => 0,
        }
    }

    /// The rows on which a condition has this value. In three-valued logic, AND is TRUE where all of its parts are and
    /// FALSE where one of them is, and OR the other way round; so NULL need not be carried along.
    fn rows(&self, logic: &Logic<usize>, value: bool) -> Option<BooleanBuffer> {
        match (logic, value) {
            (Logic::Leaf(atom), true) => self.is_true(*atom),
            (Logic::Leaf(atom), false) => self.get(*atom).is_false(),
            (Logic::Not(part), value) => self.rows(part, !value),
            (Logic::And(parts), true) | (Logic::Or(parts), false) => self.in_all(parts, value),
            (Logic::And(parts), false) | (Logic::Or(parts), true) => self.in_any(parts, value),
        }
    }

    fn in_all(&self, parts: &[Logic<usize>], value: bool) -> Option<BooleanBuffer> {
        let (first, rest) = parts.split_first()?;
        let mut rows = self.rows(first, value);
        for part in rest {
            rows = match rows {
                Some(rows) => self.rows(part, value).and_then(|others| some(&rows & &others)),
                None => {
                    self.fail_alike(part);
                    None
                }
            };
        }
        rows
    }

    /// Evaluates what may fail of a part that makes no difference, because failures are counted: without, their number
    /// would depend on what else is in the batch.
    fn fail_alike(&self, part: &Logic<usize>) {
        part.for_each(&mut |atom| {
            if self.program.equalities.place(*atom).is_none() {
                self.get(*atom);
            }
        });
    }

    fn in_any(&self, parts: &[Logic<usize>], value: bool) -> Option<BooleanBuffer> {
        let mut parts = parts.iter().filter_map(|part| self.rows(part, value));
        let first = parts.next()?;
        Some(parts.fold(first, |rows, part| &rows | &part))
    }

    fn is_true(&self, atom: usize) -> Option<BooleanBuffer> {
        match self.program.equalities.place(atom) {
            Some((group, place)) => {
                let equal =
                    self.equal[group].get_or_init(|| self.program.equalities.probe(group, self.inputs));
                equal[place].clone()
            }
            None => self.get(atom).is_true.clone(),
        }
    }

    fn get(&self, atom: usize) -> &AtomResult {
        self.results[atom].get_or_init(|| AtomResult::of(&self.program.atoms[atom].evaluate(self.inputs)))
    }
}

impl AtomResult {
    fn of(evaluated: &Evaluated) -> Self {
        let column = evaluated.booleans();
        let is_true = match column.nulls() {
            Some(nulls) => some(column.values() & nulls.inner()),
            None => some(column.values().clone()),
        };
        Self { is_true, is_false: OnceCell::new(), failed: evaluated.failed().cloned(), column }
    }

    fn is_false(&self) -> Option<BooleanBuffer> {
        let make = || {
            let not = !self.column.values();
            some(self.column.nulls().map_or_else(|| not.clone(), |nulls| &not & nulls.inner()))
        };
        self.is_false.get_or_init(make).clone()
    }
}

/// A buffer with a bit set; `None` for one without.
fn some(rows: BooleanBuffer) -> Option<BooleanBuffer> {
    rows.set_indices().next().is_some().then_some(rows)
}

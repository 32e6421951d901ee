//! What only DataFusion can evaluate, on the rows that are left of a batch.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::take;
use arrow::datatypes::ArrowPrimitiveType;
use olocus_event::NumberColumn;

use super::find::Columns;
use crate::atom::{Input, Inputs};

/// Where more than one row in this many is left, the others cost less than to pick those.
const WHOLE_FROM: usize = 2;

/// The results of some atoms on some rows of a batch.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<usize, Of>);

/// The results of one atom.
#[derive(Debug)]
struct Of {
    /// The rows that it was evaluated on; `None`: all of the batch.
    rows: Option<UInt32Array>,
    values: BooleanArray,
    failed: Option<BooleanBuffer>,
}

/// The value of an atom on a row.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Is(bool),
    Null,
    Failed,
}

impl Results {
    /// Evaluates an atom on these rows, which ascend.
    pub(super) fn evaluate(&mut self, columns: &Columns<'_>, atom: usize, rows: &[u32]) {
        let whole = rows.len() * WHOLE_FROM > columns.rows();
        let rows = (!whole).then(|| UInt32Array::from(rows.to_vec()));
        let of = match &rows {
            None => columns.program.atoms[atom].evaluate(columns),
            Some(rows) => columns.program.atoms[atom].evaluate(&Picked::new(columns, rows)),
        };
        let (values, failed) = (of.booleans(), of.failed().cloned());
        self.0.insert(atom, Of { rows, values, failed });
    }

    pub(super) fn get(&self, atom: usize, row: u32) -> Value {
        let Some(of) = self.0.get(&atom) else { return Value::Null };
        let place = match &of.rows {
            None => Some(row as usize),
            Some(rows) => rows.values().binary_search(&row).ok(),
        };
        let Some(place) = place else { return Value::Null };
        if of.failed.as_ref().is_some_and(|failed| failed.value(place)) {
            return Value::Failed;
        }
        match of.values.nulls() {
            Some(nulls) if nulls.is_null(place) => Value::Null,
            _ => Value::Is(of.values.value(place)),
        }
    }

    /// Whether something failed on some row.
    pub(super) fn have_failures(&self) -> bool {
        self.0.values().any(|of| of.failed.is_some())
    }
}

/// Some rows of columns.
struct Picked<'a> {
    columns: &'a Columns<'a>,
    rows: &'a UInt32Array,
    made: Vec<OnceCell<Input>>,
}

impl<'a> Picked<'a> {
    fn new(columns: &'a Columns<'a>, rows: &'a UInt32Array) -> Self {
        Self { columns, rows, made: columns.program.inputs.iter().map(|_| OnceCell::new()).collect() }
    }
}

impl Inputs for Picked<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn input(&self, index: usize) -> &Input {
        self.made[index].get_or_init(|| match self.columns.input(index) {
            Input::Array(array) => Input::Array(picked(array, self.rows)),
            Input::Number(numbers) => Input::Number(Box::new(NumberColumn {
                ints: primitives(&numbers.ints, self.rows),
                wides: numbers.wides.as_ref().map(|wides| primitives(wides, self.rows)),
                floats: numbers.floats.as_ref().map(|floats| primitives(floats, self.rows)),
            })),
        })
    }
}

fn picked(array: &ArrayRef, rows: &UInt32Array) -> ArrayRef {
    take(array, rows, None).expect("all of the rows are in the batch")
}

fn primitives<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>, rows: &UInt32Array) -> PrimitiveArray<T> {
    let array: ArrayRef = Arc::new(array.clone());
    picked(&array, rows).as_primitive().clone()
}

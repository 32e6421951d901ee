//! One planned expression, and its evaluation over columns.
//!
//! Numbers come in three Arrow types: 64-bit integers, wider unsigned ones, and floats. Each row is evaluated with the
//! narrowest type that holds all of its numbers, so integers stay exact beside rows with fractions; plans for the rarer
//! types are made when they are first needed. A batch that has integers only, as most, runs in one piece.
//!
//! An expression that fails on some rows is evaluated again on halves of the batch until those rows stand alone; they
//! become NULL. The result for a row thus does not depend on the rows around it.

use std::sync::{Arc, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, Decimal128Array, Float64Array, Int64Array,
    RecordBatch, RecordBatchOptions, UInt32Array, new_null_array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, SchemaRef};
use datafusion_common::Result;
use datafusion_physical_expr::PhysicalExpr;
use datafusion_sql::sqlparser::ast::Expr;
use olocus_event::{Column, Kind, NumberColumn};

use crate::form::{Column as ColumnRead, Leaf};
use crate::native::Native;
use crate::plan::{arrow_schema, physical};
use crate::types::{Class, UTC, data_type};

/// A column that atoms read.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Array(ArrayRef),
    Number(Box<NumberColumn>),
}

impl From<Column> for Input {
    fn from(column: Column) -> Self {
        let array: ArrayRef = match column {
            Column::Number(numbers) => return Self::Number(Box::new(numbers)),
            Column::Text(array) | Column::Json(array) => Arc::new(array),
            Column::Bool(array) => Arc::new(array),
            Column::Duration(array) => Arc::new(array),
            Column::Time(array) => Arc::new(array.with_timezone(UTC)),
        };
        Self::Array(array)
    }
}

/// Columns by number, all of one length.
pub(crate) trait Inputs {
    fn rows(&self) -> usize;
    fn input(&self, index: usize) -> &Input;
}

/// An expression that is evaluated as a whole.
#[derive(Debug)]
pub(crate) struct Atom {
    expr: Expr,
    columns: Vec<AtomColumn>,
    pub(crate) class: Class,
    integers: Plan,
    wides: OnceLock<Option<Plan>>,
    floats: OnceLock<Option<Plan>>,
}

#[derive(Debug)]
struct AtomColumn {
    name: String,
    kind: Kind,
    input: usize,
}

#[derive(Debug)]
struct Plan {
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
}

/// As what the numbers of a row are computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NumberType {
    Integer,
    /// Unsigned integers above those of 64 bits with a sign.
    Wide,
    Float,
}

impl NumberType {
    fn data(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Wide => DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0),
            Self::Float => DataType::Float64,
        }
    }
}

impl Atom {
    /// Plans a leaf; `input` numbers its columns.
    pub(crate) fn new(leaf: Leaf, mut input: impl FnMut(&ColumnRead) -> usize) -> Result<Self> {
        let columns: Vec<AtomColumn> = leaf
            .columns
            .iter()
            .map(|column| AtomColumn { name: column.name.clone(), kind: column.kind, input: input(column) })
            .collect();
        let integers = plan(&leaf.expr, &columns, NumberType::Integer)?;
        Ok(Self {
            expr: leaf.expr,
            columns,
            class: leaf.class,
            integers,
            wides: OnceLock::new(),
            floats: OnceLock::new(),
        })
    }

    /// The atom as a comparison of one column with constants, if it is one.
    pub(crate) fn native(&self) -> Option<Native> {
        let columns: Vec<_> =
            self.columns.iter().map(|column| (column.name.as_str(), column.kind, column.input)).collect();
        Native::read(&self.expr, &columns)
    }

    /// The inputs that it reads.
    pub(crate) fn inputs(&self) -> impl Iterator<Item = usize> + '_ {
        self.columns.iter().map(|column| column.input)
    }

    pub(crate) fn evaluate(&self, inputs: &dyn Inputs) -> Evaluated {
        let rows = inputs.rows();
        let types = self.number_types(inputs, rows);
        let mut failed = Failures { rows, buffer: None };
        let parts = match types {
            None => {
                let columns = self.columns.iter().map(|column| match inputs.input(column.input) {
                    Input::Array(array) => Arc::clone(array),
                    Input::Number(numbers) => Arc::new(numbers.ints.clone()) as ArrayRef,
                });
                let array = run(&self.integers, columns.collect(), rows, &mut |row| {
                    failed.add(row);
                });
                vec![Part { rows: None, array }]
            }
            Some(types) => [NumberType::Integer, NumberType::Wide, NumberType::Float]
                .into_iter()
                .filter_map(|wanted| {
                    let chosen: Vec<u32> =
                        (0u32..).zip(&types).filter(|(_, own)| **own == wanted).map(|(row, _)| row).collect();
                    (!chosen.is_empty()).then(|| self.evaluate_rows(inputs, wanted, chosen, &mut failed))
                })
                .collect(),
        };
        Evaluated { rows, parts, failed: failed.buffer.map(|mut buffer| buffer.finish()), class: self.class }
    }

    /// The type of each row; `None` if all rows are integers.
    fn number_types(&self, inputs: &dyn Inputs, rows: usize) -> Option<Vec<NumberType>> {
        let mut types: Option<Vec<NumberType>> = None;
        for column in &self.columns {
            let Input::Number(numbers) = inputs.input(column.input) else {
                continue;
            };
            let wides = numbers.wides.as_ref().map(|array| (array as &dyn Array, NumberType::Wide));
            let floats = numbers.floats.as_ref().map(|array| (array as &dyn Array, NumberType::Float));
            for (array, own) in wides.into_iter().chain(floats) {
                if array.null_count() == array.len() {
                    continue;
                }
                let types = types.get_or_insert_with(|| vec![NumberType::Integer; rows]);
                for (row, slot) in types.iter_mut().enumerate() {
                    if array.is_valid(row) {
                        *slot = own.max(*slot);
                    }
                }
            }
        }
        types
    }

    fn evaluate_rows(
        &self,
        inputs: &dyn Inputs,
        own: NumberType,
        rows: Vec<u32>,
        failed: &mut Failures,
    ) -> Part {
        let (plan, computed_as) = match self.plan(own) {
            Some(plan) => (plan, own),
            None => match (own, self.plan(NumberType::Float)) {
                (NumberType::Wide, Some(plan)) => (plan, NumberType::Float),
                _ => (&self.integers, NumberType::Integer),
            },
        };
        let indices = UInt32Array::from(rows.clone());
        let mut lossy = Vec::new();
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| match inputs.input(column.input) {
                // Indices are in bounds, which is all that `take` can complain about.
                Input::Array(array) => take(array, &indices, None)
                    .unwrap_or_else(|_| new_null_array(array.data_type(), rows.len())),
                Input::Number(numbers) => gather(numbers, &rows, computed_as, &mut lossy),
            })
            .collect();
        let array = run(plan, columns, rows.len(), &mut |row| {
            failed.add(rows[row] as usize);
        });
        lossy.into_iter().for_each(|row: u32| failed.add(row as usize));
        Part { rows: Some(rows), array }
    }

    /// The plan for numbers of a type; `None` if the expression takes integers only, as `substr` does.
    fn plan(&self, own: NumberType) -> Option<&Plan> {
        let (slot, own) = match own {
            NumberType::Integer => return Some(&self.integers),
            NumberType::Wide => (&self.wides, own),
            NumberType::Float => (&self.floats, own),
        };
        slot.get_or_init(|| plan(&self.expr, &self.columns, own).ok()).as_ref()
    }
}

/// What came out of an atom.
#[derive(Debug)]
pub(crate) struct Evaluated {
    rows: usize,
    parts: Vec<Part>,
    failed: Option<BooleanBuffer>,
    class: Class,
}

/// The results for some rows.
#[derive(Debug)]
struct Part {
    /// `None`: all rows.
    rows: Option<Vec<u32>>,
    array: ArrayRef,
}

impl Evaluated {
    /// The rows on which evaluation failed, if any.
    pub(crate) fn failed(&self) -> Option<&BooleanBuffer> {
        self.failed.as_ref()
    }

    /// The result as booleans; what is none is NULL.
    pub(crate) fn booleans(&self) -> BooleanArray {
        if let [Part { rows: None, array }] = &self.parts[..] {
            return array.as_boolean_opt().cloned().unwrap_or_else(|| BooleanArray::new_null(self.rows));
        }
        let mut results = vec![None; self.rows];
        for part in &self.parts {
            if let (Some(rows), Some(array)) = (&part.rows, part.array.as_boolean_opt()) {
                for (row, value) in rows.iter().zip(array) {
                    results[*row as usize] = value;
                }
            }
        }
        results.into()
    }

    /// The arrays of results, each with the rows it belongs to; `None`: all rows.
    pub(crate) fn column(&self) -> Vec<(ArrayRef, Option<&[u32]>)> {
        self.parts.iter().map(|part| (Arc::clone(&part.array), part.rows.as_deref())).collect()
    }

    pub(crate) fn class(&self) -> Class {
        self.class
    }
}

/// The rows on which evaluation failed; nothing is allocated until there is one.
struct Failures {
    rows: usize,
    buffer: Option<BooleanBufferBuilder>,
}

impl Failures {
    fn add(&mut self, row: usize) {
        let rows = self.rows;
        let buffer = self.buffer.get_or_insert_with(|| {
            let mut buffer = BooleanBufferBuilder::new(rows);
            buffer.append_n(rows, false);
            buffer
        });
        buffer.set_bit(row, true);
    }
}

fn plan(expr: &Expr, columns: &[AtomColumn], numbers: NumberType) -> Result<Plan> {
    let columns: Vec<(String, DataType)> = columns
        .iter()
        .map(|column| match column.kind {
            Kind::Number => (column.name.clone(), numbers.data()),
            kind => (column.name.clone(), data_type(kind)),
        })
        .collect();
    Ok(Plan { expr: physical(expr.clone(), &columns)?, schema: Arc::new(arrow_schema(&columns)) })
}

/// The numbers of `rows` as `wanted`. Rows whose number cannot be had as an integer are NULL and told to `lossy`.
fn gather(numbers: &NumberColumn, rows: &[u32], wanted: NumberType, lossy: &mut Vec<u32>) -> ArrayRef {
    let int = |row: usize| numbers.ints.is_valid(row).then(|| numbers.ints.value(row));
    let wide = |row: usize| numbers.wides.as_ref().filter(|all| all.is_valid(row)).map(|all| all.value(row));
    let float =
        |row: usize| numbers.floats.as_ref().filter(|all| all.is_valid(row)).map(|all| all.value(row));
    let rows_of = || rows.iter().map(|row| *row as usize);
    match wanted {
        NumberType::Float => {
            let value = |row| float(row).or(int(row).map(|it| it as f64)).or(wide(row).map(|it| it as f64));
            Arc::new(rows_of().map(value).collect::<Float64Array>())
        }
        NumberType::Wide => {
            let value = |row| int(row).map(i128::from).or(wide(row).map(i128::from));
            let array: Decimal128Array = rows_of().map(value).collect();
            Arc::new(array.with_data_type(wanted.data()))
        }
        NumberType::Integer => {
            let array: Int64Array = rows_of()
                .map(|row| {
                    let whole =
                        float(row).filter(|it| it.fract() == 0.0 && it.abs() < 9e15).map(|it| it as i64);
                    let value = int(row).or(whole);
                    if value.is_none() && (float(row).is_some() || wide(row).is_some()) {
                        lossy.push(row as u32);
                    }
                    value
                })
                .collect();
            Arc::new(array)
        }
    }
}

/// Evaluates a plan; rows on which it fails are NULL and told to `failed`.
fn run(plan: &Plan, columns: Vec<ArrayRef>, rows: usize, failed: &mut dyn FnMut(usize)) -> ArrayRef {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let data = plan.expr.data_type(&plan.schema).unwrap_or(DataType::Null);
    let batch = match RecordBatch::try_new_with_options(Arc::clone(&plan.schema), columns, &options) {
        Ok(batch) => batch,
        Err(_) => {
            (0..rows).for_each(failed);
            return new_null_array(&data, rows);
        }
    };
    if rows == 0 {
        return new_null_array(&data, 0);
    }
    if let Ok(array) = evaluate(plan, &batch) {
        return array;
    }
    let mut pieces = Vec::new();
    bisect(plan, &batch, 0, &data, &mut pieces, failed);
    let pieces: Vec<ArrayRef> = pieces
        .into_iter()
        .map(|piece| match *piece.data_type() == data {
            true => piece,
            false => cast(&piece, &data).unwrap_or_else(|_| new_null_array(&data, piece.len())),
        })
        .collect();
    let pieces: Vec<&dyn Array> = pieces.iter().map(|piece| &**piece).collect();
    concat(&pieces).unwrap_or_else(|_| new_null_array(&data, rows))
}

fn evaluate(plan: &Plan, batch: &RecordBatch) -> Result<ArrayRef> {
    plan.expr.evaluate(batch)?.into_array(batch.num_rows())
}

/// Evaluates the halves of a batch that failed as a whole.
fn bisect(
    plan: &Plan,
    batch: &RecordBatch,
    start: usize,
    data: &DataType,
    pieces: &mut Vec<ArrayRef>,
    failed: &mut dyn FnMut(usize),
) {
    let rows = batch.num_rows();
    if rows == 1 {
        failed(start);
        pieces.push(new_null_array(data, 1));
        return;
    }
    let middle = rows / 2;
    for (offset, length) in [(0, middle), (middle, rows - middle)] {
        let half = batch.slice(offset, length);
        match evaluate(plan, &half) {
            Ok(array) => pieces.push(array),
            Err(_) => bisect(plan, &half, start + offset, data, pieces, failed),
        }
    }
}

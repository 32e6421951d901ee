//! Columns as single rows are read.

use arrow::array::{Array, BooleanArray, Float64Array, StringArray, TimestampNanosecondArray};
use olocus_event::{Column, NumberColumn, TextTable};

/// A column of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum View<'a> {
    Text(&'a StringArray),
    Number(&'a NumberColumn),
    Seconds(&'a Float64Array),
    Time(&'a TimestampNanosecondArray),
    Bool(&'a BooleanArray),
    /// A column that is not read.
    Nothing,
}

/// A value that has an order.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Point {
    /// An integer of 64 bits, signed or not, or a time in nanoseconds.
    Exact(i128),
    Float(f64),
}

impl<'a> View<'a> {
    pub(crate) fn of(column: &'a Column) -> Self {
        match column {
            Column::Text(array) | Column::Json(array) => Self::Text(array),
            Column::Number(numbers) => Self::Number(numbers),
            Column::Duration(array) => Self::Seconds(array),
            Column::Time(array) => Self::Time(array),
            Column::Bool(array) => Self::Bool(array),
        }
    }

    #[inline]
    pub(crate) fn text(&self, row: usize) -> Option<&'a str> {
        match self {
            Self::Text(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }

    /// Whether a text is one of these; `None` without one.
    #[inline]
    pub(crate) fn is_among(&self, texts: &TextTable, row: usize) -> Option<bool> {
        match self {
            Self::Text(array) if array.is_valid(row) => {
                let offsets = array.value_offsets();
                let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                Some(texts.number(array.value_data(), start, end).is_some())
            }
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn point(&self, row: usize) -> Option<Point> {
        match self {
            Self::Number(numbers) if numbers.ints.is_valid(row) => {
                Some(Point::Exact(numbers.ints.value(row).into()))
            }
            Self::Number(numbers) => {
                if let Some(floats) = numbers.floats.as_ref().filter(|floats| floats.is_valid(row)) {
                    return Some(Point::Float(floats.value(row)));
                }
                let wides = numbers.wides.as_ref().filter(|wides| wides.is_valid(row))?;
                Some(Point::Exact(wides.value(row).into()))
            }
            Self::Seconds(array) if array.is_valid(row) => Some(Point::Float(array.value(row))),
            Self::Time(array) if array.is_valid(row) => Some(Point::Exact(array.value(row).into())),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn bool(&self, row: usize) -> Option<bool> {
        match self {
            Self::Bool(array) if array.is_valid(row) => Some(array.value(row)),
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(array) => array.is_null(row),
            Self::Bool(array) => array.is_null(row),
            _ => self.point(row).is_none(),
        }
    }
}

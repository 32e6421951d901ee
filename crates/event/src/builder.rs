//! Growing columns: values in, Arrow arrays out. How values convert is told at [`Column`].

use arrow::array::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder, UInt64Builder,
};

use crate::column::{Column, NumberColumn};
use crate::convert::{as_bool, as_json, as_number, as_seconds, as_text, as_time};
use crate::number::Number;
use crate::projection::Kind;
use crate::raw::Raw;

/// A column that grows by one row at a time.
#[expect(
    clippy::large_enum_variant,
    reason = "there are few builders, and a box would cost a look-up per value"
)]
pub(crate) enum ColumnBuilder {
    Text(StringBuilder),
    Number(NumberBuilder),
    Bool(BooleanBuilder),
    Duration(Float64Builder),
    Time(TimestampNanosecondBuilder),
    Json(StringBuilder),
}

impl ColumnBuilder {
    pub(crate) fn new(kind: Kind, rows: usize) -> Self {
        match kind {
            Kind::Text => Self::Text(StringBuilder::with_capacity(rows, rows * 16)),
            Kind::Number => Self::Number(NumberBuilder::new(rows)),
            Kind::Bool => Self::Bool(BooleanBuilder::with_capacity(rows)),
            Kind::Duration => Self::Duration(Float64Builder::with_capacity(rows)),
            Kind::Time => Self::Time(TimestampNanosecondBuilder::with_capacity(rows)),
            Kind::Json => Self::Json(StringBuilder::with_capacity(rows, rows * 16)),
        }
    }

    /// Adds one row. False when a value is there but does not convert, which leaves NULL.
    pub(crate) fn append(&mut self, raw: Raw<'_>, scratch: &mut String) -> bool {
        let present = !matches!(raw, Raw::Missing | Raw::Null);
        scratch.clear();
        let converted = match self {
            Self::Text(builder) => append_text(builder, as_text(raw, scratch)),
            Self::Json(builder) => append_text(builder, as_json(raw, scratch)),
            Self::Number(builder) => builder.append(as_number(raw, scratch)),
            Self::Bool(builder) => {
                let value = as_bool(raw, scratch);
                builder.append_option(value);
                value.is_some()
            }
            Self::Duration(builder) => {
                let seconds = as_seconds(raw, scratch);
                builder.append_option(seconds);
                seconds.is_some()
            }
            Self::Time(builder) => {
                let time = as_time(raw, scratch);
                builder.append_option(time);
                time.is_some()
            }
        };
        converted || !present
    }

    pub(crate) fn finish(self) -> Column {
        match self {
            Self::Text(mut builder) => Column::Text(builder.finish()),
            Self::Number(builder) => Column::Number(builder.finish()),
            Self::Bool(mut builder) => Column::Bool(builder.finish()),
            Self::Duration(mut builder) => Column::Duration(builder.finish()),
            Self::Time(mut builder) => Column::Time(builder.finish()),
            Self::Json(mut builder) => Column::Json(builder.finish()),
        }
    }
}

/// Numbers by class; the rarer classes come into being with their first number.
pub(crate) struct NumberBuilder {
    ints: Int64Builder,
    wides: Option<UInt64Builder>,
    floats: Option<Float64Builder>,
    rows: usize,
}

impl NumberBuilder {
    fn new(rows: usize) -> Self {
        Self { ints: Int64Builder::with_capacity(rows), wides: None, floats: None, rows: 0 }
    }

    fn append(&mut self, number: Option<Number>) -> bool {
        let (int, wide, float) = match number {
            Some(Number::Int(int)) => (Some(int), None, None),
            Some(Number::Wide(wide)) => (None, Some(wide), None),
            Some(Number::Float(float)) => (None, None, Some(float)),
            None => (None, None, None),
        };
        let rows = self.rows;
        if wide.is_some() && self.wides.is_none() {
            let mut wides = UInt64Builder::new();
            wides.append_nulls(rows);
            self.wides = Some(wides);
        }
        if float.is_some() && self.floats.is_none() {
            let mut floats = Float64Builder::new();
            floats.append_nulls(rows);
            self.floats = Some(floats);
        }
        self.ints.append_option(int);
        if let Some(wides) = &mut self.wides {
            wides.append_option(wide);
        }
        if let Some(floats) = &mut self.floats {
            floats.append_option(float);
        }
        self.rows += 1;
        number.is_some()
    }

    fn finish(mut self) -> NumberColumn {
        NumberColumn {
            ints: self.ints.finish(),
            wides: self.wides.map(|mut wides| wides.finish()),
            floats: self.floats.map(|mut floats| floats.finish()),
        }
    }
}

/// Adds a text, unless the column would outgrow the 32-bit offsets of an Arrow string array.
fn append_text(builder: &mut StringBuilder, text: Option<&str>) -> bool {
    let text = text.filter(|text| builder.values_slice().len() + text.len() <= i32::MAX as usize);
    builder.append_option(text);
    text.is_some()
}

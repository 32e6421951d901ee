//! Growing columns: values in, Arrow arrays out. How values convert is told at [`Column`].

use arrow::array::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampNanosecondBuilder, UInt64Builder,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::column::{Column, NumberColumn};
use crate::duration::parse_seconds;
use crate::json;
use crate::message_pack;
use crate::number::Number;
use crate::projection::Kind;
use crate::raw::Raw;
use crate::time::{parse_timestamp, write_rfc3339};

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

fn as_text<'a>(raw: Raw<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw {
        Raw::Missing | Raw::Null | Raw::Unsupported => return None,
        Raw::Text(text) | Raw::JsonNumber(text) => return Some(text),
        Raw::Bool(value) => return Some(if value { "true" } else { "false" }),
        Raw::Float(float) if !float.is_finite() => return None,
        Raw::Float(float) => Number::Float(float).write_plain(scratch),
        Raw::Int(int) => Number::Int(int).write_plain(scratch),
        Raw::Wide(wide) => Number::Wide(wide).write_plain(scratch),
        Raw::Escaped(body) => json::unescape(body, scratch),
        Raw::Binary(bytes) => STANDARD.encode_string(bytes, scratch),
        Raw::Time(time) => write_rfc3339(time, scratch),
        Raw::JsonContainer(text) => json::write_compact(text, scratch),
        Raw::PackedContainer(bytes) => message_pack::write_json(bytes, scratch),
    }
    Some(scratch)
}

fn as_json<'a>(raw: Raw<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw {
        Raw::Missing | Raw::Null | Raw::Unsupported => return None,
        Raw::Bool(value) => return Some(if value { "true" } else { "false" }),
        Raw::JsonNumber(_) | Raw::Int(_) | Raw::Wide(_) | Raw::Float(_) => {
            as_number(raw, &mut String::new())?.write_canonical(scratch);
        }
        Raw::Text(text) => json::quote(text, scratch),
        Raw::Escaped(body) => {
            let mut text = String::with_capacity(body.len());
            json::unescape(body, &mut text);
            json::quote(&text, scratch);
        }
        Raw::Binary(bytes) => {
            scratch.push('"');
            STANDARD.encode_string(bytes, scratch);
            scratch.push('"');
        }
        Raw::Time(time) => {
            scratch.push('"');
            write_rfc3339(time, scratch);
            scratch.push('"');
        }
        Raw::JsonContainer(text) => json::write_compact(text, scratch),
        Raw::PackedContainer(bytes) => message_pack::write_json(bytes, scratch),
    }
    Some(scratch)
}

/// The characters of a string; other values have none.
fn string<'a>(raw: Raw<'a>, scratch: &'a mut String) -> Option<&'a str> {
    match raw {
        Raw::Text(text) => Some(text),
        Raw::Escaped(body) => {
            json::unescape(body, scratch);
            Some(scratch)
        }
        _ => None,
    }
}

fn as_number(raw: Raw<'_>, scratch: &mut String) -> Option<Number> {
    match raw {
        Raw::JsonNumber(text) => Number::from_json(text),
        Raw::Int(int) => Some(Number::Int(int)),
        Raw::Wide(wide) => Some(Number::Wide(wide)),
        Raw::Float(float) => Some(Number::Float(float)).filter(|_| float.is_finite()),
        _ => string(raw, scratch).and_then(Number::from_text),
    }
}

fn as_bool(raw: Raw<'_>, scratch: &mut String) -> Option<bool> {
    match raw {
        Raw::Bool(value) => Some(value),
        _ => match string(raw, scratch)? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
    }
}

fn as_seconds(raw: Raw<'_>, scratch: &mut String) -> Option<f64> {
    match raw {
        Raw::Text(_) | Raw::Escaped(_) => string(raw, scratch).and_then(parse_seconds),
        _ => as_number(raw, scratch).map(Number::as_f64),
    }
}

fn as_time(raw: Raw<'_>, scratch: &mut String) -> Option<i64> {
    match raw {
        Raw::Time(time) => Some(time),
        _ => string(raw, scratch).and_then(parse_timestamp),
    }
}

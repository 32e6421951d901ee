//! Lists of JSON values, one a line.

use olocus_cep::rule::ListRow;
use olocus_document::{SourceFile, Span};
use serde_json::Value;

use super::{Mistake, ROWS_MAX, Table, without_mark};

/// The member under which a value alone stands.
const VALUE: &str = "value";

/// Reads rows: objects where the list has a `key`, else values alone. Blank lines are none.
pub(super) fn rows(file: &SourceFile, key: Option<&str>) -> Result<Table, Mistake> {
    let (mut start, text) = without_mark(file.text());
    let mut rows = Vec::new();
    for whole in text.split_inclusive('\n') {
        let line = whole.trim();
        let at = start + (whole.len() - whole.trim_start().len());
        start += whole.len();
        if line.is_empty() {
            continue;
        }
        let span = Span::new(at, at + line.len());
        if rows.len() == ROWS_MAX {
            return Err(Mistake::too_many_rows(span));
        }
        rows.push(ListRow { json: row(line, key, span)?, span });
    }
    Ok(Table { key: key.unwrap_or(VALUE).to_owned(), rows })
}

fn row(line: &str, key: Option<&str>, span: Span) -> Result<String, Mistake> {
    let value: Value = serde_json::from_str(line).map_err(|error| {
        let column = line.floor_char_boundary(error.column().saturating_sub(1));
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        let place = Span::new(span.start + column, span.end);
        Mistake::at(place, format!("the line is not JSON: {what}"), "each line is one JSON value")
    })?;
    match (&value, key) {
        (Value::Object(_), Some(_)) => Ok(line.to_owned()),
        (_, Some(key)) => {
            let help = format!("each line is like {{\"{key}\": \"a\"}}, because the list has a `key`");
            Err(Mistake::at(span, "the line is no object", help))
        }
        (Value::Object(_) | Value::Array(_) | Value::Null, None) => {
            let help = "say which member of the objects is looked up: `key: host`";
            Err(Mistake::at(span, "the line is no text, number or truth value", help))
        }
        (_, None) => Ok(format!("{{\"{VALUE}\":{line}}}")),
    }
}

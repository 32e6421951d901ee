//! Lists in comma-separated values.

use std::collections::HashSet;
use std::fmt::Write as _;

use csv_core::{ReadFieldResult, Reader};
use olocus_cep::rule::ListRow;
use olocus_document::{SourceFile, Span};

use super::{Mistake, Place, ROWS_MAX, Table, without_mark};

/// Reads rows under a header, each as a JSON object. A column in which all values are numbers or truth values as JSON
/// writes them has such values; an empty field is null.
pub(super) fn rows(file: &SourceFile, key: Option<&str>) -> Result<Table, Mistake> {
    let mut records = Records::of(file.text());
    let header = records.next().filter(|header| !header.is_blank());
    let Some(header) = header else {
        let help = "its first line names the columns, such as `ip,since`";
        return Err(Mistake::at(Span::empty(0), "the file has no header", help));
    };
    let names: Vec<&str> = header.fields.iter().map(|field| field.text.as_str()).collect();
    check_names(&header)?;
    let key = match key {
        None => 0,
        Some(key) => names.iter().position(|name| *name == key).ok_or_else(|| no_column(key, &names))?,
    };
    let mut table: Vec<Record> = Vec::new();
    for record in records {
        if record.fields.len() != names.len() {
            let message =
                format!("the row has {}, but the header names {}", fields(record.fields.len()), names.len());
            let help = "put a field that has a comma or a quote in it between double quotes, quotes doubled";
            return Err(Mistake::at(record.span(), message, help));
        }
        if table.len() == ROWS_MAX {
            return Err(Mistake::too_many_rows(record.span()));
        }
        table.push(record);
    }
    let sorts: Vec<Sort> = (0..names.len()).map(|at| Sort::of(&table, at)).collect();
    let quoted: Vec<String> = names.iter().map(|name| json_text(name)).collect();
    let row = |record: &Record| {
        let mut json = String::from("{");
        for ((name, sort), field) in quoted.iter().zip(&sorts).zip(&record.fields) {
            let separator = if json.len() > 1 { "," } else { "" };
            let value = sort.value(&field.text);
            write!(json, "{separator}{name}:{value}").expect("a string takes whatever is written");
        }
        json.push('}');
        ListRow { json, span: record.fields[key].span }
    };
    Ok(Table { key: names[key].to_owned(), rows: table.iter().map(row).collect() })
}

fn check_names(header: &Record) -> Result<(), Mistake> {
    let mut seen = HashSet::new();
    for field in &header.fields {
        if field.text.is_empty() {
            return Err(Mistake::at(
                field.span,
                "a column has no name",
                "name every column in the first line",
            ));
        }
        if !seen.insert(field.text.as_str()) {
            let message = format!("two columns are named `{}`", field.text);
            return Err(Mistake::at(field.span, message, "give each column a name of its own"));
        }
    }
    Ok(())
}

fn no_column(key: &str, names: &[&str]) -> Mistake {
    let help = match olocus_document::suggest(key, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("it has {}", names.join(", ")),
    };
    let message = format!("the file of the list has no column `{key}`");
    Mistake { code: "unknown-column", place: Place::Key, message, help }
}

fn fields(count: usize) -> String {
    format!("{count} field{}", if count == 1 { "" } else { "s" })
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Number,
    Bool,
}

impl Sort {
    fn of(table: &[Record], column: usize) -> Sort {
        let texts = || table.iter().map(|record| record.fields[column].text.as_str());
        let all = |is: fn(&str) -> bool| {
            let mut some = texts().filter(|text| !text.is_empty()).peekable();
            some.peek().is_some() && some.all(is)
        };
        match () {
            () if all(is_number) => Sort::Number,
            () if all(|text| matches!(text, "true" | "false")) => Sort::Bool,
            () => Sort::Text,
        }
    }

    /// The JSON text of a value.
    fn value(self, text: &str) -> String {
        match self {
            _ if text.is_empty() => "null".to_owned(),
            Sort::Number | Sort::Bool => text.to_owned(),
            Sort::Text => json_text(text),
        }
    }
}

fn is_number(text: &str) -> bool {
    text.trim() == text && serde_json::from_str::<serde_json::Number>(text).is_ok()
}

struct Record {
    fields: Vec<Field>,
}

struct Field {
    text: String,
    /// Where it stands, with its quotes.
    span: Span,
}

impl Record {
    fn span(&self) -> Span {
        let ends = (self.fields.first(), self.fields.last());
        match ends {
            (Some(first), Some(last)) => Span::new(first.span.start, last.span.end),
            _ => Span::empty(0),
        }
    }

    fn is_blank(&self) -> bool {
        self.fields.iter().all(|field| field.text.is_empty())
    }
}

/// The records of a text; blank lines are none.
struct Records<'a> {
    text: &'a str,
    at: usize,
    reader: Reader,
    buffer: Vec<u8>,
}

impl<'a> Records<'a> {
    fn of(text: &'a str) -> Records<'a> {
        let (at, _) = without_mark(text);
        Records { text, at, reader: Reader::new(), buffer: vec![0; 256] }
    }

    /// The next field, and whether it ends its record.
    fn field(&mut self) -> Option<(Field, bool)> {
        let mut written = 0;
        let rest = &self.text[self.at..];
        // The end of the line before is taken with the field after it.
        let start = self.at + (rest.len() - rest.trim_start_matches(['\r', '\n']).len());
        loop {
            let input = &self.text.as_bytes()[self.at..];
            let (result, read, wrote) = self.reader.read_field(input, &mut self.buffer[written..]);
            self.at += read;
            written += wrote;
            match result {
                // With nothing more to come, an empty input is its end.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => self.buffer.resize(self.buffer.len() * 2, 0),
                ReadFieldResult::Field { record_end } => {
                    let text = String::from_utf8_lossy(&self.buffer[..written]).into_owned();
                    let raw = &self.text[start.min(self.at)..self.at];
                    let kept = match record_end {
                        true => raw.trim_end_matches(['\r', '\n']),
                        false => raw.strip_suffix(',').unwrap_or(raw),
                    };
                    let span = Span::new(start.min(self.at), start.min(self.at) + kept.len());
                    return Some((Field { text, span }, record_end));
                }
                ReadFieldResult::End => return None,
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let mut fields = Vec::new();
        loop {
            let (field, ends) = self.field()?;
            fields.push(field);
            if ends {
                return Some(Record { fields });
            }
        }
    }
}

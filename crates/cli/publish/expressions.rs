//! The SQL expressions that choose an event's topic and type.

use std::sync::Arc;

use olocus_document::{Diagnostic, SourceFile, Span};
use olocus_event::{Decoder, Format, Keyring, Limits, Record, Value};
use olocus_expr::{Compiler, EventScope, EventTypes, MetaColumns, Problem, Program, Schemas, ValueId};

use crate::failure::Failure;
use crate::input::Item;

/// The expressions of a run, evaluated over batches of lines.
pub(super) struct Expressions {
    compiled: Option<Compiled>,
}

struct Compiled {
    program: Program,
    decoder: Decoder,
    topic: Option<ValueId>,
    event_type: Option<ValueId>,
}

/// What the expressions say about a line: `None` where there is no expression, an error where it has no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) topic: Option<Result<String, String>>,
    pub(super) event_type: Option<Result<String, String>>,
}

impl Expressions {
    pub(super) fn compile(topic: Option<&str>, event_type: Option<&str>) -> Result<Self, Failure> {
        if topic.is_none() && event_type.is_none() {
            return Ok(Self { compiled: None });
        }
        let mut compiler = Compiler::new(Arc::new(Schemas::empty()));
        let scope = EventScope::default();
        let mut compile = |option: &str, text: Option<&str>| {
            let compiled = text.map(|text| {
                compiler.value(text, &scope).map_err(|problems| Failure::new(render(option, text, problems)))
            });
            compiled.transpose()
        };
        let topic = compile("--topic-expr", topic)?;
        let event_type = compile("--type-expr", event_type)?;
        let program = compiler.finish();
        let projection = Arc::clone(program.projection());
        let decoder = Decoder::new(Format::Json, projection, Arc::new(Keyring::empty()), Limits::default());
        Ok(Self { compiled: Some(Compiled { program, decoder, topic, event_type }) })
    }

    /// One choice a line. A line that is no JSON object gets an empty one: it is refused anyway.
    pub(super) fn evaluate(&mut self, topic: &Arc<str>, items: &[Item]) -> Vec<Choice> {
        let mut choices = vec![Choice::default(); items.len()];
        let Some(compiled) = &self.compiled else {
            return choices;
        };
        // The offset says which line a row is from: some lines may be rejected.
        let record = |(offset, item): (i64, &Item)| Record {
            offset,
            value: Some(item.bytes.clone()),
            ..Record::default()
        };
        let records = (0..).zip(items).map(record).collect();
        let batch = compiled.decoder.decode(topic, 0, records).batch;
        let meta = MetaColumns {
            time: vec![0; batch.len()],
            event_types: EventTypes::one(Arc::clone(topic), batch.len()),
            key: None,
        };
        let mut fill = |id: Option<ValueId>,
                        option: &str,
                        of: fn(&mut Choice) -> &mut Option<Result<String, String>>| {
            let Some(id) = id else { return };
            let values = compiled.program.value(id, &batch, &meta);
            for row in 0..batch.len() {
                let value = text_of(&values.get(row)).ok_or_else(|| format!("{option} has no value"));
                *of(&mut choices[batch.offset(row) as usize]) = Some(value);
            }
        };
        fill(compiled.topic, "--topic-expr", |choice| &mut choice.topic);
        fill(compiled.event_type, "--type-expr", |choice| &mut choice.event_type);
        choices
    }
}

/// A value as text; `None` for NULL, and for what is no scalar.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.to_string()),
        Value::Int(int) => Some(int.to_string()),
        Value::Wide(wide) => Some(wide.to_string()),
        Value::Float(float) => Some(float.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Json(json) => match serde_json::from_str(json).ok()? {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            serde_json::Value::Bool(bool) => Some(bool.to_string()),
            _ => None,
        },
        Value::Null | Value::Seconds(_) | Value::Time(_) => None,
    }
}

/// What is wrong with an expression, with its text and a pointer at the place.
fn render(option: &str, text: &str, problems: Vec<Problem>) -> String {
    let file = SourceFile::new(option, text);
    let mut shown = format!("compile {option}");
    for problem in problems {
        let (start, end) = problem.range;
        let mut diagnostic = Diagnostic::error(problem.code, &file, Span { start, end }, problem.message);
        if let Some(help) = problem.help {
            diagnostic = diagnostic.with_help(help);
        }
        shown += &format!("\n{}", diagnostic.render(false));
    }
    shown
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn item(text: &str) -> Item {
        Item { file: "f".into(), line: 0, bytes: Bytes::copy_from_slice(text.as_bytes()) }
    }

    #[test]
    fn lines_choose_their_topic_and_type() {
        let mut expressions = Expressions::compile(Some("kind"), Some("'win.' || EventID")).unwrap();
        let lines = [r#"{"kind":"a","EventID":1}"#, "oops", r#"{"EventID":"x"}"#].map(item);
        let choices = expressions.evaluate(&"t".into(), &lines);
        assert_eq!(choices[0].topic, Some(Ok("a".to_owned())));
        assert_eq!(choices[0].event_type, Some(Ok("win.1".to_owned())));
        assert_eq!(choices[1], Choice::default());
        assert_eq!(choices[2].topic, Some(Err("--topic-expr has no value".to_owned())));
        assert_eq!(choices[2].event_type, Some(Ok("win.x".to_owned())));
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let failure = Expressions::compile(None, Some("lowr(kind)")).err().unwrap().to_string();
        assert!(failure.starts_with("compile --type-expr\nerror["), "{failure}");
        assert!(failure.contains("lowr(kind)"), "{failure}");
    }
}

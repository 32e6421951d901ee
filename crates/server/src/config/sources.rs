//! `sources`: which topics are read, and where an event's time, type and key are.

use olocus_cep::rule::TypePattern;
use olocus_document::{Fields, Node, Scalar, read};
use olocus_event::Format;
use olocus_event::time::TimeUnit;
use olocus_runtime::SourceSpec;

use super::reader::Reader;

const TOPICS_HELP: &str =
    "write `topic: NAME` or `topics: [NAME, …]`; `*` stands for one dotted segment, `**` for any number";

const FORMATS: [(&str, Format); 4] = [
    ("auto", Format::Auto),
    ("json", Format::Json),
    ("messagepack", Format::MessagePack),
    ("cloudevents", Format::CloudEvents),
];

const UNITS: [(&str, TimeUnit); 5] = [
    ("auto", TimeUnit::Auto),
    ("s", TimeUnit::Seconds),
    ("ms", TimeUnit::Millis),
    ("us", TimeUnit::Micros),
    ("ns", TimeUnit::Nanos),
];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Fields<'_>) -> Vec<SourceSpec> {
    let Some(node) = root.node("sources").filter(|node| !node.is_null()) else { return Vec::new() };
    let items = read::list(node, "`sources`", reader.file, reader.diagnostics).unwrap_or_default();
    items.iter().filter_map(|item| source(reader, item)).collect()
}

fn source(reader: &mut Reader<'_>, node: &Node) -> Option<SourceSpec> {
    let mut fields = Fields::new(node, "a source", reader.file, reader.diagnostics)?;
    let mut spec = SourceSpec::of(topics(reader, &mut fields));
    if let Some(format) = reader.choice(&mut fields, "format", &FORMATS) {
        spec.format = format;
    }
    spec.time = expression(reader, &mut fields, "time");
    if let Some(unit) = reader.choice(&mut fields, "time_unit", &UNITS) {
        spec.time_unit = unit;
    }
    if fields.has("time_unit") && !fields.has("time") {
        let head = fields.head();
        reader.error(
            "misplaced-key",
            head,
            "`time_unit` says nothing without `time`",
            "say where the time is: `time: FIELD`",
        );
    }
    spec.event_type = expression(reader, &mut fields, "type");
    spec.key = expression(reader, &mut fields, "key");
    if let Some(bound) = fields.duration("out_of_order", reader.diagnostics) {
        spec.out_of_order = bound.value;
    }
    spec.idle_after = fields.duration("idle_after", reader.diagnostics).map(|after| after.value);
    if let Some(bound) = fields.duration("max_future", reader.diagnostics) {
        spec.max_future = bound.value;
    }
    fields.finish(reader.diagnostics);
    Some(spec)
}

fn topics(reader: &mut Reader<'_>, fields: &mut Fields<'_>) -> Vec<TypePattern> {
    let single = fields.string("topic", reader.diagnostics);
    let several = fields.strings("topics", reader.diagnostics);
    let head = fields.head();
    let names: Vec<&Scalar> = match (single, several) {
        (Some(_), Some(_)) => {
            reader.error("two-values", head, "`topic` and `topics` exclude each other", TOPICS_HELP);
            return Vec::new();
        }
        (Some(name), None) => vec![name],
        (None, Some(names)) => names,
        (None, None) => Vec::new(),
    };
    if names.is_empty() && !fields.has("topic") && !fields.has("topics") {
        reader.error("missing-key", head, "a source needs topics", TOPICS_HELP);
    }
    names.into_iter().filter_map(|name| pattern(reader, name)).collect()
}

fn pattern(reader: &mut Reader<'_>, name: &Scalar) -> Option<TypePattern> {
    if let Some(problem) = crate::topic_name::problem(&name.value.replace('*', "x")) {
        reader.error("bad-topic", name.span, problem, crate::topic_name::RULE);
        return None;
    }
    match TypePattern::parse(&name.value) {
        Ok(pattern) => Some(pattern),
        Err(_) if !name.value.contains('*') => {
            let message = format!("`{}` has an empty segment between its dots", name.value);
            reader.error("bad-topic", name.span, message, TOPICS_HELP);
            None
        }
        Err(problem) => {
            reader.error("bad-topic", name.span, problem, TOPICS_HELP);
            None
        }
    }
}

/// The text of an SQL expression; it is compiled with the rules, which tell its mistakes at this place.
fn expression(reader: &mut Reader<'_>, fields: &mut Fields<'_>, key: &'static str) -> Option<Scalar> {
    fields.text(key, reader.diagnostics).cloned()
}

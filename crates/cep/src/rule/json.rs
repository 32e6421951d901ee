//! YAML values as JSON.

use std::sync::Arc;

use olocus_document::{Diagnostic, Diagnostics, Mapping, Node, SourceFile, Value as Yaml};
use serde_json::{Map, Number, Value};

/// A YAML value as JSON of the same types. Numbers keep their digits where JSON can write them so;
/// infinities and NaN, which JSON lacks, are reported.
pub fn to_json(node: &Node, file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) -> Option<Value> {
    match &node.value {
        Yaml::Null => Some(Value::Null),
        Yaml::Bool(value) => Some(Value::Bool(*value)),
        Yaml::Integer(_) | Yaml::Float(_) => number(node, file, diagnostics).map(Value::Number),
        Yaml::String(scalar) => Some(Value::String(scalar.value.clone())),
        Yaml::Sequence(items) => items
            .iter()
            .map(|item| to_json(item, file, diagnostics))
            .collect::<Vec<_>>()
            .into_iter()
            .collect::<Option<Vec<Value>>>()
            .map(Value::Array),
        Yaml::Mapping(mapping) => mapping_to_json(mapping, &[], file, diagnostics).map(Value::Object),
    }
}

/// The entries of a mapping as JSON, but for the keys named in `without`.
pub(super) fn mapping_to_json(
    mapping: &Mapping,
    without: &[&str],
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<Map<String, Value>> {
    let entries: Vec<_> = mapping
        .entries
        .iter()
        .filter(|(key, _)| !without.contains(&key.value.as_str()))
        .map(|(key, node)| Some((key.value.clone(), to_json(node, file, diagnostics)?)))
        .collect();
    entries.into_iter().collect()
}

fn number(node: &Node, file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) -> Option<Number> {
    let written = node.scalar().map_or("", |scalar| scalar.value.as_str());
    let number = match (written.parse::<Number>(), &node.value) {
        (Ok(number), _) => Some(number),
        (Err(_), Yaml::Integer(value)) => Some(Number::from(*value)),
        (Err(_), Yaml::Float(value)) => Number::from_f64(*value),
        _ => None,
    };
    if number.is_none() {
        let message = format!("JSON has no number `{written}`");
        diagnostics.push(Diagnostic::error("bad-value", file, node.span, message));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<String, String> {
        let file = SourceFile::new("f.yaml", text);
        let node = olocus_document::parse(&file).unwrap();
        let mut diagnostics = Diagnostics::new();
        to_json(&node, &file, &mut diagnostics)
            .map(|value| value.to_string())
            .ok_or_else(|| diagnostics.render(false))
    }

    #[test]
    fn types_and_digits_are_kept() {
        let text = "{ a: 1, b: 1.0, c: '1', d: [true, ~], e: { f: 18446744073709551615 }, g: 0x10, h: .5 }";
        let expected =
            r#"{"a":1,"b":1.0,"c":"1","d":[true,null],"e":{"f":18446744073709551615},"g":16,"h":0.5}"#;
        assert_eq!(json(text).unwrap(), expected);
    }

    #[test]
    fn every_value_without_json_is_reported() {
        let problems = json("{ a: [.inf, 1], b: .nan }").unwrap_err();
        assert!(problems.contains("`.inf`"), "{problems}");
        assert!(problems.contains("`.nan`"), "{problems}");
    }
}

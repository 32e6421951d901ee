//! What is known about the fields of event types, from JSON Schemas.

use std::collections::BTreeMap;
use std::fmt;

use olocus_event::Kind;
use serde_json::Value;

/// How many `$ref`s are followed before a schema counts as circular.
const REFERENCES_MAX: usize = 16;

/// How much longer or shorter than meant a misspelt name is at most; a longer tail is meant, as in `host_id`.
const LETTERS_MAX: usize = 2;

/// The fields of event types, as far as they are known.
///
/// What is not said stays open: a field that no schema names is a mistake only where the schema closes its object with
/// `additionalProperties: false`.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    types: BTreeMap<String, Shape>,
}

impl Schemas {
    /// No schema: every field may exist, and types follow from use.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Adds the JSON Schema of the data of `event_type`.
    ///
    /// Read are `type`, `properties`, `patternProperties`, `additionalProperties`, `unevaluatedProperties`, `allOf`
    /// and `$ref`s within the document; all else leaves fields open.
    ///
    /// # Errors
    ///
    /// If the event type has a schema already, the schema is neither an object nor a boolean, or a `$ref` leads
    /// nowhere within the document.
    pub fn insert_json(&mut self, event_type: &str, json_schema: &Value) -> Result<(), SchemaError> {
        let fail = |message: String| Err(SchemaError { message });
        if self.types.contains_key(event_type) {
            return fail(format!("event type `{event_type}` has a schema already"));
        }
        match Shape::read(json_schema, json_schema, 0) {
            Ok(shape) => {
                self.types.insert(event_type.to_owned(), shape);
                Ok(())
            }
            Err(message) => fail(format!("schema of event type `{event_type}`: {message}")),
        }
    }

    /// What the schemas of `types` say about a field.
    pub(crate) fn find(&self, types: &[String], segments: &[String]) -> Found<'_> {
        let mut kinds = Vec::new();
        let mut missing = None;
        for event_type in types {
            let Some((name, shape)) = self.types.get_key_value(event_type) else {
                return Found::Open;
            };
            match shape.find(segments) {
                Ok(kind) => kinds.push(kind),
                Err((depth, candidates)) => {
                    missing.get_or_insert(Found::Missing { event_type: name, depth, candidates });
                }
            }
        }
        match (kinds.split_first(), missing) {
            (None, Some(missing)) => missing,
            (None, None) => Found::Open,
            (Some((first, rest)), _) => match first {
                Some(kind) if rest.iter().all(|other| other == first) => Found::Kind(*kind),
                _ => Found::Open,
            },
        }
    }

    /// For a field that none of the schemas of `types` name, and that yet may exist: a property that is nearly called
    /// so, of which type it is, and at which depth of the path.
    pub(crate) fn near_miss(&self, types: &[String], segments: &[&str]) -> Option<(&str, usize, &str)> {
        let mut found = None;
        for event_type in types {
            let (name, shape) = self.types.get_key_value(event_type)?;
            match shape.nearest(segments) {
                Nearest::Named => return None,
                Nearest::Unknown => {}
                Nearest::Property(depth, meant) => {
                    found.get_or_insert((name.as_str(), depth, meant));
                }
            }
        }
        found
    }
}

/// Why a schema cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    message: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SchemaError {}

/// The answer of a look-up.
pub(crate) enum Found<'a> {
    /// Nothing is known; the field may exist.
    Open,
    /// All event types agree on this.
    Kind(SchemaKind),
    /// No event type has the field; the segment at `depth` is the unknown one, and these stand beside it.
    Missing { event_type: &'a str, depth: usize, candidates: Vec<&'a str> },
}

/// JSON types that matter to expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SchemaKind {
    Text,
    Number,
    Bool,
    Structured,
}

impl SchemaKind {
    /// As what a field of this type is read, unless its use says otherwise.
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Text => Kind::Text,
            Self::Number => Kind::Number,
            Self::Bool => Kind::Bool,
            Self::Structured => Kind::Json,
        }
    }
}

/// What an open object has for a name.
enum Nearest<'a> {
    /// A property, or nothing is known about its properties.
    Named,
    /// No property of that name, or one like it.
    Unknown,
    /// A property with nearly the name of the segment at this depth.
    Property(usize, &'a str),
}

#[derive(Clone, Debug, Default)]
struct Shape {
    kind: Option<SchemaKind>,
    properties: BTreeMap<String, Shape>,
    closed: bool,
}

impl Shape {
    fn read(schema: &Value, root: &Value, references: usize) -> Result<Self, String> {
        let object = match schema {
            Value::Bool(_) => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => return Err("a schema must be an object or a boolean".to_owned()),
        };
        let mut shape = match object.get("$ref").and_then(Value::as_str) {
            Some(_) if references >= REFERENCES_MAX => return Ok(Self::default()),
            Some(reference) => {
                let pointer = reference.strip_prefix('#').ok_or_else(|| outside(reference))?;
                let target =
                    root.pointer(pointer).ok_or_else(|| format!("`$ref: {reference}` leads nowhere"))?;
                Self::read(target, root, references + 1)?
            }
            None => Self::default(),
        };
        if let Some(kind) = object.get("type").and_then(kind_of_types) {
            shape.kind = Some(kind);
        }
        for (name, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
            shape.properties.insert(name.clone(), Self::read(property, root, references)?);
        }
        for part in object.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            let part = Self::read(part, root, references + 1)?;
            shape.kind = shape.kind.or(part.kind);
            shape.properties.extend(part.properties);
        }
        let says_no = |key: &str| object.get(key) == Some(&Value::Bool(false));
        let patterns =
            object.get("patternProperties").and_then(Value::as_object).is_some_and(|all| !all.is_empty());
        if says_no("additionalProperties") || says_no("unevaluatedProperties") {
            shape.closed = !patterns;
        }
        Ok(shape)
    }

    /// The kind of a field, or the depth of the unknown segment and the names beside it.
    fn find(&self, segments: &[String]) -> Result<Option<SchemaKind>, (usize, Vec<&str>)> {
        let mut shape = self;
        for (depth, segment) in segments.iter().enumerate() {
            match shape.properties.get(segment) {
                Some(inner) => shape = inner,
                None if shape.closed => {
                    return Err((depth, shape.properties.keys().map(String::as_str).collect()));
                }
                None => return Ok(None),
            }
        }
        Ok(shape.kind)
    }

    fn nearest(&self, segments: &[&str]) -> Nearest<'_> {
        let mut shape = self;
        for (depth, segment) in segments.iter().enumerate() {
            match shape.properties.get(*segment) {
                Some(inner) => shape = inner,
                None if shape.properties.is_empty() => return Nearest::Named,
                // Where the object is closed, the name is a mistake and told as one.
                None if shape.closed => return Nearest::Unknown,
                None => {
                    let length = |name: &str| name.chars().count();
                    let is_as_long = |name: &&str| length(name).abs_diff(length(segment)) <= LETTERS_MAX;
                    let names = shape.properties.keys().map(String::as_str).filter(is_as_long);
                    let near = olocus_document::suggest(segment, names);
                    return near.map_or(Nearest::Unknown, |meant| Nearest::Property(depth, meant));
                }
            }
        }
        Nearest::Named
    }
}

fn outside(reference: &str) -> String {
    format!("`$ref: {reference}` leads out of the document, which is not supported")
}

/// The kind of a `type` keyword; several types other than `null` leave it open.
fn kind_of_types(types: &Value) -> Option<SchemaKind> {
    let kind = |name: &str| match name {
        "string" => Some(SchemaKind::Text),
        "number" | "integer" => Some(SchemaKind::Number),
        "boolean" => Some(SchemaKind::Bool),
        "object" | "array" => Some(SchemaKind::Structured),
        _ => None,
    };
    match types {
        Value::String(name) => kind(name),
        Value::Array(names) => {
            let mut kinds = names.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(kind);
            let first = kinds.next()??;
            kinds.all(|other| other == Some(first)).then_some(first)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(schema: &Value, path: &str) -> String {
        let mut schemas = Schemas::empty();
        schemas.insert_json("t", schema).unwrap();
        let segments: Vec<String> = path.split('.').map(str::to_owned).collect();
        match schemas.find(&["t".to_owned()], &segments) {
            Found::Open => "open".to_owned(),
            Found::Kind(kind) => format!("{kind:?}"),
            Found::Missing { depth, candidates, .. } => format!("missing {depth} {candidates:?}"),
        }
    }

    #[test]
    fn types_and_closed_objects() {
        let schema = json!({
            "properties": {
                "a": {"type": "integer"},
                "b": {"type": ["string", "null"]},
                "c": {"type": ["string", "integer"]},
                "d": {"$ref": "#/$defs/d"},
            },
            "additionalProperties": false,
            "$defs": {"d": {"type": "object", "properties": {"x": {"type": "boolean"}}}}
        });
        assert_eq!(find(&schema, "a"), "Number");
        assert_eq!(find(&schema, "b"), "Text");
        assert_eq!(find(&schema, "c"), "open");
        assert_eq!(find(&schema, "d.x"), "Bool");
        assert_eq!(find(&schema, "d.y"), "open");
        assert_eq!(find(&schema, "e"), r#"missing 0 ["a", "b", "c", "d"]"#);
    }

    #[test]
    fn circular_references_end() {
        let schema = json!({"properties": {"next": {"$ref": "#"}}, "type": "object"});
        assert_eq!(find(&schema, "next.next"), "Structured");
        assert!(Schemas::empty().insert_json("t", &json!({"$ref": "#/nowhere"})).is_err());
        assert!(Schemas::empty().insert_json("t", &json!(3)).is_err());
    }

    #[test]
    fn several_types_must_agree() {
        let mut schemas = Schemas::empty();
        let closed = |kind: &str| json!({"properties": {"a": {"type": kind}}, "additionalProperties": false});
        schemas.insert_json("t", &closed("string")).unwrap();
        schemas.insert_json("u", &closed("integer")).unwrap();
        assert!(schemas.insert_json("u", &closed("integer")).is_err());
        let find = |types: &[&str], name: &str| {
            let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
            match schemas.find(&types, &[name.to_owned()]) {
                Found::Open => "open",
                Found::Kind(_) => "kind",
                Found::Missing { .. } => "missing",
            }
        };
        assert_eq!(find(&["t"], "a"), "kind");
        assert_eq!(find(&["t", "u"], "a"), "open");
        assert_eq!(find(&["t", "u"], "b"), "missing");
        assert_eq!(find(&["t", "v"], "b"), "open");
        assert_eq!(find(&[], "b"), "open");
    }
}

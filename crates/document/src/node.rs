//! The tree of a parsed document.

use crate::{Scalar, Span};

/// A value of a document and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it was written. An empty value (`key:`) has the place of the colon.
    pub span: Span,
    /// What it is.
    pub value: Value,
    /// The text of a plain scalar that is no string.
    plain: Option<Box<Scalar>>,
}

/// What a [`Node`] is, by the core schema of YAML 1.2.
#[derive(Clone, Debug)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number that `i64` holds.
    Integer(i64),
    /// Any other number; whole numbers beyond `i64` too, see [`Node::scalar`] for their digits.
    Float(f64),
    /// Any other plain text, and all quoted and block texts.
    String(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping.
    Mapping(Mapping),
}

impl Node {
    pub(crate) fn new(span: Span, value: Value) -> Node {
        Node { span, value, plain: None }
    }

    /// A null, boolean or number and how it was written.
    pub(crate) fn plain(scalar: Scalar, value: Value) -> Node {
        Node { span: scalar.span, value, plain: Some(Box::new(scalar)) }
    }

    /// Whether both say the same, wherever they were written and in which style: lists in the same order, mappings with the
    /// same keys in the same order, scalars of the same text and type.
    pub fn says_the_same(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            (Value::Sequence(one), Value::Sequence(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.says_the_same(other))
            }
            (Value::Mapping(one), Value::Mapping(other)) => {
                let same = |((key, value), (other_key, other_value)): (&(Scalar, Node), &(Scalar, Node))| {
                    key.value == other_key.value && value.says_the_same(other_value)
                };
                one.entries.len() == other.entries.len() && one.entries.iter().zip(&other.entries).all(same)
            }
            (Value::String(one), Value::String(other)) => one.value == other.value,
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(other)) => one == other,
            (Value::Integer(_), Value::Integer(_)) | (Value::Float(_), Value::Float(_)) => {
                let text = |node: &Node| node.scalar().map(|scalar| scalar.value.clone());
                text(self) == text(other)
            }
            _ => false,
        }
    }

    /// The text of any scalar, as written: `007` of the integer 7. `None` for lists and mappings.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::String(scalar) => Some(scalar),
            _ => self.plain.as_deref(),
        }
    }

    /// The text of a string; `None` for all else, numbers included.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(scalar) => Some(&scalar.value),
            _ => None,
        }
    }

    /// The mapping that it is, if it is one.
    pub fn as_mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            _ => None,
        }
    }

    /// Whether it is `null` or empty.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// What it is, for messages: `a list`, `the number 5`.
    pub fn describe(&self) -> String {
        let written = || self.scalar().map_or("", |scalar| scalar.value.as_str());
        match &self.value {
            Value::Null if written().is_empty() => "nothing".to_owned(),
            Value::Null => "null".to_owned(),
            Value::Bool(_) => format!("the boolean `{}`", written()),
            Value::Integer(_) | Value::Float(_) => format!("the number `{}`", written()),
            Value::String(_) if is_brief(written()) => format!("the string `{}`", written()),
            Value::String(_) => "a string".to_owned(),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// The place to point at for a problem of the whole node: the first key of a mapping, the
    /// first item of a list, else all of it. Underlining whole blocks would hide the message.
    pub fn head(&self) -> Span {
        match &self.value {
            Value::Mapping(mapping) => match mapping.entries.first() {
                Some((key, _)) => key.span,
                None => self.span,
            },
            Value::Sequence(items) => items.first().map_or(self.span, Node::head),
            _ => self.span,
        }
    }
}

/// Whether a text can stand in a message.
fn is_brief(text: &str) -> bool {
    !text.trim().is_empty() && text.len() <= 40 && !text.contains(char::is_control)
}

/// The keys and values of a mapping, as written. Keys are distinct.
#[derive(Clone, Debug, Default)]
pub struct Mapping {
    /// The entries in the order of the document.
    pub entries: Vec<(Scalar, Node)>,
}

impl Mapping {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// A key as written and its value.
    pub fn entry(&self, key: &str) -> Option<&(Scalar, Node)> {
        self.entries.iter().find(|(scalar, _)| scalar.value == key)
    }
}

//! Names of steps and lists, and event types.

use olocus_document::{Fields, Node, Scalar, Spanned, Value, read};

use super::{Names, Parser};
use crate::rule::TypePattern;

impl Parser<'_> {
    /// The name of a step that has to have one.
    pub(super) fn step_name(
        &mut self,
        fields: &mut Fields<'_>,
        names: &mut Names,
    ) -> Option<Spanned<String>> {
        let node = fields.require("step")?;
        self.name_of_step(node, names)
    }

    pub(super) fn name_of_step(&mut self, node: &Node, names: &mut Names) -> Option<Spanned<String>> {
        let name = read::string(node, "`step`", self.file, self.diagnostics)?;
        if name.value == "meta" {
            self.report(
                "bad-name",
                name.span,
                "a step must not be named `meta`",
                "`meta.time`, `meta.type` … are the metadata of events; choose another name",
            );
            return None;
        }
        self.identifier(name, "step")?;
        names.insert(name, self);
        Some(Spanned::new(name.value.clone(), name.span))
    }

    /// Reports a name that expressions cannot use without quotes.
    pub(super) fn identifier(&mut self, name: &Scalar, what: &str) -> Option<()> {
        if is_identifier(&name.value) {
            return Some(());
        }
        let message = format!("`{}` is not a name for a {what}", name.value);
        self.report("bad-name", name.span, message, identifier_help(&name.value));
        None
    }

    /// `event`: a type or a list of types, `None` unless all of them can be read.
    pub(super) fn event(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Spanned<TypePattern>>> {
        let node = fields.require("event")?;
        self.types(node, "event")
    }

    /// A type or a list of types, `None` unless all of them can be read.
    pub(super) fn types(&mut self, node: &Node, key: &str) -> Option<Vec<Spanned<TypePattern>>> {
        let before = self.diagnostics.error_count();
        let texts = read::strings(node, &format!("`{key}`"), self.file, self.diagnostics)?;
        if texts.is_empty() {
            if matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
                self.report(
                    "empty-list",
                    node.span,
                    format!("`{key}` names no event type"),
                    "name one, or `'*'` for every event",
                );
            }
            return None;
        }
        let patterns = texts.iter().filter_map(|text| self.type_pattern(text)).collect();
        (self.diagnostics.error_count() == before).then_some(patterns)
    }

    fn type_pattern(&mut self, text: &Scalar) -> Option<Spanned<TypePattern>> {
        match TypePattern::parse(&text.value) {
            Ok(pattern) => Some(Spanned::new(pattern, text.span)),
            Err(problem) => {
                self.report(
                    "bad-event-type",
                    text.span,
                    problem,
                    "write dotted segments such as `auth.login` or `auth.*`: `*` is one segment, \
                     `**` any number of them, a lone `'*'` everything",
                );
                None
            }
        }
    }
}

/// Whether expressions can name it without quotes.
fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Proposes a name in which what is not allowed became `_`.
fn identifier_help(name: &str) -> String {
    let mut proposal: String =
        name.trim().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if proposal.starts_with(|c: char| c.is_ascii_digit()) {
        proposal.insert(0, '_');
    }
    let rule = "letters, digits and `_`, not starting with a digit";
    if proposal.chars().any(|c| c.is_ascii_alphabetic()) {
        format!("use {rule}, such as `{proposal}`")
    } else {
        format!("use {rule}")
    }
}

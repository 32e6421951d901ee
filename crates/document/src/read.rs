//! Reading nodes as what they should be; what they are not is reported.
//!
//! All functions take the name of what is read, as it appears in messages (`` `event` ``).

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::duration::is_too_long;
use crate::{
    Diagnostic, Diagnostics, Mapping, Node, Scalar, SourceFile, Span, Spanned, Value, parse_duration,
};

/// What to write instead of a text that is no duration.
const DURATION_HELP: &str = "write a number and a unit, such as `90s`, `5m` or `1h30m` (units: \
                             w d h m s ms us ns)";

/// Reports that a node is not what it should be.
pub fn wrong_type(
    node: &Node,
    what: &str,
    expected: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) {
    let message = format!("{what} must be {expected}, not {}", node.describe());
    let problem = Diagnostic::error("wrong-type", file, place(node, file), message);
    let written = node.scalar().filter(|scalar| !scalar.value.is_empty());
    let help = match (expected, written) {
        ("a list", _) => Some("start each item with `- `, or write `[ a, b ]`".to_owned()),
        ("a mapping", _) => Some("write it as `key: value`".to_owned()),
        (_, Some(scalar)) if expected.contains("string") => {
            let is_masked = file.shown().get(node.span.start..node.span.end)
                != file.text().get(node.span.start..node.span.end);
            Some(if is_masked {
                "put it in quotes".to_owned()
            } else {
                format!("put it in quotes: '{}'", scalar.value)
            })
        }
        _ => None,
    };
    diagnostics.push(Diagnostic { help, ..problem });
}

/// Where to point for a problem of a whole node: all of it if it stands on one line, else
/// [`Node::head`].
pub fn place(node: &Node, file: &SourceFile) -> Span {
    match file.text().get(node.span.start..node.span.end) {
        Some(text) if !text.contains('\n') => node.span,
        _ => node.head(),
    }
}

/// A string; numbers, booleans and null have to be quoted to be one.
pub fn string<'a>(
    node: &'a Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Scalar> {
    match &node.value {
        Value::String(scalar) => Some(scalar),
        _ => {
            wrong_type(node, what, "a string", file, diagnostics);
            None
        }
    }
}

/// The text of any scalar but null, as written, such as an expression: `5`, `true`, `a > 5`.
pub fn text<'a>(
    node: &'a Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Scalar> {
    let scalar = node.scalar().filter(|_| !node.is_null());
    if scalar.is_none() {
        wrong_type(node, what, "a text", file, diagnostics);
    }
    scalar
}

/// `true` or `false`.
pub fn boolean(
    node: &Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        _ => {
            wrong_type(node, what, "`true` or `false`", file, diagnostics);
            None
        }
    }
}

/// A whole number within `range`.
pub fn integer(
    node: &Node,
    range: RangeInclusive<i64>,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<i64>> {
    let Value::Integer(value) = node.value else {
        wrong_type(node, what, "a whole number", file, diagnostics);
        return None;
    };
    if range.contains(&value) {
        return Some(Spanned::new(value, node.span));
    }
    let (least, most) = range.into_inner();
    let expected = match (least, most) {
        (least, i64::MAX) => format!("at least {least}"),
        (least, most) => format!("between {least} and {most}"),
    };
    let message = format!("{what} must be {expected}, not {value}");
    diagnostics.push(Diagnostic::error("out-of-range", file, node.span, message));
    None
}

/// A duration in nanoseconds, zero or more, as [`parse_duration`] reads it.
pub fn duration(
    node: &Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<i64>> {
    let problem = match (&node.value, node.scalar()) {
        (Value::String(_), Some(scalar)) => match parse_duration(&scalar.value) {
            Some(value) => return Some(Spanned::new(value, node.span)),
            None if is_too_long(&scalar.value) => {
                let message = format!("`{}` is too long", scalar.value.trim());
                let problem = Diagnostic::error("bad-duration", file, place(node, file), message);
                diagnostics.push(problem.with_help("durations are of up to 292 years, which are 106751d"));
                return None;
            }
            None => format!("`{}` is not a duration", scalar.value.trim()),
        },
        (Value::Integer(_) | Value::Float(_), Some(scalar)) => {
            format!("the duration `{}` has no unit", scalar.value)
        }
        _ => format!("{what} must be a duration, not {}", node.describe()),
    };
    diagnostics
        .push(Diagnostic::error("bad-duration", file, place(node, file), problem).with_help(DURATION_HELP));
    None
}

/// A list.
pub fn list<'a>(
    node: &'a Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a [Node]> {
    match &node.value {
        Value::Sequence(items) => Some(items),
        _ => {
            wrong_type(node, what, "a list", file, diagnostics);
            None
        }
    }
}

/// A mapping.
pub fn mapping<'a>(
    node: &'a Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<&'a Mapping> {
    match &node.value {
        Value::Mapping(mapping) => Some(mapping),
        _ => {
            wrong_type(node, what, "a mapping", file, diagnostics);
            None
        }
    }
}

/// A string or a list of strings. Items that are none are reported and left out.
pub fn strings<'a>(
    node: &'a Node,
    what: &str,
    file: &Arc<SourceFile>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<&'a Scalar>> {
    match &node.value {
        Value::String(scalar) => Some(vec![scalar]),
        Value::Sequence(items) => {
            let item = format!("an item of {what}");
            Some(items.iter().filter_map(|node| string(node, &item, file, diagnostics)).collect())
        }
        _ => {
            wrong_type(node, what, "a string or a list of strings", file, diagnostics);
            None
        }
    }
}

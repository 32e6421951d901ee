//! What all sections need to be read: the file, the place for problems, and getters that `Fields` does not have.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use olocus_document::{Diagnostic, Diagnostics, Fields, Node, Scalar, SourceFile, Span, Value, suggest};

use super::SecretRef;

pub(super) struct Reader<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) directory: &'a Path,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl Reader<'_> {
    /// The keys of a section. A section that is empty (`limits:`) is as good as absent.
    pub(super) fn section<'n>(&mut self, node: Option<&'n Node>, what: &'static str) -> Option<Fields<'n>> {
        let node = node.filter(|node| !node.is_null())?;
        Fields::new(node, what, self.file, self.diagnostics)
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic::error(code, self.file, span, message).with_help(help));
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let scalar = fields.string(key, self.diagnostics)?;
        let found = choices.iter().find(|(word, _)| *word == scalar.value);
        if found.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            let all = choices.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
            let help = match suggest(&scalar.value, words) {
                Some(meant) => format!("did you mean `{meant}`? It can be {all}"),
                None => format!("it can be {all}"),
            };
            self.error("unknown-value", scalar.span, format!("`{key}` can't be `{}`", scalar.value), help);
        }
        found.map(|(_, value)| *value)
    }

    /// A duration above zero.
    pub(super) fn duration(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Duration> {
        let nanos = fields.duration(key, self.diagnostics)?;
        if nanos.value == 0 {
            self.error(
                "out-of-range",
                nanos.span,
                format!("`{key}` must be more than zero"),
                "write for example `100ms`",
            );
            return None;
        }
        Some(Duration::from_nanos(nanos.value.unsigned_abs()))
    }

    /// A whole number.
    pub(super) fn count(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<usize> {
        let number = fields.integer(key, range, self.diagnostics)?;
        usize::try_from(number.value).ok()
    }

    /// A number of bytes: `1048576`, `10MB` or `16MiB`.
    pub(super) fn bytes(
        &mut self,
        fields: &mut Fields<'_>,
        key: &'static str,
        range: RangeInclusive<u64>,
    ) -> Option<usize> {
        let node = fields.node(key)?;
        let bytes = match &node.value {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::String(text) => parse_bytes(&text.value),
            _ => None,
        };
        let Some(bytes) = bytes else {
            let message = format!("`{key}` must be a number of bytes, not {}", node.describe());
            self.error("bad-size", node.head(), message, "write for example `1048576`, `10MB` or `16MiB`");
            return None;
        };
        if !range.contains(&bytes) {
            let message = format!("`{key}` must be between {} and {} bytes", range.start(), range.end());
            self.error(
                "out-of-range",
                node.span,
                message,
                "sizes are numbers of bytes; `MB` is a million of them",
            );
            return None;
        }
        usize::try_from(bytes).ok()
    }

    /// A name for a topic.
    pub(super) fn topic(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
        let name = fields.string(key, self.diagnostics)?;
        self.topic_name(name)
    }

    pub(super) fn topic_name(&mut self, name: &Scalar) -> Option<String> {
        if let Some(problem) = crate::topic_name::problem(&name.value) {
            self.error("bad-topic", name.span, problem, crate::topic_name::RULE);
            return None;
        }
        Some(name.value.clone())
    }

    /// A path, relative to the folder of the file.
    pub(super) fn path(&self, scalar: &Scalar) -> PathBuf {
        self.directory.join(&scalar.value)
    }

    /// A secret under `<name>_env` or `<name>_file`. The secret itself, under `<name>`, is refused.
    pub(super) fn secret(
        &mut self,
        fields: &mut Fields<'_>,
        (plain, variable, file): (&'static str, &'static str, &'static str),
    ) -> Option<SecretRef> {
        let help = format!("name where it is: `{variable}: NAME` or `{file}: PATH`");
        fields.reject(plain, "a configuration file", &help, self.diagnostics);
        let named = fields.string(variable, self.diagnostics);
        let stored = fields.string(file, self.diagnostics);
        if let (Some(_), Some(second)) = (named, stored) {
            self.error(
                "two-values",
                second.span,
                format!("`{variable}` and `{file}` exclude each other"),
                "leave one of them",
            );
        }
        match (named, stored) {
            (Some(name), _) => self.variable(name),
            (None, Some(path)) => Some(SecretRef::in_file(self.path(path), self.file, path.span)),
            (None, None) => None,
        }
    }

    /// The variable of a name. What cannot be one is not quoted: it may be the secret itself.
    pub(super) fn variable(&mut self, name: &Scalar) -> Option<SecretRef> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let starts_well = name.value.starts_with(|c: char| !c.is_ascii_digit());
        if !starts_well || !name.value.chars().all(is_part) {
            let help = "letters, digits and `_` are allowed; the secret itself has no place in a file";
            self.error("bad-variable", name.span, "this is no name of an environment variable", help);
            return None;
        }
        Some(SecretRef::variable(name.value.clone(), self.file, name.span))
    }
}

/// Bytes of a text such as `10MB` (a thousand thousands) or `16MiB` (1024 times 1024).
fn parse_bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start();
    let factor = if unit.is_empty() { 1 } else { UNITS.iter().find(|(name, _)| *name == unit)?.1 };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        assert_eq!(parse_bytes("10MB"), Some(10_000_000));
        assert_eq!(parse_bytes("16 MiB"), Some(16 << 20));
        assert_eq!(parse_bytes("512"), Some(512));
        for wrong in ["", "MB", "-1", "10mb", "1.5MB", "99999999999GB"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }
}

//! Mappings read key by key.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::{
    Diagnostic, Diagnostics, Mapping, Node, Scalar, SourceFile, Span, Spanned, Value, read, suggest,
};

/// Reads the keys of a mapping and remembers which were asked for, so that [`Fields::finish`] can
/// report the others.
///
/// Getters return `None` both where the key is absent and where its value is not what it should
/// be; only the latter is reported, and absence by [`Fields::require`] too.
#[derive(Debug)]
pub struct Fields<'a> {
    mapping: &'a Mapping,
    head: Span,
    what: &'static str,
    file: Arc<SourceFile>,
    asked: Vec<&'static str>,
    /// Keys that were reported already.
    rejected: Vec<&'static str>,
    /// Keys that are not there but must be, unless one that is there turns out to be a slip of the pen for it.
    missing: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Starts to read a node; `what` names it in messages (`a rule`). A node that is no mapping is
    /// reported.
    pub fn new(
        node: &'a Node,
        what: &'static str,
        file: &Arc<SourceFile>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Fields<'a>> {
        Some(Fields {
            mapping: read::mapping(node, what, file, diagnostics)?,
            head: node.head(),
            what,
            file: Arc::clone(file),
            asked: Vec::new(),
            rejected: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// The value of a key. `key:` without a value counts as there.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        self.entry(key).map(|(_, node)| node)
    }

    /// A key as written, and its value.
    pub fn entry(&mut self, key: &'static str) -> Option<&'a (Scalar, Node)> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.mapping.entry(key)
    }

    /// Whether the key is there. This does not make it a known key.
    pub fn has(&self, key: &str) -> bool {
        self.mapping.get(key).is_some()
    }

    /// Where to point for problems of the whole mapping.
    pub fn head(&self) -> Span {
        self.head
    }

    /// The value of a key that must be there; [`Fields::finish`] reports its absence.
    pub fn require(&mut self, key: &'static str) -> Option<&'a Node> {
        let node = self.node(key);
        if node.is_none() {
            self.missing.push(key);
        }
        node
    }

    /// A string.
    pub fn string(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a Scalar> {
        let node = self.node(key)?;
        read::string(node, &quoted(key), &self.file, diagnostics)
    }

    /// The text of any scalar but null, as written.
    pub fn text(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a Scalar> {
        let node = self.node(key)?;
        read::text(node, &quoted(key), &self.file, diagnostics)
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<bool> {
        let node = self.node(key)?;
        read::boolean(node, &quoted(key), &self.file, diagnostics)
    }

    /// A whole number within `range`.
    pub fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Spanned<i64>> {
        let node = self.node(key)?;
        read::integer(node, range, &quoted(key), &self.file, diagnostics)
    }

    /// A duration in nanoseconds, zero or more.
    pub fn duration(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<Spanned<i64>> {
        let node = self.node(key)?;
        read::duration(node, &quoted(key), &self.file, diagnostics)
    }

    /// A string or a list of strings.
    pub fn strings(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<Vec<&'a Scalar>> {
        let node = self.node(key)?;
        read::strings(node, &quoted(key), &self.file, diagnostics)
    }

    /// A list.
    pub fn list(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a [Node]> {
        let node = self.node(key)?;
        read::list(node, &quoted(key), &self.file, diagnostics)
    }

    /// A mapping.
    pub fn mapping(&mut self, key: &'static str, diagnostics: &mut Diagnostics) -> Option<&'a Mapping> {
        let node = self.node(key)?;
        read::mapping(node, &quoted(key), &self.file, diagnostics)
    }

    /// Reports a key that has no place in `what`, though another mapping knows it, with a help of
    /// its own. Nothing happens where the key is absent.
    pub fn reject(&mut self, key: &'static str, what: &str, help: &str, diagnostics: &mut Diagnostics) {
        if let Some((scalar, _)) = self.mapping.entry(key) {
            self.rejected.push(key);
            let message = format!("`{key}` has no place in {what}");
            diagnostics
                .push(Diagnostic::error("misplaced-key", &self.file, scalar.span, message).with_help(help));
        }
    }

    /// Reports every key that was not asked for, with what was meant or the known ones, and every
    /// missing one. A missing key that an unknown one was meant for is not reported a second time.
    pub fn finish(mut self, diagnostics: &mut Diagnostics) {
        // Keys that are there already were not meant.
        let absent: Vec<&str> = self.asked.iter().copied().filter(|known| !self.has(known)).collect();
        for (key, value) in &self.mapping.entries {
            let name = key.value.as_str();
            if self.asked.contains(&name) || self.rejected.contains(&name) {
                continue;
            }
            let meant = suggest(name, absent.iter().copied());
            self.missing.retain(|missing| Some(*missing) != meant);
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None if matches!(value.value, Value::Null) && !name.chars().all(is_plain) => {
                    "between `{ }` a comma ends a value: put a text with commas in quotes".to_owned()
                }
                None => {
                    let known: Vec<String> = self.asked.iter().map(|known| quoted(known)).collect();
                    format!("the keys of {} are {}", self.what, known.join(", "))
                }
            };
            let message = format!("unknown key `{name}` in {}", self.what);
            diagnostics.push(Diagnostic::error("unknown-key", &self.file, key.span, message).with_help(help));
        }
        self.finish_open(diagnostics);
    }

    /// Like [`Fields::finish`] for a mapping that may have any keys beside the known ones.
    pub fn finish_open(self, diagnostics: &mut Diagnostics) {
        for key in self.missing {
            let message = format!("{} needs the key `{key}`", self.what);
            let problem = Diagnostic::error("missing-key", &self.file, self.head, message);
            diagnostics.push(problem.with_help(format!("add `{key}: …` to it")));
        }
    }
}

/// Whether a character is one of keys, not of expressions.
fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn quoted(key: &str) -> String {
    format!("`{key}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn values_are_read_and_the_rest_is_reported() {
        let text = "s: x\nb: true\ni: 7\nd: 5m\nl: [a, b]\none: a\ne: 12\nm: { k: v }\nodd: 1\nlate: 2\n";
        let file = SourceFile::new("f.yaml", text);
        let root = parse(&file).unwrap();
        let mut problems = Diagnostics::new();
        let mut fields = Fields::new(&root, "a thing", &file, &mut problems).unwrap();
        assert_eq!(fields.string("s", &mut problems).unwrap().value, "x");
        assert_eq!(fields.boolean("b", &mut problems), Some(true));
        assert_eq!(fields.integer("i", 0..=7, &mut problems).unwrap().value, 7);
        let duration = fields.duration("d", &mut problems).unwrap();
        assert_eq!(duration.value, 300_000_000_000);
        assert_eq!(fields.strings("l", &mut problems).unwrap().len(), 2);
        assert_eq!(fields.strings("one", &mut problems).unwrap().len(), 1);
        assert_eq!(fields.text("e", &mut problems).unwrap().value, "12");
        assert_eq!(fields.mapping("m", &mut problems).unwrap().entries.len(), 1);
        assert!(fields.node("absent").is_none());
        assert!(problems.is_empty());

        assert!(fields.integer("i", 8..=9, &mut problems).is_none());
        assert!(fields.require("needed").is_none());
        fields.reject("late", "this place", "not here", &mut problems);
        fields.finish(&mut problems);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["out-of-range", "misplaced-key", "unknown-key", "missing-key"]);
        let unknown = problems.iter().find(|problem| problem.code == "unknown-key").unwrap();
        assert_eq!(unknown.message, "unknown key `odd` in a thing");
        assert_eq!(file.line_column(unknown.span.start), (9, 1));
    }

    #[test]
    fn a_slip_of_the_pen_is_one_mistake() {
        let file = SourceFile::new("f.yaml", "neded: 1\nother: 2\n");
        let root = parse(&file).unwrap();
        let mut problems = Diagnostics::new();
        let mut fields = Fields::new(&root, "a thing", &file, &mut problems).unwrap();
        fields.require("needed");
        fields.require("name");
        fields.finish(&mut problems);
        let told: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        let expected = [
            "unknown key `neded` in a thing",
            "unknown key `other` in a thing",
            "a thing needs the key `name`",
        ];
        assert_eq!(told, expected);
        assert_eq!(problems.iter().next().unwrap().help.as_deref(), Some("did you mean `needed`?"));
    }

    #[test]
    fn what_is_no_mapping_is_reported() {
        let file = SourceFile::new("f.yaml", "- a\n");
        let mut problems = Diagnostics::new();
        assert!(Fields::new(&parse(&file).unwrap(), "a thing", &file, &mut problems).is_none());
        assert_eq!(problems.len(), 1);
    }
}

//! From a document to rules, with all mistakes reported.

mod absence;
mod action;
mod body;
mod bounds;
mod composite;
mod element;
mod list;
mod name;
mod order;
mod rule;
mod sequence;
mod test;
mod times;
mod window;

use std::collections::HashMap;
use std::sync::Arc;

use olocus_document::{
    Diagnostic, Diagnostics, Fields, Node, Scalar, SourceFile, Span, Spanned, Value, parse, read, suggest,
};

use super::RuleFile;

pub use element::MAX_STEPS;

/// The version of the rule language that this engine reads.
const VERSION: i64 = 1;

/// Reads a rule file. Everything that is wrong is added to `diagnostics`; the rules without
/// mistakes are returned, and drafts of the others, so that all can be checked further in the same run.
pub fn parse_rule_file(file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) -> RuleFile {
    let mut rule_file =
        RuleFile { file: Arc::clone(file), lists: Vec::new(), rules: Vec::new(), drafts: Vec::new() };
    match parse(file) {
        Ok(root) => Parser { file, diagnostics }.file(&root, &mut rule_file),
        Err(problems) => diagnostics.extend(problems),
    }
    rule_file
}

/// Reports rules and lists of one name in several files. Within a file, [`parse_rule_file`] does.
pub fn check_unique_names(files: &[RuleFile], diagnostics: &mut Diagnostics) {
    check_unique("rule", "duplicate-rule", files, diagnostics, |file| {
        let drafts = file.drafts.iter().filter_map(|draft| draft.name.as_ref());
        file.rules.iter().map(|rule| &rule.name).chain(drafts).collect()
    });
    check_unique("list", "duplicate-list", files, diagnostics, |file| {
        file.lists.iter().map(|list| &list.name).collect()
    });
}

fn check_unique(
    what: &str,
    code: &'static str,
    files: &[RuleFile],
    diagnostics: &mut Diagnostics,
    names: impl Fn(&RuleFile) -> Vec<&Spanned<String>>,
) {
    let mut first: HashMap<&str, (usize, Span)> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        for &Spanned { value: ref name, span: place } in names(file) {
            let (other, span) = *first.entry(name).or_insert((index, place));
            if other == index {
                continue;
            }
            let other = &files[other].file;
            let (line, _) = other.line_column(span.start);
            let message = format!("the {what} `{name}` is defined twice");
            let help = format!("the other one is at {}:{line}; rename one", other.name());
            diagnostics.push(Diagnostic::error(code, &file.file, place, message).with_help(help));
        }
    }
}

/// Where the mistakes of a file are gathered.
struct Parser<'a> {
    file: &'a Arc<SourceFile>,
    diagnostics: &'a mut Diagnostics,
}

impl Parser<'_> {
    fn file(&mut self, root: &Node, rule_file: &mut RuleFile) {
        if root.is_null() {
            self.report(
                "missing-key",
                root.span,
                "the rule file is empty",
                "start with `version: 1` and `rules:`",
            );
            return;
        }
        let Some(mut fields) = self.fields(root, "a rule file") else {
            return;
        };
        self.version(&mut fields);
        rule_file.lists = self.lists(&mut fields);
        // A file may hold lists for the rules of others.
        let rules = if fields.has("lists") { fields.node("rules") } else { fields.require("rules") };
        if let Some(node) = rules
            && let Some(items) = read::list(node, "`rules`", self.file, self.diagnostics)
        {
            if items.is_empty() && rule_file.lists.is_empty() {
                let warning = Diagnostic::warning("no-rules", self.file, node.span, "the file has no rules");
                self.diagnostics.push(warning);
            }
            let mut names = Names::new("rule", "duplicate-rule");
            for item in items {
                let before = self.diagnostics.error_count();
                let Some((draft, rule)) = self.rule(item, &mut names) else { continue };
                match rule.filter(|_| self.diagnostics.error_count() == before) {
                    Some(rule) => rule_file.rules.push(rule),
                    None => rule_file.drafts.push(draft),
                }
            }
        }
        fields.finish(self.diagnostics);
    }

    fn version(&mut self, fields: &mut Fields<'_>) {
        let Some(node) = fields.node("version") else {
            self.report(
                "missing-key",
                fields.head(),
                "the file says no `version`",
                "start it with `version: 1`",
            );
            return;
        };
        let message = match node.value {
            Value::Integer(VERSION) => return,
            Value::Integer(other) => format!("the rule language has no version {other}"),
            _ => format!("`version` must be a number, not {}", node.describe()),
        };
        let help = format!("this engine reads `version: {VERSION}`");
        self.report("unknown-version", self.place(node), message, help);
    }

    fn fields<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        Fields::new(node, what, self.file, self.diagnostics)
    }

    fn string(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<String> {
        let scalar = fields.string(key, self.diagnostics)?;
        Some(scalar.value.clone())
    }

    fn strings(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Vec<String> {
        let scalars = fields.strings(key, self.diagnostics).unwrap_or_default();
        scalars.into_iter().map(|scalar| scalar.value.clone()).collect()
    }

    /// The text of an expression.
    fn expression(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Scalar> {
        let text = fields.text(key, self.diagnostics)?;
        self.is_expression(text, &format!("`{key}`")).then(|| text.clone())
    }

    /// Whether there is an expression to look at; an empty one is reported.
    fn is_expression(&mut self, text: &Scalar, what: &str) -> bool {
        let is_empty = text.value.trim().is_empty();
        if is_empty {
            self.report(
                "empty-expression",
                text.span,
                format!("{what} is empty"),
                "write an expression, or leave the key out",
            );
        }
        !is_empty
    }

    /// A duration of more than nothing.
    fn positive_duration(&mut self, fields: &mut Fields<'_>, key: &'static str) -> Option<Spanned<i64>> {
        let duration = fields.duration(key, self.diagnostics)?;
        if duration.value <= 0 {
            self.report(
                "out-of-range",
                duration.span,
                format!("`{key}` must be longer than nothing"),
                "write a duration such as `90s` or `5m`",
            );
            return None;
        }
        Some(duration)
    }

    fn unknown_word(&mut self, what: &str, text: &Scalar, known: &[&str]) {
        let list = known.join("`, `");
        let help = match suggest(&text.value, known.iter().copied()) {
            Some(meant) if known.len() > 1 => {
                format!("did you mean `{meant}`? it is one of `{list}`")
            }
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.len() > 1 => format!("it is one of `{list}`"),
            None => format!("the only one is `{list}`"),
        };
        self.report("unknown-word", text.span, format!("unknown {what} `{}`", text.value), help);
    }

    /// Where to point for a problem of a whole node.
    fn place(&self, node: &Node) -> Span {
        read::place(node, self.file)
    }

    /// Adds an error and what would be right.
    fn report(
        &mut self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic::error(code, self.file, span, message).with_help(help));
    }
}

/// Names that must be distinct.
struct Names {
    /// What is named, for messages.
    what: &'static str,
    code: &'static str,
    places: HashMap<String, Span>,
}

impl Names {
    fn new(what: &'static str, code: &'static str) -> Names {
        Names { what, code, places: HashMap::new() }
    }

    /// Adds a name; one that was added before is reported.
    fn insert(&mut self, name: &Scalar, parser: &mut Parser<'_>) {
        let Some(first) = self.places.get(&name.value) else {
            self.places.insert(name.value.clone(), name.span);
            return;
        };
        let message = format!("two {}s are named `{}`", self.what, name.value);
        let problem = Diagnostic::error(self.code, parser.file, name.span, message)
            .with_label("again here")
            .with_related(*first, "first here")
            .with_help(format!("give each {} a name of its own", self.what));
        parser.diagnostics.push(problem);
    }
}

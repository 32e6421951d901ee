//! From a document to rules, with all mistakes reported.

mod action;
mod body;
mod test;

use std::collections::HashMap;
use std::sync::Arc;

use olocus_document::{
    Diagnostic, Diagnostics, Fields, Node, Scalar, SourceFile, Span, Spanned, Value, parse, read, suggest,
};

use super::{Draft, Rule, RuleFile, Severity, to_json};

pub use body::MAX_STEPS;

/// The version of the rule language that this engine reads.
const VERSION: i64 = 1;

/// The longest name of a rule, in bytes.
const MAX_NAME: usize = 200;

/// Reads a rule file. Everything that is wrong is added to `diagnostics`; the rules without
/// mistakes are returned, and drafts of the others, so that all can be checked further in the same run.
pub fn parse_rule_file(file: &Arc<SourceFile>, diagnostics: &mut Diagnostics) -> RuleFile {
    let mut rule_file = RuleFile { file: Arc::clone(file), rules: Vec::new(), drafts: Vec::new() };
    match parse(file) {
        Ok(root) => Parser { file, diagnostics }.file(&root, &mut rule_file),
        Err(problems) => diagnostics.extend(problems),
    }
    rule_file
}

/// Reports rules of one name in several files. Within a file, [`parse_rule_file`] does.
pub fn check_unique_names(files: &[RuleFile], diagnostics: &mut Diagnostics) {
    let mut first: HashMap<&str, (usize, Span)> = HashMap::new();
    for (index, file) in files.iter().enumerate() {
        let drafts = file.drafts.iter().filter_map(|draft| draft.name.as_ref());
        for &Spanned { value: ref name, span: place } in
            file.rules.iter().map(|rule| &rule.name).chain(drafts)
        {
            let (other, span) = *first.entry(name).or_insert((index, place));
            if other == index {
                continue;
            }
            let other = &files[other].file;
            let (line, _) = other.line_column(span.start);
            let message = format!("the rule `{name}` is defined twice");
            let help = format!("the other one is at {}:{line}; rename one", other.name());
            diagnostics.push(Diagnostic::error("duplicate-rule", &file.file, place, message).with_help(help));
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
        if let Some(node) = fields.require("rules")
            && let Some(items) = read::list(node, "`rules`", self.file, self.diagnostics)
        {
            if items.is_empty() {
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

    /// What of a rule can be read, and the rule if that is enough; where something is wrong, the rest is still read
    /// so that all mistakes are found.
    fn rule(&mut self, node: &Node, names: &mut Names) -> Option<(Draft, Option<Rule>)> {
        let mut fields = self.fields(node, "a rule")?;
        let name = self.rule_name(&mut fields, names);
        let description = self.string(&mut fields, "description");
        let severity = self.severity(&mut fields);
        let enabled = fields.boolean("enabled", self.diagnostics).unwrap_or(true);
        let before = self.diagnostics.error_count();
        let (by, by_is_list) = self.by(&mut fields);
        let by = (self.diagnostics.error_count() == before).then_some(by);
        let bodies = self.bodies(&mut fields);
        let (has_by, window) = (fields.has("by"), fields.node("window"));
        let is_in_window = window.and_then(Node::as_mapping).is_some_and(|window| window.get("by").is_some());
        let having = match fields.has("window") {
            true => self.expression(&mut fields, "having"),
            false => None,
        };
        let emit = self.emit(&mut fields);
        let actions = self.actions(&mut fields);
        let tags = self.strings(&mut fields, "tags");
        let owner = self.string(&mut fields, "owner");
        let references = self.strings(&mut fields, "references");
        let meta = match fields.node("meta") {
            Some(meta) => to_json(meta, self.file, self.diagnostics),
            None => None,
        };
        let include_events = self.include(&mut fields);
        let tests = self.tests(&mut fields);
        let found = self.diagnostics.len();
        fields.finish(self.diagnostics);
        // Where `by` is missing, it may be what an unknown or misplaced key was meant for.
        let is_unknown = self.diagnostics.iter().skip(found).any(|problem| problem.code == "unknown-key");
        let by = by.filter(|_| has_by || !(is_unknown || is_in_window));
        let draft = Draft { name, by, bodies, having, emit };
        let rule = || {
            let [body] = draft.bodies.as_slice() else { return None };
            Some(Rule {
                name: draft.name.clone()?,
                description,
                severity,
                enabled,
                by: draft.by.clone()?,
                by_is_list,
                body: body.complete()?,
                having: draft.having.clone(),
                emit: draft.emit.clone(),
                actions,
                tags,
                owner,
                references,
                meta,
                include_events,
                tests,
                span: node.span,
            })
        };
        let rule = rule();
        Some((draft, rule))
    }

    fn rule_name(&mut self, fields: &mut Fields<'_>, names: &mut Names) -> Option<Spanned<String>> {
        let node = fields.require("name")?;
        let name = read::string(node, "`name`", self.file, self.diagnostics)?;
        let is_bad = name.value.trim() != name.value
            || name.value.contains(char::is_control)
            || name.value.len() > MAX_NAME;
        if name.value.is_empty() || is_bad {
            let message = match name.value.is_empty() {
                true => "the name of the rule is empty".to_owned(),
                false => "the name of a rule is one line without blanks around it".to_owned(),
            };
            self.report("bad-name", name.span, message, format!("give it a name of up to {MAX_NAME} bytes"));
            return None;
        }
        names.insert(name, self);
        Some(Spanned::new(name.value.clone(), name.span))
    }

    fn severity(&mut self, fields: &mut Fields<'_>) -> Severity {
        let Some(text) = fields.text("severity", self.diagnostics) else {
            return Severity::default();
        };
        let known = Severity::ALL.map(Severity::as_str);
        match Severity::parse(&text.value) {
            Some(severity) => severity,
            None => {
                self.unknown_word("severity", text, &known);
                Severity::default()
            }
        }
    }

    fn by(&mut self, fields: &mut Fields<'_>) -> (Vec<Scalar>, bool) {
        let Some(node) = fields.node("by") else {
            return (Vec::new(), false);
        };
        let is_list = node.as_str().is_none();
        let Some(names) = read::strings(node, "`by`", self.file, self.diagnostics) else {
            return (Vec::new(), false);
        };
        if names.is_empty() {
            self.report(
                "empty-list",
                node.span,
                "`by` names no field",
                "name one, or leave `by` out for one key for all events",
            );
        }
        let mut seen = Names::new("key field", "duplicate-field");
        for name in &names {
            if name.value.trim().is_empty() {
                self.report(
                    "bad-name",
                    name.span,
                    "`by` names an empty field",
                    "write the name of a field, such as `user_id`",
                );
            }
            seen.insert(name, self);
        }
        (names.into_iter().cloned().collect(), is_list)
    }

    fn emit(&mut self, fields: &mut Fields<'_>) -> Vec<(Scalar, Scalar)> {
        let Some(mapping) = fields.mapping("emit", self.diagnostics) else {
            return Vec::new();
        };
        let mut emit = Vec::with_capacity(mapping.entries.len());
        for (name, node) in &mapping.entries {
            let what = format!("the expression of `{}`", name.value);
            let is_nothing = node.is_null() && node.scalar().is_none_or(|scalar| scalar.value.is_empty());
            if is_nothing {
                // In `{ n: count(distinct a, b) }` a comma ends the text, and what follows it is a key.
                let help = "write `name: expression`; between `{ }` a comma ends a value: put a text with commas \
                            in quotes";
                self.report("empty-expression", name.span, format!("{what} is missing"), help);
            } else if let Some(text) = read::text(node, &what, self.file, self.diagnostics)
                && self.is_expression(text, &what)
            {
                emit.push((name.clone(), text.clone()));
            }
        }
        emit
    }

    fn include(&mut self, fields: &mut Fields<'_>) -> bool {
        let Some(words) = fields.strings("include", self.diagnostics) else {
            return false;
        };
        for word in &words {
            if word.value != "events" {
                self.unknown_word("include", word, &["events"]);
            }
        }
        !words.is_empty()
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

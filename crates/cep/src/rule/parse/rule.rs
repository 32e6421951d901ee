//! A rule with what is common to all kinds of rules.

use olocus_document::{Fields, Node, Scalar, Spanned, read};

use super::{Names, Parser};
use crate::rule::{Draft, Rule, Severity, to_json};

/// The longest name of a rule, in bytes.
const MAX_NAME: usize = 200;

impl Parser<'_> {
    /// What of a rule can be read, and the rule if that is enough; where something is wrong, the rest is still read
    /// so that all mistakes are found.
    pub(super) fn rule(&mut self, node: &Node, names: &mut Names) -> Option<(Draft, Option<Rule>)> {
        let mut fields = self.fields(node, "a rule")?;
        let name = self.rule_name(&mut fields, names);
        let description = self.string(&mut fields, "description");
        let severity = self.severity(&mut fields);
        let enabled = fields.boolean("enabled", self.diagnostics).unwrap_or(true);
        let before = self.diagnostics.error_count();
        let (by, by_is_list) = self.by(&mut fields);
        let by = (self.diagnostics.error_count() == before).then_some(by);
        let bodies = self.bodies(&mut fields);
        let (drafts, body): (Vec<_>, Vec<_>) = bodies.into_iter().unzip();
        let (has_by, window) = (fields.has("by"), fields.node("window"));
        let is_in_window = window.and_then(Node::as_mapping).is_some_and(|window| window.get("by").is_some());
        let having = self.expression(&mut fields, "having");
        let limit = self.limit(&mut fields);
        let state = self.state(&mut fields);
        let emit = self.emit(&mut fields);
        let actions = self.actions(&mut fields);
        let tags = self.strings(&mut fields, "tags");
        let owner = self.string(&mut fields, "owner");
        let references = self.strings(&mut fields, "references");
        let meta = match fields.node("meta") {
            Some(meta) => to_json(meta, self.file, self.diagnostics),
            None => None,
        };
        let include = self.include(&mut fields);
        let tests = self.tests(&mut fields);
        let found = self.diagnostics.len();
        fields.finish(self.diagnostics);
        // Where `by` is missing, it may be what an unknown or misplaced key was meant for.
        let is_unknown = self.diagnostics.iter().skip(found).any(|problem| problem.code == "unknown-key");
        let by = by.filter(|_| has_by || !(is_unknown || is_in_window));
        let draft = Draft { name, by, bodies: drafts, having, emit };
        let rule = || {
            let [Some(body)] = <[_; 1]>::try_from(body).ok()? else { return None };
            Some(Rule {
                name: draft.name.clone()?,
                description,
                severity,
                enabled,
                by: draft.by.clone()?,
                by_is_list,
                body,
                having: draft.having.clone(),
                limit,
                state,
                emit: draft.emit.clone(),
                actions,
                tags,
                owner,
                references,
                meta,
                include,
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
}

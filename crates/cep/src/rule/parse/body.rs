//! `sequence` and `window`.

use olocus_document::{Fields, Node, Scalar, Spanned, Value, format_duration, read};

use super::{Names, Parser};
use crate::rule::{DraftBody, DraftStep, TypePattern, Window};

/// The most steps that a sequence may have.
pub const MAX_STEPS: usize = 64;

/// The most events that a count window may hold.
const MAX_COUNT: i64 = 1_000_000;

impl Parser<'_> {
    /// `sequence` or `window`; a rule has one of them, a draft may have none or both.
    pub(super) fn bodies(&mut self, fields: &mut Fields<'_>) -> Vec<DraftBody> {
        let sequence = fields.entry("sequence");
        let window = fields.entry("window");
        match (sequence, window) {
            (Some((_, node)), None) => self.sequence_body(fields, node).into_iter().collect(),
            (None, Some((_, node))) => self.window_body(fields, node).into_iter().collect(),
            (None, None) => {
                self.report(
                    "missing-key",
                    fields.head(),
                    "the rule has neither `sequence` nor `window`",
                    "say what to look for: `sequence:` with steps, or `window:` with one of \
                     `count`, `tumbling`, `sliding`, `session`",
                );
                // What stands beside them cannot be judged, but is known.
                for key in ["within", "where", "having"] {
                    fields.node(key);
                }
                Vec::new()
            }
            (Some((_, sequence)), Some((key, window))) => {
                self.report(
                    "two-bodies",
                    key.span,
                    "the rule has both `sequence` and `window`",
                    "make it two rules",
                );
                // Only one of the two is meant, but the mistakes in both are shown.
                let within = self.positive_duration(fields, "within").map(|within| within.value);
                let filter = self.expression(fields, "where");
                let sequence = self.steps(sequence).map(|steps| DraftBody::Sequence { steps, within });
                let window = self.window(window, filter);
                sequence.into_iter().chain(window).collect()
            }
        }
    }

    fn sequence_body(&mut self, fields: &mut Fields<'_>, node: &Node) -> Option<DraftBody> {
        let within = self.positive_duration(fields, "within");
        for (key, help) in [
            ("where", "each step of a sequence has its own `where`"),
            ("event", "each step of a sequence has its own `event`"),
            (
                "having",
                "`having` compares aggregates of a `window`; conditions on the events of a \
                 sequence are the `where` of its steps",
            ),
        ] {
            fields.reject(key, "a rule with a `sequence`", help, self.diagnostics);
        }
        let steps = self.steps(node)?;
        Some(DraftBody::Sequence { steps, within: within.map(|within| within.value) })
    }

    fn window_body(&mut self, fields: &mut Fields<'_>, node: &Node) -> Option<DraftBody> {
        for (key, help) in [
            ("within", "the time of a window is its length: `window: { tumbling: 5m, … }`"),
            ("event", "the event type stands in the window: `window: { …, event: … }`"),
        ] {
            fields.reject(key, "a rule with a `window`", help, self.diagnostics);
        }
        let filter = self.expression(fields, "where");
        self.window(node, filter)
    }

    fn steps(&mut self, node: &Node) -> Option<Vec<DraftStep>> {
        let items = read::list(node, "`sequence`", self.file, self.diagnostics)?;
        if items.is_empty() {
            self.report(
                "empty-list",
                node.span,
                "the sequence has no steps",
                "add a step: `- { step: login, event: auth.login }`",
            );
            return None;
        }
        if let Some(item) = items.get(MAX_STEPS) {
            self.report(
                "too-many-steps",
                item.head(),
                format!("the sequence has {} steps", items.len()),
                format!("it may have up to {MAX_STEPS}"),
            );
        }
        let mut names = Names::new("step", "duplicate-step");
        Some(items.iter().enumerate().map(|(index, item)| self.step(item, index == 0, &mut names)).collect())
    }

    fn step(&mut self, node: &Node, is_first: bool, names: &mut Names) -> DraftStep {
        let Some(mut fields) = self.fields(node, "a step") else {
            return DraftStep::unreadable(node.span);
        };
        let name = self.step_name(&mut fields, names);
        let event = self.event(&mut fields);
        let filter = self.expression(&mut fields, "where");
        let within = self.positive_duration(&mut fields, "within");
        if let (true, Some(within)) = (is_first, within) {
            self.report(
                "misplaced-key",
                within.span,
                "the first step has no step before it to be `within` a time of",
                "put `within` on later steps, or on the rule for all steps together",
            );
        }
        fields.finish(self.diagnostics);
        DraftStep { name, event, filter, within: within.map(|within| within.value), span: node.span }
    }

    fn step_name(&mut self, fields: &mut Fields<'_>, names: &mut Names) -> Option<Spanned<String>> {
        let node = fields.require("step")?;
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
        if !is_identifier(&name.value) {
            let message = format!("`{}` is not a name for a step", name.value);
            self.report("bad-name", name.span, message, identifier_help(&name.value));
            return None;
        }
        names.insert(name, self);
        Some(Spanned::new(name.value.clone(), name.span))
    }

    /// `event`: a type or a list of types, `None` unless all of them can be read.
    fn event(&mut self, fields: &mut Fields<'_>) -> Option<Vec<Spanned<TypePattern>>> {
        let node = fields.require("event")?;
        let before = self.diagnostics.error_count();
        let texts = read::strings(node, "`event`", self.file, self.diagnostics)?;
        if texts.is_empty() {
            if matches!(&node.value, Value::Sequence(items) if items.is_empty()) {
                self.report(
                    "empty-list",
                    node.span,
                    "`event` names no event type",
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

    fn window(&mut self, node: &Node, filter: Option<Scalar>) -> Option<DraftBody> {
        let mut fields = self.fields(node, "a window")?;
        let window = self.window_kind(&mut fields);
        let event = self.event(&mut fields);
        for (key, help) in [
            ("where", "`where` stands beside `window`, not in it"),
            ("having", "`having` stands beside `window`, not in it"),
            ("by", "`by` stands beside `window`, not in it"),
        ] {
            fields.reject(key, "a window", help, self.diagnostics);
        }
        fields.finish(self.diagnostics);
        Some(DraftBody::Window { window, event, filter })
    }

    fn window_kind(&mut self, fields: &mut Fields<'_>) -> Option<Window> {
        const KINDS: [&str; 4] = ["count", "tumbling", "sliding", "session"];
        let given: Vec<_> = KINDS.into_iter().filter_map(|kind| fields.entry(kind)).collect();
        match given.as_slice() {
            [] => self.report(
                "missing-key",
                fields.head(),
                "the window does not say how long it is",
                "give one of `count: 100`, `tumbling: 10s`, `sliding: 1m`, `session: 30s`",
            ),
            [_] => {}
            [(first, _), (second, _), ..] => {
                let message = format!("the window is both `{}` and `{}`", first.value, second.value);
                self.report(
                    "two-windows",
                    second.span,
                    message,
                    "give one of `count`, `tumbling`, `sliding`, `session`",
                );
            }
        }
        let count = fields.integer("count", 1..=MAX_COUNT, self.diagnostics);
        let tumbling = self.positive_duration(fields, "tumbling");
        let sliding = self.positive_duration(fields, "sliding");
        let session = self.positive_duration(fields, "session");
        let every = self.every(fields, sliding);
        if given.len() != 1 {
            return None;
        }
        let count = count.and_then(|count| u32::try_from(count.value).ok());
        count
            .map(Window::Count)
            .or(tumbling.map(|size| Window::Tumbling(size.value)))
            .or(sliding
                .map(|size| Window::Sliding { size: size.value, every: every.map(|every| every.value) }))
            .or(session.map(|gap| Window::Session(gap.value)))
    }

    /// `every`, which belongs to `sliding`.
    fn every(&mut self, fields: &mut Fields<'_>, sliding: Option<Spanned<i64>>) -> Option<Spanned<i64>> {
        let (key, _) = fields.entry("every")?;
        if !fields.has("sliding") {
            self.report(
                "misplaced-key",
                key.span,
                "`every` belongs to a `sliding` window",
                "write `sliding: 1m, every: 10s`, or leave `every` out",
            );
        }
        let every = self.positive_duration(fields, "every")?;
        if let Some(size) = sliding
            && every.value > size.value
        {
            let size = format_duration(size.value);
            let message = format!(
                "`every` ({}) is longer than the window ({size}), so that the events between \
                 windows would be lost",
                format_duration(every.value)
            );
            let help = format!("it may be up to {size}");
            self.report("out-of-range", every.span, message, help);
        }
        Some(every)
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

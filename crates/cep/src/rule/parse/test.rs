//! `tests`.

use jiff::Timestamp;
use olocus_document::{Fields, Node, Spanned, Value, parse_duration, read};

use super::{Names, Parser};
use crate::rule::json::mapping_to_json;
use crate::rule::{ExpectedMatch, RuleTest, TEST_START, TestEvent, TestList, to_json};

/// How often an event of a test may be repeated.
const REPEAT_MAX: i64 = 100_000;

impl Parser<'_> {
    pub(super) fn tests(&mut self, fields: &mut Fields<'_>) -> Vec<RuleTest> {
        let items = fields.list("tests", self.diagnostics).unwrap_or_default();
        let mut names = Names::new("test", "duplicate-test");
        let may_time_out = fields.has("on_timeout");
        items.iter().filter_map(|item| self.test(item, may_time_out, &mut names)).collect()
    }

    fn test(&mut self, node: &Node, may_time_out: bool, names: &mut Names) -> Option<RuleTest> {
        let mut fields = self.fields(node, "a test")?;
        let name =
            fields.require("name").and_then(|node| read::string(node, "`name`", self.file, self.diagnostics));
        if let Some(name) = name {
            names.insert(name, self);
        }
        let lists = self.lists_of_test(&mut fields);
        let events = fields
            .require("events")
            .and_then(|node| read::list(node, "`events`", self.file, self.diagnostics))
            .map(|items| items.iter().filter_map(|item| self.event_of_test(item)));
        let events: Option<Vec<TestEvent>> = events.map(Iterator::collect);
        let expect = fields.require("expect").and_then(|node| self.expect(node, "expect"));
        let timeouts = match fields.entry("timeouts") {
            Some((key, _)) if !may_time_out => {
                let help = "add `on_timeout` to the rule, or leave `timeouts` out";
                self.report("misplaced-key", key.span, "the rule does not tell what runs out of time", help);
                None
            }
            Some((_, node)) => self.expect(node, "timeouts"),
            None => None,
        };
        fields.finish(self.diagnostics);
        Some(RuleTest {
            name: name?.value.clone(),
            span: node.span,
            lists,
            events: events?,
            expect: expect?,
            timeouts,
        })
    }

    /// What lists hold in a test: rows by the name of the list.
    fn lists_of_test(&mut self, fields: &mut Fields<'_>) -> Vec<TestList> {
        let Some(mapping) = fields.mapping("lists", self.diagnostics) else { return Vec::new() };
        let mut lists = Vec::with_capacity(mapping.entries.len());
        for (name, node) in &mapping.entries {
            let what = format!("`{}`", name.value);
            let Some(items) = read::list(node, &what, self.file, self.diagnostics) else { continue };
            let row =
                |item: &Node| Some(Spanned::new(to_json(item, self.file, self.diagnostics)?, item.span));
            let rows = items.iter().filter_map(row).collect();
            lists.push(TestList { name: Spanned::new(name.value.clone(), name.span), rows });
        }
        lists
    }

    fn event_of_test(&mut self, node: &Node) -> Option<TestEvent> {
        let mut fields = self.fields(node, "an event of a test")?;
        let at = fields.require("at").and_then(|node| self.time(node));
        let event_type =
            fields.require("type").and_then(|node| read::string(node, "`type`", self.file, self.diagnostics));
        if let Some(event_type) = event_type
            && (event_type.value.is_empty() || event_type.value.contains(char::is_whitespace))
        {
            self.report(
                "bad-event-type",
                event_type.span,
                "an event type is not empty and has no blanks",
                "write the type of the event, such as `auth.login`",
            );
        }
        let repeat = fields.integer("repeat", 1..=REPEAT_MAX, self.diagnostics);
        let every = fields.duration("every", self.diagnostics);
        if let (Some(every), None) = (&every, &repeat) {
            self.report(
                "every-without-repeat",
                every.span,
                "`every` belongs to `repeat`",
                "say how often the event comes, such as `repeat: 100, every: 1s`",
            );
        }
        fields.finish_open(self.diagnostics);
        let mapping = node.as_mapping()?;
        let reserved = ["at", "type", "repeat", "every"];
        let payload = mapping_to_json(mapping, &reserved, self.file, self.diagnostics);
        Some(TestEvent {
            at: at?,
            repeat: repeat.map_or(1, |repeat| repeat.value.unsigned_abs()),
            every: every.map_or(0, |every| every.value),
            event_type: event_type?.value.clone(),
            fields: payload?,
            span: node.span,
        })
    }

    /// The time of an event: an offset from [`TEST_START`] or a time by RFC 3339.
    fn time(&mut self, node: &Node) -> Option<i64> {
        let text = node.scalar().map_or("", |scalar| scalar.value.as_str());
        let offset = match node.value {
            Value::String(_) => parse_duration(text).map(|offset| TEST_START.saturating_add(offset)),
            _ => None,
        };
        let time = || {
            let timestamp: Timestamp = text.parse().ok()?;
            i64::try_from(timestamp.as_nanosecond()).ok()
        };
        let at = offset.or_else(time);
        if at.is_none() {
            let message = match node.scalar() {
                Some(scalar) if !scalar.value.is_empty() => {
                    format!("`{}` is neither an offset nor a time", scalar.value)
                }
                _ => format!("`at` must be an offset or a time, not {}", node.describe()),
            };
            self.report(
                "bad-time",
                self.place(node),
                message,
                "write an offset such as `0s` or `1m30s`, or a time such as `2024-05-01T12:00:00Z`",
            );
        }
        at
    }

    fn expect(&mut self, node: &Node, key: &str) -> Option<Vec<ExpectedMatch>> {
        if node.as_str() == Some("none") {
            return Some(Vec::new());
        }
        let problem = match &node.value {
            Value::Sequence(items) if items.is_empty() => format!("`{key}` lists no match"),
            Value::Sequence(items) => {
                let expected: Vec<_> = items.iter().map(|item| self.expected_match(item)).collect();
                return expected.into_iter().collect();
            }
            _ => format!("`{key}` must be a list or `none`, not {}", node.describe()),
        };
        let help = format!("write `{key}: none`, or a list such as `[ {{ key: u1, emit: {{ n: 3 }} }} ]`");
        self.report("wrong-type", self.place(node), problem, help);
        None
    }

    fn expected_match(&mut self, node: &Node) -> Option<ExpectedMatch> {
        let mut fields = self.fields(node, "an expected match")?;
        let key = match fields.node("key") {
            Some(node) if node.as_mapping().is_some() => {
                let message = "`key` must be a value or a list of values, not a mapping";
                self.report(
                    "wrong-type",
                    self.place(node),
                    message,
                    "write `key: u1`, or `key: [ u1, h1 ]` where `by` is a list",
                );
                None
            }
            Some(node) => to_json(node, self.file, self.diagnostics),
            None => None,
        };
        let emit = fields
            .mapping("emit", self.diagnostics)
            .and_then(|mapping| mapping_to_json(mapping, &[], self.file, self.diagnostics));
        fields.finish(self.diagnostics);
        Some(ExpectedMatch { key, emit, span: node.span })
    }
}

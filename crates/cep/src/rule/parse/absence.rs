//! `not`: events that must not come.

use olocus_document::{Fields, Node, Value, format_duration};

use super::Parser;
use super::element::{Inside, Place, Reading};
use crate::rule::{DraftRole, DraftStep, Not};

/// Why a `not` has no `within`.
pub(super) const NOT_WITHIN_HELP: &str = "at the start or the end of a sequence write `for: 10m`; in between, a `not` \
                                          lasts until the next element, whose `within` bounds it";

/// What a `not` can be about.
const NOT_ONE_HELP: &str = "a `not` is about one event: write one for each that must not come, or list their types, as in \
                            `event: [a, b]`";

impl Parser<'_> {
    pub(super) fn not(&mut self, outer: &mut Fields<'_>, place: Place, reading: &mut Reading) -> Option<Not> {
        let node = outer.require("not");
        let lasts = self.lasts(outer, place, reading);
        let node = node?;
        if let Value::String(text) = &node.value {
            let help = format!("write `not: {{ event: {} }}`", text.value);
            self.report("wrong-type", node.span, "`not` must be a mapping, not a string", help);
        }
        let fields = match node.value {
            Value::String(_) => None,
            _ => self.fields(node, "a `not`"),
        };
        let Some(mut fields) = fields else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        };
        let composite = ["group", "any_of", "all_of", "not"].into_iter().find(|key| fields.has(key));
        if let Some(key) = composite {
            fields.reject(key, "a `not`", NOT_ONE_HELP, self.diagnostics);
        }
        let event = match composite {
            Some(_) => fields.node("event").and_then(|node| self.types(node, "event")),
            None => self.event(&mut fields),
        };
        let filter = self.expression(&mut fields, "where");
        let name = fields.node("step").and_then(|node| self.name_of_step(node, &mut reading.names));
        for key in ["for", "contiguity"] {
            let help = format!("`{key}` stands beside `not`, not in it");
            fields.reject(key, "a `not`", &help, self.diagnostics);
        }
        fields.reject("within", "a `not`", NOT_WITHIN_HELP, self.diagnostics);
        fields.finish(self.diagnostics);
        reading.asked.push(DraftStep {
            role: DraftRole::Not,
            name: name.clone(),
            event: event.clone(),
            filter: filter.clone(),
            span: node.span,
        });
        Some(Not { name, event: event?, filter, lasts, span: node.span })
    }

    /// `for`: how long something must not come, at the start and the end of a sequence.
    fn lasts(&mut self, fields: &mut Fields<'_>, place: Place, reading: &Reading) -> Option<i64> {
        let key = fields.entry("for").map(|(key, _)| key.span);
        let lasts = self.positive_duration(fields, "for");
        let is_strict = fields.node("contiguity").and_then(Node::as_str) == Some("strict");
        let at_start = place.inside == Inside::Sequence && place.is_first;
        let at_end = place.inside == Inside::Sequence && place.is_last && !at_start;
        match key {
            Some(key) if at_end && is_strict => self.report(
                "misplaced-key",
                key,
                "`for` waits for a time, but `contiguity: strict` for the very next event",
                "leave one of the two out",
            ),
            Some(key) if !at_start && !at_end => self.report(
                "misplaced-key",
                key,
                "`for` has no place in between: a `not` there lasts until the next element takes an event",
                "bound that time with `within` on the next element, or put the `not` at the end",
            ),
            None if at_start => self.report(
                "missing-key",
                fields.head(),
                "the `not` at the start does not say for how long nothing may have come",
                "add `for: 10m`, the time before the first event",
            ),
            None if at_end && !is_strict && reading.within.is_none() => self.report(
                "missing-key",
                fields.head(),
                "the `not` at the end does not say how long to wait",
                "add `for: 10m`, the time after the last event, or `within` to the rule",
            ),
            _ => {}
        }
        if let (Some(lasts), Some(within), true) = (lasts, reading.within, at_end)
            && lasts.value > within
        {
            let message = format!(
                "`for` ({}) is longer than the time of the whole rule ({})",
                format_duration(lasts.value),
                format_duration(within)
            );
            self.report(
                "out-of-range",
                lasts.span,
                message,
                "make it shorter, or `within` of the rule longer",
            );
        }
        lasts.map(|lasts| lasts.value)
    }
}

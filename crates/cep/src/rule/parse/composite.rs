//! `group`, `any_of` and `all_of`.

use olocus_document::{Fields, Node, Value, read};

use super::Parser;
use super::element::{Inside, Kind, Read, Reading};
use crate::rule::{DraftStep, Element, Step};

/// The most steps that may come in any order: each set of them is a state.
const MAX_ALL_OF: usize = 8;

impl Parser<'_> {
    pub(super) fn group(&mut self, fields: &mut Fields<'_>, reading: &mut Reading) -> Read {
        let nothing = Read { elements: None, can_be_empty: false, begins_optional: false };
        let Some(node) = fields.require("group") else { return nothing };
        let Some(items) = read::list(node, "`group`", self.file, self.diagnostics) else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return nothing;
        };
        if items.is_empty() {
            self.report("empty-list", node.span, "the group has no elements", "add a step to it");
            return nothing;
        }
        self.elements(items, Inside::Group, reading)
    }

    pub(super) fn any_of(
        &mut self,
        fields: &mut Fields<'_>,
        reading: &mut Reading,
    ) -> Option<Vec<Vec<Element>>> {
        let node = fields.require("any_of")?;
        let Some(items) = read::list(node, "`any_of`", self.file, self.diagnostics) else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        };
        if items.is_empty() {
            self.report(
                "empty-list",
                node.span,
                "`any_of` has no alternatives",
                "add two or more steps to it",
            );
            return None;
        }
        let alternatives: Vec<_> = items.iter().map(|item| self.alternative(item, reading)).collect();
        alternatives.into_iter().collect()
    }

    /// An element or a list of them.
    fn alternative(&mut self, node: &Node, reading: &mut Reading) -> Option<Vec<Element>> {
        let items = match &node.value {
            Value::Sequence(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        if items.is_empty() {
            let help = "put a step into it, or leave it out";
            self.report("empty-list", node.span, "an alternative of `any_of` has no elements", help);
            return None;
        }
        let read = self.elements(items, Inside::AnyOf, reading);
        if read.begins_optional {
            let (message, help) = match read.can_be_empty {
                true => (
                    "all of this alternative may be missing",
                    "make it required, and put the `any_of` into a `group` with `optional: true`",
                ),
                false => (
                    "this alternative begins with what may be missing",
                    "make it two alternatives, one with what may be missing and one without",
                ),
            };
            self.report("optional-alternative", items[0].head(), message, help);
        }
        read.elements
    }

    pub(super) fn all_of(&mut self, fields: &mut Fields<'_>, reading: &mut Reading) -> Option<Vec<Step>> {
        let node = fields.require("all_of")?;
        let Some(items) = read::list(node, "`all_of`", self.file, self.diagnostics) else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        };
        if items.is_empty() {
            self.report("empty-list", node.span, "`all_of` has no steps", "add two or more steps to it");
            return None;
        }
        if let Some(item) = items.get(MAX_ALL_OF) {
            let message = format!("`all_of` has {} steps", items.len());
            let help = format!("it may have up to {MAX_ALL_OF}");
            self.report("too-many-steps", item.head(), message, help);
        }
        let steps: Vec<_> = items.iter().map(|item| self.step_of_all(item, reading)).collect();
        steps.into_iter().collect()
    }

    fn step_of_all(&mut self, node: &Node, reading: &mut Reading) -> Option<Step> {
        let other = node.as_mapping().and_then(|mapping| {
            let others = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Step);
            others.filter_map(|kind| mapping.entry(kind.key())).map(|(key, _)| key).next()
        });
        if let Some(key) = other {
            let message = format!("`{}` has no place in `all_of`, which holds steps", key.value);
            self.report(
                "misplaced-key",
                key.span,
                message,
                "write each as `{ step: login, event: auth.login }`",
            );
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        }
        let Some(mut fields) = self.fields(node, "a step of `all_of`") else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        };
        let step = self.step(&mut fields, node, reading);
        for key in ["contiguity", "within"] {
            let help = format!("its steps come in any order; put `{key}` beside `all_of`");
            fields.reject(key, "a step of `all_of`", &help, self.diagnostics);
        }
        for key in ["times", "optional", "greedy", "until", "for"] {
            let help = "each step of `all_of` takes one event, others in between or not";
            fields.reject(key, "a step of `all_of`", help, self.diagnostics);
        }
        fields.finish(self.diagnostics);
        step
    }
}

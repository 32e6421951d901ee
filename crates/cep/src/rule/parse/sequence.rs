//! `sequence` and the keys of a rule that go with it.

use olocus_document::{Diagnostic, Fields, Node, Scalar, Spanned, read, suggest};

use super::element::{Inside, MAX_STEPS, Reading};
use super::{Names, Parser};
use crate::pattern::Contiguity;
use crate::rule::MAX_MATCHES_PER_EVENT;
use crate::rule::{AfterMatch, Body, DraftBody, DraftRole, DraftStep, Element, Sequence, Takes};

/// The most matches per event that a rule may ask for.
const MOST_MATCHES_PER_EVENT: i64 = 1_000_000;

/// The words of `after_match`.
const AFTER_MATCH: [&str; 5] = ["none", "to_next", "past_last", "to_first", "to_last"];

/// What other languages call them.
const ELSEWHERE: [(&str, &str); 7] = [
    ("no_skip", "none"),
    ("skip_to_next", "to_next"),
    ("skip_to_next_row", "to_next"),
    ("skip_past_last", "past_last"),
    ("skip_past_last_row", "past_last"),
    ("skip_past_last_event", "past_last"),
    ("past_last_event", "past_last"),
];

impl Parser<'_> {
    pub(super) fn sequence(
        &mut self,
        fields: &mut Fields<'_>,
        node: &Node,
    ) -> Option<(DraftBody, Option<Body>)> {
        let within = self.positive_duration(fields, "within");
        let from = fields.entry("from");
        let after_match = fields.node("after_match");
        let on_timeout = fields.entry("on_timeout");
        let max_matches =
            fields.integer("max_matches_per_event", 1..=MOST_MATCHES_PER_EVENT, self.diagnostics);

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
        let names = Names::new("step", "duplicate-step");
        let mut reading = Reading::new(names, within.map(|within| within.value));
        let elements = self.elements(items, Inside::Sequence, &mut reading).elements;
        self.check_number(&reading.asked);

        let types = from.and_then(|(_, node)| self.types(node, "from"));
        let after_match = after_match.map(|node| self.after_match(node, &reading)).unwrap_or_default();
        let actions = on_timeout.map(|(_, node)| self.actions_on_timeout(node));
        if let Some(elements) = &elements {
            if let (Some((key, _)), Some(_)) = (from, &types)
                && !elements.iter().any(is_strict)
            {
                let message = "`from` says nothing where no contiguity is `strict`";
                let warning = Diagnostic::warning("unused-key", self.file, key.span, message);
                self.diagnostics.push(
                    warning
                        .with_help("add `contiguity: strict` to what must follow at once, or leave it out"),
                );
            }
            if let Some((key, _)) = on_timeout
                && within.is_none()
                && !elements.iter().any(is_timed)
            {
                self.report(
                    "no-time-limit",
                    key.span,
                    "nothing in this rule can run out of time",
                    "add `within: 10m` to the rule or to a step, or leave `on_timeout` out",
                );
            }
        }
        let body = elements.map(|elements| {
            Body::Sequence(Sequence {
                elements,
                within: within.map(|within| within.value),
                from: types,
                after_match,
                on_timeout: actions,
                max_matches_per_event: max_matches
                    .and_then(|most| u32::try_from(most.value).ok())
                    .unwrap_or(MAX_MATCHES_PER_EVENT),
            })
        });
        Some((DraftBody::Sequence(reading.asked), body))
    }

    /// Each thing that is asked of events is one of the bits of a row.
    fn check_number(&mut self, asked: &[DraftStep]) {
        let Some(first) = asked.get(MAX_STEPS) else { return };
        let span = match (&first.name, first.role) {
            (Some(name), DraftRole::Step | DraftRole::Not) => name.span,
            _ => first.span,
        };
        let message = format!("the sequence asks {} things of events", asked.len());
        let help = format!("it may be up to {MAX_STEPS}, counting each step, `not` and `until`");
        self.report("too-many-steps", span, message, help);
    }

    fn after_match(&mut self, node: &Node, reading: &Reading) -> AfterMatch {
        const HELP: &str =
            "write `none`, `to_next`, `past_last`, `{ to_first: STEP }` or `{ to_last: STEP }`";
        if node.as_mapping().is_some() {
            return self.after_match_at_step(node, reading).unwrap_or_default();
        }
        match node.scalar() {
            Some(word) => match word.value.as_str() {
                "none" => return AfterMatch::Nothing,
                "to_next" => return AfterMatch::ToNext,
                "past_last" => return AfterMatch::PastLast,
                word @ ("to_first" | "to_last") => {
                    let message = format!("`{word}` does not say the first or last event of which step");
                    let first = reading.asked.iter().find_map(|asked| asked.name.as_ref());
                    let step = first.map_or("login", |name| &name.value);
                    self.report("missing-step", node.span, message, format!("write `{{ {word}: {step} }}`"));
                }
                _ => match ELSEWHERE.iter().find(|(name, _)| *name == word.value) {
                    Some((_, meant)) => {
                        let message = format!("unknown after_match `{}`", word.value);
                        self.report("unknown-word", word.span, message, format!("here it is `{meant}`"));
                    }
                    None => self.unknown_word("after_match", word, &AFTER_MATCH),
                },
            },
            None => {
                let message = format!("`after_match` must be a word or a mapping, not {}", node.describe());
                self.report("wrong-type", self.place(node), message, HELP);
            }
        }
        AfterMatch::Nothing
    }

    fn after_match_at_step(&mut self, node: &Node, reading: &Reading) -> Option<AfterMatch> {
        let mut fields = self.fields(node, "`after_match`")?;
        let first = fields.string("to_first", self.diagnostics);
        let last = fields.string("to_last", self.diagnostics);
        match (fields.entry("to_first"), fields.entry("to_last")) {
            (None, None) if !AFTER_MATCH[..3].iter().any(|word| fields.has(word)) => {
                fields.require("to_first");
            }
            (Some(_), Some((key, _))) => self.report(
                "two-words",
                key.span,
                "`after_match` is both `to_first` and `to_last`",
                "leave one of the two out",
            ),
            _ => {}
        }
        for word in &AFTER_MATCH[..3] {
            let help = format!("it names no step: write `after_match: {word}`");
            fields.reject(word, "`after_match: { … }`", &help, self.diagnostics);
        }
        fields.finish(self.diagnostics);
        for step in [first, last].into_iter().flatten() {
            self.check_step_taken(step, reading);
        }
        let named = |step: &Scalar| Spanned::new(step.value.clone(), step.span);
        match (first, last) {
            (Some(step), _) => Some(AfterMatch::ToFirst(named(step))),
            (None, Some(step)) => Some(AfterMatch::ToLast(named(step))),
            (None, None) => None,
        }
    }

    /// Reports the name of something that is no step.
    fn check_step_taken(&mut self, step: &Scalar, reading: &Reading) {
        let asked = &reading.asked;
        let of_role = |role: DraftRole| {
            asked
                .iter()
                .filter(move |asked| asked.role == role)
                .filter_map(|asked| asked.name.as_ref().map(|name| name.value.as_str()))
        };
        if of_role(DraftRole::Step).any(|name| name == step.value) {
            if reading.inner.contains(&step.value) {
                let message = format!("`{}` is in a `group` or `any_of`", step.value);
                let help = "name a step that stands in the sequence itself";
                self.report("unknown-step", step.span, message, help);
            }
            return;
        }
        let message = format!("there is no step `{}`", step.value);
        if of_role(DraftRole::Not).any(|name| name == step.value) {
            let message = format!("`{}` is a `not`, of which a match has no events", step.value);
            self.report("unknown-step", step.span, message, "name a step that takes events");
            return;
        }
        // It may be the name of a step that could not be read.
        let is_all_known = asked.iter().all(|asked| match asked.role {
            DraftRole::Step => asked.name.is_some(),
            DraftRole::Not | DraftRole::Until => true,
            DraftRole::Unknown => false,
        });
        if is_all_known {
            let help = match suggest(&step.value, of_role(DraftRole::Step)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => {
                    let steps: Vec<_> = of_role(DraftRole::Step).map(|name| format!("`{name}`")).collect();
                    format!("the steps are {}", steps.join(", "))
                }
            };
            self.report("unknown-step", step.span, message, help);
        }
    }
}

/// Whether something in it has to follow at once.
fn is_strict(element: &Element) -> bool {
    element.contiguity == Contiguity::Strict
        || element.times.contiguity == Contiguity::Strict
        || parts(element).any(is_strict)
}

/// Whether something in it has to come in time.
fn is_timed(element: &Element) -> bool {
    element.within.is_some() || element.times.gap.is_some() || parts(element).any(is_timed)
}

fn parts(element: &Element) -> impl Iterator<Item = &Element> {
    let (group, alternatives) = match &element.takes {
        Takes::Group(elements) => (elements.as_slice(), [].as_slice()),
        Takes::AnyOf(alternatives) => ([].as_slice(), alternatives.as_slice()),
        Takes::Step(_) | Takes::Not(_) | Takes::AllOf(_) => ([].as_slice(), [].as_slice()),
    };
    group.iter().chain(alternatives.iter().flatten())
}

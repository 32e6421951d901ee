//! `times`, `optional`, `greedy` and `until`.

use olocus_document::{Diagnostic, Fields, Node, Scalar, Spanned, Value, format_duration, read, suggest};

use super::Parser;
use super::element::Reading;
use crate::pattern::Contiguity;
use crate::rule::{DraftRole, DraftStep, Times, TypePattern, Until};

/// The most repetitions that may be asked for.
const MAX_TIMES: i64 = 1000;

/// What `times` looks like.
const TIMES_HELP: &str = "write `times: 3`, `times: { min: 2, max: 4 }` or `times: one_or_more`";

const CONTIGUITIES: [(&str, Contiguity); 3] = [
    ("strict", Contiguity::Strict),
    ("skip_till_next", Contiguity::SkipTillNext),
    ("skip_till_any", Contiguity::SkipTillAny),
];

/// What other languages call contiguities.
const ELSEWHERE: [(&str, &str); 8] = [
    ("next", "strict"),
    ("consecutive", "strict"),
    ("immediate", "strict"),
    ("relaxed", "skip_till_next"),
    ("followed_by", "skip_till_next"),
    ("followedby", "skip_till_next"),
    ("followed_by_any", "skip_till_any"),
    ("followedbyany", "skip_till_any"),
];

/// The step that is repeated, or none for a group.
pub(super) struct Repeated<'a> {
    pub(super) name: Option<&'a Spanned<String>>,
    /// The event types of the step, if they can be read; of a group there are none.
    pub(super) event: Option<&'a [Spanned<TypePattern>]>,
    pub(super) is_group: bool,
}

impl Parser<'_> {
    /// How often an element is taken. What cannot be read is taken for something that fits the rest.
    pub(super) fn times(
        &mut self,
        fields: &mut Fields<'_>,
        of: &Repeated<'_>,
        reading: &mut Reading,
    ) -> Times {
        let mut times = match fields.node("times") {
            Some(node) => self.number_of_times(node, reading),
            None => Times::default(),
        };
        times.optional = fields.boolean("optional", self.diagnostics).unwrap_or(false);
        let greedy = fields.entry("greedy");
        times.greedy = fields.boolean("greedy", self.diagnostics).unwrap_or(false);
        if let Some((key, _)) = greedy.filter(|_| times.greedy) {
            self.check_greedy(key, &times, of);
        }
        if let Some((key, node)) = fields.entry("until") {
            if times.max.is_some() {
                let message = match times.max {
                    Some(1) => "`until` ends repetitions, but this is taken once",
                    _ => "`until` ends repetitions that have no bound, but these have one",
                };
                let help = "write `times: one_or_more` or `times: { min: 2 }`, or leave `until` out";
                self.report("misplaced-key", key.span, message, help);
            }
            times.until = self.until(node, of, reading);
        }
        times
    }

    /// `contiguity`, if it is there; what cannot be read is the default.
    pub(super) fn contiguity(&mut self, fields: &mut Fields<'_>) -> Option<Spanned<Contiguity>> {
        let word = fields.string("contiguity", self.diagnostics)?;
        let known = CONTIGUITIES.iter().find(|(name, _)| *name == word.value);
        if let Some((_, contiguity)) = known {
            return Some(Spanned::new(*contiguity, word.span));
        }
        let lower = word.value.to_lowercase();
        match ELSEWHERE.iter().find(|(name, _)| *name == lower) {
            Some((_, meant)) => self.report(
                "unknown-word",
                word.span,
                format!("unknown contiguity `{}`", word.value),
                format!("here it is `{meant}`"),
            ),
            None => self.unknown_word("contiguity", word, &CONTIGUITIES.map(|(name, _)| name)),
        }
        Some(Spanned::new(Contiguity::default(), word.span))
    }

    /// Warns of a time limit that is never reached, because the rule's own ends before.
    pub(super) fn check_shorter(&mut self, key: &str, limit: Spanned<i64>, reading: &Reading) {
        if let Some(within) = reading.within
            && limit.value >= within
        {
            let message = format!(
                "`{key}` ({}) is no shorter than the time of the whole rule ({})",
                format_duration(limit.value),
                format_duration(within)
            );
            let warning = Diagnostic::warning("unused-key", self.file, limit.span, message);
            self.diagnostics.push(warning.with_help("make it shorter, or leave it out"));
        }
    }

    fn number_of_times(&mut self, node: &Node, reading: &Reading) -> Times {
        let unbounded = Times { max: None, ..Times::default() };
        match &node.value {
            Value::Integer(0) => {
                let help = "`optional: true` says that it may be missing";
                self.report("out-of-range", node.span, "`times` must be at least 1, not 0", help);
                unbounded
            }
            Value::Integer(_) => {
                match read::integer(node, 1..=MAX_TIMES, "`times`", self.file, self.diagnostics) {
                    Some(times) => {
                        let times = u32::try_from(times.value).unwrap_or(1);
                        Times { min: times, max: Some(times), ..Times::default() }
                    }
                    None => unbounded,
                }
            }
            Value::Mapping(_) => self.range_of_times(node, reading).unwrap_or(unbounded),
            Value::String(word) if word.value == "one_or_more" => unbounded,
            Value::String(word) => {
                let help = match suggest(&word.value, ["one_or_more"]) {
                    _ if ["zero_or_more", "*"].contains(&word.value.as_str()) => {
                        "write `times: one_or_more` and `optional: true`".to_owned()
                    }
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => TIMES_HELP.to_owned(),
                };
                let message = format!("`{}` is no number of times", word.value);
                self.report("unknown-word", word.span, message, help);
                unbounded
            }
            _ => {
                let message = format!("`times` must be a number or a mapping, not {}", node.describe());
                self.report("wrong-type", self.place(node), message, TIMES_HELP);
                unbounded
            }
        }
    }

    fn range_of_times(&mut self, node: &Node, reading: &Reading) -> Option<Times> {
        let mut fields = self.fields(node, "`times`")?;
        let min = match fields.node("min") {
            Some(node) if matches!(node.value, Value::Integer(0)) => {
                let help = "leave `min` out, and write `optional: true` beside `times`";
                self.report("out-of-range", node.span, "`min` must be at least 1, not 0", help);
                None
            }
            _ => fields.integer("min", 1..=MAX_TIMES, self.diagnostics),
        };
        let max = fields.integer("max", 1..=MAX_TIMES, self.diagnostics);
        let contiguity = self.contiguity(&mut fields);
        let gap = self.positive_duration(&mut fields, "gap");
        if let Some(gap) = gap {
            self.check_shorter("gap", gap, reading);
        }
        if let (Some(min), Some(max)) = (min, max)
            && max.value < min.value
        {
            let message = format!("`max` ({}) is less than `min` ({})", max.value, min.value);
            self.report("out-of-range", max.span, message, "make `max` the larger one, or leave it out");
        }
        let only_once = max.is_some_and(|max| max.value == 1);
        for key in ["contiguity", "gap"] {
            if let Some((key, _)) = fields.entry(key).filter(|_| only_once) {
                let message = format!("`{}` is between repetitions, but there are none", key.value);
                let help =
                    "leave it out, or give a larger `max`; what lies before the first is said beside `times`";
                self.report("misplaced-key", key.span, message, help);
            }
        }
        fields.reject(
            "within",
            "`times`",
            "the largest time between two repetitions is `gap`; `within` stands beside `times`",
            self.diagnostics,
        );
        for key in ["optional", "greedy", "until"] {
            let help = format!("`{key}` stands beside `times`, not in it");
            fields.reject(key, "`times`", &help, self.diagnostics);
        }
        fields.finish(self.diagnostics);
        let number = |number: Spanned<i64>| u32::try_from(number.value).ok();
        Some(Times {
            min: min.and_then(number).unwrap_or(1),
            max: max.and_then(number),
            contiguity: contiguity.map_or(Contiguity::SkipTillNext, |contiguity| contiguity.value),
            gap: gap.map(|gap| gap.value),
            ..Times::default()
        })
    }

    fn check_greedy(&mut self, key: &Scalar, times: &Times, of: &Repeated<'_>) {
        let (message, help) = if of.is_group {
            (
                "a group cannot be `greedy`",
                "leave it out: only the repetitions of a single step can be greedy",
            )
        } else if times.max == Some(1) {
            (
                "`greedy` takes as many as there are, but this is taken once",
                "add `times: one_or_more`, or leave `greedy` out",
            )
        } else if times.contiguity == Contiguity::SkipTillAny {
            ("`greedy` takes what it can, but `skip_till_any` also leaves it", "leave one of the two out")
        } else {
            return;
        };
        self.report("misplaced-key", key.span, message, help);
    }

    fn until(&mut self, node: &Node, of: &Repeated<'_>, reading: &mut Reading) -> Option<Until> {
        if let Value::String(text) = &node.value {
            let message = "`until` must be a mapping, not a string";
            let help = format!("write `until: {{ where: {} }}` or `until: {{ event: … }}`", text.value);
            self.report("wrong-type", self.place(node), message, help);
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        }
        let Some(mut fields) = self.fields(node, "`until`") else {
            reading.asked.push(DraftStep::unreadable(node.span));
            return None;
        };
        let own = of.event.map(<[_]>::to_vec);
        let event = match fields.node("event") {
            Some(node) => self.types(node, "event"),
            None if of.is_group => self.event(&mut fields),
            None => own,
        };
        let filter = self.expression(&mut fields, "where");
        if !fields.has("event") && !fields.has("where") && !of.is_group {
            self.report(
                "missing-key",
                fields.head(),
                "`until` does not say which event ends the repetitions",
                "give it an `event`, a `where`, or both",
            );
        }
        fields.finish(self.diagnostics);
        let draft = DraftStep {
            role: DraftRole::Until,
            name: of.name.cloned(),
            event: event.clone(),
            filter: filter.clone(),
            span: node.span,
        };
        reading.asked.push(draft);
        Some(Until { event: event?, filter, span: node.span })
    }
}

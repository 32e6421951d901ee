//! What may stand beside what in a sequence.

use olocus_document::Diagnostic;

use super::Parser;
use super::element::{Inside, Kind, Outline};

impl Parser<'_> {
    /// Reports elements that cannot stand where they do.
    pub(super) fn check_order(&mut self, elements: &[Outline], inside: Inside) {
        let is_not = |element: &Outline| element.kind == Kind::Not;
        let Some(first) = elements.first() else { return };
        if inside == Inside::Sequence && elements.iter().all(is_not) {
            self.report(
                "no-step",
                first.head,
                "the sequence takes no event",
                "add a `step`: a `not` says what must not come before, between or after steps",
            );
            return;
        }
        if inside == Inside::Sequence && elements.iter().filter(takes).all(|element| element.can_be_empty) {
            self.report(
                "empty-sequence",
                first.head,
                "all elements of the sequence may be missing",
                "make one of them required; steps of which any will do stand in `any_of`",
            );
        }
        for (at, element) in elements.iter().enumerate() {
            if is_not(element) {
                self.check_not(&elements[..at], element, &elements[at + 1..], inside);
            } else if element.is_greedy {
                self.check_what_follows_greedy(element, &elements[at + 1..], inside);
            }
        }
    }

    fn check_not(&mut self, before: &[Outline], not: &Outline, after: &[Outline], inside: Inside) {
        let previous = before.iter().rev().find(takes);
        let has_next = after.iter().any(|element| element.kind != Kind::Not);
        match (previous, has_next, inside) {
            (None, _, Inside::Group | Inside::AnyOf) => {
                let help = "put it before the whole, or after the first step";
                self.report("misplaced-not", not.head, format!("{} begins with `not`", inside.noun()), help);
            }
            (_, false, Inside::Group | Inside::AnyOf) => {
                let help = "put it after the whole, or before the last step";
                self.report("misplaced-not", not.head, format!("{} ends with `not`", inside.noun()), help);
            }
            (None, _, Inside::Sequence) if !before.is_empty() => self.report_second("start", not),
            (Some(_), false, Inside::Sequence)
                if before.last().is_some_and(|element| element.kind == Kind::Not) =>
            {
                self.report_second("end", not);
            }
            (Some(previous), _, _) if previous.can_be_empty => {
                let problem = Diagnostic::error(
                    "not-after-optional",
                    self.file,
                    not.head,
                    "a `not` cannot follow what may be missing",
                )
                .with_related(previous.head, "this may be missing")
                .with_help("make it two rules, one with what may be missing and one without");
                self.diagnostics.push(problem);
            }
            (Some(_), true, _) if after.iter().filter(takes).all(|element| element.can_be_empty) => self
                .report(
                    "not-before-optional",
                    not.head,
                    "all that follows this `not` may be missing, so that it forbids nothing",
                    "make one of the elements after it required, or put the `not` at the end",
                ),
            _ => {}
        }
    }

    fn report_second(&mut self, place: &str, not: &Outline) {
        let help = "name the types of both in one `not`: `event: [ a, b ]`";
        self.report("two-nots", not.head, format!("a second `not` at the {place} of the sequence"), help);
    }

    fn check_what_follows_greedy(&mut self, greedy: &Outline, after: &[Outline], inside: Inside) {
        match after.first() {
            Some(next) if next.can_be_empty => {
                let problem = Diagnostic::error(
                    "greedy-before-optional",
                    self.file,
                    next.head,
                    "what may be missing cannot follow a `greedy` step",
                )
                .with_related(greedy.head, "this is greedy")
                .with_help("make it required, or leave `greedy` out");
                self.diagnostics.push(problem);
            }
            None if inside == Inside::Sequence => {
                let message = "`greedy` says nothing at the end: a match is complete with every repetition";
                let warning = Diagnostic::warning("unused-key", self.file, greedy.head, message);
                self.diagnostics.push(warning.with_help(
                    "add `after_match: past_last` for matches that share no event, or a step that ends the repetitions",
                ));
            }
            _ => {}
        }
    }
}

fn takes(element: &&Outline) -> bool {
    element.kind != Kind::Not
}

impl Inside {
    fn noun(self) -> &'static str {
        match self {
            Inside::Sequence => "the sequence",
            Inside::Group => "the group",
            Inside::AnyOf => "an alternative",
        }
    }
}

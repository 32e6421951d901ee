//! What rules can say and this engine does not evaluate yet. It is reported, so that nobody relies on what does not happen.

use std::sync::Arc;

use olocus_cep::pattern::Contiguity;
use olocus_cep::rule::{
    AfterMatch, Body, Element, Include, MAX_MATCHES_PER_EVENT, Rule, RuleFile, Sequence, StateBounds, Step,
    Takes,
};
use olocus_document::{Diagnostic, Diagnostics, SourceFile, Span};

const HELP: &str = "leave it out: this version of the engine does not evaluate it yet";

/// Reports lists, which expressions cannot name yet.
pub(super) fn report_lists(file: &RuleFile, diagnostics: &mut Diagnostics) {
    for list in &file.lists {
        report(&file.file, list.span, "lists", diagnostics);
    }
}

/// Reports what of a rule is not evaluated.
pub(super) fn report_rule(file: &Arc<SourceFile>, rule: &Rule, diagnostics: &mut Diagnostics) {
    let mut of_rule = vec![
        ("`limit`", rule.limit.is_some()),
        ("`state`", rule.state != StateBounds::default()),
        ("`include: none`", rule.include == Include::Nothing),
    ];
    if let Body::Sequence(sequence) = &rule.body {
        of_rule.extend([
            ("`from`", sequence.from.is_some()),
            ("`after_match`", sequence.after_match != AfterMatch::Nothing),
            ("`on_timeout`", sequence.on_timeout.is_some()),
            ("`max_matches_per_event`", sequence.max_matches_per_event != MAX_MATCHES_PER_EVENT),
        ]);
        if let Some(having) = &rule.having {
            report(file, having.span, "`having` of a sequence", diagnostics);
        }
        for element in sequence.elements.iter().filter(|element| plain_step(element).is_none()) {
            report(file, element.span, what(element), diagnostics);
        }
    }
    for (what, _) in of_rule.into_iter().filter(|(_, is_there)| *is_there) {
        report(file, rule.name.span, what, diagnostics);
    }
}

/// The steps of a sequence with their time limits, if there are only such as are evaluated.
pub(super) fn plain_steps(sequence: &Sequence) -> Option<Vec<(&Step, Option<i64>)>> {
    sequence.elements.iter().map(|element| Some((plain_step(element)?, element.within))).collect()
}

fn plain_step(element: &Element) -> Option<&Step> {
    match &element.takes {
        Takes::Step(step)
            if element.contiguity == Contiguity::SkipTillNext
                && element.times.max == Some(1)
                && !element.times.optional =>
        {
            Some(step)
        }
        _ => None,
    }
}

fn what(element: &Element) -> &'static str {
    match &element.takes {
        Takes::Not(_) => "`not`",
        Takes::Group(_) => "`group`",
        Takes::AnyOf(_) => "`any_of`",
        Takes::AllOf(_) => "`all_of`",
        Takes::Step(_) if element.times.optional => "`optional`",
        Takes::Step(_) if element.times.max != Some(1) => "`times`",
        Takes::Step(_) => "`contiguity`",
    }
}

fn report(file: &Arc<SourceFile>, span: Span, what: &str, diagnostics: &mut Diagnostics) {
    let message = format!("{what} cannot be evaluated yet");
    diagnostics.push(Diagnostic::error("not-yet-active", file, span, message).with_help(HELP));
}

//! Warnings about what rules may say and likely do not mean.

use olocus_cep::rule::{Body, Rule};
use olocus_document::{Diagnostic, Diagnostics, Level, Scalar};
use olocus_expr::Schemas;

use super::asked::name;
use super::compile::literal_types;
use super::report::point;

/// Warns of fields that are likely misspelt, in all expressions of a rule.
pub(super) fn check(rule: &Rule, schemas: &Schemas, diagnostics: &mut Diagnostics) {
    let mut check = |text: &Scalar, types: &[String], steps: &[(&str, &[String])]| {
        let doubts = schemas.doubts(&text.value, types, steps);
        let warn = |problem| Diagnostic { level: Level::Warning, ..point(text, problem) };
        diagnostics.extend(doubts.into_iter().map(warn));
    };
    match &rule.body {
        Body::Sequence(sequence) => {
            let asked = sequence.asked();
            let types: Vec<_> = asked.iter().map(|asked| literal_types(asked.event())).collect();
            let named =
                asked.iter().zip(&types).filter_map(|(asked, types)| Some((name(*asked)?, &types[..])));
            let scopes: Vec<_> = named.collect();
            // With a step of unknown type among them, a field of the key may be one of its events.
            let all = if types.iter().all(|types| !types.is_empty()) { types.concat() } else { Vec::new() };
            rule.by.iter().for_each(|text| check(text, &all, &[]));
            for (asked, types) in asked.iter().zip(&types) {
                asked.filter().into_iter().for_each(|text| check(text, types, &scopes));
            }
            let texts = rule.having.iter().chain(rule.emit.iter().map(|(_, text)| text));
            texts.for_each(|text| check(text, &[], &scopes));
        }
        Body::Window { event, filter, .. } => {
            let types = literal_types(event);
            let texts = rule.by.iter().chain(filter).chain(&rule.having);
            texts.chain(rule.emit.iter().map(|(_, text)| text)).for_each(|text| check(text, &types, &[]));
        }
    }
}

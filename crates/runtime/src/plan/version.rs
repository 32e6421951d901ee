//! A rule's version: a hash of what it means, whatever its text looks like.

use olocus_cep::rule::{Action, Body, Rule};
use sha2::{Digest, Sha256};

/// The first 16 hexadecimal digits of a SHA-256 over the rule's name, key (`by`), steps or window, conditions and
/// emitted values (`meaning`), all in their normalised form, severity and actions. Description, tags, tests and
/// the layout of the file do not enter.
pub(super) fn of(rule: &Rule, by: &[&str], meaning: &[String]) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        // The length keeps neighbouring parts from running into each other.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    };
    add(&rule.name.value);
    add(rule.severity.as_str());
    add(if rule.by_is_list { "list" } else { "single" });
    by.iter().for_each(|field| add(field));
    for part in meaning {
        add(part);
    }
    let on_timeout = match &rule.body {
        Body::Sequence(sequence) => sequence.on_timeout.as_deref(),
        Body::Window { .. } => None,
    };
    add(if on_timeout.is_some() { "timeouts" } else { "" });
    for action in rule.actions.iter().chain(on_timeout.unwrap_or_default()) {
        match action {
            Action::Publish { topic } => add(&format!("publish {}", topic.value)),
            Action::Log { level } => add(&format!("log {level:?}")),
            Action::Webhook { url, headers, timeout } => {
                add(&format!("webhook {} {headers:?} {timeout}", url.value));
            }
        }
    }
    add(&format!("include {:?}, limit {:?}", rule.include, rule.limit));
    crate::hex(&hash.finalize()[..8])
}

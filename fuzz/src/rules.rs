//! Bytes as a rule file: read, checked, planned, explained, formatted.

use std::sync::Arc;

use olocus_cep::Limits;
use olocus_cep::rule::{Rule, RuleFile, RuleTest, parse_rule_file};
use olocus_document::{Diagnostics, SourceFile};
use olocus_expr::Schemas;
use olocus_runtime::{Plan, SourceSpec, Task, compile};

/// A file that was read.
struct Read {
    file: RuleFile,
    diagnostics: Diagnostics,
    plan: Option<Plan>,
}

/// Whatever a rule file says, its mistakes can be shown, or it runs and can be explained; and formatting keeps what a file
/// without mistakes means.
///
/// # Panics
/// If that does not hold.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = read(text);
    for color in [false, true] {
        read.diagnostics.render(color);
    }
    let formatted = olocus_server::format_rules("rules.yaml", text);
    let Some(plan) = read.plan else { return };
    let rules = plan.rule_names().count();
    for rule in 0..rules {
        plan.explain(rule, Limits::default());
    }
    let before = meaning(&read.file, &plan);
    Task::new(Arc::new(plan), Limits::default());

    // The layout may be refused, and then says why.
    let formatted = match formatted {
        Ok(formatted) => formatted,
        Err(why) => return assert!(why.has_errors()),
    };
    let again = self::read(&formatted);
    let plan = again.plan.unwrap_or_else(|| {
        panic!("formatting made mistakes:\n{formatted}\n{}", again.diagnostics.render(false))
    });
    assert_eq!(before, meaning(&again.file, &plan), "formatting changed the meaning:\n{formatted}");
    if let Ok(twice) = olocus_server::format_rules("rules.yaml", &formatted) {
        assert_eq!(meaning(&again.file, &plan), meaning(&self::read(&twice).file, &plan));
    }
}

fn read(text: &str) -> Read {
    let mut diagnostics = Diagnostics::new();
    let file = parse_rule_file(&SourceFile::new("rules.yaml", text), &mut diagnostics);
    let files = [file];
    let sources = [SourceSpec::default_for(&files)];
    let plan = compile(&files, &sources, &Arc::new(Schemas::empty()), &mut diagnostics);
    let [file] = files;
    Read { file, diagnostics, plan }
}

/// What a file means, whatever it looks like.
fn meaning(file: &RuleFile, plan: &Plan) -> Vec<String> {
    let versions =
        plan.rule_names().enumerate().map(|(rule, name)| format!("{name} {}", plan.rule_version(rule)));
    versions.chain(file.rules.iter().map(about)).collect()
}

/// What a rule says beside what its version tells.
fn about(rule: &Rule) -> String {
    let Rule { name, description, enabled, state, tags, owner, references, meta, tests, .. } = rule;
    let tests: Vec<String> = tests.iter().map(test).collect();
    format!(
        "{} {description:?} {enabled} {state:?} {tags:?} {owner:?} {references:?} {meta:?} {tests:?}",
        name.value
    )
}

fn test(test: &RuleTest) -> String {
    let RuleTest { name, lists, events, expect, timeouts, span: _ } = test;
    let lists = lists.iter().map(|list| {
        let rows: Vec<_> = list.rows.iter().map(|row| &row.value).collect();
        format!("{} {rows:?}", list.name.value)
    });
    let events = events.iter().map(|event| {
        format!("{} {} {} {} {:?}", event.at, event.repeat, event.every, event.event_type, event.fields)
    });
    let expected = expect.iter().chain(timeouts.iter().flatten());
    let expected = expected.map(|expected| format!("{:?} {:?}", expected.key, expected.emit));
    let parts: Vec<String> = lists.chain(events).chain(expected).collect();
    format!("{name} {parts:?}")
}

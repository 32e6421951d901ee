//! Rule files that ship, the language reference, and replay against an independent evaluator.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

use crate::support::{olocus, root, shared, text};

#[test]
fn the_rules_that_ship_have_no_mistakes_and_pass_their_tests() {
    let folders = ["rules/security.yaml", "rules/operations.yaml", "rules/windows"];
    let output = olocus(&[&["rules", "test"], &folders[..]].concat());
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains(" 0 failed"));
}

#[test]
fn every_example_of_the_language_reference_passes_its_tests() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let reference = read("rules/README.md") + &read("rules/patterns.md") + &read("README.md");
    let folder = tempfile::tempdir().unwrap();
    let mut failures = String::new();
    let mut examples = 0;
    for (number, rest) in reference.split("\n```yaml\n").skip(1).enumerate() {
        let example = rest.split("\n```").next().unwrap();
        if example.starts_with("orchestration:") {
            continue;
        }
        let path = folder.path().join(format!("example-{}.yaml", number + 1));
        std::fs::write(&path, example).unwrap();
        let output = olocus(&["rules", "test", path.to_str().unwrap()]);
        examples += 1;
        if !output.status.success() {
            failures += &format!("{}{}", text(&output.stdout), text(&output.stderr));
        }
    }
    assert!(examples > 15, "{examples} examples");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn mistakes_are_all_told_with_their_places_and_nothing_is_run() {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let rules = "
version: 1
rules:
  - name: a
    sequence:
      - { step: s, event: t, where: lowr(x) = 'a' }
    emit: { v: nostep.x }
  - name: b
    sequence:
      - { stp: q, event: t }
";
    file.write_all(rules.as_bytes()).unwrap();
    let output = olocus(&["rules", "check", file.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let told = text(&output.stderr);
    for part in [":6:", "lowr", ":7:", "nostep", ":10:", "stp"] {
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }
}

#[test]
fn the_windows_rules_find_what_an_independent_evaluator_finds() {
    let Some(recording) = shared("data/security-datasets/purplesharp_ad_playbook_I.zip") else {
        // Standard error of a passing test is captured; the runner's own output is not.
        let _ = writeln!(
            std::fs::OpenOptions::new().append(true).open("/dev/stderr").unwrap(),
            "SKIPPED: the Windows recording is not there (../shared)"
        );
        return;
    };
    let recording = recording.to_str().unwrap();
    let oracle = Command::new("python3")
        .arg(root().join("tests/oracle/windows_rules.py"))
        .arg(recording)
        .output()
        .unwrap();
    assert!(oracle.status.success(), "{}", text(&oracle.stderr));
    let replay = |batch: &str| {
        let args = ["replay", "--rules", "rules/windows", "--input", recording, "--time-field", "@timestamp"];
        let rest = ["--type-expr", "'win.' || EventID", "--out-of-order", "1s", "--batch-records", batch];
        let output = olocus(&[&args[..], &rest[..]].concat());
        assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
        text(&output.stdout)
    };
    let found = replay("4096");
    assert_eq!(replay("77"), found, "batch sizes change nothing");
    assert_eq!(counted(&found, ours), counted(&text(&oracle.stdout), theirs));
}

/// Matches as a multiset: rule, key, times and line numbers.
fn counted(lines: &str, view: impl Fn(&Value) -> Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines.lines() {
        let found: Value = serde_json::from_str(line).unwrap();
        *counts.entry(view(&found).to_string()).or_default() += 1;
    }
    counts
}

fn ours(found: &Value) -> Value {
    let line = |event: &Value| event["offset"].clone();
    let place = match found.get("window") {
        Some(window) => {
            serde_json::json!([
                window["start"],
                window["end"],
                window["count"],
                line(&window["first"]),
                line(&window["last"])
            ])
        }
        None => found["events"].as_object().unwrap().values().map(|events| line(&events[0])).collect(),
    };
    serde_json::json!([found["rule"], found["key"], place])
}

fn theirs(found: &Value) -> Value {
    let place = match found.get("window") {
        Some(window) => {
            serde_json::json!([
                window["start"],
                window["end"],
                window["count"],
                window["first"],
                window["last"]
            ])
        }
        None => found["events"].as_object().unwrap().values().map(|lines| lines[0].clone()).collect(),
    };
    serde_json::json!([found["rule"], found["key"], place])
}

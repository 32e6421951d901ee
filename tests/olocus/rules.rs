//! Rule files that ship, the language reference, and replay against an independent evaluator.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{olocus, root, shared, skipped, text};

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
    let pages =
        ["rules/README.md", "rules/patterns.md", "rules/aggregates.md", "rules/lists.md", "README.md"];
    let reference = pages.map(read).concat();
    let folder = tempfile::tempdir().unwrap();
    // Blocks of lists say how their files are called.
    for block in
        reference.split("\n```").filter(|block| block.starts_with("csv ") || block.starts_with("json "))
    {
        let (head, content) = block.split_once('\n').unwrap();
        let (_, name) = head.split_once(' ').unwrap();
        std::fs::write(folder.path().join(name), format!("{content}\n")).unwrap();
    }
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
        skipped("the Windows recording is not there (../shared)");
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
        let rest = ["--type-expr", "'win.' || EventID", "--out-of-order", "21ms", "--batch-records", batch];
        let output = olocus(&[&args[..], &rest[..]].concat());
        assert!(output.status.success(), "{}: {}", output.status, text(&output.stderr));
        text(&output.stdout)
    };
    let found = replay("4096");
    assert_eq!(replay("77"), found, "batch sizes change nothing");
    let expected = counted(&text(&oracle.stdout), Value::clone);
    assert_eq!(counted(&found, |event| event["offset"].clone()), expected);
}

/// Matches as a multiset: rule, key, times, line numbers and emitted values.
fn counted(lines: &str, line_of: impl Fn(&Value) -> Value) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines.lines() {
        let found = by_value(serde_json::from_str(line).unwrap());
        let place = match found.get("window") {
            Some(window) => {
                let edges = [line_of(&window["first"]), line_of(&window["last"])];
                json!([window["start"], window["end"], window["count"], edges])
            }
            None => {
                let lines = found["events"].as_object().unwrap().iter();
                let lines: BTreeMap<_, _> = lines.map(|(step, events)| (step, line_of(&events[0]))).collect();
                json!([found["start"], found["end"], lines])
            }
        };
        *counts.entry(json!([found["rule"], found["key"], place, found["emit"]]).to_string()).or_default() +=
            1;
    }
    counts
}

/// JSON in which whole numbers are integers and members in the order of their names, however they were written.
fn by_value(json: Value) -> Value {
    match json {
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                json!(float as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(parts) => parts.into_iter().map(by_value).collect(),
        Value::Object(members) => {
            let sorted: BTreeMap<String, Value> = members.into_iter().collect();
            sorted.into_iter().map(|(name, value)| (name, by_value(value))).collect()
        }
        other => other,
    }
}

//! Cases: those observed elsewhere, where they are at hand, and our own for what is not the same there.

use std::path::{Path, PathBuf};

use olocus_reference::case::{self, Case};
use olocus_reference::{Verdict, judge};

/// Files of cases in a folder next to the workspace; none if there is no such folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance").join(folder);
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// How many cases pass and are skipped, and what those that do not pass come to.
fn judged(cases: &[Case]) -> (usize, usize, Vec<String>) {
    let (mut passed, mut skipped, mut failures) = (0, 0, Vec::new());
    for case in cases {
        match judge(case) {
            Verdict::Skipped(_) => skipped += 1,
            Verdict::Rejected => passed += 1,
            Verdict::Misjudged(how) => failures.push(format!("{}: {how}", case.id)),
            Verdict::Run(results) => {
                let failed = results.iter().filter(|(_, differences)| !differences.is_empty());
                let failed: Vec<String> = failed
                    .map(|(under, differences)| {
                        format!("{} ({}): {}", case.id, under.name(), differences.join("; "))
                    })
                    .collect();
                passed += usize::from(failed.is_empty());
                failures.extend(failed);
            }
        }
    }
    (passed, skipped, failures)
}

#[allow(clippy::print_stderr)]
fn conform(folder: &str) {
    let files = files(folder);
    if files.is_empty() {
        eprintln!("skipped: no cases in ../shared/conformance/{folder}");
    }
    for file in files {
        let cases = case::read(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let (passed, skipped, failures) = judged(&cases);
        eprintln!("{}: {passed} passed, {skipped} skipped", file.display());
        assert!(failures.is_empty(), "{}:\n{}", file.display(), failures.join("\n"));
        assert!(passed > 0, "{}: nothing was run", file.display());
    }
}

#[test]
fn cases_by_hand_agree() {
    conform("flink-cep/hand");
}

#[test]
fn random_cases_agree() {
    conform("flink-cep/random");
}

#[test]
fn own_meanings_hold() {
    let cases = case::read(include_str!("meanings.jsonl")).unwrap();
    let (passed, _, failures) = judged(&cases);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(passed, cases.len());
}

#[test]
fn what_is_not_expected_is_seen() {
    let text = include_str!("meanings.jsonl").lines().next().unwrap();
    let wrong = text.replacen("\"at\":", "\"at\":1", 1);
    assert_ne!(text, wrong);
    let (passed, _, failures) = judged(&case::read(&wrong).unwrap());
    assert_eq!((passed, failures.is_empty()), (0, false));
}

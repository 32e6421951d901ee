//! What `olocus rules explain` says, word for word, and what it prints for programs.
//!
//! After a change that is meant to change explanations, run with `INSTA_UPDATE=always` and read the difference.

mod dot;

use serde_json::Value;

use crate::support::{olocus, root, text};

/// Standard output of the command, which must succeed without a word on standard error.
fn explained(args: &[&str]) -> String {
    let output = olocus(&[&["rules", "explain"], args].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn file(name: &str) -> String {
    format!("tests/olocus/explain/{name}.yaml")
}

/// The explanation without the sizes of what is held, which depend on the machine, and without versions.
fn without_sizes(explanation: &str) -> String {
    let line = |line: &str| {
        if let Some(sizes) = line.strip_prefix("  bytes: ") {
            let sizes: Vec<&str> = sizes.split_inclusive(' ').collect();
            let is_size = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
            let sizes = sizes.into_iter().map(|word| if is_size(&word) { "# " } else { word });
            return format!("  bytes: {}\n", sizes.collect::<String>());
        }
        match line.split_once(", version ") {
            Some((before, _)) if line.starts_with("rule ") => format!("{before}, version #\n"),
            _ => format!("{line}\n"),
        }
    };
    explanation.lines().map(line).collect()
}

macro_rules! explanations {
    ($($name:ident: $path:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::with_settings!({
                prepend_module_to_snapshot => false, omit_expression => true, snapshot_path => "../snapshots"
            }, {
                let snapshot = concat!("explain_", stringify!($name));
                insta::assert_snapshot!(snapshot, without_sizes(&explained(&[$path])));
            });
        }
    )*};
}

explanations! {
    sequence: &file("sequence");
    kleene: &file("kleene");
    any_of: &file("any_of");
    negation: &file("negation");
    absence: &file("absence");
    window: &file("window");
    lists: &file("lists");

    windows_campaign: "rules/windows/campaign.yaml";
    windows_credential_access: "rules/windows/credential_access.yaml";
    windows_execution: "rules/windows/execution.yaml";
    windows_lateral_movement: "rules/windows/lateral_movement.yaml";
}

#[test]
fn programs_get_one_object_a_rule() {
    let printed = explained(&["rules", "tests/olocus/explain", "--format", "json"]);
    let rules: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = rules.iter().map(|rule| rule["rule"].as_str().unwrap()).collect();
    let sequence = names.iter().position(|name| *name == "sequence").unwrap();
    let sequence = &rules[sequence];
    assert_eq!(sequence["path"], file("sequence"));
    assert_eq!((&sequence["line"], &sequence["within"]), (&3.into(), &"15m".into()));
    assert_eq!(sequence["key"], serde_json::json!(["user.id", "host"]));
    assert_eq!(sequence["evaluation"]["class"], "runs");
    let shared = |rule: &Value| {
        let predicates = rule["predicates"].as_array().unwrap();
        let one = predicates.iter().find(|predicate| predicate["text"] == "role = 'privileged'").unwrap();
        one["shared_with"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let others: Vec<String> = shared(sequence);
    assert!(others.contains(&"filter".to_owned()), "{others:?}");
    for rule in &rules {
        dot::parse(rule["automaton"]["dot"].as_str().unwrap()).unwrap();
    }
}

#[test]
fn a_rule_is_chosen_by_its_name_also_if_it_is_not_enabled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rules.yaml");
    let rules = "version: 1\nrules:\n  - name: switched_off\n    enabled: false\n    sequence: [ { step: a, event: a } ]\n  \
                 - name: on\n    sequence: [ { step: a, event: a } ]\n";
    std::fs::write(&path, rules).unwrap();
    let path = path.to_str().unwrap();
    let named = |printed: &str| -> Vec<String> {
        let rules = printed.lines().filter_map(|line| line.strip_prefix("rule "));
        rules.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(named(&explained(&[path])), ["on"]);
    assert_eq!(named(&explained(&[path, "--rule", "switched_off"])), ["switched_off"]);
    assert_eq!(named(&explained(&[path, "--rule", "switched_off", "--rule", "on"])), ["switched_off", "on"]);
    let output = olocus(&["rules", "explain", path, "--rule", "switched_of"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("there is no such rule; is `switched_off` meant?"),
        "{}",
        text(&output.stderr)
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn broken_files_are_told_of_as_by_check() {
    for name in ["patterns", "aggregates", "several_rules", "colon", "nothing"] {
        let path = format!("tests/olocus/broken/{name}.yaml");
        let [check, explain] = ["check", "explain"].map(|command| olocus(&["rules", command, &path]));
        assert_eq!(explain.status.code(), Some(1), "{name}");
        assert!(explain.stdout.is_empty(), "{name}: {}", text(&explain.stdout));
        assert!(!explain.stderr.is_empty());
        assert_eq!(text(&explain.stderr), text(&check.stderr), "{name}");
    }
}

#[test]
fn graphs_are_those_of_the_automata() {
    let printed = explained(&[&file("negation"), &file("window"), "--format", "dot"]);
    let graph = dot::parse(&printed).unwrap();
    assert_eq!(graph.boxes, ["negation", "tumbling", "sliding", "at_each_event", "count", "session"]);
    for (from, to, _) in &graph.edges {
        assert!(graph.nodes.contains_key(from) && graph.nodes.contains_key(to), "{from} -> {to}\n{printed}");
    }
    let between = |from: &str, to: &str| -> Vec<&str> {
        let edges = graph.edges.iter().filter(|edge| (&*edge.0, &*edge.1) == (from, to));
        edges.map(|(_, _, label)| label.as_str()).collect()
    };
    assert_eq!(between("r0_0", "r0_1"), ["requested"]);
    assert_eq!(between("r0_1", "r0_over"), ["change.approved"]);
    assert_eq!(graph.nodes["r0_0"], "^");
    assert_eq!(between("r4_0", "r4_judge"), ["once 100 are held"]);
}

/// The example of the reference shows what the command prints for the rule before it.
#[test]
fn the_example_of_the_reference_is_what_is_printed() {
    let page = std::fs::read_to_string(root().join("rules/README.md")).unwrap();
    let section = page.split("\n## Explanations").nth(1).unwrap();
    let block = |language: &str| {
        let rest = section.split(&format!("```{language}\n")).nth(1).unwrap();
        rest.split("```").next().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("exfiltration.yaml"), block("yaml")).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_olocus"))
        .args(["rules", "explain", "exfiltration.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(without_sizes(block("text")), without_sizes(&text(&output.stdout)));
}

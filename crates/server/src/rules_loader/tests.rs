use std::fs;

use super::*;

const RULE: &str = "version: 1\nrules:\n  - name: NAME\n    window: { count: 3, event: a }\n";

fn rule(name: &str) -> String {
    RULE.replace("NAME", name)
}

fn names(files: &[RuleFile]) -> Vec<&str> {
    files.iter().flat_map(|file| &file.rules).map(|rule| rule.name.value.as_str()).collect()
}

#[test]
fn folders_are_searched_in_order_and_files_loaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("b/deep")).unwrap();
    for (path, name) in
        [("a.yaml", "one"), ("b/deep/x.yml", "two"), ("c.yaml", "three"), ("named.txt", "four")]
    {
        fs::write(root.join(path), rule(name)).unwrap();
    }
    fs::write(root.join("README.md"), "no rules").unwrap();
    let (files, diagnostics) = load_rules(&[root.to_owned(), root.join("c.yaml"), root.join("named.txt")]);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
    assert_eq!(names(&files), ["one", "two", "three", "four"]);
}

#[cfg(unix)]
#[test]
fn loops_of_links_end() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("in")).unwrap();
    fs::write(folder.path().join("in/a.yaml"), rule("one")).unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("in/again")).unwrap();
    let (files, diagnostics) = load_rules(&[folder.path().to_owned()]);
    assert!(diagnostics.is_empty(), "{}", diagnostics.render(false));
    assert_eq!(names(&files), ["one"]);
}

#[test]
fn everything_that_is_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("bytes.yaml"), b"version: 1\n\xff").unwrap();
    fs::write(root.join("broken.yaml"), "version: 1\nrules:\n  - nam: x\n").unwrap();
    fs::write(root.join("good.yaml"), rule("good")).unwrap();
    let (files, diagnostics) = load_rules(&[root.to_owned(), root.join("missing.yaml")]);
    let shown = diagnostics.render(false);
    assert!(shown.contains("bytes.yaml") && shown.contains("UTF-8"), "{shown}");
    assert!(shown.contains("broken.yaml:3"), "{shown}");
    assert!(shown.contains("missing.yaml") && shown.contains("unreadable"), "{shown}");
    assert_eq!(names(&files), ["good"]);
}

#[test]
fn no_rules_are_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("empty.yaml"), "version: 1\nrules: []\n").unwrap();
    for paths in [vec![folder.path().to_owned()], vec![]] {
        let (_, diagnostics) = load_rules(&paths);
        assert!(
            diagnostics.iter().any(|problem| problem.level == olocus_document::Level::Error),
            "{paths:?}"
        );
    }
}

#[test]
fn schemas_are_named_after_their_event_type() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("auth.login.schema.json"), r#"{"type":"object"}"#).unwrap();
    fs::write(folder.path().join("README.md"), "not a schema").unwrap();
    assert!(load_schemas(folder.path()).1.is_empty());
    fs::write(folder.path().join("bad.schema.json"), "{\n  \"type\": }\n").unwrap();
    let shown = load_schemas(folder.path()).1.render(false);
    assert!(shown.contains("bad.schema.json:2:"), "{shown}");
    assert!(load_schemas(&folder.path().join("none")).1.has_errors());
}

//! Commands and options that the other tests have no use for.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::engine::{command, command_with_input, json_lines};
use crate::support::{root, text};
use crate::world::World;

const RULES: &str = "
version: 1
rules:
  - name: any
    sequence: [ { step: only, event: PREFIX.in } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

/// Numbers, a line each.
fn lines(numbers: std::ops::Range<u32>) -> String {
    numbers.map(|n| format!("{}\n", json!({ "n": n }))).collect()
}

#[test]
fn a_bench_finds_the_matches_that_are_there() {
    let output =
        command(&["bench", "--json", "--events", "300000", "--rate", "1000", "--partitions", "2"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    for (found, expected) in
        [("matches", "matches_expected"), ("latency_matches", "latency_matches_expected")]
    {
        assert_eq!(report[found], report[expected], "{report}");
        assert!(report[found].as_u64().unwrap() > 0, "{report}");
    }
    assert_eq!((&report["transport"], &report["events"]), (&json!("embedded"), &json!(300_000)));
}

#[test]
fn events_are_published_encrypted_at_a_rate_and_out_of_packed_files() {
    let world = World::embedded();
    let keys = world.file("keys", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    let config = "orchestration: { events: { encryption: { algorithm: aes256_gcm, key_file: keys } } }";
    let config = world.file("olocus.yaml", config);
    let engine = world.start(&["--config", &config, "--rules", &world.file("rules.yaml", RULES)]);
    let topic = world.topic("in");
    engine.publish(&topic, &lines(0..30), &["--rate", "1000"]);
    engine.publish(&topic, &lines(30..33), &["--encrypt", "--compress", "--keyring", &keys]);

    let packed = [("a.ndjson.gz", gzip(&lines(33..36))), ("a.ndjson.zst", zstd(&lines(36..39)))];
    let zipped = ("a.zip", zip(&[("b.ndjson", &lines(41..42)), ("a.json", "[{\"n\": 39}, {\"n\": 40}]")]));
    for (name, bytes) in packed.into_iter().chain([zipped]) {
        std::fs::write(world.path(name), bytes).unwrap();
        let path = world.path(name);
        let publish = ["publish", &topic, path.to_str().unwrap(), "--server", &engine.url];
        let output = command(&publish).output().unwrap();
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    }

    let mut numbers: Vec<u64> = engine
        .tail(&world.topic("out"), 42)
        .iter()
        .map(|found| found["data"]["emit"]["n"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..42), "{numbers:?}");
    engine.stop();
    let records = world.records(&topic);
    let sealed: Vec<&str> =
        records.iter().filter_map(|(_, record)| record.headers.get("olocus-encoding")).map(as_text).collect();
    assert_eq!(sealed, ["lz4+aes256gcm"; 3]);
    // The key stood alone.
    let ids = records.iter().filter_map(|(_, record)| record.headers.get("olocus-key-id"));
    assert!(ids.map(as_text).all(|id| id == "default"));
}

#[test]
fn a_line_that_is_no_event_is_skipped_or_ends_it_and_fails_the_command() {
    let world = World::embedded();
    let engine = world.start(&["--rules", &world.file("rules.yaml", RULES)]);
    let topic = world.topic("in");
    let input = format!("{}not json\n{}", lines(0..2), lines(2..4));
    let publish = ["publish", &topic, "-", "--server", &engine.url];
    let output = command_with_input(&[&publish[..], &["--strict"]].concat(), &input);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("standard input:3: ") && told.contains("published 2 events"), "{told}");
    let output = command_with_input(&publish, &input);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("published 4 events") && told.contains("1 line was skipped"), "{told}");
    engine.tail(&world.topic("out"), 6);
    engine.stop();
}

#[test]
fn rules_are_brought_into_one_layout() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let untidy = "version: 1\nrules:\n    -   name:   a   # why\n        by:  [ x,y ]\n";
    std::fs::create_dir(path("there")).unwrap();
    std::fs::write(path("there/one.yaml"), untidy).unwrap();
    std::os::unix::fs::symlink("there/one.yaml", path("a.yaml")).unwrap();
    std::fs::write(path("b.yaml"), "a: [\n").unwrap();
    std::fs::write(path("c.yaml"), untidy).unwrap();
    let fmt = |options: &[&str]| {
        let mut fmt = command(&["rules", "fmt"]);
        fmt.args(options).args(["a.yaml", "b.yaml", "c.yaml", "none.yaml"]).current_dir(folder.path());
        fmt.output().unwrap()
    };

    let output = fmt(&["--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "differs a.yaml\ndiffers c.yaml\n");
    assert_eq!(std::fs::read_to_string(path("c.yaml")).unwrap(), untidy);
    let output = fmt(&[]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("failed to format b.yaml") && told.contains("none.yaml"), "{told}");
    assert_eq!(text(&output.stdout), "formatted a.yaml\nformatted c.yaml\n");
    assert!(path("a.yaml").is_symlink());
    for name in ["there/one.yaml", "c.yaml"] {
        let tidy = std::fs::read_to_string(path(name)).unwrap();
        assert!(tidy.contains("name: a # why") && tidy.contains("[x, y]"), "{tidy}");
    }
    assert_eq!(text(&fmt(&["--check"]).stdout), "");
}

#[test]
fn the_rules_that_ship_are_in_that_layout() {
    let output = command(&["rules", "fmt", "--check", "rules"]).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn results_of_tests_are_written_for_other_programs() {
    let world = World::embedded();
    let rules = "\
version: 1
rules:
  - name: one
    sequence: [ { step: only, event: a } ]
    tests:
      - { name: fires, events: [ { at: 0s, type: a } ], expect: [ {} ] }
      - { name: does not, events: [ { at: 0s, type: a } ], expect: none }
";
    let (rules, junit) = (world.file("rules.yaml", rules), world.path("junit.xml"));
    let output = command(&["rules", "test", &rules, "--junit", junit.to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("1 passed, 1 failed\n"), "{}", text(&output.stdout));
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"2\"") && xml.contains("failures=\"1\""), "{xml}");
    assert!(
        xml.contains("name=\"one / fires\"") && xml.contains("expected no match, found 1 match"),
        "{xml}"
    );
}

/// The requests of the page about HTTP, one after the other, by a shell.
#[test]
fn the_requests_in_the_page_about_http_work_as_they_stand() {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: there is no curl");
        return;
    }
    let page = std::fs::read_to_string(root().join("schemas/http.md")).unwrap();
    let script: String = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect::<Vec<_>>()
        .join("\n");
    assert!(script.matches("curl ").count() >= 6, "{script}");
    let world = World::embedded();
    let config = world.file("olocus.yaml", "orchestration: { http: { token_env: OLOCUS_TOKEN } }");
    let mut run = world.run(&["--config", &config, "--rules", "rules/security.yaml"]);
    run.env("OLOCUS_TOKEN", "a-token-of-the-test");
    let engine = crate::engine::Engine::start(run, None).once_ready();
    let script = script.replace("http://127.0.0.1:8080", &engine.url);
    let mut bash = Command::new("bash");
    bash.args(["-ec", &script]).env("OLOCUS_TOKEN", "a-token-of-the-test").current_dir(world.path(""));
    let output = bash.output().unwrap();
    let told = text(&output.stderr);
    assert!(output.status.success(), "{}{told}", text(&output.stdout));
    // Answers of six requests to publish, then topics and events.
    let answers = json_lines(&text(&output.stdout));
    let accepted: u64 = answers.iter().filter_map(|answer| answer["accepted"].as_u64()).sum();
    assert_eq!(accepted, 9, "{answers:?}");
    assert!(answers.iter().any(|answer| answer["topics"].is_array()), "{answers:?}");
    let events: Vec<&Value> = answers.iter().filter(|answer| answer["specversion"].is_string()).collect();
    assert_eq!(events.len(), 2, "{answers:?}");
    engine.stop();
}

fn as_text(bytes: &bytes::Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        archive.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

//! Where other engines fail their users: each of these was met in one of them.

use serde_json::json;

use crate::engine::{command, json_lines, refused};
use crate::support::text;
use crate::world::{World, clock, on_both_logs};

const PAIR: &str = "
version: 1
rules:
  - name: pair
    by: k
    sequence:
      - { step: first, event: PREFIX.in, where: kind = 'first' }
      - { step: second, event: PREFIX.in, where: kind = 'second', within: 10s }
    actions: [ { publish: PREFIX.out } ]
";

const SOURCE: &str = "
orchestration:
  sources: [ { topic: PREFIX.in, out_of_order: 2s, idle_after: 200ms } ]
";

on_both_logs!(
    events_of_one_second_keep_their_order,
    a_finished_sequence_is_told_once,
    a_rule_file_with_mistakes_starts_nothing,
);

/// They come in the wrong order; what counts are their times, to the nanosecond.
fn events_of_one_second_keep_their_order(world: &World) {
    let (config, rules) = (world.file("olocus.yaml", SOURCE), world.file("rules.yaml", PAIR));
    let engine = world.start(&["--config", &config, "--rules", &rules]);
    let second = &clock(-1000)[..19];
    let event = |k: &str, kind: &str, fraction: &str| {
        format!("{}\n", json!({"k": k, "kind": kind, "time": format!("{second}.{fraction}Z")}))
    };
    let lines = [
        event("late first", "second", "100000001"),
        event("late first", "first", "100000002"),
        event("tidy", "second", "100000002"),
        event("tidy", "first", "100000001"),
    ];
    engine.publish(&world.topic("in"), &lines.concat(), &["--time-field", "time", "--key", "k"]);
    let found = &engine.tail(&world.topic("out"), 1)[0]["data"];
    assert_eq!(found["key"], "tidy");
    assert_eq!(found["start"], format!("{second}.100000001Z"));
    assert_eq!(found["end"], format!("{second}.100000002Z"));
    engine.stop();
    assert_eq!(world.records(&world.topic("out")).len(), 1);

    let file = world.file("events.ndjson", &lines.concat());
    let rules = world.file("replayed.yaml", &PAIR.replace("PREFIX.in", "'**'"));
    let options = ["--rules", &rules, "--input", &file, "--time-field", "time", "--out-of-order", "2s"];
    let output = command(&[&["replay"], &options[..]].concat()).output().unwrap();
    let found = json_lines(&text(&output.stdout));
    assert_eq!(found.len(), 1, "{}", text(&output.stderr));
    assert_eq!(found[0]["start"], format!("{second}.100000001Z"));
}

/// Later events that also satisfy the last step do not tell the same sequence again, nor does a restart.
fn a_finished_sequence_is_told_once(world: &World) {
    let (config, rules) = (world.file("olocus.yaml", SOURCE), world.file("rules.yaml", PAIR));
    let options = ["--config", &config, "--rules", &rules];
    let (input, out) = (world.topic("in"), world.topic("out"));
    let event =
        |k: &str, kind: &str, at: i64| format!("{}\n", json!({"k": k, "kind": kind, "time": clock(at)}));
    let publish = ["--time-field", "time", "--key", "k"];
    let engine = world.start(&options);
    let lines =
        [event("a", "first", 0), event("a", "second", 1), event("a", "second", 2), event("a", "second", 3)];
    engine.publish(&input, &lines.concat(), &publish);
    engine.tail(&out, 1);
    engine.stop();
    let engine = world.start(&options);
    let lines = [event("a", "second", 0), event("b", "first", 1), event("b", "second", 2)];
    engine.publish(&input, &lines.concat(), &publish);
    engine.tail(&out, 2);
    engine.stop();
    let keys: Vec<_> = world.values(&out).iter().map(|found| found["key"].clone()).collect();
    assert_eq!((keys.len(), keys.contains(&json!("a")), keys.contains(&json!("b"))), (2, true, true));
}

/// One bad file among good ones: every mistake is told, and neither `run` nor `replay` does anything.
fn a_rule_file_with_mistakes_starts_nothing(world: &World) {
    std::fs::create_dir(world.path("rules")).unwrap();
    world.file("rules/good.yaml", PAIR);
    let bad = world.file(
        "rules/bad.yaml",
        "version: 1\nrules:\n  - name: typo\n    sequence:\n      - { step: s, event: PREFIX.in, wher: x = 1 }\n  - name: unclosed\n    sequence: [ { step: s\n",
    );
    let wrong = world.file(
        "rules/wrong.yaml",
        "version: 1\nrules:\n  - name: wrong\n    sequence: [ { step: s, event: PREFIX.in } ]\n    emit: { v: nostep.x, w: lowr(s.x) }\n",
    );
    let rules = world.path("rules").to_str().unwrap().to_owned();
    let input = world.file("events.ndjson", "{}\n");
    let runs = [
        refused(world.run(&["--rules", &rules])),
        command(&["replay", "--rules", &rules, "--input", &input]).output().unwrap(),
        command(&["rules", "check", &rules]).output().unwrap(),
    ];
    for output in runs {
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        for part in [&format!("{bad}:"), &format!("{wrong}:5:"), "nostep", "lowr"] {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        assert!(!told.contains("the engine runs"), "{told}");
    }
    match &world.brokers {
        Some(_) => {
            let prefix = world.topic("");
            let topics = world.open().topics().unwrap();
            assert!(!topics.keys().any(|topic| topic.starts_with(&prefix)), "{topics:?}");
        }
        None => assert!(!world.data().exists(), "a data directory was made"),
    }
}

/// A topic for matches that cannot be made: nothing is read, nothing is committed.
#[test]
fn an_output_that_cannot_start_starts_nothing() {
    let Some(world) = World::kafka() else { return };
    let config = world.file(
        "olocus.yaml",
        "
orchestration:
  topics:
    PREFIX.out: { config: { cleanup.policy: nonsense } }
",
    );
    let input = world.topic("in");
    world.write(
        &[olocus_bus::TopicSpec::new(&*input).partitions(1)],
        &[crate::world::record(&input, "{\"kind\": \"first\"}")],
    );
    let output = refused(world.run(&["--config", &config, "--rules", &world.file("rules.yaml", PAIR)]));
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&world.topic("out")), "{told}");
    let log = world.open();
    let place = olocus_bus::TopicPartition::new(&*input, 0);
    assert_eq!(log.committed(&world.name, &[place], std::time::Duration::from_secs(10)).unwrap(), [None]);
}

//! Records that could not be used, as people and engines see them.

use std::process::Stdio;

use olocus_bus::TopicSpec;
use serde_json::{Value, json};

use crate::engine::{Engine, command, get, json_lines, wait_for};
use crate::support::text;
use crate::world::{World, on_both_logs, record};

const RULES: &str = "
version: 1
rules:
  - name: any
    sequence: [ { step: only, event: '**' } ]
    emit: { n: only.n }
    actions: [ { publish: PREFIX.out } ]
";

const SOURCES: &str = "
orchestration:
  sources: [ { topics: [PREFIX.in], type: \"'in'\", time: at, idle_after: 300ms } ]
";

on_both_logs!(a_dead_letter_is_seen_with_its_cause_and_where_it_was);

fn a_dead_letter_is_seen_with_its_cause_and_where_it_was(world: &World) {
    let topic = world.topic("in");
    world.write(
        &[TopicSpec::new(&*topic)],
        &[record(&topic, "{\"at\": \"noon\"}"), record(&topic, "{\"at\": 1")],
    );
    let config = world.file("olocus.yaml", SOURCES);
    let engine = world.start(&["--config", &config, "--rules", &world.file("rules.yaml", RULES)]);
    let seen = engine.tail(&world.topic("dead-letter"), 2);
    let of = |cause: &str| seen.iter().find(|line| line["dead_letter"]["cause"] == cause).unwrap();
    let bad_time = of("bad-time");
    assert_eq!(bad_time["dead_letter"]["topic"], json!(topic), "{bad_time}");
    assert!(bad_time["dead_letter"]["offset"].is_i64() && bad_time["dead_letter"]["partition"].is_i64());
    assert_eq!(bad_time["data"], json!({"at": "noon"}), "{bad_time}");
    let truncated = of("truncated-json");
    assert_eq!(truncated["data_base64"], json!("eyJhdCI6IDE="), "{truncated}");
    assert_eq!(truncated["topic"], json!(world.topic("dead-letter")), "{truncated}");
    if world.brokers.is_none() {
        let url = format!("{}/v1/topics/{}/events", engine.url, world.topic("dead-letter"));
        assert_eq!(json_lines(&get(&url).1).len(), 2);
    }
    engine.stop();
}

#[test]
fn a_record_that_cannot_be_shown_is_told_and_fails_the_command() {
    let world = World::embedded();
    let mut sealed = record(&world.topic("sealed"), "x");
    sealed.headers.extend([("olocus-encoding", "aes256gcm".to_owned()), ("olocus-key-id", "k".to_owned())]);
    world.write(&[TopicSpec::new(world.topic("sealed"))], &[sealed, record(&world.topic("sealed"), "{}")]);
    let config = world.file("olocus.yaml", SOURCES);
    let engine = world.start(&["--config", &config, "--rules", &world.file("rules.yaml", RULES)]);
    let topic = world.topic("sealed");
    let tail = ["tail", &topic, "--server", &engine.url, "--from", "beginning", "--timeout", "1s"];
    let output = command(&tail).stdin(Stdio::null()).output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("failed to show {topic}/")), "{told}");
    let lines = json_lines(&text(&output.stdout));
    assert!(lines.len() == 1 && lines[0]["data"] == json!({}), "{lines:?}");

    // The engine opens what it can; keys on the command line would seem to help.
    let output = command(&[&tail[..], &["--keyring", "keys"]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    engine.stop();
}

/// Every topic of the test, in whatever format.
const EVERYTHING: &str = "
orchestration:
  sources: [ { topics: ['PREFIX.**'], format: json, time: at, idle_after: 300ms } ]
  outputs: { matches: PREFIX.out }
";

#[test]
fn engines_do_not_feed_each_other_their_dead_letters() {
    let Some(world) = World::kafka() else { return };
    let rules = world.file("rules.yaml", RULES);
    let (one, two) = (world.topic("one"), world.topic("two"));
    let failed = world.topic("failed");
    let named = EVERYTHING.replace("outputs: {", &format!("outputs: {{ dead_letter: {failed},"));
    let (config, named) = (world.file("olocus.yaml", EVERYTHING), world.file("named.yaml", &named));
    let start = |application: &str, config: &str| {
        let run = world.run_as(application, &["--config", config, "--rules", &rules]);
        Engine::start(run, world.brokers.as_deref()).once_ready()
    };
    let input = world.topic("in");
    world.write(&[TopicSpec::new(&*input)], &[record(&input, "{\"at\": 1772409600, \"n\": 1}")]);
    // Each finds the topics of the other: the second ones of the first from the beginning, the first while it runs.
    let (first, second) = (start(&one, &named), start(&two, &config));
    let letters = [failed.clone(), format!("{two}.dead-letter")];
    for round in 1..=3 {
        world.write(&[], &[record(&input, "{\"at\": ")]);
        for topic in &letters {
            wait_for("the dead letter", || (world.records(topic).len() >= round).then_some(()));
        }
    }
    wait_for("what was passed over", || {
        (second.metric("olocus_passed_over_records_total", &failed) >= 3.0).then_some(())
    });
    first.stop();
    second.stop();
    for topic in &letters {
        let letters: Vec<Value> = world
            .records(topic)
            .iter()
            .map(|(_, record)| json!(text(record.value.as_ref().unwrap())))
            .collect();
        assert_eq!(letters, ["{\"at\": ", "{\"at\": ", "{\"at\": "].map(Value::from), "{topic}");
    }
}

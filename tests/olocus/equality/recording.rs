//! A recording of Windows event logs, in topics with a partition per host.

use std::collections::BTreeSet;

use super::case::{Case, counted, exact};
use crate::support::{root, shared, skipped};
use crate::world::{World, on_both_logs};

/// What the rules that ship do not use: numbers and arrays as keys, and windows with their events.
const RULES: &str = "
version: 1
rules:
  - name: numbers
    by: [EventID, Keywords]
    window: { tumbling: 10s, event: 'win.*' }
    having: count(*) >= 20
    emit: { id: EventID, keywords: Keywords, hosts: count(distinct Hostname) }
    actions: [ { publish: PREFIX-out } ]
  - name: arrays
    by: [tags, Hostname]
    window: { session: 200ms, event: [win.4624, win.4625] }
    emit: { tags: tags, accounts: count(distinct TargetUserName) }
    include: events
    actions: [ { publish: PREFIX-out } ]
";

on_both_logs!(a_run_over_the_windows_recording_finds_what_a_replay_of_it_finds);

fn a_run_over_the_windows_recording_finds_what_a_replay_of_it_finds(world: &World) {
    let Some(recording) = shared("data/security-datasets/purplesharp_ad_playbook_I.zip") else {
        skipped("the Windows recording is not there (../shared)");
        return;
    };
    let mut rules = vec![world.file("more.yaml", RULES)];
    for entry in std::fs::read_dir(root().join("rules/windows")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".yaml") {
            rules.push(world.file(&name, &published(&std::fs::read_to_string(&path).unwrap())));
        }
    }
    let topic = world.topic("windows");
    let case = Case {
        world,
        events: recording.canonicalize().unwrap().to_str().unwrap().to_owned(),
        rules,
        time_field: "@timestamp",
        type_expr: "'win.' || EventID",
        topic_expr: format!("'{topic}'"),
        key: "Hostname",
        bound: "21ms",
    };
    let replayed = case.replay_file();
    let found = case.run();
    let names: BTreeSet<&str> = found.iter().map(|found| found["rule"].as_str().unwrap()).collect();
    assert!(names.len() > 15, "{names:?}");
    let partitions: BTreeSet<i32> = world.records(&topic).iter().map(|(partition, _)| *partition).collect();
    assert!(partitions.len() > 1, "{partitions:?}");
    assert_eq!(counted(&found), counted(&replayed));
    if world.brokers.is_some() {
        assert_eq!(exact(&case.replay_topics()), exact(&found), "coordinates and ids too");
    }
}

/// Rules whose matches all go to the topic of this test.
fn published(rules: &str) -> String {
    let (head, rules) = rules.split_once("\n  - name: ").unwrap();
    let rules = rules.split("\n  - name: ").map(|rule| {
        let (name, rest) = rule.split_once('\n').unwrap();
        let kept: Vec<&str> = rest.lines().filter(|line| !line.starts_with("    actions:")).collect();
        format!("\n  - name: {name}\n    actions: [ {{ publish: PREFIX-out }} ]\n{}\n", kept.join("\n"))
    });
    head.to_owned() + &rules.collect::<String>()
}

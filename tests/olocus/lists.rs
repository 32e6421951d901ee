//! Watchlists and tables, from their files to matches.

use serde_json::{Value, json};

use crate::engine::{Engine, command_with_input, json_lines, wait_for};
use crate::support::{olocus, text};
use crate::world::{World, on_both_logs};

const RULES: &str = "
version: 1
lists:
  - { name: bad_ips, file: lists/bad_ips.csv }
  - { name: assets, file: lists/assets.ndjson.gz, key: host }
  - { name: unused, file: lists/unused.csv }
rules:
  - name: bad_connection
    sequence: [ { step: c, event: PREFIX.in, where: ip IN list('bad_ips') } ]
    emit: { reason: \"lookup('bad_ips', c.ip).reason\", owner: \"lookup('assets', c.host).owner\" }
    actions: [ { publish: PREFIX.out } ]
  - name: owners
    by: owner
    window: { tumbling: 1m, event: PREFIX.in }
    having: sum(lookup('assets', host).tier) >= 3
    emit: { tiers: \"sum(lookup('assets', host).tier)\" }
    actions: [ { publish: PREFIX.out } ]
";

/// Writes the rules and lists, and returns the path of the rules.
fn rules(world: &World, bad_ips: &str) -> String {
    std::fs::create_dir_all(world.path("lists")).unwrap();
    world.file("lists/bad_ips.csv", bad_ips);
    world.file("lists/unused.csv", "x\n1\n");
    let assets = "{\"host\": \"h1\", \"owner\": \"ada\", \"tier\": 1}\n{\"host\": \"h2\", \"tier\": 2.5}\n";
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, assets.as_bytes()).unwrap();
    std::fs::write(world.path("lists/assets.ndjson.gz"), packed.finish().unwrap()).unwrap();
    world.file("rules.yaml", RULES)
}

const BAD_IPS: &str = "ip,reason\n10.0.0.1,scanner\n10.0.0.2,\"x, y\"\n";

fn events(world: &World) -> String {
    let of = |second: u32, ip: &str, host: &str| {
        let time = format!("2026-01-01T00:00:{second:02}Z");
        format!(
            "{}\n",
            json!({ "kind": world.topic("in"), "time": time, "ip": ip, "host": host, "owner": "o" })
        )
    };
    of(0, "10.0.0.1", "h1") + &of(1, "10.0.0.2", "h9") + &of(2, "10.0.0.3", "h2") + &of(3, "", "h1")
}

fn replay(world: &World, rules: &str) -> Vec<Value> {
    let args = ["replay", "--rules", rules, "--input", "-", "--time-field", "time", "--type-expr", "kind"];
    let output = command_with_input(&args, &events(world));
    assert!(output.status.success(), "{}", text(&output.stderr));
    json_lines(&text(&output.stdout))
}

fn version(matches: &[Value], rule: &str) -> String {
    let found = matches.iter().find(|found| found["rule"] == rule).unwrap();
    found["version"].as_str().unwrap().to_owned()
}

#[test]
fn a_replay_looks_things_up_in_files() {
    let world = World::embedded();
    let found = replay(&world, &rules(&world, BAD_IPS));
    let emitted: Vec<(&str, &Value)> =
        found.iter().map(|found| (found["rule"].as_str().unwrap(), &found["emit"])).collect();
    assert_eq!(
        emitted,
        [
            ("bad_connection", &json!({ "reason": "scanner", "owner": "ada" })),
            ("bad_connection", &json!({ "reason": "x, y", "owner": null })),
            ("owners", &json!({ "tiers": 4.5 })),
        ]
    );
}

#[test]
fn the_version_of_a_rule_follows_the_lists_that_it_reads() {
    let world = World::embedded();
    let found = replay(&world, &rules(&world, BAD_IPS));
    let other_layout =
        replay(&world, &rules(&world, "ip,reason\r\n\"10.0.0.1\",scanner\r\n10.0.0.2,\"x, y\"\r\n"));
    assert_eq!(found, other_layout);
    let other_rows = replay(&world, &rules(&world, "ip,reason\n10.0.0.1,scanner\n10.0.0.2,z\n"));
    assert_ne!(version(&found, "bad_connection"), version(&other_rows, "bad_connection"));
    assert_ne!(found[0]["id"], other_rows[0]["id"]);
    assert_eq!(version(&found, "owners"), version(&other_rows, "owners"));
}

#[test]
fn an_engine_tells_how_large_its_lists_are() {
    let world = World::embedded();
    let engine = world.start(&["--rules", &rules(&world, BAD_IPS)]);
    assert_eq!(engine.metric("olocus_list_entries", "list=\"bad_ips\""), 2.0);
    assert_eq!(engine.metric("olocus_list_entries", ""), 4.0, "lists that no rule reads are not kept");
    assert!(engine.metric("olocus_list_bytes", "list=\"assets\"") > 0.0);
    engine.publish(&world.topic("in"), "{\"ip\": \"10.0.0.1\", \"host\": \"h1\"}\n", &[]);
    let found = engine.tail(&world.topic("out"), 1);
    assert_eq!(found[0]["data"]["emit"], json!({ "reason": "scanner", "owner": "ada" }), "{found:?}");
    engine.stop();
}

#[test]
fn rules_with_lists_are_checked_and_formatted() {
    let world = World::embedded();
    let path = rules(&world, BAD_IPS);
    let output = olocus(&["rules", "check", &path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = olocus(&["rules", "fmt", &path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(replay(&world, &path).len(), 3);
}

on_both_logs!(a_list_in_a_topic_is_what_it_was_when_the_event_happened);

const LIVE: &str = "
version: 1
lists: [ { name: watched, topic: PREFIX.watched, key: account } ]
rules:
  - name: watched_login
    sequence: [ { step: login, event: PREFIX.login, where: \"n > 0 AND account IN list('watched')\" } ]
    emit: { n: login.n, why: \"lookup('watched', login.account).why\" }
    actions: [ { publish: PREFIX.out } ]
";

const LIVE_SOURCES: &str = "
orchestration:
  sources: [ { topics: [PREFIX.login], idle_after: 200ms } ]
";

fn a_list_in_a_topic_is_what_it_was_when_the_event_happened(world: &World) {
    let (config, rules) = (world.file("olocus.yaml", LIVE_SOURCES), world.file("rules.yaml", LIVE));
    let options = ["--config", &config, "--rules", &rules, "--from", "earliest"];
    let engine = world.start(&options);
    let watched = |why: &str| format!("{}\n", json!({ "account": "a1", "why": why }));
    let login = |n: u32| format!("{}\n", json!({ "account": "a1", "n": n }));
    let (list, logins) = (world.topic("watched"), world.topic("login"));
    engine.publish(&logins, &login(1), &[]);
    engine.publish(&list, &watched("first"), &["--key", "account"]);
    engine.publish(&logins, &login(2), &[]);
    let emitted = |engine: &Engine, count: usize| -> Vec<Value> {
        let found = engine.tail(&world.topic("out"), count);
        found.iter().map(|found| found["data"]["emit"].clone()).collect()
    };
    let second = json!({ "n": 2, "why": "first" });
    assert_eq!(emitted(&engine, 1)[0], second);
    engine.publish(&list, &watched("later"), &["--key", "account"]);
    engine.stop();

    // Another process has the table as it was, and goes on from there.
    let engine = world.start(&options);
    engine.publish(&logins, &login(3), &[]);
    assert_eq!(emitted(&engine, 2), [second, json!({ "n": 3, "why": "later" })]);
    wait_for("the size of the list", || (engine.metric("olocus_list_entries", "") == 1.0).then_some(()));
    engine.stop();
}

#[test]
fn a_replay_tells_of_lists_whose_topics_it_does_not_read() {
    let world = World::embedded();
    let rules = world.file("rules.yaml", LIVE);
    let events = format!("{}\n", json!({ "kind": world.topic("login"), "account": "a1", "n": 1 }));
    let args = ["replay", "--rules", &rules, "--input", "-", "--type-expr", "kind"];
    let output = command_with_input(&args, &events);
    assert!(output.status.success() && output.stdout.is_empty(), "{}", text(&output.stdout));
    let told = world
        .fill("the list `watched` was empty, because its topic was not read: add --topic PREFIX.watched");
    assert!(text(&output.stderr).contains(&told), "{}", text(&output.stderr));
}

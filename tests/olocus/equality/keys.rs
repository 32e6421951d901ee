//! Keys of every JSON type, in lists too, with the events themselves in the matches.

use serde_json::{Value, json};

use super::case::Case;
use crate::world::{World, on_both_logs};

const RULES: &str = "
version: 1
rules:
  - name: pairs
    by: account
    window: { count: 2, event: ping }
    emit: { account: account, text: \"account || ''\", sum: \"account + sum(n)\" }
    include: events
    actions: [ { publish: PREFIX-out } ]
  - name: chains
    by: [account, host.id]
    sequence:
      - { step: first, event: ping }
      - { step: second, event: ping, within: 1h }
    emit: { account: second.account, host: first.host }
    include: events
    actions: [ { publish: PREFIX-out } ]
";

/// Accounts, of which those in a group are one key.
const ACCOUNTS: [&[&str]; 10] = [
    &["5", "5.0", "5e0", "50E-1"],
    &["\"5\"", r#""\u0035""#],
    &["\" 5\""],
    &["true"],
    &["9007199254740993"],
    &["9007199254740992"],
    &["18446744073709551615"],
    &[r#"{"a":1,"b":[2,null]}"#, r#"{ "b" : [2.0, null], "a": 1e0 }"#],
    &["[1,\"x\"]", "[1.0, \"x\"]"],
    &["-9218868437227405312"],
];

on_both_logs!(keys_of_every_type_are_the_same_keys_everywhere);

fn keys_of_every_type_are_the_same_keys_everywhere(world: &World) {
    let mut lines = String::new();
    let mut second = 0;
    for round in 0..4 {
        for group in ACCOUNTS.iter().chain(&[&["null"][..]]) {
            let account = group[round % group.len()];
            let host = if round < 3 { json!({ "id": "h" }) } else { json!({ "id": 7 }) };
            lines += &format!(
                "{{\"type\":\"ping\",\"time\":\"2024-03-04T00:{:02}:{:02}Z\",\"n\":{round},\"account\":{account},\
                 \"host\":{host}}}\n",
                second / 60,
                second % 60
            );
            second += 1;
        }
    }
    let case = Case {
        world,
        events: world.file("keys.ndjson", &lines),
        rules: vec![world.file("keys.yaml", RULES)],
        time_field: "time",
        type_expr: "type",
        topic_expr: format!("'{}.' || type", world.name),
        key: "type",
        bound: "0s",
    };
    let found = case.run_like_files(|event| world.topic(event["type"].as_str().unwrap()));
    let count = |rule: &str, key: fn(&Value) -> bool| {
        found.iter().filter(|found| found["rule"] == rule && key(&found["key"])).count()
    };
    // Four events of an account are three pairs, and on the first of two hosts two chains.
    assert_eq!(count("pairs", |_| true), 3 * ACCOUNTS.len());
    assert_eq!(count("pairs", |key| *key == json!(5)), 3);
    assert_eq!(count("pairs", |key| *key == json!("5")), 3);
    assert_eq!(count("chains", |_| true), 2 * ACCOUNTS.len());
    assert_eq!(count("chains", |key| *key == json!([9_007_199_254_740_993_u64, "h"])), 2);
}

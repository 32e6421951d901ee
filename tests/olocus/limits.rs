//! What a rule cannot take into account is told: state beyond a limit, and events without a key.

use std::process::Output;

use serde_json::{Value, json};

use crate::engine::wait_for;
use crate::support::{olocus, text};
use crate::world::World;

const RULES: &str = "
version: 1
rules:
  - name: chain
    by: user
    sequence: [ { step: a, event: PREFIX.a }, { step: b, event: PREFIX.b } ]
  - name: calm
    sequence: [ { step: a, event: PREFIX.a, where: user = 'u5' } ]
";

/// Ten first steps of as many users, one without; and the second steps of all.
fn events(world: &World) -> String {
    let event = |kind: &str, time: usize, user: Value| {
        let time = format!("2026-01-01T00:00:{time:02}Z");
        format!("{}\n", json!({ "type": world.topic(kind), "time": time, "user": user }))
    };
    let mut lines: String = (0..10).map(|n| event("a", n, json!(format!("u{n}")))).collect();
    lines += &event("a", 10, Value::Null);
    lines + &(0..10).map(|n| event("b", 20 + n, json!(format!("u{n}")))).collect::<String>()
}

fn replay(world: &World, options: &[&str]) -> Output {
    let (rules, events) = (world.file("rules.yaml", RULES), world.file("events.ndjson", &events(world)));
    let usual =
        ["replay", "--rules", &rules, "--input", &events, "--time-field", "time", "--type-expr", "type"];
    olocus(&[&usual, options].concat())
}

#[test]
fn a_replay_tells_what_rules_missed() {
    let world = World::embedded();
    let summary = |options: &[&str]| {
        let output = replay(&world, options);
        assert!(output.status.success(), "{output:?}");
        (text(&output.stdout).lines().count(), text(&output.stderr))
    };
    let (matches, free) = summary(&[]);
    assert_eq!(matches, 11);
    assert!(!free.contains("dropped"), "{free}");
    assert!(free.contains("without the key of a rule, which took no part in it  1\n  chain: 1\n"), "{free}");

    let (matches, bounded) = summary(&["--limit", "partial_matches_per_rule=4"]);
    assert_eq!(matches, 5);
    let told = "state dropped at a limit (drop_oldest), so that matches may be missing  6\n  \
                chain: 6 (raise --limit partial_matches_per_rule=N)\n";
    assert!(bounded.contains(told), "{bounded}");

    let options = ["--limit", "keys_per_rule=4", "--at-limit", "drop_newest", "--summary", "json"];
    let (_, line) = summary(&options);
    let told: Value = serde_json::from_str(&line).unwrap();
    let told = &told["rules"];
    let of = |rule: &str, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| told[rule][name].clone()).collect()
    };
    assert_eq!(of("chain", &["matches", "missing_keys", "state_dropped"]), [4, 1, 6]);
    assert_eq!(of("chain", &["limit", "policy"]), ["keys_per_rule", "drop_newest"]);
    assert_eq!(of("calm", &["matches", "missing_keys", "state_dropped", "matches_limited"]), [1, 0, 0, 0]);
    assert!(told["calm"].get("limit").is_none());

    let failed = replay(&world, &["--limit", "keys_per_rule=4", "--at-limit", "fail"]);
    assert_eq!(failed.status.code(), Some(1), "{failed:?}");
    assert!(text(&failed.stderr).contains("rule `chain` reached a limit"), "{failed:?}");
}

#[test]
fn matches_that_are_not_told_are_counted() {
    let world = World::embedded();
    let rules = "
version: 1
rules:
  - name: seldom
    sequence: [ { step: a, event: PREFIX.a } ]
    limit: 2 per 1h
  - name: at_once
    sequence: [ { step: a, event: PREFIX.a }, { step: b, event: PREFIX.b } ]
    max_matches_per_event: 4
  - name: bounded
    sequence: [ { step: a, event: PREFIX.a }, { step: b, event: PREFIX.b } ]
    state: { partial_matches: 3, policy: drop_newest }
";
    let (rules, events) = (world.file("rules.yaml", rules), world.file("events.ndjson", &events(&world)));
    let usual =
        ["replay", "--rules", &rules, "--input", &events, "--time-field", "time", "--type-expr", "type"];
    let output = olocus(&usual);
    let told = text(&output.stderr);
    for lines in [
        "matches beyond `max_matches_per_event`, not told  7\n  at_once: 7\n",
        "matches beyond the `limit` of a rule, not told  9\n  seldom: 9\n",
        "  bounded: 8 (drop_newest, by the rule; raise --limit partial_matches_per_rule=N)\n",
    ] {
        assert!(told.contains(lines), "{told}");
    }
    assert_eq!(text(&output.stdout).lines().count(), 2 + 4 + 3);
    let output = olocus(&[&usual[..], &["--summary", "json"]].concat());
    let told: Value = serde_json::from_str(&text(&output.stderr)).unwrap();
    let of = |rule: &str| {
        (told["rules"][rule]["matches_untold"].clone(), told["rules"][rule]["matches_limited"].clone())
    };
    assert_eq!(of("seldom"), (json!(0), json!(9)));
    assert_eq!(of("at_once"), (json!(7), json!(0)));
    assert_eq!(told["rules"]["bounded"]["policy"], "drop_newest");
}

#[test]
fn a_run_warns_of_the_rule_and_the_limit_and_counts_by_rule() {
    let world = World::embedded();
    let config = "orchestration: { limits: { partial_matches_per_rule: 4 } }";
    let seldom = "  - name: seldom\n    sequence: [ { step: a, event: PREFIX.a } ]\n    limit: 3 per 1h\n";
    let rules = world.file("rules.yaml", &format!("{RULES}{seldom}"));
    let config = world.file("olocus.yaml", config);
    let engine = world.start(&["--config", &config, "--rules", &rules]);
    engine.publish("unused", &events(&world), &["--topic-expr", "type", "--time-field", "time"]);
    let metric = |name: &str, rule: &str| engine.metric(name, &format!("rule=\"{rule}\""));
    wait_for("the counters", || {
        let told =
            (metric("olocus_state_dropped_total", "chain"), metric("olocus_missing_keys_total", "chain"));
        (told == (6.0, 1.0)).then_some(())
    });
    assert_eq!(metric("olocus_state_dropped_total", "calm"), 0.0);
    let untold = |rule: &str| metric("olocus_matches_untold_total", rule);
    assert_eq!((untold("seldom"), untold("calm")), (8.0, 0.0));
    assert_eq!(engine.metric("olocus_matches_untold_total", "reason=\"limit\""), 8.0);
    let log = engine.stop();
    let warnings: Vec<Value> = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line["level"] == "WARN" && line["fields"]["limit"] != Value::Null)
        .collect();
    assert!(!warnings.is_empty(), "{log}");
    for warning in &warnings {
        let fields = &warning["fields"];
        assert_eq!(
            (&fields["rule"], &fields["limit"], &fields["policy"]),
            (&json!("chain"), &json!("partial_matches_per_rule"), &json!("drop_oldest"))
        );
    }
}

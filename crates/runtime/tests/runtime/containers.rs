//! Objects, arrays and numbers that no tree holds: as keys, as values, and embedded as they are.

use olocus_event::Record;
use olocus_runtime::{Outputs, Task};
use serde_json::json;

use crate::support::{input, plan, preparer, record, task};

/// Runs payloads of the topic `e`, one a second, through rules.
fn run(rules: &str, payloads: &[&str]) -> (Outputs, Task) {
    let plan = plan(rules, 0);
    let (mut preparer, mut task) = (preparer(&plan), task(&plan));
    task.add_input(input("e", 0), 0, None, false);
    let event = |(offset, payload): (i64, &&str)| Record {
        value: Some((*payload).to_owned().into()),
        ..record(offset, offset * 1_000, &json!({}))
    };
    let records = (0..).zip(payloads).map(event).collect();
    for prepared in preparer.prepare(0, &"e".into(), 0, records) {
        task.feed(prepared).unwrap();
    }
    task.finish().unwrap();
    (task.take_outputs(), task)
}

fn data(outputs: &Outputs) -> Vec<&str> {
    outputs.matches.iter().map(|found| found.data.as_str()).collect()
}

#[test]
fn a_key_with_a_number_beyond_doubles_counts_as_missing() {
    for by in ["k", "[k]"] {
        let rules = format!(
            "{{ version: 1, rules: [ {{ name: r, by: {by}, sequence: [ {{ step: s, event: e }} ] }} ] }}"
        );
        let (outputs, task) =
            run(&rules, &["{\"k\":[1e999]}", "{\"k\":1e999}", "{\"k\":{\"a\":[-1e400]}}", "{\"k\":1}"]);
        assert_eq!(outputs.matches.len(), 1, "by: {by}");
        assert_eq!(task.stats().missing_keys, 3, "by: {by}");
    }
}

#[test]
fn a_key_may_nest_as_deep_as_an_event() {
    let rules =
        "{ version: 1, rules: [ { name: r, by: [k], window: { tumbling: 1m, event: e }, emit: { k: k } } ] }";
    let deep = "[".repeat(127) + &"]".repeat(127);
    let (outputs, _) = run(rules, &[&format!("{{\"k\":{deep}}}")]);
    let [data] = &data(&outputs)[..] else { panic!("{outputs:?}") };
    assert!(data.contains(&format!("\"key\":[{deep}]")), "{data}");
    assert!(data.contains(&format!("\"emit\":{{\"k\":{deep}}}")), "{data}");
}

#[test]
fn spellings_of_a_container_are_one_key_and_one_value() {
    let rules = "
version: 1
rules:
  - name: keyed
    by: k
    sequence: [ { step: a, event: e }, { step: b, event: e } ]
  - name: distinct
    window: { tumbling: 1h, event: e }
    emit: { n: count(distinct k) }
";
    for (one, other) in [
        ("{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }"),
        ("[1]", "[1.0]"),
        ("[\"\\u0061\"]", "[\"a\"]"),
        ("{\"a\":0,\"a\":1}", "{\"a\":1}"),
    ] {
        let (outputs, _) = run(rules, &[&format!("{{\"k\":{one}}}"), &format!("{{\"k\":{other}}}")]);
        let [keyed, distinct] = &data(&outputs)[..] else { panic!("{one} {other}: {outputs:?}") };
        assert!(keyed.contains("\"rule\":\"keyed\""), "{keyed}");
        assert!(distinct.contains("\"emit\":{\"n\":1}"), "{distinct}");
    }
}

#[test]
fn embedded_events_and_emitted_containers_are_as_they_came() {
    let rules = "
version: 1
rules:
  - name: r
    include: events
    sequence: [ { step: s, event: e } ]
    emit: { o: s.o }
";
    let object = "{\"n\":18446744073709551616,\"twice\":1,\"twice\":2,\"large\":1e999,\"b\":\"\\u0061\"}";
    let payload = format!("{{ \"o\" : {object},\n \"x\" : [ 1.10 ] }}");
    let (outputs, _) = run(rules, &[&payload]);
    let [data] = &data(&outputs)[..] else { panic!("{outputs:?}") };
    assert!(data.contains(&format!("\"emit\":{{\"o\":{object}}}")), "{data}");
    assert!(data.contains(&format!("\"data\":{{\"o\":{object},\"x\":[1.10]}}")), "{data}");
}

use serde_json::Value;

use super::*;

fn run(load: SequenceLoad) -> (Vec<u8>, Truth) {
    let mut events = load.generate();
    let mut lines = Vec::new();
    while events.next_line(&mut lines) {}
    let truth = events.truth();
    (lines, truth)
}

#[test]
fn seeds_decide_everything() {
    let load = |seed| SequenceLoad::new(seed, 0, 5_000);
    assert_eq!(run(load(1)), run(load(1)));
    assert_ne!(run(load(1)).0, run(load(2)).0);
}

#[test]
fn records_have_200_bytes_of_json() {
    let (lines, _) = run(SequenceLoad::new(1, 1_772_409_600_000_000_000, 2_000));
    for (index, line) in lines.split_inclusive(|&byte| byte == b'\n').enumerate() {
        assert_eq!(line.len(), RECORD_BYTES + 1, "{}", String::from_utf8_lossy(line));
        let event: Value = serde_json::from_slice(line).unwrap();
        let time: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.as_millisecond(), 1_772_409_600_000 + index as i64);
    }
}

#[test]
fn events_can_come_quicker_than_one_a_millisecond() {
    for interval in [50_000, 33_333] {
        let load = SequenceLoad { interval, ..SequenceLoad::new(1, 1_772_409_600_000_000_000, 100) };
        let (lines, _) = run(load);
        for (index, line) in lines.split_inclusive(|&byte| byte == b'\n').enumerate() {
            assert_eq!(line.len(), RECORD_BYTES + 1);
            let event: Value = serde_json::from_slice(line).unwrap();
            let time: Timestamp = event["time"].as_str().unwrap().parse().unwrap();
            let expected = 1_772_409_600_000_000_000 + i128::from(interval) * index as i128;
            assert_eq!(time.as_nanosecond(), expected);
        }
    }
}

#[test]
fn about_one_event_in_ten_thousand_completes_a_match() {
    // A quarter of the users at a quarter of the events: the same rates per user.
    let quarter = SequenceLoad { keys: 2_500, ..SequenceLoad::new(1, 0, 1_000_000) };
    let (_, truth) = run(quarter);
    assert!((60..140).contains(&truth.matches.len()), "{}", truth.matches.len());
    for found in &truth.matches {
        let gaps = found.events.windows(2).map(|pair| pair[1].time - pair[0].time);
        assert!(gaps.into_iter().all(|gap| (1..900_000_000_000).contains(&gap)));
    }
}

#[test]
fn agrees_with_a_search_over_all_events() {
    let load = SequenceLoad {
        keys: 3,
        privileged_one_in: 4,
        hot_one_in: 3,
        rules: 450,
        ..SequenceLoad::new(9, 0, 3_000)
    };
    let (lines, truth) = run(load);
    let events: Vec<Value> = lines
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let mut expected = 0;
    for (index, first) in events.iter().enumerate() {
        if first["type"] != "bench.a" || first["role"] != "privileged" {
            continue;
        }
        for rule in (0..450).map(Rule::new) {
            if rule.site.is_some_and(|site| first["site"] != format!("site-{site:03}")) {
                continue;
            }
            let later = |from: usize, event_type: &'static str, above: Option<u64>| {
                (from + 1..events.len()).find(|&at| {
                    events[at]["user"] == first["user"]
                        && events[at]["type"] == event_type
                        && above.is_none_or(|above| events[at]["v"].as_u64().unwrap() > above)
                })
            };
            let last = later(index, "bench.b", None).and_then(|b| later(b, "bench.c", Some(rule.bound)));
            expected += usize::from(last.is_some());
        }
    }
    assert!(expected > 100);
    assert_eq!(truth.matches.len(), expected);
}

#[test]
fn rule_file_has_as_many_rules_as_asked_for() {
    let load = SequenceLoad { rules: 3, ..SequenceLoad::new(1, 0, 0) };
    let yaml = load.rule_yaml(Some("{ publish: out }"));
    assert_eq!(yaml.matches("- name: bench_").count(), 3);
    assert_eq!(yaml.matches("site = ").count(), 2);
    assert_eq!(yaml.matches("publish: out").count(), 3);
    assert!(yaml.contains("where: v > 900\n"));
}

use std::collections::HashSet;

use super::plan::NEAR_MISSES;
use super::*;

const START: i64 = 1_772_409_600_000_000_000;

fn run(parameters: Enterprise) -> (Vec<Map<String, Value>>, Truth) {
    let mut events = parameters.generate();
    let mut line = Vec::new();
    let mut all = Vec::new();
    while events.next_line(&mut line) {
        assert_eq!(line.pop(), Some(b'\n'));
        all.push(serde_json::from_slice(&line).unwrap());
        line.clear();
    }
    let truth = events.truth();
    (all, truth)
}

fn time(event: &Map<String, Value>) -> Timestamp {
    event["time"].as_str().unwrap().parse().unwrap()
}

#[test]
fn has_exactly_as_many_events_as_asked_for_in_strict_time_order() {
    for count in [0, 1, 7, 100, 3_000, 50_000] {
        let (events, truth) = run(Enterprise { events: count, ..Enterprise::new(3, START) });
        assert_eq!(events.len() as u64, count);
        assert_eq!(truth.events, count);
        assert!(events.windows(2).all(|pair| time(&pair[0]) < time(&pair[1])), "{count} events");
        let ids: HashSet<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len() as u64, count);
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            assert!(time(first).as_nanosecond() >= i128::from(START));
            assert!(time(last).as_nanosecond() < i128::from(START) + 86_400_000_000_000);
        }
    }
}

#[test]
fn seeds_decide_everything() {
    let small = |seed| Enterprise { events: 4_000, ..Enterprise::new(seed, START) };
    assert_eq!(run(small(1)), run(small(1)));
    assert_ne!(run(small(1)).0, run(small(2)).0);
}

#[test]
fn chains_match_and_nothing_else_does() {
    for seed in 0..3 {
        let (_, truth) = run(Enterprise::new(seed, START));
        let chains: Vec<_> =
            truth.matches.iter().filter(|one| one.rule == "suspicious_access_pattern").collect();
        assert_eq!(chains.len(), 10, "seed {seed}");
        assert!(chains.iter().all(|one| one.injected), "seed {seed}");
        let stages = truth.count("data_processing_pipeline_health");
        assert!((20..400).contains(&stages), "seed {seed}: {stages}");
    }
}

#[test]
fn every_near_miss_is_there() {
    let (events, truth) = run(Enterprise::new(1, START));
    let kinds: HashSet<&str> = truth.near_misses.iter().map(|one| one.kind.as_str()).collect();
    assert_eq!(kinds.len(), NEAR_MISSES.len());
    assert!(truth.near_misses.iter().all(|one| one.events.len() == 3));

    let gap = |kind: &str, from: usize, to: usize| {
        let miss = truth.near_misses.iter().find(|one| one.kind == kind).unwrap();
        (miss.events[to].time - miss.events[from].time) / 1_000_000_000
    };
    assert_eq!(gap("access-at-bound", 0, 1), 300);
    assert_eq!(gap("export-at-bound", 1, 2), 600);
    let small = truth.near_misses.iter().find(|one| one.kind == "small-export").unwrap();
    assert_eq!(events[small.events[2].index as usize]["volume"], 10_000_000);
    assert_eq!(events[small.events[2].index as usize]["id"], small.events[2].id.as_str());
}

#[test]
fn some_chains_finish_at_the_last_moment() {
    let (_, truth) = run(Enterprise::new(1, START));
    let tightest = truth
        .matches
        .iter()
        .filter(|one| one.key.is_some())
        .map(|one| one.events[1].time - one.events[0].time);
    assert_eq!(tightest.max(), Some(300_000_000_000 - 1_000_000));
}

#[test]
fn a_day_has_a_rhythm_and_variety() {
    let (events, _) = run(Enterprise::new(1, START));
    let at_hour = |hour: i64| {
        let from = START + hour * 3_600_000_000_000;
        let hour = i128::from(from)..i128::from(from + 3_600_000_000_000);
        let of_people = |event: &&Map<String, Value>| event["type"].as_str().unwrap().starts_with("data.");
        events.iter().filter(of_people).filter(|event| hour.contains(&time(event).as_nanosecond())).count()
    };
    assert!(at_hour(9) > 3 * at_hour(0), "{} {}", at_hour(9), at_hour(0));
    assert!(at_hour(0) > 0);
    let types: HashSet<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types.len(), 9, "{types:?}");
}

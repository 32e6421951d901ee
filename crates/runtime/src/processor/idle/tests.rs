use std::sync::Arc;

use olocus_cep::rule::parse_rule_file;
use olocus_document::{Diagnostics, SourceFile};
use olocus_event::{Headers, Keyring, Limits, Record};
use olocus_expr::Schemas;

use super::*;
use crate::{Preparer, SourceSpec, compile};

const MS: i64 = 1_000_000;
/// Wall clock and event time of the record that the quiet partition keeps waiting.
const NOW: i64 = 1_000_000 * MS;

/// Two partitions: `busy` has a record that waits for `quiet`, which has been at its end since `since`.
fn waiting(since: i64) -> (Task, Idleness) {
    let file =
        SourceFile::new("rules.yaml", "version: 1\nrules: [{ name: r, sequence: [{ step: s, event: t }] }]");
    let mut diagnostics = Diagnostics::new();
    let files = [parse_rule_file(&file, &mut diagnostics)];
    let sources = [SourceSpec::default_for(&files)];
    let plan = compile(&files, &sources, Arc::new(Schemas::empty()), &mut diagnostics);
    let plan = Arc::new(plan.unwrap());
    let mut task = Task::new(Arc::clone(&plan), olocus_cep::Limits::default());
    let mut idleness = Idleness::default();
    for id in [busy(), quiet()] {
        idleness.add(id.clone(), None);
        task.add_input(id, 0, None, false);
    }
    idleness.end(&quiet(), End { offset: 7, stable: true }, since);
    let value = Some("{}".into());
    let record = Record { offset: 0, timestamp: NOW / MS, key: None, value, headers: Headers::default() };
    let mut preparer = Preparer::new(plan, &Arc::new(Keyring::empty()), Limits::default());
    for prepared in preparer.prepare(0, &busy().topic, 1, vec![record]) {
        idleness.records(prepared.input(), prepared.latest(), NOW);
        task.feed(prepared).unwrap();
    }
    assert_eq!(task.next_due(), Some(NOW), "the record waits");
    (task, idleness)
}

fn quiet() -> InputId {
    InputId { topic: "t".into(), partition: 0 }
}

fn busy() -> InputId {
    InputId { topic: "t".into(), partition: 1 }
}

fn range(end: i64, stable_end: i64) -> OffsetRange {
    OffsetRange { start: 0, stable_end, end }
}

#[test]
fn a_silent_partition_is_idle_once_the_log_has_confirmed_its_end() {
    let (task, mut idleness) = waiting(NOW - LIVE);
    let now = NOW + MS;
    assert_eq!(idleness.decide(&task, now), Verdict::Ask(vec![quiet()]));
    idleness.range(&quiet(), range(7, 7), now);
    let Verdict::Decide(decision) = idleness.decide(&task, now) else { panic!("no decision") };
    assert_eq!(decision.floors, [(quiet(), NOW)]);
}

#[test]
fn an_end_confirmed_before_the_newest_record_came_says_nothing() {
    let (task, mut idleness) = waiting(NOW - 2 * LIVE);
    idleness.range(&quiet(), range(7, 7), NOW - 1);
    assert_eq!(
        idleness.decide(&task, NOW),
        Verdict::Ask(vec![quiet()]),
        "it may have been sent to meanwhile"
    );
}

#[test]
fn a_partition_that_has_more_than_was_read_is_not_idle() {
    for more in [range(8, 8), range(8, 7)] {
        let (task, mut idleness) = waiting(NOW - LIVE);
        idleness.range(&quiet(), more, NOW);
        let long_after = NOW + 100 * LIVE;
        assert_eq!(idleness.decide(&task, long_after), Verdict::Wait, "{more:?}");
        // An aborted transaction leaves nothing to deliver; the reader then meets the end further on.
        idleness.end(&quiet(), End { offset: 9, stable: true }, long_after);
        idleness.range(&quiet(), range(9, 9), long_after + LIVE);
        assert!(matches!(idleness.decide(&task, long_after + LIVE), Verdict::Decide(_)));
    }
}

#[test]
fn silence_counts_anew_after_a_pause_and_after_the_log_was_away() {
    let (task, mut idleness) = waiting(NOW - LIVE);
    idleness.paused(&quiet(), true);
    idleness.range(&quiet(), range(7, 7), NOW);
    assert_eq!(idleness.decide(&task, NOW + 100 * LIVE), Verdict::Wait, "paused");
    idleness.paused(&quiet(), false);
    idleness.range(&quiet(), range(7, 7), NOW + LIVE);
    assert_eq!(idleness.decide(&task, NOW + LIVE), Verdict::Wait, "silent for no time yet");
    idleness.away();
    assert_eq!(idleness.decide(&task, NOW + 100 * LIVE), Verdict::Wait, "away");
    idleness.range(&quiet(), range(7, 7), NOW + 100 * LIVE);
    idleness.range(&quiet(), range(7, 7), NOW + 101 * LIVE);
    assert!(matches!(idleness.decide(&task, NOW + 101 * LIVE), Verdict::Decide(_)));
}

#[test]
fn partitions_into_which_history_is_loaded_get_more_time() {
    let (_, mut idleness) = waiting(NOW - LIVE);
    let (task, _) = waiting(NOW);
    idleness.records(&busy(), Some((NOW + 1, NOW + 1 + HISTORY_LAG + 1)), NOW);
    idleness.range(&quiet(), range(7, 7), NOW + LIVE);
    assert_eq!(idleness.decide(&task, NOW + LIVE), Verdict::Wait);
    idleness.range(&quiet(), range(7, 7), NOW + HISTORY);
    assert!(matches!(idleness.decide(&task, NOW + HISTORY), Verdict::Decide(_)));
}

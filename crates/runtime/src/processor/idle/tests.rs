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
    let (mut task, mut idleness, mut preparer) = world(&[0, 0]);
    idleness.end(&quiet(), End { offset: 7, stable: true }, since);
    feed(&mut task, &mut idleness, &mut preparer, &busy(), 0, NOW);
    assert_eq!(task.next_due(), Some(NOW), "the record waits");
    (task, idleness)
}

/// Partitions with these bounds.
fn world(bounds: &[i64]) -> (Task, Idleness, Preparer) {
    let file =
        SourceFile::new("rules.yaml", "version: 1\nrules: [{ name: r, sequence: [{ step: s, event: t }] }]");
    let mut diagnostics = Diagnostics::new();
    let files = [parse_rule_file(&file, &mut diagnostics)];
    let sources = [SourceSpec::default_for(&files)];
    let plan = compile(&files, &sources, &Arc::new(Schemas::empty()), &mut diagnostics);
    let plan = Arc::new(plan.unwrap());
    let mut task = Task::new(Arc::clone(&plan), olocus_cep::Limits::default());
    let mut idleness = Idleness::default();
    for (&bound, id) in bounds.iter().zip((0..).map(partition)) {
        idleness.add(id.clone(), None);
        task.add_input(id, bound, None, false);
    }
    let preparer = Preparer::new(plan, &Arc::new(Keyring::empty()), Limits::default());
    (task, idleness, preparer)
}

/// A record whose event time is the wall clock.
fn feed(
    task: &mut Task,
    idleness: &mut Idleness,
    preparer: &mut Preparer,
    id: &InputId,
    offset: i64,
    now: i64,
) {
    let value = Some("{}".into());
    let record = Record { offset, timestamp: now / MS, key: None, value, headers: Headers::default() };
    for prepared in preparer.prepare(0, &id.topic, id.partition, vec![record]) {
        idleness.records(prepared.input(), prepared.latest(), now);
        task.feed(prepared).unwrap();
    }
}

fn partition(partition: i32) -> InputId {
    InputId { topic: "t".into(), partition }
}

fn quiet() -> InputId {
    partition(0)
}

fn busy() -> InputId {
    partition(1)
}

fn ends(end: i64, stable: i64) -> Ends {
    Ends { stable, end }
}

/// The log was asked at that time, when the waiting record had come.
fn confirm(idleness: &mut Idleness, ends: Ends, asked: i64) {
    idleness.ends(&quiet(), ends, asked, Some(NOW));
}

fn ask(inputs: &[InputId], largest: i64) -> Verdict {
    Verdict::Ask { inputs: inputs.to_vec(), largest }
}

fn decide(idleness: &Idleness, task: &Task, now: i64) -> Verdict {
    idleness.decide(task, now).unwrap()
}

fn floors(verdict: Verdict) -> Vec<(InputId, i64)> {
    let Verdict::Decide(decision) = verdict else { panic!("no decision: {verdict:?}") };
    decision.floors
}

#[test]
fn a_silent_partition_is_idle_once_the_log_has_confirmed_its_end() {
    let (task, mut idleness) = waiting(NOW - LIVE);
    let now = NOW + MS;
    assert_eq!(decide(&idleness, &task, now), ask(&[quiet()], NOW));
    confirm(&mut idleness, ends(7, 7), now);
    assert_eq!(floors(decide(&idleness, &task, now)), [(quiet(), NOW)]);
}

#[test]
fn an_end_confirmed_before_the_newest_record_came_says_nothing() {
    let (task, mut idleness) = waiting(NOW - 2 * LIVE);
    idleness.ends(&quiet(), ends(7, 7), NOW - 1, Some(NOW - 1));
    assert_eq!(decide(&idleness, &task, NOW), ask(&[quiet()], NOW), "it may have been sent to meanwhile");
}

#[test]
fn a_partition_that_has_more_than_was_read_is_not_idle() {
    for more in [ends(8, 8), ends(8, 7)] {
        let (task, mut idleness) = waiting(NOW - LIVE);
        confirm(&mut idleness, more, NOW);
        let long_after = NOW + 100 * LIVE;
        assert_eq!(decide(&idleness, &task, long_after), Verdict::Wait, "{more:?}");
        // An aborted transaction leaves nothing to deliver; the reader then meets the end further on.
        idleness.end(&quiet(), End { offset: 9, stable: true }, long_after);
        confirm(&mut idleness, ends(9, 9), long_after + LIVE);
        assert!(matches!(decide(&idleness, &task, long_after + LIVE), Verdict::Decide(_)));
    }
}

#[test]
fn silence_counts_anew_after_a_pause_and_after_the_log_was_away() {
    let (task, mut idleness) = waiting(NOW - LIVE);
    idleness.paused(&quiet(), true);
    confirm(&mut idleness, ends(7, 7), NOW);
    assert_eq!(decide(&idleness, &task, NOW + 100 * LIVE), Verdict::Wait, "paused");
    idleness.paused(&quiet(), false);
    confirm(&mut idleness, ends(7, 7), NOW + LIVE);
    assert_eq!(decide(&idleness, &task, NOW + LIVE), Verdict::Wait, "silent for no time yet");
    idleness.away();
    assert_eq!(decide(&idleness, &task, NOW + 100 * LIVE), Verdict::Wait, "away");
    confirm(&mut idleness, ends(7, 7), NOW + 100 * LIVE);
    confirm(&mut idleness, ends(7, 7), NOW + 101 * LIVE);
    assert!(matches!(decide(&idleness, &task, NOW + 101 * LIVE), Verdict::Decide(_)));
}

#[test]
fn partitions_into_which_history_is_loaded_get_more_time() {
    let (_, mut idleness) = waiting(NOW - LIVE);
    let (task, _) = waiting(NOW);
    idleness.records(&busy(), Some((NOW + 1, NOW + 1 + HISTORY_LAG + 1)), NOW);
    confirm(&mut idleness, ends(7, 7), NOW + LIVE);
    assert_eq!(decide(&idleness, &task, NOW + LIVE), Verdict::Wait);
    confirm(&mut idleness, ends(7, 7), NOW + HISTORY);
    assert!(matches!(decide(&idleness, &task, NOW + HISTORY), Verdict::Decide(_)));
}

#[test]
fn steady_records_of_one_input_do_not_keep_another_waiting() {
    let (mut task, mut idleness, mut preparer) = world(&[0, 0, 0]);
    // The busy one sorts before the others, so that no tie waits for them.
    for silent in [partition(1), partition(2)] {
        idleness.end(&silent, End { offset: 7, stable: true }, NOW - LIVE);
    }
    // While each question is answered, another record comes.
    for n in 0..5 {
        let now = NOW + 2 * n * MS;
        feed(&mut task, &mut idleness, &mut preparer, &partition(0), 2 * n, now);
        assert_eq!(decide(&idleness, &task, now), ask(&[partition(1), partition(2)], now));
        feed(&mut task, &mut idleness, &mut preparer, &partition(0), 2 * n + 1, now + MS);
        for silent in [partition(1), partition(2)] {
            idleness.ends(&silent, ends(7, 7), now, Some(now));
        }
        let raised = floors(decide(&idleness, &task, now + MS));
        assert_eq!(raised, [(partition(1), now), (partition(2), now)], "not beyond what had come when asked");
        task.decide(&Decision { floors: raised }).unwrap();
        assert_eq!(task.next_due(), Some(now + MS), "the first of the two records is through");
    }
}

#[test]
fn an_answer_that_nobody_noted_the_time_of_confirms_nothing() {
    let (task, mut idleness) = waiting(NOW - LIVE);
    idleness.ends(&quiet(), ends(7, 7), NOW, None);
    assert_eq!(decide(&idleness, &task, NOW), ask(&[quiet()], NOW));
}

#[test]
fn a_record_that_came_after_the_answer_makes_its_input_lively() {
    let (mut task, mut idleness, mut preparer) = world(&[0, 0]);
    idleness.end(&quiet(), End { offset: 7, stable: true }, NOW - LIVE);
    feed(&mut task, &mut idleness, &mut preparer, &busy(), 0, NOW);
    confirm(&mut idleness, ends(7, 7), NOW);
    feed(&mut task, &mut idleness, &mut preparer, &quiet(), 7, NOW - MS);
    assert_eq!(decide(&idleness, &task, NOW), Verdict::Wait);
}

/// An input is paused until another catches up, and that one is silent: neither would ever move.
#[test]
fn a_silent_input_catches_up_with_one_that_is_paused() {
    let second = LIVE;
    let (mut task, mut idleness, mut preparer) = world(&[60 * second, 10 * second]);
    feed(&mut task, &mut idleness, &mut preparer, &busy(), 0, NOW);
    feed(&mut task, &mut idleness, &mut preparer, &quiet(), 0, NOW - 30 * second);
    idleness.end(&quiet(), End { offset: 1, stable: true }, NOW);
    assert_eq!(task.furthest_ahead(), [busy()]);
    idleness.paused(&busy(), true);
    // First as far as the records that came allow, then at the pace of the clock.
    let mut now = NOW + second;
    for reached in [-60 + 1, -60 + 30, -60 + 50] {
        now = now.max(NOW + (reached + 60) * second);
        assert_eq!(decide(&idleness, &task, now), ask(&[quiet()], NOW));
        confirm(&mut idleness, ends(1, 1), now);
        let raised = floors(decide(&idleness, &task, now));
        assert_eq!(raised, [(quiet(), NOW + reached * second)]);
        task.decide(&Decision { floors: raised }).unwrap();
    }
    assert_eq!(task.furthest_ahead(), [], "it may be read again, or time be moved on");
}

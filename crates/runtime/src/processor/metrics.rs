//! The metrics of a processor. They are set per batch, never per event.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use olocus_bus::{Ends, TopicPartition};

use crate::merge::InputId;
use crate::plan::Plan;
use crate::position::Position;
use crate::prepare::Prepared;
use crate::task::{Missed, Outputs, Task};

/// Describes every metric, so that a scraper shows what it is.
pub(super) fn describe() {
    describe_counter!("olocus_events_total", "Events decoded, by topic");
    describe_counter!("olocus_decode_failures_total", "Records that went to the dead-letter topic, by cause");
    describe_counter!(
        "olocus_values_unconverted_total",
        "Values that were present but not of the kind that a rule asks for"
    );
    describe_counter!("olocus_conditions_failed_total", "Rows on which a condition could not be evaluated");
    describe_counter!("olocus_late_events_total", "Late events, by topic");
    describe_counter!(
        "olocus_passed_over_records_total",
        "Dead letters and late records of engines that a pattern of topics came by, by topic"
    );
    describe_counter!("olocus_matches_total", "Matches committed, by rule");
    describe_counter!("olocus_records_lost_total", "Records that the log deleted before they were read");
    describe_counter!("olocus_commit_failures_total", "Commits that had to be tried again");
    describe_counter!(
        "olocus_time_forced_total",
        "Times that event time was moved on because too many records waited"
    );
    describe_histogram!("olocus_commit_latency_seconds", "Time that a commit took");
    describe_gauge!("olocus_partition_end_offset", "Last stable offset of an input partition");
    describe_gauge!("olocus_lag_records", "Records between the committed offset and the partition's end");
    describe_gauge!("olocus_committed_offset", "Committed offset of an input partition");
    describe_gauge!(
        "olocus_watermark_delay_seconds",
        "Wall clock less the event time that all inputs have reached"
    );
    describe_gauge!("olocus_state_bytes", "Estimated size of partial matches, windows and held records");
    describe_gauge!("olocus_partial_matches", "Partial matches of all sequence rules");
    describe_gauge!("olocus_window_events", "Events in windows");
    describe_counter!(
        "olocus_list_rows_refused_total",
        "Rows of a list in a topic that did not fit, by list"
    );
    describe_gauge!("olocus_list_entries", "Keys of a list that rules look values up in, by list");
    describe_gauge!("olocus_list_bytes", "Estimated size of what rules use of a list, by list");
    describe_gauge!("olocus_keys", "Keys with state, summed over rules");
    describe_gauge!("olocus_held_bytes", "Estimated size of the records that wait for their turn");
    describe_gauge!("olocus_held_records", "Records waiting for their turn in event-time order");
    describe_counter!(
        "olocus_state_dropped_total",
        "Partial matches and window events that a limit made a rule drop or refuse, by rule"
    );
    describe_counter!(
        "olocus_missing_keys_total",
        "Events that took no part in a rule because their key was missing or null, by rule"
    );
    describe_counter!(
        "olocus_matches_untold_total",
        "Matches that were found and not told, by rule and reason: `max_matches_per_event` or `limit`"
    );
}

/// Causes for which a record goes to the dead-letter topic.
const CAUSES: [&str; 20] = [
    "bad-cloudevent",
    "bad-compression",
    "bad-envelope",
    "bad-time",
    "future-time",
    "inflates-too-far",
    "invalid-json",
    "invalid-messagepack",
    "invalid-utf8",
    "no-payload",
    "not-a-cloudevent",
    "not-an-object",
    "tampered",
    "too-deep",
    "too-large",
    "trailing-data",
    "truncated-json",
    "truncated-messagepack",
    "unknown-encoding",
    "unknown-key",
];

/// Sets what counts for the whole processor to zero, so that the first of each is an increase to a scraper.
pub(super) fn begin(plan: &Plan) {
    for cause in CAUSES {
        counter!("olocus_decode_failures_total", "cause" => cause).increment(0);
    }
    for rule in plan.rule_names() {
        counter!("olocus_matches_total", "rule" => rule.to_owned()).increment(0);
    }
    for list in plan.lists() {
        gauge!("olocus_list_entries", "list" => list.name.clone()).set(list.entries as f64);
        gauge!("olocus_list_bytes", "list" => list.name.clone()).set(list.bytes as f64);
    }
    counter!("olocus_values_unconverted_total").increment(0);
    counter!("olocus_conditions_failed_total").increment(0);
    counter!("olocus_commit_failures_total").increment(0);
    counter!("olocus_time_forced_total").increment(0);
}

/// Sets what counts for an input to zero.
pub(super) fn joined(id: &InputId) {
    counter!("olocus_records_lost_total", &labels(id)).increment(0);
    for name in ["olocus_events_total", "olocus_late_events_total", "olocus_passed_over_records_total"] {
        counter!(name, "topic" => id.topic.to_string()).increment(0);
    }
}

pub(super) fn prepared(prepared: &Prepared) {
    let topic = prepared.input().topic.to_string();
    if prepared.counts.passed_over > 0 {
        counter!("olocus_passed_over_records_total", "topic" => topic.clone())
            .increment(prepared.counts.passed_over);
    }
    counter!("olocus_events_total", "topic" => topic).increment(prepared.counts.events);
    counter!("olocus_values_unconverted_total").increment(prepared.counts.unconverted);
    counter!("olocus_conditions_failed_total").increment(prepared.counts.failed);
    for dead in prepared.dead_letters() {
        counter!("olocus_decode_failures_total", "cause" => dead.code).increment(1);
    }
}

pub(super) fn committed(plan: &Plan, outputs: &Outputs, took: Duration) {
    histogram!("olocus_commit_latency_seconds").record(took.as_secs_f64());
    for late in &outputs.late {
        counter!("olocus_late_events_total", "topic" => late.input.topic.to_string()).increment(1);
    }
    for found in &outputs.matches {
        counter!("olocus_matches_total", "rule" => plan.rules[found.rule].name.clone()).increment(1);
    }
}

/// Publishes how far inputs are committed.
pub(super) fn positions(positions: &[(InputId, Position)]) {
    for (id, position) in positions {
        gauge!("olocus_committed_offset", &labels(id)).set(position.offset as f64);
    }
}

/// Publishes what each rule did not take into account.
pub(super) fn missed(plan: &Plan, missed: &[Missed]) {
    for (rule, missed) in plan.rules.iter().zip(missed) {
        counter!("olocus_state_dropped_total", "rule" => rule.name.clone()).absolute(missed.dropped);
        counter!("olocus_missing_keys_total", "rule" => rule.name.clone()).absolute(missed.missing_keys);
        for (reason, untold) in [("max_matches_per_event", missed.untold), ("limit", missed.limited)] {
            counter!("olocus_matches_untold_total", "rule" => rule.name.clone(), "reason" => reason)
                .absolute(untold);
        }
    }
}

pub(super) fn commit_failed() {
    counter!("olocus_commit_failures_total").increment(1);
}

pub(super) fn forced() {
    counter!("olocus_time_forced_total").increment(1);
}

pub(super) fn lost(id: &InputId, records: i64) {
    counter!("olocus_records_lost_total", &labels(id)).increment(records.unsigned_abs());
}

/// Publishes sizes, progress and, against the ends of the partitions, lag.
pub(super) fn gauges(
    now: i64,
    task: &Task,
    committed: &BTreeMap<InputId, Position>,
    ends: &BTreeMap<TopicPartition, Ends>,
) {
    let stats = task.stats();
    gauge!("olocus_state_bytes").set(stats.bytes as f64);
    gauge!("olocus_partial_matches").set(stats.partial_matches as f64);
    gauge!("olocus_window_events").set(stats.window_events as f64);
    gauge!("olocus_keys").set(stats.keys as f64);
    gauge!("olocus_held_records").set(stats.held as f64);
    gauge!("olocus_held_bytes").set(stats.held_bytes as f64);
    for (list, refused) in task.tables() {
        gauge!("olocus_list_entries", "list" => list.name.clone()).set(list.entries as f64);
        gauge!("olocus_list_bytes", "list" => list.name.clone()).set(list.bytes as f64);
        counter!("olocus_list_rows_refused_total", "list" => list.name).absolute(refused);
    }
    if let Some(progress) = task.progress() {
        gauge!("olocus_watermark_delay_seconds").set(now.saturating_sub(progress) as f64 / 1e9);
    }
    for (id, position) in committed {
        let labels = labels(id);
        let partition = TopicPartition { topic: id.topic.clone(), partition: id.partition };
        if let Some(end) = ends.get(&partition).map(|ends| ends.stable) {
            gauge!("olocus_partition_end_offset", &labels).set(end as f64);
            gauge!("olocus_lag_records", &labels).set((end - position.offset).max(0) as f64);
        }
    }
}

fn labels(id: &InputId) -> [(&'static str, String); 2] {
    [("topic", id.topic.to_string()), ("partition", id.partition.to_string())]
}

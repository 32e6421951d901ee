//! Records that could not be used, on their way to a topic of their own.
//!
//! Key, headers and payload stay as received, also a payload in its envelope: to open it, use the
//! topic that the added header names. Where a record went this way before, the headers added last count.

use std::sync::Arc;

use crate::record::{OutRecord, Record};
use crate::time::format_rfc3339;

/// A record that could not be processed, with its cause and coordinates in headers:
/// `olocus-dlq-cause` (a code such as `truncated-json`), `-detail` (a sentence), `-topic`,
/// `-partition`, `-offset`, `-timestamp` (milliseconds since the Unix epoch).
pub fn dead_letter(
    topic: Arc<str>,
    source_topic: &str,
    partition: i32,
    record: Record,
    cause_code: &str,
    cause: &str,
) -> OutRecord {
    let Record { offset, timestamp, key, value, mut headers } = record;
    headers.extend([
        ("olocus-dlq-cause", cause_code.to_owned()),
        ("olocus-dlq-detail", shortened(cause)),
        ("olocus-dlq-topic", source_topic.to_owned()),
        ("olocus-dlq-partition", partition.to_string()),
        ("olocus-dlq-offset", offset.to_string()),
        ("olocus-dlq-timestamp", timestamp.to_string()),
    ]);
    OutRecord { topic, partition: None, key, headers, value }
}

/// A record that came too late, with its coordinates, its event time and the watermark it missed (RFC
/// 3339) in headers: `olocus-late-topic`, `-partition`, `-offset`, `-timestamp`, `-event-time`,
/// `-watermark`.
pub fn late_record(
    topic: Arc<str>,
    source_topic: &str,
    partition: i32,
    record: &Record,
    event_time: i64,
    watermark: i64,
) -> OutRecord {
    let mut headers = record.headers.clone();
    headers.extend([
        ("olocus-late-topic", source_topic.to_owned()),
        ("olocus-late-partition", partition.to_string()),
        ("olocus-late-offset", record.offset.to_string()),
        ("olocus-late-timestamp", record.timestamp.to_string()),
        ("olocus-late-event-time", format_rfc3339(event_time)),
        ("olocus-late-watermark", format_rfc3339(watermark)),
    ]);
    OutRecord { topic, partition: None, key: record.key.clone(), headers, value: record.value.clone() }
}

/// Headers are no place for long texts: brokers count them towards the largest record.
fn shortened(cause: &str) -> String {
    const LONGEST: usize = 1024;
    cause.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Headers;

    fn record() -> Record {
        Record {
            offset: 7,
            timestamp: 1_000,
            key: Some("k".into()),
            value: Some("{".into()),
            headers: Headers::from_iter([("a", "b")]),
        }
    }

    fn headers(record: &OutRecord) -> Vec<(&str, &str)> {
        record.headers.iter().map(|(name, value)| (name, std::str::from_utf8(value).unwrap())).collect()
    }

    #[test]
    fn dead_letters_keep_the_record_and_tell_where_it_was() {
        let letter = dead_letter("dlq".into(), "in", 3, record(), "truncated-json", &"é".repeat(2000));
        assert_eq!(letter.value, record().value);
        assert_eq!(letter.key, record().key);
        assert_eq!((&*letter.topic, letter.partition), ("dlq", None));
        let detail = "é".repeat(1024);
        assert_eq!(
            headers(&letter),
            [
                ("a", "b"),
                ("olocus-dlq-cause", "truncated-json"),
                ("olocus-dlq-detail", &detail),
                ("olocus-dlq-topic", "in"),
                ("olocus-dlq-partition", "3"),
                ("olocus-dlq-offset", "7"),
                ("olocus-dlq-timestamp", "1000"),
            ]
        );
    }

    #[test]
    fn late_records_tell_how_late_they_were() {
        let late = late_record("late".into(), "in", 3, &record(), 0, 1_000_000_000);
        assert_eq!(late.value, record().value);
        assert_eq!(late.headers.get("olocus-late-event-time").unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(late.headers.get("olocus-late-watermark").unwrap(), "1970-01-01T00:00:01Z");
        assert_eq!(late.headers.get("olocus-late-offset").unwrap(), "7");
        assert_eq!(late.headers.get("a").unwrap(), "b");
    }
}

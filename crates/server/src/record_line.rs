//! A record as people see it: by `olocus tail` and over HTTP.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use olocus_event::{Error, Headers, Keyring, Limits, Record, record_to_json};
use serde_json::{Map, Value};

/// A record as a CloudEvents JSON object with its `topic`, `partition`, `offset` and `key`.
///
/// A dead letter, or a late record, is shown as the event that it was, with what its headers say of it under
/// `dead_letter` or `late`; a dead letter that cannot be shown has its value in `data_base64`.
///
/// # Errors
/// When any other record does not come out of its envelope, or is a malformed CloudEvent.
pub fn record_line(
    topic: &str,
    partition: i32,
    record: &Record,
    keyring: &Keyring,
    limits: &Limits,
) -> Result<Map<String, Value>, Error> {
    let letter = LETTERS.iter().find_map(|kind| kind.of(&record.headers));
    let (origin, origin_partition, was) = match &letter {
        Some(letter) => letter.origin(topic, partition, record),
        None => (Cow::Borrowed(topic), partition, Cow::Borrowed(record)),
    };
    let mut line = match record_to_json(&origin, origin_partition, &was, keyring, limits) {
        Ok(Value::Object(event)) => event,
        Ok(other) => Map::from_iter([("data".to_owned(), other)]),
        Err(_) if letter.is_some() => {
            let value = record.value.as_ref().map(|value| Value::from(STANDARD.encode(value)));
            value.map(|value| ("data_base64".to_owned(), value)).into_iter().collect()
        }
        Err(error) => return Err(error),
    };
    if let Some(letter) = letter {
        line.insert(letter.name.to_owned(), letter.said.into());
    }
    line.insert("topic".to_owned(), topic.into());
    line.insert("partition".to_owned(), partition.into());
    line.insert("offset".to_owned(), record.offset.into());
    let key = record.key.as_ref().map_or(Value::Null, |key| String::from_utf8_lossy(key).into());
    line.insert("key".to_owned(), key);
    Ok(line)
}

/// A sort of records that could not be used, and what their headers say.
struct Kind {
    name: &'static str,
    prefix: &'static str,
    fields: &'static [&'static str],
}

/// A record that went to a topic of failures last by this way is of the first of these.
const LETTERS: [Kind; 2] = [
    Kind {
        name: "dead_letter",
        prefix: "olocus-dlq-",
        fields: &["cause", "detail", "topic", "partition", "offset", "timestamp"],
    },
    Kind {
        name: "late",
        prefix: "olocus-late-",
        fields: &["topic", "partition", "offset", "timestamp", "event-time", "watermark"],
    },
];

/// What the headers of a record say of its failure.
struct Letter {
    name: &'static str,
    said: Map<String, Value>,
}

impl Kind {
    fn of(&self, headers: &Headers) -> Option<Letter> {
        let said = |field: &&str| {
            let text = String::from_utf8_lossy(headers.get(&format!("{}{field}", self.prefix))?).into_owned();
            let number = match *field {
                "partition" | "offset" | "timestamp" => text.parse::<i64>().ok(),
                _ => None,
            };
            Some((field.replace('-', "_"), number.map_or_else(|| text.into(), Value::from)))
        };
        let said: Map<String, Value> = self.fields.iter().filter_map(said).collect();
        (!said.is_empty()).then_some(Letter { name: self.name, said })
    }
}

impl Letter {
    /// The topic, partition and record that failed: an envelope opens for these only.
    fn origin<'a>(
        &self,
        topic: &'a str,
        partition: i32,
        record: &'a Record,
    ) -> (Cow<'a, str>, i32, Cow<'a, Record>) {
        let number = |field: &str| self.said.get(field).and_then(Value::as_i64);
        let was = Record {
            offset: number("offset").unwrap_or(record.offset),
            timestamp: number("timestamp").unwrap_or(record.timestamp),
            ..record.clone()
        };
        let origin = match self.said.get("topic").and_then(Value::as_str) {
            Some(origin) => Cow::Owned(origin.to_owned()),
            None => Cow::Borrowed(topic),
        };
        let partition = number("partition").and_then(|number| number.try_into().ok()).unwrap_or(partition);
        (origin, partition, Cow::Owned(was))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use olocus_event::{OutRecord, dead_letter, late_record};
    use serde_json::json;

    use super::*;

    fn line(record: &Record) -> Result<Value, Error> {
        record_line("t", 2, record, &Keyring::empty(), &Limits::default()).map(Value::Object)
    }

    fn record(value: &'static [u8]) -> Record {
        let (key, value) = (Some(Bytes::from_static(b"k")), Some(Bytes::from_static(value)));
        Record { offset: 7, timestamp: 1_000, key, value, ..Record::default() }
    }

    fn read_again(record: OutRecord) -> Record {
        let OutRecord { key, headers, value, .. } = record;
        Record { offset: 9, timestamp: 2_000, key, headers, value }
    }

    #[test]
    fn lines_have_coordinates() {
        let event = line(&record(br#"{"a":1}"#)).unwrap();
        assert_eq!((&event["id"], &event["data"]["a"]), (&json!("t/2/7"), &json!(1)));
        assert_eq!((&event["topic"], &event["partition"]), (&json!("t"), &json!(2)));
        assert_eq!((&event["offset"], &event["key"]), (&json!(7), &json!("k")));
    }

    #[test]
    fn a_dead_letter_tells_its_cause_and_where_it_was() {
        let dead = dead_letter("t".into(), "in", 3, record(b"{\"a\""), "truncated-json", "it ends too early");
        let shown = line(&read_again(dead)).unwrap();
        assert_eq!(
            shown["dead_letter"],
            json!({
                "cause": "truncated-json", "detail": "it ends too early",
                "topic": "in", "partition": 3, "offset": 7, "timestamp": 1000
            })
        );
        assert_eq!(shown["data_base64"], STANDARD.encode("{\"a\""));
        assert_eq!((&shown["topic"], &shown["offset"], &shown["key"]), (&json!("t"), &json!(9), &json!("k")));
    }

    #[test]
    fn a_dead_letter_that_cannot_be_shown_has_its_bytes() {
        let mut sealed = record(&[0xff, 0]);
        sealed.headers.push("olocus-encoding", Bytes::from_static(b"aes256gcm"));
        assert!(line(&sealed).is_err());
        let shown = line(&read_again(dead_letter("t".into(), "in", 3, sealed, "no-key", "…"))).unwrap();
        assert_eq!(
            (&shown["data_base64"], &shown["dead_letter"]["cause"]),
            (&json!("/wA="), &json!("no-key"))
        );
    }

    #[test]
    fn a_late_record_tells_what_it_missed() {
        let late = late_record("t".into(), "in", 3, &record(br#"{"a":1}"#), 0, 1_000_000_000);
        let shown = line(&read_again(late)).unwrap();
        assert_eq!(
            (&shown["id"], &shown["type"], &shown["data"]),
            (&json!("in/3/7"), &json!("in"), &json!({"a": 1}))
        );
        assert_eq!(shown["late"]["event_time"], "1970-01-01T00:00:00Z");
        assert_eq!(shown["late"]["watermark"], "1970-01-01T00:00:01Z");
        assert_eq!(shown["late"]["offset"], 7);
    }
}

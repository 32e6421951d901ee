//! What a correct engine finds in a workload.

use serde::{Deserialize, Serialize};

/// The matches that are in a workload, and the events that only look like one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the stream.
    pub seed: u64,
    /// Number of events generated.
    pub events: u64,
    /// Every match of every rule of the scenario, in the order of the events that complete them.
    pub matches: Vec<ExpectedMatch>,
    /// Groups of events placed so that they just fail to match.
    pub near_misses: Vec<NearMiss>,
}

impl Truth {
    /// Number of matches of one rule.
    pub fn count(&self, rule: &str) -> usize {
        self.matches.iter().filter(|expected| expected.rule == rule).count()
    }
}

/// One match.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExpectedMatch {
    /// Name of the rule.
    pub rule: String,
    /// Value of the rule's key; absent where the rule has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether the events were placed on purpose.
    pub injected: bool,
    /// For a sequence each step's event; for a window its `first` and its `last`.
    pub events: Vec<ExpectedEvent>,
}

/// Events that miss a match narrowly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NearMiss {
    /// What is wrong with them, such as `late-access`.
    pub kind: String,
    /// The events, in time order.
    pub events: Vec<ExpectedEvent>,
}

/// An event and its part in a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedEvent {
    /// Name of the step, or `first` and `last` of a window.
    pub step: String,
    /// Position in the stream from 0: the line number of its line.
    pub index: u64,
    /// The event's `id` field.
    pub id: String,
    /// Event time in nanoseconds since the Unix epoch; RFC 3339 when serialised.
    #[serde(with = "rfc3339")]
    pub time: i64,
}

mod rfc3339 {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    pub(super) fn serialize<S: Serializer>(time: &i64, to: S) -> Result<S::Ok, S::Error> {
        let time = Timestamp::from_nanosecond(i128::from(*time)).map_err(ser::Error::custom)?;
        to.collect_str(&time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
        let text = String::deserialize(from)?;
        let time: Timestamp = text.parse().map_err(de::Error::custom)?;
        i64::try_from(time.as_nanosecond()).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_json() {
        let truth = Truth {
            scenario: "enterprise".into(),
            seed: u64::MAX,
            events: 3,
            matches: vec![ExpectedMatch {
                rule: "r".into(),
                key: None,
                injected: true,
                events: vec![ExpectedEvent {
                    step: "first".into(),
                    index: 2,
                    id: "x".into(),
                    time: 1_500_000_000,
                }],
            }],
            near_misses: Vec::new(),
        };
        let text = serde_json::to_string(&truth).unwrap();
        assert!(text.contains(r#""time":"1970-01-01T00:00:01.5Z""#), "{text}");
        assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
    }
}

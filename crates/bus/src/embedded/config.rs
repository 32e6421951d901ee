//! The settings of topics.

use std::collections::BTreeMap;

use super::options::EmbeddedOptions;
use crate::Error;

/// The settings of a topic.
#[derive(Clone, Copy, Debug)]
pub(super) struct Config {
    pub(super) retention_ms: Option<i64>,
    pub(super) retention_bytes: Option<u64>,
    pub(super) max_record_bytes: u64,
}

impl Config {
    pub(super) fn new(
        options: &EmbeddedOptions,
        topic: &str,
        config: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut settings = Self {
            retention_ms: options.retention_ms,
            retention_bytes: options.retention_bytes,
            max_record_bytes: options.max_record_bytes,
        };
        for (key, value) in config {
            let number: i64 = value.parse().map_err(|_| {
                Error::misuse(format!("`{key}` of topic `{topic}` is `{value}`, not a number"))
            })?;
            // Kafka's way to say "without limit" is -1.
            let limit = (number >= 0).then_some(number);
            match key.as_str() {
                "retention.ms" => settings.retention_ms = limit,
                "retention.bytes" => settings.retention_bytes = limit.map(i64::unsigned_abs),
                "max.message.bytes" => settings.max_record_bytes = number.max(0).unsigned_abs(),
                _ => {
                    return Err(Error::misuse(format!(
                        "`{key}` of topic `{topic}` is not known to the embedded log, which has `retention.ms`, \
                         `retention.bytes` and `max.message.bytes`"
                    )));
                }
            }
        }
        Ok(settings)
    }
}

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the wall clock in milliseconds since the Unix epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How an embedded log is to behave.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// How many partitions a topic gets if nobody says.
    pub default_partitions: u32,
    /// How long records are kept at least, in milliseconds, unless their topic says otherwise (`retention.ms`); `None`
    /// is for ever. What is older goes when its partition is next written to.
    pub retention_ms: Option<i64>,
    /// How many bytes a partition may have before its oldest records go, unless its topic says otherwise
    /// (`retention.bytes`); `None` is without limit.
    pub retention_bytes: Option<u64>,
    /// The largest record that is taken, in bytes of key, value and headers, unless its topic says otherwise
    /// (`max.message.bytes`).
    pub max_record_bytes: u64,
    /// How many bytes of the file may be kept in memory.
    pub cache_bytes: usize,
    /// Where record timestamps come from.
    pub clock: Clock,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            default_partitions: 4,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            max_record_bytes: 128 << 20,
            cache_bytes: 64 << 20,
            clock: Arc::new(wall_clock),
        }
    }
}

impl fmt::Debug for EmbeddedOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedOptions")
            .field("default_partitions", &self.default_partitions)
            .field("retention_ms", &self.retention_ms)
            .field("retention_bytes", &self.retention_bytes)
            .field("max_record_bytes", &self.max_record_bytes)
            .field("cache_bytes", &self.cache_bytes)
            .finish_non_exhaustive()
    }
}

fn wall_clock() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

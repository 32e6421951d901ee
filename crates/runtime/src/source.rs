//! What a source says about its topics: their format, and where time, type and key of an event are.

use olocus_cep::rule::{Asked, Body, RuleFile, TypePattern};
use olocus_document::Scalar;
use olocus_event::Format;
use olocus_event::time::TimeUnit;

/// Default of [`SourceSpec::max_future`]: one hour, in nanoseconds.
pub const MAX_FUTURE: i64 = 3_600_000_000_000;

/// One source: a set of topics that are read alike.
#[derive(Debug, Clone)]
pub struct SourceSpec {
    /// The topics that belong to the source; an entry without wildcards names one topic.
    pub topics: Vec<TypePattern>,
    /// How the records are encoded.
    pub format: Format,
    /// SQL expression for the event time. Without it: `ce_time`, else the record's timestamp.
    pub time: Option<Scalar>,
    /// The unit of numbers that `time` yields.
    pub time_unit: TimeUnit,
    /// SQL expression for the event type. Without it: `ce_type`, else the topic's name.
    pub event_type: Option<Scalar>,
    /// SQL expression for the event's key (`meta.key`). Without it: the record's key.
    pub key: Option<Scalar>,
    /// Nanoseconds by which an event may come after one with a later time and still be on time.
    pub out_of_order: i64,
    /// Nanoseconds without an event after which a partition that was read to its end counts as idle.
    /// Without it: one second, or ten where event times lie more than a minute behind the log.
    pub idle_after: Option<i64>,
    /// Nanoseconds that an event's time may lie ahead of its record's timestamp.
    pub max_future: i64,
}

impl SourceSpec {
    /// A source with every default, for the topics that `topics` name.
    pub fn of(topics: Vec<TypePattern>) -> SourceSpec {
        SourceSpec {
            topics,
            format: Format::Auto,
            time: None,
            time_unit: TimeUnit::Auto,
            event_type: None,
            key: None,
            out_of_order: 0,
            idle_after: None,
            max_future: MAX_FUTURE,
        }
    }

    /// The source for when nothing is configured: the topics named like the event types that the rules ask for.
    pub fn default_for(files: &[RuleFile]) -> SourceSpec {
        let mut topics: Vec<TypePattern> = Vec::new();
        for rule in files.iter().flat_map(|file| &file.rules).filter(|rule| rule.enabled) {
            let types: Vec<&TypePattern> = match &rule.body {
                Body::Sequence(sequence) => {
                    let asked = sequence.asked().into_iter().flat_map(Asked::event);
                    asked.chain(sequence.from.iter().flatten()).map(|pattern| &pattern.value).collect()
                }
                Body::Window { event, .. } => event.iter().map(|pattern| &pattern.value).collect(),
            };
            for pattern in types {
                if !topics.contains(pattern) {
                    topics.push(pattern.clone());
                }
            }
        }
        SourceSpec::of(topics)
    }

    /// Whether `topic` belongs to the source.
    pub fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| pattern.matches(topic))
    }
}

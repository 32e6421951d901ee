//! The data of a match, as it is written.

use olocus_cep::Key;
use olocus_event::JsonText;
use olocus_event::time::format_rfc3339;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value as Json};

use super::Match;
use super::identity::Identity;
use crate::plan::RulePlan;
use crate::prepare::StoredEvent;

/// Bytes of events that a match embeds at most (`include: events`).
pub const EMBEDDED_BYTES_MAX: usize = olocus_cep::KEPT_BYTES_MAX;

/// What an embedded event counts for beside its payload, so that many small ones are bounded too.
const REFERENCE_BYTES: usize = 128;

/// What sequences and windows have in common.
pub(super) struct Frame<'a> {
    pub(super) rule: usize,
    pub(super) key: Key,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) timed_out: Option<i64>,
    pub(super) emit: Members<'a, JsonText>,
    pub(super) approximate: Vec<&'a str>,
}

/// The data of a match, in the order in which it is written. What comes from events goes in as text, unread.
#[derive(Serialize)]
struct Data<'a> {
    rule: &'a str,
    version: &'a str,
    id: &'a str,
    severity: &'a str,
    key: JsonText,
    start: String,
    end: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timed_out: Option<String>,
    emit: Members<'a, JsonText>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    approximate: Vec<&'a str>,
    #[serde(flatten)]
    whole: Whole<'a>,
    #[serde(flatten)]
    about: &'a Map<String, Json>,
}

/// The events of a match.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Whole<'a> {
    Events(Members<'a, Vec<Reference<'a>>>),
    Summary(Box<SummaryData<'a>>),
    Window(Box<WindowData<'a>>),
}

#[derive(Serialize)]
pub(super) struct SummaryData<'a> {
    pub(super) first: Reference<'a>,
    pub(super) last: Reference<'a>,
    /// Events by step.
    pub(super) counts: Members<'a, u64>,
}

#[derive(Serialize)]
pub(super) struct WindowData<'a> {
    pub(super) start: String,
    pub(super) end: String,
    pub(super) count: u64,
    pub(super) first: Reference<'a>,
    pub(super) last: Reference<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Vec<Reference<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) events_omitted: Option<u64>,
}

/// Where an event stands in the log; with the event itself where a match embeds it.
#[derive(Serialize)]
pub(super) struct Reference<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    id: &'a str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a JsonText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_omitted: Option<String>,
}

/// An object with its members in this order.
pub(super) struct Members<'a, T>(pub(super) Vec<(&'a str, T)>);

impl Frame<'_> {
    pub(super) fn finish(self, rule: &RulePlan, mut identity: Identity, whole: Whole<'_>) -> Match {
        if let Some(at) = self.timed_out {
            identity.text("timed out");
            identity.number(at);
        }
        let id = identity.finish();
        let data = Data {
            rule: &rule.name,
            version: &rule.version,
            id: &id,
            severity: rule.severity.as_str(),
            key: JsonText::of_payload(self.key.as_json().as_bytes()),
            start: format_rfc3339(self.start),
            end: format_rfc3339(self.end),
            timed_out: self.timed_out.map(format_rfc3339),
            emit: self.emit,
            approximate: self.approximate,
            whole,
            about: &rule.about,
        };
        let data = JsonText::of(&data).expect("all names are strings, and nothing else fails to serialise");
        Match { rule: self.rule, id, key: self.key, end: self.end, timed_out: self.timed_out, data }
    }
}

impl<'a> Reference<'a> {
    pub(super) fn of(event: &'a StoredEvent) -> Reference<'a> {
        Reference {
            topic: &event.topic,
            partition: event.partition,
            offset: event.offset,
            id: &event.id,
            time: format_rfc3339(event.time),
            data: None,
            data_omitted: None,
        }
    }

    /// With the event itself where the rule includes events and there is room.
    pub(super) fn with_data(rule: &RulePlan, event: &'a StoredEvent, room: &mut usize) -> Reference<'a> {
        let mut reference = Reference::of(event);
        if let Some(raw) = event.raw.as_ref().filter(|_| rule.include_events) {
            if let Some(rest) = room.checked_sub(event.embedded_bytes()) {
                *room = rest;
                reference.data = Some(raw);
            } else {
                reference.data_omitted =
                    Some(format!("the events of a match may take {EMBEDDED_BYTES_MAX} bytes"));
            }
        }
        reference
    }
}

impl<T: Serialize> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl StoredEvent {
    /// What the event counts for where a match embeds it.
    pub(crate) fn embedded_bytes(&self) -> usize {
        REFERENCE_BYTES + self.raw.as_ref().map_or(0, |raw| raw.as_str().len())
    }
}

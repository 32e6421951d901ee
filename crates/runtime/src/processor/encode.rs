//! Outputs as values → records to write.

use std::sync::Arc;

use bytes::Bytes;
use olocus_cep::Key;
use olocus_cep::rule::Action;
use olocus_event::{CloudEvent, JsonText, OutRecord, dead_letter, late_record, seal};
use serde::{Deserialize, Serialize};

use super::{Options, Serialization};
use crate::matches::Match;
use crate::plan::Plan;
use crate::task::Outputs;

/// The CloudEvents type of match records.
const MATCH_TYPE: &str = "olocus.match";
/// Where the schema of the match data is published.
const MATCH_SCHEMA: &str = "match.schema.json";

/// A call that a rule's `webhook` action asks for, as it travels on the application's webhook topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookCall {
    /// Where to send the match.
    pub url: String,
    /// Headers as the rule names them; `${NAME}` is filled in from the environment at the call.
    pub headers: Vec<(String, String)>,
    /// How long to wait for an answer, in nanoseconds.
    pub timeout: i64,
    /// The match's id, which serves as idempotency key.
    pub id: String,
    /// The data of the match.
    pub data: JsonText,
}

/// A value on its way into the log of the engine itself.
pub(super) struct LogLine {
    pub(super) level: olocus_cep::rule::LogLevel,
    pub(super) text: String,
}

/// Everything that a commit writes for these outputs.
pub(super) fn records(
    plan: &Plan,
    options: &Options,
    outputs: &Outputs,
) -> Result<Vec<OutRecord>, olocus_event::Error> {
    let mut records = Vec::new();
    for found in &outputs.matches {
        match_records(plan, options, found, &mut records)?;
    }
    let topics = &options.topics;
    for late in &outputs.late {
        let (topic, input) = (Arc::clone(&topics.late), &late.input);
        records.push(late_record(
            topic,
            &input.topic,
            input.partition,
            &late.record,
            late.time,
            late.progress,
        ));
    }
    for dead in &outputs.dead {
        let (topic, input) = (Arc::clone(&topics.dead_letter), &dead.input);
        records.push(dead_letter(
            topic,
            &input.topic,
            input.partition,
            dead.record.clone(),
            dead.code,
            &dead.cause,
        ));
    }
    Ok(records)
}

/// The lines that `log` actions ask for, written once the commit is through.
pub(super) fn log_lines<'a>(plan: &'a Plan, outputs: &'a Outputs) -> impl Iterator<Item = LogLine> + 'a {
    outputs.matches.iter().flat_map(|found| {
        plan.rules[found.rule].actions(found.timed_out.is_some()).iter().filter_map(|action| match action {
            Action::Log { level } => Some(LogLine { level: *level, text: found.data.to_string() }),
            Action::Publish { .. } | Action::Webhook { .. } => None,
        })
    })
}

fn match_records(
    plan: &Plan,
    options: &Options,
    found: &Match,
    records: &mut Vec<OutRecord>,
) -> Result<(), olocus_event::Error> {
    let rule = &plan.rules[found.rule];
    let event = cloud_event(options, &rule.name, rule.severity.as_str(), found);
    let timed_out = found.timed_out.is_some();
    for topic in rule.topics(timed_out, &options.topics.matches) {
        let record = event.to_binary(topic.into(), Some(record_key(&rule.name, &found.key)));
        records.push(seal(record, &options.sealing, &options.keyring, (options.nonce)())?);
    }
    for action in rule.actions(timed_out) {
        if let Action::Webhook { url, headers, timeout } = action {
            let call = WebhookCall {
                url: url.value.clone(),
                headers: headers.clone(),
                timeout: *timeout,
                id: found.id.clone(),
                data: found.data.clone(),
            };
            let value = serde_json::to_vec(&call).expect("a call is plain JSON");
            let record = OutRecord {
                topic: Arc::clone(&options.topics.webhooks),
                partition: None,
                key: Some(record_key(&rule.name, &found.key)),
                headers: olocus_event::Headers::default(),
                value: Some(value.into()),
            };
            records.push(seal(record, &options.sealing, &options.keyring, (options.nonce)())?);
        }
    }
    Ok(())
}

fn cloud_event(options: &Options, rule: &str, severity: &str, found: &Match) -> CloudEvent {
    let (content_type, data) = match options.serialization {
        Serialization::Json => ("application/json", found.data.as_str().as_bytes().to_vec()),
        Serialization::MessagePack => ("application/msgpack", found.data.to_message_pack()),
    };
    let extensions = [("rule", rule), ("severity", severity)];
    CloudEvent {
        id: found.id.clone(),
        source: format!("/olocus/{}/rules/{rule}", options.application_id),
        event_type: MATCH_TYPE.to_owned(),
        subject: subject(found.key.as_json()),
        time: Some(found.end),
        data_content_type: Some(content_type.to_owned()),
        data_schema: Some(MATCH_SCHEMA.to_owned()),
        extensions: extensions.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        data: Some(data.into()),
    }
}

/// The key of a match as the subject of its event: a text as it is, no key as none. A subject may not be empty.
fn subject(key: &str) -> Option<String> {
    match serde_json::from_str(key) {
        Ok(serde_json::Value::Null) => None,
        Ok(serde_json::Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
        Ok(_) | Err(_) => Some(key.to_owned()),
    }
}

/// Matches of one key stay in order: the record key is the rule's key, or the rule's name where it has none.
fn record_key(rule: &str, key: &Key) -> Bytes {
    let json = key.as_json();
    match json.as_bytes().first() {
        Some(b'"') => serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()).into(),
        _ if json == "null" => Bytes::from(rule.to_owned()),
        _ => Bytes::from(json.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_key_of_their_match() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for (key, expected) in
            [("null", "rule"), ("\"a\\\"b\"", "a\"b"), ("5", "5"), ("[\"a\",1]", "[\"a\",1]"), (&deep, &deep)]
        {
            assert_eq!(record_key("rule", &Key::single(key)), expected, "{key}");
        }
    }

    #[test]
    fn a_subject_is_plain_text() {
        assert_eq!(subject("\"u1\"").as_deref(), Some("u1"));
        assert_eq!(subject("5").as_deref(), Some("5"));
        assert_eq!(subject("[\"u1\",5]").as_deref(), Some("[\"u1\",5]"));
        for none in ["null", "\"\""] {
            assert_eq!(subject(none), None);
        }
    }
}

//! Records for people to look at.

use crate::cloud_event::{CloudEvent, binding};
use crate::content::Content;
use crate::envelope::unseal;
use crate::error::Error;
use crate::keyring::Keyring;
use crate::limits::Limits;
use crate::record::Record;

/// Any record as a CloudEvents JSON object, its payload out of the envelope. A plain record gets the
/// id `topic/partition/offset`, the topic as type, `/topic` as source, and its timestamp as time;
/// data that is neither JSON nor MessagePack is in `data_base64`.
///
/// # Errors
/// When the envelope does not open, or a CloudEvent is malformed.
pub fn record_to_json(
    topic: &str,
    partition: i32,
    record: &Record,
    keyring: &Keyring,
    limits: &Limits,
) -> Result<serde_json::Value, Error> {
    let payload = unseal(topic, record, keyring, limits)?.map(std::borrow::Cow::into_owned);
    let event = match binding(&record.headers)? {
        Some(binding) => CloudEvent::read(binding, &record.headers, payload)?,
        None => plain(topic, partition, record, payload),
    };
    Ok(event.to_json())
}

fn plain(topic: &str, partition: i32, record: &Record, payload: Option<bytes::Bytes>) -> CloudEvent {
    let content_type = match Content::of_plain(&record.headers) {
        Content::MessagePack => Some("application/msgpack".to_owned()),
        Content::Json | Content::Other => None,
    };
    CloudEvent {
        id: format!("{topic}/{partition}/{}", record.offset),
        source: format!("/{topic}"),
        event_type: topic.to_owned(),
        time: record.timestamp.checked_mul(1_000_000),
        data_content_type: content_type,
        data: payload,
        ..CloudEvent::default()
    }
}

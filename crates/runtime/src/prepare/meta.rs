//! Time, type and key of events, which their source decides.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use olocus_event::time::{time_from_json, time_from_value};
use olocus_event::{Batch, Value};
use olocus_expr::{EventTypes, MetaColumns, Values};

use super::{DeadLetter, Preparer};
use crate::merge::InputId;

impl Preparer {
    /// Time, type and key of each row, as the source says. Rows without a usable time leave the batch.
    pub(super) fn meta(
        &self,
        source: usize,
        batch: &mut Batch,
        input: &InputId,
        dead: &mut Vec<DeadLetter>,
    ) -> MetaColumns {
        let source = &self.plan.sources[source];
        let mut meta = default_meta(batch);
        // By row, ascending, why it is no event after all.
        let mut refused: Vec<(usize, &'static str, String)> = Vec::new();
        let values = |id| self.plan.program.value(id, batch, &meta);
        let (times, types, keys) =
            (source.time.map(values), source.event_type.map(values), source.key.map(values));
        if let Some(types) = types {
            meta.event_types = Interned::default().collect(&types, batch.len(), &meta.event_types);
        }
        if let Some(keys) = keys {
            meta.key = Some((0..batch.len()).map(|row| text(&keys.get(row))).collect());
        }
        for row in 0..batch.len() {
            if let Some(times) = &times {
                let unit = source.spec.time_unit;
                let number = times.json(row).and_then(|json| time_from_json(json, unit));
                match number.map_or_else(|| time_from_value(&times.get(row), unit), Ok) {
                    Ok(time) => meta.time[row] = time,
                    Err(cause) => {
                        refused.push((row, cause.code(), cause.to_string()));
                        continue;
                    }
                }
            }
            let logged = batch.record_timestamp(row).saturating_mul(1_000_000);
            if meta.time[row] > logged.saturating_add(source.spec.max_future) {
                let ahead = olocus_document::format_duration(meta.time[row].saturating_sub(logged));
                let bound = olocus_document::format_duration(source.spec.max_future);
                let cause = format!(
                    "event time lies {ahead} ahead of the record's timestamp, more than max_future ({bound})"
                );
                refused.push((row, "future-time", cause));
            }
        }
        if !refused.is_empty() {
            let mut keep = vec![true; batch.len()];
            refused.iter().for_each(|(row, ..)| keep[*row] = false);
            let removed = batch.retain(&keep);
            dead.extend(removed.into_iter().zip(refused).map(|(record, (_, code, cause))| DeadLetter {
                input: input.clone(),
                record,
                code,
                cause,
            }));
            meta.retain(&keep);
        }
        meta
    }
}

/// Without a word of the source: `ce_time` or the record's timestamp, `ce_type` or the topic.
fn default_meta(batch: &Batch) -> MetaColumns {
    let rows = 0..batch.len();
    let time =
        |row| batch.ce_time(row).unwrap_or_else(|| batch.record_timestamp(row).saturating_mul(1_000_000));
    let event_types = if rows.clone().all(|row| batch.event_type(row).is_none()) {
        EventTypes::one(Arc::clone(batch.topic()), batch.len())
    } else {
        let mut names = Interned::default();
        let name = |row| batch.event_type(row).unwrap_or(batch.topic());
        let numbers = rows.clone().map(|row| names.number(name(row))).collect();
        names.of(numbers)
    };
    MetaColumns { time: rows.map(time).collect(), event_types, key: None }
}

/// The distinct strings of one batch, in the order in which they came.
#[derive(Default)]
struct Interned {
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32, RandomState>,
}

impl Interned {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let (name, number) = (Arc::<str>::from(text), self.names.len() as u32);
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    /// The values as strings; rows without one keep what `otherwise` has.
    fn collect(mut self, values: &Values, rows: usize, otherwise: &EventTypes) -> EventTypes {
        let number = |row| match values.json(row).and_then(plain_string) {
            Some(name) => self.number(name),
            None => match text(&values.get(row)) {
                Some(name) => self.number(&name),
                None => self.number(otherwise.name(row)),
            },
        };
        let numbers = (0..rows).map(number).collect();
        self.of(numbers)
    }

    fn of(self, numbers: Vec<u32>) -> EventTypes {
        EventTypes::new(self.names, numbers)
    }
}

/// What JSON text of a string says, if there are no escapes in it.
fn plain_string(json: &str) -> Option<&str> {
    let body = json.strip_prefix('"')?.strip_suffix('"')?;
    (!body.as_bytes().contains(&b'\\')).then_some(body)
}

/// A value as the text that a type or key consists of; `None` for NULL.
fn text(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(Arc::clone(text)),
        Value::Json(json) => match serde_json::from_str(json) {
            Ok(serde_json::Value::String(text)) => Some(text.into()),
            _ => Some(Arc::clone(json)),
        },
        Value::Bool(value) => Some(value.to_string().into()),
        Value::Int(value) => Some(value.to_string().into()),
        Value::Wide(value) => Some(value.to_string().into()),
        Value::Float(value) | Value::Seconds(value) => Some(value.to_string().into()),
        Value::Time(value) => Some(olocus_event::time::format_rfc3339(*value).into()),
    }
}

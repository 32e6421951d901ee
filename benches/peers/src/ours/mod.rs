//! Our own engine, in the forms in which workloads ask for it.

use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use olocus_event::{Headers, Record};

use crate::contender::Contender;
use crate::generate::Event;
use crate::workload::Workload;

mod columns;
mod json;

/// The engine for a workload.
pub(crate) fn contender(workload: Workload) -> Result<Box<dyn Contender>, Box<dyn Error>> {
    Ok(if workload.json {
        Box::new(json::Json::new(workload)?)
    } else {
        Box::new(columns::Columns::new(workload)?)
    })
}

/// Events as the records of one partition.
fn records(events: &[Event], next_offset: &mut i64, padded: bool) -> Vec<Record> {
    let record = |event: &Event| {
        let offset = *next_offset;
        *next_offset += 1;
        Record {
            offset,
            timestamp: event.time,
            key: None,
            value: Some(Bytes::from(event.json(padded))),
            headers: Headers::new(),
        }
    };
    events.iter().map(record).collect()
}

fn topic() -> Arc<str> {
    "peers.events".into()
}

//! What the simulated world does, and that what rests on it can be seen to fail.
#![allow(clippy::unwrap_used)]

mod copier;
mod exactly_once;
mod rules;

use std::sync::Arc;

use bytes::Bytes;
use olocus_bus::{Commit, OffsetCommit, TopicPartition, Transport, Writer, WriterOptions};
use olocus_event::{Headers, OutRecord, Record};

fn record(topic: &str, partition: i32, value: impl Into<String>) -> OutRecord {
    OutRecord {
        topic: topic.into(),
        partition: Some(partition),
        key: None,
        headers: Headers::default(),
        value: Some(Bytes::from(value.into())),
    }
}

fn offset(group: &str, topic: &str, partition: i32, offset: i64) -> OffsetCommit {
    OffsetCommit { group: group.to_owned(), topic: topic.into(), partition, offset, metadata: String::new() }
}

fn place(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

fn text(record: &Record) -> String {
    String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap()
}

fn writer(transport: &Arc<dyn Transport>, id: &str) -> Box<dyn Writer> {
    let options = WriterOptions { transactional_id: Some(id.to_owned()), ..WriterOptions::default() };
    transport.writer(options).unwrap()
}

fn commit_of(records: Vec<OutRecord>) -> Commit {
    Commit { records, offsets: Vec::new() }
}

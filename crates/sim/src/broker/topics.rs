use std::collections::BTreeMap;

use olocus_bus::{Error, OffsetRange, OutOfRange, TopicPartition, TopicSpec, check_topic};
use olocus_event::OutRecord;

use super::partition::Partition;

/// What Kafka keeps records for if nobody says.
const RETENTION_MS: i64 = 7 * 24 * 3_600_000;

const MAX_RECORD_BYTES: u64 = 1 << 20;

/// How many partitions a topic gets if nobody says.
const DEFAULT_PARTITIONS: u32 = 3;

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Topics {
    by_name: BTreeMap<String, Topic>,
    /// Counts changes of which topics and partitions there are.
    version: u64,
    next_id: u64,
    next_partition: u64,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: u64,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) retention_ms: Option<i64>,
    pub(crate) max_record_bytes: u64,
}

impl Topics {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name.iter().map(|(name, topic)| (name.as_str(), topic))
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn create(&mut self, spec: &TopicSpec) -> Result<(), Error> {
        check_topic(&spec.name)?;
        if self.by_name.contains_key(&spec.name) {
            return Ok(());
        }
        let mut retention_ms = Some(RETENTION_MS);
        let mut max_record_bytes = MAX_RECORD_BYTES;
        for (key, value) in &spec.config {
            let number: i64 = value.parse().map_err(|_| {
                Error::misuse(format!("`{key}` of topic `{}` is `{value}`, not a number", spec.name))
            })?;
            match key.as_str() {
                "retention.ms" => retention_ms = (number >= 0).then_some(number),
                "max.message.bytes" => max_record_bytes = number.max(0).unsigned_abs(),
                _ => return Err(Error::misuse(format!("topics of a simulation have no `{key}`"))),
            }
        }
        self.version += 1;
        self.next_id += 1;
        let count = spec.partitions.unwrap_or(DEFAULT_PARTITIONS);
        let partitions = (0..count).map(|_| Partition::default()).collect();
        let topic = Topic { id: self.next_id, partitions, retention_ms, max_record_bytes };
        self.by_name.insert(spec.name.clone(), topic);
        Ok(())
    }

    pub(crate) fn delete(&mut self, name: &str) {
        self.version += 1;
        self.by_name.remove(name);
    }

    pub(crate) fn grow(&mut self, name: &str, partitions: u32) {
        self.version += 1;
        if let Some(topic) = self.by_name.get_mut(name) {
            while topic.partitions.len() < partitions as usize {
                topic.partitions.push(Partition::default());
            }
        }
    }

    pub(crate) fn topic(&self, name: &str) -> Result<&Topic, Error> {
        self.by_name.get(name).ok_or_else(|| Error::no_topic(format!("there is no topic `{name}`")))
    }

    pub(crate) fn partition(&self, of: &TopicPartition) -> Result<&Partition, Error> {
        let topic = self.topic(&of.topic)?;
        let index = usize::try_from(of.partition).unwrap_or(usize::MAX);
        topic.partitions.get(index).ok_or_else(|| Error::no_topic(format!("there is no partition {of}")))
    }

    pub(crate) fn partition_mut(&mut self, of: &TopicPartition) -> Option<&mut Partition> {
        self.by_name.get_mut(&*of.topic)?.partitions.get_mut(usize::try_from(of.partition).ok()?)
    }

    pub(crate) fn range(&self, of: &TopicPartition) -> Result<OffsetRange, Error> {
        let partition = self.partition(of)?;
        Ok(OffsetRange { start: partition.start(), stable_end: partition.stable_end(), end: partition.end() })
    }

    /// The error of an offset that a partition does not have.
    pub(crate) fn out_of_range(&self, of: &TopicPartition, wanted: i64) -> Error {
        match self.range(of) {
            Ok(OffsetRange { start, end, .. }) => {
                Error::gone(OutOfRange { partition: of.clone(), wanted, start, end })
            }
            Err(error) => error,
        }
    }

    /// Where records go, each with its partition. All that have neither key nor partition go to the same.
    pub(crate) fn place(&mut self, records: &[OutRecord]) -> Result<Vec<TopicPartition>, Error> {
        self.next_partition += 1;
        records.iter().map(|record| self.place_one(record)).collect()
    }

    pub(crate) fn purge(&mut self, before: &[(TopicPartition, i64)]) -> Result<(), Error> {
        for (of, offset) in before {
            let end = self.partition(of)?.end();
            if *offset < 0 {
                return Err(Error::misuse(format!("{offset} is no offset of {of}")));
            }
            if *offset > end {
                return Err(self.out_of_range(of, *offset));
            }
        }
        for (of, offset) in before {
            if let Some(partition) = self.partition_mut(of) {
                partition.purge(*offset);
            }
        }
        Ok(())
    }

    /// Deletes what is too old.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        for topic in self.by_name.values_mut() {
            if let Some(keep) = topic.retention_ms {
                topic
                    .partitions
                    .iter_mut()
                    .for_each(|partition| partition.expire(now_ms.saturating_sub(keep)));
            }
        }
    }

    fn place_one(&self, record: &OutRecord) -> Result<TopicPartition, Error> {
        let topic = self.topic(&record.topic)?;
        let count = topic.partitions.len() as u32;
        let partition = match (record.partition, &record.key) {
            (Some(partition), _) => partition,
            (None, Some(key)) => olocus_bus::partition_of_key(key, count) as i32,
            (None, None) => (self.next_partition % u64::from(count.max(1))) as i32,
        };
        let place = TopicPartition::new(record.topic.clone(), partition);
        self.partition(&place)?;
        let size = size(record);
        if size > topic.max_record_bytes {
            return Err(Error::large(format!(
                "a record of {size} bytes is larger than topic `{}` takes ({} bytes)",
                record.topic, topic.max_record_bytes
            )));
        }
        Ok(place)
    }
}

fn size(record: &OutRecord) -> u64 {
    let headers: usize = record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    let key = record.key.as_ref().map_or(0, |key| key.len());
    let value = record.value.as_ref().map_or(0, |value| value.len());
    (headers + key + value) as u64
}

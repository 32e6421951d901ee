use std::collections::{BTreeMap, BTreeSet, VecDeque};

use olocus_event::{OutRecord, Record};

/// A partition: records of transactions and of none, and the markers that end transactions.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    start: i64,
    entries: VecDeque<Entry>,
    /// The first offset of each transaction that is open here.
    open: BTreeMap<u64, i64>,
    aborted: BTreeSet<u64>,
}

#[derive(Debug)]
struct Entry {
    /// The transaction that it is part of.
    transaction: Option<u64>,
    /// `None` is a marker.
    record: Option<Record>,
}

impl Partition {
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The high watermark.
    pub(crate) fn end(&self) -> i64 {
        self.start + self.entries.len() as i64
    }

    /// The last stable offset.
    pub(crate) fn stable_end(&self) -> i64 {
        self.open.values().min().map_or(self.end(), |first| (*first).max(self.start))
    }

    pub(crate) fn append(&mut self, transaction: Option<u64>, timestamp: i64, record: &OutRecord) {
        let offset = self.end();
        if let Some(transaction) = transaction {
            self.open.entry(transaction).or_insert(offset);
        }
        let OutRecord { key, value, headers, .. } = record.clone();
        self.entries.push_back(Entry {
            transaction,
            record: Some(Record { offset, timestamp, key, value, headers }),
        });
    }

    /// Writes the marker of a transaction that is decided. One that has nothing here leaves none.
    pub(crate) fn decide(&mut self, transaction: u64, committed: bool) {
        if self.open.remove(&transaction).is_none() {
            return;
        }
        if !committed {
            self.aborted.insert(transaction);
        }
        self.entries.push_back(Entry { transaction: Some(transaction), record: None });
    }

    /// Up to so many committed records from an offset on, and the offset to go on at. What is not there to be read is passed
    /// over, up to the last stable offset.
    pub(crate) fn read(&self, from: i64, most: usize) -> (Vec<Record>, i64) {
        let mut records = Vec::new();
        let mut next = from;
        let end = self.stable_end();
        while next < end && records.len() < most {
            let entry = &self.entries[(next - self.start) as usize];
            let aborted = entry.transaction.is_some_and(|transaction| self.aborted.contains(&transaction));
            records.extend(entry.record.clone().filter(|_| !aborted));
            next += 1;
        }
        // Behind the last record may be nothing but markers.
        while next < end && self.entries[(next - self.start) as usize].record.is_none() {
            next += 1;
        }
        (records, next)
    }

    /// All records that are committed.
    pub(crate) fn committed(&self) -> Vec<Record> {
        self.read(self.start, usize::MAX).0
    }

    /// The first records from the last stable offset on.
    pub(crate) fn undecided(&self, most: usize) -> Vec<Record> {
        let skipped = (self.stable_end() - self.start) as usize;
        self.entries.iter().skip(skipped).filter_map(|entry| entry.record.clone()).take(most).collect()
    }

    /// The offset of the first record that was written at this time or later.
    pub(crate) fn offset_at(&self, timestamp: i64) -> Option<i64> {
        let mut records = self.entries.iter().filter_map(|entry| entry.record.as_ref());
        records.find(|record| record.timestamp >= timestamp).map(|record| record.offset)
    }

    /// Deletes what is before an offset.
    pub(crate) fn purge(&mut self, before: i64) {
        while self.start < before && self.entries.pop_front().is_some() {
            self.start += 1;
        }
    }

    /// Deletes decided records that are older than this, as far as all before them are, and the markers among them.
    pub(crate) fn expire(&mut self, oldest: i64) {
        let decided = (self.stable_end() - self.start) as usize;
        let old = |entry: &&Entry| entry.record.as_ref().is_none_or(|record| record.timestamp < oldest);
        let gone = self.entries.iter().take(decided).take_while(old).count();
        self.purge(self.start + gone as i64);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use olocus_event::{Headers, OutRecord};

    use super::Partition;

    fn record(value: &str) -> OutRecord {
        OutRecord {
            topic: "t".into(),
            partition: None,
            key: None,
            headers: Headers::default(),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
        }
    }

    fn offsets(partition: &Partition, from: i64) -> (Vec<i64>, i64) {
        let (records, next) = partition.read(from, 100);
        (records.iter().map(|record| record.offset).collect(), next)
    }

    #[test]
    fn markers_and_aborted_records_leave_gaps() {
        let mut log = Partition::default();
        log.append(Some(1), 0, &record("0"));
        log.decide(1, true);
        log.append(Some(2), 0, &record("2"));
        log.append(None, 0, &record("3"));
        log.decide(2, false);
        log.append(None, 0, &record("5"));
        assert_eq!(offsets(&log, 0), (vec![0, 3, 5], 6));
        assert_eq!(log.read(0, 1).1, 2, "a marker behind the last record is passed over");
        assert_eq!((log.stable_end(), log.end()), (6, 6));
    }

    #[test]
    fn an_open_transaction_holds_back_what_is_behind_it() {
        let mut log = Partition::default();
        log.append(None, 0, &record("0"));
        log.append(Some(1), 0, &record("1"));
        log.append(Some(2), 0, &record("2"));
        log.append(None, 0, &record("3"));
        log.decide(2, true);
        assert_eq!((log.stable_end(), log.end()), (1, 5));
        assert_eq!(offsets(&log, 0), (vec![0], 1));
        let undecided: Vec<i64> = log.undecided(2).iter().map(|record| record.offset).collect();
        assert_eq!(undecided, [1, 2]);
        log.decide(1, false);
        assert_eq!(offsets(&log, 1), (vec![2, 3], 6));
        assert!(log.undecided(10).is_empty());
        log.decide(7, true);
        assert_eq!(log.end(), 6, "it has nothing here");
    }

    #[test]
    fn what_is_purged_or_old_is_gone() {
        let mut log = Partition::default();
        for time in [10, 20, 30] {
            log.append(Some(time as u64), time, &record("x"));
            log.decide(time as u64, true);
        }
        assert_eq!(log.offset_at(11), Some(2));
        log.purge(1);
        assert_eq!((log.start(), log.end()), (1, 6));
        log.expire(30);
        assert_eq!((log.start(), offsets(&log, 4)), (4, (vec![4], 6)));
        log.append(Some(9), 31, &record("open"));
        log.expire(100);
        assert_eq!((log.start(), log.stable_end()), (6, 6), "what is open stays");
        log.purge(5);
        assert_eq!(log.start(), 6);
    }
}

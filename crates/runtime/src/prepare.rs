//! The stateless first stage: records of one partition → times, types and the rows that some rule asks for.

mod kind;
mod meta;
mod rows;
mod update;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use olocus_event::{Batch, Decoder, Keyring, Limits, Record};
use olocus_expr::{EventTypes, Found, MetaColumns};

use crate::merge::InputId;
use crate::plan::{Plan, SourcePlan, Test};

pub(crate) use self::kind::{Hits, Kind};
pub(crate) use self::rows::{Hit, Needs, Rows, StoredEvent, scalar};
pub(crate) use self::update::Update;

/// Turns records into what the task is fed with. It keeps no state between batches, so batches may be
/// prepared by any thread and cut anywhere.
#[derive(Debug)]
pub struct Preparer {
    plan: Arc<Plan>,
    decoders: Vec<Decoder>,
    /// What is asked of events of a type, remembered for the types seen.
    kind_of_type: HashMap<Arc<str>, Arc<Kind>>,
    /// Scratch.
    found: Found,
    /// Whether a pattern passes over what engines wrote because they could not use it.
    passes_over_letters: bool,
}

/// A batch of one partition, decoded and judged: what [`Task::feed`](crate::Task::feed) takes.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) input: InputId,
    /// The offset after the last record delivered.
    pub(crate) next: i64,
    pub(crate) batch: Batch,
    pub(crate) meta: MetaColumns,
    pub(crate) hits: Hits,
    /// Of a list in a topic: the rows that change it, ascending.
    pub(crate) updates: Vec<(usize, Update)>,
    pub(crate) dead: Vec<DeadLetter>,
    oldest_logged: Option<i64>,
    /// What the preparation counted.
    pub counts: Counts,
}

/// What happened to the records of a batch.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Records decoded to events.
    pub events: u64,
    /// Values present but not convertible to what a rule asks for: they count as NULL.
    pub unconverted: u64,
    /// Rows on which a condition could not be evaluated (division by zero and the like): NULL as well.
    pub failed: u64,
    /// Dead letters and late records that were passed over.
    pub passed_over: u64,
}

/// A record that cannot be an event, with the reason.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Where the record came from.
    pub input: InputId,
    /// The record as it was received.
    pub record: Record,
    /// The cause as a short code, such as `truncated-json`.
    pub code: &'static str,
    /// The cause in words.
    pub cause: String,
}

/// A row that rules may have to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowHit {
    pub(crate) row: u32,
    /// The sort of event that it is, by its place in the batch.
    pub(crate) kind: u32,
    /// Where the tests stand that were found to hold.
    from: u32,
    to: u32,
    /// Whether some test holds that is only asked where rules wait for it.
    pub(crate) is_asked: bool,
}

/// Event types remembered at most: the set of types is the producers', so it must not grow for ever.
const TYPES_REMEMBERED: usize = 4096;

impl Preparer {
    /// A preparer for the rules and sources of `plan`.
    pub fn new(plan: Arc<Plan>, keyring: &Arc<Keyring>, limits: Limits) -> Preparer {
        let decoder = |(at, source): (usize, &SourcePlan)| {
            let projection = match plan.table_of(at) {
                Some(table) => Arc::new(plan.tables[table].projection()),
                None => Arc::clone(plan.program.projection()),
            };
            Decoder::new(source.spec.format, projection, Arc::clone(keyring), limits)
        };
        let decoders = plan.sources.iter().enumerate().map(decoder).collect();
        let (kind_of_type, found) = (HashMap::new(), Found::default());
        Preparer { plan, decoders, kind_of_type, found, passes_over_letters: false }
    }

    /// From now on, dead letters and late records, of whatever engine, are passed over in topics that no source
    /// names: a pattern that takes them up would have two engines write each other's failures for ever.
    #[must_use]
    pub fn passing_over_letters(mut self) -> Preparer {
        self.passes_over_letters = true;
        self
    }

    /// Prepares records of one partition, which come in offset order, for the source with this index.
    ///
    /// Where payloads are so large that they fill a batch, several come: each is made when it is asked for, so that what
    /// is inflated is bounded by how many the caller keeps.
    pub fn prepare(
        &mut self,
        source: usize,
        topic: &Arc<str>,
        partition: i32,
        mut records: Vec<Record>,
    ) -> impl Iterator<Item = Prepared> {
        let topic = Arc::clone(topic);
        let end = records.last().map_or(0, |record| record.offset.saturating_add(1));
        let came = records.len();
        if self.passes_over_letters && !self.plan.names_topic(&topic) {
            records.retain(|record| !is_letter(record));
        }
        let mut passed_over = (came - records.len()) as u64;
        std::iter::from_fn(move || {
            // With none left, that they were read is all there is to tell.
            let mut prepared = match self.prepare_batch(source, &topic, partition, &mut records) {
                None if passed_over > 0 => self.prepare_some(source, &topic, partition, &mut records),
                prepared => prepared?,
            };
            if records.is_empty() {
                prepared.next = prepared.next.max(end);
                prepared.counts.passed_over = std::mem::take(&mut passed_over);
            }
            Some(prepared)
        })
    }

    /// Prepares the first batch of these records and leaves the others; `None` if there are none.
    pub fn prepare_batch(
        &mut self,
        source: usize,
        topic: &Arc<str>,
        partition: i32,
        records: &mut Vec<Record>,
    ) -> Option<Prepared> {
        (!records.is_empty()).then(|| self.prepare_some(source, topic, partition, records))
    }

    fn prepare_some(
        &mut self,
        source: usize,
        topic: &Arc<str>,
        partition: i32,
        records: &mut Vec<Record>,
    ) -> Prepared {
        let input = InputId { topic: Arc::clone(topic), partition };
        let end = records.last().map_or(0, |record| record.offset.saturating_add(1));
        let table = self.plan.table_of(source);
        let removed = if table.is_some() { update::give_bodies(records) } else { BTreeSet::new() };
        let decoded = self.decoders[source].decode(topic, partition, std::mem::take(records));
        *records = decoded.rest;
        let next = records.first().map_or(end, |record| record.offset);
        let mut batch = decoded.batch;
        let mut dead: Vec<DeadLetter> = decoded
            .rejected
            .into_iter()
            .map(|rejected| DeadLetter {
                input: input.clone(),
                code: rejected.cause.code(),
                cause: rejected.cause.to_string(),
                record: rejected.record,
            })
            .collect();
        let meta = self.meta(source, &mut batch, &input, &mut dead);
        let (hits, updates) = match table {
            Some(table) => {
                let keys = self.plan.tables[table].key_kinds.len();
                (Hits::default(), update::updates(&batch, table, keys, &removed))
            }
            None => (self.find(&batch, &meta), Vec::new()),
        };
        let counts = Counts {
            events: batch.len() as u64,
            unconverted: decoded.unconverted,
            failed: hits.failed,
            ..Counts::default()
        };
        let oldest_logged = if table.is_none() && self.plan.takes_record_time(source) {
            let by_record = (0..batch.len()).filter(|&row| batch.ce_time(row).is_none());
            by_record.map(|row| batch.record_timestamp(row)).min()
        } else {
            None
        };
        Prepared { input, next, batch, meta, hits, updates, dead, oldest_logged, counts }
    }

    /// The rows that rules may have to be shown, ascending.
    fn find(&mut self, batch: &Batch, meta: &MetaColumns) -> Hits {
        let plan = Arc::clone(&self.plan);
        let columns = plan.program.columns(batch, meta);
        let mut hits = Hits::default();
        for (event_type, rows) in rows_by_type(&meta.event_types) {
            let kind = self.kind_of(&event_type);
            kind.find(&columns, rows.as_deref(), batch.len(), &mut self.found, &mut hits);
            hits.kinds.push(kind);
        }
        if hits.kinds.len() > 1 {
            // Those of one type ascend, and such runs are merged.
            hits.rows.sort_by_key(|hit| hit.row);
        }
        hits
    }

    /// What rules ask of events of a type.
    fn kind_of(&mut self, event_type: &Arc<str>) -> Arc<Kind> {
        if let Some(kind) = self.kind_of_type.get(event_type) {
            return Arc::clone(kind);
        }
        let asks = |test: &Test| test.types.iter().any(|pattern| pattern.matches(event_type));
        let tests = (0..).zip(&self.plan.tests).filter(|(_, test)| asks(test));
        let tests: Vec<u32> = tests.map(|(at, _)| at).collect();
        // Types of which the same is asked share it.
        let known = self.kind_of_type.values().find(|kind| kind.tests() == tests).cloned();
        let kind = known.unwrap_or_else(|| Arc::new(Kind::new(&self.plan, tests)));
        if self.kind_of_type.len() < TYPES_REMEMBERED {
            self.kind_of_type.insert(Arc::clone(event_type), Arc::clone(&kind));
        }
        kind
    }
}

/// Whether an engine wrote a record because it could not use it, as its headers tell.
fn is_letter(record: &Record) -> bool {
    let tells = |name: &str| name.starts_with("olocus-dlq-") || name.starts_with("olocus-late-");
    record.headers.iter().any(|(name, _)| tells(name))
}

impl Prepared {
    /// The partition that the records came from.
    pub fn input(&self) -> &InputId {
        &self.input
    }

    /// The event times of the rows, in offset order.
    pub fn times(&self) -> &[i64] {
        &self.meta.time
    }

    /// The largest event time of the batch with the timestamp of its record in nanoseconds.
    pub fn latest(&self) -> Option<(i64, i64)> {
        let times = &self.meta.time;
        let row = (0..times.len()).max_by_key(|&row| times[row])?;
        Some((times[row], self.batch.record_timestamp(row).saturating_mul(1_000_000)))
    }

    /// The earliest timestamp, in milliseconds, among the records whose event time it is.
    pub fn oldest_logged(&self) -> Option<i64> {
        self.oldest_logged
    }

    /// The records that could not be decoded.
    pub fn dead_letters(&self) -> &[DeadLetter] {
        &self.dead
    }
}

impl RowHit {
    /// The tests that were found to hold.
    pub(crate) fn tests(self, all: &[u32]) -> &[u32] {
        &all[self.from as usize..self.to as usize]
    }
}

/// Groups rows by event type. `None` stands for all rows.
fn rows_by_type(types: &EventTypes) -> Vec<(Arc<str>, Option<Vec<u32>>)> {
    let mut counts = vec![0; types.names().len()];
    for number in types.numbers() {
        counts[*number as usize] += 1;
    }
    let rows = types.numbers().len();
    let mut groups: Vec<Vec<u32>> = counts
        .iter()
        .map(|&count| if count == rows { Vec::new() } else { Vec::with_capacity(count) })
        .collect();
    if !counts.contains(&rows) {
        for (row, number) in (0..).zip(types.numbers()) {
            groups[*number as usize].push(row);
        }
    }
    let of_type = |((name, count), group): ((&Arc<str>, usize), Vec<u32>)| {
        (count > 0).then(|| (Arc::clone(name), (count < rows).then_some(group)))
    };
    types.names().iter().zip(counts).zip(groups).filter_map(of_type).collect()
}

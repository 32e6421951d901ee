//! The stateless first stage: records of one partition → times, types and the rows that some rule asks for.

mod update;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use olocus_cep::{Key, Scalar};
use olocus_event::time::time_from_value;
use olocus_event::{Batch, Decoder, JsonText, Keyring, Limits, Record, Value};
use olocus_expr::{MetaColumns, ValueId, Values};
use smallvec::SmallVec;

use crate::merge::InputId;
use crate::plan::{Plan, SourcePlan, Test};
use crate::slots::Slots;
use crate::weight::{self, Weigh};

pub(crate) use self::update::Update;

/// Turns records into what the task is fed with. It keeps no state between batches, so batches may be
/// prepared by any thread and cut anywhere.
#[derive(Debug)]
pub struct Preparer {
    plan: Arc<Plan>,
    decoders: Vec<Decoder>,
    /// Per test of the plan: which keys and inputs its rules need.
    needs: Vec<Needs>,
    /// Which tests an event type passes, remembered for the types seen.
    tests_of_type: HashMap<Arc<str>, Arc<[usize]>>,
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
    /// Event time by row.
    pub(crate) times: Vec<i64>,
    /// The rows on which some test holds, ascending.
    pub(crate) hits: Vec<(usize, Item)>,
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

/// What travels with a record until its turn comes.
#[derive(Debug)]
pub(crate) enum Item {
    /// A row that rules ask for.
    Hit(Arc<Hit>),
    /// A change of a table.
    Update(Box<Update>),
}

/// A row on which at least one test holds, with all that rules may still need of it.
#[derive(Debug)]
pub(crate) struct Hit {
    pub(crate) tests: SmallVec<[u32; 4]>,
    pub(crate) event: Arc<StoredEvent>,
    /// By key of the plan; `None` where a field of the key is missing or no rule of this row needs it.
    pub(crate) keys: SmallVec<[Option<Key>; 2]>,
    /// By input of the plan: those that the rules of this row read.
    pub(crate) inputs: Slots<Scalar>,
    /// What all of this takes in memory, in bytes.
    weight: usize,
}

/// An event as partial matches keep it: its coordinates and the values that matches emit.
#[derive(Debug)]
pub(crate) struct StoredEvent {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    pub(crate) time: i64,
    pub(crate) id: Box<str>,
    /// By retained value of the plan: those that the matches of this row's rules read.
    pub(crate) retained: Slots<Value>,
    /// The event itself, where some rule embeds it in matches.
    pub(crate) raw: Option<JsonText>,
    /// What all of this takes in memory, in bytes.
    pub(crate) weight: usize,
}

#[derive(Debug, Default, Clone)]
struct Needs {
    keys: Vec<usize>,
    /// Slots of [`Plan::inputs`], ascending.
    inputs: Vec<usize>,
    /// Slots of [`Plan::retained`], ascending.
    retained: Vec<usize>,
    /// The event as it was received.
    raw: bool,
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
        let needs = plan.tests.iter().map(|test| Needs::of(&plan, test)).collect();
        Preparer { plan, decoders, needs, tests_of_type: HashMap::new(), passes_over_letters: false }
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
        let mut counts =
            Counts { events: batch.len() as u64, unconverted: decoded.unconverted, ..Counts::default() };
        let hits = match table {
            Some(table) => update::updates(&batch, table, self.plan.tables[table].key_kinds.len(), &removed),
            None => self.hits(&batch, &meta, &mut counts),
        };
        let oldest_logged = if table.is_none() && self.plan.takes_record_time(source) {
            let by_record = (0..batch.len()).filter(|&row| batch.ce_time(row).is_none());
            by_record.map(|row| batch.record_timestamp(row)).min()
        } else {
            None
        };
        Prepared { input, next, batch, times: meta.time, hits, dead, oldest_logged, counts }
    }

    /// Time, type and key of each row, as the source says. Rows without a usable time leave the batch.
    fn meta(
        &self,
        source: usize,
        batch: &mut Batch,
        input: &InputId,
        dead: &mut Vec<DeadLetter>,
    ) -> MetaColumns {
        let source = &self.plan.sources[source];
        let mut meta = default_meta(batch);
        let mut refused = vec![None; batch.len()];
        let values = |id| self.plan.program.value(id, batch, &meta);
        let (times, types, keys) =
            (source.time.map(values), source.event_type.map(values), source.key.map(values));
        if let Some(types) = types {
            let names = Interned::default();
            meta.event_type = names.collect(&types, batch.len(), &meta.event_type);
        }
        if let Some(keys) = keys {
            meta.key = Some((0..batch.len()).map(|row| text(&keys.get(row))).collect());
        }
        for (row, refused) in refused.iter_mut().enumerate() {
            if let Some(times) = &times {
                let value = times.get(row);
                match time_from_value(&value, source.spec.time_unit) {
                    Ok(time) => meta.time[row] = time,
                    Err(cause) => *refused = Some((cause.code(), cause.to_string())),
                }
            }
            let logged = batch.record_timestamp(row).saturating_mul(1_000_000);
            if refused.is_none() && meta.time[row] > logged.saturating_add(source.spec.max_future) {
                let ahead = olocus_document::format_duration(meta.time[row].saturating_sub(logged));
                let bound = olocus_document::format_duration(source.spec.max_future);
                let cause = format!(
                    "event time lies {ahead} ahead of the record's timestamp, more than max_future ({bound})"
                );
                *refused = Some(("future-time", cause));
            }
        }
        if refused.iter().any(Option::is_some) {
            let keep: Vec<bool> = refused.iter().map(Option::is_none).collect();
            let removed = batch.retain(&keep);
            let causes = refused.into_iter().flatten();
            dead.extend(removed.into_iter().zip(causes).map(|(record, (code, cause))| DeadLetter {
                input: input.clone(),
                record,
                code,
                cause,
            }));
            meta.retain(&keep);
        }
        meta
    }

    fn hits(&mut self, batch: &Batch, meta: &MetaColumns, counts: &mut Counts) -> Vec<(usize, Item)> {
        let plan = Arc::clone(&self.plan);
        let predicates = plan.program.predicates(batch, meta);
        counts.failed += predicates.failed;
        let mut found: Vec<(usize, u32)> = Vec::new();
        for (event_type, rows) in rows_by_type(&meta.event_type) {
            let of_type = rows.bits(batch.len());
            for &test in self.tests_of(&event_type).iter() {
                let id = u32::try_from(test).expect("a plan has far fewer tests than 2^32");
                let predicate =
                    plan.tests[test].predicate.map(|predicate| &predicates.bits[predicate.index()]);
                match (predicate, &of_type) {
                    (None, _) => rows.for_each(batch.len(), |row| found.push((row, id))),
                    // Most conditions of many rules hold nowhere.
                    (Some(None), _) => {}
                    (Some(Some(bits)), None) => found.extend(bits.set_indices().map(|row| (row, id))),
                    (Some(Some(bits)), Some(of_type)) => {
                        found.extend((bits & of_type).set_indices().map(|row| (row, id)));
                    }
                }
            }
        }
        found.sort_unstable();
        self.store(batch, meta, &found)
    }

    /// Takes from the batch what the rows found need later on.
    fn store(&self, batch: &Batch, meta: &MetaColumns, found: &[(usize, u32)]) -> Vec<(usize, Item)> {
        let plan = &*self.plan;
        let mut keys: Vec<Option<Vec<Values>>> = plan.keys.iter().map(|_| None).collect();
        let column = |id: &ValueId| plan.program.value(*id, batch, meta);
        let mut inputs = Columns::new(&plan.inputs);
        let mut retained = Columns::new(&plan.retained);
        let mut hits = Vec::new();
        for group in found.chunk_by(|a, b| a.0 == b.0) {
            let row = group[0].0;
            let mut hit_keys: SmallVec<[Option<Key>; 2]> = smallvec::smallvec![None; plan.keys.len()];
            let mut wants_raw = false;
            inputs.wanted.clear();
            retained.wanted.clear();
            for &(_, test) in group {
                let needs = &self.needs[test as usize];
                inputs.want(&needs.inputs);
                retained.want(&needs.retained);
                wants_raw |= needs.raw;
                for &key in &needs.keys {
                    let key_plan = &plan.keys[key];
                    let fields =
                        keys[key].get_or_insert_with(|| key_plan.fields.iter().map(column).collect());
                    hit_keys[key] = make_key(fields, row, key_plan.is_list);
                }
            }
            let mut event = StoredEvent {
                topic: Arc::clone(batch.topic()),
                partition: batch.partition(),
                offset: batch.offset(row),
                time: meta.time[row],
                id: batch.id(row).into(),
                retained: retained.of_row(row, column, |value| value),
                raw: wants_raw.then(|| JsonText::of_payload(&batch.payload(row))),
                weight: 0,
            };
            event.weight = event.weigh();
            let mut hit = Hit {
                tests: group.iter().map(|&(_, test)| test).collect(),
                event: Arc::new(event),
                keys: hit_keys,
                inputs: inputs.of_row(row, column, scalar),
                weight: 0,
            };
            hit.weight = hit.weigh();
            hits.push((row, Item::Hit(Arc::new(hit))));
        }
        hits
    }

    fn tests_of(&mut self, event_type: &Arc<str>) -> Arc<[usize]> {
        if let Some(tests) = self.tests_of_type.get(event_type) {
            return Arc::clone(tests);
        }
        let asks = |test: &Test| test.types.iter().any(|pattern| pattern.matches(event_type));
        let tests = self.plan.tests.iter().enumerate().filter(|(_, test)| asks(test));
        let tests: Arc<[usize]> = tests.map(|(at, _)| at).collect();
        if self.tests_of_type.len() < TYPES_REMEMBERED {
            self.tests_of_type.insert(Arc::clone(event_type), Arc::clone(&tests));
        }
        tests
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
        &self.times
    }

    /// The largest event time of the batch with the timestamp of its record in nanoseconds.
    pub fn latest(&self) -> Option<(i64, i64)> {
        let row = (0..self.times.len()).max_by_key(|&row| self.times[row])?;
        Some((self.times[row], self.batch.record_timestamp(row).saturating_mul(1_000_000)))
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

/// Columns of values that are computed once some row wants them.
struct Columns<'a> {
    ids: &'a [ValueId],
    columns: Vec<Option<Values>>,
    /// Slots that the row at hand wants.
    wanted: Vec<usize>,
}

impl<'a> Columns<'a> {
    fn new(ids: &'a [ValueId]) -> Columns<'a> {
        Columns { ids, columns: ids.iter().map(|_| None).collect(), wanted: Vec::new() }
    }

    fn want(&mut self, slots: &[usize]) {
        self.wanted.extend(slots);
    }

    fn of_row<T>(
        &mut self,
        row: usize,
        column: impl Fn(&ValueId) -> Values,
        mut value: impl FnMut(Value) -> T,
    ) -> Slots<T> {
        self.wanted.sort_unstable();
        self.wanted.dedup();
        let (ids, columns) = (self.ids, &mut self.columns);
        Slots::of(&self.wanted, |slot| {
            value(columns[slot].get_or_insert_with(|| column(&ids[slot])).get(row))
        })
    }
}

impl Hit {
    fn weigh(&self) -> usize {
        let keys: usize = self.keys.iter().flatten().map(weight::key).sum();
        let inputs: usize = self.inputs.values().map(weight::scalar).sum();
        size_of::<Hit>() + self.event.weight + keys + inputs
    }
}

impl Weigh for Item {
    fn weight(&self) -> usize {
        match self {
            Item::Hit(hit) => hit.weight,
            Item::Update(update) => update.weight(),
        }
    }
}

impl StoredEvent {
    fn weigh(&self) -> usize {
        let retained: usize = self.retained.values().map(weight::value).sum();
        size_of::<StoredEvent>() + self.id.len() + retained + self.raw.as_ref().map_or(0, weight::json)
    }
}

impl Needs {
    fn of(plan: &Plan, test: &Test) -> Needs {
        let mut needs = Needs { keys: test.keys.clone(), ..Needs::default() };
        needs.inputs.extend(test.live.iter().flat_map(|live| &plan.live[*live].inputs));
        for rule in test.rules() {
            let rule = &plan.rules[rule];
            needs.inputs.extend(rule.inputs.iter().flatten());
            needs.retained.extend(&rule.retained);
            needs.raw |= rule.include_events;
        }
        for slots in [&mut needs.inputs, &mut needs.retained] {
            slots.sort_unstable();
            slots.dedup();
        }
        needs
    }
}

/// The rows of one event type.
enum Rows {
    All,
    These(Vec<usize>),
}

impl Rows {
    /// The rows as bits; `None` where they are all of the batch.
    fn bits(&self, batch: usize) -> Option<BooleanBuffer> {
        let Rows::These(rows) = self else { return None };
        let mut bits = BooleanBufferBuilder::new(batch);
        bits.append_n(batch, false);
        rows.iter().for_each(|&row| bits.set_bit(row, true));
        Some(bits.finish())
    }

    fn for_each(&self, batch: usize, each: impl FnMut(usize)) {
        match self {
            Rows::All => (0..batch).for_each(each),
            Rows::These(rows) => rows.iter().copied().for_each(each),
        }
    }
}

/// Groups rows by event type; types come in the order of their first row.
fn rows_by_type(types: &[Arc<str>]) -> Vec<(Arc<str>, Rows)> {
    let Some(first) = types.first() else { return Vec::new() };
    let same = |a: &Arc<str>, b: &Arc<str>| Arc::ptr_eq(a, b) || a == b;
    if types.iter().all(|name| same(name, first)) {
        return vec![(Arc::clone(first), Rows::All)];
    }
    let mut groups: Vec<(Arc<str>, Vec<usize>)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (row, name) in types.iter().enumerate() {
        let group = *known.entry(name).or_insert_with(|| {
            groups.push((Arc::clone(name), Vec::new()));
            groups.len() - 1
        });
        groups[group].1.push(row);
    }
    groups.into_iter().map(|(name, rows)| (name, Rows::These(rows))).collect()
}

/// Without a word of the source: `ce_time` or the record's timestamp, `ce_type` or the topic.
fn default_meta(batch: &Batch) -> MetaColumns {
    let mut names = Interned::default();
    let rows = 0..batch.len();
    MetaColumns {
        time: rows
            .clone()
            .map(|row| {
                batch.ce_time(row).unwrap_or_else(|| batch.record_timestamp(row).saturating_mul(1_000_000))
            })
            .collect(),
        event_type: rows
            .map(|row| match batch.event_type(row) {
                Some(name) => names.get(name),
                None => Arc::clone(batch.topic()),
            })
            .collect(),
        key: None,
    }
}

/// Shares equal strings of one batch.
#[derive(Default)]
struct Interned(HashMap<String, Arc<str>>);

impl Interned {
    fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let shared: Arc<str> = text.into();
        self.0.insert(text.to_owned(), Arc::clone(&shared));
        shared
    }

    /// The values as strings; rows without one keep what `otherwise` has.
    fn collect(mut self, values: &Values, rows: usize, otherwise: &[Arc<str>]) -> Vec<Arc<str>> {
        (0..rows)
            .map(|row| {
                text(&values.get(row)).map_or_else(|| Arc::clone(&otherwise[row]), |name| self.get(&name))
            })
            .collect()
    }
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

/// `None` where a field of the key is missing or NULL, or a container that has no canonical form: such an event takes
/// no part.
fn make_key(fields: &[Values], row: usize, is_list: bool) -> Option<Key> {
    let parts: Option<SmallVec<[Arc<str>; 2]>> = fields
        .iter()
        .map(|values| match values.get(row).canonical() {
            Value::Json(json) => Some(json),
            _ => None,
        })
        .collect();
    let parts = parts?;
    Some(if is_list { Key::list(parts.iter().map(|part| &**part)) } else { Key::single(&parts[0]) })
}

/// A value as the aggregates take it, which compare it.
pub(crate) fn scalar(value: Value) -> Scalar {
    match value.canonical() {
        Value::Null => Scalar::Null,
        Value::Bool(value) => Scalar::Bool(value),
        Value::Int(value) | Value::Time(value) => Scalar::Int(value),
        Value::Wide(value) => Scalar::Wide(value),
        Value::Float(value) | Value::Seconds(value) => Scalar::Float(value),
        Value::Text(text) | Value::Json(text) => Scalar::Text(text),
    }
}

//! What rules may need of the rows of a batch: of one that passes, or of one that must wait for its turn.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use olocus_cep::{Key, Scalar};
use olocus_event::{Batch, JsonText, Value};
use olocus_expr::{Columns, MetaColumns, ValueId, Values};
use smallvec::SmallVec;

use super::{Hits, RowHit};
use crate::plan::{KeyPlan, Plan, RulePlan, Test};
use crate::slots::Slots;
use crate::weight::{self, Weigh};

/// The rows of a batch. Columns are computed when the first row wants them.
pub(crate) struct Rows<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) batch: &'a Batch,
    pub(crate) meta: &'a MetaColumns,
    pub(crate) hits: &'a Hits,
    pub(crate) columns: Columns<'a>,
    /// By key of the plan, the columns of its fields.
    keys: Vec<OnceCell<Vec<Values>>>,
    /// By input of the plan.
    inputs: Vec<OnceCell<Values>>,
    /// By retained value of the plan.
    retained: Vec<OnceCell<Values>>,
}

/// A row that waits for its turn, with all that rules may still need of it.
#[derive(Debug)]
pub(crate) struct Hit {
    /// All tests that hold.
    pub(crate) tests: SmallVec<[u32; 4]>,
    pub(crate) event: StoredEvent,
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
    /// By retained value of the plan: those that the matches of the rules read that it was made for.
    pub(crate) retained: Slots<Value>,
    /// The event itself, where one of these rules embeds it in matches.
    pub(crate) raw: Option<JsonText>,
    /// What all of this takes in memory, in bytes.
    pub(crate) weight: usize,
}

/// What some rules read of events.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// Slots of [`Plan::inputs`], ascending.
    inputs: Vec<usize>,
    /// Slots of [`Plan::retained`], ascending.
    retained: Vec<usize>,
    /// The event as it was received.
    raw: bool,
}

impl Needs {
    pub(crate) fn of<'a>(rules: impl Iterator<Item = &'a RulePlan>) -> Needs {
        let mut needs = Needs::default();
        for rule in rules {
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

    /// Adds what the values among these are made of that depend on tables.
    fn add_live(&mut self, plan: &Plan) {
        let inputs = self.inputs.iter().map(|slot| &plan.live_inputs[*slot]);
        let retained = self.retained.iter().map(|slot| &plan.live_retained[*slot]);
        let made_of: Vec<usize> =
            inputs.chain(retained).flatten().flat_map(|made_of| made_of.iter().copied()).collect();
        if !made_of.is_empty() {
            self.add_inputs(made_of.iter());
        }
    }

    fn add_inputs<'a>(&mut self, slots: impl Iterator<Item = &'a usize>) {
        self.inputs.extend(slots);
        self.inputs.sort_unstable();
        self.inputs.dedup();
    }
}

impl<'a> Rows<'a> {
    pub(crate) fn new(plan: &'a Plan, batch: &'a Batch, meta: &'a MetaColumns, hits: &'a Hits) -> Rows<'a> {
        fn cells<T>(count: usize) -> Vec<OnceCell<T>> {
            (0..count).map(|_| OnceCell::new()).collect()
        }
        Rows {
            plan,
            batch,
            meta,
            hits,
            columns: plan.program.columns(batch, meta),
            keys: cells(plan.keys.len()),
            inputs: cells(plan.inputs.len()),
            retained: cells(plan.retained.len()),
        }
    }

    /// The text of a key of the plan; `None` where a field of it is missing.
    pub(crate) fn key(&self, index: usize, row: usize) -> Option<Cow<'_, str>> {
        let KeyPlan { fields, is_list } = &self.plan.keys[index];
        let values = self.keys[index].get_or_init(|| fields.iter().map(|id| self.values(*id)).collect());
        if let ([values], false) = (&values[..], is_list)
            && let Some(json) = values.json(row)
            && !json.starts_with(['{', '['])
        {
            return Some(Cow::Borrowed(json));
        }
        make_key(values, row, *is_list).map(|key| Cow::Owned(key.as_json().to_owned()))
    }

    pub(crate) fn input(&self, slot: usize, row: usize) -> Scalar {
        let values = self.inputs[slot].get_or_init(|| self.values(self.plan.inputs[slot]));
        scalar(values.get(row))
    }

    /// The event of a row with what some rules need; `live` gives the retained values that depend on tables.
    pub(crate) fn event(
        &self,
        row: usize,
        needs: &Needs,
        live: &dyn Fn(usize) -> Option<Value>,
    ) -> StoredEvent {
        let retained = |slot: usize| {
            live(slot).unwrap_or_else(|| {
                let values = self.retained[slot].get_or_init(|| self.values(self.plan.retained[slot]));
                values.get(row)
            })
        };
        StoredEvent {
            topic: Arc::clone(self.batch.topic()),
            partition: self.batch.partition(),
            offset: self.batch.offset(row),
            time: self.meta.time[row],
            id: self.batch.id(row).into(),
            retained: Slots::of(&needs.retained, retained),
            raw: needs.raw.then(|| JsonText::of_payload(&self.batch.payload(row))),
            weight: 0,
        }
        .weighed()
    }

    /// Takes from the batch what a row needs later on.
    pub(crate) fn hit(&self, hit: RowHit) -> Hit {
        let row = hit.row as usize;
        let tests = self.hits.kinds[hit.kind as usize].all_tests(self.plan, &self.columns, hit.row);
        let mut keys: SmallVec<[Option<Key>; 2]> = smallvec::smallvec![None; self.plan.keys.len()];
        let all = || tests.iter().map(|&test| &self.plan.tests[test as usize]);
        for index in all().flat_map(|test| &test.keys) {
            if keys[*index].is_none() {
                keys[*index] = self.key(*index, row).map(|json| Key::single(&json));
            }
        }
        let mut needs = Needs::of(all().flat_map(Test::rules).map(|rule| &self.plan.rules[rule]));
        needs.add_inputs(all().filter_map(|test| test.live).flat_map(|live| &self.plan.live[live].inputs));
        needs.add_live(self.plan);
        let event = self.event(row, &needs, &|_| None);
        let inputs = Slots::of(&needs.inputs, |slot| self.input(slot, row));
        Hit { tests, event, keys, inputs, weight: 0 }.weighed()
    }

    fn values(&self, id: ValueId) -> Values {
        self.plan.program.value(id, self.batch, self.meta)
    }
}

impl Hit {
    fn weighed(mut self) -> Hit {
        let keys: usize = self.keys.iter().flatten().map(weight::key).sum();
        let inputs: usize = self.inputs.values().map(weight::scalar).sum();
        self.weight = size_of::<Hit>() - size_of::<StoredEvent>() + self.event.weight + keys + inputs;
        self
    }
}

impl Weigh for Hit {
    fn weight(&self) -> usize {
        self.weight
    }
}

impl StoredEvent {
    /// The event with what some rules need, of what is here; `live` gives the retained values that depend on tables.
    pub(crate) fn reduced(&self, needs: &Needs, live: &dyn Fn(usize) -> Option<Value>) -> StoredEvent {
        StoredEvent {
            topic: Arc::clone(&self.topic),
            id: self.id.clone(),
            retained: Slots::of(&needs.retained, |slot| {
                live(slot).or_else(|| self.retained.get(slot).cloned()).unwrap_or(Value::Null)
            }),
            raw: self.raw.clone().filter(|_| needs.raw),
            ..*self
        }
        .weighed()
    }

    fn weighed(mut self) -> StoredEvent {
        let retained: usize = self.retained.values().map(weight::value).sum();
        let raw = self.raw.as_ref().map_or(0, weight::json);
        self.weight = size_of::<StoredEvent>() + self.id.len() + retained + raw;
        self
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

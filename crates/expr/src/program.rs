//! Compiled expressions over batches.

use std::sync::Arc;

use arrow::array::{StringArray, TimestampNanosecondArray};
use arrow::buffer::BooleanBuffer;
use olocus_event::{Batch, Column, Projection};

use crate::atom::Atom;
use crate::equality::Equalities;
use crate::evaluation::{AtomCache, BatchInputs};
use crate::lists::Lookups;
use crate::logic::Logic;
use crate::names::Meta;
use crate::types::UTC;
use crate::values::Values;

/// Names a condition of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PredicateId(pub(crate) u32);

impl PredicateId {
    /// The position among all predicates, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names an expression of a [`Program`] that yields values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub(crate) u32);

impl ValueId {
    /// The position among all value expressions, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Event metadata that the source decides, by row of a batch. All else comes from the batch itself.
#[derive(Clone, Debug, Default)]
pub struct MetaColumns {
    /// Event time in nanoseconds since the Unix epoch.
    pub time: Vec<i64>,
    /// The event type.
    pub event_type: Vec<Arc<str>>,
    /// The key, where the source has an expression for it; without, it is the record's key if that is UTF-8 text.
    pub key: Option<Vec<Option<Arc<str>>>>,
}

impl MetaColumns {
    /// Keeps the rows for which `keep` is true, as [`Batch::retain`] does.
    pub fn retain(&mut self, keep: &[bool]) {
        fn filter<T>(column: &mut Vec<T>, keep: &[bool]) {
            let mut kept = keep.iter();
            column.retain(|_| kept.next().is_none_or(|keep| *keep));
        }
        filter(&mut self.time, keep);
        filter(&mut self.event_type, keep);
        if let Some(keys) = &mut self.key {
            filter(keys, keep);
        }
    }
}

/// What [`Program::predicates`] found.
#[derive(Clone, Debug)]
pub struct Predicates {
    /// By [`PredicateId`], the rows on which the condition is TRUE; `None` where it is so on no row.
    pub bits: Vec<Option<BooleanBuffer>>,
    /// How many conditions are NULL on how many rows because evaluation failed there.
    pub failed: u64,
}

/// All expressions of a set of rules over single events. Shared by threads; evaluation changes nothing.
#[derive(Debug)]
pub struct Program {
    pub(crate) projection: Arc<Projection>,
    pub(crate) inputs: Vec<EventInput>,
    pub(crate) lookups: Lookups,
    pub(crate) atoms: Vec<Atom>,
    pub(crate) equalities: Equalities,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) values: Vec<ValueForm>,
}

/// A column of events that expressions read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventInput {
    pub(crate) place: Place,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A column of the projection.
    Column(usize),
    Meta(Meta),
    /// What is looked up in a list.
    Lookup(usize),
}

#[derive(Debug)]
pub(crate) struct Predicate {
    /// Over positions of atoms.
    pub(crate) logic: Logic<usize>,
    pub(crate) normalized: String,
}

#[derive(Debug)]
pub(crate) enum ValueForm {
    Bare { input: usize, json: bool },
    Atom(usize),
    Condition(Logic<usize>),
}

impl Program {
    /// The fields to decode.
    #[must_use]
    pub fn projection(&self) -> &Arc<Projection> {
        &self.projection
    }

    /// How many different conditions there are.
    #[must_use]
    pub fn predicate_count(&self) -> usize {
        self.predicates.len()
    }

    /// The condition in normalised form: the same for all spellings of one meaning.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn normalized(&self, id: PredicateId) -> &str {
        &self.predicates[id.index()].normalized
    }

    /// Evaluates every condition on every row.
    ///
    /// The batch must have been decoded with this program's [projection](Self::projection).
    #[must_use]
    pub fn predicates(&self, batch: &Batch, meta: &MetaColumns) -> Predicates {
        let inputs = BatchInputs::new(self, batch, meta);
        let atoms = AtomCache::new(self, &inputs);
        let bits = self.predicates.iter().map(|predicate| atoms.truth(&predicate.logic)).collect();
        let failed = self.predicates.iter().map(|predicate| atoms.failed(&predicate.logic)).sum();
        Predicates { bits, failed }
    }

    /// Evaluates one expression on every row.
    ///
    /// The batch must have been decoded with this program's [projection](Self::projection).
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn value(&self, id: ValueId, batch: &Batch, meta: &MetaColumns) -> Values {
        match &self.values[id.index()] {
            ValueForm::Bare { input, json } => {
                Values::of_column(BatchInputs::new(self, batch, meta).column(*input), *json)
            }
            ValueForm::Atom(atom) => {
                let evaluated = self.atoms[*atom].evaluate(&BatchInputs::new(self, batch, meta));
                Values::of_evaluated(&evaluated, batch.len())
            }
            ValueForm::Condition(logic) => {
                let inputs = BatchInputs::new(self, batch, meta);
                Values::of_booleans(AtomCache::new(self, &inputs).condition(logic))
            }
        }
    }
}

/// A column of metadata.
pub(crate) fn meta_column(name: Meta, batch: &Batch, meta: &MetaColumns) -> Column {
    match name {
        Meta::Time => Column::Time(TimestampNanosecondArray::from(meta.time.clone()).with_timezone(UTC)),
        name => Column::Text(
            (0..batch.len()).map(|row| meta_text(name, batch, meta, row)).collect::<StringArray>(),
        ),
    }
}

fn meta_text(name: Meta, batch: &Batch, meta: &MetaColumns, row: usize) -> Option<Arc<str>> {
    match name {
        Meta::Time => None,
        Meta::Type => Some(Arc::clone(&meta.event_type[row])),
        Meta::Id => Some(batch.id(row).as_ref().into()),
        Meta::Source => Some(batch.source(row).as_ref().into()),
        Meta::Subject => batch.subject(row).map(|subject| subject.as_ref().into()),
        Meta::Key => match &meta.key {
            Some(keys) => keys[row].clone(),
            None => std::str::from_utf8(batch.record(row).key.as_deref()?).ok().map(Arc::from),
        },
        Meta::Topic => Some(Arc::clone(batch.topic())),
    }
}

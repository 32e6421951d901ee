//! Compiled expressions over batches.

use std::sync::{Arc, OnceLock};

use arrow::array::{BooleanArray, StringArray, TimestampNanosecondArray};
use olocus_event::{Batch, Column, Projection};

use crate::atom::Atom;
use crate::index::{Index, Steps, is_native};
use crate::lists::Lookups;
use crate::live::LiveExpr;
use crate::logic::Logic;
use crate::names::Meta;
use crate::native::Native;
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
    /// The event types.
    pub event_types: EventTypes,
    /// The key, where the source has an expression for it; without, it is the record's key if that is UTF-8 text.
    pub key: Option<Vec<Option<Arc<str>>>>,
}

/// The event types of the rows of a batch. Mostly they are few, so rows have numbers of them.
#[derive(Clone, Debug, Default)]
pub struct EventTypes {
    names: Vec<Arc<str>>,
    numbers: Vec<u32>,
}

impl EventTypes {
    /// The type of each row by its place in `names`, which are distinct.
    ///
    /// # Panics
    ///
    /// If a row has a number without a name.
    #[must_use]
    pub fn new(names: Vec<Arc<str>>, numbers: Vec<u32>) -> Self {
        assert!(numbers.iter().all(|number| (*number as usize) < names.len()), "every number has a name");
        Self { names, numbers }
    }

    /// So many rows of one type.
    #[must_use]
    pub fn one(name: Arc<str>, rows: usize) -> Self {
        Self { names: vec![name], numbers: vec![0; rows] }
    }

    /// The type of a row.
    ///
    /// # Panics
    ///
    /// If there is no such row.
    #[must_use]
    pub fn name(&self, row: usize) -> &Arc<str> {
        &self.names[self.numbers[row] as usize]
    }

    /// The types, distinct; those of rows that were taken out may still be among them.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// By row, the place of its type among all.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }
}

impl MetaColumns {
    /// Keeps the rows for which `keep` is true, as [`Batch::retain`] does.
    pub fn retain(&mut self, keep: &[bool]) {
        fn filter<T>(column: &mut Vec<T>, keep: &[bool]) {
            let mut kept = keep.iter();
            column.retain(|_| kept.next().is_none_or(|keep| *keep));
        }
        filter(&mut self.time, keep);
        filter(&mut self.event_types.numbers, keep);
        if let Some(keys) = &mut self.key {
            filter(keys, keep);
        }
    }
}

/// All expressions of a set of rules over single events. Shared by threads; evaluation changes nothing.
#[derive(Debug)]
pub struct Program {
    pub(crate) projection: Arc<Projection>,
    pub(crate) inputs: Vec<EventInput>,
    pub(crate) lookups: Lookups,
    pub(crate) atoms: Vec<Atom>,
    /// By atom, what it is as a comparison of one column with constants.
    pub(crate) natives: Vec<Option<Native>>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) values: Vec<ValueForm>,
    /// How conditions are found, once somebody asks.
    pub(crate) steps: OnceLock<Steps>,
    /// By value, its normalised form.
    pub(crate) value_texts: Vec<String>,
}

/// A column of events that expressions read.
#[derive(Clone, Debug)]
pub(crate) struct EventInput {
    /// How expressions call it.
    pub(crate) name: String,
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
    Bare {
        input: usize,
        json: bool,
    },
    Atom(usize),
    Condition(Logic<usize>),
    /// What depends on the moment at which it is asked.
    Live(Box<LiveExpr>),
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

    /// All conditions.
    pub fn predicate_ids(&self) -> impl Iterator<Item = PredicateId> {
        (0..self.predicates.len()).map(|at| PredicateId(at as u32))
    }

    /// Whether single rows can be asked for a condition: it consists of comparisons of columns with constants.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn is_native(&self, id: PredicateId) -> bool {
        is_native(&self.predicates[id.index()].logic, &self.natives)
    }

    /// Arranges some conditions for finding out where they hold. `found` are told for each row on which they hold; of
    /// `asked` it is told on which rows some of them hold, as far as [single rows can be asked](Self::is_native) for them:
    /// the others of them are found as well.
    #[must_use]
    pub fn index(&self, found: &[PredicateId], asked: &[PredicateId]) -> Index {
        Index::new(self, found, asked)
    }

    /// An expression that depends on the moment at which it is asked, because it looks something up in a list that changes
    /// while rules run.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn live(&self, id: ValueId) -> Option<&LiveExpr> {
        match &self.values[id.index()] {
            ValueForm::Live(live) => Some(live),
            ValueForm::Bare { .. } | ValueForm::Atom(_) | ValueForm::Condition(_) => None,
        }
    }

    /// Evaluates one expression on every row. One that is [live](Self::live) is NULL here.
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
                Values::of_column(self.columns(batch, meta).column(*input).clone(), *json)
            }
            ValueForm::Atom(atom) => {
                let evaluated = self.atoms[*atom].evaluate(&self.columns(batch, meta));
                Values::of_evaluated(&evaluated, batch.len())
            }
            ValueForm::Condition(logic) => {
                let columns = self.columns(batch, meta);
                let evaluated = logic.evaluate(&mut |atom| self.atoms[*atom].evaluate(&columns).booleans());
                // Only columns of different lengths make the kernels fail, and all of these are as long as the batch.
                Values::of_booleans(evaluated.unwrap_or_else(|_| BooleanArray::new_null(batch.len())))
            }
            ValueForm::Live(_) => Values::of_booleans(BooleanArray::new_null(batch.len())),
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
        Meta::Type => Some(Arc::clone(meta.event_types.name(row))),
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

//! What is looked up in lists, and its evaluation over columns.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::BooleanArray;
use datafusion_sql::sqlparser::ast::Expr;
use olocus_event::{Column, FieldPath, Kind, Value};

use super::index::{ABSENT, Index, UNKNOWN};
use super::list::List;
use crate::analyze::Form;
use crate::atom::{Atom, Inputs};
use crate::types::Class;
use crate::values::Values;

/// What an expression asks of a list. Two are equal if they are written alike in normalised form.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) list: Arc<List>,
    pub(crate) key: Form,
    pub(crate) index: Arc<Index>,
    pub(crate) asked: Asked,
    pub(crate) text: String,
}

/// What is asked of the row of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Whether there is one.
    Member,
    /// What it has there.
    Column(FieldPath),
}

/// A look-up while its expression is analysed.
pub(crate) struct LookupCall {
    pub(crate) list: Arc<List>,
    /// The value looked up, resolved and typed.
    pub(crate) key: Expr,
    pub(crate) class: Class,
    pub(crate) index: Arc<Index>,
    pub(crate) asked: Asked,
}

/// The look-ups of a program or expression.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    probes: Vec<Probe>,
    /// What is made of what probes find, with the position of the probe.
    targets: Vec<(usize, Target)>,
}

/// The keys of a batch, to be found in a list.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Equal for equal questions.
    text: String,
    index: Arc<Index>,
    key: Key,
}

/// Where the keys come from.
#[derive(Debug)]
pub(crate) enum Key {
    /// The input of this number.
    Input(usize),
    Atom(Box<Atom>),
}

/// What a column has for the row that was found.
#[derive(Debug)]
pub(crate) enum Target {
    Member,
    Column { values: Arc<[Value]>, kind: Kind },
}

impl Lookup {
    /// The column that it is, where it is read as `kind`.
    pub(crate) fn target(&self, kind: Kind) -> Target {
        match &self.asked {
            Asked::Member => Target::Member,
            Asked::Column(path) => Target::Column { values: self.list.column(path, kind), kind },
        }
    }
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Lookup {}

impl Hash for Lookup {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl Lookups {
    /// The number of a look-up whose keys come from `key`. All that ask for the same keys share a probe.
    pub(crate) fn add(&mut self, lookup: &Lookup, kind: Kind, key: Key) -> usize {
        let text = format!("{} {}", lookup.list.canonical(), lookup.key.normalized());
        let probe = match self.probes.iter().position(|known| known.text == text) {
            Some(probe) => probe,
            None => {
                self.probes.push(Probe { text, index: Arc::clone(&lookup.index), key });
                self.probes.len() - 1
            }
        };
        self.targets.push((probe, lookup.target(kind)));
        self.targets.len() - 1
    }

    pub(crate) fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Where the keys of a look-up come from.
    pub(crate) fn key(&self, lookup: usize) -> &Key {
        &self.probes[self.targets[lookup].0].key
    }

    /// The probe of a look-up, and what is made of what it finds.
    pub(crate) fn get(&self, lookup: usize) -> (usize, &Target) {
        let (probe, target) = &self.targets[lookup];
        (*probe, target)
    }
}

impl Probe {
    /// By row, the list's row of the key, [`ABSENT`] or [`UNKNOWN`].
    pub(crate) fn rows(&self, inputs: &dyn Inputs, column: impl FnOnce(usize) -> Column) -> Vec<u32> {
        let keys = match &self.key {
            Key::Input(input) => Values::of_column(column(*input), false),
            Key::Atom(atom) => Values::of_evaluated(&atom.evaluate(inputs), inputs.rows()),
        };
        self.index.probe(&keys, inputs.rows())
    }
}

impl Target {
    /// The column for these rows of the list.
    pub(crate) fn column(&self, rows: &[u32]) -> Column {
        match self {
            Self::Member => {
                let is_member = |row: &u32| (*row != UNKNOWN).then_some(*row != ABSENT);
                Column::Bool(rows.iter().map(is_member).collect::<BooleanArray>())
            }
            Self::Column { values, kind } => {
                let value = |row: &u32| values.get(*row as usize).unwrap_or(&Value::Null);
                Column::of_values(rows.iter().map(value), *kind)
            }
        }
    }
}

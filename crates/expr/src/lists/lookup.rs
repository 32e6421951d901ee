//! What is looked up in lists, and its evaluation over columns.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::BooleanArray;
use datafusion_sql::sqlparser::ast::Expr;
use olocus_event::{Column, FieldPath, Kind, Value};

use super::index::{Found, Index};
use super::list::List;
use super::table::Tables;
use crate::atom::{Atom, Inputs};
use crate::form::Form;
use crate::problem::Problem;
use crate::reads::LookupRead;
use crate::types::Class;
use crate::values::Values;

/// What an expression asks of a list. Two are equal if they are written alike in normalised form.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) list: Arc<List>,
    pub(crate) key: Form,
    pub(crate) index: KeyIndex,
    pub(crate) asked: Asked,
    pub(crate) text: String,
    /// Where it stands in its expression.
    pub(crate) range: (usize, usize),
}

/// Where keys are found.
#[derive(Clone, Debug)]
pub(crate) enum KeyIndex {
    Fixed(Arc<Index<u32>>),
    /// In the table of a list that changes while rules run, among the keys of a kind.
    Live {
        table: usize,
        key: usize,
    },
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
    pub(crate) index: KeyIndex,
    pub(crate) asked: Asked,
    pub(crate) range: (usize, usize),
}

/// The look-ups of a program or expression.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    probes: Vec<Probe>,
    /// What is made of what probes find, with the position of the probe, and what it is for those who explain it.
    targets: Vec<(usize, Target, LookupRead)>,
}

/// The keys of a batch, to be found in a list.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Equal for equal questions.
    text: String,
    index: KeyIndex,
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
    Column {
        values: Arc<[Value]>,
        kind: Kind,
    },
    /// The column of this number of a table.
    Live {
        column: usize,
        kind: Kind,
    },
}

impl Lookup {
    /// The column that it is, where it is read as `kind`.
    pub(crate) fn target(&self, kind: Kind) -> Target {
        match &self.asked {
            Asked::Member => Target::Member,
            Asked::Column(path) => self.list.target(path, kind),
        }
    }

    /// What is said where a list that changes while rules run has no place.
    pub(crate) fn misplaced(&self) -> Problem {
        let message = format!(
            "nothing can be looked up in the list `{}` here, because it is in a topic",
            self.list.name()
        );
        Problem::new("misplaced-list", self.range, message).with_help(
            "what is looked up in a list in a topic may stand wherever a value of the event at hand, of a match or of a window \
             does, but not in `by` and in the expressions of sources, and in conditions not for values of earlier events; \
             lists in files may stand anywhere",
        )
    }

    /// Whether the list may change while rules run.
    pub(crate) fn is_live(&self) -> bool {
        matches!(self.index, KeyIndex::Live { .. })
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
                self.probes.push(Probe { text, index: lookup.index.clone(), key });
                self.probes.len() - 1
            }
        };
        self.targets.push((probe, lookup.target(kind), LookupRead::of(lookup)));
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
        let (probe, target, _) = &self.targets[lookup];
        (*probe, target)
    }

    /// What a look-up reads.
    pub(crate) fn read(&self, lookup: usize) -> &LookupRead {
        &self.targets[lookup].2
    }

    /// What all of them read, some of it more than once.
    pub(crate) fn reads(&self) -> impl Iterator<Item = &LookupRead> {
        self.targets.iter().map(|(_, _, read)| read)
    }
}

impl Probe {
    /// By row, the list's row of the key. Of a list that changes while rules run it tells nothing:
    /// [`column`](Self::column) does, at one moment.
    pub(crate) fn rows(&self, inputs: &dyn Inputs, column: impl FnOnce(usize) -> Column) -> Vec<Found<u32>> {
        match &self.index {
            KeyIndex::Fixed(index) => index.probe(&self.keys(inputs, column), inputs.rows()),
            KeyIndex::Live { .. } => vec![Found::Unknown; inputs.rows()],
        }
    }

    /// What is asked of the list, for one row of inputs.
    pub(crate) fn column(
        &self,
        target: &Target,
        inputs: &dyn Inputs,
        column: impl FnOnce(usize) -> Column,
        tables: &Tables,
    ) -> Column {
        let KeyIndex::Live { table, key } = self.index else {
            return target.column(&self.rows(inputs, column));
        };
        let found = tables.find(table, key, self.keys(inputs, column).get(0));
        match *target {
            Target::Live { column, kind } => {
                let value = match found {
                    Found::Entry(columns) => columns.get(column).unwrap_or(&Value::Null),
                    Found::Absent | Found::Unknown => &Value::Null,
                };
                Column::of_value(value, kind)
            }
            Target::Member | Target::Column { .. } => member([found].into_iter()),
        }
    }

    fn keys(&self, inputs: &dyn Inputs, column: impl FnOnce(usize) -> Column) -> Values {
        match &self.key {
            Key::Input(input) => Values::of_column(column(*input), false),
            Key::Atom(atom) => Values::of_evaluated(&atom.evaluate(inputs), inputs.rows()),
        }
    }
}

impl Target {
    /// The column for these rows of the list.
    pub(crate) fn column(&self, rows: &[Found<u32>]) -> Column {
        match self {
            Self::Member => member(rows.iter().copied()),
            Self::Column { values, kind } => {
                let value = |row: &Found<u32>| match row {
                    Found::Entry(row) => &values[*row as usize],
                    Found::Absent | Found::Unknown => &Value::Null,
                };
                Column::of_values(rows.iter().map(value), *kind)
            }
            Self::Live { kind, .. } => Column::of_values(rows.iter().map(|_| &Value::Null), *kind),
        }
    }
}

/// Whether keys were found.
fn member<V>(found: impl Iterator<Item = Found<V>>) -> Column {
    let is_member = |found: Found<V>| match found {
        Found::Entry(_) => Some(true),
        Found::Absent => Some(false),
        Found::Unknown => None,
    };
    Column::Bool(found.map(is_member).collect::<BooleanArray>())
}

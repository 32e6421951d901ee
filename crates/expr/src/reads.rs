//! What the expressions of a program read, for those who explain rules.

use std::collections::BTreeSet;

use olocus_event::Kind;

use crate::atom::Atom;
use crate::lists::{Asked, Key, Lookup};
use crate::names::Source;
use crate::program::{Place, PredicateId, Program, ValueForm, ValueId};
use crate::readable::readable;

/// A field or metadata of an event, and as what it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRead {
    /// As expressions spell it: `user.id`, `meta.time`.
    pub name: String,
    /// As what.
    pub kind: Kind,
}

/// Something that is looked up in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookupRead {
    /// The name of the list.
    pub list: String,
    /// The value that is looked up, as expressions spell it.
    pub key: String,
    /// The column that is read of its row; `None` asks whether there is one.
    pub column: Option<String>,
}

/// What an expression reads.
#[derive(Default)]
struct Gathered {
    fields: BTreeSet<FieldRead>,
    lookups: BTreeSet<LookupRead>,
}

impl LookupRead {
    pub(crate) fn of(lookup: &Lookup) -> Self {
        Self {
            list: lookup.list.name().to_owned(),
            key: readable(&lookup.key.normalized()),
            column: match &lookup.asked {
                Asked::Member => None,
                Asked::Column(path) => Some(path.to_string()),
            },
        }
    }
}

impl Program {
    /// The value or field in normalised form: the same for all spellings of one meaning.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn normalized_value(&self, id: ValueId) -> &str {
        &self.value_texts[id.index()]
    }

    /// What a condition reads, each once, ordered by name.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn reads_of_predicate(&self, id: PredicateId) -> BTreeSet<FieldRead> {
        self.gather_predicate(id).fields
    }

    /// What a condition looks up in lists, each once, ordered by list.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn lookups_of_predicate(&self, id: PredicateId) -> BTreeSet<LookupRead> {
        self.gather_predicate(id).lookups
    }

    /// What a value expression reads, each once, ordered by name.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn reads_of_value(&self, id: ValueId) -> BTreeSet<FieldRead> {
        self.gather_value(id).fields
    }

    /// What a value expression looks up in lists, each once, ordered by list.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn lookups_of_value(&self, id: ValueId) -> BTreeSet<LookupRead> {
        self.gather_value(id).lookups
    }

    fn gather_predicate(&self, id: PredicateId) -> Gathered {
        let mut gathered = Gathered::default();
        let logic = &self.predicates[id.index()].logic;
        logic.for_each(&mut |atom| self.gather_atom(&self.atoms[*atom], &mut gathered));
        gathered
    }

    fn gather_value(&self, id: ValueId) -> Gathered {
        let mut gathered = Gathered::default();
        match &self.values[id.index()] {
            ValueForm::Bare { input, .. } => self.gather_input(*input, &mut gathered),
            ValueForm::Atom(atom) => self.gather_atom(&self.atoms[*atom], &mut gathered),
            ValueForm::Condition(logic) => {
                logic.for_each(&mut |atom| self.gather_atom(&self.atoms[*atom], &mut gathered));
            }
            ValueForm::Live(live) => {
                gathered.lookups.extend(live.lookups().cloned());
                for input in live.inputs() {
                    gathered.fields.extend(self.gather_value(*input).fields);
                }
            }
        }
        gathered
    }

    fn gather_atom(&self, atom: &Atom, gathered: &mut Gathered) {
        atom.inputs().for_each(|input| self.gather_input(input, gathered));
    }

    fn gather_input(&self, input: usize, gathered: &mut Gathered) {
        match self.inputs[input].place {
            Place::Column(column) => {
                let (path, kind) = &self.projection.columns[column];
                gathered
                    .fields
                    .insert(FieldRead { name: Source::Field(path.clone()).to_string(), kind: *kind });
            }
            Place::Meta(meta) => {
                gathered.fields.insert(FieldRead { name: Source::Meta(meta).to_string(), kind: meta.kind() });
            }
            Place::Lookup(lookup) => {
                gathered.lookups.insert(self.lookups.read(lookup).clone());
                match self.lookups.key(lookup) {
                    Key::Input(key) => self.gather_input(*key, gathered),
                    Key::Atom(atom) => self.gather_atom(atom, gathered),
                }
            }
        }
    }
}

//! What the expressions of a program read, for those who explain rules.

use std::collections::BTreeSet;

use olocus_event::Kind;

use crate::atom::Atom;
use crate::lists::Key;
use crate::names::Source;
use crate::program::{Place, PredicateId, Program, ValueForm, ValueId};

/// A field or metadata of an event, and as what it is read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRead {
    /// As expressions spell it: `user.id`, `meta.time`.
    pub name: String,
    /// As what.
    pub kind: Kind,
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
        let mut reads = BTreeSet::new();
        self.predicates[id.index()]
            .logic
            .for_each(&mut |atom| self.read_by_atom(&self.atoms[*atom], &mut reads));
        reads
    }

    /// What a value expression reads, each once, ordered by name.
    ///
    /// # Panics
    ///
    /// If the id is of another program.
    #[must_use]
    pub fn reads_of_value(&self, id: ValueId) -> BTreeSet<FieldRead> {
        let mut reads = BTreeSet::new();
        match &self.values[id.index()] {
            ValueForm::Bare { input, .. } => self.read_by_input(*input, &mut reads),
            ValueForm::Atom(atom) => self.read_by_atom(&self.atoms[*atom], &mut reads),
            ValueForm::Condition(logic) => {
                logic.for_each(&mut |atom| self.read_by_atom(&self.atoms[*atom], &mut reads));
            }
        }
        reads
    }

    fn read_by_atom(&self, atom: &Atom, reads: &mut BTreeSet<FieldRead>) {
        atom.inputs().for_each(|input| self.read_by_input(input, reads));
    }

    fn read_by_input(&self, input: usize, reads: &mut BTreeSet<FieldRead>) {
        match self.inputs[input].place {
            Place::Column(column) => {
                let (path, kind) = &self.projection.columns[column];
                reads.insert(FieldRead { name: Source::Field(path.clone()).to_string(), kind: *kind });
            }
            Place::Meta(meta) => {
                reads.insert(FieldRead { name: Source::Meta(meta).to_string(), kind: meta.kind() });
            }
            Place::Lookup(lookup) => match self.lookups.key(lookup) {
                Key::Input(key) => self.read_by_input(*key, reads),
                Key::Atom(atom) => self.read_by_atom(atom, reads),
            },
        }
    }
}

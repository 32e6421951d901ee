//! What the expressions of a program read, for those who explain rules.

use std::collections::BTreeSet;

use olocus_event::Kind;

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
        self.predicates[id.index()].logic.for_each(&mut |atom| self.read_by_atom(*atom, &mut reads));
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
            ValueForm::Bare { input, .. } => {
                reads.insert(self.field_read(*input));
            }
            ValueForm::Atom(atom) => self.read_by_atom(*atom, &mut reads),
            ValueForm::Condition(logic) => {
                logic.for_each(&mut |atom| self.read_by_atom(*atom, &mut reads));
            }
        }
        reads
    }

    fn read_by_atom(&self, atom: usize, reads: &mut BTreeSet<FieldRead>) {
        reads.extend(self.atoms[atom].inputs().map(|input| self.field_read(input)));
    }

    fn field_read(&self, input: usize) -> FieldRead {
        match self.inputs[input].place {
            Place::Column(column) => {
                let (path, kind) = &self.projection.columns[column];
                FieldRead { name: Source::Field(path.clone()).to_string(), kind: *kind }
            }
            Place::Meta(meta) => FieldRead { name: Source::Meta(meta).to_string(), kind: meta.kind() },
        }
    }
}

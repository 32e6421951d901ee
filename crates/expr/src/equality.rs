//! Comparisons of one text column with many constants, by one look-up per row.
//!
//! Rules over one kind of event tend to ask the same column for different values. Evaluated one by one, each of them
//! reads the whole column; here a row costs one probe of a hash table, whatever the number of constants.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use foldhash::fast::RandomState;

use crate::atom::{Atom, Input, Inputs};

/// A single comparison is left to the kernel, which is quicker than a hash table by then.
const WORTH_IT: usize = 3;

/// The atoms that compare a text column with constants, by column.
#[derive(Debug, Default)]
pub(crate) struct Equalities {
    groups: Vec<Group>,
    /// By atom, its group and its place in there.
    places: Vec<Option<(usize, usize)>>,
}

#[derive(Debug)]
struct Group {
    input: usize,
    /// The places of the atoms that ask for a constant.
    constants: HashMap<Box<str>, Vec<usize>, RandomState>,
    atoms: usize,
}

impl Equalities {
    /// Finds them among all atoms of a program.
    pub(crate) fn among(atoms: &[Atom]) -> Self {
        let asked = || atoms.iter().enumerate().filter_map(|(at, atom)| Some((at, atom.text_constants()?)));
        let mut sizes: HashMap<usize, usize> = HashMap::new();
        for (_, (input, _)) in asked() {
            *sizes.entry(input).or_default() += 1;
        }
        let mut groups: Vec<Group> = Vec::new();
        let mut places = vec![None; atoms.len()];
        for (at, (input, constants)) in asked().filter(|(_, (input, _))| sizes[input] >= WORTH_IT) {
            let group = groups.iter().position(|group| group.input == input).unwrap_or_else(|| {
                groups.push(Group { input, constants: HashMap::default(), atoms: 0 });
                groups.len() - 1
            });
            let place = groups[group].atoms;
            groups[group].atoms += 1;
            places[at] = Some((group, place));
            for constant in constants {
                groups[group].constants.entry(constant.into()).or_default().push(place);
            }
        }
        Self { groups, places }
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = usize> {
        0..self.groups.len()
    }

    /// The group of an atom and its place in there; `None` if it is evaluated by itself.
    pub(crate) fn place(&self, atom: usize) -> Option<(usize, usize)> {
        self.places[atom]
    }

    /// By place, the rows on which the atoms of a group are TRUE; `None` where there are none.
    pub(crate) fn probe(&self, group: usize, inputs: &dyn Inputs) -> Vec<Option<BooleanBuffer>> {
        let Group { input, constants, atoms } = &self.groups[group];
        let mut found: Vec<Option<BooleanBufferBuilder>> = (0..*atoms).map(|_| None).collect();
        let rows = inputs.rows();
        if let Input::Array(array) = inputs.input(*input)
            && let Some(texts) = array.as_string_opt::<i32>()
        {
            for row in (0..rows).filter(|&row| texts.is_valid(row)) {
                for &place in constants.get(texts.value(row)).into_iter().flatten() {
                    let bits = found[place].get_or_insert_with(|| {
                        let mut bits = BooleanBufferBuilder::new(rows);
                        bits.append_n(rows, false);
                        bits
                    });
                    bits.set_bit(row, true);
                }
            }
        }
        found.into_iter().map(|bits| bits.map(|mut bits| bits.finish())).collect()
    }
}

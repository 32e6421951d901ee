//! Many conditions over one stream of rows, arranged so that a row costs what holds on it.
//!
//! A condition is taken apart into what must hold together ([`paths`]). Conditions that ask one text column for constants
//! share a hash probe of it, those that compare one column with bounds a search among intervals, those that look for parts
//! of texts an automaton, those that match regular expressions a set of them; what has been found so narrows down whom the
//! next one is for. Where it ends, what is left of each condition is looked at by itself, and last, on the rows that are
//! left, what only DataFusion can evaluate.
//!
//! The idea of choosing for each condition the part by which it is found is from F. Fabret et al., "Filtering algorithms
//! and implementation for very fast publish/subscribe systems", SIGMOD 2001.

mod access;
mod build;
mod find;
mod intervals;
mod paths;
mod plain;
mod texts;

use aho_corasick::AhoCorasick;
use regex::RegexSet;

use self::intervals::Intervals;
use self::paths::Part;
use self::texts::Texts;
use crate::program::PredicateId;

pub use self::access::Access;
pub(crate) use self::access::Steps;
pub use self::find::{Columns, Found};
pub(crate) use self::paths::is_native;

/// Finds which of a set of conditions hold; made by [`Program::index`](crate::Program::index).
#[derive(Debug)]
pub struct Index {
    root: Node,
    /// What is left to look at where the nodes end, by number.
    leaves: Vec<Leaf>,
    /// The inputs that are read row by row, ascending.
    inputs: Vec<usize>,
}

/// Finds leaves for the rows that lead here.
#[derive(Debug, Default)]
struct Node {
    groups: Vec<Group>,
    /// Leaves to look at in any case.
    rest: Leaves,
}

/// Leaves by what is wanted of them.
#[derive(Debug, Default)]
struct Leaves {
    /// Of conditions that are told wherever they hold.
    found: Vec<u32>,
    /// Of those of which it is enough to know where some of them hold.
    asked: Vec<u32>,
}

/// Conditions that ask the same of the same column.
#[derive(Debug)]
enum Group {
    Texts { input: usize, constants: Texts, nodes: Vec<Node> },
    Ranges { input: usize, found: Ranges, asked: Ranges },
    Parts { input: usize, needles: AhoCorasick, leaves: Vec<Leaves> },
    Regexes { input: usize, set: RegexSet, leaves: Vec<Leaves> },
}

/// Leaves by the bounds within which a value must lie.
#[derive(Debug, Default)]
struct Ranges {
    /// For integers and times.
    exact: Intervals,
    /// For integers beside fractions.
    rounded: Intervals,
    /// For doubles.
    floats: Intervals,
}

/// What is left of a condition when it was found by some of its parts.
#[derive(Debug)]
struct Leaf {
    predicate: PredicateId,
    checks: Box<[Part]>,
    /// Whether the condition has parts that only DataFusion can evaluate.
    plain: bool,
}

impl Leaves {
    fn is_empty(&self) -> bool {
        self.found.is_empty() && self.asked.is_empty()
    }
}

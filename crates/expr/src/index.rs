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
mod finder;
mod intervals;
mod paths;
mod plain;
mod rows;

use aho_corasick::AhoCorasick;
use olocus_event::TextTable;
use regex::RegexSet;

use self::intervals::{Intervals, Spans};
use self::paths::Part;
use crate::program::PredicateId;

pub use self::access::Access;
pub(crate) use self::access::Steps;
pub use self::find::{Columns, Found, FoundRow};
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
    /// Whether one of those holds here of which it is enough to know where some of them hold.
    is_asked: bool,
    /// If none does for sure, all of these.
    asked: Vec<u32>,
}

/// Conditions that ask the same of the same column.
#[derive(Debug)]
enum Group {
    Texts {
        input: usize,
        /// With the places of the nodes that they lead to.
        constants: TextTable,
        nodes: Vec<Node>,
    },
    Ranges {
        input: usize,
        found: Ranges<Intervals>,
        /// Where asked conditions hold without any more to look at.
        asked_alone: Ranges<Spans>,
        asked: Ranges<Intervals>,
    },
    Parts {
        input: usize,
        needles: AhoCorasick,
        leaves: Vec<Leaves>,
    },
    Regexes {
        input: usize,
        set: RegexSet,
        leaves: Vec<Leaves>,
    },
}

/// The bounds within which a value must lie.
#[derive(Debug, Default)]
struct Ranges<T> {
    /// For integers and times.
    exact: T,
    /// For integers beside fractions.
    rounded: T,
    /// For doubles.
    floats: T,
}

/// What is left of a condition when it was found by some of its parts.
#[derive(Debug)]
struct Leaf {
    predicate: PredicateId,
    checks: Box<[Part]>,
    /// Whether the condition has parts that only DataFusion can evaluate.
    plain: bool,
}

impl Leaf {
    /// Whether nothing is left of the condition.
    fn holds(&self) -> bool {
        self.checks.is_empty() && !self.plain
    }
}

impl Ranges<Intervals> {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.rounded.is_empty() && self.floats.is_empty()
    }
}

impl Ranges<Spans> {
    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.rounded.is_empty() && self.floats.is_empty()
    }
}

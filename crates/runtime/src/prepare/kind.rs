//! What rules ask of events of one type.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;
use olocus_expr::{Columns, Found, Index, PredicateId};
use smallvec::SmallVec;

use super::RowHit;
use crate::plan::{Plan, Test};

/// What is asked of events of a type, or of several of which the same is asked.
///
/// Where a test begins something in some rule, the rows on which it holds are found. All that others can do is to go on
/// with what rules hold, so they are asked for these rules alone, of which there are few. Tests that ask lists in topics are
/// found as well: what is left of them is asked when the row's turn has come.
#[derive(Debug)]
pub(crate) struct Kind {
    /// All tests that events of the type pass, ascending.
    tests: Vec<u32>,
    index: Index,
    /// The same with nothing left to ask, once somebody needs it.
    whole: OnceLock<Index>,
    /// The tests without a condition that begin something or ask lists in topics.
    always: Vec<u32>,
    /// Whether there are tests without a condition that begin nothing.
    always_asked: bool,
    /// By condition that is found, its tests.
    found: BTreeMap<PredicateId, SmallVec<[u32; 2]>>,
    /// By rule, the tests that are asked.
    asked: HashMap<usize, Vec<Asked>, RandomState>,
    /// What all tests that are asked need: indices into [`Plan::keys`], ascending.
    asked_keys: Vec<usize>,
}

/// A test, as a rule asks it.
#[derive(Debug)]
struct Asked {
    predicate: Option<PredicateId>,
    bits: u64,
}

/// The rows of a batch that rules may have to be shown.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    pub(crate) kinds: Vec<Arc<Kind>>,
    /// Ascending by row.
    pub(crate) rows: Vec<RowHit>,
    /// The tests that were found to hold.
    pub(crate) tests: Vec<u32>,
    /// How many conditions are not TRUE on how many rows because evaluation failed there.
    pub(crate) failed: u64,
}

impl Kind {
    pub(super) fn new(plan: &Plan, tests: Vec<u32>) -> Kind {
        let test = |at: u32| &plan.tests[at as usize];
        let mut is_found: BTreeMap<PredicateId, bool> = BTreeMap::new();
        for own in tests.iter().map(|&at| test(at)) {
            if let Some(predicate) = own.predicate {
                let found =
                    !own.begins.is_empty() || own.live.is_some() || !plan.program.is_native(predicate);
                *is_found.entry(predicate).or_default() |= found;
            }
        }
        let (found, asked): (Vec<_>, Vec<_>) = is_found.keys().partition(|predicate| is_found[predicate]);
        let mut kind = Kind {
            index: plan.program.index(&found, &asked),
            whole: OnceLock::new(),
            always: Vec::new(),
            always_asked: false,
            found: BTreeMap::new(),
            asked: HashMap::default(),
            asked_keys: Vec::new(),
            tests,
        };
        for &at in &kind.tests {
            let Test { predicate, links, begins, keys, live, .. } = test(at);
            match predicate {
                Some(predicate) if is_found[predicate] => kind.found.entry(*predicate).or_default().push(at),
                None if !begins.is_empty() || live.is_some() => kind.always.push(at),
                _ => {
                    kind.always_asked |= predicate.is_none();
                    kind.asked_keys.extend(keys);
                    for link in links {
                        let asked = Asked { predicate: *predicate, bits: link.bits };
                        kind.asked.entry(link.rule).or_default().push(asked);
                    }
                }
            }
        }
        kind.asked_keys.sort_unstable();
        kind.asked_keys.dedup();
        kind
    }

    /// All tests that events of the type pass, ascending.
    pub(super) fn tests(&self) -> &[u32] {
        &self.tests
    }

    /// What the tests need that are asked: indices into [`Plan::keys`].
    pub(crate) fn asked_keys(&self) -> &[usize] {
        &self.asked_keys
    }

    /// The bits that the tests that are asked set in a rule; `None` if none of them means anything to it on this row.
    pub(crate) fn bits(&self, rule: usize, columns: &Columns<'_>, row: usize) -> Option<u64> {
        let holds = |asked: &&Asked| asked.predicate.is_none_or(|predicate| columns.holds(predicate, row));
        let asked = self.asked.get(&rule)?.iter().filter(holds);
        asked.map(|asked| asked.bits).reduce(|bits, more| bits | more)
    }

    /// Adds to `hits` the rows, of these or all of the batch, that rules may have to be shown.
    pub(super) fn find(
        &self,
        columns: &Columns<'_>,
        rows: Option<&[u32]>,
        batch: usize,
        found: &mut Found,
        hits: &mut Hits,
    ) {
        found.clear();
        self.index.find(columns, rows, found);
        hits.failed += found.failed;
        hits.rows.reserve(found.rows_max());
        let mut visit = |row: u32, holding: &[(u32, PredicateId)], is_asked: bool| {
            let from = hits.tests.len() as u32;
            hits.tests.extend(&self.always);
            for (_, predicate) in holding {
                hits.tests.extend(self.found.get(predicate).into_iter().flatten());
            }
            let to = hits.tests.len() as u32;
            hits.rows.push(RowHit { row, kind: hits.kinds.len() as u32, from, to, is_asked });
        };
        let mut told = found.rows().peekable();
        if self.always_asked || !self.always.is_empty() {
            let mut each = |row: u32| match told.next_if(|told| told.row == row) {
                Some(told) => visit(row, told.hits, told.is_asked || self.always_asked),
                None => visit(row, &[], self.always_asked),
            };
            match rows {
                Some(rows) => rows.iter().for_each(|&row| each(row)),
                None => (0..batch as u32).for_each(each),
            }
        } else {
            told.for_each(|told| visit(told.row, told.hits, told.is_asked));
        }
    }

    /// All tests that hold on a row, ascending.
    pub(super) fn all_tests(&self, plan: &Plan, columns: &Columns<'_>, row: u32) -> SmallVec<[u32; 4]> {
        let whole = self.whole.get_or_init(|| {
            let mut all: Vec<PredicateId> =
                self.tests.iter().filter_map(|&test| plan.tests[test as usize].predicate).collect();
            all.sort_unstable();
            all.dedup();
            plan.program.index(&all, &[])
        });
        let mut found = Found::default();
        whole.find(columns, Some(&[row]), &mut found);
        let holds = |predicate: PredicateId| found.hits.binary_search(&(row, predicate)).is_ok();
        let is_true = |test: &u32| plan.tests[*test as usize].predicate.is_none_or(holds);
        self.tests.iter().copied().filter(is_true).collect()
    }
}

//! Columns → the conditions that hold on their rows: each part is asked of all rows that have come so far before the next
//! one is, so that a row costs no more than the parts it passes, and what a row has is hardly ever branched on.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use arrow::array::{Array, StringArray};
use olocus_event::TextTable;

use super::find::{Columns, Found, holds, may_hold};
use super::intervals::{Intervals, Spans};
use super::paths::Part;
use super::plain::{Results, Value};
use super::rows::retain;
use super::{Group, Index, Leaves, Node, Ranges};
use crate::native::{Point, View, place};
use crate::program::{PredicateId, Program};

pub(super) struct Finder<'a> {
    pub(super) index: &'a Index,
    pub(super) program: &'a Program,
    /// By input.
    pub(super) views: &'a [View<'a>],
    pub(super) found: &'a mut Found,
}

impl Finder<'_> {
    /// Looks for all that a node leads to on these rows, which ascend.
    pub(super) fn node(&mut self, node: &Node, rows: &[u32]) {
        for group in &node.groups {
            match group {
                Group::Texts { input, constants, nodes } => {
                    if let View::Text(array) = self.views[*input] {
                        self.texts(array, constants, nodes, rows);
                    }
                }
                Group::Ranges { input, found, asked_alone, asked } => {
                    let view = self.views[*input];
                    if !asked_alone.is_empty() {
                        self.ask_alone(&view, asked_alone, rows);
                    }
                    self.ranges(&view, found, rows, |finder, leaf, row| finder.found(leaf, &[row]));
                    self.ranges(&view, asked, rows, Self::ask);
                }
                Group::Parts { input, needles, leaves } => {
                    for &row in rows {
                        if let Some(text) = self.views[*input].text(row as usize) {
                            for occurrence in needles.find_overlapping_iter(text) {
                                self.leaves(&leaves[occurrence.pattern().as_usize()], &[row]);
                            }
                        }
                    }
                }
                Group::Regexes { input, set, leaves } => {
                    for &row in rows {
                        if let Some(text) = self.views[*input].text(row as usize) {
                            for matching in set.matches(text).iter() {
                                self.leaves(&leaves[matching], &[row]);
                            }
                        }
                    }
                }
            }
        }
        self.leaves(&node.rest, rows);
    }

    /// Leads each row to the node of its text.
    fn texts(&mut self, array: &StringArray, constants: &TextTable, nodes: &[Node], rows: &[u32]) {
        let mut known = self.found.lists.any(rows.len());
        let mut numbers = self.found.lists.any(rows.len());
        let count = match array.nulls() {
            None => probe(array, constants, rows, |_| true, &mut known, &mut numbers),
            Some(nulls) => probe(array, constants, rows, |row| nulls.is_valid(row), &mut known, &mut numbers),
        };
        let (known_rows, their_numbers) = (&known[..count], &numbers[..count]);
        match nodes {
            [node] => self.rows(node, known_rows),
            // With few rows, most nodes get none.
            nodes if count < nodes.len() => {
                for (row, number) in known_rows.iter().zip(their_numbers) {
                    self.node(&nodes[*number as usize], &[*row]);
                }
            }
            nodes => {
                let mut sorted = self.found.lists.any(count);
                let mut ends = self.found.lists.zeros(nodes.len() + 1);
                sort(known_rows, their_numbers, &mut sorted, &mut ends);
                let mut start = 0;
                for (node, &end) in nodes.iter().zip(&ends) {
                    self.rows(node, &sorted[start as usize..end as usize]);
                    start = end;
                }
                self.found.lists.put(sorted);
                self.found.lists.put(ends);
            }
        }
        self.found.lists.put(known);
        self.found.lists.put(numbers);
    }

    fn rows(&mut self, node: &Node, rows: &[u32]) {
        if !rows.is_empty() {
            self.node(node, rows);
        }
    }

    /// Notes the rows whose values alone make an asked condition hold.
    fn ask_alone(&mut self, view: &View<'_>, spans: &Ranges<Spans>, rows: &[u32]) {
        for &row in rows {
            let is_within = view.point(row as usize).is_some_and(|point| match point {
                Point::Float(value) => spans.floats.contain(place(value)),
                Point::Exact(value) => {
                    spans.exact.contain(value)
                        || !spans.rounded.is_empty() && spans.rounded.contain(place(value as f64))
                }
            });
            self.found.asked.insert_if(row, is_within);
        }
    }

    /// Hands `each` the leaves of the intervals around the value of each row, with the row, until it breaks.
    fn ranges(
        &mut self,
        view: &View<'_>,
        ranges: &Ranges<Intervals>,
        rows: &[u32],
        each: impl Fn(&mut Self, u32, u32) -> ControlFlow<()>,
    ) {
        if ranges.is_empty() {
            return;
        }
        for &row in rows {
            let Some(point) = view.point(row as usize) else { continue };
            let mut own = |leaf| each(self, leaf, row);
            // Whether the search was cut short does not matter.
            let _ = match point {
                Point::Float(value) => ranges.floats.around(place(value), &mut own),
                Point::Exact(value) => match ranges.exact.around(value, &mut own) {
                    ControlFlow::Continue(()) if !ranges.rounded.is_empty() => {
                        ranges.rounded.around(place(value as f64), &mut own)
                    }
                    ended => ended,
                },
            };
        }
    }

    fn leaves(&mut self, leaves: &Leaves, rows: &[u32]) {
        for &leaf in &leaves.found {
            let _ = self.found(leaf, rows);
        }
        if leaves.is_asked {
            rows.iter().for_each(|&row| self.found.asked.insert_if(row, true));
        } else if !leaves.asked.is_empty() {
            for &row in rows {
                let _ = leaves.asked.iter().try_for_each(|&leaf| self.ask(leaf, row));
            }
        }
    }

    /// Notes that a condition holds on those of these rows that pass what is left of it.
    fn found(&mut self, number: u32, rows: &[u32]) -> ControlFlow<()> {
        let leaf = &self.index.leaves[number as usize];
        if leaf.checks.is_empty() {
            self.found.add(number, leaf, rows);
            return ControlFlow::Continue(());
        }
        let mut passed = self.found.lists.take();
        passed.extend_from_slice(rows);
        retain(&mut passed, |row| self.pass(&leaf.checks, row));
        self.found.add(number, leaf, &passed);
        self.found.lists.put(passed);
        ControlFlow::Continue(())
    }

    /// Asks a condition of a row unless it is known that one holds; breaks where there is no more to know.
    fn ask(&mut self, number: u32, row: u32) -> ControlFlow<()> {
        if self.found.asked.contains(row) {
            return ControlFlow::Break(());
        }
        if !self.pass(&self.index.leaves[number as usize].checks, row) {
            return ControlFlow::Continue(());
        }
        self.found.asked.insert_if(row, true);
        ControlFlow::Break(())
    }

    #[inline]
    fn pass(&self, checks: &[Part], row: u32) -> bool {
        let native = |atom: usize| self.native(atom, row);
        checks.iter().all(|part| match part {
            Part::Leaf { atom, value } => matches!(native(*atom), Value::Is(own) if own == *value),
            Part::Tree { logic, value } => holds(logic, *value, &native),
        })
    }

    #[inline]
    fn native(&self, atom: usize, row: u32) -> Value {
        match &self.program.natives[atom] {
            Some(native) => {
                native.truth(&self.views[native.input], row as usize).map_or(Value::Null, Value::Is)
            }
            None => Value::Null,
        }
    }

    /// Looks at what waits for what DataFusion evaluates: each of its expressions once, on the rows that need it.
    pub(super) fn finish(&mut self, columns: &Columns<'_>) {
        if self.found.waiting.is_empty() {
            return;
        }
        let mut rows_of: BTreeMap<PredicateId, Vec<u32>> = BTreeMap::new();
        for (leaf, row) in self.found.waiting.drain(..) {
            rows_of.entry(self.index.leaves[leaf as usize].predicate).or_default().push(row);
        }
        let mut rows_of_atom: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
        for (predicate, rows) in &mut rows_of {
            // Several alternatives may lead to the condition.
            rows.sort_unstable();
            rows.dedup();
            self.program.predicates[predicate.index()].logic.for_each(&mut |atom| {
                if self.program.natives[*atom].is_none() {
                    rows_of_atom.entry(*atom).or_default().extend(rows.iter());
                }
            });
        }
        let mut results = Results::default();
        for (atom, rows) in rows_of_atom {
            results.evaluate(columns, atom, &rows.into_iter().collect::<Vec<_>>());
        }
        let have_failures = results.have_failures();
        for (predicate, rows) in rows_of {
            let logic = &self.program.predicates[predicate.index()].logic;
            for row in rows {
                let value = |atom: usize| match self.program.natives[atom] {
                    Some(_) => self.native(atom, row),
                    None => results.get(atom, row),
                };
                if holds(logic, true, &value) {
                    self.found.hits.push((row, predicate));
                } else if have_failures && may_hold(logic, true, &value) {
                    self.found.failed += 1;
                }
            }
        }
    }
}

/// Writes the rows whose text is a constant, and the numbers of these constants; returns how many they are.
#[inline]
fn probe(
    array: &StringArray,
    constants: &TextTable,
    rows: &[u32],
    is_valid: impl Fn(usize) -> bool,
    known: &mut [u32],
    numbers: &mut [u32],
) -> usize {
    let (buffer, offsets) = (array.value_data(), array.value_offsets());
    let mut count = 0;
    for &row in rows {
        let at = row as usize;
        let number = constants.number(buffer, offsets[at] as usize, offsets[at + 1] as usize);
        known[count] = row;
        numbers[count] = number.unwrap_or(0);
        count += usize::from(number.is_some() & is_valid(at));
    }
    count
}

/// Sorts rows by number, those of one number as they were; in `ends`, which is as long as there are numbers and one more,
/// the places after those of each number.
fn sort(rows: &[u32], numbers: &[u32], sorted: &mut [u32], ends: &mut [u32]) {
    for &number in numbers {
        ends[number as usize + 1] += 1;
    }
    let mut before = 0;
    for end in &mut *ends {
        before += *end;
        *end = before;
    }
    // So far these are the places where those of a number begin.
    for (&row, &number) in rows.iter().zip(numbers) {
        let place = &mut ends[number as usize];
        sorted[*place as usize] = row;
        *place += 1;
    }
}

//! Conditions → nodes: by what each is to be found.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::AhoCorasick;
use olocus_event::TextTable;

use super::access::{Step, Steps};
use super::intervals::{Intervals, Spans};
use super::paths::{Part, paths};
use super::{Group, Index, Leaf, Leaves, Node, Ranges};
use crate::logic::Logic;
use crate::native::{Interval, Native, Pattern, Range, Test};
use crate::program::{PredicateId, Program};

/// With fewer conditions, looking at each costs less than an automaton for all.
const WORTH_IT: usize = 3;

/// Parts of one alternative by which it can be found; others are checked.
const PARTS_MAX: usize = 64;

/// Automata of regular expressions that would take more than this are made of fewer of them.
const REGEXES_BYTES: usize = 16 << 20;

impl Index {
    /// Arranges the conditions `found`, each of which is told wherever it holds, and `asked`, of which it is told where
    /// some of them hold.
    pub(crate) fn new(program: &Program, found: &[PredicateId], asked: &[PredicateId]) -> Self {
        Builder::new(program).index(found, asked).0
    }

    /// By alternative of a condition, the steps that lead to it among all conditions of the program.
    pub(super) fn steps(program: &Program) -> Steps {
        let all: Vec<PredicateId> = program.predicate_ids().collect();
        Builder::new(program).index(&all, &[]).1
    }
}

struct Builder<'a> {
    program: &'a Program,
    /// All alternatives of all conditions.
    paths: Vec<Path>,
    leaves: Vec<Leaf>,
    inputs: BTreeSet<usize>,
    /// How the leaves have been reached.
    ways: Steps,
    way: Vec<Step>,
}

struct Path {
    predicate: PredicateId,
    parts: Vec<Part>,
    asked: bool,
}

/// A path on its way to a leaf.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    path: usize,
    /// The parts that are known to hold, by bits.
    used: u64,
}

impl<'a> Builder<'a> {
    fn new(program: &'a Program) -> Self {
        Self {
            program,
            paths: Vec::new(),
            leaves: Vec::new(),
            inputs: BTreeSet::new(),
            ways: Steps::new(),
            way: Vec::new(),
        }
    }

    fn index(mut self, found: &[PredicateId], asked: &[PredicateId]) -> (Index, Steps) {
        let wanted = found.iter().map(|id| (*id, false)).chain(asked.iter().map(|id| (*id, true)));
        for (predicate, asked) in wanted {
            let asked = asked && self.program.is_native(predicate);
            let logic = &self.program.predicates[predicate.index()].logic;
            self.paths.extend(paths(logic).into_iter().map(|parts| Path { predicate, parts, asked }));
        }
        let members = (0..self.paths.len()).map(|path| Member { path, used: 0 }).collect();
        let root = self.node(members);
        (Index { root, leaves: self.leaves, inputs: self.inputs.into_iter().collect() }, self.ways)
    }

    fn node(&mut self, mut members: Vec<Member>) -> Node {
        let mut groups = Vec::new();
        while let inputs = self.next_inputs(&members, |native, value| text_constants(native, value).map(drop))
            && !inputs.is_empty()
        {
            groups.extend(inputs.into_iter().filter_map(|input| self.texts(input, &mut members)));
        }
        while let inputs = self.next_inputs(&members, |native, value| range(native, value).map(drop))
            && !inputs.is_empty()
        {
            groups.extend(inputs.into_iter().filter_map(|input| self.ranges(input, &mut members)));
        }
        while let Some(input) = self.best(&members, |native, value| needle(native, value).map(drop))
            && let Some(group) = self.parts(input, &mut members)
        {
            groups.push(group);
        }
        while let Some(input) = self.best(&members, |native, value| regex(native, value).map(drop))
            && let Some(group) = self.regexes(input, &mut members)
        {
            groups.push(group);
        }
        let mut rest = Leaves::default();
        for member in members {
            self.leaf(member, &mut rest);
        }
        Node { groups, rest }
    }

    /// The input about which most of the paths ask something of a sort, if there are enough for an automaton.
    fn best(&self, members: &[Member], sort: impl Fn(&Native, bool) -> Option<()>) -> Option<usize> {
        let (count, input) = *self.ranked(members, sort).first()?;
        (count >= WORTH_IT).then_some(input)
    }

    /// The inputs about which paths are to be asked next: one by one as long as that may lead many paths together.
    fn next_inputs(&self, members: &[Member], sort: impl Fn(&Native, bool) -> Option<()>) -> Vec<usize> {
        let ranked = self.ranked(members, sort);
        let next = match ranked.first() {
            Some((count, _)) if *count >= WORTH_IT => 1,
            _ => ranked.len(),
        };
        ranked.into_iter().take(next).map(|(_, input)| input).collect()
    }

    /// The inputs about which paths ask something of a sort, with how many these are, most first. Of inputs about which
    /// equally many do, those with the most different questions come first.
    fn ranked(&self, members: &[Member], sort: impl Fn(&Native, bool) -> Option<()>) -> Vec<(usize, usize)> {
        let mut asked: BTreeMap<usize, (usize, BTreeSet<usize>)> = BTreeMap::new();
        for member in members {
            let mut own = BTreeSet::new();
            for (atom, native, _) in
                self.open(*member).filter(|(_, native, value)| sort(native, *value).is_some())
            {
                asked.entry(native.input).or_default().1.insert(atom);
                own.insert(native.input);
            }
            for input in own {
                asked.entry(input).or_default().0 += 1;
            }
        }
        let mut ranked: Vec<_> =
            asked.into_iter().map(|(input, (count, atoms))| (count, atoms.len(), Reverse(input))).collect();
        ranked.sort_unstable_by(|one, other| other.cmp(one));
        ranked.into_iter().map(|(count, _, Reverse(input))| (count, input)).collect()
    }

    /// The parts of a path that are single comparisons and not yet known to hold.
    fn open(&self, member: Member) -> impl Iterator<Item = (usize, &'a Native, bool)> {
        let program = self.program;
        self.paths[member.path].parts.iter().take(PARTS_MAX).enumerate().filter_map(move |(at, part)| {
            let Part::Leaf { atom, value } = part else { return None };
            let native = program.natives[*atom].as_ref()?;
            (member.used >> at & 1 == 0).then_some((*atom, native, *value))
        })
    }

    /// Takes out of `members` those with a part that `take` finds something in, marked as used.
    fn split<T>(
        &self,
        members: &mut Vec<Member>,
        input: usize,
        take: impl Fn(&Native, bool) -> Option<T>,
    ) -> Vec<(Member, T)> {
        let mut taken = Vec::new();
        members.retain(|member| {
            let parts = self.paths[member.path].parts.iter().take(PARTS_MAX).enumerate();
            let found = parts.filter(|(at, _)| member.used >> at & 1 == 0).find_map(|(at, part)| {
                let Part::Leaf { atom, value } = part else { return None };
                let native = self.program.natives[*atom].as_ref().filter(|native| native.input == input)?;
                Some((at, take(native, *value)?))
            });
            match found {
                Some((at, item)) => {
                    taken.push((Member { used: member.used | 1 << at, ..*member }, item));
                    false
                }
                None => true,
            }
        });
        taken
    }

    fn texts(&mut self, input: usize, members: &mut Vec<Member>) -> Option<Group> {
        let taken =
            self.split(members, input, |native, value| text_constants(native, value).map(<[_]>::to_vec));
        if taken.is_empty() {
            return None;
        }
        self.inputs.insert(input);
        let mut by_text: BTreeMap<Box<str>, Vec<Member>> = BTreeMap::new();
        for (member, constants) in taken {
            for constant in constants {
                by_text.entry(constant).or_default().push(member);
            }
        }
        // Constants that lead to the same conditions share a node, or lists of them would multiply.
        let mut numbers: BTreeMap<Vec<Member>, u32> = BTreeMap::new();
        let mut nodes = Vec::new();
        let mut constants = Vec::with_capacity(by_text.len());
        self.way.push(Step::Equality(input));
        for (text, members) in by_text {
            let number = match numbers.get(&members) {
                Some(number) => *number,
                None => {
                    let number = nodes.len() as u32;
                    nodes.push(self.node(members.clone()));
                    numbers.insert(members, number);
                    number
                }
            };
            constants.push((text, number));
        }
        self.way.pop();
        Some(Group::Texts { input, constants: TextTable::new(constants), nodes })
    }

    fn ranges(&mut self, input: usize, members: &mut Vec<Member>) -> Option<Group> {
        let taken = self.split(members, input, range);
        if taken.is_empty() {
            return None;
        }
        self.inputs.insert(input);
        let (mut found, mut asked_alone, mut asked) =
            (Bounds::default(), Bounds::default(), Bounds::default());
        self.way.push(Step::Range(input));
        for (mut member, mut range) in taken {
            // A second bound of the column makes the interval smaller.
            let parts = &self.paths[member.path].parts;
            for (at, part) in parts.iter().take(PARTS_MAX).enumerate() {
                if let Part::Leaf { atom, value } = part
                    && member.used >> at & 1 == 0
                    && let Some(native) =
                        self.program.natives[*atom].as_ref().filter(|native| native.input == input)
                    && let Some(other) = self::range(native, *value)
                    && let Some(both) = range.and(&other)
                {
                    range = both;
                    member.used |= 1 << at;
                }
            }
            let (is_asked, leaf) = (self.paths[member.path].asked, self.leaf_of(member));
            if is_asked && leaf.holds() {
                asked_alone.add(&range, ());
            } else {
                let leaf = self.add_leaf(leaf);
                if is_asked { &mut asked } else { &mut found }.add(&range, leaf);
            }
        }
        self.way.pop();
        Some(Group::Ranges {
            input,
            found: found.finish(Intervals::new),
            asked_alone: asked_alone.finish(spans),
            asked: asked.finish(Intervals::new),
        })
    }

    fn parts(&mut self, input: usize, members: &mut Vec<Member>) -> Option<Group> {
        let mut rest = members.clone();
        let taken = self.split(&mut rest, input, |native, value| needle(native, value).map(Box::from));
        let mut by_needle: BTreeMap<Box<str>, Vec<Member>> = BTreeMap::new();
        for (member, needle) in taken {
            // Where the needle is, the text need not match yet.
            let before = members.iter().find(|other| other.path == member.path);
            by_needle.entry(needle).or_default().push(before.copied().unwrap_or(member));
        }
        let needles = AhoCorasick::new(by_needle.keys().map(|needle| needle.as_bytes())).ok()?;
        self.inputs.insert(input);
        *members = rest;
        self.way.push(Step::Parts(input));
        let leaves = by_needle.into_values().map(|members| self.leaves(members)).collect();
        self.way.pop();
        Some(Group::Parts { input, needles, leaves })
    }

    fn regexes(&mut self, input: usize, members: &mut Vec<Member>) -> Option<Group> {
        let mut rest = members.clone();
        let taken = self.split(&mut rest, input, |native, value| regex(native, value).map(Box::from));
        let mut by_regex: BTreeMap<Box<str>, Vec<Member>> = BTreeMap::new();
        for (member, regex) in taken {
            by_regex.entry(regex).or_default().push(member);
        }
        // What makes the automaton too large is looked at one by one.
        let set = regex::RegexSetBuilder::new(by_regex.keys().map(|regex| &**regex))
            .size_limit(REGEXES_BYTES)
            .dfa_size_limit(REGEXES_BYTES)
            .build()
            .ok()?;
        self.inputs.insert(input);
        *members = rest;
        self.way.push(Step::Regexes(input));
        let leaves = by_regex.into_values().map(|members| self.leaves(members)).collect();
        self.way.pop();
        Some(Group::Regexes { input, set, leaves })
    }

    fn leaves(&mut self, members: Vec<Member>) -> Leaves {
        let mut leaves = Leaves::default();
        for member in members {
            self.leaf(member, &mut leaves);
        }
        leaves
    }

    fn leaf(&mut self, member: Member, leaves: &mut Leaves) {
        let (is_asked, leaf) = (self.paths[member.path].asked, self.leaf_of(member));
        if is_asked && leaf.holds() {
            leaves.is_asked = true;
        } else {
            let leaf = self.add_leaf(leaf);
            if is_asked { &mut leaves.asked } else { &mut leaves.found }.push(leaf);
        }
    }

    /// What is left of a path that has come to its end.
    fn leaf_of(&mut self, member: Member) -> Leaf {
        let natives = &self.program.natives;
        let Path { predicate, parts, .. } = &self.paths[member.path];
        let is_used = |at: usize| at < PARTS_MAX && member.used >> at & 1 == 1;
        let checks: Box<[Part]> = (0..)
            .zip(parts)
            .filter(|(at, part)| !is_used(*at) && part.is_native(natives))
            .map(|(_, part)| part.clone())
            .collect();
        for part in &checks {
            let mut read =
                |atom: &usize| self.inputs.extend(natives[*atom].as_ref().map(|native| native.input));
            match part {
                Part::Leaf { atom, .. } => read(atom),
                Part::Tree { logic, .. } => logic.for_each(&mut |atom| read(atom)),
            }
        }
        let plain = parts.iter().any(|part| !part.is_native(natives));
        if plain {
            // The whole condition is looked at once the rest of it is known.
            let logic: &Logic<usize> = &self.program.predicates[predicate.index()].logic;
            logic
                .for_each(&mut |atom| self.inputs.extend(natives[*atom].as_ref().map(|native| native.input)));
        }
        let mut way = self.way.clone();
        if !checks.is_empty() || plain {
            way.push(if plain { Step::Evaluation } else { Step::Comparison });
        }
        self.ways.entry(*predicate).or_default().push(way);
        Leaf { predicate: *predicate, checks, plain }
    }

    fn add_leaf(&mut self, leaf: Leaf) -> u32 {
        self.leaves.push(leaf);
        u32::try_from(self.leaves.len() - 1).expect("rules have far fewer alternatives than 2^32")
    }
}

/// Intervals, each with what it leads to.
#[derive(Default)]
struct Bounds<T> {
    exact: Vec<(Interval, T)>,
    rounded: Vec<(Interval, T)>,
    floats: Vec<(Interval, T)>,
}

impl<T: Copy> Bounds<T> {
    fn add(&mut self, range: &Range, item: T) {
        let of = |intervals: &[Interval]| intervals.iter().map(|own| (*own, item)).collect::<Vec<_>>();
        match &range.exact {
            Some(exact) => self.exact.extend(of(exact)),
            None => self.rounded.extend(of(&range.floats)),
        }
        self.floats.extend(of(&range.floats));
    }

    fn finish<R>(self, make: impl Fn(Vec<(Interval, T)>) -> R) -> Ranges<R> {
        Ranges { exact: make(self.exact), rounded: make(self.rounded), floats: make(self.floats) }
    }
}

fn spans(intervals: Vec<(Interval, ())>) -> Spans {
    Spans::new(intervals.into_iter().map(|(interval, ())| interval).collect())
}

fn text_constants(native: &Native, value: bool) -> Option<&[Box<str>]> {
    match &native.test {
        Test::Texts(texts) if native.negated != value => Some(texts.texts()),
        _ => None,
    }
}

fn range(native: &Native, value: bool) -> Option<Range> {
    match &native.test {
        Test::Range(range) if native.negated != value => Some(range.clone()),
        Test::Range(range) => range.complement(),
        _ => None,
    }
}

fn needle(native: &Native, value: bool) -> Option<&str> {
    match &native.test {
        Test::Pattern(Pattern::Parts(parts)) if native.negated != value => parts.needle(),
        _ => None,
    }
}

fn regex(native: &Native, value: bool) -> Option<&str> {
    match &native.test {
        Test::Pattern(Pattern::Regex(regex)) if native.negated != value => Some(regex.as_str()),
        _ => None,
    }
}

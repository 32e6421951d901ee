//! What becomes of a rule, and what it costs, in words: for people who write rules.
//!
//! All of it is read off the [`Plan`]: nothing here decides anything.

mod advice;
mod conditions;
mod evaluation;
mod lists;
mod names;
mod reads;
mod state;

use olocus_cep::Limits;
use serde::Serialize;

use crate::plan::Plan;

/// What becomes of one rule.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// Its name.
    pub rule: String,
    /// Its version, a hash of its meaning.
    pub version: String,
    /// What it looks for, one line for each stage; of a window, how it collects.
    pub pattern: Vec<String>,
    /// What is asked of events.
    pub conditions: Vec<Condition>,
    /// What runs.
    pub automaton: Machine,
    /// The distinct predicates that the conditions come down to.
    pub predicates: Vec<Predicate>,
    /// What evaluates it.
    pub evaluation: Evaluation,
    /// The fields that split its events; none: all events are of one key.
    pub key: Vec<String>,
    /// The time that a match may take from its first event to its last.
    pub within: Option<String>,
    /// What is done because time passes.
    pub timers: Vec<String>,
    /// What it holds.
    pub state: State,
    /// What it reads of events.
    pub reads: Reads,
    /// The lists that it looks into.
    pub lists: Vec<ListUse>,
    /// What may cost more than it needs to.
    pub warnings: Vec<Advice>,
}

/// What is asked of an event under one name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Condition {
    /// The step that asks it; `#2` where none does, as for an `until`.
    pub name: String,
    /// The event types that are asked for.
    pub types: Vec<String>,
    /// The predicate that must hold; `None` asks for the type only.
    pub predicate: Option<usize>,
    /// What asks lists in topics, and so is decided only when the event's turn has come.
    pub in_turn: Option<String>,
    /// What compares the event with earlier ones.
    pub across: Vec<Crossing>,
}

/// A condition that compares an event with earlier ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crossing {
    /// What is compared, normalised.
    pub text: String,
    /// Whether the partial matches for which it holds are found through an ordered index.
    pub indexed: bool,
}

/// The automaton of a sequence, or how a window goes on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// How many states wait for events, the start included.
    pub states: usize,
    /// One state a line: `^` marks the start, `>` a match.
    pub listing: Vec<String>,
    /// The same as a graph in the language of Graphviz.
    pub dot: String,
}

/// A condition on single events, evaluated once for all rules that ask it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Predicate {
    /// Its number among all predicates of the rules that were explained together.
    pub id: usize,
    /// What it asks, normalised.
    pub text: String,
    /// How the events for which it holds are found.
    pub access: String,
    /// How many other rules share it.
    pub sharing: usize,
    /// The first few of these.
    pub shared_with: Vec<String>,
}

/// What evaluates a rule, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// `sets of partial matches`, `runs`, `aggregates only` or the kind of window.
    pub class: &'static str,
    /// Why it is that.
    pub reason: String,
}

/// What a rule holds, and what bounds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// What counts against the rule's bound: `partial matches` or `entries`.
    pub unit: &'static str,
    /// By what it grows, and when it is freed.
    pub growth: Vec<String>,
    /// Values that each partial match keeps for conditions on later events, or aggregates that a window keeps.
    pub kept: Vec<String>,
    /// What is held takes so much memory.
    pub bytes: Bytes,
    /// So many units at most, over all keys.
    pub units_max: usize,
    /// So many keys at most for which anything is held.
    pub keys_max: usize,
    /// So many bytes at most, over all keys.
    pub bytes_max: usize,
    /// What happens at a bound: the policy, and what it means.
    pub when_full: String,
}

/// Memory in bytes, without the texts of keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bytes {
    /// Of each key for which anything is held.
    pub key: usize,
    /// Of each unit; 0 where units are not held one by one.
    pub unit: usize,
    /// Of each event that partial matches have taken.
    pub event: usize,
}

/// What a rule reads of events.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reads {
    /// The types of the events that it asks about.
    pub types: Vec<String>,
    /// Whether it also sees events that no step asks about, and of which types.
    pub sees_also: Option<Vec<String>>,
    /// The fields and metadata, ordered by name.
    pub fields: Vec<FieldUse>,
}

/// A field that a rule reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldUse {
    /// As expressions spell it.
    pub name: String,
    /// As what it is read: `text`, `number`, `truth value`, `duration`, `time` or `any value`.
    pub kind: &'static str,
    /// What for: `condition`, `key`, `earlier events`, `aggregate` or `match`.
    pub uses: Vec<&'static str>,
}

/// A list that a rule looks into.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ListUse {
    /// Its name.
    pub name: String,
    /// Where its rows come from: `file assets.csv`, or `topic assets`.
    pub source: String,
    /// The column in which values are looked up.
    pub key: Option<String>,
    /// Whether it changes while rules run.
    pub changes: bool,
    /// How a value is found there.
    pub found: &'static str,
    /// How many rows it has; `None` if it changes.
    pub rows: Option<usize>,
    /// What its keys and the columns that all rules read take in memory; `None` if it changes.
    pub bytes: Option<usize>,
    /// What is looked up in it.
    pub look_ups: Vec<LookUp>,
}

/// Something that is looked up in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LookUp {
    /// The value that is looked up, as expressions spell it.
    pub key: String,
    /// The column that is read of its row; `None` asks whether there is one.
    pub column: Option<String>,
    /// What for, as in [`FieldUse::uses`].
    pub uses: Vec<&'static str>,
}

/// A warning: what may cost more than it needs to, and what to write instead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// A short name.
    pub code: &'static str,
    /// What it is about.
    pub message: String,
    /// What it costs.
    pub cost: String,
    /// What to write instead.
    pub instead: String,
}

impl Plan {
    /// What becomes of a rule, by its position among [`rule_names`](Self::rule_names), under the engine's `limits`.
    ///
    /// # Panics
    /// If there is no such rule.
    pub fn explain(&self, rule: usize, limits: Limits) -> Explanation {
        let about = About::new(self, rule);
        let limits = about.rule.limits(limits);
        Explanation {
            rule: about.rule.name.clone(),
            version: about.rule.version.clone(),
            pattern: about.pattern_lines(),
            conditions: about.conditions(),
            automaton: about.machine(),
            predicates: about.predicates(),
            evaluation: about.evaluation(),
            key: about.key(),
            within: about.within(),
            timers: about.timers(),
            state: about.state(&limits),
            reads: about.reads(),
            lists: about.lists(),
            warnings: about.advice(&limits),
        }
    }

    /// The machines of some rules as one graph in the language of Graphviz.
    ///
    /// # Panics
    /// If one of the rules is not there.
    pub fn to_dot(&self, rules: impl IntoIterator<Item = usize>) -> String {
        let rules = rules.into_iter().map(|rule| &self.rules[rule]);
        olocus_cep::Plan::to_dot(rules.map(|rule| (rule.name.as_str(), &rule.machine)))
    }
}

use names::About;

//! What a set of rules and sources becomes before the first event: predicates to evaluate once per batch,
//! and for each rule a machine that reads their bits.

mod asked;
mod compile;
mod conditions;
mod doubts;
mod draft;
mod lists;
mod report;
mod sequence;
mod version;
mod window;

use std::sync::Arc;

use olocus_cep::pattern::{RegisterFunction, RegisterId, StepId};
use olocus_cep::rule::{Action, MatchLimit, Severity, StateBounds, TypePattern};
use olocus_cep::{Limits, Overflow};
use olocus_event::Value;
use olocus_expr::{ListSize, LiveExpr, PredicateId, Program, ScalarExpr, TableSpec, Tables, ValueId};

use crate::source::SourceSpec;

pub use self::compile::compile;
pub(crate) use self::conditions::{Conditions, Place};

/// Everything that evaluation needs, immutable and shared by all threads.
#[derive(Debug)]
pub struct Plan {
    pub(crate) program: Program,
    pub(crate) rules: Vec<RulePlan>,
    pub(crate) tests: Vec<Test>,
    pub(crate) keys: Vec<KeyPlan>,
    /// What rules read of rows as these pass.
    pub(crate) inputs: Vec<ValueId>,
    /// What rules read of events once they are part of a match.
    pub(crate) retained: Vec<ValueId>,
    /// By input, what it is made of when a row's turn has come, if it depends on the tables: slots of `inputs`.
    pub(crate) live_inputs: Vec<Option<Box<[usize]>>>,
    /// The same by retained value.
    pub(crate) live_retained: Vec<Option<Box<[usize]>>>,
    /// Those that feed `tables` come first.
    pub(crate) sources: Vec<SourcePlan>,
    /// What the lists that stay as they are take.
    pub(crate) lists: Vec<ListSize>,
    /// All lists that rules can name.
    pub(crate) list_plans: Vec<ListPlan>,
    /// What rules ask of lists in topics.
    pub(crate) tables: Vec<Arc<TableSpec>>,
    /// Conditions on rows that depend on the tables, which are as they are when a row's turn has come.
    pub(crate) live: Vec<LiveTest>,
}

/// A list, for those who explain what is looked up in it.
#[derive(Debug)]
pub(crate) struct ListPlan {
    pub(crate) name: String,
    /// Where its rows come from, with the word `file` or `topic` before it.
    pub(crate) source: String,
    /// The column in which values are looked up, if that is known.
    pub(crate) key: Option<String>,
    /// Whether its keys are networks.
    pub(crate) networks: bool,
    /// Whether it changes while rules run.
    pub(crate) is_live: bool,
}

/// A condition on a row that depends on tables.
#[derive(Debug)]
pub(crate) struct LiveTest {
    pub(crate) condition: LiveExpr,
    /// Slots of [`Plan::inputs`], in the order of [`LiveExpr::inputs`].
    pub(crate) inputs: Vec<usize>,
}

/// A rule, compiled.
#[derive(Debug)]
pub(crate) struct RulePlan {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) severity: Severity,
    pub(crate) key: Option<KeyIndex>,
    pub(crate) key_is_list: bool,
    pub(crate) machine: olocus_cep::Plan,
    /// The machine's opaque conditions.
    pub(crate) opaque: Arc<Conditions>,
    /// Slots of [`Plan::inputs`], in the order in which the machine reads them; `None` is always true.
    pub(crate) inputs: Vec<Option<usize>>,
    /// Slots of [`Plan::retained`] that matches read, ascending.
    pub(crate) retained: Vec<usize>,
    pub(crate) state: StateBounds,
    pub(crate) limit: Option<MatchLimit>,
    pub(crate) output: OutputPlan,
    pub(crate) actions: Vec<Action>,
    /// What is done with partial matches that run out of time.
    pub(crate) on_timeout: Vec<Action>,
    /// `tags`, `owner`, `references`, `meta`, `description`: copied into every match.
    pub(crate) about: serde_json::Map<String, serde_json::Value>,
    pub(crate) include_events: bool,
}

/// How a finding of the rule's machine becomes a match.
#[derive(Debug)]
pub(crate) enum OutputPlan {
    Sequence {
        /// By step of the pattern; those that never take an event are without.
        steps: Vec<Option<String>>,
        /// What the expressions read.
        values: Vec<SequenceValue>,
        having: Option<ScalarExpr>,
        emit: Vec<(String, ScalarExpr)>,
    },
    Window {
        /// What the expressions read.
        values: Vec<WindowValue>,
        having: Option<ScalarExpr>,
        emit: Vec<(String, ScalarExpr)>,
    },
}

/// A value of a window.
#[derive(Debug)]
pub(crate) enum WindowValue {
    /// An aggregate of the machine, by its position.
    Aggregate(usize),
    /// A value of the first event.
    First {
        /// Its slot of [`Plan::retained`].
        retained: Option<usize>,
    },
    /// A value of the last event.
    Last {
        /// Its slot of [`Plan::retained`].
        retained: Option<usize>,
    },
}

impl WindowValue {
    /// The slot of [`Plan::retained`] that it is read from.
    pub(crate) fn retained(&self) -> Option<usize> {
        match self {
            WindowValue::Aggregate(_) => None,
            WindowValue::First { retained } | WindowValue::Last { retained } => *retained,
        }
    }
}

/// A value that a match of a sequence has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequenceValue {
    pub(crate) step: StepId,
    pub(crate) function: RegisterFunction,
    /// Slot of [`Plan::retained`]; without one, events are counted.
    pub(crate) retained: Option<usize>,
    /// Where findings carry the value instead of the events.
    pub(crate) register: Option<RegisterId>,
}

/// A distinct question that rules ask of a single event: is it of one of these types, and do these hold?
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) types: Vec<TypePattern>,
    pub(crate) predicate: Option<PredicateId>,
    /// Position in [`Plan::live`].
    pub(crate) live: Option<usize>,
    /// Whom the answer is for, by rule.
    pub(crate) links: Vec<Link>,
    /// Those of them in which it can begin something, ascending.
    pub(crate) begins: Vec<usize>,
    /// Whether the engine is to read these types for it.
    pub(crate) reads: bool,
    /// The indices into [`Plan::keys`] of all these rules, ascending.
    pub(crate) keys: Vec<usize>,
}

/// What the answer to a [`Test`] means to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) rule: usize,
    /// The bits of its rows that it sets; none if the rule only wants to see the row.
    pub(crate) bits: u64,
}

impl Test {
    /// All rules that the answer is for, ascending.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        self.links.iter().map(|link| link.rule)
    }

    /// The bits that the answer sets in this rule; `None` if it means nothing to it.
    pub(crate) fn bits(&self, rule: usize) -> Option<u64> {
        let at = self.links.binary_search_by_key(&rule, |link| link.rule).ok()?;
        Some(self.links[at].bits)
    }

    /// Whether the answer means something to a rule that holds something already, but begins nothing there.
    pub(crate) fn has_later(&self) -> bool {
        self.links.len() > self.begins.len()
    }
}

/// A distinct `by` list.
#[derive(Debug)]
pub(crate) struct KeyPlan {
    pub(crate) fields: Vec<ValueId>,
    pub(crate) is_list: bool,
}

/// An index into [`Plan::keys`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyIndex(pub(crate) usize);

/// A source, compiled.
#[derive(Debug)]
pub(crate) struct SourcePlan {
    pub(crate) spec: SourceSpec,
    pub(crate) time: Option<ValueId>,
    pub(crate) event_type: Option<ValueId>,
    pub(crate) key: Option<ValueId>,
}

impl Plan {
    /// The names of the rules, in the order in which they stand in their files.
    pub fn rule_names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The version of a rule: a hash of its meaning, which formatting and comments do not change.
    pub fn rule_version(&self, rule: usize) -> &str {
        &self.rules[rule].version
    }

    /// What a rule does where it would hold more than it may, if it does not leave that to the engine.
    pub fn own_policy(&self, rule: usize) -> Option<Overflow> {
        self.rules[rule].state.policy
    }

    /// What the lists that rules use take in memory, in the order of their names.
    pub fn lists(&self) -> &[ListSize] {
        &self.lists
    }

    /// The lists in topics that rules use: their names and topics.
    pub fn list_topics(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables.iter().zip(&self.sources).filter_map(|(table, source)| {
            let topic = source.spec.topics.first()?.literal()?;
            Some((table.name.as_str(), topic))
        })
    }

    /// The sources, in the order in which they claim topics.
    pub fn sources(&self) -> impl Iterator<Item = &SourceSpec> {
        self.sources.iter().map(|source| &source.spec)
    }

    /// The event types that some rule asks for, as patterns.
    pub fn event_types(&self) -> impl Iterator<Item = &TypePattern> {
        self.tests.iter().filter(|test| test.reads).flat_map(|test| &test.types)
    }

    /// The topics that rules publish their matches to; `default` stands for rules without actions.
    pub fn published_topics<'a>(&'a self, default: &'a str) -> Vec<&'a str> {
        let topics_of = |rule: &'a RulePlan| [false, true].map(|late| rule.topics(late, default));
        let mut topics: Vec<_> = self.rules.iter().flat_map(topics_of).flatten().collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// Whether some rule calls a webhook.
    pub fn has_webhooks(&self) -> bool {
        self.rules
            .iter()
            .flat_map(|rule| rule.actions.iter().chain(&rule.on_timeout))
            .any(|action| matches!(action, Action::Webhook { .. }))
    }

    /// What a value that depends on the tables comes to; `input` gives the row's values of these slots of `inputs`, of which
    /// it is made.
    pub(crate) fn live_value(
        &self,
        id: ValueId,
        made_of: &[usize],
        tables: &Tables,
        input: impl Fn(usize) -> Value,
    ) -> Value {
        let values: Vec<Value> = made_of.iter().map(|slot| input(*slot)).collect();
        self.program.live(id).map_or(Value::Null, |live| live.evaluate(&values, tables))
    }

    /// Whether the records' own timestamps serve as event time in this source, unless they carry `ce_time`.
    pub(crate) fn takes_record_time(&self, source: usize) -> bool {
        self.sources[source].time.is_none()
    }

    /// Whether some source names `topic`, rather than a pattern that it matches.
    pub(crate) fn names_topic(&self, topic: &str) -> bool {
        self.sources().any(|source| source.topics.iter().any(|pattern| pattern.literal() == Some(topic)))
    }

    /// The table that a source feeds, if its records are no events.
    pub(crate) fn table_of(&self, source: usize) -> Option<usize> {
        (source < self.tables.len()).then_some(source)
    }

    /// The table that a topic feeds, if its records are no events.
    pub(crate) fn table_of_topic(&self, topic: &str) -> Option<usize> {
        self.table_of(self.source_of(topic)?)
    }

    /// The first source that reads `topic`.
    pub fn source_of(&self, topic: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.spec.reads(topic))
    }
}

impl RulePlan {
    /// What is done with a match, or with a partial match that ran out of time.
    pub(crate) fn actions(&self, timed_out: bool) -> &[Action] {
        if timed_out { &self.on_timeout } else { &self.actions }
    }

    /// The topics that they go to. A rule that names no action publishes matches to `default`.
    pub(crate) fn topics<'a>(&'a self, timed_out: bool, default: &'a str) -> impl Iterator<Item = &'a str> {
        let fallback = (self.actions.is_empty() && !timed_out).then_some(default);
        let named = self.actions(timed_out).iter().filter_map(|action| match action {
            Action::Publish { topic } => Some(topic.value.as_str()),
            Action::Log { .. } | Action::Webhook { .. } => None,
        });
        fallback.into_iter().chain(named)
    }

    /// The bounds on its state; what the rule does not say is the engine's.
    pub(crate) fn limits(&self, engine: Limits) -> Limits {
        let or = |own: Option<u32>, other: usize| own.map_or(other, |own| own as usize);
        Limits {
            partial_matches_per_rule: or(self.state.partial_matches, engine.partial_matches_per_rule),
            window_events_per_rule: or(self.state.window_events, engine.window_events_per_rule),
            keys_per_rule: or(self.state.keys, engine.keys_per_rule),
            state_bytes_per_rule: engine.state_bytes_per_rule,
            policy: self.state.policy.unwrap_or(engine.policy),
        }
    }
}

//! What a set of rules and sources becomes before the first event: predicates to evaluate once per batch,
//! and for each rule a machine that reads their bits.

mod compile;
mod doubts;
mod draft;
mod version;

use olocus_cep::rule::{Action, Severity, TypePattern};
use olocus_expr::{MatchExpr, PredicateId, Program, ScalarExpr, ValueId};

use crate::source::SourceSpec;

pub use self::compile::compile;

/// Everything that evaluation needs, immutable and shared by all threads.
#[derive(Debug)]
pub struct Plan {
    pub(crate) program: Program,
    pub(crate) rules: Vec<RulePlan>,
    pub(crate) tests: Vec<Test>,
    pub(crate) keys: Vec<KeyPlan>,
    pub(crate) inputs: Vec<ValueId>,
    pub(crate) sources: Vec<SourcePlan>,
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
    pub(crate) output: OutputPlan,
    pub(crate) actions: Vec<Action>,
    /// `tags`, `owner`, `references`, `meta`, `description`: copied into every match.
    pub(crate) about: serde_json::Map<String, serde_json::Value>,
    pub(crate) include_events: bool,
}

/// How a finding of the rule's machine becomes a match.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one per rule, and none is ever moved")]
pub(crate) enum OutputPlan {
    Sequence {
        steps: Vec<String>,
        emit: Vec<(String, MatchExpr)>,
    },
    Window {
        having: Option<ScalarExpr>,
        emit: Vec<(String, ScalarExpr)>,
        /// Slots of [`Plan::inputs`], one per aggregate of the machine; `None` counts rows.
        inputs: Vec<Option<usize>>,
    },
}

/// A distinct question that rules ask of a single event: is it of one of these types, and does this hold?
#[derive(Debug)]
pub(crate) struct Test {
    pub(crate) types: Vec<TypePattern>,
    pub(crate) predicate: Option<PredicateId>,
    /// The rules that the answer is for as to their first step, or as to the events of their window; ascending.
    pub(crate) starts: Vec<usize>,
    /// The (rule, step) pairs that it is for as to a later step, ascending.
    pub(crate) later: Vec<(usize, usize)>,
    /// The indices into [`Plan::keys`] of all these rules, ascending.
    pub(crate) keys: Vec<usize>,
}

impl Test {
    /// All rules that the answer is for; one may come more than once.
    pub(crate) fn rules(&self) -> impl Iterator<Item = usize> {
        self.starts.iter().copied().chain(self.later.iter().map(|&(rule, _)| rule))
    }

    /// The steps after the first that the answer is for in this rule, as bits.
    pub(crate) fn later_steps(&self, rule: usize) -> u64 {
        let from = self.later.partition_point(|&(other, _)| other < rule);
        let own = self.later[from..].iter().take_while(|&&(other, _)| other == rule);
        own.fold(0, |steps, &(_, step)| steps | 1 << step)
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

    /// The sources, in the order in which they claim topics.
    pub fn sources(&self) -> impl Iterator<Item = &SourceSpec> {
        self.sources.iter().map(|source| &source.spec)
    }

    /// The event types that some rule asks for, as patterns.
    pub fn event_types(&self) -> impl Iterator<Item = &TypePattern> {
        self.tests.iter().flat_map(|test| &test.types)
    }

    /// The topics that rules publish their matches to; `default` stands for rules without actions.
    pub fn published_topics<'a>(&'a self, default: &'a str) -> Vec<&'a str> {
        let mut topics: Vec<_> = self.rules.iter().flat_map(|rule| rule.topics(default)).collect();
        topics.sort_unstable();
        topics.dedup();
        topics
    }

    /// Whether some rule calls a webhook.
    pub fn has_webhooks(&self) -> bool {
        self.rules
            .iter()
            .flat_map(|rule| &rule.actions)
            .any(|action| matches!(action, Action::Webhook { .. }))
    }

    /// Whether the records' own timestamps serve as event time in this source, unless they carry `ce_time`.
    pub(crate) fn takes_record_time(&self, source: usize) -> bool {
        self.sources[source].time.is_none()
    }

    /// Whether some source names `topic`, rather than a pattern that it matches.
    pub(crate) fn names_topic(&self, topic: &str) -> bool {
        self.sources().any(|source| source.topics.iter().any(|pattern| pattern.literal() == Some(topic)))
    }

    /// The first source that reads `topic`.
    pub fn source_of(&self, topic: &str) -> Option<usize> {
        self.sources.iter().position(|source| source.spec.reads(topic))
    }
}

impl RulePlan {
    /// The topics that a match of this rule goes to. A rule that names no action publishes to `default`.
    pub(crate) fn topics<'a>(&'a self, default: &'a str) -> impl Iterator<Item = &'a str> {
        let fallback = self.actions.is_empty().then_some(default);
        let named = self.actions.iter().filter_map(|action| match action {
            Action::Publish { topic } => Some(topic.value.as_str()),
            Action::Log { .. } | Action::Webhook { .. } => None,
        });
        fallback.into_iter().chain(named)
    }
}

//! Patterns: what a sequence rule looks for, without surface syntax.
//!
//! Rule files and the builder API lower to a [`Pattern`]; all later passes see only the few kinds of parts here. The
//! meaning is that of Flink CEP, as observed on its 2.3.0, wherever a pattern can be written in both.
//!
//! Conditions are decided outside. What a single event decides arrives as a bit of [`Row::steps`](crate::Row::steps); what
//! compares an event with earlier ones is a [`Cross`] condition over the event's inputs and over [`Register`]s, aggregates
//! of the events that the partial match has taken. A condition holds or does not; there is no third value.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::automaton::Automaton;
use crate::aggregate::{AggregateFunction, Scalar};

pub use builder::{
    Attribute, BuildError, BuiltPattern, BuiltWindow, Earlier, EventPattern, EventWindow, Matched, Times,
    TopicEvent, WindowType,
};
pub use runs::{Indexed, indexed};
pub use validate::PatternProblem;

pub mod automaton;
mod builder;
pub(crate) mod claims;

mod events;
mod fresh;
pub(crate) mod keyed;
pub(crate) mod matcher;
mod nodes;
mod preceding;
mod print;
pub(crate) mod runs;
pub mod sets;
mod validate;

/// A pattern over the events of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The steps that stages name, in the order of the pattern; a [`StepId`] is a position in here.
    pub steps: Vec<Step>,
    /// The conditions that steps and stages name; a [`ConditionId`] is a position in here.
    pub conditions: Vec<Condition>,
    /// What partial matches remember for cross conditions; a [`RegisterId`] is a position in here.
    pub registers: Vec<Register>,
    /// What follows what. The first stage has no stage before it, so its `follows` and `within` say nothing; likewise
    /// `follows` of the first stage of a group or an alternative, for which that of the whole counts.
    pub stages: Vec<Stage>,
    /// Nanoseconds from the first event in which all others must come; exactly so much later is too late.
    pub within: Option<i64>,
    /// What must not have come before a match begins.
    pub preceded: Option<Preceded>,
    /// What a match ends.
    pub after_match: AfterMatch,
}

/// Absence before a match: nothing that satisfies the condition may have come within so many nanoseconds before the event
/// that begins it; exactly so long before no longer counts.
///
/// An event that satisfies both the condition and the first step is judged before it counts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preceded {
    /// What must not have come; a condition on single events.
    pub condition: ConditionId,
    /// Nanoseconds before the first event, more than nothing.
    pub within: i64,
}

/// A step: a name for events that satisfy a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Unique in the pattern.
    pub name: String,
    /// What an event must satisfy.
    pub condition: ConditionId,
}

/// What is asked of an event: all that is given here must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// This bit of the row must be set.
    pub bit: Option<u8>,
    /// These must hold for the event and the partial match that would take it.
    pub cross: Vec<Cross>,
}

/// A condition on an event and on what a partial match has taken so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cross {
    /// `input op register`, with the order of numbers or of texts; it does not hold where one of them is null or they are
    /// not of one kind.
    Compare {
        /// Position in the row's inputs.
        input: usize,
        /// How they shall compare.
        operator: Comparison,
        /// What is compared with.
        register: RegisterId,
    },
    /// Anything else, decided by the pattern's [`CrossConditions`] under this number.
    Opaque(usize),
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// An aggregate over the events that a partial match has taken for one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Register {
    /// Whose events.
    pub step: StepId,
    /// Which of them, or what of all.
    pub function: RegisterFunction,
    /// Position in the inputs that those events' rows had; nothing for counting events.
    pub input: Option<usize>,
}

/// What a [`Register`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterFunction {
    /// The value of the first event; null before there is one.
    First,
    /// The value of the last event; null before there is one.
    Last,
    /// An aggregate over all of them.
    Aggregate(AggregateFunction),
}

/// Decides the [opaque](Cross::Opaque) conditions of a pattern.
///
/// The answer must depend on the arguments alone.
pub trait CrossConditions: fmt::Debug + Send + Sync {
    /// Whether condition `number` holds for an event with these inputs, given the pattern's registers.
    fn holds(&self, number: usize, inputs: &[Scalar], registers: &[Scalar]) -> bool;
}

/// A pattern with what decides its opaque conditions.
#[derive(Clone, Debug)]
pub struct PatternPlan {
    /// The pattern, which must be valid.
    pub pattern: Arc<Pattern>,
    /// Needed where the pattern has opaque conditions.
    pub conditions: Option<Arc<dyn CrossConditions>>,
    /// What is found.
    pub outputs: PatternOutputs,
    /// How it is found; by default what suits the pattern best.
    pub evaluator: Option<EvaluatorKind>,
}

/// What of a pattern is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatternOutputs {
    /// Whether partial matches that run out of time are told, too.
    pub timeouts: bool,
    /// Whether findings carry the events, or only how many there were.
    pub events: bool,
    /// Matches that one event may complete at most; further ones are counted, not told.
    pub matches_per_event: usize,
}

/// How a pattern is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EvaluatorKind {
    /// One run per partial match, grouped by state.
    Runs,
    /// Sets of partial matches with shared structure; for conditions on single events.
    Sets,
}

/// An element of a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How its first event follows the last event of the stage before.
    pub follows: Contiguity,
    /// What it takes.
    pub body: Body,
    /// How often.
    pub repeat: Repeat,
    /// Nanoseconds from the last event of the stage before in which its first event must come; exactly so much later is
    /// too late. On a trailing [`Body::Not`], how long nothing may come. After a repetition that could go on, and after a
    /// strict [`Body::Not`], it counts once an event has come that is not taken. What a group or an alternative begins
    /// with has none of its own.
    pub within: Option<i64>,
}

/// What a stage takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// An event that satisfies the step.
    Step(StepId),
    /// No event that satisfies the step. With [`Contiguity::Strict`] the very next event must not satisfy it; else none may
    /// before the stage that follows takes one, or, at the end of the pattern, before time runs out. Takes nothing, is
    /// never repeated.
    Not(StepId),
    /// Stages one after the other.
    Group(Vec<Stage>),
    /// One of these sequences.
    AnyOf(Vec<Vec<Stage>>),
    /// All of these steps, in any order, each once, other events in between or not.
    AllOf(Vec<StepId>),
}

/// What may lie between two events that follow each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Contiguity {
    /// Nothing: the very next event must be it.
    Strict,
    /// Events that do not satisfy what is waited for; the first that does is taken.
    #[default]
    SkipTillNext,
    /// Any events: one that satisfies what is waited for is taken, and also skipped.
    SkipTillAny,
}

/// How often a stage takes what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// At least so often, 1 or more.
    pub min: u32,
    /// At most so often; `None` has no bound.
    pub max: Option<u32>,
    /// Or not at all.
    pub optional: bool,
    /// How one repetition follows the one before.
    pub inner: Contiguity,
    /// Take as many as possible before the stage that follows takes an event: what satisfies both is taken here.
    pub greedy: bool,
    /// Take none from an event on that satisfies this.
    pub until: Option<ConditionId>,
    /// Nanoseconds from one repetition to the next; exactly so much later is too late.
    pub gap: Option<i64>,
}

/// What happens to partial matches, and to matches not told yet, when a match is told.
///
/// All but [`AfterMatch::Nothing`] hold a match back until no partial match that began earlier is left. Events are ordered
/// as they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AfterMatch {
    /// Nothing.
    #[default]
    Nothing,
    /// Those that began at or before the match's first event end.
    ToNext,
    /// Those that began at or before the match's last event end.
    PastLast,
    /// Those that began before the first event of this step in the match end.
    ToFirst(StepId),
    /// Those that began before the last event of this step in the match end.
    ToLast(StepId),
}

/// Names a step of a pattern: at most [`MAX_STEPS`](crate::MAX_STEPS).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepId(pub u8);

/// Names a condition of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConditionId(pub u16);

/// Names a register of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterId(pub u16);

impl Pattern {
    /// Whether a row with these bits means something to a key of which nothing is held: it can begin a partial match in the
    /// pattern's automaton, or keeps others from beginning.
    pub fn begins(&self, automaton: &Automaton, bits: u64) -> bool {
        automaton.begins(bits)
            || self.preceded.is_some_and(|preceded| self.condition(preceded.condition).admits(bits))
    }

    fn condition(&self, id: ConditionId) -> &Condition {
        &self.conditions[id.index()]
    }
}

impl Condition {
    /// Whether a row with these bits can satisfy this; it does if there are no cross conditions.
    fn admits(&self, bits: u64) -> bool {
        self.bit.is_none_or(|bit| bits >> bit & 1 == 1)
    }
}

impl Repeat {
    /// Exactly once.
    pub const ONCE: Repeat = Repeat {
        min: 1,
        max: Some(1),
        optional: false,
        inner: Contiguity::SkipTillNext,
        greedy: false,
        until: None,
        gap: None,
    };
}

impl Default for Repeat {
    fn default() -> Repeat {
        Repeat::ONCE
    }
}

impl Default for PatternOutputs {
    /// Matches with their events, up to a thousand at each event; no timeouts.
    fn default() -> PatternOutputs {
        PatternOutputs { timeouts: false, events: true, matches_per_event: 1000 }
    }
}

impl StepId {
    /// Its position in [`Pattern::steps`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl ConditionId {
    /// Its position in [`Pattern::conditions`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Plans are the same if they say the same; conditions only if they are the same object.
impl PartialEq for PatternPlan {
    fn eq(&self, other: &PatternPlan) -> bool {
        let conditions = match (&self.conditions, &other.conditions) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        conditions
            && self.pattern == other.pattern
            && self.outputs == other.outputs
            && self.evaluator == other.evaluator
    }
}

impl Eq for PatternPlan {}

impl RegisterId {
    /// Its position in [`Pattern::registers`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

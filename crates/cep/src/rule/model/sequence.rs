//! What a sequence says.

use olocus_document::{Scalar, Span, Spanned};

use super::Action;
use crate::pattern::Contiguity;
use crate::rule::TypePattern;

/// Matches that one event may complete at most, where a rule does not say.
pub const MAX_MATCHES_PER_EVENT: u32 = 1000;

/// Events one after the other. All durations are in nanoseconds.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// What follows what, at least one of which takes events.
    pub elements: Vec<Element>,
    /// The time that all of them may take: an event exactly so much after the first no longer counts.
    pub within: Option<i64>,
    /// The event types that count where contiguity is strict, beside those of the steps; `None`: all that the engine
    /// reads.
    pub from: Option<Vec<Spanned<TypePattern>>>,
    /// What a match ends.
    pub after_match: AfterMatch,
    /// What is done with partial matches that run out of time; `None`: they are not told.
    pub on_timeout: Option<Vec<Action>>,
    /// Matches that one event may complete at most; further ones are only counted.
    pub max_matches_per_event: u32,
}

/// An element of a sequence.
#[derive(Clone, Debug)]
pub struct Element {
    /// What it takes.
    pub takes: Takes,
    /// How its first event follows the event before it.
    pub contiguity: Contiguity,
    /// The time since the event before it; never where nothing is before it.
    pub within: Option<i64>,
    /// How often it is taken.
    pub times: Times,
    /// Where the element stands.
    pub span: Span,
}

/// What an element takes.
#[derive(Clone, Debug)]
pub enum Takes {
    /// `step`: an event.
    Step(Step),
    /// `not`: nothing; such an event must not come.
    Not(Not),
    /// `group`: elements one after the other.
    Group(Vec<Element>),
    /// `any_of`: one of these sequences.
    AnyOf(Vec<Vec<Element>>),
    /// `all_of`: an event for each of these, in any order.
    AllOf(Vec<Step>),
}

/// A name for events that satisfy a condition.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name, unique in the rule; an identifier, not `meta`.
    pub name: Spanned<String>,
    /// The event types, at least one.
    pub event: Vec<Spanned<TypePattern>>,
    /// The condition on the event, `where`.
    pub filter: Option<Scalar>,
    /// Where the step stands.
    pub span: Span,
}

/// An event that must not come.
#[derive(Clone, Debug)]
pub struct Not {
    /// Its name, if it has one; unique in the rule like those of steps.
    pub name: Option<Spanned<String>>,
    /// The event types, at least one.
    pub event: Vec<Spanned<TypePattern>>,
    /// The condition on the event, `where`.
    pub filter: Option<Scalar>,
    /// At the start of a sequence, the time before its first event; at the end, the time after its last. Elsewhere there
    /// is none.
    pub lasts: Option<i64>,
    /// Where it stands.
    pub span: Span,
}

/// How often an element is taken.
#[derive(Clone, Debug)]
pub struct Times {
    /// At least so often, 1 or more.
    pub min: u32,
    /// At most so often, `min` or more; `None` has no bound.
    pub max: Option<u32>,
    /// Or not at all.
    pub optional: bool,
    /// How one repetition follows the one before.
    pub contiguity: Contiguity,
    /// Whether as many are taken as there are before what follows.
    pub greedy: bool,
    /// The largest time between two repetitions: exactly so much is too much.
    pub gap: Option<i64>,
    /// What ends the repetitions; only where they have no bound.
    pub until: Option<Until>,
}

/// An event that ends repetitions.
#[derive(Clone, Debug)]
pub struct Until {
    /// The event types, at least one; by default those of the step.
    pub event: Vec<Spanned<TypePattern>>,
    /// The condition on the event, `where`.
    pub filter: Option<Scalar>,
    /// Where it stands.
    pub span: Span,
}

/// What a match ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AfterMatch {
    /// Nothing.
    #[default]
    Nothing,
    /// What began with its first event or before.
    ToNext,
    /// What began with its last event or before.
    PastLast,
    /// What began before the first event of this step.
    ToFirst(Spanned<String>),
    /// What began before the last event of this step.
    ToLast(Spanned<String>),
}

/// Something that a sequence asks of single events.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Is it the event of this step?
    Step(&'a Step),
    /// Is it an event that must not come?
    Not(&'a Not),
    /// Does it end the repetitions of an element?
    Until(&'a Until),
}

impl Default for Times {
    /// Exactly once.
    fn default() -> Times {
        Times {
            min: 1,
            max: Some(1),
            optional: false,
            contiguity: Contiguity::SkipTillNext,
            greedy: false,
            gap: None,
            until: None,
        }
    }
}

impl Sequence {
    /// All that is asked of events, in the order of the file; what ends the repetitions of an element comes after the
    /// element. [Lowering](crate::rule::lower) numbers steps and `not`s in this order.
    pub fn asked(&self) -> Vec<Asked<'_>> {
        let mut asked = Vec::new();
        self.elements.iter().for_each(|element| element.gather(&mut asked));
        asked
    }

    /// The steps, in the order of the file, without `not`s.
    pub fn steps(&self) -> Vec<&Step> {
        let step = |asked| match asked {
            Asked::Step(step) => Some(step),
            Asked::Not(_) | Asked::Until(_) => None,
        };
        self.asked().into_iter().filter_map(step).collect()
    }
}

impl Element {
    fn gather<'a>(&'a self, asked: &mut Vec<Asked<'a>>) {
        match &self.takes {
            Takes::Step(step) => asked.push(Asked::Step(step)),
            Takes::Not(not) => asked.push(Asked::Not(not)),
            Takes::Group(elements) => elements.iter().for_each(|element| element.gather(asked)),
            Takes::AnyOf(alternatives) => {
                alternatives.iter().flatten().for_each(|element| element.gather(asked));
            }
            Takes::AllOf(steps) => asked.extend(steps.iter().map(Asked::Step)),
        }
        asked.extend(self.times.until.as_ref().map(Asked::Until));
    }
}

impl<'a> Asked<'a> {
    /// The event types that are asked for.
    pub fn event(self) -> &'a [Spanned<TypePattern>] {
        match self {
            Asked::Step(step) => &step.event,
            Asked::Not(not) => &not.event,
            Asked::Until(until) => &until.event,
        }
    }

    /// The condition that is asked for.
    pub fn filter(self) -> Option<&'a Scalar> {
        match self {
            Asked::Step(step) => step.filter.as_ref(),
            Asked::Not(not) => not.filter.as_ref(),
            Asked::Until(until) => until.filter.as_ref(),
        }
    }
}

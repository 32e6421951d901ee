//! Patterns written in Rust, over plain Rust events.
//!
//! An [`EventPattern`] says what is looked for with closures over events of any type; [`build`](EventPattern::build) checks
//! it and makes what an [`Engine`](crate::Engine) runs, with the closures beside it that decide the bits of a
//! [`Row`](crate::Row).
//!
//! ```
//! use std::time::Duration;
//!
//! use olocus_cep::pattern::EventPattern;
//! use olocus_cep::{Engine, Found, Key, Limits};
//!
//! enum Event {
//!     Failed,
//!     Login,
//!     Export { bytes: u64 },
//! }
//!
//! let pattern = EventPattern::event("failed", |event: &Event| matches!(event, Event::Failed))
//!     .one_or_more()
//!     .greedy()
//!     .next(EventPattern::event("login", |event: &Event| matches!(event, Event::Login)))
//!     .followed_by(
//!         EventPattern::event("export", |event: &Event| {
//!             matches!(event, Event::Export { bytes } if *bytes > 1_000_000)
//!         })
//!         .within(Duration::from_secs(60)),
//!     )
//!     .within(Duration::from_secs(600))
//!     .build()?;
//!
//! let mut engine = Engine::new(vec![pattern.plan()], Limits::default());
//! let (key, mut found, mut inputs) = (Key::none(), Vec::new(), Vec::new());
//! let events = [Event::Failed, Event::Failed, Event::Login, Event::Export { bytes: 2_000_000 }];
//! for (event, time) in events.iter().zip(0..) {
//!     engine.process(0, &key, pattern.row(time, &event, 0, &mut inputs), &mut found)?;
//! }
//! let mut counts: Vec<usize> = found
//!     .iter()
//!     .map(|finding| match &finding.found {
//!         Found::Match { events } => events.len(),
//!         _ => 0,
//!     })
//!     .collect();
//! counts.sort_unstable();
//! assert_eq!(counts, [3, 4]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! How patterns are put together: every pattern can be part of another. What is said of a pattern
//! ([`times`](EventPattern::times), [`optional`](EventPattern::optional), [`within`](EventPattern::within), …) is said of
//! all of it; so `a.followed_by(b).one_or_more()` repeats both, and `a.followed_by(b.one_or_more())` only `b`.
//!
//! Events that lie close together are an [`EventWindow`]: [`EventPattern::window`].

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{AfterMatch, Comparison, Contiguity};
use crate::aggregate::Scalar;

mod attribute;
mod built;
mod compose;
mod earlier;
mod error;
mod lower;
mod matched;
mod repeat;
mod whole;
mod window;

pub use attribute::{Attribute, TopicEvent};
pub use built::BuiltPattern;
pub use earlier::Earlier;
pub use error::BuildError;
pub use matched::Matched;
pub use repeat::Times;
pub use window::{BuiltWindow, EventWindow, WindowType};

/// A pattern over events of type `E`, and what a pattern consists of.
pub struct EventPattern<E> {
    parts: Vec<Part<E>>,
    /// On a part of another pattern, the time since the event before; else the time from the first event to the last.
    within: Option<Duration>,
    whole: Whole<E>,
    /// What is wrong with what was said, in words.
    problems: Vec<String>,
}

/// What can only be said of a pattern that is no part of another.
struct Whole<E> {
    preceded: Option<(Event<E>, Duration)>,
    after: After,
    on_timeout: bool,
    matches_per_event: Option<usize>,
    /// What a finished match must satisfy: all of these.
    having: Vec<Having<E>>,
    /// At most so many matches of a key in a time.
    limit: Option<(u32, Duration)>,
    /// Whether findings carry no events.
    without_events: bool,
    /// What findings without events tell, under these names.
    remembered: Vec<(String, Earlier<E>)>,
}

#[derive(PartialEq, Eq)]
enum After {
    Fixed(AfterMatch),
    ToFirst(String),
    ToLast(String),
}

struct Part<E> {
    follows: Contiguity,
    takes: Takes<E>,
    times: Repetition<E>,
    within: Option<Duration>,
}

enum Takes<E> {
    Event(Event<E>),
    Not(Event<E>),
    Group(Vec<Part<E>>),
    AnyOf(Vec<Vec<Part<E>>>),
    AllOf(Vec<Event<E>>),
}

/// A name for events, and what is asked of them.
struct Event<E> {
    name: String,
    tests: Vec<Test<E>>,
    compared: Vec<Compared<E>>,
}

/// A condition on an event and on what the match has taken before.
enum Compared<E> {
    /// A plain comparison.
    Plain { value: ValueOf<E>, operator: Comparison, earlier: Earlier<E> },
    /// Whatever the closure says.
    Closure { value: ValueOf<E>, earlier: Vec<Earlier<E>>, holds: Related },
}

struct Repetition<E> {
    min: u32,
    max: Option<u32>,
    optional: bool,
    inner: Contiguity,
    greedy: bool,
    until: Option<Test<E>>,
    gap: Option<Duration>,
    /// Whether it was said how often.
    is_said: bool,
}

/// What decides a condition on a single event.
enum Test<E> {
    /// This bit of the row, which the caller sets.
    Bit(u8),
    /// A closure.
    Closure(Arc<dyn Fn(&E) -> bool + Send + Sync>),
}

type ValueOf<E> = Arc<dyn Fn(&E) -> Scalar + Send + Sync>;

/// Decides a condition on a value of an event and on values of earlier ones.
type Related = Arc<dyn Fn(&Scalar, &[Scalar]) -> bool + Send + Sync>;

/// Decides a condition on a finished match.
type Having<E> = Arc<dyn Fn(&Matched<'_, E>) -> bool + Send + Sync>;

impl<E> EventPattern<E> {
    /// An event that satisfies the closure. Names are unique in a pattern.
    pub fn event(name: impl Into<String>, test: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        EventPattern::one(name, vec![Test::Closure(Arc::new(test))])
    }

    /// An event in whose row the caller sets this bit; see [`BuiltPattern::steps`].
    pub fn bit(name: impl Into<String>, bit: u8) -> Self {
        EventPattern::one(name, vec![Test::Bit(bit)])
    }

    /// Any event.
    pub fn any_event(name: impl Into<String>) -> Self {
        EventPattern::one(name, Vec::new())
    }

    /// A pattern that begins with another. The same as that pattern, which stands as one part in what follows.
    pub fn begin(first: EventPattern<E>) -> Self {
        let mut pattern = EventPattern::empty();
        pattern.push(Contiguity::SkipTillNext, first);
        pattern
    }

    /// These patterns, each [followed by](Self::followed_by) the next.
    pub fn sequence(patterns: impl IntoIterator<Item = EventPattern<E>>) -> Self {
        let mut sequence = EventPattern::empty();
        patterns.into_iter().for_each(|pattern| sequence.push(Contiguity::SkipTillNext, pattern));
        sequence
    }

    /// All of a pattern as one part, of which something can be said as a whole.
    pub fn group(pattern: EventPattern<E>) -> Self {
        let EventPattern { parts, within, whole, problems } = pattern;
        let part = Part::new(Takes::Group(parts));
        EventPattern { parts: vec![part], within, whole, problems }
    }

    /// One of these patterns.
    pub fn any_of(alternatives: impl IntoIterator<Item = EventPattern<E>>) -> Self {
        let mut pattern = EventPattern::empty();
        let mut all = Vec::new();
        for alternative in alternatives {
            pattern.part_of(&alternative);
            all.push(match alternative.within {
                None => alternative.parts,
                Some(_) => vec![alternative.into_part()],
            });
        }
        pattern.parts.push(Part::new(Takes::AnyOf(all)));
        pattern
    }

    /// An event for each of these patterns, each of which is a single event, in any order.
    pub fn all_of(events: impl IntoIterator<Item = EventPattern<E>>) -> Self {
        let mut pattern = EventPattern::empty();
        let mut all = Vec::new();
        for event in events {
            pattern.part_of(&event);
            let label = event.label();
            match event.into_event() {
                Some(event) => all.push(event),
                None => pattern.problem(format!("{label} is no single event; `all_of` takes only such")),
            }
        }
        pattern.parts.push(Part::new(Takes::AllOf(all)));
        pattern
    }

    /// Then, as the very next event, what begins this pattern.
    #[must_use]
    pub fn next(self, pattern: EventPattern<E>) -> Self {
        self.followed(Contiguity::Strict, pattern)
    }

    /// Then this pattern, after events that do not begin it: the first that does is taken.
    #[must_use]
    pub fn followed_by(self, pattern: EventPattern<E>) -> Self {
        self.followed(Contiguity::SkipTillNext, pattern)
    }

    /// Then this pattern, after any events: one that begins it is taken, and in another match skipped.
    #[must_use]
    pub fn followed_by_any(self, pattern: EventPattern<E>) -> Self {
        self.followed(Contiguity::SkipTillAny, pattern)
    }

    /// The very next event is not this one.
    #[must_use]
    pub fn not_next(self, event: EventPattern<E>) -> Self {
        self.not(Contiguity::Strict, event)
    }

    /// No such event before what follows; at the end, none in the time that its [`within`](Self::within) says, or before the
    /// time of the whole is over.
    #[must_use]
    pub fn not_followed_by(self, event: EventPattern<E>) -> Self {
        self.not(Contiguity::SkipTillNext, event)
    }

    /// No such event in so much time before the first event.
    #[must_use]
    pub fn unless_preceded_by(mut self, event: EventPattern<E>, within: Duration) -> Self {
        self.part_of(&event);
        let label = event.label();
        match event.into_event() {
            Some(event) => self.whole.preceded = Some((event, within)),
            None => self.problem(format!("{label} is no single event; only such can be absent")),
        }
        self
    }

    /// A further condition on a single event.
    #[must_use]
    pub fn filter(mut self, test: impl Fn(&E) -> bool + Send + Sync + 'static) -> Self {
        if let Some(event) = self.single("a `filter`") {
            event.tests.push(Test::Closure(Arc::new(test)));
        }
        self
    }

    /// A condition that compares a value of a single event with what the match has taken before. It does not hold where one
    /// of the two is null or they are not of one kind.
    #[must_use]
    pub fn compared<V: Into<Scalar>>(
        mut self,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
        operator: Comparison,
        earlier: Earlier<E>,
    ) -> Self {
        if let Some(event) = self.single("a comparison") {
            let value: ValueOf<E> = Arc::new(move |event| value(event).into());
            event.compared.push(Compared::Plain { value, operator, earlier });
        }
        self
    }

    /// A condition on a value of a single event and on what the match has taken before, which the closure decides. It must
    /// depend on its arguments alone: the value of the event at hand, and those of `earlier` in their order.
    ///
    /// Every partial match that waits for the event is asked; a plain [comparison](Self::compared) finds them by an index.
    #[must_use]
    pub fn related<V: Into<Scalar>>(
        mut self,
        value: impl Fn(&E) -> V + Send + Sync + 'static,
        earlier: impl IntoIterator<Item = Earlier<E>>,
        holds: impl Fn(&Scalar, &[Scalar]) -> bool + Send + Sync + 'static,
    ) -> Self {
        if let Some(event) = self.single("a condition") {
            let value: ValueOf<E> = Arc::new(move |event| value(event).into());
            let earlier = earlier.into_iter().collect();
            event.compared.push(Compared::Closure { value, earlier, holds: Arc::new(holds) });
        }
        self
    }

    /// The name of a single event.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        if let Some(event) = self.single("a name") {
            event.name = name.into();
        }
        self
    }

    /// As part of another pattern, how long after the event before it this pattern begins at the latest; else how long all of
    /// it may take, with what is added to it later. Exactly so long is too long.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }
}

impl<E> Test<E> {
    /// Whether it holds for an event; `given` are the bits that the caller sets.
    fn holds(&self, event: &E, given: u64) -> bool {
        match self {
            Test::Bit(bit) => given >> bit & 1 == 1,
            Test::Closure(closure) => closure(event),
        }
    }
}

impl<E> Part<E> {
    fn new(takes: Takes<E>) -> Part<E> {
        Part { follows: Contiguity::SkipTillNext, takes, times: Repetition::default(), within: None }
    }
}

impl<E> fmt::Debug for EventPattern<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventPattern")
            .field("pattern", &self.label())
            .field("within", &self.within)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

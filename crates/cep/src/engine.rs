//! Many rules over one stream of rows.

use crate::active::Registry;
use crate::agenda::Wake;
use crate::aggregate::Scalar;
use crate::error::Error;
use crate::key::Key;
use crate::keyed::Keyed;
use crate::limits::Limits;
use crate::pattern::EvaluatorKind;
use crate::pattern::StepId;
use crate::pattern::automaton::Automaton;
use crate::pattern::keyed::KeyedPattern;
use crate::pattern::runs::Runs;
use crate::pattern::sets::{self, Sets};
use crate::plan::{Plan, WindowPlan};
use crate::stats::Stats;
use crate::window::{Aligned, AlignedPlan, Count, CountPlan, Session, SessionPlan, Trailing, TrailingPlan};

/// Runs many plans over one stream of rows.
///
/// `E` is what a finding shall carry of an event, typically a reference-counted handle; the engine clones it but never
/// looks into it. What a rule still holds of it is dropped as soon as no finding can need it.
#[derive(Debug)]
pub struct Engine<E: Clone> {
    rules: Vec<Evaluator<E>>,
    registry: Registry,
    /// No row earlier than this may come: the largest time seen of rows and watermarks.
    clock: i64,
}

/// What a rule sees of an event.
#[derive(Debug)]
pub struct Row<'a, E> {
    /// Event time, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// Bit `i` says that the event satisfies step `i`; windows look at bit 0 alone.
    pub steps: u64,
    /// The event's argument of each aggregate of the plan; missing ones are read as null.
    pub inputs: &'a [Scalar],
    /// What findings carry of the event.
    pub event: &'a E,
    /// What the event owns beyond its own type, in bytes: what it costs to hold it.
    pub weight: usize,
    /// With a weight in bytes, of at least 1, windows hand this event on in [`Found::Window::events`].
    pub keep: Option<usize>,
}

/// How much the events that one window hands on may weigh together.
pub const KEPT_BYTES_MAX: usize = 256 * 1024;

// Derived, these would ask the same of the event, of which a row has but a reference.
impl<E> Clone for Row<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Row<'_, E> {}

/// Something that a rule was looking for.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding<E> {
    /// Index of the rule's plan.
    pub rule: usize,
    /// The key whose events these are.
    pub key: Key,
    /// What was found.
    pub found: Found<E>,
}

/// What was found: a match, or a window to be judged.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<E> {
    /// A match of a pattern.
    Match {
        /// Its events, in the order in which they came.
        events: Vec<Taken<E>>,
    },
    /// A partial match of a pattern that ran out of time.
    Timeout {
        /// The events it had, in the order in which they came.
        events: Vec<Taken<E>>,
        /// When its time was up.
        at: i64,
    },
    /// A match, or a partial match that ran out of time, of a pattern whose findings carry no events.
    Summary {
        /// Its first event.
        first: E,
        /// Its last event.
        last: E,
        /// How many events it has of each step of the pattern.
        counts: Vec<u64>,
        /// The pattern's registers.
        registers: Vec<Scalar>,
        /// When its time was up, if it is a partial match.
        timed_out: Option<i64>,
    },
    /// A window at the moment of its judgement. Times are nanoseconds since the Unix epoch.
    Window {
        /// Start of the window; of count windows and sessions the time of the first event.
        start: i64,
        /// End of the window: that of `[start, end)`; of count windows, and of sliding windows judged at each event, the
        /// time of the last event; of sessions a gap after the last event.
        end: i64,
        /// How many events are in it; at least 1.
        count: u64,
        /// Its first event.
        first: E,
        /// Its last event.
        last: E,
        /// Its events from the first on whose rows say so, up to [`KEPT_BYTES_MAX`].
        events: Vec<E>,
        /// The results of the plan's aggregates, in their order.
        aggregates: Vec<Scalar>,
        /// Positions of those that are estimates, ascending.
        approximate: Vec<usize>,
    },
}

/// An event of a match, and the step for which it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken<E> {
    /// Which step of the pattern.
    pub step: StepId,
    /// What findings carry of the event.
    pub event: E,
}

#[derive(Debug)]
enum Evaluator<E: Clone> {
    Runs(Box<KeyedPattern<Runs<E>>>),
    Sets(Box<KeyedPattern<Sets<E>>>),
    Count(Keyed<Count<E>>),
    Trailing(Keyed<Trailing<E>>),
    Aligned(Keyed<Aligned<E>>),
    Session(Keyed<Session<E>>),
}

impl<E: Clone> Engine<E> {
    /// An engine for these plans; a rule is named by the position of its plan. The limits hold for each rule.
    ///
    /// # Panics
    /// If a pattern has no [`Automaton`], which [`Automaton::new`] tells beforehand.
    pub fn new(plans: Vec<Plan>, limits: Limits) -> Engine<E> {
        Engine::with_limits(plans.into_iter().map(|plan| (plan, limits)))
    }

    /// An engine for plans with limits of their own.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_limits(plans: impl IntoIterator<Item = (Plan, Limits)>) -> Engine<E> {
        let plans = plans.into_iter().enumerate();
        let rules = plans.map(|(rule, (plan, limits))| Evaluator::new(rule, plan, &limits)).collect();
        Engine { rules, registry: Registry::default(), clock: i64::MIN }
    }

    /// Shows a row to a rule; what that completes is appended to `out`, by start, oldest first.
    ///
    /// Rows come in event-time order, those of one time in the order in which they shall count. Timers that are due at
    /// the row's time must have fired: call [`advance`](Self::advance) with that time before.
    ///
    /// # Errors
    /// If a limit is reached under [`Overflow::Fail`](crate::Overflow::Fail): the row was then shown to the matches that
    /// were open, but started none and entered no window. If the row comes out of order or before a timer that is due,
    /// or there is no such rule: nothing has changed.
    pub fn process(
        &mut self,
        rule: usize,
        key: &Key,
        row: Row<'_, E>,
        out: &mut Vec<Finding<E>>,
    ) -> Result<(), Error> {
        if row.time < self.clock {
            return Err(Error::out_of_order(row.time, self.clock));
        }
        if let Some(timer) = self.registry.agenda.next_timer().filter(|timer| *timer <= row.time) {
            return Err(Error::timer_due(row.time, timer));
        }
        if rule >= self.rules.len() {
            return Err(Error::unknown_rule(rule));
        }
        self.clock = row.time;
        self.expire(row.time, out);
        self.rules[rule].process(key, &row, &mut Output { rule, registry: &mut self.registry, findings: out })
    }

    /// Tells that no row earlier than `watermark` will come, and fires every timer up to it, ordered by (time, rule,
    /// key). A watermark below one told before, or below the time of a row, changes nothing.
    pub fn advance(&mut self, watermark: i64, out: &mut Vec<Finding<E>>) {
        while let Some((at, rule, key)) = self.registry.agenda.pop_due(Wake::Timer, watermark) {
            self.rules[rule].wake(
                &key,
                at,
                &mut Output { rule, registry: &mut self.registry, findings: out },
            );
        }
        self.expire(watermark, out);
        self.clock = self.clock.max(watermark);
    }

    /// The earliest timer that will produce a finding: the end of a window or session that holds events. Partial
    /// matches that expire have none.
    pub fn next_timer(&self) -> Option<i64> {
        self.registry.agenda.next_timer()
    }

    /// The rules that hold partial matches for this key, ascending: to all others, an event can mean something only by what
    /// it [begins](crate::pattern::Pattern::begins).
    pub fn active(&self, key: &Key) -> &[usize] {
        self.registry.active.of(key)
    }

    /// What all rules hold together.
    pub fn stats(&self) -> Stats {
        let mut total = Stats::default();
        for rule in &self.rules {
            total += rule.stats();
        }
        total
    }

    /// What one rule holds; `None` if there is no such rule.
    pub fn rule_stats(&self, rule: usize) -> Option<Stats> {
        self.rules.get(rule).map(Evaluator::stats)
    }

    /// Frees what can no longer take part in anything at `now`.
    fn expire(&mut self, now: i64, out: &mut Vec<Finding<E>>) {
        while let Some((_, rule, key)) = self.registry.agenda.pop_due(Wake::Expiry, now) {
            self.rules[rule].wake(
                &key,
                now,
                &mut Output { rule, registry: &mut self.registry, findings: out },
            );
        }
    }
}

/// Where a rule leaves what it finds and when it wants to be woken.
pub(crate) struct Output<'a, E> {
    pub(crate) rule: usize,
    pub(crate) registry: &'a mut Registry,
    findings: &'a mut Vec<Finding<E>>,
}

impl<E> Output<'_, E> {
    pub(crate) fn push(&mut self, key: &Key, found: Found<E>) {
        self.findings.push(Finding { rule: self.rule, key: key.clone(), found });
    }
}

impl<E: Clone> Evaluator<E> {
    fn new(rule: usize, plan: Plan, limits: &Limits) -> Evaluator<E> {
        match plan {
            Plan::Pattern(plan) => {
                let automaton =
                    Automaton::new(&plan.pattern).expect("whoever makes a plan has checked its pattern");
                match sets::choose(&plan, &automaton) {
                    EvaluatorKind::Runs => {
                        Evaluator::Runs(Box::new(KeyedPattern::new(rule, plan, automaton, limits)))
                    }
                    EvaluatorKind::Sets => {
                        Evaluator::Sets(Box::new(KeyedPattern::new(rule, plan, automaton, limits)))
                    }
                }
            }
            Plan::Window { window, aggregates } => match window {
                WindowPlan::Count(size) => {
                    Evaluator::Count(Keyed::new(rule, CountPlan::new(size, aggregates), limits))
                }
                WindowPlan::Tumbling(size) => {
                    Evaluator::Aligned(Keyed::new(rule, AlignedPlan::new(size, size, aggregates), limits))
                }
                WindowPlan::Sliding { size, every: Some(every) } => {
                    Evaluator::Aligned(Keyed::new(rule, AlignedPlan::new(size, every, aggregates), limits))
                }
                WindowPlan::Sliding { size, every: None } => {
                    Evaluator::Trailing(Keyed::new(rule, TrailingPlan::new(size, aggregates), limits))
                }
                WindowPlan::Session(gap) => {
                    Evaluator::Session(Keyed::new(rule, SessionPlan::new(gap, aggregates), limits))
                }
            },
        }
    }

    fn process(&mut self, key: &Key, row: &Row<'_, E>, out: &mut Output<'_, E>) -> Result<(), Error> {
        match self {
            Evaluator::Runs(keyed) => keyed.process(key, row, out),
            Evaluator::Sets(keyed) => keyed.process(key, row, out),
            Evaluator::Count(keyed) => keyed.process(key, row, out),
            Evaluator::Trailing(keyed) => keyed.process(key, row, out),
            Evaluator::Aligned(keyed) => keyed.process(key, row, out),
            Evaluator::Session(keyed) => keyed.process(key, row, out),
        }
    }

    fn wake(&mut self, key: &Key, at: i64, out: &mut Output<'_, E>) {
        match self {
            Evaluator::Runs(keyed) => keyed.wake(key, at, out),
            Evaluator::Sets(keyed) => keyed.wake(key, at, out),
            Evaluator::Count(keyed) => keyed.wake(key, at, out),
            Evaluator::Trailing(keyed) => keyed.wake(key, at, out),
            Evaluator::Aligned(keyed) => keyed.wake(key, at, out),
            Evaluator::Session(keyed) => keyed.wake(key, at, out),
        }
    }

    fn stats(&self) -> Stats {
        match self {
            Evaluator::Runs(keyed) => keyed.stats(),
            Evaluator::Sets(keyed) => keyed.stats(),
            Evaluator::Count(keyed) => keyed.stats(),
            Evaluator::Trailing(keyed) => keyed.stats(),
            Evaluator::Aligned(keyed) => keyed.stats(),
            Evaluator::Session(keyed) => keyed.stats(),
        }
    }
}

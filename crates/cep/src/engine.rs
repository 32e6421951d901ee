//! Many rules over one stream of rows.

use std::fmt;

use crate::agenda::{Agenda, Wake};
use crate::aggregate::Scalar;
use crate::error::Error;
use crate::event::MakeEvent;
use crate::key::Key;
use crate::keys::{KeyGroup, KeyId, KeyRef, Keys};
use crate::limits::Limits;
use crate::pattern::StepId;
use crate::plan::Plan;
use crate::slots::SlotId;
use crate::stats::Stats;
use rules::{Evaluator, Rule, Rules, each};

pub(crate) use saved::Saved;

mod rules;
mod saved;

/// Runs many plans over one stream of rows.
///
/// `E` is what a finding shall carry of an event, typically a reference-counted handle; the engine clones it but never
/// looks into it. What a rule still holds of it is dropped as soon as no finding can need it.
///
/// Rules belong to [groups](KeyGroup) by what they group events by. A row is shown to rules under its key, which is
/// [looked up](Self::look_up) once for all rules of a group; only rules that [hold](Self::active) something for it, or in
/// which the row can begin something, need be shown it.
#[derive(Debug)]
pub struct Engine<E: Clone> {
    rules: Rules<E>,
    registry: Registry,
    /// No row earlier than this may come: the largest time seen of rows and watermarks.
    clock: i64,
    /// The timers that fire together, kept to save allocations.
    due: Vec<SlotId>,
    /// The checksum of the last part of a snapshot.
    last_part: Option<u32>,
}

/// What a rule sees of an event.
pub struct Row<'a, E> {
    /// Event time, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// Bit `i` says that the event satisfies step `i`; windows look at bit 0 alone.
    pub steps: u64,
    /// The event's argument of each aggregate of the plan; missing ones are read as null.
    pub inputs: &'a [Scalar],
    /// Makes what findings carry of the event, where a rule holds or tells it.
    pub event: &'a dyn MakeEvent<E>,
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

impl<E> fmt::Debug for Row<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("time", &self.time)
            .field("steps", &self.steps)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

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
        /// Positions of those that are estimates, ascending.
        approximate: Vec<usize>,
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

/// What all rules of an engine keep in common.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) agenda: Agenda,
    pub(crate) keys: Keys,
}

impl<E: Clone> Engine<E> {
    /// An engine for these plans; a rule is named by the position of its plan. The limits hold for each rule. All rules see
    /// the same key of an event.
    ///
    /// # Panics
    /// If a pattern has no [`Automaton`](crate::pattern::automaton::Automaton), which its `new` tells beforehand, or a plan asks for an evaluator that does
    /// not accept it, which [`choose`](crate::pattern::sets::choose) tells.
    pub fn new(plans: Vec<Plan>, limits: Limits) -> Engine<E> {
        Engine::with_limits(plans.into_iter().map(|plan| (plan, limits)))
    }

    /// An engine for plans with limits of their own. All rules see the same key of an event.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_limits(plans: impl IntoIterator<Item = (Plan, Limits)>) -> Engine<E> {
        Engine::with_groups(plans.into_iter().map(|(plan, limits)| (plan, limits, KeyGroup::default())))
    }

    /// An engine for plans with limits of their own, each with the group of keys that its rule sees. Groups are best
    /// numbered without gaps.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    pub fn with_groups(plans: impl IntoIterator<Item = (Plan, Limits, KeyGroup)>) -> Engine<E> {
        let rule = |(index, (plan, limits, group))| Rule::new(index, plan, &limits, group);
        let rules: Vec<Rule<E>> = plans.into_iter().enumerate().map(rule).collect();
        let groups = rules.iter().map(|rule| rule.group.0 as usize + 1).max().unwrap_or(0);
        Engine {
            rules: Rules(rules),
            registry: Registry { agenda: Agenda::default(), keys: Keys::new(groups) },
            clock: i64::MIN,
            due: Vec::new(),
            last_part: None,
        }
    }

    /// Looks a key up by its canonical JSON text, for all rules of a group. Nothing is made of it until a rule holds
    /// something for it.
    #[inline]
    pub fn look_up<'k>(&self, group: KeyGroup, json: &'k str) -> KeyRef<'k> {
        self.registry.keys.look_up(group, json)
    }

    /// The rules that hold something for this key, ascending: to all others, an event can mean something only by what it
    /// [begins](crate::pattern::Pattern::begins).
    pub fn active(&self, key: &KeyRef<'_>) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.registry.keys.rules(key)
    }

    /// Shows a row to a rule; what that completes is appended to `out`, always in the same order: of runs and windows by
    /// start, oldest first, and of [sets](crate::pattern::EvaluatorKind::Sets) as they are walked through, which is newest first.
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
        let group = self.rules.0.get(rule).map_or_else(KeyGroup::default, |rule| rule.group);
        let key = self.look_up(group, key.as_json());
        self.process_under(rule, &key, row, out)
    }

    /// The same under a key that was looked up.
    ///
    /// # Errors
    /// As [`process`](Self::process), and if the rule is of another group than the key.
    pub fn process_under(
        &mut self,
        rule: usize,
        key: &KeyRef<'_>,
        row: Row<'_, E>,
        out: &mut Vec<Finding<E>>,
    ) -> Result<(), Error> {
        if row.time < self.clock {
            return Err(Error::out_of_order(row.time, self.clock));
        }
        if let Some(timer) = self.next_timer().filter(|timer| *timer <= row.time) {
            return Err(Error::timer_due(row.time, timer));
        }
        match self.rules.0.get(rule) {
            None => return Err(Error::unknown_rule(rule)),
            Some(rule) if rule.group == key.group() => {}
            Some(_) => return Err(Error::other_group(rule)),
        }
        self.clock = row.time;
        self.expire(row.time, out);
        let Engine { rules, registry, .. } = self;
        let slot = registry.keys.slot(key, rule as u32);
        let mut output = Output { rule, registry, findings: out };
        let processed =
            each!(&mut rules.0[rule].evaluator, keyed => keyed.process(key, slot, &row, &mut output));
        registry.agenda.settle(rules);
        processed
    }

    /// Tells that no row earlier than `watermark` will come, and fires every timer up to it, ordered by (time, rule,
    /// key). A watermark below one told before, or below the time of a row, changes nothing.
    pub fn advance(&mut self, watermark: i64, out: &mut Vec<Finding<E>>) {
        let Engine { rules, registry, due, .. } = self;
        while registry.agenda.may_be_due(Wake::Timer, watermark)
            && let Some(first) = registry.agenda.pop_due(Wake::Timer, watermark, rules)
        {
            due.extend(first.slot);
            while let Some(next) = registry.agenda.pop_like(first, rules) {
                due.extend(next.slot);
            }
            let rule = first.rule as usize;
            if due.len() > 1 {
                let key = |slot: &SlotId| registry.keys.key(rules.key(rule, *slot));
                due.sort_by(|one, other| key(one).cmp(key(other)));
                due.dedup();
            }
            for slot in due.drain(..) {
                rules.wake(rule, Some(slot), first.at, registry, out);
            }
        }
        self.expire(watermark, out);
        self.registry.agenda.settle(&mut self.rules);
        self.clock = self.clock.max(watermark);
    }

    /// The earliest timer that will produce a finding: the end of a window or session that holds events. Partial
    /// matches that expire have none.
    pub fn next_timer(&self) -> Option<i64> {
        self.registry.agenda.next_timer()
    }

    /// What all rules hold together.
    pub fn stats(&self) -> Stats {
        let mut total = Stats::default();
        for rule in &self.rules.0 {
            total += rule.stats();
        }
        total
    }

    /// What one rule holds; `None` if there is no such rule.
    pub fn rule_stats(&self, rule: usize) -> Option<Stats> {
        self.rules.0.get(rule).map(Rule::stats)
    }

    /// Frees what can no longer take part in anything at `now`.
    fn expire(&mut self, now: i64, out: &mut Vec<Finding<E>>) {
        let Engine { rules, registry, .. } = self;
        while registry.agenda.may_be_due(Wake::Expiry, now)
            && let Some(entry) = registry.agenda.pop_due(Wake::Expiry, now, rules)
        {
            rules.wake(entry.rule as usize, entry.slot, now, registry, out);
        }
    }
}

/// Where a rule leaves what it finds and when it wants to be woken.
pub(crate) struct Output<'a, E> {
    rule: usize,
    pub(crate) registry: &'a mut Registry,
    findings: &'a mut Vec<Finding<E>>,
}

impl<E> Output<'_, E> {
    pub(crate) fn push(&mut self, key: Key, found: Found<E>) {
        self.findings.push(Finding { rule: self.rule, key, found });
    }

    /// A key for which something is held.
    pub(crate) fn key(&self, id: KeyId) -> Key {
        self.registry.keys.key(id).clone()
    }
}

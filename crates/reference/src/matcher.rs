//! The matcher: a list of partial matches, each looked at on every event.

use std::sync::Arc;

use olocus_cep::Scalar;
use olocus_cep::pattern::{AfterMatch, Contiguity, CrossConditions, Pattern, StepId};

use crate::conditions::Conditions;
use crate::place::{Arm, Goal, Place};

/// An event as patterns see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its place in the stream.
    pub index: usize,
    /// Event time in nanoseconds.
    pub time: i64,
    /// The conditions on single events that it satisfies.
    pub bits: u64,
    /// What cross conditions compare.
    pub inputs: Arc<[Scalar]>,
}

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    /// The number of events that the matcher had been told of, or of the event whose time it had been told: the position
    /// of the event whose arrival brought this about.
    pub at: usize,
    /// Nothing for a match; for a partial match that ran out of time, when it did.
    pub timeout: Option<i64>,
    /// Which events were taken for which steps, in the order in which they were taken.
    pub events: Vec<(StepId, usize)>,
}

/// Finds the matches of one pattern in the events of one key.
#[derive(Debug)]
pub struct Matcher<'p> {
    conditions: Conditions<'p>,
    start: Place<'p>,
    partials: Vec<Partial<'p>>,
    /// Matches that wait for partial matches that began earlier.
    held: Vec<Vec<(StepId, Event)>>,
    seen: usize,
}

#[derive(Clone, Debug)]
struct Partial<'p> {
    /// Never empty.
    taken: Vec<(StepId, Event)>,
    arms: Vec<Arm<'p>>,
}

/// What came of showing an event to the arms of a place.
#[derive(Debug, Default)]
struct Shown<'p> {
    partials: Vec<Partial<'p>>,
    matches: Vec<Vec<(StepId, Event)>>,
    /// A negation was hit.
    stopped: bool,
}

/// All that is found in these events, which come in the order of time. Time goes on with each event, and at the end for
/// good.
pub fn run(pattern: &Pattern, opaque: Option<&dyn CrossConditions>, events: &[Event]) -> Vec<Outcome> {
    let mut matcher = Matcher::new(pattern, opaque);
    let mut found = Vec::new();
    for event in events {
        matcher.advance(event.time, &mut found);
        matcher.process(event, &mut found);
    }
    matcher.advance(i64::MAX, &mut found);
    found
}

impl<'p> Matcher<'p> {
    /// For a valid pattern and what decides its opaque conditions.
    pub fn new(pattern: &'p Pattern, opaque: Option<&'p dyn CrossConditions>) -> Matcher<'p> {
        Matcher {
            conditions: Conditions { pattern, opaque },
            start: Place::start(pattern),
            partials: Vec::new(),
            held: Vec::new(),
            seen: 0,
        }
    }

    /// How many partial matches there are.
    pub fn partial_matches(&self) -> usize {
        self.partials.len()
    }

    /// Shows an event to all partial matches, and lets new ones begin with it.
    pub fn process(&mut self, event: &Event, found: &mut Vec<Outcome>) {
        self.seen = event.index;
        let mut matches: Vec<Vec<(StepId, Event)>> = Vec::new();
        for partial in std::mem::take(&mut self.partials) {
            let shown = self.show(&partial.taken, &partial.arms, event);
            if !shown.stopped {
                self.partials.extend(shown.partials);
            }
            matches.extend(shown.matches);
        }
        let shown = self.show(&[], &self.start.arms, event);
        self.partials.extend(shown.partials);
        matches.extend(shown.matches);

        let mut told: Vec<Vec<(StepId, Event)>> = Vec::new();
        for found in matches {
            if !told.contains(&found) {
                told.push(found);
            }
        }
        self.complete(told, found);
        self.seen = event.index + 1;
    }

    /// Lets time go on to `to`: whatever is due until then happens, in the order of time.
    pub fn advance(&mut self, to: i64, found: &mut Vec<Outcome>) {
        while let Some(now) = self.partials.iter().filter_map(|partial| self.next_due(partial)).min() {
            if now > to {
                break;
            }
            let mut matches = Vec::new();
            for partial in std::mem::take(&mut self.partials) {
                self.expire(partial, now, &mut matches, found);
            }
            self.complete(matches, found);
        }
    }

    fn show(&self, taken: &[(StepId, Event)], arms: &[Arm<'p>], event: &Event) -> Shown<'p> {
        let holds = |condition| self.conditions.hold(condition, event, taken);
        let mut shown = Shown::default();
        for arm in arms {
            if !arm.guards.iter().all(|(condition, wanted)| holds(*condition) == *wanted) {
                continue;
            }
            if arm.greedy.iter().any(|condition| holds(*condition)) {
                continue;
            }
            if arm.strict_nots.iter().any(|condition| holds(*condition)) {
                shown.stopped = true;
                continue;
            }
            shown.stopped |= arm.nots.iter().any(|condition| holds(*condition));
            let (options, follows) = match &arm.goal {
                Goal::Take { options, follows } => (options, *follows),
                Goal::Passed => {
                    shown.matches.push(taken.to_vec());
                    continue;
                }
                Goal::Absence { .. } => {
                    shown.partials.push(Partial { taken: taken.to_vec(), arms: vec![arm.waiting()] });
                    continue;
                }
            };
            let mut satisfied = false;
            let mut open = false;
            for option in options {
                if option.untils().any(holds) {
                    continue;
                }
                open = true;
                if holds(self.conditions.pattern.steps[option.step.index()].condition) {
                    satisfied = true;
                    self.take(taken, option.step, event, option.after.clone(), &mut shown);
                }
            }
            let skipped = match follows {
                Contiguity::Strict => false,
                Contiguity::SkipTillNext => !satisfied,
                Contiguity::SkipTillAny => true,
            };
            if skipped && open && !taken.is_empty() {
                shown.partials.push(Partial { taken: taken.to_vec(), arms: vec![arm.waiting()] });
            }
        }
        shown
    }

    fn take(
        &self,
        taken: &[(StepId, Event)],
        step: StepId,
        event: &Event,
        after: Vec<crate::place::Frame<'p>>,
        shown: &mut Shown<'p>,
    ) {
        let mut taken = taken.to_vec();
        taken.push((step, event.clone()));
        let place = Place::after(self.conditions.pattern, after);
        if place.complete {
            shown.matches.push(taken.clone());
        }
        if !place.arms.is_empty() {
            shown.partials.push(Partial { taken, arms: place.arms });
        }
    }

    /// When time next means something to a partial match.
    fn next_due(&self, partial: &Partial<'p>) -> Option<i64> {
        let arms = partial.arms.iter().flat_map(Arm::withins).map(|within| partial.last_time() + within);
        arms.chain(self.end_of(partial)).min()
    }

    /// When the pattern's time is over.
    fn end_of(&self, partial: &Partial<'p>) -> Option<i64> {
        self.conditions.pattern.within.map(|within| partial.taken[0].1.time + within)
    }

    fn expire(
        &mut self,
        mut partial: Partial<'p>,
        now: i64,
        matches: &mut Vec<Vec<(StepId, Event)>>,
        found: &mut Vec<Outcome>,
    ) {
        let over = self.end_of(&partial).is_some_and(|end| end <= now);
        let only_absence = matches!(partial.arms[..], [Arm { goal: Goal::Absence { .. }, .. }]);
        let last = partial.last_time();
        let mut absent = over && only_absence;
        partial.arms.retain_mut(|arm| match &mut arm.goal {
            Goal::Take { options, .. } => {
                options.retain(|option| option.within.is_none_or(|within| last + within > now));
                !options.is_empty()
            }
            Goal::Passed => true,
            Goal::Absence { within } => {
                let due = within.is_some_and(|within| last + within <= now);
                absent |= due;
                !due
            }
        });
        if absent {
            matches.push(partial.taken.clone());
        }
        if !over && !partial.arms.is_empty() {
            self.partials.push(partial);
        } else if !absent {
            let events = partial.taken.iter().map(|(step, event)| (*step, event.index)).collect();
            found.push(Outcome { at: self.seen, timeout: Some(now), events });
        }
    }

    /// Tells matches, or holds them until they may be told.
    fn complete(&mut self, matches: Vec<Vec<(StepId, Event)>>, found: &mut Vec<Outcome>) {
        let at = self.seen;
        let mut tell = |taken: &[(StepId, Event)]| {
            let events = taken.iter().map(|(step, event)| (*step, event.index)).collect();
            found.push(Outcome { at, timeout: None, events });
        };
        let after_match = self.conditions.pattern.after_match;
        if after_match == AfterMatch::Nothing {
            matches.iter().for_each(|taken| tell(taken));
            return;
        }
        self.held.extend(matches);
        let start = |taken: &[(StepId, Event)]| taken[0].1.index;
        while let Some(first) = (0..self.held.len()).min_by_key(|held| start(&self.held[*held])) {
            let begun = start(&self.held[first]);
            if self.partials.iter().any(|partial| start(&partial.taken) < begun) {
                break;
            }
            let taken = self.held.remove(first);
            tell(&taken);
            if let Some(end) = skipped_to(after_match, &taken) {
                self.partials.retain(|partial| start(&partial.taken) >= end);
                self.held.retain(|held| start(held) >= end);
            }
        }
    }
}

impl Partial<'_> {
    fn last_time(&self) -> i64 {
        self.taken[self.taken.len() - 1].1.time
    }
}

/// What began before this event ends with the match.
fn skipped_to(after_match: AfterMatch, taken: &[(StepId, Event)]) -> Option<usize> {
    let of = |wanted: StepId| taken.iter().filter(move |(step, _)| *step == wanted).map(|(_, event)| event.index);
    match after_match {
        AfterMatch::Nothing => None,
        AfterMatch::ToNext => Some(taken[0].1.index + 1),
        AfterMatch::PastLast => Some(taken[taken.len() - 1].1.index + 1),
        AfterMatch::ToFirst(step) => of(step).next(),
        AfterMatch::ToLast(step) => of(step).last(),
    }
}

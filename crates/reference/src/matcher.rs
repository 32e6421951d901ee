//! The matcher: a list of partial matches, each looked at on every event.

use std::sync::Arc;

use olocus_cep::Scalar;
use olocus_cep::pattern::{AfterMatch, ConditionId, Contiguity, CrossConditions, Pattern, StepId};

use crate::conditions::Conditions;
use crate::heap::{Begun, Heap};
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
    /// One of them has taken nothing: from it others begin.
    partials: Heap<Partial<'p>>,
    /// Matches that wait for partial matches that began earlier.
    held: Heap<Match>,
    seen: usize,
}

type Match = Vec<(StepId, Event)>;

#[derive(Clone, Debug)]
struct Partial<'p> {
    taken: Match,
    arms: Vec<Arm<'p>>,
    /// When it came to wait for these. It ends later than that, also where a bound that counts only now has passed.
    since: i64,
}

/// What came of showing an event to the arms of a place.
#[derive(Debug, Default)]
struct Shown<'p> {
    partials: Vec<Partial<'p>>,
    matches: Vec<Match>,
    /// A negation was hit.
    stopped: bool,
}

/// All that is found in these events, which come in the order of time. Time goes on once for all events of one time, and at
/// the end for good.
pub fn run(pattern: &Pattern, opaque: Option<&dyn CrossConditions>, events: &[Event]) -> Vec<Outcome> {
    run_bounded(pattern, opaque, events, usize::MAX).unwrap_or_default()
}

/// Like [`run`], but gives up once there are more than `most` partial matches: few events can come to very many.
pub fn run_bounded(
    pattern: &Pattern,
    opaque: Option<&dyn CrossConditions>,
    events: &[Event],
    most: usize,
) -> Option<Vec<Outcome>> {
    let mut matcher = Matcher::new(pattern, opaque);
    let mut found = Vec::new();
    let mut now = None;
    for event in events {
        if now.replace(event.time) != Some(event.time) {
            matcher.advance(event.time, &mut found);
        }
        matcher.process(event, &mut found);
        if matcher.partial_matches() > most {
            return None;
        }
    }
    matcher.advance(i64::MAX, &mut found);
    Some(found)
}

impl<'p> Matcher<'p> {
    /// For a valid pattern and what decides its opaque conditions.
    pub fn new(pattern: &'p Pattern, opaque: Option<&'p dyn CrossConditions>) -> Matcher<'p> {
        let mut partials = Heap::default();
        partials.push(Partial { taken: Vec::new(), arms: Place::start(pattern).arms, since: i64::MIN });
        Matcher { conditions: Conditions { pattern, opaque }, partials, held: Heap::default(), seen: 0 }
    }

    /// How many partial matches there are.
    pub fn partial_matches(&self) -> usize {
        self.partials.iter().count() - 1
    }

    /// Shows an event to all partial matches, and lets new ones begin with it.
    pub fn process(&mut self, event: &Event, found: &mut Vec<Outcome>) {
        self.seen = event.index;
        let mut matches: Heap<Match> = Heap::default();
        for partial in self.partials.drain() {
            let shown = self.show(&partial.taken, &partial.arms, event);
            if !shown.stopped {
                shown.partials.into_iter().for_each(|partial| self.partials.push(partial));
            }
            for found in shown.matches {
                if !matches.iter().any(|told| *told == found) {
                    matches.push(found);
                }
            }
            if partial.taken.is_empty() {
                self.partials.push(partial);
            }
        }
        self.complete(matches, found);
        self.seen = event.index + 1;
    }

    /// Lets time go on to `to`: whatever is due until then happens, in the order of time.
    pub fn advance(&mut self, to: i64, found: &mut Vec<Outcome>) {
        while let Some(now) = self.partials.iter().filter_map(|partial| self.next_due(partial)).min() {
            if now > to {
                break;
            }
            let mut matches = Heap::default();
            for partial in self.partials.drain() {
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
                Goal::Passed { .. } => {
                    // A match has at least one event.
                    shown.matches.extend((!taken.is_empty()).then(|| taken.to_vec()));
                    continue;
                }
                Goal::Absence { .. } => {
                    shown.partials.push(Partial {
                        taken: taken.to_vec(),
                        arms: vec![arm.waiting()],
                        since: event.time,
                    });
                    continue;
                }
            };
            let mut satisfied = false;
            let mut open = false;
            for option in options {
                open |= !option.waiting_untils.iter().any(|until| holds(*until));
                if holds(self.conditions.pattern.steps[option.step.index()].condition) {
                    satisfied = true;
                    if !option.untils.iter().any(|until| holds(*until)) {
                        self.take(taken, option.step, event, option.after.clone(), &mut shown);
                    }
                }
            }
            let skipped = match follows {
                Contiguity::Strict => false,
                Contiguity::SkipTillNext => !satisfied,
                Contiguity::SkipTillAny => true,
            };
            if skipped && open && !taken.is_empty() {
                shown.partials.push(Partial {
                    taken: taken.to_vec(),
                    arms: vec![arm.waiting()],
                    since: event.time,
                });
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
        let place = Place::after(self.conditions.pattern, after);
        let holds = |(condition, wanted): &(ConditionId, bool)| {
            self.conditions.hold(*condition, event, taken) == *wanted
        };
        let complete = place.completions.iter().any(|completion| completion.iter().all(holds));
        let mut taken = taken.to_vec();
        taken.push((step, event.clone()));
        if complete {
            shown.matches.push(taken.clone());
        }
        if !place.arms.is_empty() {
            shown.partials.push(Partial { taken, arms: place.arms, since: event.time });
        }
    }

    /// When time next means something to a partial match.
    fn next_due(&self, partial: &Partial<'p>) -> Option<i64> {
        if partial.taken.is_empty() {
            return None;
        }
        let arms = partial.arms.iter().flat_map(Arm::withins).map(|within| partial.due(within));
        arms.chain(self.end_of(partial)).min()
    }

    /// When the pattern's time is over.
    fn end_of(&self, partial: &Partial<'p>) -> Option<i64> {
        self.conditions.pattern.within.map(|within| partial.taken[0].1.time.saturating_add(within))
    }

    fn expire(
        &mut self,
        mut partial: Partial<'p>,
        now: i64,
        matches: &mut Heap<Match>,
        found: &mut Vec<Outcome>,
    ) {
        if partial.taken.is_empty() {
            return self.partials.push(partial);
        }
        let over = self.end_of(&partial).is_some_and(|end| end <= now);
        // While a negation of the very next event is still open, absence is not what is waited for.
        let only_absence = match &partial.arms[..] {
            [arm] => matches!(arm.goal, Goal::Absence { alone: true, .. }) && arm.strict_nots.is_empty(),
            _ => false,
        };
        let last = partial.clone();
        let mut absent = over && only_absence;
        partial.arms.retain_mut(|arm| match &mut arm.goal {
            Goal::Take { options, .. } => {
                options.retain(|option| option.within.now.is_none_or(|within| last.due(within) > now));
                !options.is_empty()
            }
            Goal::Passed { within } => within.now.is_none_or(|within| last.due(within) > now),
            Goal::Absence { within, .. } => {
                let due = within.now.is_some_and(|within| last.due(within) <= now);
                absent |= due;
                !due
            }
        });
        if absent && !matches.iter().any(|told| *told == partial.taken) {
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
    fn complete(&mut self, mut matches: Heap<Match>, found: &mut Vec<Outcome>) {
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
        matches.drain().into_iter().for_each(|taken| self.held.push(taken));
        while let Some(first) = self.held.first() {
            let begun = first.begun();
            if self.partials.first().is_some_and(|partial| partial.begun() < begun) {
                break;
            }
            let Some(taken) = self.held.pop() else { break };
            tell(&taken);
            if let Some(end) = skipped_to(after_match, &taken) {
                self.partials.retain(|partial| partial.begun() >= end);
                self.held.retain(|held| held.begun() >= end);
            }
        }
    }
}

impl Begun for Match {
    fn begun(&self) -> usize {
        self[0].1.index
    }
}

impl Begun for Partial<'_> {
    fn begun(&self) -> usize {
        self.taken.first().map_or(usize::MAX, |(_, event)| event.index)
    }
}

impl Partial<'_> {
    /// When it is too late for what must come so soon after the last event taken.
    fn due(&self, within: i64) -> i64 {
        let last = self.taken[self.taken.len() - 1].1.time;
        last.saturating_add(within).max(self.since.saturating_add(1))
    }
}

/// What began before this event ends with the match.
fn skipped_to(after_match: AfterMatch, taken: &[(StepId, Event)]) -> Option<usize> {
    let of =
        |wanted: StepId| taken.iter().filter(move |(step, _)| *step == wanted).map(|(_, event)| event.index);
    match after_match {
        AfterMatch::Nothing => None,
        AfterMatch::ToNext => Some(taken[0].1.index + 1),
        AfterMatch::PastLast => Some(taken[taken.len() - 1].1.index + 1),
        AfterMatch::ToFirst(step) => of(step).next(),
        AfterMatch::ToLast(step) => of(step).next_back(),
    }
}

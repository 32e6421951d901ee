//! What the findings must be, worked out from the whole stream at once, with no state and no care for cost.

use std::collections::BTreeSet;

use olocus_cep::pattern::{Pattern, StepId};
use olocus_cep::{AggregateFunction, Finding, Found, Key, Limits, Overflow, Plan, Scalar, Taken, WindowPlan};

use crate::harness::{Event, Findings};

/// When a finding comes: timers of a time before its rows, by rule and key; rows in their order, by rule, by start.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Timer(usize, Key),
    Row(usize, usize, usize),
}

pub(crate) fn findings(plans: &[Plan], events: &[Event]) -> Findings {
    let mut all: Vec<((i64, Moment), Finding<usize>)> = Vec::new();
    for (rule, plan) in plans.iter().enumerate() {
        let keys: BTreeSet<Key> = events.iter().map(|event| event.key.clone()).collect();
        for key in keys {
            let of_key: Vec<usize> =
                (0..events.len()).filter(|position| events[*position].key == key).collect();
            let mut tell = |at: (i64, Moment), found| {
                all.push((at, Finding { rule, key: key.clone(), found }));
            };
            match plan {
                Plan::Pattern(plan) => {
                    for start in &of_key {
                        if let Some(found) = complete(*start, &plan.pattern, &of_key, events, rule) {
                            let last = *found.last().unwrap();
                            tell(
                                (events[last].time, Moment::Row(last, rule, *start)),
                                Found::Match { events: (0..).map(StepId).zip(found).map(taken).collect() },
                            );
                        }
                    }
                }
                Plan::Window { window, aggregates } => {
                    let members: Vec<usize> = of_key
                        .into_iter()
                        .filter(|position| events[*position].steps[rule] & 1 == 1)
                        .collect();
                    let moment = |at: Option<usize>| match at {
                        Some(position) => Moment::Row(position, rule, 0),
                        None => Moment::Timer(rule, key.clone()),
                    };
                    for (start, end, judged_at, content) in contents(*window, &members, events) {
                        let inputs: Vec<Scalar> =
                            content.iter().map(|position| events[*position].input.clone()).collect();
                        let found = Found::Window {
                            start,
                            end,
                            count: content.len() as u64,
                            first: content[0],
                            last: *content.last().unwrap(),
                            events: content.clone(),
                            aggregates: aggregates
                                .iter()
                                .map(|function| aggregate(*function, &inputs))
                                .collect(),
                            approximate: vec![],
                        };
                        tell((end, moment(judged_at)), found);
                    }
                }
            }
        }
    }
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all.into_iter().map(|(_, finding)| finding).collect()
}

fn taken((step, event): (StepId, usize)) -> Taken<usize> {
    Taken { step, event }
}

/// The match of a [sequence](crate::harness::sequence) that starts with this event, if it is ever completed.
fn complete(
    start: usize,
    pattern: &Pattern,
    of_key: &[usize],
    events: &[Event],
    rule: usize,
) -> Option<Vec<usize>> {
    let satisfies = |position: usize, step: usize| events[position].steps[rule] & (1 << step) != 0;
    if !satisfies(start, 0) {
        return None;
    }
    let mut found = vec![start];
    for (step, stage) in pattern.stages.iter().enumerate().skip(1) {
        let previous = *found.last().unwrap();
        let next = *of_key.iter().find(|position| **position > previous && satisfies(**position, step))?;
        let (time, since) = (events[next].time, events[previous].time);
        if stage.within.is_some_and(|most| time - since >= most) {
            return None;
        }
        if pattern.within.is_some_and(|most| time - events[start].time >= most) {
            return None;
        }
        found.push(next);
    }
    Some(found)
}

/// Start, end, judging event (none: a timer at the end) and contents of every window that is not empty.
#[allow(clippy::type_complexity)]
fn contents(
    plan: WindowPlan,
    members: &[usize],
    events: &[Event],
) -> Vec<(i64, i64, Option<usize>, Vec<usize>)> {
    let time = |position: &usize| events[*position].time;
    let between = |start: i64, end: i64| -> Vec<usize> {
        members.iter().copied().filter(|position| (start..end).contains(&time(position))).collect()
    };
    let mut windows = Vec::new();
    match plan {
        WindowPlan::Count(size) => {
            for content in members.windows(size as usize) {
                let last = *content.last().unwrap();
                windows.push((time(&content[0]), time(&last), Some(last), content.to_vec()));
            }
        }
        WindowPlan::Tumbling(size) => {
            return contents(WindowPlan::Sliding { size, every: Some(size) }, members, events);
        }
        WindowPlan::Sliding { size, every: Some(every) } => {
            let (Some(first), Some(last)) = (members.first(), members.last()) else {
                return windows;
            };
            let mut start = (time(first) - size - every) / every * every - every;
            while start <= time(last) {
                let content = between(start, start + size);
                if !content.is_empty() {
                    windows.push((start, start + size, None, content));
                }
                start += every;
            }
        }
        WindowPlan::Sliding { size, every: None } => {
            for (index, position) in members.iter().enumerate() {
                let start = time(position) - size;
                let content =
                    members[..=index].iter().copied().filter(|member| time(member) > start).collect();
                windows.push((start, time(position), Some(*position), content));
            }
        }
        WindowPlan::Session(gap) => {
            let mut rest = members;
            while !rest.is_empty() {
                let breaks = rest.windows(2).position(|pair| time(&pair[1]) - time(&pair[0]) >= gap);
                let (session, later) = rest.split_at(breaks.map_or(rest.len(), |index| index + 1));
                let end = time(session.last().unwrap()) + gap;
                windows.push((time(&session[0]), end, None, session.to_vec()));
                rest = later;
            }
        }
    }
    windows
}

/// Over the inputs that the random tests make: null, small integers and halves, texts. These are exact as halves.
fn aggregate(function: AggregateFunction, inputs: &[Scalar]) -> Scalar {
    let halves = |scalar: &Scalar| match scalar {
        Scalar::Int(value) => Some(value * 2),
        Scalar::Float(value) => Some((value * 2.0) as i64),
        _ => None,
    };
    let values: Vec<&Scalar> = inputs.iter().filter(|input| **input != Scalar::Null).collect();
    let numbers: Vec<i64> = values.iter().filter_map(|value| halves(value)).collect();
    let any_float = values.iter().any(|value| matches!(value, Scalar::Float(_)));
    let same = |left: &Scalar, right: &Scalar| match (halves(left), halves(right)) {
        (None, None) => left == right,
        (left, right) => left == right,
    };
    let less = |left: &Scalar, right: &Scalar| match (left, right) {
        (Scalar::Text(left), Scalar::Text(right)) => left < right,
        (Scalar::Text(_), _) => false,
        (_, Scalar::Text(_)) => true,
        _ => halves(left) < halves(right),
    };
    match function {
        AggregateFunction::Count => Scalar::Int(values.len() as i64),
        AggregateFunction::CountDistinct => {
            let is_new = |index: usize| !values[..index].iter().any(|earlier| same(earlier, values[index]));
            Scalar::Int((0..values.len()).filter(|index| is_new(*index)).count() as i64)
        }
        AggregateFunction::Sum | AggregateFunction::Avg if numbers.is_empty() => Scalar::Null,
        AggregateFunction::Sum if any_float => Scalar::Float(numbers.iter().sum::<i64>() as f64 / 2.0),
        AggregateFunction::Sum => Scalar::Int(numbers.iter().sum::<i64>() / 2),
        AggregateFunction::Avg => {
            Scalar::Float(numbers.iter().sum::<i64>() as f64 / 2.0 / numbers.len() as f64)
        }
        AggregateFunction::StdDev if numbers.len() < 2 => Scalar::Null,
        AggregateFunction::StdDev => {
            let (count, sum) = (numbers.len() as i64, numbers.iter().sum::<i64>());
            let squares: i64 = numbers.iter().map(|number| number * number).sum();
            // These are halves.
            let spread = (count * squares - sum * sum) as f64 / (4 * count) as f64;
            Scalar::Float((spread / (count - 1) as f64).sqrt())
        }
        AggregateFunction::Min => {
            let best = values.iter().find(|value| !values.iter().any(|other| less(other, value)));
            best.map_or(Scalar::Null, |value| (*value).clone())
        }
        AggregateFunction::Max => {
            let best = values.iter().find(|value| !values.iter().any(|other| less(value, other)));
            best.map_or(Scalar::Null, |value| (*value).clone())
        }
        AggregateFunction::Percentile { .. } if numbers.is_empty() => Scalar::Null,
        AggregateFunction::Percentile { billionths } => {
            let mut numbers = numbers;
            numbers.sort_unstable();
            let steps = (numbers.len() - 1) * billionths as usize;
            let number = |position: usize| numbers[position.min(numbers.len() - 1)] as f64 / 2.0;
            let (lower, upper) = (number(steps / 1_000_000_000), number(steps / 1_000_000_000 + 1));
            Scalar::Float(lower + (upper - lower) * ((steps % 1_000_000_000) as f64 / 1e9))
        }
    }
}

/// The matches of a sequence of several steps under limits, and how many partial matches these dropped: a plain list of
/// partial matches, oldest first, that every event looks through. Positions of events, in the order of completion.
pub(crate) fn limited(pattern: &Pattern, limits: Limits, events: &[Event]) -> (Vec<Vec<usize>>, u64) {
    let (mut complete, mut dropped) = (Vec::new(), 0);
    let mut open: Vec<Vec<usize>> = Vec::new();
    for (position, event) in events.iter().enumerate() {
        let too_late = |partial: &Vec<usize>| {
            let since = |member: usize| event.time - events[member].time;
            let stage = &pattern.stages[partial.len()];
            stage.within.is_some_and(|most| since(partial[partial.len() - 1]) >= most)
                || pattern.within.is_some_and(|most| since(partial[0]) >= most)
        };
        open.retain(|partial| !too_late(partial));
        for partial in &mut open {
            if events[partial[0]].key == event.key && event.steps[0] & (1 << partial.len()) != 0 {
                partial.push(position);
            }
        }
        complete.extend(open.extract_if(.., |partial| partial.len() == pattern.stages.len()));
        if event.steps[0] & 1 == 0 {
            continue;
        }
        let keys: BTreeSet<&Key> = open.iter().map(|partial| &events[partial[0]].key).collect();
        let no_key = !keys.contains(&event.key) && keys.len() >= limits.keys_per_rule;
        let hopeless = limits.keys_per_rule == 0 || limits.partial_matches_per_rule == 0;
        let full = open.len() >= limits.partial_matches_per_rule;
        if hopeless || (limits.policy == Overflow::DropNewest && (no_key || full)) {
            dropped += 1;
            continue;
        }
        let before = open.len();
        if no_key {
            let oldest = events[open[0][0]].key.clone();
            open.retain(|partial| events[partial[0]].key != oldest);
        }
        if open.len() >= limits.partial_matches_per_rule {
            open.remove(0);
        }
        dropped += (before - open.len()) as u64;
        open.push(vec![position]);
    }
    (complete, dropped)
}

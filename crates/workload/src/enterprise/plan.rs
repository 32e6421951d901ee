//! What is placed on purpose: insider-threat chains, near misses of them, and the stages of the pipelines with the
//! stretches in which they are slow.

use std::collections::{HashMap, HashSet, VecDeque};

use super::background::{access, export, failed_login, login};
use super::company::Company;
use super::{Draft, Enterprise, MINUTE, MINUTES, Part, SECOND};
use crate::draw::Draw;
use crate::truth::ExpectedEvent;

/// Everything planned for the day, handed out as the day goes on.
#[derive(Debug)]
pub(super) struct Plan {
    drafts: VecDeque<Draft>,
    stages: VecDeque<Stage>,
    injections: Vec<Injection>,
    /// Per person, the times during which nothing of theirs may come from the background.
    quiet: HashMap<usize, Vec<(u64, u64)>>,
    draw: Draw,
    len: u64,
}

/// A group of events placed together.
#[derive(Debug)]
pub(super) struct Injection {
    pub(super) kind: PlannedKind,
    /// Its events that matter, as far as they were written.
    pub(super) events: Vec<ExpectedEvent>,
}

/// What a group of events is meant to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlannedKind {
    /// It completes `suspicious_access_pattern`.
    Chain,
    /// It just does not, for the reason named.
    NearMiss(&'static str),
}

/// When a stage of a pipeline ended, and how long it took in quarters of a second.
#[derive(Debug)]
struct Stage {
    at: u64,
    quarters: u64,
}

impl Plan {
    pub(super) fn new(parameters: &Enterprise, company: &Company) -> Self {
        let mut planner = Planner {
            company,
            draw: Draw::new(parameters.seed, 1),
            taken: HashSet::new(),
            drafts: Vec::new(),
            injections: Vec::new(),
            quiet: HashMap::new(),
        };
        planner.place_injections(parameters.events);
        let stages = planner.place_stages(parameters.events);
        planner.drafts.sort_unstable_by_key(|draft| draft.at);
        Self {
            len: (planner.drafts.len() + stages.len()) as u64,
            drafts: planner.drafts.into(),
            stages: stages.into(),
            injections: planner.injections,
            quiet: planner.quiet,
            draw: Draw::new(parameters.seed, 2),
        }
    }

    /// Number of events planned for the whole day.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Takes out what is planned before a time.
    pub(super) fn take_until(&mut self, end: u64, company: &Company) -> Vec<Draft> {
        let mut taken = Vec::new();
        while let Some(draft) = self.drafts.pop_front_if(|draft| draft.at < end) {
            taken.push(draft);
        }
        while let Some(stage) = self.stages.pop_front_if(|stage| stage.at < end) {
            taken.push(self.stage(&stage, company));
        }
        taken
    }

    /// Whether the background has to leave a person alone.
    pub(super) fn is_quiet(&self, person: usize, at: u64) -> bool {
        self.quiet.get(&person).is_some_and(|spans| spans.iter().any(|&(from, to)| (from..=to).contains(&at)))
    }

    /// Notes where an event of a group ended up.
    pub(super) fn seen(&mut self, part: &Part, event: &ExpectedEvent) {
        let event = ExpectedEvent { step: part.step.to_owned(), ..event.clone() };
        self.injections[part.injection].events.push(event);
    }

    /// The events of a chain; `None` if the group is a near miss.
    pub(super) fn chain(&self, number: usize) -> Option<&[ExpectedEvent]> {
        let injection = self.injections.get(number)?;
        (injection.kind == PlannedKind::Chain).then_some(injection.events.as_slice())
    }

    /// All groups.
    pub(super) fn injections(&self) -> impl Iterator<Item = &Injection> {
        self.injections.iter()
    }

    fn stage(&mut self, stage: &Stage, company: &Company) -> Draft {
        let draw = &mut self.draw;
        let pipeline =
            draw.pick(&["billing", "clickstream", "customer-360", "fraud-features", "inventory", "ledger"]);
        let step = draw.pick(&["extract", "validate", "transform", "aggregate", "load"]);
        let run = draw.below(1 << 32);
        let owner = draw.below(company.people.len() as u64) as usize;
        Draft {
            at: stage.at,
            event_type: "pipeline.stage.completed",
            source: "/pipelines",
            fields: vec![
                ("pipeline", pipeline.into()),
                ("stage", step.into()),
                ("run", format!("r-{run:08x}").into()),
                ("duration", (stage.quarters as f64 / 4.0).into()),
                ("rows", draw.long_tailed(1_000, 50_000_000).into()),
                ("status", if draw.one_in(60) { "completed_with_warnings" } else { "completed" }.into()),
                ("owner", company.people[owner].id.clone().into()),
            ],
            part: None,
        }
    }
}

/// The plan while it is being made.
struct Planner<'a> {
    company: &'a Company,
    draw: Draw,
    /// Times that are in use: no two events share one.
    taken: HashSet<u64>,
    drafts: Vec<Draft>,
    injections: Vec<Injection>,
    quiet: HashMap<usize, Vec<(u64, u64)>>,
}

impl Planner<'_> {
    fn place_injections(&mut self, events: u64) {
        let chains = (events / 5_000).clamp(1, 200);
        let rounds = (events / 25_000).clamp(1, 50);
        let chains = (0..chains).map(|number| if number % 5 == 1 { Shape::LastMoment } else { Shape::Chain });
        let near_misses = (0..rounds).flat_map(|_| NEAR_MISSES);
        for shape in chains.chain(near_misses) {
            // A short stream keeps room for its background.
            if (self.drafts.len() + EVENTS_PER_INJECTION_MAX) as u64 > events / 4 {
                return;
            }
            self.place(shape);
        }
    }

    /// Places one group of events, with what surrounds it.
    fn place(&mut self, shape: Shape) {
        let privileged = shape != Shape::Unprivileged;
        let Some((index, start)) = self.find_slot(privileged) else {
            return;
        };
        let person = &self.company.people[index];
        let draw = &mut self.draw;

        let first_gap = match shape {
            Shape::LastMoment => 5 * MINUTE - 1_000,
            Shape::LateAccess => 5 * MINUTE + draw.between(1_000, 90 * SECOND),
            Shape::AccessAtBound => 5 * MINUTE,
            _ => draw.between(20 * SECOND, 5 * MINUTE - 10 * SECOND),
        };
        let second_gap = match shape {
            Shape::LastMoment => 10 * MINUTE - 1_000,
            Shape::LateExport => 10 * MINUTE + draw.between(1_000, 3 * MINUTE),
            Shape::ExportAtBound => 10 * MINUTE,
            _ => draw.between(30 * SECOND, 10 * MINUTE - 20 * SECOND),
        };
        let mut times = [start, start + first_gap, start + first_gap + second_gap];
        while times.iter().any(|at| self.taken.contains(at)) {
            times = times.map(|at| at + 1);
        }
        self.taken.extend(times);

        let first_of_its_kind = self.injections.iter().all(|injection| injection.kind != shape.kind());
        let classification = if shape == Shape::NotConfidential { "internal" } else { "confidential" };
        let volume = match shape {
            // One of them stands exactly at the bound.
            Shape::SmallExport if first_of_its_kind => 10_000_000,
            Shape::SmallExport => draw.between(6_000_000, 9_999_999),
            _ => draw.between(12_000_000, 900_000_000),
        };
        let other = (shape == Shape::OtherUser).then(|| self.find_other(index));
        let exporter = &self.company.people[other.unwrap_or(index)];
        let draw = &mut self.draw;
        let mut steps = [
            ("login", login(times[0], person, draw)),
            ("access", access(times[1], person, classification, draw)),
            ("export", export(times[2], exporter, volume, draw)),
        ];
        if shape == Shape::WrongOrder {
            (steps[1].1.at, steps[2].1.at) = (times[2], times[1]);
        }

        let span = (start.saturating_sub(15 * MINUTE), times[2] + MINUTE);
        for person in [Some(index), other].into_iter().flatten() {
            self.quiet.entry(person).or_default().push(span);
        }
        let injection = self.injections.len();
        self.injections.push(Injection { kind: shape.kind(), events: Vec::new() });
        for (step, draft) in steps {
            self.drafts.push(Draft { part: Some(Part { injection, step }), ..draft });
        }
        self.place_decoys(index, times);
    }

    /// What else the person does meanwhile: an attempt before, a harmless access and a small export in between.
    fn place_decoys(&mut self, index: usize, [login_at, access_at, last]: [u64; 3]) {
        let person = &self.company.people[index];
        let attempt = self.free_time(login_at.saturating_sub(40 * SECOND), login_at.saturating_sub(SECOND));
        let read = self.free_time(login_at + SECOND, access_at - SECOND);
        let small = self.free_time(access_at + SECOND, last - SECOND);
        let draw = &mut self.draw;
        let volume = draw.long_tailed(10_000, 900_000);
        let decoys = [
            failed_login(attempt, person, draw),
            access(read, person, "internal", draw),
            export(small, person, volume, draw),
        ];
        self.drafts.extend(decoys);
    }

    /// Ends of pipeline stages: half of them in the night's batch runs, all quick but for a few stretches.
    fn place_stages(&mut self, events: u64) -> Vec<Stage> {
        let left = events - self.drafts.len() as u64;
        let count = (events * 8 / 100).max(400).min(left / 3);
        let mut times: Vec<u64> = (0..count)
            .map(|number| match number % 2 {
                0 => self.free_time(30 * MINUTE, 270 * MINUTE),
                _ => self.free_time(0, MINUTES * MINUTE - 1),
            })
            .collect();
        times.sort_unstable();

        let stretches = if count < 250 { 0 } else { (count / 2_000).clamp(1, 4) };
        let slow = |position: u64| {
            (0..stretches).any(|stretch| {
                let begin = (2 * stretch + 1) * count / (2 * stretches);
                (begin..begin + SLOW_STAGES).contains(&position)
            })
        };
        let stages = times.into_iter().zip(0..).map(|(at, position)| {
            let seconds = if slow(position) { self.draw.between(420, 600) } else { self.draw.around(90, 75) };
            Stage { at, quarters: seconds * 4 + self.draw.below(4) }
        });
        stages.collect()
    }

    /// Somebody at work, and a time at which a group fits between that person's other groups.
    fn find_slot(&mut self, privileged: bool) -> Option<(usize, u64)> {
        let people = &self.company.people;
        for _ in 0..10_000 {
            let index = self.draw.below(people.len() as u64) as usize;
            let minute = self.draw.between(20, MINUTES - 25);
            if people[index].privileged != privileged
                || self.draw.below(1000) >= self.company.presence(&people[index], minute)
            {
                continue;
            }
            let at = minute * MINUTE + self.draw.below(MINUTE);
            let (from, to) = (at - 20 * MINUTE, at + 25 * MINUTE);
            let spans = self.quiet.get(&index);
            if spans.is_none_or(|spans| spans.iter().all(|span| span.1 < from || to < span.0)) {
                return Some((index, at));
            }
        }
        None
    }

    /// Somebody who never logs in as privileged, so that an export of theirs completes nothing.
    fn find_other(&mut self, than: usize) -> usize {
        let people = &self.company.people;
        loop {
            let index = self.draw.below(people.len() as u64) as usize;
            if index != than && !people[index].privileged {
                return index;
            }
        }
    }

    fn free_time(&mut self, from: u64, to: u64) -> u64 {
        loop {
            let at = self.draw.between(from, to);
            if self.taken.insert(at) {
                return at;
            }
        }
    }
}

/// What distinguishes a group of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Chain,
    /// Still a chain, each gap one millisecond below its bound.
    LastMoment,
    LateAccess,
    LateExport,
    AccessAtBound,
    ExportAtBound,
    SmallExport,
    OtherUser,
    WrongOrder,
    Unprivileged,
    NotConfidential,
}

impl Shape {
    fn kind(self) -> PlannedKind {
        PlannedKind::NearMiss(match self {
            Shape::Chain | Shape::LastMoment => return PlannedKind::Chain,
            Shape::LateAccess => "late-access",
            Shape::LateExport => "late-export",
            Shape::AccessAtBound => "access-at-bound",
            Shape::ExportAtBound => "export-at-bound",
            Shape::SmallExport => "small-export",
            Shape::OtherUser => "other-user",
            Shape::WrongOrder => "wrong-order",
            Shape::Unprivileged => "unprivileged",
            Shape::NotConfidential => "not-confidential",
        })
    }
}

pub(super) const NEAR_MISSES: [Shape; 9] = [
    Shape::LateAccess,
    Shape::LateExport,
    Shape::AccessAtBound,
    Shape::ExportAtBound,
    Shape::SmallExport,
    Shape::OtherUser,
    Shape::WrongOrder,
    Shape::Unprivileged,
    Shape::NotConfidential,
];

/// Three steps and three decoys.
const EVENTS_PER_INJECTION_MAX: usize = 6;

/// Enough to lift the mean of a window of 100 over the rule's bound, when it holds nearly all of them.
const SLOW_STAGES: u64 = 60;

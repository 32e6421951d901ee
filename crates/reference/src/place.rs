//! Where in its pattern a partial match stands, and what it may do from there.
//!
//! A place is a list of [`Arm`]s, each a thing that the partial match may wait for next. They are found by walking the
//! tree of the pattern on from the last event taken; what is left to do after an arm's event is a stack of [`Frame`]s,
//! one for each list of stages and each repetition that the walk is inside of.

use olocus_cep::pattern::{Body, ConditionId, Contiguity, Pattern, Repeat, Stage, StepId};

/// All that a partial match may do next.
#[derive(Clone, Debug)]
pub(crate) struct Place<'p> {
    pub(crate) arms: Vec<Arm<'p>>,
    /// All that has to be there is there if, for one of these, the event just taken satisfies (or not) what is listed.
    pub(crate) completions: Vec<Vec<(ConditionId, bool)>>,
}

/// One thing that may be waited for.
#[derive(Clone, Debug)]
pub(crate) struct Arm<'p> {
    /// What the event that comes first must satisfy (or not) for this to be open at all.
    pub(crate) guards: Vec<(ConditionId, bool)>,
    /// If the event that comes first satisfies one of these, the partial match ends.
    pub(crate) strict_nots: Vec<ConditionId>,
    /// An event that satisfies one of these closes this arm: greedy steps before it would have taken it.
    pub(crate) greedy: Vec<ConditionId>,
    /// If the event that comes first satisfies one of these, the partial match ends.
    pub(crate) nots: Vec<ConditionId>,
    /// Likewise for each later event, if none has been taken until then.
    pub(crate) waiting_nots: Vec<ConditionId>,
    pub(crate) goal: Goal<'p>,
}

/// What an arm waits for.
#[derive(Clone, Debug)]
pub(crate) enum Goal<'p> {
    /// An event that satisfies one of these.
    Take { options: Vec<Taking<'p>>, follows: Contiguity },
    /// Any event: that it did not satisfy the nots before it completes the match.
    Passed { within: Within },
    /// That time runs out: this many nanoseconds after the last event taken, or with the whole pattern's time.
    /// It is `alone` if nothing else was waited for when time began to run.
    Absence { within: Within, alone: bool },
}

/// Nanoseconds after the last event taken at which something is too late.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Within {
    pub(crate) now: Option<i64>,
    /// Once an event has been skipped.
    waiting: Option<i64>,
}

/// A step that may take an event, and what follows then.
#[derive(Clone, Debug)]
pub(crate) struct Taking<'p> {
    pub(crate) step: StepId,
    /// Nothing is taken from an event that satisfies one of these.
    pub(crate) untils: Vec<ConditionId>,
    /// Nor is any longer waited.
    pub(crate) waiting_untils: Vec<ConditionId>,
    pub(crate) within: Within,
    pub(crate) after: Vec<Frame<'p>>,
}

/// Something that is not finished yet.
#[derive(Clone, Debug)]
pub(crate) enum Frame<'p> {
    /// The stages from `next` on are still to come.
    Sequence { stages: &'p [Stage], next: usize },
    /// Repetition number `number` of this stage is under way; `begun` if there was an event in this one or before.
    Repetition { stage: &'p Stage, number: u32, begun: bool },
    /// These steps are still to come.
    Remaining { steps: Vec<StepId> },
}

/// What has been passed on the way from the last event taken to an arm.
#[derive(Clone, Debug, Default)]
struct Path {
    guards: Vec<(ConditionId, bool)>,
    strict_nots: Vec<ConditionId>,
    greedy: Vec<ConditionId>,
    nots: Vec<ConditionId>,
    waiting_nots: Vec<ConditionId>,
    within: Option<i64>,
    /// Whether a repetition was left that could have gone on, or the very next event must not be something. Bounds on
    /// the time of what follows count only once an event has been skipped.
    later: bool,
    /// How the first event of the group that has just been entered follows what came before.
    entered: Option<Contiguity>,
}

struct Walk<'p> {
    pattern: &'p Pattern,
    place: Place<'p>,
}

impl<'p> Place<'p> {
    /// Before the first event.
    pub(crate) fn start(pattern: &'p Pattern) -> Place<'p> {
        Place::after(pattern, vec![Frame::Sequence { stages: &pattern.stages, next: 0 }])
    }

    /// With this still to do, right after an event was taken.
    pub(crate) fn after(pattern: &'p Pattern, frames: Vec<Frame<'p>>) -> Place<'p> {
        let mut walk = Walk { pattern, place: Place { arms: Vec::new(), completions: Vec::new() } };
        walk.resume(frames, Path::default());
        let mut place = walk.place;
        // Absence is waited for once nothing else is.
        if place.arms.len() > 1 {
            for arm in &mut place.arms {
                if let Goal::Absence { within, alone } = &mut arm.goal {
                    within.now = None;
                    *alone = false;
                }
            }
        }
        place
    }
}

impl Arm<'_> {
    /// This arm once an event has been skipped while waiting for it.
    pub(crate) fn waiting(&self) -> Self {
        let nots = self.waiting_nots.clone();
        let mut goal = self.goal.clone();
        match &mut goal {
            Goal::Take { options, .. } => options.iter_mut().for_each(|option| option.within.wait()),
            Goal::Passed { within } => within.wait(),
            Goal::Absence { within, alone } => {
                within.wait();
                *alone = true;
            }
        }
        Arm { guards: Vec::new(), strict_nots: Vec::new(), nots, goal, ..self.clone() }
    }
}

impl Arm<'_> {
    /// The nanoseconds after the last event taken at which something of this ends.
    pub(crate) fn withins(&self) -> Vec<i64> {
        match &self.goal {
            Goal::Take { options, .. } => options.iter().filter_map(|option| option.within.now).collect(),
            Goal::Passed { within } | Goal::Absence { within, .. } => within.now.iter().copied().collect(),
        }
    }
}

impl Within {
    fn wait(&mut self) {
        self.now = self.waiting;
    }
}

impl Path {
    fn bounded(&self, within: Option<i64>) -> Within {
        Within { now: within.filter(|_| !self.later), waiting: within }
    }
}

impl<'p> Walk<'p> {
    /// Goes on with the innermost thing that is not finished.
    fn resume(&mut self, mut frames: Vec<Frame<'p>>, path: Path) {
        match frames.pop() {
            None => {
                // Observed: what keeps the next event from being taken keeps this one from being the last.
                let mut completion = path.guards;
                completion.extend(path.strict_nots.iter().map(|condition| (*condition, false)));
                self.place.completions.push(completion);
            }
            Some(Frame::Sequence { stages, next }) => self.enter_stages(stages, next, frames, path),
            Some(Frame::Repetition { stage, number, .. }) => self.repeated(stage, number, &frames, path),
            Some(Frame::Remaining { steps }) => {
                if steps.is_empty() {
                    self.resume(frames, path);
                } else {
                    self.enter_all(&steps, Contiguity::SkipTillNext, &frames, path);
                }
            }
        }
    }

    fn enter_stages(&mut self, stages: &'p [Stage], next: usize, mut frames: Vec<Frame<'p>>, mut path: Path) {
        let Some(stage) = stages.get(next) else { return self.resume(frames, path) };
        let last = next + 1 == stages.len() && frames.is_empty();
        if let Body::Not(step) = stage.body {
            let condition = self.pattern.steps[step.index()].condition;
            if stage.follows == Contiguity::Strict {
                // An event that a greedy step takes is none that this is about, and later ones are not, either.
                path.guards.extend(path.greedy.drain(..).map(|greedy| (greedy, false)));
                path.strict_nots.push(condition);
                let within = path.bounded(stage.within);
                path.later = true;
                if last {
                    return self.push(path, Goal::Passed { within });
                }
            } else {
                path.nots.push(condition);
                path.waiting_nots.push(condition);
                if last {
                    let within = path.bounded(stage.within);
                    return self.push(path, Goal::Absence { within, alone: true });
                }
            }
            return self.enter_stages(stages, next + 1, frames, path);
        }
        let follows = path.entered.take().unwrap_or(stage.follows);
        frames.push(Frame::Sequence { stages, next: next + 1 });
        if stage.repeat.optional {
            // What may be passed over, and what follows it, is kept from the first event alone.
            path.guards.extend(path.greedy.drain(..).map(|greedy| (greedy, false)));
        }
        let entry = Path { within: earlier(path.within, stage.within), ..path.clone() };
        self.enter_body(stage, 1, follows, frames.clone(), entry);
        if stage.repeat.optional {
            self.leave(stage, &frames, &path);
        }
    }

    fn repeated(&mut self, stage: &'p Stage, number: u32, frames: &[Frame<'p>], path: Path) {
        let Repeat { min, max, inner, gap, .. } = stage.repeat;
        let more = max.is_none_or(|max| number < max);
        if more {
            let mut again = Path { within: gap, ..path.clone() };
            let following = following_not(self.pattern, frames);
            again.nots.extend(following);
            // Observed of steps.
            if number >= min && max.is_some() && matches!(stage.body, Body::Step(_)) {
                again.waiting_nots.extend(preceding_nots(self.pattern, frames));
            } else {
                again.waiting_nots.extend(following);
            }
            self.enter_body(stage, number + 1, inner, frames.to_vec(), again);
        }
        if number >= min {
            let later = path.later || more;
            self.leave(stage, frames, &Path { later, ..path });
        }
    }

    /// Goes on to what follows a stage.
    fn leave(&mut self, stage: &'p Stage, frames: &[Frame<'p>], path: &Path) {
        let repeat = &stage.repeat;
        let mut path = path.clone();
        if !repeat.greedy || repeat.max == Some(repeat.min) {
            return self.resume(frames.to_vec(), path);
        }
        let Body::Step(step) = stage.body else { return self.resume(frames.to_vec(), path) };
        let mut kept = path.clone();
        kept.greedy.push(self.pattern.steps[step.index()].condition);
        if let Some(until) = repeat.until {
            kept.guards.push((until, false));
            path.guards.push((until, true));
            self.resume(frames.to_vec(), path);
        }
        self.resume(frames.to_vec(), kept);
    }

    fn enter_body(
        &mut self,
        stage: &'p Stage,
        number: u32,
        follows: Contiguity,
        mut frames: Vec<Frame<'p>>,
        mut path: Path,
    ) {
        frames.push(Frame::Repetition { stage, number, begun: number > 1 });
        match &stage.body {
            Body::Step(step) => {
                let taking = Taking::new(*step, path.bounded(path.within), frames);
                self.push(path, Goal::Take { options: vec![taking], follows });
            }
            Body::Group(stages) => {
                path.entered = Some(follows);
                self.enter_stages(stages, 0, frames, path);
            }
            Body::AllOf(steps) => self.enter_all(steps, follows, &frames, path),
            Body::AnyOf(alternatives) => self.enter_any(alternatives, follows, &frames, &path),
            // Validation lets no negation be repeated.
            Body::Not(_) => {}
        }
    }

    fn enter_all(&mut self, steps: &[StepId], follows: Contiguity, frames: &[Frame<'p>], path: Path) {
        let options = steps.iter().map(|step| {
            let others = steps.iter().filter(|other| *other != step).copied().collect();
            let mut after = frames.to_vec();
            after.push(Frame::Remaining { steps: others });
            Taking::new(*step, path.bounded(path.within), after)
        });
        let options = options.collect();
        self.push(path, Goal::Take { options, follows });
    }

    /// The first events of all alternatives are waited for together; what an optional first stage lets come instead of
    /// it is waited for apart, as everywhere.
    fn enter_any(
        &mut self,
        alternatives: &'p [Vec<Stage>],
        follows: Contiguity,
        frames: &[Frame<'p>],
        path: &Path,
    ) {
        let mut together: Vec<Taking<'p>> = Vec::new();
        let mut apart: Vec<Arm<'p>> = Vec::new();
        for stages in alternatives {
            let mut walk =
                Walk { pattern: self.pattern, place: Place { arms: Vec::new(), completions: Vec::new() } };
            walk.enter_stages(stages, 0, frames.to_vec(), Path { entered: Some(follows), ..path.clone() });
            let mut arms = walk.place.arms.into_iter();
            if let Some(Arm { goal: Goal::Take { options, .. }, .. }) = arms.next() {
                together.extend(options);
            }
            apart.extend(arms);
        }
        self.push(path.clone(), Goal::Take { options: together, follows });
        self.place.arms.append(&mut apart);
    }

    fn push(&mut self, path: Path, goal: Goal<'p>) {
        let Path { guards, strict_nots, greedy, nots, waiting_nots, .. } = path;
        self.place.arms.push(Arm { guards, strict_nots, greedy, nots, waiting_nots, goal });
    }
}

impl<'p> Taking<'p> {
    fn new(step: StepId, within: Within, mut after: Vec<Frame<'p>>) -> Taking<'p> {
        let (mut untils, mut waiting_untils) = (Vec::new(), Vec::new());
        for frame in &mut after {
            if let Frame::Repetition { stage, begun, .. } = frame {
                untils.extend(stage.repeat.until);
                if *begun {
                    waiting_untils.extend(stage.repeat.until);
                }
                *begun = true;
            }
        }
        Taking { step, untils, waiting_untils, within, after }
    }
}

/// The negations before a stage, also those before optional stages before it.
fn preceding_nots(pattern: &Pattern, frames: &[Frame<'_>]) -> Vec<ConditionId> {
    let Some(Frame::Sequence { stages, next }) = frames.last() else { return Vec::new() };
    let mut nots = Vec::new();
    for stage in stages[..next - 1].iter().rev() {
        match stage.body {
            Body::Not(step) if stage.follows != Contiguity::Strict => {
                nots.push(pattern.steps[step.index()].condition);
            }
            _ if stage.repeat.optional => {}
            _ => break,
        }
    }
    nots
}

/// The negation right after a stage holds from its first repetition on; observed: others that follow it do not.
fn following_not(pattern: &Pattern, frames: &[Frame<'_>]) -> Option<ConditionId> {
    for frame in frames.iter().rev() {
        match frame {
            Frame::Sequence { stages, next } => {
                let Some(stage) = stages.get(*next) else { continue };
                return match stage.body {
                    Body::Not(step) if stage.follows != Contiguity::Strict => {
                        Some(pattern.steps[step.index()].condition)
                    }
                    _ => None,
                };
            }
            Frame::Repetition { stage, number, .. } if stage.repeat.max == Some(*number) => {}
            _ => return None,
        }
    }
    None
}

fn earlier(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

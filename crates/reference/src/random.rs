//! Random patterns and streams.
//!
//! Patterns are valid and use all that there is, unless [`Features`] say otherwise. Events are few, near each other and
//! satisfy several conditions at once, so that a small case comes to much.

use std::fmt;
use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Comparison, Condition, ConditionId, Contiguity, Cross, CrossConditions, Pattern,
    Preceded, Register, RegisterFunction, RegisterId, Repeat, Stage, Step, StepId,
};
use olocus_cep::{AggregateFunction, Scalar};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};

use crate::matcher::Event;
use crate::notation::Notation;

/// Bits of events that conditions ask for.
const BITS: u8 = 4;

/// What patterns may use.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    /// Conditions that look at earlier events.
    pub cross: bool,
    /// Matches that end others.
    pub after_match: bool,
    /// Bounds on the time between neighbouring events.
    pub gaps: bool,
}

/// A pattern and a stream for it.
#[derive(Clone)]
pub struct RandomCase {
    /// The pattern.
    pub pattern: Arc<Pattern>,
    /// What decides its opaque conditions.
    pub opaque: Arc<dyn CrossConditions>,
    /// The events, in order.
    pub events: Vec<Event>,
}

/// The opaque conditions of random patterns.
#[derive(Clone, Copy, Debug)]
pub struct RandomConditions;

/// A stage whose steps have no numbers yet.
#[derive(Clone, Debug)]
struct Sketch {
    follows: Contiguity,
    body: SketchBody,
    repeat: Repeat,
    within: Option<i64>,
}

#[derive(Clone, Debug)]
enum SketchBody {
    Step(u16),
    Not(u16),
    Group(Vec<Sketch>),
    AnyOf(Vec<Vec<Sketch>>),
    AllOf(Vec<u16>),
}

impl fmt::Debug for RandomCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", Notation(&self.pattern))?;
        for Event { index, time, bits, inputs } in &self.events {
            writeln!(f, "{index}: at {time} bits {bits:05b} {inputs:?}")?;
        }
        Ok(())
    }
}

impl Features {
    /// Everything.
    pub const ALL: Features = Features { cross: true, after_match: true, gaps: true };
}

impl CrossConditions for RandomConditions {
    fn holds(&self, number: usize, inputs: &[Scalar], registers: &[Scalar]) -> bool {
        let count = |value: &Scalar| match value {
            Scalar::Int(value) => *value,
            Scalar::Null => -1,
            _ => 7,
        };
        let total: i64 = registers.iter().map(count).sum();
        match number {
            0 => (total + count(&inputs[0])) % 2 == 0,
            _ => registers.first().is_none_or(|first| count(first) < count(&inputs[0])),
        }
    }
}

/// Patterns with streams of up to `events` events.
pub fn cases(features: Features, events: usize) -> impl Strategy<Value = RandomCase> {
    let parts = (
        prop_oneof![2 => vec(sketch(), 1..=2), 2 => vec(sketch(), 1..=4)],
        vec(condition(features), 1..=6),
        vec(register(), 2),
        option::of(4_i64..16),
        prop_oneof![3 => Just(None), 1 => (any::<u16>(), 1_i64..6).prop_map(Some)],
        after_match(features),
        stream(events),
    );
    parts
        .prop_map(move |(sketches, conditions, registers, within, preceded, after_match, events)| {
            let mut pattern = build(features, sketches, conditions, registers, within, after_match);
            pattern.preceded = preceded.and_then(|(drawn, within)| preceded_by(&pattern, drawn, within));
            RandomCase { pattern: Arc::new(pattern), opaque: Arc::new(RandomConditions), events }
        })
        .prop_filter("valid", |case| case.pattern.validate().is_empty())
}

/// Events in the order of time, several at a time now and then.
pub fn stream(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let event = (
        prop_oneof![2 => Just(0_i64), 4 => Just(1), 2 => 2_i64..5],
        prop_oneof![1 => Just(0_u64), 2 => (0..BITS).prop_map(|bit| 1 << bit), 5 => 0_u64..1 << BITS],
        prop_oneof![5 => (0_i64..6).prop_map(Scalar::Int), 1 => Just(Scalar::Null), 1 => Just(Scalar::Float(2.5))],
    );
    vec(event, 0..=most).prop_map(|events| {
        let mut time = 100;
        let events = events.into_iter().enumerate().map(|(index, (later, bits, value))| {
            time += later;
            Event { index, time, bits, inputs: Arc::new([value]) }
        });
        events.collect()
    })
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let number = any::<u16>;
    let leaf = prop_oneof![
        8 => number().prop_map(SketchBody::Step),
        2 => number().prop_map(SketchBody::Not),
        1 => vec(number(), 1..=3).prop_map(SketchBody::AllOf),
    ];
    let leaf = around(leaf.boxed()).boxed();
    leaf.prop_recursive(2, 8, 3, move |inner| {
        let body = prop_oneof![
            4 => number().prop_map(SketchBody::Step),
            2 => vec(inner.clone(), 1..=3).prop_map(SketchBody::Group),
            1 => vec(vec(inner, 1..=2), 1..=3).prop_map(SketchBody::AnyOf),
        ];
        around(body.boxed())
    })
}

fn around(body: impl Strategy<Value = SketchBody>) -> impl Strategy<Value = Sketch> {
    let within = prop_oneof![4 => Just(None), 1 => (1_i64..8).prop_map(Some)];
    (contiguity(), body, repeat(), within).prop_map(|(follows, body, repeat, within)| Sketch {
        follows,
        body,
        repeat,
        within,
    })
}

fn contiguity() -> impl Strategy<Value = Contiguity> {
    prop_oneof![
        2 => Just(Contiguity::SkipTillNext),
        1 => Just(Contiguity::Strict),
        1 => Just(Contiguity::SkipTillAny),
    ]
}

fn repeat() -> impl Strategy<Value = Repeat> {
    let most = prop_oneof![3 => Just(Some(0_u32)), 2 => Just(None), 1 => Just(Some(1)), 1 => Just(Some(2))];
    let least = prop_oneof![4 => Just(1_u32), 1 => Just(2), 1 => Just(3)];
    let rare = || prop_oneof![3 => Just(false), 1 => Just(true)];
    let until = prop_oneof![2 => Just(None), 1 => any::<u16>().prop_map(Some)];
    let gap = prop_oneof![3 => Just(None), 1 => (1_i64..5).prop_map(Some)];
    (least, most, rare(), contiguity(), rare(), until, gap).prop_map(
        |(min, more, optional, inner, greedy, until, gap)| Repeat {
            min,
            max: more.map(|more| min + more),
            optional,
            inner,
            greedy,
            until: until.map(ConditionId),
            gap,
        },
    )
}

fn condition(features: Features) -> impl Strategy<Value = Condition> {
    let bit = || prop_oneof![8 => (0..BITS).prop_map(Some), 1 => Just(None)];
    let operator = prop_oneof![
        Just(Comparison::Equal),
        Just(Comparison::NotEqual),
        Just(Comparison::Less),
        Just(Comparison::LessOrEqual),
        Just(Comparison::Greater),
        Just(Comparison::GreaterOrEqual),
    ];
    let cross = prop_oneof![
        3 => (operator, 0_u16..2).prop_map(|(operator, register)| Cross::Compare {
            input: 0,
            operator,
            register: RegisterId(register),
        }),
        1 => (0_usize..2).prop_map(Cross::Opaque),
    ];
    let crosses = prop_oneof![4 => Just(0), 2 => Just(1), 1 => Just(2)];
    (bit(), vec(cross, 2), crosses).prop_map(move |(bit, mut cross, crosses)| {
        cross.truncate(if features.cross { crosses } else { 0 });
        Condition { bit, cross }
    })
}

fn register() -> impl Strategy<Value = Register> {
    let function = prop_oneof![
        Just(RegisterFunction::First),
        Just(RegisterFunction::Last),
        Just(RegisterFunction::Aggregate(AggregateFunction::Count)),
        Just(RegisterFunction::Aggregate(AggregateFunction::CountDistinct)),
        Just(RegisterFunction::Aggregate(AggregateFunction::Sum)),
        Just(RegisterFunction::Aggregate(AggregateFunction::Avg)),
        Just(RegisterFunction::Aggregate(AggregateFunction::Min)),
        Just(RegisterFunction::Aggregate(AggregateFunction::Max)),
    ];
    (any::<u8>(), function).prop_map(|(step, function)| Register {
        step: StepId(step),
        function,
        input: Some(0),
    })
}

fn after_match(features: Features) -> impl Strategy<Value = AfterMatch> {
    let strategy = prop_oneof![
        6 => Just(AfterMatch::Nothing),
        1 => Just(AfterMatch::ToNext),
        1 => Just(AfterMatch::PastLast),
        1 => any::<u8>().prop_map(|step| AfterMatch::ToFirst(StepId(step))),
        1 => any::<u8>().prop_map(|step| AfterMatch::ToLast(StepId(step))),
    ];
    strategy.prop_map(move |strategy| if features.after_match { strategy } else { AfterMatch::Nothing })
}

fn build(
    features: Features,
    sketches: Vec<Sketch>,
    conditions: Vec<Condition>,
    mut registers: Vec<Register>,
    within: Option<i64>,
    after_match: AfterMatch,
) -> Pattern {
    let mut builder = Builder { features, within, conditions: conditions.len() as u16, steps: Vec::new() };
    let stages = builder.sequence(sketches, true);
    let steps = builder.steps;
    // Numbers were drawn before it was known of how many.
    let step = |drawn: StepId| StepId((drawn.index() % steps.len()) as u8);
    registers.truncate(if features.cross { registers.len() } else { 0 });
    registers.iter_mut().for_each(|register| register.step = step(register.step));
    let after_match = match after_match {
        AfterMatch::ToFirst(drawn) => AfterMatch::ToFirst(step(drawn)),
        AfterMatch::ToLast(drawn) => AfterMatch::ToLast(step(drawn)),
        other => other,
    };
    Pattern { steps, conditions, registers, stages, within, preceded: None, after_match }
}

/// Absence before a match of an event that satisfies one of the conditions on single events, if there are any.
fn preceded_by(pattern: &Pattern, drawn: u16, within: i64) -> Option<Preceded> {
    let conditions = pattern.conditions.iter().zip(0_u16..);
    let single: Vec<u16> =
        conditions.filter(|(condition, _)| condition.cross.is_empty()).map(|(_, id)| id).collect();
    let at = usize::from(drawn).checked_rem(single.len())?;
    Some(Preceded { condition: ConditionId(single[at]), within })
}

/// Makes a valid pattern of sketches, as far as that is easily done.
struct Builder {
    features: Features,
    within: Option<i64>,
    conditions: u16,
    steps: Vec<Step>,
}

impl Builder {
    fn sequence(&mut self, sketches: Vec<Sketch>, outermost: bool) -> Vec<Stage> {
        let mut stages: Vec<Stage> = Vec::new();
        let last = sketches.len() - 1;
        for (index, sketch) in sketches.into_iter().enumerate() {
            let before = stages.last();
            let bounded = outermost || index > 0;
            let endless = index == last
                && (!outermost
                    || sketch.within.or(self.within).is_none() && sketch.follows != Contiguity::Strict);
            let not_possible = endless || before.is_none_or(|before| before.repeat.optional);
            let optional_possible = before.is_none_or(|before| !before.repeat.greedy);
            let mut stage = self.stage(sketch, not_possible, optional_possible);
            if !bounded {
                stage.within = None;
            }
            stages.push(stage);
        }
        stages
    }

    fn stage(&mut self, sketch: Sketch, not_possible: bool, optional_possible: bool) -> Stage {
        let Sketch { follows, body, mut repeat, within } = sketch;
        let body = match body {
            SketchBody::Step(drawn) => Body::Step(self.step(drawn)),
            SketchBody::Not(drawn) if not_possible => Body::Step(self.step(drawn)),
            SketchBody::Not(drawn) => Body::Not(self.step(drawn)),
            SketchBody::Group(sketches) => Body::Group(self.sequence(sketches, false)),
            SketchBody::AnyOf(alternatives) => {
                let alternatives = alternatives.into_iter().map(|mut sketches| {
                    sketches[0].repeat.optional = false;
                    self.sequence(sketches, false)
                });
                Body::AnyOf(alternatives.collect())
            }
            SketchBody::AllOf(drawn) => {
                Body::AllOf(drawn.into_iter().map(|drawn| self.step(drawn)).collect())
            }
        };
        repeat.optional &= optional_possible;
        repeat.greedy &= matches!(body, Body::Step(_)) && repeat.inner != Contiguity::SkipTillAny;
        repeat.until = repeat.until.filter(|_| repeat.max.is_none()).map(|until| self.condition(until.0));
        if repeat.max == Some(1) {
            repeat = Repeat { optional: repeat.optional, ..Repeat::ONCE };
        }
        if matches!(body, Body::Not(_)) {
            repeat = Repeat::ONCE;
        }
        let allowed = |time: &i64| self.features.gaps && self.within.is_none_or(|within| *time <= within);
        repeat.gap = repeat.gap.filter(allowed);
        let within = within.filter(allowed).or(match body {
            Body::Not(_) if !self.features.gaps => within,
            _ => None,
        });
        Stage { follows, body, repeat, within }
    }

    fn step(&mut self, drawn: u16) -> StepId {
        let condition = self.condition(drawn);
        self.steps.push(Step { name: format!("s{}", self.steps.len()), condition });
        StepId((self.steps.len() - 1) as u8)
    }

    fn condition(&self, drawn: u16) -> ConditionId {
        ConditionId(drawn % self.conditions)
    }
}

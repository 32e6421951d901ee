//! What patterns find, and when.

use std::sync::Arc;

use olocus_cep::pattern::{
    AfterMatch, Body, Comparison, Condition, ConditionId, Contiguity, Cross, EvaluatorKind, Pattern,
    PatternOutputs, PatternPlan, Register, RegisterFunction, RegisterId, Repeat, Stage, Step, StepId,
};
use olocus_cep::{AggregateFunction, Engine, Finding, Found, Key, Limits, Plan, Row, Scalar, Taken};

/// A pattern over steps `a`, `b`, `c`, `d`, each with the bit of its number.
pub(crate) fn pattern(stages: Vec<Stage>) -> Pattern {
    let names = ["a", "b", "c", "d"];
    let step = |(name, index): (&&str, u16)| Step { name: (*name).to_owned(), condition: ConditionId(index) };
    Pattern {
        steps: names.iter().zip(0..).map(step).collect(),
        conditions: (0..4).map(|bit| Condition { bit: Some(bit), cross: Vec::new() }).collect(),
        registers: Vec::new(),
        stages,
        within: None,
        preceded: None,
        after_match: AfterMatch::Nothing,
    }
}

pub(crate) fn stage(body: Body) -> Stage {
    Stage { follows: Contiguity::SkipTillNext, body, repeat: Repeat::ONCE, within: None }
}

pub(crate) fn step(index: u8) -> Stage {
    stage(Body::Step(StepId(index)))
}

pub(crate) fn one_or_more(index: u8) -> Stage {
    Stage { repeat: Repeat { max: None, ..Repeat::ONCE }, ..step(index) }
}

pub(crate) fn plan(pattern: Pattern, outputs: PatternOutputs) -> Plan {
    let evaluator = Some(EvaluatorKind::Runs);
    Plan::Pattern(PatternPlan { pattern: Arc::new(pattern), conditions: None, outputs, evaluator })
}

/// An engine with one pattern, and what it has found.
pub(crate) struct Run {
    pub(crate) engine: Engine<i64>,
    pub(crate) found: Vec<Finding<i64>>,
}

impl Run {
    pub(crate) fn new(plan: Plan, limits: Limits) -> Run {
        Run { engine: Engine::new(vec![plan], limits), found: Vec::new() }
    }

    /// An event of these types, which findings tell by its time.
    pub(crate) fn feed(&mut self, time: i64, key: &str, types: &str) -> Result<(), olocus_cep::Error> {
        self.feed_with(time, key, types, &[])
    }

    pub(crate) fn feed_with(
        &mut self,
        time: i64,
        key: &str,
        types: &str,
        inputs: &[Scalar],
    ) -> Result<(), olocus_cep::Error> {
        self.engine.advance(time, &mut self.found);
        let steps = types.bytes().fold(0, |bits, letter| bits | 1 << (letter - b'a'));
        let row = Row { time, steps, inputs, event: &time, keep: None };
        self.engine.process(0, &Key::single(key), row, &mut self.found)
    }

    /// What has been found since the last time, one a line.
    pub(crate) fn told(&mut self) -> String {
        let events = |events: &[Taken<i64>]| {
            let event = |taken: &Taken<i64>| format!("{}{}", char::from(b'a' + taken.step.0), taken.event);
            events.iter().map(event).collect::<Vec<_>>().join(" ")
        };
        let line = |finding: Finding<i64>| match &finding.found {
            Found::Match { events: all } => events(all),
            Found::Timeout { events: all, at } => format!("{} timed out at {at}", events(all)),
            Found::Summary { first, last, counts, registers, timed_out, .. } => {
                format!("{first}..{last} {counts:?} {registers:?} {timed_out:?}")
            }
            other => panic!("no finding of a pattern: {other:?}"),
        };
        self.found.drain(..).map(line).collect::<Vec<_>>().join("\n")
    }
}

/// What a stream of events of one key, one at each moment from 1 on, finds by its end.
fn find(pattern: Pattern, timeouts: bool, stream: &str) -> String {
    let outputs = PatternOutputs { timeouts, ..PatternOutputs::default() };
    let mut run = Run::new(plan(pattern, outputs), Limits::default());
    for (time, types) in (1..).zip(stream.split(' ')) {
        run.feed(time, "k", if types == "." { "" } else { types }).unwrap();
    }
    run.engine.advance(i64::MAX, &mut run.found);
    run.told()
}

/// `a`, then a `b` with a larger input.
fn rising() -> Pattern {
    let mut wanted = pattern(vec![step(0), step(1)]);
    wanted.registers = vec![Register { step: StepId(0), function: RegisterFunction::Last, input: Some(0) }];
    wanted.conditions[1].cross =
        vec![Cross::Compare { input: 0, operator: Comparison::Greater, register: RegisterId(0) }];
    wanted
}

#[test]
fn each_event_of_the_first_step_begins_a_match() {
    assert_eq!(find(pattern(vec![step(0), step(1)]), false, "a a . b b"), "a1 b4\na2 b4");
}

#[test]
fn alternatives_take_the_first_event_of_either() {
    let either = stage(Body::AnyOf(vec![vec![step(1)], vec![step(2), step(3)]]));
    assert_eq!(find(pattern(vec![step(0), either.clone()]), false, "a . b c d"), "a1 b3");
    assert_eq!(find(pattern(vec![step(0), either.clone()]), false, "a c b d"), "a1 c2 d4");
    // An event that satisfies both is taken for both.
    assert_eq!(find(pattern(vec![step(0), either]), false, "a bc d"), "a1 b2\na1 c2 d3");
}

#[test]
fn all_steps_come_in_any_order_each_once() {
    let all = stage(Body::AllOf(vec![StepId(1), StepId(2)]));
    assert_eq!(find(pattern(vec![step(0), all.clone(), step(3)]), false, "a c . b c d"), "a1 c2 b4 d6");
    assert_eq!(find(pattern(vec![step(0), all, step(3)]), false, "a b b d c d"), "a1 b2 c5 d6");
}

#[test]
fn an_optional_step_that_comes_too_late_is_left_out() {
    let optional = Repeat { optional: true, ..Repeat::ONCE };
    let stages = vec![step(0), Stage { repeat: optional, within: Some(2), ..step(1) }, step(2)];
    assert_eq!(find(pattern(stages.clone()), false, "a b c"), "a1 b2 c3\na1 c3");
    assert_eq!(find(pattern(stages), false, "a . b c"), "a1 c4");
}

#[test]
fn a_gap_bounds_every_repetition() {
    let repeat = Repeat { max: None, gap: Some(3), inner: Contiguity::SkipTillNext, ..Repeat::ONCE };
    let stages = vec![step(0), Stage { repeat, ..step(1) }, step(2)];
    assert_eq!(find(pattern(stages), false, ". a b . b . . b c"), "a2 b3 c9\na2 b3 b5 c9");
}

#[test]
fn time_that_runs_out_is_told_when_it_does() {
    let mut wanted = pattern(vec![step(0), step(1), step(2)]);
    wanted.within = Some(10);
    wanted.stages[2].within = Some(4);
    let mut run = Run::new(
        plan(wanted, PatternOutputs { timeouts: true, ..PatternOutputs::default() }),
        Limits::default(),
    );
    run.feed(1, "k", "a").unwrap();
    run.feed(2, "k", "a").unwrap();
    assert_eq!(run.engine.next_timer(), Some(11));
    run.feed(3, "k", "b").unwrap();
    run.feed(4, "k", "a").unwrap();
    assert_eq!(run.engine.next_timer(), Some(7));
    run.feed(7, "k", "c").unwrap();
    assert_eq!(run.told(), "a1 b3 timed out at 7\na2 b3 timed out at 7");
    run.engine.advance(14, &mut run.found);
    assert_eq!(run.told(), "a4 timed out at 14");
    assert_eq!((run.engine.next_timer(), run.engine.stats().keys), (None, 0));
}

#[test]
fn absence_is_told_when_time_is_up() {
    let absent = Stage { within: Some(5), ..stage(Body::Not(StepId(1))) };
    let wanted = pattern(vec![step(0), absent]);
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), Limits::default());
    run.feed(1, "k", "a").unwrap();
    run.feed(2, "l", "a").unwrap();
    run.feed(3, "k", "b").unwrap();
    run.feed(4, "k", "a").unwrap();
    assert_eq!((run.told(), run.engine.next_timer()), (String::new(), Some(7)));
    run.engine.advance(8, &mut run.found);
    assert_eq!(run.told(), "a2");
    run.feed(9, "k", "b").unwrap();
    assert_eq!((run.told(), run.engine.stats().partial_matches), ("a4".to_owned(), 0));
}

#[test]
fn a_match_is_held_back_until_nothing_earlier_is_open() {
    let mut wanted = rising();
    wanted.after_match = AfterMatch::PastLast;
    wanted.within = Some(10);
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), Limits::default());
    for (time, types, value) in [(1, "a", 5), (2, "a", 1), (3, "b", 3), (4, "a", 0)] {
        run.feed_with(time, "k", types, &[Scalar::Int(value)]).unwrap();
    }
    assert_eq!((run.told(), run.engine.next_timer()), (String::new(), Some(11)));
    run.engine.advance(11, &mut run.found);
    assert_eq!(run.told(), "a2 b3");
    // It ended what began up to its last event, but not what began after that.
    run.feed_with(12, "k", "b", &[Scalar::Int(9)]).unwrap();
    assert_eq!((run.told(), run.engine.stats().partial_matches), ("a4 b12".to_owned(), 0));
}

#[test]
fn registers_compare_an_event_with_those_taken_before() {
    let wanted = rising();
    let mut run = Run::new(plan(wanted, PatternOutputs::default()), Limits::default());
    let int = |value| [Scalar::Int(value)];
    run.feed_with(1, "k", "a", &int(5)).unwrap();
    run.feed_with(2, "k", "a", &[Scalar::Float(2.5)]).unwrap();
    run.feed_with(3, "k", "a", &[Scalar::Null]).unwrap();
    run.feed_with(4, "k", "b", &int(3)).unwrap();
    assert_eq!(run.told(), "a2 b4");
    run.feed_with(5, "k", "b", &[Scalar::Text("9".into())]).unwrap();
    run.feed_with(6, "k", "b", &int(5)).unwrap();
    assert_eq!(run.told(), "");
    run.feed_with(7, "k", "b", &int(6)).unwrap();
    assert_eq!(run.told(), "a1 b7");
}

#[test]
fn summaries_count_and_aggregate_without_events() {
    let mut wanted = pattern(vec![one_or_more(0), step(1)]);
    wanted.registers = vec![
        Register { step: StepId(0), function: RegisterFunction::First, input: Some(0) },
        Register {
            step: StepId(0),
            function: RegisterFunction::Aggregate(AggregateFunction::Sum),
            input: Some(0),
        },
        Register {
            step: StepId(1),
            function: RegisterFunction::Aggregate(AggregateFunction::Count),
            input: None,
        },
    ];
    wanted.within = Some(10);
    let outputs = PatternOutputs { events: false, timeouts: true, ..PatternOutputs::default() };
    let mut run = Run::new(plan(wanted, outputs), Limits::default());
    for (time, types, value) in [(1, "a", 5), (2, "a", 7), (3, "b", 1), (4, "a", 2)] {
        run.feed_with(time, "k", types, &[Scalar::Int(value)]).unwrap();
    }
    assert_eq!(
        run.told(),
        "1..3 [2, 1, 0, 0] [Int(5), Int(12), Int(1)] None\n\
         1..3 [1, 1, 0, 0] [Int(5), Int(5), Int(1)] None\n\
         2..3 [1, 1, 0, 0] [Int(7), Int(7), Int(1)] None"
    );
    run.engine.advance(50, &mut run.found);
    assert!(run.told().ends_with("4..4 [1, 0, 0, 0] [Int(2), Int(2), Int(0)] Some(14)"));
}

#[test]
fn many_runs_are_found_by_what_is_compared() {
    let values: Vec<Scalar> = (0..200_i64)
        .map(|index| match index % 7 {
            0 => Scalar::Null,
            1 => Scalar::Text(format!("t{}", index % 5).into()),
            2 => Scalar::Float((index * 37 % 101) as f64 / 2.0),
            3 => Scalar::Bool(index % 2 == 0),
            4 if index % 3 == 0 => Scalar::Float(f64::NAN),
            _ => Scalar::Int(index * 37 % 101),
        })
        .collect();
    type Holds = fn(f64, f64) -> bool;
    let operators: [(Comparison, Holds); 6] = [
        (Comparison::Equal, |left, right| left == right),
        (Comparison::NotEqual, |left, right| left != right),
        (Comparison::Less, |left, right| left < right),
        (Comparison::LessOrEqual, |left, right| left <= right),
        (Comparison::Greater, |left, right| left > right),
        (Comparison::GreaterOrEqual, |left, right| left >= right),
    ];
    for (operator, holds) in operators {
        let mut wanted = rising();
        wanted.conditions[1].cross = vec![Cross::Compare { input: 0, operator, register: RegisterId(0) }];
        let mut run = Run::new(plan(wanted, PatternOutputs::default()), Limits::default());
        for (time, value) in (0..).zip(&values) {
            run.feed_with(time, "k", "a", std::slice::from_ref(value)).unwrap();
        }
        let mut open: Vec<(i64, f64)> = (0..)
            .zip(&values)
            .filter_map(|(time, value)| match value {
                Scalar::Int(value) => Some((time, *value as f64)),
                Scalar::Float(value) if !value.is_nan() => Some((time, *value)),
                _ => None,
            })
            .collect();
        for (time, value) in (1000..).zip([50, 20, 90, 50, -1, 200]) {
            run.feed_with(time, "k", "b", &[Scalar::Int(value)]).unwrap();
            let taken = |(_, other): &(i64, f64)| holds(value as f64, *other);
            let expected: Vec<String> = open
                .iter()
                .filter(|open| taken(open))
                .map(|(begun, _)| format!("a{begun} b{time}"))
                .collect();
            open.retain(|open| !taken(open));
            assert_eq!(run.told(), expected.join("\n"), "{operator:?} {value}");
        }
        run.feed_with(2000, "k", "b", &[Scalar::Text("t2".into())]).unwrap();
        let of_texts = run.told().lines().count();
        let expected = (0..200).filter(|index| index % 7 == 1).filter(|index| {
            let order = (2_i64).cmp(&(index % 5));
            holds(order as i64 as f64, 0.0)
        });
        assert_eq!(of_texts, expected.count(), "{operator:?}");
    }
}

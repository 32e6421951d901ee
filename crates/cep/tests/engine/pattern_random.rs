//! Runs against the reference matcher, whatever the pattern.

use olocus_cep::pattern::{Body, EvaluatorKind, PatternOutputs, PatternPlan, Repeat, Stage, StepId};
use olocus_cep::{Engine, Finding, Found, Key, Limits, Plan, Row};
use olocus_reference::Matcher;
use olocus_reference::random::{Features, RandomCase, cases};
use proptest::prelude::*;

const KEYS: usize = 3;

/// A finding: after how many events, of which key, when a partial match ran out of time, and its events.
type Told = (usize, usize, Option<i64>, Vec<(StepId, usize)>);

fn runs(case: &RandomCase, keys: &[usize]) -> Vec<Told> {
    let plan = Plan::Pattern(PatternPlan {
        pattern: case.pattern.clone(),
        conditions: Some(case.opaque.clone()),
        outputs: PatternOutputs { timeouts: true, events: true, matches_per_event: usize::MAX },
        evaluator: Some(EvaluatorKind::Runs),
    });
    let mut engine: Engine<usize> = Engine::new(vec![plan], Limits::default());
    let names: Vec<Key> = (0..KEYS).map(|key| Key::single(&key.to_string())).collect();
    let mut told = Vec::new();
    let mut out = Vec::new();
    let mut tell = |at: usize, out: &mut Vec<Finding<usize>>| {
        for finding in out.drain(..) {
            let (events, timeout) = match finding.found {
                Found::Match { events } => (events, None),
                Found::Timeout { events, at } => (events, Some(at)),
                other => panic!("no finding of a pattern: {other:?}"),
            };
            let key = names.iter().position(|key| *key == finding.key).unwrap();
            told.push((at, key, timeout, events.iter().map(|taken| (taken.step, taken.event)).collect()));
        }
    };
    for (index, (event, key)) in case.events.iter().zip(keys).enumerate() {
        engine.advance(event.time, &mut out);
        tell(2 * index, &mut out);
        let row =
            Row { time: event.time, steps: event.bits, inputs: &event.inputs, event: &index, keep: None };
        engine.process(0, &names[*key], row, &mut out).unwrap();
        tell(2 * index + 1, &mut out);
    }
    engine.advance(i64::MAX, &mut out);
    tell(2 * case.events.len(), &mut out);
    let stats = engine.stats();
    if case.pattern.within.is_some() {
        assert_eq!((stats.keys, stats.partial_matches), (0, 0), "in the end all is over");
    }
    told.sort();
    told
}

fn reference(case: &RandomCase, keys: &[usize]) -> Vec<Told> {
    let mut told = Vec::new();
    for key in 0..KEYS {
        let mut matcher = Matcher::new(&case.pattern, Some(&*case.opaque));
        let mut out = Vec::new();
        let mut tell = |at: usize, out: &mut Vec<olocus_reference::Outcome>| {
            told.extend(out.drain(..).map(|outcome| (at, key, outcome.timeout, outcome.events)));
        };
        for (index, (event, of)) in case.events.iter().zip(keys).enumerate() {
            matcher.advance(event.time, &mut out);
            tell(2 * index, &mut out);
            if *of == key {
                matcher.process(event, &mut out);
                tell(2 * index + 1, &mut out);
            }
        }
        matcher.advance(i64::MAX, &mut out);
        tell(2 * case.events.len(), &mut out);
    }
    told.sort();
    told
}

/// Partial matches that have the same events are told as often as there are states in which they wait; which is another
/// number of times in each evaluator where the same events can be taken in more than one way.
fn once(mut told: Vec<Told>) -> Vec<Told> {
    told.dedup_by(|one, other| one.2.is_some() && one == other);
    told
}

/// Whether nothing need come for a stage.
fn is_passable(stage: &Stage) -> bool {
    let all = |stages: &Vec<Stage>| stages.iter().all(is_passable);
    stage.repeat.optional
        || match &stage.body {
            Body::Step(_) | Body::Not(_) | Body::AllOf(_) => false,
            Body::Group(stages) => all(stages),
            Body::AnyOf(alternatives) => alternatives.iter().any(all),
        }
}

/// Whether a negation follows what need not come, so that there may be nothing that it follows; or has nothing in its group
/// that must come after it. Only the reference carries it on beyond the group.
fn negates_nothing(stages: &[Stage], is_group: bool) -> bool {
    let is_not = |stage: &Stage| matches!(stage.body, Body::Not(_));
    let follows = |two: &[Stage]| is_passable(&two[0]) && is_not(&two[1]);
    let is_open = stages.iter().rev().find(|stage| !is_passable(stage)).is_some_and(is_not);
    stages.windows(2).any(follows)
        || is_group && is_open
        || stages.iter().any(|stage| match &stage.body {
            Body::Step(_) | Body::Not(_) | Body::AllOf(_) => false,
            Body::Group(stages) => negates_nothing(stages, true),
            Body::AnyOf(alternatives) => alternatives.iter().any(|stages| negates_nothing(stages, true)),
        })
}

/// Whether absence at the end follows a group that ends with what need not come. What decides it is then not all that is
/// waited for, and runs tell a match only once an event has shown that the other does not come.
fn ends_undecided(stages: &[Stage]) -> bool {
    fn is_open(stage: &Stage) -> bool {
        let ends = |stages: &Vec<Stage>| stages.last().is_some_and(is_open);
        is_passable(stage)
            || match &stage.body {
                Body::Step(_) | Body::Not(_) | Body::AllOf(_) => false,
                Body::Group(stages) => ends(stages),
                Body::AnyOf(alternatives) => alternatives.iter().any(ends),
            }
    }
    matches!(stages, [.., before, Stage { body: Body::Not(_), .. }] if is_open(before))
}

/// Whether something is repeated of which nothing need come, which the reference cannot walk.
fn repeats_nothing(stages: &[Stage]) -> bool {
    stages.iter().any(|stage| {
        let once = Stage { repeat: Repeat { optional: false, ..stage.repeat.clone() }, ..stage.clone() };
        let inner = match &stage.body {
            Body::Step(_) | Body::Not(_) | Body::AllOf(_) => false,
            Body::Group(stages) => repeats_nothing(stages),
            Body::AnyOf(alternatives) => alternatives.iter().any(|stages| repeats_nothing(stages)),
        };
        inner || stage.repeat.max != Some(1) && is_passable(&once)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    // Bounds on the time between neighbouring events are left out: where optional parts of groups are passed over, what
    // they bound is told apart by the reference in more ways than by automata.
    #[test]
    fn runs_find_what_the_reference_finds(
        case in cases(Features { gaps: false, ..Features::ALL }, 14),
        keys in prop::collection::vec(prop_oneof![3 => Just(0), 1 => 1..KEYS], 14),
    ) {
        let stages = &case.pattern.stages;
        prop_assume!(!negates_nothing(stages, false) && !repeats_nothing(stages) && !ends_undecided(stages));
        let listing = Plan::Pattern(PatternPlan {
            pattern: case.pattern.clone(),
            conditions: None,
            outputs: PatternOutputs::default(),
            evaluator: None,
        });
        prop_assert_eq!(once(runs(&case, &keys)), once(reference(&case, &keys)), "{}", listing);
    }
}
